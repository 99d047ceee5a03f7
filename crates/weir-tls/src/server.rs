//! How a listener ends TLS.

use std::sync::Arc;

use rustls::RootCertStore;
pub use rustls::ServerConfig;
use rustls::crypto::{CryptoProvider, aws_lc_rs};
use rustls::pki_types::{CertificateDer, CertificateRevocationListDer};
use rustls::server::danger::ClientCertVerifier;
use rustls::server::{NoServerSessionStorage, WebPkiClientVerifier};
use rustls::version::{TLS12, TLS13};

use sha2::{Digest, Sha256};

use crate::connection::noting;
use crate::tickets::Bound;
use crate::{Der, Store, Tickets, names};

/// What a listener asks of clients.
pub struct ClientCheck<'a> {
    /// A client without a certificate is let in.
    pub optional: bool,
    /// Who may have issued certificates.
    pub authorities: &'a [Der],
    /// Revocation lists of those authorities; a certificate of an authority without one is good.
    pub revoked: &'a [Der],
}

/// A listener's settings.
pub struct ServerOptions<'a> {
    /// TLS 1.2 is served.
    pub tls12: bool,
    /// TLS 1.3 is served.
    pub tls13: bool,
    /// Most wanted first; empty: the usual ones, in the client's order.
    pub cipher_suites: &'a [String],
    /// Most wanted first; empty: the usual ones.
    pub groups: &'a [String],
    /// Application protocols, most wanted first.
    pub alpn: &'a [&'a [u8]],
    /// Tickets after a TLS 1.3 handshake.
    pub tickets: usize,
    /// Client certificates; `None`: nobody is asked.
    pub clients: Option<ClientCheck<'a>>,
}

/// Makes a listener's settings ready for handshakes.
///
/// # Errors
/// A sentence about what cannot be carried out.
pub fn server_config(
    options: &ServerOptions<'_>,
    store: Store,
    tickets: Tickets,
) -> Result<Arc<ServerConfig>, String> {
    let provider = Arc::new(CryptoProvider {
        cipher_suites: names::cipher_suites(options.cipher_suites)?,
        kx_groups: names::groups(options.groups)?,
        ..aws_lc_rs::default_provider()
    });
    let versions: Vec<_> = [(options.tls13, &TLS13), (options.tls12, &TLS12)]
        .into_iter()
        .filter_map(|(wanted, version)| wanted.then_some(version))
        .collect();
    let builder = ServerConfig::builder_with_provider(Arc::clone(&provider))
        .with_protocol_versions(&versions)
        .map_err(|error| format!("no cipher suite or group for these versions of TLS: {error}"))?;
    let builder = match &options.clients {
        Some(check) => builder.with_client_cert_verifier(verifier(check, provider)?),
        None => builder.with_no_client_auth(),
    };
    let mut config = builder.with_cert_resolver(Arc::new(store));
    config.ignore_client_order = !options.cipher_suites.is_empty();
    config.alpn_protocols = options.alpn.iter().map(|name| name.to_vec()).collect();
    config.send_tls13_tickets = options.tickets;
    config.session_storage = Arc::new(NoServerSessionStorage {});
    config.ticketer = Arc::new(Bound { tickets, terms: terms(options.clients.as_ref()) });
    config.enable_secret_extraction = true;
    config.key_log = noting();
    Ok(Arc::new(config))
}

/// Tells apart what clients are asked for.
fn terms(clients: Option<&ClientCheck<'_>>) -> [u8; 32] {
    let mut hasher = Sha256::new();
    if let Some(check) = clients {
        hasher.update([u8::from(check.optional), 1]);
        for list in [check.authorities, check.revoked] {
            hasher.update((list.len() as u64).to_be_bytes());
            list.iter().for_each(|der| hasher.update(Sha256::digest(der.bytes())));
        }
    }
    hasher.finalize().into()
}

fn verifier(
    check: &ClientCheck<'_>,
    provider: Arc<CryptoProvider>,
) -> Result<Arc<dyn ClientCertVerifier>, String> {
    let roots = Arc::new(roots(check.authorities)?);
    let lists = check.revoked.iter();
    let lists = lists.map(|list| CertificateRevocationListDer::from(list.bytes().to_vec()));
    let mut builder = WebPkiClientVerifier::builder_with_provider(roots, provider)
        .with_crls(lists)
        .allow_unknown_revocation_status();
    if check.optional {
        builder = builder.allow_unauthenticated();
    }
    builder.build().map_err(|error| format!("client certificates cannot be checked: {error}"))
}

/// Authorities that are trusted.
///
/// # Errors
/// A sentence about the first that cannot be read.
pub(crate) fn roots(authorities: &[Der]) -> Result<RootCertStore, String> {
    let mut roots = RootCertStore::empty();
    for der in authorities {
        let added = roots.add(CertificateDer::from(der.bytes()));
        added.map_err(|error| format!("a certificate authority cannot be read: {error}"))?;
    }
    Ok(roots)
}
