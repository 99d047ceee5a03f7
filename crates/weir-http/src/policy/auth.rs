//! Basic authentication, RFC 7617.

use base64::{Engine, engine::general_purpose::STANDARD};
use sha2::{Digest, Sha256};
use subtle::{Choice, ConstantTimeEq};

/// Whether the value of an `Authorization` field holds credentials of the list.
///
/// `hashes` are `user:hex(sha256(password))` in lower case; all are compared, each in constant
/// time. Decoded credentials longer than `limit` bytes are refused. `scratch` is emptied before and
/// after; it only grows if it has not room for the credentials and a hash.
pub fn basic_auth(value: &[u8], hashes: &[String], limit: usize, scratch: &mut Vec<u8>) -> bool {
    scratch.clear();
    let accepted = entry(value, limit, scratch).is_some() && is_listed(scratch, hashes);
    scratch.fill(0);
    scratch.clear();
    accepted
}

/// Leaves `user:hex(sha256(password))` in `out`.
fn entry(value: &[u8], limit: usize, out: &mut Vec<u8>) -> Option<()> {
    let encoded = credentials(value)?;
    // Four characters are at most three bytes, of which padding may be two.
    if encoded.len() / 4 * 3 > limit.saturating_add(2) {
        return None;
    }
    STANDARD.decode_vec(encoded, out).ok()?;
    let colon = memchr::memchr(b':', out).filter(|_| out.len() <= limit)?;
    let hash = Sha256::digest(&out[colon + 1..]);
    out[colon + 1..].fill(0);
    out.truncate(colon + 1);
    out.extend(hash.iter().flat_map(|byte| [HEX[(byte >> 4) as usize], HEX[(byte & 15) as usize]]));
    Some(())
}

fn is_listed(entry: &[u8], hashes: &[String]) -> bool {
    let compare = |found, hash: &String| found | hash.as_bytes().ct_eq(entry);
    hashes.iter().fold(Choice::from(0), compare).into()
}

const HEX: &[u8; 16] = b"0123456789abcdef";

/// What follows `Basic`, whose case does not matter, and one or more spaces (RFC 9110 §11.4).
fn credentials(value: &[u8]) -> Option<&[u8]> {
    let (scheme, rest) = value.split_at_checked(5)?;
    let rest = rest.strip_prefix(b" ")?;
    scheme.eq_ignore_ascii_case(b"basic").then(|| rest.trim_ascii())
}

#[cfg(test)]
mod tests;
