//! The trailer section of a chunked body, RFC 9110 §6.5 and RFC 9112 §7.1.2.

use super::chars::{is_token, is_value};
use super::chunk::BodyError;
use super::head::line;
use crate::message::FieldName;

/// Bytes of a trailer section.
const MOST_BYTES: usize = 8192;

/// The next line of a trailer section.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum TrailerLine {
    /// It is not complete.
    Incomplete,
    /// A field line of that many bytes, to be passed on or dropped.
    Field {
        /// Bytes, CRLF included.
        len: usize,
        /// Whether it may be passed on.
        forward: bool,
    },
    /// The empty line.
    End,
}

/// Looks at the line at the start of `input`, after `before` bytes of the section.
pub(super) fn next_line(input: &[u8], before: usize) -> Result<TrailerLine, BodyError> {
    let found = line(input, 0).map_err(|_| BodyError::BadTrailer)?;
    let len = found.map_or(input.len(), |(_, next)| next);
    if before + len > MOST_BYTES {
        return Err(BodyError::BadTrailer);
    }
    let Some((text, len)) = found else { return Ok(TrailerLine::Incomplete) };
    if text.is_empty() {
        return Ok(TrailerLine::End);
    }
    let colon = text.iter().position(|byte| !is_token(*byte)).ok_or(BodyError::BadTrailer)?;
    let value = &text[colon + 1..];
    if colon == 0 || text[colon] != b':' || !value.iter().all(|byte| is_value(*byte)) {
        return Err(BodyError::BadTrailer);
    }
    Ok(TrailerLine::Field { len, forward: FieldName::recognise(&text[..colon]).may_trail() })
}
