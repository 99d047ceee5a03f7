//! Files with certificates, keys, authorities and revocation lists.

use std::rc::Rc;

use weir_tls::Der;
use weir_tls::certificate::{
    CertificateError, ReadCertificate, read_authorities, read_certificate, read_revocations,
};
use zeroize::Zeroizing;

use super::Builder;
use crate::config::files::read_text;
use crate::config::read::Reader;
use crate::config::report::Diagnostic;
use crate::state::Identity;

/// Bytes of a file with certificates or a key.
const LONGEST_FILE: u64 = 1 << 20;
/// Bytes of a file with revocation lists.
const LONGEST_LISTS: u64 = 16 << 20;

const CERTIFICATE: &str = "certificate";
const CHAIN: &str = "certificate_chain";
const KEY: &str = "key";

/// The paths of a certificate, its chain and its key.
pub(super) type Paths = [Option<String>; 3];

impl Builder<'_> {
    /// The certificate that a table names with these three keys, if it does.
    pub(super) fn certificate(&mut self, table: &Reader<'_>) -> Option<Rc<ReadCertificate>> {
        let paths: Paths = [CERTIFICATE, CHAIN, KEY].map(|key| table.read(key));
        match (&paths[0], &paths[2]) {
            (Some(_), Some(_)) => {}
            (None, None) if paths[1].is_none() => return None,
            (Some(_), None) => {
                let message = "a certificate needs its private key: add `key`";
                self.report.push(Diagnostic::error(table.span_of(CERTIFICATE), message));
                return None;
            }
            (None, key) => {
                let message = "there is no certificate for this: add `certificate`";
                let span = table.span_of(if key.is_some() { KEY } else { CHAIN });
                self.report.push(Diagnostic::error(span, message));
                return None;
            }
        }
        if let Some(known) = self.certificates.get(&paths) {
            return Some(Rc::clone(known));
        }
        let read = Rc::new(self.read_certificate(table)?);
        self.certificates.insert(paths, Rc::clone(&read));
        Some(read)
    }

    fn read_certificate(&mut self, table: &Reader<'_>) -> Option<ReadCertificate> {
        let leaf = self.pem_file(table, CERTIFICATE, LONGEST_FILE);
        let chain = match table.has(CHAIN) {
            true => self.pem_file(table, CHAIN, LONGEST_FILE).map(Some),
            false => Some(None),
        };
        let key = self.pem_file(table, KEY, LONGEST_FILE);
        let (leaf, chain, key) = (leaf?, chain?, key?);
        let read = read_certificate(&leaf, chain.as_deref(), &key);
        match read {
            Ok(read) => {
                if let Some(remark) = read.description.remark(self.now) {
                    let message = format!("the certificate {remark}");
                    let span = table.span_of(CERTIFICATE);
                    self.report.push(Diagnostic::warning(span, message));
                }
                Some(read)
            }
            Err(error) => {
                let span = table.span_of(place_of(error, table));
                self.report.push(Diagnostic::error(span, error.to_string()));
                None
            }
        }
    }

    /// Authorities that a key of the table names a file of.
    pub(super) fn authorities(&mut self, table: &Reader<'_>, key: &str) -> Vec<Der> {
        self.bundle(table, key, LONGEST_FILE, read_authorities)
    }

    /// Revocation lists that a key of the table names a file of.
    pub(super) fn revocations(&mut self, table: &Reader<'_>, key: &str) -> Vec<Der> {
        self.bundle(table, key, LONGEST_LISTS, read_revocations)
    }

    fn bundle(
        &mut self,
        table: &Reader<'_>,
        key: &str,
        limit: u64,
        read: impl Fn(&str) -> Result<Vec<Der>, CertificateError>,
    ) -> Vec<Der> {
        let Some(text) = self.pem_file(table, key, limit) else { return Vec::new() };
        let read = read(&text).map_err(|error| {
            self.report.push(Diagnostic::error(table.span_of(key), error.to_string()));
        });
        read.unwrap_or_default()
    }

    /// The text of the file that a key names, if there is the key.
    fn pem_file(&mut self, table: &Reader<'_>, key: &str, limit: u64) -> Option<Zeroizing<String>> {
        let path: &str = table.read(key)?;
        match read_text(path.as_ref(), limit) {
            Ok(text) => Some(Zeroizing::new(text)),
            Err(error) => {
                let message = format!("the file `{path}` cannot be read: {error}");
                let help = "paths are relative to the working directory";
                self.report.push(Diagnostic::error(table.span_of(key), message).help(help));
                None
            }
        }
    }
}

/// The key of the table that a mistake is about.
fn place_of(error: CertificateError, table: &Reader<'_>) -> &'static str {
    use CertificateError as E;
    match error {
        E::NoKey | E::EncryptedKey | E::DamagedKey | E::UnusableKey | E::OtherKey => KEY,
        E::WrongOrder { .. } | E::NotSigned { .. } | E::LongChain if table.has(CHAIN) => CHAIN,
        _ => CERTIFICATE,
    }
}

/// What of it the state keeps.
pub(super) fn identity(read: &ReadCertificate) -> Identity {
    Identity { chain: read.chain.clone(), key: read.key.clone() }
}
