//! What listeners of HTTPS are given in files: a certificate of their own, and whose clients they
//! let in.

use std::path::PathBuf;

use clap::ValueEnum;
use weir_client::proto::{CertificateAndKey, ClientAuthMode, ClientAuthPolicy};

use super::certificate::Files;
use super::files::read_optional;
use crate::failure::Failure;

/// For clients that name no host, or one that no other certificate is for.
#[derive(clap::Args)]
pub(super) struct DefaultCertificate {
    /// File with the certificate for clients that name no known host, in PEM.
    #[arg(long, value_name = "FILE", requires = "key")]
    certificate: Option<PathBuf>,
    /// File with the certificates that signed it, in PEM.
    #[arg(long, value_name = "FILE", requires = "certificate")]
    certificate_chain: Option<PathBuf>,
    /// File with its private key, in PEM.
    #[arg(long, value_name = "FILE", requires = "certificate")]
    key: Option<PathBuf>,
}

/// How clients prove who they are.
#[derive(clap::Args)]
pub(super) struct ClientCertificates {
    /// Whether clients are asked for a certificate.
    #[arg(long, value_name = "MODE", requires_ifs = NEED_AUTHORITIES)]
    client_auth: Option<Mode>,
    /// File with the authorities of client certificates, in PEM.
    #[arg(long, value_name = "FILE", requires = "client_auth")]
    client_ca: Option<PathBuf>,
    /// File with their revocation lists, in PEM.
    #[arg(long, value_name = "FILE", requires = "client_auth")]
    client_crl: Option<PathBuf>,
}

/// Modes in which clients are asked, with what they are judged by.
const NEED_AUTHORITIES: [(&str, &str); 2] = [("optional", "client_ca"), ("required", "client_ca")];

#[derive(Clone, Copy, ValueEnum)]
enum Mode {
    None,
    Optional,
    Required,
}

impl DefaultCertificate {
    /// The certificate, if one is named.
    pub(super) fn read(&self) -> Result<Option<CertificateAndKey>, Failure> {
        let (Some(certificate), Some(key)) = (&self.certificate, &self.key) else {
            return Ok(None);
        };
        let chain = self.certificate_chain.as_deref();
        Files { certificate, chain, key }.read().map(Some)
    }
}

impl ClientCertificates {
    /// The policy, if a mode is named.
    pub(super) fn read(&self) -> Result<Option<ClientAuthPolicy>, Failure> {
        let Some(mode) = self.client_auth else { return Ok(None) };
        let texts = |path: &Option<PathBuf>| read_optional(path.as_deref());
        Ok(Some(ClientAuthPolicy {
            client_auth: Some(mode.message().into()),
            client_ca_certificates: texts(&self.client_ca)?.into_iter().collect(),
            client_ca_crls: texts(&self.client_crl)?.into_iter().collect(),
        }))
    }
}

impl Mode {
    fn message(self) -> ClientAuthMode {
        match self {
            Self::None => ClientAuthMode::ClientAuthNone,
            Self::Optional => ClientAuthMode::ClientAuthOptional,
            Self::Required => ClientAuthMode::ClientAuthRequired,
        }
    }
}
