//! Request targets, RFC 9112 §3.2, and the host they are for.

use memchr::memchr;

use super::RequestError;
use crate::message::{Authority, Method, Span, Target, TargetForm};

/// Where a target points, before `Host` is known.
#[derive(Clone, Copy, Debug)]
pub(super) struct Location {
    form: TargetForm,
    /// Authority and default port of an absolute target.
    origin: Option<(Span, u16)>,
    path_and_query: Span,
    path: Span,
}

impl Location {
    /// Takes a target apart; its bytes are known to be visible ASCII without `#`.
    pub(super) fn parse(bytes: &[u8], span: Span, method: Method) -> Result<Self, RequestError> {
        match span.of(bytes) {
            [b'/', ..] => Ok(Self::with_path(bytes, TargetForm::Origin, None, span)),
            b"*" if method == Method::Options => {
                let form = TargetForm::Asterisk;
                Ok(Self { form, origin: None, path_and_query: span, path: span })
            }
            b"*" => Err(RequestError::Asterisk),
            _ => Self::absolute(bytes, span),
        }
    }

    fn absolute(bytes: &[u8], span: Span) -> Result<Self, RequestError> {
        let text = span.of(bytes);
        let colon = text.iter().position(|&byte| !is_scheme(byte)).unwrap_or(text.len());
        if !text[colon..].starts_with(b"://") || !text[0].is_ascii_alphabetic() {
            return Err(RequestError::TargetForm);
        }
        let port = match &text[..colon] {
            scheme if scheme.eq_ignore_ascii_case(b"http") => 80,
            scheme if scheme.eq_ignore_ascii_case(b"https") => 443,
            _ => return Err(RequestError::Scheme),
        };
        let start = colon + 3;
        let rest = &text[start..];
        let len = rest.iter().position(|byte| b"/?".contains(byte)).unwrap_or(rest.len());
        if rest.get(len) == Some(&b'?') {
            return Err(RequestError::NoPath);
        }
        let base = span.start as usize;
        let authority = Span::new(base + start, base + start + len);
        let path_and_query = Span::new(authority.end(), span.end());
        Ok(Self::with_path(bytes, TargetForm::Absolute, Some((authority, port)), path_and_query))
    }

    fn with_path(
        bytes: &[u8],
        form: TargetForm,
        origin: Option<(Span, u16)>,
        path_and_query: Span,
    ) -> Self {
        let text = path_and_query.of(bytes);
        let len = memchr(b'?', text).unwrap_or(text.len());
        let start = path_and_query.start as usize;
        Self { form, origin, path_and_query, path: Span::new(start, start + len) }
    }

    /// Joins it with the value of `Host`; both have to agree where both speak.
    pub(super) fn at_host(self, bytes: &[u8], host: Option<Span>) -> Result<Target, RequestError> {
        let field = host.ok_or(RequestError::HostMissing)?;
        let named = Authority::parse(bytes, field).map_err(RequestError::Host)?;
        let (span, authority) = match self.origin {
            None => (field, named),
            Some((span, port)) => {
                let own = Authority::parse(bytes, span).map_err(RequestError::Authority)?;
                if !own.is_same(named, bytes, port) {
                    return Err(RequestError::HostMismatch);
                }
                (span, own)
            }
        };
        Ok(Target {
            form: self.form,
            authority: span,
            host: authority.host,
            port: authority.port,
            path_and_query: self.path_and_query,
            path: self.path,
        })
    }
}

fn is_scheme(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"+-.".contains(&byte)
}
