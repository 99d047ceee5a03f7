//! Canonical heads.

use crate::message::{FieldSink, Framing};

/// Writes one head into a vector: start line, fields, framing, connection, end.
pub struct HeadEncoder<'a>(&'a mut Vec<u8>);

/// What a head says about its connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Connection<'a> {
    /// The default of HTTP/1.1: it goes on.
    None,
    /// It ends after this message.
    Close,
    /// It goes on, for an HTTP/1.0 client that asked for it.
    KeepAlive,
    /// It changes to another protocol.
    Upgrade(&'a [u8]),
    /// Trailer fields are welcome.
    Te,
}

impl<'a> HeadEncoder<'a> {
    /// Starts a request.
    pub fn request(out: &'a mut Vec<u8>, method: &[u8], target: &[u8]) -> Self {
        out.extend_from_slice(method);
        out.push(b' ');
        out.extend_from_slice(target);
        out.extend_from_slice(b" HTTP/1.1\r\n");
        Self(out)
    }

    /// Starts a response.
    pub fn response(out: &'a mut Vec<u8>, status: u16, reason: &[u8]) -> Self {
        out.extend_from_slice(b"HTTP/1.1 ");
        out.extend_from_slice(itoa::Buffer::new().format(status).as_bytes());
        out.push(b' ');
        out.extend_from_slice(reason);
        out.extend_from_slice(b"\r\n");
        Self(out)
    }

    /// Says how the body is delimited.
    pub fn framing(&mut self, framing: Framing) {
        match framing {
            Framing::None | Framing::UntilClose => {}
            Framing::Chunked => self.0.extend_from_slice(b"Transfer-Encoding: chunked\r\n"),
            Framing::Length(length) => {
                self.0.extend_from_slice(b"Content-Length: ");
                self.0.extend_from_slice(itoa::Buffer::new().format(length).as_bytes());
                self.0.extend_from_slice(b"\r\n");
            }
        }
    }

    /// Says what becomes of the connection.
    pub fn connection(&mut self, connection: Connection<'_>) {
        match connection {
            Connection::None => {}
            Connection::Close => self.0.extend_from_slice(b"Connection: close\r\n"),
            Connection::KeepAlive => self.0.extend_from_slice(b"Connection: keep-alive\r\n"),
            Connection::Te => self.0.extend_from_slice(b"Connection: TE\r\nTE: trailers\r\n"),
            Connection::Upgrade(protocol) => {
                self.0.extend_from_slice(b"Connection: Upgrade\r\n");
                self.field(b"Upgrade", &[protocol]);
            }
        }
    }

    /// Ends the head.
    pub fn finish(self) {
        self.0.extend_from_slice(b"\r\n");
    }
}

impl FieldSink for HeadEncoder<'_> {
    fn field(&mut self, name: &[u8], value: &[&[u8]]) {
        self.0.extend_from_slice(name);
        self.0.extend_from_slice(b": ");
        for part in value {
            self.0.extend_from_slice(part);
        }
        self.0.extend_from_slice(b"\r\n");
    }
}

/// The usual reason phrase of a status; empty for one that is not registered.
pub fn reason_phrase(status: u16) -> &'static str {
    match status {
        301 => "Moved Permanently",
        302 => "Found",
        308 => "Permanent Redirect",
        400 => "Bad Request",
        401 => "Unauthorized",
        404 => "Not Found",
        408 => "Request Timeout",
        413 => "Content Too Large",
        414 => "URI Too Long",
        421 => "Misdirected Request",
        429 => "Too Many Requests",
        431 => "Request Header Fields Too Large",
        500 => "Internal Server Error",
        501 => "Not Implemented",
        502 => "Bad Gateway",
        503 => "Service Unavailable",
        504 => "Gateway Timeout",
        505 => "HTTP Version Not Supported",
        507 => "Insufficient Storage",
        _ => "",
    }
}
