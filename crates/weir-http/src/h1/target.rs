//! Request targets and authorities, RFC 9112 §3.2 and RFC 3986 §3.2.

use super::chars::{is_host, is_target};
use super::request::RequestError;
use crate::message::{Method, Span, TargetForm};

/// A target as it stands in the request line; the authority is empty unless it is absolute.
pub(super) struct Written {
    pub(super) form: TargetForm,
    pub(super) authority: Span,
    pub(super) path_and_query: Span,
    pub(super) path: Span,
}

/// Splits the target `text`, which starts at `at` in the buffer.
pub(super) fn parse_target(
    text: &[u8],
    at: usize,
    method: Method,
) -> Result<Written, RequestError> {
    if !text.iter().all(|byte| is_target(*byte)) {
        return Err(RequestError::BadTarget);
    }
    let nothing = Span::new(at, at);
    if method == Method::Connect {
        return Err(RequestError::Connect);
    }
    match text {
        b"*" if method == Method::Options => Ok(Written {
            form: TargetForm::Asterisk,
            authority: nothing,
            path_and_query: Span::new(at, at + 1),
            path: Span::new(at, at + 1),
        }),
        [b'/', ..] => Ok(with_path(TargetForm::Origin, nothing, text, at)),
        _ => parse_absolute(text, at),
    }
}

fn parse_absolute(text: &[u8], at: usize) -> Result<Written, RequestError> {
    let scheme = [&b"http://"[..], b"https://"]
        .into_iter()
        .find(|scheme| {
            text.get(..scheme.len()).is_some_and(|start| start.eq_ignore_ascii_case(scheme))
        })
        .ok_or(RequestError::BadTarget)?;
    let rest = &text[scheme.len()..];
    let end = rest.iter().position(|byte| matches!(byte, b'/' | b'?')).unwrap_or(rest.len());
    let start = at + scheme.len();
    let authority = Span::new(start, start + end);
    Ok(with_path(TargetForm::Absolute, authority, &rest[end..], start + end))
}

fn with_path(form: TargetForm, authority: Span, text: &[u8], at: usize) -> Written {
    let query = memchr::memchr(b'?', text).unwrap_or(text.len());
    Written {
        form,
        authority,
        path_and_query: Span::new(at, at + text.len()),
        path: Span::new(at, at + query),
    }
}

/// Host and port of an authority without user information: `name`, `1.2.3.4` or `[v6]`, and an
/// optional port of 1..=65535.
pub(super) fn parse_authority(text: &[u8]) -> Option<(&[u8], Option<u16>)> {
    let (host, rest) = if text.first() == Some(&b'[') {
        let end = memchr::memchr(b']', text)? + 1;
        let inside = std::str::from_utf8(&text[1..end - 1]).ok()?;
        inside.parse::<std::net::Ipv6Addr>().ok()?;
        text.split_at(end)
    } else {
        let end = text.iter().position(|byte| !is_host(*byte)).unwrap_or(text.len());
        text.split_at(end)
    };
    if host.is_empty() {
        return None;
    }
    match rest {
        [] => Some((host, None)),
        [b':', digits @ ..] if digits.len() <= 5 => {
            let port = super::chars::decimal(digits).and_then(|port| u16::try_from(port).ok())?;
            (port != 0).then_some((host, Some(port)))
        }
        _ => None,
    }
}
