//! Certificates as people hand them in: PEM, read, held against their keys and issuers.
//!
//! Must not know: files, listeners, the time. Invariants: nothing of a private key is ever printed,
//! in an error neither; what is read here can be served.

mod chain;
mod describe;
mod pem;

#[cfg(test)]
mod tests;

use rustls::crypto::aws_lc_rs::sign::any_supported_type;
use rustls::pki_types::PrivateKeyDer;

use crate::{Der, Fingerprint, Secret};
pub use describe::{Description, day, describe, host_pattern, is_server_name};
pub use pem::{certificate_pem, certificates, key_pem, revocations_pem};

/// A certificate and its key that can be served.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReadCertificate {
    /// What the leaf says.
    pub description: Description,
    /// The leaf first, each issued by the next.
    pub chain: Vec<Der>,
    /// Of the leaf.
    pub key: Secret,
}

/// Why a certificate, a key or a bundle cannot be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CertificateError {
    /// No block of a certificate.
    #[error("there is no certificate in it: write one in PEM, `-----BEGIN CERTIFICATE-----`")]
    NoCertificate,
    /// A block that is not PEM.
    #[error("its PEM is damaged: copy the whole file again")]
    DamagedPem,
    /// Not X.509.
    #[error("certificate {number} of it cannot be read: it is no X.509 certificate")]
    Unreadable {
        /// From 1, the leaf.
        number: usize,
    },
    /// Too many certificates.
    #[error("it has more than {MAX_CHAIN} certificates: leave out what does not lead to the root")]
    LongChain,
    /// A certificate that did not issue the one before it.
    #[error(
        "the chain is in the wrong order: certificate {number} did not issue the one before it; \
         put the leaf first and each issuer behind what it issued"
    )]
    WrongOrder {
        /// From 1, the leaf.
        number: usize,
    },
    /// An issuer of the right name with another key.
    #[error(
        "certificate {number} of the chain has the name of the issuer of the one before it, but \
         did not sign it: take the chain that came with the certificate"
    )]
    NotSigned {
        /// From 1, the leaf.
        number: usize,
    },
    /// No block of a key.
    #[error("there is no private key in it: write it in PEM, as PKCS#8, PKCS#1 or SEC1")]
    NoKey,
    /// A key behind a pass phrase.
    #[error("the private key is encrypted: decrypt it, as with `openssl pkey`")]
    EncryptedKey,
    /// A block of a key that is not PEM.
    #[error("the PEM of the private key is damaged: copy the whole file again")]
    DamagedKey,
    /// A key that nothing can be signed with.
    #[error(
        "the private key cannot be used: it is RSA of 2048 to 8192 bits, ECDSA on P-256, P-384 \
         or P-521, or Ed25519"
    )]
    UnusableKey,
    /// Another public key.
    #[error("the private key does not belong to the certificate: give the one it was made for")]
    OtherKey,
    /// An authority that cannot be trusted.
    #[error("certificate {number} of it cannot be an authority: it is no X.509 v3 certificate")]
    NoAuthority {
        /// From 1.
        number: usize,
    },
    /// No block of a revocation list.
    #[error("there is no revocation list in it: write one in PEM, `-----BEGIN X509 CRL-----`")]
    NoRevocations,
    /// Not a list.
    #[error("revocation list {number} of it cannot be read: it is no X.509 CRL of version 2")]
    UnreadableRevocations {
        /// From 1.
        number: usize,
    },
}

/// Certificates from a leaf to its root: more than any authority has in use.
pub const MAX_CHAIN: usize = 16;

/// Reads a certificate, what leads to its issuer, and its key, all in PEM.
///
/// Each text of the chain may have several blocks, the leaf's too; what comes twice is kept once.
///
/// # Errors
/// The first rule that is broken. Validity in time is none: look at the description.
pub fn read_certificate<T: AsRef<str>>(
    leaf: &str,
    chain: impl IntoIterator<Item = T>,
    key: &str,
) -> Result<ReadCertificate, CertificateError> {
    let mut blocks = pem::certificates(leaf)?;
    if blocks.is_empty() {
        return Err(CertificateError::NoCertificate);
    }
    for text in chain {
        blocks.extend(pem::certificates(text.as_ref())?);
    }
    let mut chain: Vec<Der> = Vec::new();
    for der in blocks {
        if !chain.contains(&der) {
            chain.push(der);
        }
    }
    if chain.len() > MAX_CHAIN {
        return Err(CertificateError::LongChain);
    }
    chain::check_order(&chain)?;
    let leaf = &chain[0];
    let description = describe(leaf.bytes()).ok_or(CertificateError::Unreadable { number: 1 })?;
    let key = pem::key(key)?;
    check_key(leaf, &key)?;
    Ok(ReadCertificate { description, chain, key })
}

/// The key can sign, and is that of the leaf.
fn check_key(leaf: &Der, key: &Secret) -> Result<(), CertificateError> {
    let der = PrivateKeyDer::try_from(key.bytes()).map_err(|_| CertificateError::UnusableKey)?;
    let signer = any_supported_type(&der).map_err(|_| CertificateError::UnusableKey)?;
    let public = describe::public_key(leaf.bytes());
    let same = public.zip(signer.public_key()).is_some_and(|(a, b)| a == b.as_ref());
    if same { Ok(()) } else { Err(CertificateError::OtherKey) }
}

/// The fingerprint of the first certificate of a text in PEM.
///
/// # Errors
/// When there is none.
pub fn fingerprint_of(text: &str) -> Result<Fingerprint, CertificateError> {
    let first = pem::certificates(text)?.into_iter().next();
    first.map(|der| Fingerprint::of(der.bytes())).ok_or(CertificateError::NoCertificate)
}

/// Reads the certificates of authorities, in PEM, in any order.
///
/// # Errors
/// When there is none, or one of them cannot be trusted.
pub fn read_authorities(text: &str) -> Result<Vec<Der>, CertificateError> {
    let all = pem::certificates(text)?;
    if all.is_empty() {
        return Err(CertificateError::NoCertificate);
    }
    for (at, der) in all.iter().enumerate() {
        if webpki::anchor_from_trusted_cert(&der.bytes().into()).is_err() {
            return Err(CertificateError::NoAuthority { number: at + 1 });
        }
    }
    Ok(all)
}

/// Reads revocation lists, in PEM, in any order.
///
/// # Errors
/// When there is none, or one of them cannot be read.
pub fn read_revocations(text: &str) -> Result<Vec<Der>, CertificateError> {
    let all = pem::revocations(text)?;
    if all.is_empty() {
        return Err(CertificateError::NoRevocations);
    }
    for (at, der) in all.iter().enumerate() {
        if webpki::BorrowedCertRevocationList::from_der(der.bytes()).is_err() {
            return Err(CertificateError::UnreadableRevocations { number: at + 1 });
        }
    }
    Ok(all)
}
