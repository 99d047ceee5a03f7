//! The target of a redirect.

use crate::message::{Authority, Span};

/// Writes `scheme://host[:port]path`; the scheme's default port is left out.
///
/// `authority` is a checked one; `port` goes before the port in it. What is no path (`*`, or
/// nothing) becomes `/`.
pub fn location(https: bool, authority: &[u8], port: Option<u16>, path: &[u8], out: &mut Vec<u8>) {
    let (scheme, default): (&[u8], u16) = if https { (b"https://", 443) } else { (b"http://", 80) };
    let (host, own) = match Authority::parse(authority, Span::new(0, authority.len())) {
        Ok(parsed) => (parsed.host.of(authority), parsed.port),
        Err(_) => (authority, None),
    };
    out.extend_from_slice(scheme);
    out.extend_from_slice(host);
    if let Some(port) = port.or(own).filter(|port| *port != default) {
        out.push(b':');
        out.extend_from_slice(itoa::Buffer::new().format(port).as_bytes());
    }
    out.extend_from_slice(if path.starts_with(b"/") { path } else { b"/" });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_default_port_of_the_scheme_is_left_out() {
        let cases = [
            (false, "h", None, "/p?q", "http://h/p?q"),
            (true, "h", None, "/", "https://h/"),
            (true, "h", Some(443), "/", "https://h/"),
            (false, "h", Some(80), "/", "http://h/"),
            (true, "h", Some(80), "/", "https://h:80/"),
            (false, "h", Some(443), "/", "http://h:443/"),
            (true, "h", Some(8443), "/", "https://h:8443/"),
            (true, "[::1]", Some(8443), "/", "https://[::1]:8443/"),
            (true, "[::1]", None, "/", "https://[::1]/"),
            (true, "h:8443", None, "/", "https://h:8443/"),
            (true, "h:443", None, "/", "https://h/"),
            (true, "h:8443", Some(9443), "/", "https://h:9443/"),
            (true, "h", None, "", "https://h/"),
            (true, "h", None, "*", "https://h/"),
        ];
        for (https, authority, port, path, expected) in cases {
            let mut out = Vec::new();
            location(https, authority.as_bytes(), port, path.as_bytes(), &mut out);
            assert_eq!(String::from_utf8_lossy(&out), expected);
        }
    }
}
