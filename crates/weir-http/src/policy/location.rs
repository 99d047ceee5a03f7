//! The target of a redirect.

/// Writes `scheme://host[:port]path`; the scheme's default port is left out.
pub fn location(https: bool, host: &[u8], port: Option<u16>, path: &[u8], out: &mut Vec<u8>) {
    let (scheme, default): (&[u8], u16) = if https { (b"https://", 443) } else { (b"http://", 80) };
    out.extend_from_slice(scheme);
    out.extend_from_slice(host);
    if let Some(port) = port.filter(|port| *port != default) {
        out.push(b':');
        out.extend_from_slice(itoa::Buffer::new().format(port).as_bytes());
    }
    out.extend_from_slice(if path.is_empty() { b"/" } else { path });
}
