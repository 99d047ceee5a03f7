//! `certificate list|add|remove|replace`.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use clap::ValueEnum;
use weir_client::proto::request::RequestType;
use weir_client::proto::{
    AddCertificate, CertificateAndKey, QueryCertificatesFilters, RemoveCertificate,
    ReplaceCertificate, TlsVersion,
};

use weir_tls::certificate::{self, CertificateError};

use super::files::{file_failure, read};
use crate::failure::Failure;

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
    /// With its private key.
    #[arg(long, requires = "fingerprint", conflicts_with_all = ["domain", "workers"])]
    with_key: bool,
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
    /// File with the certificates that signed it, in PEM, if the first does not have them.
    #[arg(long, value_name = "FILE")]
    certificate_chain: Option<PathBuf>,
    /// File with its private key, in PEM.
    #[arg(long, value_name = "FILE")]
    key: PathBuf,
    /// Versions of TLS. May be given again.
    #[arg(long, value_name = "VERSION", value_delimiter = ',', num_args = 1..)]
    tls_versions: Vec<Version>,
    /// A name to choose it for, instead of those it has. May be given again.
    #[arg(long, value_name = "HOST")]
    name: Vec<String>,
    /// When it ends, for the choice among several, in seconds since 1970.
    #[arg(long, value_name = "SECONDS", allow_negative_numbers = true)]
    expired_at: Option<i64>,
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
    /// File with the certificates that signed it, in PEM, if the first does not have them.
    #[arg(long, value_name = "FILE")]
    new_certificate_chain: Option<PathBuf>,
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
    /// A name to choose it for, instead of those it has. May be given again.
    #[arg(long, value_name = "HOST")]
    name: Vec<String>,
    /// When it ends, for the choice among several, in seconds since 1970.
    #[arg(long, value_name = "SECONDS", allow_negative_numbers = true)]
    expired_at: Option<i64>,
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
            Self::Add(add) => RequestType::AddCertificate(add.message()?),
            Self::Remove(remove) => RequestType::RemoveCertificate(RemoveCertificate {
                address: remove.address.into(),
                fingerprint: fingerprint(&remove.certificate, &remove.fingerprint)?,
            }),
            Self::Replace(replace) => RequestType::ReplaceCertificate(replace.message()?),
        })
    }
}

impl Verb {
    /// A private key is shown to who asks for it.
    pub(super) fn shows_key(&self) -> bool {
        matches!(self, Self::List(List { with_key: true, .. }))
    }
}

impl Add {
    fn message(&self) -> Result<AddCertificate, Failure> {
        let files = Files {
            certificate: &self.certificate,
            chain: self.certificate_chain.as_deref(),
            key: &self.key,
        };
        Ok(AddCertificate {
            address: self.address.into(),
            certificate: files.message(&self.tls_versions, &self.name)?,
            expired_at: self.expired_at,
        })
    }
}

impl List {
    fn request(&self) -> RequestType {
        let filters = QueryCertificatesFilters {
            domain: self.domain.clone(),
            fingerprint: self.fingerprint.as_deref().map(plain_hex),
            page: None,
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
        let files = Files {
            certificate: &self.new_certificate,
            chain: self.new_certificate_chain.as_deref(),
            key: &self.new_key,
        };
        Ok(ReplaceCertificate {
            address: self.address.into(),
            new_certificate: files.message(&self.tls_versions, &self.name)?,
            old_fingerprint: fingerprint(&self.old_certificate, &self.fingerprint)?,
            new_expired_at: self.expired_at,
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

/// A certificate, what signed it, and its key.
pub(super) struct Files<'a> {
    pub(super) certificate: &'a Path,
    pub(super) chain: Option<&'a Path>,
    pub(super) key: &'a Path,
}

impl Files<'_> {
    fn message(
        &self,
        versions: &[Version],
        names: &[String],
    ) -> Result<CertificateAndKey, Failure> {
        Ok(CertificateAndKey {
            versions: versions.iter().map(|version| version.message().into()).collect(),
            names: names.to_vec(),
            ..self.read()?
        })
    }

    /// Their texts, for no name in particular.
    pub(super) fn read(&self) -> Result<CertificateAndKey, Failure> {
        let chain = self.chain.map(blocks).transpose()?;
        Ok(CertificateAndKey {
            certificate: read(self.certificate)?,
            certificate_chain: chain.unwrap_or_default(),
            key: read(self.key)?,
            ..CertificateAndKey::default()
        })
    }
}

/// The certificates of a file, each by itself.
fn blocks(file: &Path) -> Result<Vec<String>, Failure> {
    let all = certificate::certificates(&read(file)?).map_err(|error| unusable(file, error))?;
    Ok(all.iter().map(certificate::certificate_pem).collect())
}

fn unusable(file: &Path, error: CertificateError) -> Failure {
    file_failure(file, std::io::Error::other(error.to_string()))
}

/// That of the file, or as it is given; the parser sees to it that there is one of them.
fn fingerprint(file: &Option<PathBuf>, given: &Option<String>) -> Result<String, Failure> {
    match (file, given) {
        (Some(file), _) => fingerprint_of(file),
        (None, given) => Ok(plain_hex(given.as_deref().unwrap_or_default())),
    }
}

fn fingerprint_of(file: &Path) -> Result<String, Failure> {
    let found = certificate::fingerprint_of(&read(file)?);
    found.map(|found| found.to_string()).map_err(|error| unusable(file, error))
}

/// As in messages: lower case, without colons.
fn plain_hex(text: &str) -> String {
    text.replace(':', "").to_lowercase()
}
