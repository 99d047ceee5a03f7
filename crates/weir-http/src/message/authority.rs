//! Host and port, RFC 9110 §4.2 and RFC 3986 §3.2, as a proxy can trust them.
//!
//! Stricter than the grammar: registered names are letters, digits, `-`, `.` and `_`; no userinfo,
//! no percent-encoding, no empty host, no empty or zero port, no IPv6 zone.

use std::net::Ipv6Addr;

use super::{Span, bytes};

/// A checked authority.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Authority {
    /// The host, brackets of an IPv6 literal included.
    pub host: Span,
    /// The port, when there is one.
    pub port: Option<u16>,
}

/// The rule that an authority breaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AuthorityError {
    /// RFC 9110 §4.2.1.
    #[error("the host is empty")]
    Empty,
    /// Not a letter, digit, `-`, `.` or `_`.
    #[error("the host contains a character that no host name has")]
    HostByte,
    /// RFC 3986 §3.2.2.
    #[error("the host is not a valid IPv6 address in brackets")]
    Ipv6,
    /// RFC 3986 §3.2.3.
    #[error("the port is not a number from 1 to 65535")]
    Port,
    /// RFC 9110 §4.2.4.
    #[error("user information before the host is not accepted")]
    Userinfo,
}

impl Authority {
    /// Checks the authority that `span` covers in `buffer`.
    pub fn parse(buffer: &[u8], span: Span) -> Result<Self, AuthorityError> {
        let text = span.of(buffer);
        let host = match text.first() {
            None => return Err(AuthorityError::Empty),
            Some(b'[') => literal_len(text)?,
            Some(_) => bytes::host_end(text, 0),
        };
        let port = match text.get(host) {
            None => None,
            Some(b':') if host > 0 && !text.contains(&b'@') => Some(port(&text[host + 1..])?),
            Some(b':' | b'@') if text.contains(&b'@') => return Err(AuthorityError::Userinfo),
            Some(b':') => return Err(AuthorityError::Empty),
            Some(_) => return Err(AuthorityError::HostByte),
        };
        let start = span.start as usize;
        Ok(Self { host: Span::new(start, start + host), port })
    }

    /// Whether both name the same place, the port of `scheme_port` being the default: case does
    /// not matter in hosts.
    pub fn is_same(self, other: Self, buffer: &[u8], scheme_port: u16) -> bool {
        self.port.unwrap_or(scheme_port) == other.port.unwrap_or(scheme_port)
            && self.host.of(buffer).eq_ignore_ascii_case(other.host.of(buffer))
    }
}

fn literal_len(text: &[u8]) -> Result<usize, AuthorityError> {
    let close = text.iter().position(|&byte| byte == b']').ok_or(AuthorityError::Ipv6)?;
    let address = str::from_utf8(&text[1..close]).map_err(|_| AuthorityError::Ipv6)?;
    address.parse::<Ipv6Addr>().map_err(|_| AuthorityError::Ipv6)?;
    Ok(close + 1)
}

fn port(text: &[u8]) -> Result<u16, AuthorityError> {
    if !matches!(text, [b'1'..=b'9', ..]) || text.len() > 5 {
        return Err(AuthorityError::Port);
    }
    let mut value = 0u32;
    for &byte in text {
        if !byte.is_ascii_digit() {
            return Err(AuthorityError::Port);
        }
        value = value * 10 + u32::from(byte - b'0');
    }
    u16::try_from(value).map_err(|_| AuthorityError::Port)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<(&str, Option<u16>), AuthorityError> {
        let authority = Authority::parse(text.as_bytes(), Span::new(0, text.len()))?;
        Ok((&text[..authority.host.len as usize], authority.port))
    }

    #[test]
    fn host_and_port_are_told_apart() {
        assert_eq!(parse("example.org"), Ok(("example.org", None)));
        assert_eq!(parse("a_b-c.example.:8080"), Ok(("a_b-c.example.", Some(8080))));
        assert_eq!(parse("[::1]"), Ok(("[::1]", None)));
        assert_eq!(parse("[2001:db8::7.8.9.10]:65535"), Ok(("[2001:db8::7.8.9.10]", Some(65535))));
    }

    #[test]
    fn what_is_not_a_host_is_refused() {
        use AuthorityError::*;
        let cases = [
            ("", Empty),
            (":80", Empty),
            ("a b", HostByte),
            ("a/b", HostByte),
            ("a,b", HostByte),
            ("a%41", HostByte),
            ("é", HostByte),
            ("a\\b", HostByte),
            ("[::1", Ipv6),
            ("[]", Ipv6),
            ("[::1%eth0]", Ipv6),
            ("[v1.a]", Ipv6),
            ("[::1]x", HostByte),
            ("a:", Port),
            ("a:0", Port),
            ("a:080", Port),
            ("a:65536", Port),
            ("a:123456", Port),
            ("a:+80", Port),
            ("a:8a", Port),
            ("a:80:80", Port),
            ("u@a", Userinfo),
            ("u:p@a:80", Userinfo),
            ("@a", Userinfo),
        ];
        for (text, error) in cases {
            assert_eq!(parse(text), Err(error), "{text}");
        }
    }

    #[test]
    fn sameness_ignores_case_and_the_default_port() {
        let same = |a: &str, b: &str, port| {
            let text = format!("{a}{b}");
            let first = Authority::parse(text.as_bytes(), Span::new(0, a.len()));
            let second = Authority::parse(text.as_bytes(), Span::new(a.len(), text.len()));
            first.unwrap().is_same(second.unwrap(), text.as_bytes(), port)
        };
        assert!(same("EXAMPLE.org", "example.ORG:80", 80));
        assert!(same("a:443", "a", 443));
        assert!(!same("a:443", "a", 80));
        assert!(!same("a", "b", 80));
    }
}
