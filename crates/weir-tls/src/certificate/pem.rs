//! Blocks of PEM (RFC 7468), read and written.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use rustls::pki_types::pem::{Error, PemObject};
use rustls::pki_types::{CertificateDer, CertificateRevocationListDer, PrivateKeyDer};
use zeroize::{Zeroize, Zeroizing};

use super::CertificateError;
use crate::{Der, Secret};

/// Characters of a line.
const LINE: usize = 64;

/// The certificates of a text in PEM, in its order; other blocks are skipped.
///
/// # Errors
/// [`CertificateError::DamagedPem`].
pub fn certificates(text: &str) -> Result<Vec<Der>, CertificateError> {
    let blocks = CertificateDer::pem_slice_iter(text.as_bytes());
    let ders = blocks.map(|block| block.map(|der| Der::from(&der[..])));
    ders.collect::<Result<_, _>>().map_err(|_| CertificateError::DamagedPem)
}

/// The revocation lists of a text, in its order.
pub(super) fn revocations(text: &str) -> Result<Vec<Der>, CertificateError> {
    let blocks = CertificateRevocationListDer::pem_slice_iter(text.as_bytes());
    let ders = blocks.map(|block| block.map(|der| Der::from(&der[..])));
    ders.collect::<Result<_, _>>().map_err(|_| CertificateError::DamagedPem)
}

/// The first private key of a text.
pub(super) fn key(text: &str) -> Result<Secret, CertificateError> {
    match PrivateKeyDer::from_pem_slice(text.as_bytes()) {
        Ok(mut der) => {
            let key = Secret::from(der.secret_der());
            der.zeroize();
            Ok(key)
        }
        Err(_) if text.contains("ENCRYPTED") => Err(CertificateError::EncryptedKey),
        Err(Error::NoItemsFound) => Err(CertificateError::NoKey),
        Err(_) => Err(CertificateError::DamagedKey),
    }
}

/// A certificate in PEM.
pub fn certificate_pem(certificate: &Der) -> String {
    block("CERTIFICATE", certificate.bytes()).to_string()
}

/// A revocation list in PEM.
pub fn revocations_pem(list: &Der) -> String {
    block("X509 CRL", list.bytes()).to_string()
}

/// A private key in PEM; it is zeroed when it is dropped.
pub fn key_pem(key: &Secret) -> Zeroizing<String> {
    let label = match PrivateKeyDer::try_from(key.bytes()) {
        Ok(PrivateKeyDer::Pkcs1(_)) => "RSA PRIVATE KEY",
        Ok(PrivateKeyDer::Sec1(_)) => "EC PRIVATE KEY",
        _ => "PRIVATE KEY",
    };
    block(label, key.bytes())
}

fn block(label: &str, bytes: &[u8]) -> Zeroizing<String> {
    let body = Zeroizing::new(STANDARD.encode(bytes));
    // One allocation: one that grows leaves copies behind.
    let room = body.len() + body.len().div_ceil(LINE) + 2 * label.len() + 40;
    let mut text = Zeroizing::new(String::with_capacity(room));
    text.push_str(&format!("-----BEGIN {label}-----\n"));
    let mut rest = &body[..];
    while !rest.is_empty() {
        let (line, after) = rest.split_at(rest.len().min(LINE));
        text.push_str(line);
        text.push('\n');
        rest = after;
    }
    text.push_str(&format!("-----END {label}-----\n"));
    text
}
