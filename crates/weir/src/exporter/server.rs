//! A small HTTP/1.1 server that answers `GET` and closes.
//!
//! Must not know: what it serves. One thread for each connection. Bounds: [`MOST`] connections,
//! [`HEAD`] bytes of head, [`PATIENCE`] for a request and for each write.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::time::{Duration, Instant};

use serde::Serialize;

const MOST: usize = 32;
const HEAD: usize = 8 << 10;
const PATIENCE: Duration = Duration::from_secs(5);

/// What the page may do: nothing but ask this server.
const POLICY: &str = "default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; \
                      connect-src 'self'; frame-ancestors 'none'; base-uri 'none'";

/// An answer.
pub(super) struct Answer {
    status: u16,
    kind: &'static str,
    body: String,
}

impl Answer {
    pub(super) fn text(status: u16, body: &str) -> Self {
        Self { status, kind: "text/plain; charset=utf-8", body: body.to_owned() }
    }

    pub(super) fn html(body: &str) -> Self {
        Self { status: 200, kind: "text/html; charset=utf-8", body: body.to_owned() }
    }

    /// In the format of Prometheus.
    pub(super) fn metrics(body: String) -> Self {
        Self { status: 200, kind: "text/plain; version=0.0.4; charset=utf-8", body }
    }

    pub(super) fn json(value: &impl Serialize) -> Self {
        let body = serde_json::to_string(value).unwrap_or_default();
        Self { status: 200, kind: "application/json", body }
    }

    /// What was found, in JSON, or why it was not.
    pub(super) fn found(value: Result<impl Serialize, String>) -> Self {
        match value {
            Ok(value) => Self::json(&value),
            Err(why) => Self::text(503, &format!("{why}\n")),
        }
    }

    fn write(&self, mut to: &TcpStream, with_body: bool) -> io::Result<()> {
        let reason = match self.status {
            200 => "OK",
            400 => "Bad Request",
            404 => "Not Found",
            405 => "Method Not Allowed",
            _ => "Service Unavailable",
        };
        let head = format!(
            "HTTP/1.1 {} {reason}\r\nContent-Type: {}\r\nContent-Length: {}\r\n\
             Cache-Control: no-store\r\nX-Content-Type-Options: nosniff\r\n\
             Content-Security-Policy: {POLICY}\r\nConnection: close\r\n\r\n",
            self.status,
            self.kind,
            self.body.len()
        );
        to.write_all(head.as_bytes())?;
        if with_body {
            to.write_all(self.body.as_bytes())?;
        }
        Ok(())
    }
}

/// A socket that listens.
pub(super) struct Server(TcpListener, SocketAddr);

impl Server {
    pub(super) fn bind(address: SocketAddr) -> io::Result<Self> {
        let listener = TcpListener::bind(address)?;
        let address = listener.local_addr()?;
        Ok(Self(listener, address))
    }

    pub(super) fn address(&self) -> SocketAddr {
        self.1
    }

    /// Answers for ever; a connection beyond [`MOST`] is closed at once.
    pub(super) fn serve(&self, answer: impl Fn(&str) -> Answer + Send + Sync + 'static) {
        // Every connection holds a clone, so the count is the number of connections plus one.
        let answer = Arc::new(answer);
        for stream in self.0.incoming().flatten() {
            if Arc::strong_count(&answer) > MOST {
                continue;
            }
            let answer = Arc::clone(&answer);
            // A thread that cannot be started closes the connection, and so does any error: the
            // client asks again.
            let _ = std::thread::Builder::new().spawn(move || {
                let _ = serve_one(&stream, &*answer);
            });
        }
    }
}

fn serve_one(stream: &TcpStream, answer: &impl Fn(&str) -> Answer) -> io::Result<()> {
    stream.set_write_timeout(Some(PATIENCE))?;
    let Some(head) = read_head(stream)? else {
        return Answer::text(400, "this is no request\n").write(stream, true);
    };
    let mut words = head.lines().next().unwrap_or_default().split(' ');
    let (method, target) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
    let path = target.split('?').next().unwrap_or_default();
    match method {
        "GET" => answer(path).write(stream, true),
        "HEAD" => answer(path).write(stream, false),
        _ => Answer::text(405, "only GET is answered here\n").write(stream, true),
    }
}

/// Everything up to the empty line; `None` when it is no text, or too much.
fn read_head(mut stream: &TcpStream) -> io::Result<Option<String>> {
    let until = Instant::now() + PATIENCE;
    let mut head = Vec::new();
    while !head.windows(4).any(|end| end == b"\r\n\r\n") {
        let left = until.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Err(io::ErrorKind::TimedOut.into());
        }
        stream.set_read_timeout(Some(left))?;
        let mut bytes = [0; 1024];
        let count = stream.read(&mut bytes)?;
        if count == 0 || head.len() + count > HEAD {
            return Ok(None);
        }
        head.extend_from_slice(&bytes[..count]);
    }
    Ok(String::from_utf8(head).ok())
}
