//! Heads in their canonical form, RFC 9112 §2.1: single spaces, `Name: value`, CRLF.
//!
//! What is given has been checked where it was parsed or configured; nothing is checked here.

use crate::message::{Field, FieldSink, Framing};

/// Writes one head at the end of a buffer: the first line, then fields, then [`Self::finish`].
#[derive(Debug)]
pub struct HeadEncoder<'a>(&'a mut Vec<u8>);

/// What a head tells about the connection it is sent on, RFC 9110 §7.6.1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Connection<'a> {
    /// Nothing: HTTP/1.1 keeps the connection.
    None,
    /// It ends after this exchange.
    Close,
    /// It stays: to a client of HTTP/1.0, which has to be told.
    KeepAlive,
    /// A change to the protocols named in the value of `Upgrade`.
    Upgrade(&'a [u8]),
    /// Trailers are welcome.
    Te,
}

impl<'a> HeadEncoder<'a> {
    /// A request of HTTP/1.1.
    pub fn request(out: &'a mut Vec<u8>, method: &[u8], target: &[u8]) -> Self {
        put(out, &[method, b" ", target, b" HTTP/1.1\r\n"]);
        Self(out)
    }

    /// A response of HTTP/1.1, whatever the client speaks (RFC 9110 §6.2).
    pub fn response(out: &'a mut Vec<u8>, status: u16, reason: &[u8]) -> Self {
        put(
            out,
            &[b"HTTP/1.1 ", itoa::Buffer::new().format(status).as_bytes(), b" ", reason, b"\r\n"],
        );
        Self(out)
    }

    /// How the body is delimited.
    pub fn framing(&mut self, framing: Framing) {
        match framing {
            Framing::Length(length) => self.length(length),
            Framing::Chunked => put(self.0, &[b"Transfer-Encoding: chunked\r\n"]),
            Framing::None | Framing::UntilClose => {}
        }
    }

    /// `Content-Length`, also of a message whose body is only described.
    pub fn length(&mut self, length: u64) {
        let mut digits = itoa::Buffer::new();
        put(self.0, &[b"Content-Length: ", digits.format(length).as_bytes(), b"\r\n"]);
    }

    /// What becomes of the connection.
    pub fn connection(&mut self, connection: Connection<'_>) {
        match connection {
            Connection::None => {}
            Connection::Close => put(self.0, &[b"Connection: close\r\n"]),
            Connection::KeepAlive => put(self.0, &[b"Connection: keep-alive\r\n"]),
            Connection::Te => put(self.0, &[b"Connection: TE\r\nTE: trailers\r\n"]),
            Connection::Upgrade(protocols) => {
                put(self.0, &[b"Connection: Upgrade\r\nUpgrade: ", protocols, b"\r\n"]);
            }
        }
    }

    /// The empty line.
    pub fn finish(self) {
        put(self.0, &[b"\r\n"]);
    }
}

impl FieldSink for HeadEncoder<'_> {
    fn field(&mut self, name: &[u8], value: &[&[u8]]) {
        // One reservation for the line: the copies below find room and are not calls.
        self.0.reserve(name.len() + value.iter().map(|part| part.len()).sum::<usize>() + 4);
        self.0.extend_from_slice(name);
        self.0.extend_from_slice(b": ");
        for part in value {
            self.0.extend_from_slice(part);
        }
        self.0.extend_from_slice(b"\r\n");
    }

    fn received(&mut self, buffer: &[u8], field: &Field) {
        let (name, value) = (field.name, field.value);
        let line = buffer.get(name.start as usize..value.end() + 2).unwrap_or_default();
        let is_canonical = value.start as usize == name.end() + 2
            && buffer.get(name.end() + 1) == Some(&b' ')
            && line.ends_with(b"\r\n");
        if is_canonical {
            self.0.extend_from_slice(line);
        } else {
            self.field(name.of(buffer), &[value.of(buffer)]);
        }
    }
}

#[inline]
fn put(out: &mut Vec<u8>, parts: &[&[u8]]) {
    out.reserve(parts.iter().map(|part| part.len()).sum());
    for part in parts {
        out.extend_from_slice(part);
    }
}

#[cfg(test)]
mod tests;
