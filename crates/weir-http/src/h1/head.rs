//! What request and response heads have in common: limits, and finding the lines.

/// Bounds of one head.
#[derive(Clone, Copy, Debug)]
pub struct HeadLimits {
    /// Bytes of a head, start line and empty line included.
    pub head_bytes: usize,
    /// Bytes of a request target.
    pub target_bytes: usize,
}

/// A line ended without CRLF, or a control byte stands where none may.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct BadLine;

/// The line that starts at `at`: its bytes without CRLF, and where the next one starts. `None`
/// when its end has not come.
pub(super) fn line(bytes: &[u8], at: usize) -> Result<Option<(&[u8], usize)>, BadLine> {
    let rest = &bytes[at..];
    let Some(end) = memchr::memchr2(b'\r', b'\n', rest) else { return Ok(None) };
    match (rest[end], rest.get(end + 1)) {
        (b'\r', Some(b'\n')) => Ok(Some((&rest[..end], at + end + 2))),
        (b'\r', None) => Ok(None),
        _ => Err(BadLine),
    }
}
