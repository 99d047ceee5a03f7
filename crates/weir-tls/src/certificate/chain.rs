//! A chain leads from the leaf up: each certificate is issued by the next.

use rustls::crypto::aws_lc_rs;
use rustls::pki_types::{CertificateDer, SignatureVerificationAlgorithm};
use webpki::EndEntityCert;
use x509_parser::certificate::X509Certificate;

use super::CertificateError;
use super::describe::parse;
use crate::Der;

/// Tag of an object identifier in DER.
const OBJECT_IDENTIFIER: u8 = 6;

/// Checks names and signatures, as far as there is an issuer to check them with.
pub(super) fn check_order(chain: &[Der]) -> Result<(), CertificateError> {
    let mut below: Option<X509Certificate<'_>> = None;
    for (at, der) in chain.iter().enumerate() {
        let number = at + 1;
        let issuer = parse(der.bytes()).ok_or(CertificateError::Unreadable { number })?;
        if let Some(certificate) = &below {
            if certificate.issuer().as_raw() != issuer.subject().as_raw() {
                return Err(CertificateError::WrongOrder { number });
            }
            if is_forged(certificate, der) {
                return Err(CertificateError::NotSigned { number });
            }
        }
        below = Some(issuer);
    }
    Ok(())
}

/// The signature is of a kind that is known, and not the issuer's.
fn is_forged(certificate: &X509Certificate<'_>, issuer: &Der) -> bool {
    let issuer = CertificateDer::from(issuer.bytes());
    let Ok(issuer) = EndEntityCert::try_from(&issuer) else { return false };
    let wanted = certificate.signature_algorithm.algorithm.as_bytes();
    let algorithms = aws_lc_rs::default_provider().signature_verification_algorithms.all;
    let mut known = algorithms.iter().filter(|known| is_called(**known, wanted)).peekable();
    let message = certificate.tbs_certificate.as_ref();
    let signature = &certificate.signature_value.data;
    known.peek().is_some()
        && !known.any(|known| issuer.verify_signature(*known, message, signature).is_ok())
}

/// Whether the identifier of an algorithm begins with that object.
fn is_called(algorithm: &dyn SignatureVerificationAlgorithm, object: &[u8]) -> bool {
    let id = algorithm.signature_alg_id();
    let rest = id.strip_prefix(&[OBJECT_IDENTIFIER, object.len() as u8]);
    rest.is_some_and(|rest| rest.starts_with(object))
}
