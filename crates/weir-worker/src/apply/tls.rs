//! What the state says of TLS, made ready for handshakes.

use std::collections::HashMap;
use std::net::SocketAddr;

use weir_control::change::object_hash;
use weir_control::state::{self, Certificate, ClientAuth, TlsVersion};
use weir_http::policy::Hsts;
use weir_tls::{
    ClientCheck, ClientOptions, Fingerprint, Offer, ServerOptions, Store, certificate,
    client_config, server_config, system_authorities,
};

use crate::tables::{FrontTls, Tables};
use crate::upstream::BackendTls;

/// Spoken with clients and backends.
const HTTP1: &[u8] = b"http/1.1";
const HTTP2: &[u8] = b"h2";

/// The certificates of listeners while orders are compiled: a listener keeps its own when it is
/// changed, and loses them when it is removed.
#[derive(Default)]
pub(super) struct Stores(HashMap<SocketAddr, Store>);

impl Stores {
    pub(super) fn forget(&mut self, address: SocketAddr) {
        self.0.insert(address, Store::default());
    }

    fn of(&mut self, address: SocketAddr, tables: &Tables) -> Store {
        let known = || {
            let listener = tables.listeners.get(*tables.by_address.get(&address)?)?;
            listener.settings.tls.as_ref().map(|tls| tls.store.clone())
        };
        self.0.entry(address).or_insert_with(|| known().unwrap_or_default()).clone()
    }
}

/// TLS of a listener.
///
/// # Errors
/// A sentence about what cannot be carried out.
pub(super) fn front(
    listener: &state::Listener,
    tables: &Tables,
    stores: &mut Stores,
) -> Result<Option<FrontTls>, String> {
    let Some(tls) = &listener.tls else { return Ok(None) };
    tables.tls_refusal.clone().map_or(Ok(()), Err)?;
    let store = stores.of(listener.address, tables);
    let clients = (tls.client_auth != ClientAuth::None).then(|| ClientCheck {
        optional: tls.client_auth == ClientAuth::Optional,
        authorities: &tls.client_authorities,
        revoked: &tls.client_revoked,
    });
    let alpn: Vec<_> = tls.alpn.iter().map(String::as_bytes).collect();
    let options = ServerOptions {
        tls12: tls.versions.contains(&TlsVersion::V12),
        tls13: tls.versions.contains(&TlsVersion::V13),
        cipher_suites: &tls.cipher_list,
        groups: &tls.groups_list,
        alpn: &alpn,
        tickets: usize::try_from(tls.tickets).unwrap_or(usize::MAX).min(MOST_TICKETS),
        clients,
    };
    let default = tls.default_certificate.as_ref().map(|identity| Offer {
        fingerprint: identity
            .chain
            .first()
            .map_or(Fingerprint::FIRST, |c| Fingerprint::of(c.bytes())),
        names: names(identity),
        expires: i64::MAX,
        chain: identity.chain.clone(),
        key: identity.key.clone(),
    });
    let config = server_config(&options, store.clone(), tables.tickets.clone())?;
    let policy = tls.hsts.as_ref().filter(|policy| policy.enabled);
    Ok(Some(FrontTls { config, store, hsts: policy.map(hsts), default }))
}

/// The names in a certificate; none when it cannot be read.
fn names(identity: &state::Identity) -> Vec<String> {
    let leaf = identity.chain.first();
    let described = leaf.and_then(|leaf| certificate::describe(leaf.bytes()));
    described.map(|found| found.names).unwrap_or_default()
}

/// Each ticket costs its client a signature's worth of bytes and us an encryption.
const MOST_TICKETS: usize = 16;

/// TLS towards the backends of a cluster, which has this hash.
///
/// # Errors
/// A sentence about what cannot be carried out.
pub(super) fn back(
    tables: &Tables,
    cluster: &state::Cluster,
    hash: u64,
) -> Result<Option<BackendTls>, String> {
    let Some(tls) = &cluster.tls else { return Ok(None) };
    tables.tls_refusal.clone().map_or(Ok(()), Err)?;
    let system =
        if tls.verify && tls.authorities.is_empty() { system_authorities() } else { Vec::new() };
    let config = client_config(&ClientOptions {
        authorities: if system.is_empty() { &tls.authorities } else { &system },
        verify: tls.verify,
        identity: tls.identity.as_ref().map(|identity| (&identity.chain[..], &identity.key)),
        alpn: if cluster.http2 { &[HTTP2, HTTP1] } else { &[HTTP1] },
    })?;
    let server_name = tls.server_name.as_deref().map(Into::into);
    Ok(Some(BackendTls { config, server_name, cluster: cluster.id.clone(), hash }))
}

/// A certificate, ready to be served, with its listener and hash.
pub(super) fn certificate(certificate: Certificate) -> (SocketAddr, Offer, u64) {
    let hash = object_hash("certificate", &certificate);
    let Certificate { address, fingerprint, names, expires, identity } = certificate;
    let offer = Offer { fingerprint, names, expires, chain: identity.chain, key: identity.key };
    (address, offer, hash)
}

/// The policy as the field tells it (RFC 6797 §6.1).
pub(super) fn hsts(policy: &state::Hsts) -> Hsts {
    let mut value = format!("max-age={}", policy.max_age);
    if policy.include_subdomains {
        value.push_str("; includeSubDomains");
    }
    if policy.preload {
        value.push_str("; preload");
    }
    Hsts { value: value.into_bytes().into(), force: policy.force_replace_backend }
}
