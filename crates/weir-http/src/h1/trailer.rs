//! Trailer sections, RFC 9112 §7.1.2: read line by line, and which of their fields may go on.

use std::ops::Range;

use super::{
    BodyError, HeadError, Part,
    line::{self, Halt},
};
use crate::message::{FieldName, Span};

/// Bytes of a trailer section, its empty line included. Beyond: the body is refused. A buffer at
/// least this large always holds a whole line.
pub const TRAILER_BYTES: usize = 8192;

/// The next line of the section, of which `spent` bytes are already read; `None` while it is
/// incomplete.
pub(super) fn decode(
    buf: &[u8],
    unread: &mut Range<usize>,
    spent: &mut u16,
) -> Result<Option<Part>, BodyError> {
    let start = unread.start;
    let room = TRAILER_BYTES - usize::from(*spent);
    let end = unread.end.min(start + room);
    let bytes = buf.get(..end).unwrap_or(buf);
    let (part, next) = match next_line(bytes, start) {
        Ok(found) => found,
        Err(Halt::More) if unread.len() >= room => {
            return Err(BodyError::Trailer(HeadError::TooLarge));
        }
        Err(Halt::More) => return Ok(None),
        Err(Halt::Broken(error)) => return Err(BodyError::Trailer(error)),
    };
    *spent += (next - start) as u16;
    unread.start = next;
    Ok(Some(part))
}

fn next_line(bytes: &[u8], at: usize) -> Result<(Part, usize), Halt<HeadError>> {
    if matches!(bytes.get(at), Some(b'\r' | b'\n')) {
        let next = line::line_end(bytes, at, HeadError::BareCr)?;
        return Ok((Part::TrailersEnd(Span::new(at, next)), next));
    }
    let (mut field, next) = line::field_line(bytes, at)?;
    field.hop = !may_follow(field.kind, field.name.of(bytes));
    Ok((Part::Trailer(field), next))
}

/// Whether a field means something after the content (RFC 9110 §6.5.1). Everything that frames,
/// routes, authenticates or describes a message has been acted on by then; a proxy behind this one
/// may merge trailers into the head, so such a field is dropped.
fn may_follow(kind: FieldName, name: &[u8]) -> bool {
    kind.may_trail()
        && !name.get(..12).is_some_and(|start| start.eq_ignore_ascii_case(b"x-forwarded-"))
        && !HEAD_ONLY.iter().any(|known| known.eq_ignore_ascii_case(name))
}

/// Names beyond [`FieldName`] that belong into a head.
const HEAD_ONLY: [&[u8]; 27] = [
    b"age",
    b"authentication-info",
    b"cache-control",
    b"content-encoding",
    b"content-range",
    b"content-type",
    b"expires",
    b"if-match",
    b"if-modified-since",
    b"if-none-match",
    b"if-range",
    b"if-unmodified-since",
    b"location",
    b"max-forwards",
    b"pragma",
    b"proxy-authenticate",
    b"proxy-authentication-info",
    b"proxy-authorization",
    b"range",
    b"retry-after",
    b"strict-transport-security",
    b"traceparent",
    b"tracestate",
    b"vary",
    b"via",
    b"warning",
    b"www-authenticate",
];

/// What is spent of it is counted in a `u16`.
const _: () = assert!(TRAILER_BYTES <= u16::MAX as usize);
