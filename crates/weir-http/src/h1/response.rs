//! Response heads, RFC 9112 §4 and §6.3.

use super::{
    HeadError, HeadLimits, ResponseError,
    control::Control,
    line::{self, Halt},
};
use crate::message::{Fields, Framing, Method, ResponseHead, Span, Version, bytes};

/// Parses the response head that `buf` begins with, in answer to a request of that method; `None`
/// when it is not complete yet. The spans of the answer and of `fields`, which is emptied first,
/// are relative to `buf`.
pub fn parse_response(
    buf: &[u8],
    limits: &HeadLimits,
    fields: &mut Fields,
    request_method: Method,
) -> Result<Option<ResponseHead>, ResponseError> {
    fields.clear();
    line::settle(head(line::window(buf, limits), fields, request_method), buf, limits)
}

#[inline]
fn head(
    bytes: &[u8],
    fields: &mut Fields,
    request_method: Method,
) -> Result<ResponseHead, Halt<ResponseError>> {
    let StatusLine { version, status, reason, next } = status_line(bytes)?;
    let mut control = Control::default();
    let note = |field: &mut _| control.note(bytes, field);
    let len = line::section(bytes, next, fields, note).map_err(Halt::lift)?;
    let said = control.framing(version, Framing::UntilClose)?;
    let never_has_body = status < 200 || status == 204;
    if never_has_body && said == Framing::Chunked {
        return Err(HeadError::CodingWithoutBody.into());
    }
    let only_describes = request_method == Method::Head || status == 304;
    let has_body = !never_has_body && !only_describes;
    let framing = if has_body { said } else { Framing::None };
    control.mark_hops(bytes, fields, framing);
    Ok(ResponseHead {
        status,
        reason,
        version,
        framing,
        declared_length: control.length().filter(|_| only_describes && !never_has_body),
        keep_alive: control.keeps_alive(version) && framing != Framing::UntilClose,
        len,
    })
}

struct StatusLine {
    version: Version,
    status: u16,
    reason: Span,
    /// Offset of the line after it.
    next: usize,
}

fn status_line(bytes: &[u8]) -> Result<StatusLine, Halt<ResponseError>> {
    let version = version(bytes)?;
    let status = status(bytes)?;
    let start = match bytes.get(12) {
        Some(b' ') => 13,
        // Some servers send no space where the reason is empty.
        _ => 12,
    };
    let end = if start == 13 { reason_end(bytes, start) } else { start };
    let otherwise = if start == 13 { ResponseError::ReasonByte } else { ResponseError::StatusLine };
    let next = line::line_end(bytes, end, otherwise)?;
    Ok(StatusLine { version, status, reason: Span::new(start, end), next })
}

fn version(bytes: &[u8]) -> Result<Version, Halt<ResponseError>> {
    match bytes.first_chunk::<9>() {
        Some(b"HTTP/1.1 ") => Ok(Version::Http11),
        Some(b"HTTP/1.0 ") => Ok(Version::Http10),
        _ if b"HTTP/1.1 ".starts_with(bytes) || b"HTTP/1.0 ".starts_with(bytes) => Err(Halt::More),
        _ if bytes.starts_with(b"HTTP/1.1") || bytes.starts_with(b"HTTP/1.0") => {
            Err(ResponseError::StatusLine.into())
        }
        _ => Err(ResponseError::Version.into()),
    }
}

fn status(bytes: &[u8]) -> Result<u16, Halt<ResponseError>> {
    let digits = bytes.get(9..).unwrap_or_default();
    match digits {
        [hundreds @ b'1'..=b'9', tens @ b'0'..=b'9', ones @ b'0'..=b'9', ..] => {
            let digit = |byte: u8| u16::from(byte - b'0');
            Ok(digit(*hundreds) * 100 + digit(*tens) * 10 + digit(*ones))
        }
        [] | [b'1'..=b'9'] | [b'1'..=b'9', b'0'..=b'9'] => Err(Halt::More),
        _ => Err(ResponseError::Status.into()),
    }
}

fn reason_end(bytes: &[u8], start: usize) -> usize {
    let mut end = bytes::find_control(bytes, start);
    while bytes.get(end) == Some(&b'\t') {
        end = bytes::find_control(bytes, end + 1);
    }
    end
}

impl From<HeadError> for Halt<ResponseError> {
    fn from(error: HeadError) -> Self {
        Self::Broken(error.into())
    }
}

#[cfg(test)]
mod tests;
