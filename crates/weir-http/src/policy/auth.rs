//! Basic authentication, RFC 7617.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use sha2::{Digest, Sha256};
use subtle::{Choice, ConstantTimeEq};

/// Whether the value of an `Authorization` field holds credentials of the list.
///
/// `hashes` are `user:hex(sha256(password))` in lower case; all are compared, in constant time.
/// Decoded credentials longer than `limit` bytes are refused.
pub fn basic_auth(value: &[u8], hashes: &[String], limit: usize) -> bool {
    let Some(encoded) = credentials(value) else { return false };
    if encoded.len() / 4 * 3 > limit + 2 {
        return false;
    }
    let Ok(decoded) = STANDARD.decode(encoded) else { return false };
    let Some(colon) = memchr::memchr(b':', &decoded).filter(|_| decoded.len() <= limit) else {
        return false;
    };
    let mut entry = decoded[..=colon].to_vec();
    for byte in Sha256::digest(&decoded[colon + 1..]) {
        entry.extend_from_slice(&[HEX[(byte >> 4) as usize], HEX[(byte & 15) as usize]]);
    }
    let found =
        hashes.iter().fold(Choice::from(0), |found, hash| found | hash.as_bytes().ct_eq(&entry));
    found.into()
}

const HEX: &[u8; 16] = b"0123456789abcdef";

/// What follows `Basic `.
fn credentials(value: &[u8]) -> Option<&[u8]> {
    let (scheme, rest) = value.split_at_checked(5)?;
    let rest = rest.strip_prefix(b" ")?;
    scheme.eq_ignore_ascii_case(b"basic").then(|| rest.trim_ascii())
}
