//! How the proxy speaks TLS to backends.

use std::sync::Arc;

pub use rustls::ClientConfig;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, aws_lc_rs, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use rustls::{DigitallySignedStruct, Error, SignatureScheme};

use crate::connection::noting;
use crate::server::roots;
use crate::{Der, Secret};

/// What is asked of backends, and shown to them.
pub struct ClientOptions<'a> {
    /// Who may have issued their certificates.
    pub authorities: &'a [Der],
    /// False: any certificate will do.
    pub verify: bool,
    /// What is shown to a backend that asks: the chain, leaf first, and its key.
    pub identity: Option<(&'a [Der], &'a Secret)>,
    /// Application protocols, most wanted first.
    pub alpn: &'a [&'a [u8]],
}

/// Makes the settings of a cluster ready for handshakes. Sessions are resumed with it.
///
/// # Errors
/// A sentence about what cannot be carried out.
pub fn client_config(options: &ClientOptions<'_>) -> Result<Arc<ClientConfig>, String> {
    let provider = Arc::new(aws_lc_rs::default_provider());
    let builder = ClientConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()
        .map_err(|error| error.to_string())?;
    let builder = if options.verify {
        let roots = roots(options.authorities)?;
        if roots.is_empty() {
            return Err("no certificate authority is trusted: give the cluster a `ca`".into());
        }
        builder.with_root_certificates(roots)
    } else {
        builder.dangerous().with_custom_certificate_verifier(Arc::new(Anybody(provider)))
    };
    let mut config = match options.identity {
        Some((chain, key)) => {
            let chain = chain.iter().map(|der| CertificateDer::from(der.bytes().to_vec()));
            let key = PrivateKeyDer::try_from(key.bytes().to_vec())
                .map_err(|error| format!("the client key cannot be read: {error}"))?;
            builder
                .with_client_auth_cert(chain.collect(), key)
                .map_err(|error| format!("the client certificate cannot be used: {error}"))?
        }
        None => builder.with_no_client_auth(),
    };
    config.alpn_protocols = options.alpn.iter().map(|name| name.to_vec()).collect();
    config.enable_secret_extraction = true;
    config.key_log = noting();
    Ok(Arc::new(config))
}

/// Whom the system trusts; reads its files.
pub fn system_authorities() -> Vec<Der> {
    let found = rustls_native_certs::load_native_certs();
    found.certs.iter().map(|certificate| Der::from(&certificate[..])).collect()
}

/// Takes any certificate; that the backend has its key is checked all the same.
#[derive(Debug)]
struct Anybody(Arc<CryptoProvider>);

impl ServerCertVerifier for Anybody {
    fn verify_server_cert(
        &self,
        _end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls12_signature(message, cert, dss, &self.0.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls13_signature(message, cert, dss, &self.0.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}
