//! Request heads, RFC 9112 §3.

use super::chars::is_token;
use super::fields::{Facts, FieldError, examine, parse_fields};
use super::head::{HeadLimits, line};
use super::target::{Written, parse_authority, parse_target};
use crate::message::{
    FieldName, Fields, Framing, Method, RequestHead, Span, Target, TargetForm, Version,
};

/// A rule that a request head breaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RequestError {
    /// RFC 9112 §3
    #[error("the request line is not METHOD TARGET VERSION")]
    BadRequestLine,
    /// RFC 9110 §9.1
    #[error("the method has a forbidden byte")]
    BadMethod,
    /// RFC 9112 §3.2
    #[error("the request target is none of the forms of RFC 9112")]
    BadTarget,
    /// RFC 9110 §9.3.6
    #[error("CONNECT is not supported: this proxy forwards only to its own backends")]
    Connect,
    /// RFC 9110 §15.5.15
    #[error("the request target is too long")]
    TargetTooLong,
    /// RFC 9110 §15.6.6
    #[error("the HTTP version is not 1.0 or 1.1")]
    BadVersion,
    /// RFC 6585 §5
    #[error("the request head is too large")]
    HeadTooLarge,
    /// RFC 9112 §3.2
    #[error("there is no Host")]
    NoHost,
    /// RFC 9112 §3.2
    #[error("there is more than one Host")]
    RepeatedHost,
    /// RFC 9112 §3.2
    #[error("the host is not a name or address with an optional port")]
    BadHost,
    /// RFC 9112 §3.2.2
    #[error("the request target names another host than Host")]
    HostMismatch,
    /// The client closed its side early.
    #[error("the connection ended inside the request head")]
    Truncated,
    /// A field line.
    #[error("{0}")]
    Field(#[from] FieldError),
}

impl RequestError {
    /// The status that answers it.
    pub const fn status(self) -> u16 {
        match self {
            Self::TargetTooLong => 414,
            Self::HeadTooLarge | Self::Field(FieldError::TooMany) => 431,
            Self::BadVersion => 505,
            _ => 400,
        }
    }
}

/// The request head at the start of `bytes`; `None` while it is not complete.
///
/// Spans count from the start of `bytes`. One empty line before the request is passed over
/// (RFC 9112 §2.2) and counts into the length of the head.
///
/// # Errors
/// The first rule that the head breaks, as early as its bytes show it.
pub fn parse_request(
    bytes: &[u8],
    limits: &HeadLimits,
    fields: &mut Fields,
) -> Result<Option<RequestHead>, RequestError> {
    let start = if bytes.starts_with(b"\r\n") { 2 } else { 0 };
    let limited = &bytes[..bytes.len().min(limits.head_bytes)];
    match parse_limited(limited, start, limits, fields) {
        Ok(None) if bytes.len() >= limits.head_bytes => Err(RequestError::HeadTooLarge),
        other => other,
    }
}

fn parse_limited(
    bytes: &[u8],
    start: usize,
    limits: &HeadLimits,
    fields: &mut Fields,
) -> Result<Option<RequestHead>, RequestError> {
    let Some((text, next)) = line(bytes, start).map_err(|_| RequestError::BadRequestLine)? else {
        return check_partial(&bytes[start..], limits);
    };
    let (method_len, target_len) = split_line(text, limits)?;
    let method = Method::from_token(&text[..method_len]);
    let target_at = method_len + 1;
    let version = parse_version(&text[target_at + target_len + 1..])?;
    let target_text = &text[target_at..target_at + target_len];
    let written = parse_target(target_text, start + target_at, method)?;
    let Some(len) = parse_fields(bytes, next, fields)? else { return Ok(None) };
    let facts = examine(bytes, fields, version)?;
    let target = resolve(bytes, written, fields, &facts)?;
    Ok(Some(RequestHead {
        method,
        method_text: Span::new(start, start + method_len),
        target,
        version,
        framing: framing(&facts),
        keep_alive: keeps_alive(&facts, version),
        upgrade: version == Version::Http11 && facts.upgrade_option && facts.upgrade_field,
        expect_continue: version == Version::Http11 && facts.expect_continue,
        te_trailers: facts.te_trailers,
        len,
    }))
}

/// Lengths of method and target in a line of exactly three parts.
fn split_line(text: &[u8], limits: &HeadLimits) -> Result<(usize, usize), RequestError> {
    let method = memchr::memchr(b' ', text).ok_or(RequestError::BadRequestLine)?;
    if method == 0 || !text[..method].iter().all(|byte| is_token(*byte)) {
        return Err(RequestError::BadMethod);
    }
    let rest = &text[method + 1..];
    let target = memchr::memchr(b' ', rest).ok_or(RequestError::BadRequestLine)?;
    if target > limits.target_bytes {
        return Err(RequestError::TargetTooLong);
    }
    if target == 0 || memchr::memchr(b' ', &rest[target + 1..]).is_some() {
        return Err(RequestError::BadRequestLine);
    }
    Ok((method, target))
}

/// Refuses a request line that can only be wrong before its end has come.
fn check_partial(text: &[u8], limits: &HeadLimits) -> Result<Option<RequestHead>, RequestError> {
    let method = memchr::memchr(b' ', text).unwrap_or(text.len());
    let text_of_method = text[..method].strip_suffix(b"\r").unwrap_or(&text[..method]);
    if !text_of_method.iter().all(|byte| is_token(*byte)) {
        return Err(RequestError::BadMethod);
    }
    let rest = text.get(method + 1..).unwrap_or_default();
    let target = memchr::memchr(b' ', rest).unwrap_or(rest.len());
    if target > limits.target_bytes {
        return Err(RequestError::TargetTooLong);
    }
    Ok(None)
}

fn parse_version(text: &[u8]) -> Result<Version, RequestError> {
    match text {
        b"HTTP/1.1" => Ok(Version::Http11),
        b"HTTP/1.0" => Ok(Version::Http10),
        [b'H', b'T', b'T', b'P', b'/', major, b'.', minor]
            if major.is_ascii_digit() && minor.is_ascii_digit() =>
        {
            Err(RequestError::BadVersion)
        }
        _ => Err(RequestError::BadRequestLine),
    }
}

/// Puts target and `Host` together.
fn resolve(
    bytes: &[u8],
    written: Written,
    fields: &Fields,
    facts: &Facts,
) -> Result<Target, RequestError> {
    let host_field = match facts.hosts {
        0 => return Err(RequestError::NoHost),
        1 => fields.first(FieldName::Host).map_or(written.authority, |field| field.value),
        _ => return Err(RequestError::RepeatedHost),
    };
    let named = parse_authority(host_field.of(bytes)).ok_or(RequestError::BadHost)?;
    let (authority, (host, port)) = if written.form == TargetForm::Absolute {
        let target = parse_authority(written.authority.of(bytes)).ok_or(RequestError::BadHost)?;
        if !is_same(target, named) {
            return Err(RequestError::HostMismatch);
        }
        (written.authority, target)
    } else {
        (host_field, named)
    };
    let start = authority.start as usize;
    Ok(Target {
        form: written.form,
        authority,
        host: Span::new(start, start + host.len()),
        port,
        path_and_query: written.path_and_query,
        path: written.path,
    })
}

fn is_same(a: (&[u8], Option<u16>), b: (&[u8], Option<u16>)) -> bool {
    a.0.eq_ignore_ascii_case(b.0) && a.1.unwrap_or(80) == b.1.unwrap_or(80)
}

fn framing(facts: &Facts) -> Framing {
    match facts.length {
        _ if facts.chunked => Framing::Chunked,
        Some(length) => Framing::Length(length),
        None => Framing::None,
    }
}

/// RFC 9112 §9.3
pub(super) fn keeps_alive(facts: &Facts, version: Version) -> bool {
    !facts.close && (version == Version::Http11 || facts.keep_alive)
}
