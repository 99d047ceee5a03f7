//! Response heads, RFC 9112 §4.

use super::chars::{decimal, is_value};
use super::fields::{Facts, FieldError, examine, parse_fields};
use super::head::{HeadLimits, line};
use super::request::keeps_alive;
use crate::message::{Fields, Framing, Method, ResponseHead, Span, Version};

/// A rule that a response head breaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ResponseError {
    /// RFC 9112 §4
    #[error("the status line is not HTTP/1.x CODE REASON")]
    BadStatusLine,
    /// Limit.
    #[error("the response head is too large")]
    HeadTooLarge,
    /// RFC 9112 §6.1
    #[error("a response that has no body has a Transfer-Encoding")]
    CodingWithoutBody,
    /// A field line.
    #[error("{0}")]
    Field(#[from] FieldError),
}

/// The response head at the start of `bytes`, of a request with `method`; `None` while it is not
/// complete.
///
/// # Errors
/// The first rule that the head breaks, as early as its bytes show it.
pub fn parse_response(
    bytes: &[u8],
    limits: &HeadLimits,
    fields: &mut Fields,
    method: Method,
) -> Result<Option<ResponseHead>, ResponseError> {
    let limited = &bytes[..bytes.len().min(limits.head_bytes)];
    match parse_limited(limited, fields, method) {
        Ok(None) if bytes.len() >= limits.head_bytes => Err(ResponseError::HeadTooLarge),
        other => other,
    }
}

fn parse_limited(
    bytes: &[u8],
    fields: &mut Fields,
    method: Method,
) -> Result<Option<ResponseHead>, ResponseError> {
    let Some((text, next)) = line(bytes, 0).map_err(|_| ResponseError::BadStatusLine)? else {
        return check_partial(bytes);
    };
    let (version, status) = parse_status_line(text)?;
    let Some(len) = parse_fields(bytes, next, fields)? else { return Ok(None) };
    let facts = examine(bytes, fields, version)?;
    let bodiless = method == Method::Head || matches!(status, 100..200 | 204 | 304);
    if facts.chunked && matches!(status, 100..200 | 204) {
        return Err(ResponseError::CodingWithoutBody);
    }
    let declares = bodiless && !matches!(status, 100..200 | 204);
    Ok(Some(ResponseHead {
        status,
        reason: Span::new(text.len().min(13), text.len()),
        version,
        framing: if bodiless { Framing::None } else { framing(&facts) },
        declared_length: facts.length.filter(|_| declares),
        keep_alive: keeps_alive(&facts, version),
        len,
    }))
}

/// `HTTP/1.1 200 OK`; the space before an absent reason may be absent too.
fn parse_status_line(text: &[u8]) -> Result<(Version, u16), ResponseError> {
    let bad = ResponseError::BadStatusLine;
    let version = match text.get(..9).ok_or(bad)? {
        b"HTTP/1.1 " => Version::Http11,
        b"HTTP/1.0 " => Version::Http10,
        _ => return Err(bad),
    };
    let status = text.get(9..12).and_then(decimal).filter(|status| *status >= 100).ok_or(bad)?;
    let reason = match &text[12..] {
        [] => &[],
        [b' ', reason @ ..] => reason,
        _ => return Err(bad),
    };
    if !reason.iter().all(|byte| is_value(*byte)) {
        return Err(bad);
    }
    Ok((version, status as u16))
}

fn check_partial(bytes: &[u8]) -> Result<Option<ResponseHead>, ResponseError> {
    let known = bytes.len().min(7);
    if bytes[..known] == b"HTTP/1."[..known] { Ok(None) } else { Err(ResponseError::BadStatusLine) }
}

/// RFC 9112 §6.3
fn framing(facts: &Facts) -> Framing {
    match facts.length {
        _ if facts.chunked => Framing::Chunked,
        Some(length) => Framing::Length(length),
        None => Framing::UntilClose,
    }
}
