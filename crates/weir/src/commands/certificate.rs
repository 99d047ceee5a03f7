//! `certificate list|add|remove|replace`.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use clap::ValueEnum;
use weir_client::proto::request::RequestType;
use weir_client::proto::{
    AddCertificate, CertificateAndKey, QueryCertificatesFilters, RemoveCertificate,
    ReplaceCertificate, TlsVersion,
};

use super::files::{file_failure, read};
use crate::failure::Failure;
use crate::x509;

/// What to do about certificates.
#[derive(clap::Subcommand)]
pub(crate) enum Verb {
    /// Print certificates.
    List(List),
    /// Add a certificate.
    Add(Add),
    /// Remove a certificate.
    Remove(Remove),
    /// Put a certificate in the place of another.
    Replace(Replace),
}

/// Which certificates.
#[derive(clap::Args)]
pub(crate) struct List {
    /// The one of this fingerprint.
    #[arg(short, long, value_name = "HEX")]
    fingerprint: Option<String>,
    /// Those of this name.
    #[arg(short, long)]
    domain: Option<String>,
    /// Those that workers use.
    #[arg(short, long)]
    workers: bool,
}

/// A certificate.
#[derive(clap::Args)]
pub(crate) struct Add {
    /// The listener.
    #[arg(short, long, value_name = "IP:PORT")]
    address: SocketAddr,
    /// File with the certificate, in PEM.
    #[arg(long, value_name = "FILE")]
    certificate: PathBuf,
    /// File with the certificates that signed it, in PEM.
    #[arg(long, value_name = "FILE")]
    certificate_chain: PathBuf,
    /// File with its private key, in PEM.
    #[arg(long, value_name = "FILE")]
    key: PathBuf,
    /// Versions of TLS. May be given again.
    #[arg(long, value_name = "VERSION", value_delimiter = ',', num_args = 1..)]
    tls_versions: Vec<Version>,
}

/// Which certificate is removed.
#[derive(clap::Args)]
pub(crate) struct Remove {
    /// The listener.
    #[arg(short, long, value_name = "IP:PORT")]
    address: SocketAddr,
    /// File with the certificate.
    #[arg(
        long,
        alias = "cert",
        value_name = "FILE",
        conflicts_with = "fingerprint",
        required_unless_present = "fingerprint"
    )]
    certificate: Option<PathBuf>,
    /// Its fingerprint.
    #[arg(short, long, value_name = "HEX")]
    fingerprint: Option<String>,
}

/// A certificate and the one it replaces.
#[derive(clap::Args)]
pub(crate) struct Replace {
    /// The listener.
    #[arg(short, long, value_name = "IP:PORT")]
    address: SocketAddr,
    /// File with the new certificate, in PEM.
    #[arg(long, value_name = "FILE")]
    new_certificate: PathBuf,
    /// File with the certificates that signed it, in PEM.
    #[arg(long, value_name = "FILE")]
    new_certificate_chain: PathBuf,
    /// File with its private key, in PEM.
    #[arg(long, value_name = "FILE")]
    new_key: PathBuf,
    /// File with the old certificate.
    #[arg(
        long,
        alias = "old-cert",
        value_name = "FILE",
        conflicts_with = "fingerprint",
        required_unless_present = "fingerprint"
    )]
    old_certificate: Option<PathBuf>,
    /// Fingerprint of the old certificate.
    #[arg(short, long, value_name = "HEX")]
    fingerprint: Option<String>,
    /// Versions of TLS. May be given again.
    #[arg(long, value_name = "VERSION", value_delimiter = ',', num_args = 1..)]
    tls_versions: Vec<Version>,
}

/// A version of TLS.
#[derive(Clone, Copy, ValueEnum)]
pub(crate) enum Version {
    #[value(name = "TLSv1", alias = "TLS_V10")]
    Tls10,
    #[value(name = "TLS_V11")]
    Tls11,
    #[value(name = "TLS_V12")]
    Tls12,
    #[value(name = "TLS_V13")]
    Tls13,
}

impl Verb {
    pub(super) fn request(&self) -> Result<RequestType, Failure> {
        Ok(match self {
            Self::List(list) => list.request(),
            Self::Add(add) => RequestType::AddCertificate(AddCertificate {
                address: add.address.into(),
                certificate: certificate(
                    [&add.certificate, &add.certificate_chain, &add.key],
                    &add.tls_versions,
                )?,
                expired_at: None,
            }),
            Self::Remove(remove) => RequestType::RemoveCertificate(RemoveCertificate {
                address: remove.address.into(),
                fingerprint: fingerprint(&remove.certificate, &remove.fingerprint)?,
            }),
            Self::Replace(replace) => RequestType::ReplaceCertificate(replace.message()?),
        })
    }
}

impl List {
    fn request(&self) -> RequestType {
        let filters = QueryCertificatesFilters {
            domain: self.domain.clone(),
            fingerprint: self.fingerprint.as_deref().map(plain_hex),
        };
        if self.workers {
            RequestType::QueryCertificatesFromWorkers(filters)
        } else {
            RequestType::QueryCertificatesFromTheState(filters)
        }
    }
}

impl Replace {
    fn message(&self) -> Result<ReplaceCertificate, Failure> {
        let files = [&self.new_certificate, &self.new_certificate_chain, &self.new_key];
        Ok(ReplaceCertificate {
            address: self.address.into(),
            new_certificate: certificate(files, &self.tls_versions)?,
            old_fingerprint: fingerprint(&self.old_certificate, &self.fingerprint)?,
            new_expired_at: None,
        })
    }
}

impl Version {
    fn message(self) -> TlsVersion {
        match self {
            Self::Tls10 => TlsVersion::TlsV10,
            Self::Tls11 => TlsVersion::TlsV11,
            Self::Tls12 => TlsVersion::TlsV12,
            Self::Tls13 => TlsVersion::TlsV13,
        }
    }
}

/// Certificate, chain and key.
fn certificate(files: [&PathBuf; 3], versions: &[Version]) -> Result<CertificateAndKey, Failure> {
    let [certificate, chain, key] = files;
    Ok(CertificateAndKey {
        certificate: read(certificate)?,
        certificate_chain: x509::split_pem(&read(chain)?),
        key: read(key)?,
        versions: versions.iter().map(|version| version.message().into()).collect(),
        names: Vec::new(),
    })
}

/// That of the file, or as it is given; the parser sees to it that there is one of them.
fn fingerprint(file: &Option<PathBuf>, given: &Option<String>) -> Result<String, Failure> {
    match (file, given) {
        (Some(file), _) => fingerprint_of(file),
        (None, given) => Ok(plain_hex(given.as_deref().unwrap_or_default())),
    }
}

fn fingerprint_of(file: &Path) -> Result<String, Failure> {
    let der = x509::first_certificate(&read(file)?);
    let none = || file_failure(file, std::io::Error::other("it holds no certificate in PEM"));
    der.map(|der| x509::fingerprint(&der)).ok_or_else(none)
}

/// As in messages: lower case, without colons.
fn plain_hex(text: &str) -> String {
    text.replace(':', "").to_lowercase()
}
