//! Field lines: what every section of a message has to obey.

use super::{HeadFault, HeadLimits};
use crate::message::bytes::{find_control, small_token_end, token_end};

/// Lines of a text, within its bounds.
pub(super) struct Lines<'a> {
    limits: HeadLimits,
    pub(super) out: &'a mut Vec<u8>,
    listed: usize,
    fields: usize,
}

impl<'a> Lines<'a> {
    /// Writes to `out`, which is emptied.
    pub(super) fn new(limits: HeadLimits, out: &'a mut Vec<u8>) -> Self {
        out.clear();
        Self { limits, out, listed: 0, fields: 0 }
    }

    /// Counts a field and checks its value.
    pub(super) fn count(&mut self, name: &[u8], value: &[u8]) -> Result<(), HeadFault> {
        self.listed += name.len() + value.len() + 32;
        self.fields += 1;
        if self.listed > self.limits.list || self.fields > self.limits.fields {
            return Err(HeadFault::TooLarge);
        }
        check_value(value)
    }

    pub(super) fn line(&mut self, name: &[u8], value: &[u8]) -> Result<(), HeadFault> {
        self.put(&[name, b": ", value, b"\r\n"])
    }

    pub(super) fn put(&mut self, pieces: &[&[u8]]) -> Result<(), HeadFault> {
        let len: usize = pieces.iter().map(|piece| piece.len()).sum();
        if self.out.len() + len > self.limits.text {
            return Err(HeadFault::TooLarge);
        }
        self.out.reserve(len);
        pieces.iter().for_each(|piece| self.out.extend_from_slice(piece));
        Ok(())
    }

    /// Bytes that a text may have.
    pub(super) fn most(&self) -> usize {
        self.limits.text
    }
}

/// Checks the name of a field that is no pseudo-header field.
pub(super) fn check_name(name: &[u8]) -> Result<(), HeadFault> {
    is_all(name, small_token_end(name, 0))
}

/// What HTTP/2 has no place for (RFC 9113 §8.2.2).
pub(super) fn is_connection_specific(name: &[u8]) -> bool {
    matches!(
        name,
        b"connection" | b"proxy-connection" | b"keep-alive" | b"transfer-encoding" | b"upgrade"
    )
}

/// `content-length`, which may stand twice with one value; the line of the first one is written.
pub(super) fn length(
    told: &mut Option<u64>,
    value: &[u8],
    lines: &mut Lines<'_>,
) -> Result<(), HeadFault> {
    let digits = !value.is_empty() && value.iter().all(u8::is_ascii_digit);
    let text = str::from_utf8(value).ok().filter(|_| digits);
    let length = text.and_then(|text| text.parse().ok()).ok_or(HeadFault::Length)?;
    match told.replace(length) {
        Some(before) if before != length => Err(HeadFault::Length),
        Some(_) => Ok(()),
        None => lines.line(b"content-length", value),
    }
}

/// RFC 9110 §5.6.2
pub(super) fn check_token(text: &[u8]) -> Result<(), HeadFault> {
    is_all(text, token_end(text, 0))
}

fn is_all(text: &[u8], end: usize) -> Result<(), HeadFault> {
    if text.is_empty() || end < text.len() { Err(HeadFault::Name) } else { Ok(()) }
}

fn check_value(value: &[u8]) -> Result<(), HeadFault> {
    let mut at = find_control(value, 0);
    while value.get(at) == Some(&b'\t') {
        at = find_control(value, at + 1);
    }
    let is_space = |byte: Option<&u8>| matches!(byte, Some(b' ' | b'\t'));
    if at < value.len() || is_space(value.first()) || is_space(value.last()) {
        return Err(HeadFault::Value);
    }
    Ok(())
}
