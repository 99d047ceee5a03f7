//! Request heads, RFC 9112 §3 and §6.

use super::{
    HeadError, HeadLimits, RequestError,
    control::Control,
    line::{self, Halt},
    target::Location,
};
use crate::message::{Fields, Framing, Method, RequestHead, Span, Version, bytes};

/// Bytes of a method; a longer one cannot be meant for any server.
const METHOD_BYTES: usize = 32;

/// Parses the request head that `buf` begins with; `None` when it is not complete yet. The spans
/// of the answer and of `fields`, which is emptied first, are relative to `buf`.
///
/// One empty line before the request is skipped (RFC 9112 §2.2) and counts in the length of the
/// head. A broken rule is told as soon as its bytes are there.
pub fn parse_request(
    buf: &[u8],
    limits: &HeadLimits,
    fields: &mut Fields,
) -> Result<Option<RequestHead>, RequestError> {
    fields.clear();
    line::settle(head(line::window(buf, limits), limits, fields), buf, limits)
}

#[inline]
fn head(
    bytes: &[u8],
    limits: &HeadLimits,
    fields: &mut Fields,
) -> Result<RequestHead, Halt<RequestError>> {
    let line = request_line(bytes, limits)?;
    let mut control = Control::default();
    let note = |field: &mut _| control.note(bytes, field);
    let len = line::section(bytes, line.next, fields, note).map_err(Halt::lift)?;
    let target = line.location.at_host(bytes, control.host)?;
    let framing = control.framing(line.version, Framing::None).map_err(RequestError::from)?;
    control.mark_hops(bytes, fields, framing);
    let is_http11 = line.version == Version::Http11;
    Ok(RequestHead {
        method: line.method,
        method_text: line.method_text,
        target,
        version: line.version,
        framing,
        keep_alive: control.keeps_alive(line.version),
        upgrade: control.upgrades(line.version),
        expect_continue: control.expect_continue && is_http11,
        te_trailers: control.te_trailers,
        len,
    })
}

struct RequestLine {
    method: Method,
    method_text: Span,
    location: Location,
    version: Version,
    /// Offset of the line after it.
    next: usize,
}

#[inline]
fn request_line(bytes: &[u8], limits: &HeadLimits) -> Result<RequestLine, Halt<RequestError>> {
    let start = skip_empty_line(bytes)?;
    let method_text = method(bytes, start)?;
    let method = Method::from_token(method_text.of(bytes));
    if method == Method::Connect {
        return Err(RequestError::Connect.into());
    }
    let target = target(bytes, method_text.end() + 1, limits.target_bytes)?;
    let (version, at) = version(bytes, target.end() + 1)?;
    let next = line::line_end(bytes, at, RequestError::RequestLine)?;
    let location = Location::parse(bytes, target, method)?;
    Ok(RequestLine { method, method_text, location, version, next })
}

fn skip_empty_line(bytes: &[u8]) -> Result<usize, Halt<RequestError>> {
    match bytes.first() {
        None => Err(Halt::More),
        Some(b'\r' | b'\n') => line::line_end(bytes, 0, RequestError::RequestLine),
        Some(_) => Ok(0),
    }
}

/// The method at `at`; a space follows it.
#[inline]
fn method(bytes: &[u8], at: usize) -> Result<Span, Halt<RequestError>> {
    let end = bytes::token_end(bytes, at);
    if end - at > METHOD_BYTES {
        return Err(RequestError::MethodTooLong.into());
    }
    match bytes.get(end) {
        Some(b' ') if end > at => Ok(Span::new(at, end)),
        None => Err(Halt::More),
        Some(b' ') => Err(RequestError::RequestLine.into()),
        Some(_) => Err(no_space(bytes, end, RequestError::Method)),
    }
}

/// The target at `at`; a space follows it.
#[inline]
fn target(bytes: &[u8], at: usize, limit: usize) -> Result<Span, Halt<RequestError>> {
    let end = bytes::target_end(bytes, at);
    if end.saturating_sub(at) > limit {
        return Err(RequestError::TargetTooLong.into());
    }
    match bytes.get(end) {
        Some(b' ') if end > at => Ok(Span::new(at, end)),
        None => Err(Halt::More),
        Some(b' ') => Err(RequestError::RequestLine.into()),
        Some(b'#') => Err(RequestError::Fragment.into()),
        Some(_) => Err(no_space(bytes, end, RequestError::TargetByte)),
    }
}

/// The rule that is broken where a space is due at `at`.
#[cold]
fn no_space(bytes: &[u8], at: usize, otherwise: RequestError) -> Halt<RequestError> {
    match line::line_end(bytes, at, otherwise) {
        Ok(_) => RequestError::RequestLine.into(),
        Err(halt) => halt,
    }
}

/// The version at `at`, and the offset after it.
#[inline]
fn version(bytes: &[u8], at: usize) -> Result<(Version, usize), Halt<RequestError>> {
    let rest = bytes.get(at..).unwrap_or_default();
    match rest.first_chunk::<8>() {
        Some(b"HTTP/1.1") => Ok((Version::Http11, at + 8)),
        Some(b"HTTP/1.0") => Ok((Version::Http10, at + 8)),
        _ => Err(version_fault(rest)),
    }
}

#[cold]
fn version_fault(text: &[u8]) -> Halt<RequestError> {
    let fits = |(index, &byte): (usize, &u8)| match index {
        5 | 7 => byte.is_ascii_digit(),
        _ => byte == b"HTTP/0.0"[index],
    };
    match text.iter().take(8).enumerate().position(|pair| !fits(pair)) {
        Some(0) if text[0] == b' ' => RequestError::RequestLine.into(),
        Some(0) => no_space(text, 0, RequestError::VersionSyntax),
        Some(_) => RequestError::VersionSyntax.into(),
        None if text.len() < 8 => Halt::More,
        None => RequestError::Version.into(),
    }
}

impl From<HeadError> for Halt<RequestError> {
    fn from(error: HeadError) -> Self {
        Self::Broken(error.into())
    }
}

#[cfg(test)]
mod tests;
