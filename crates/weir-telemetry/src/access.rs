//! The access log: one line per exchange.
//!
//! Behind the prefix of every line comes
//!
//! `[session request cluster backend] client backend T1/T2/T3/T4/T5 bytes_in bytes_out [tags] otel
//! protocol authority method path status | message`
//!
//! where what is unknown is `-`. The tags are those of the frontend, then `epoch=N` (which
//! configuration served the request; Weir's addition, an ordinary tag to every parser),
//! `client-cert=…` (the fingerprint of the certificate that the client showed) and `user-agent=…`.
//! `otel` is always `None`. ` | message` is there only when there is a message.
//!
//! What a client sends is escaped and bounded: nothing in it can end the line, leave the brackets
//! or add a column.

use std::net::SocketAddr;
use std::time::Duration;

use log::Level;

use crate::escape::{Style, Tag, Tags, Text, Word, escape};
use crate::line::{Label, LineFormat};
use crate::pen::Pen;

/// Longest texts that are shown, in bytes before escaping.
mod max {
    pub(super) const ID: usize = 128;
    pub(super) const TAGS: usize = 1_024;
    pub(super) const USER_AGENT: usize = 512;
    pub(super) const AUTHORITY: usize = 256;
    pub(super) const METHOD: usize = 32;
    pub(super) const PATH: usize = 4_096;
    pub(super) const MESSAGE: usize = 256;
}

/// An identity in Crockford's base 32: it is made here, so it needs no escape.
pub type Ulid = [u8; 26];

/// What the connection spoke.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Protocol {
    /// HTTP without TLS.
    #[default]
    Http,
    /// WebSocket without TLS.
    WebSocket,
    /// HTTP with TLS.
    Https,
    /// WebSocket with TLS 1.2.
    WebSocketTls12,
    /// WebSocket with TLS 1.3.
    WebSocketTls13,
    /// Bytes that were passed on as they were.
    Tcp,
}

impl Protocol {
    const fn text(self) -> &'static [u8] {
        match self {
            Self::Http => b"http",
            Self::WebSocket => b"WS",
            Self::Https => b"https",
            Self::WebSocketTls12 => b"WSS-TLS1.2",
            Self::WebSocketTls13 => b"WSS-TLS1.3",
            Self::Tcp => b"TCP",
        }
    }
}

/// One exchange. Texts that are unknown are empty.
#[derive(Clone, Copy, Debug, Default)]
pub struct AccessRecord<'a> {
    /// Id of the client connection.
    pub session: Option<&'a Ulid>,
    /// Id of the exchange.
    pub request: Option<&'a Ulid>,
    /// Id of the cluster.
    pub cluster: &'a str,
    /// Id of the backend.
    pub backend: &'a str,
    /// Address of the client.
    pub client: Option<SocketAddr>,
    /// Address of the backend.
    pub backend_address: Option<SocketAddr>,
    /// From the first byte of the request to the last of the response.
    pub request_time: Option<Duration>,
    /// The part of it spent in the proxy.
    pub service_time: Option<Duration>,
    /// From the request sent to the backend to the head of its response.
    pub response_time: Option<Duration>,
    /// Round trip to the client.
    pub client_rtt: Option<Duration>,
    /// Round trip to the backend.
    pub server_rtt: Option<Duration>,
    /// Bytes from the client.
    pub bytes_in: u64,
    /// Bytes to the client.
    pub bytes_out: u64,
    /// Tags of the frontend, as [`tags_text`] writes them.
    pub tags: &'a str,
    /// Fingerprint of the certificate that the client showed, in hexadecimal.
    pub client_certificate: &'a str,
    /// The `User-Agent` field.
    pub user_agent: &'a [u8],
    /// What the connection spoke.
    pub protocol: Protocol,
    /// Host and port that the request is for.
    pub authority: &'a [u8],
    /// Its method.
    pub method: &'a [u8],
    /// Its path and query.
    pub path: &'a [u8],
    /// Status of the final response.
    pub status: Option<u16>,
    /// How the exchange ended, in a word or a few.
    pub message: &'a str,
    /// The configuration that served it.
    pub epoch: u64,
    /// The exchange failed: the record is an error.
    pub error: bool,
}

/// The tags of a frontend as a record shows them: `k=v` joined by `, `.
pub fn tags_text<'a>(tags: impl IntoIterator<Item = (&'a str, &'a str)>) -> String {
    let tags = tags.into_iter().map(|(key, value)| format!("{key}={value}"));
    tags.collect::<Vec<_>>().join(", ")
}

impl AccessRecord<'_> {
    /// The module that filters know access-log records by.
    pub const MODULE: &'static str = "access";

    /// The level it is logged at.
    pub fn level(&self) -> Level {
        if self.error { Level::Error } else { Level::Info }
    }

    /// The record as one line of text, its newline included. `unix_ns` is the instant in
    /// nanoseconds since the Unix epoch.
    pub fn encode_ascii<'f>(&self, format: &'f mut LineFormat, unix_ns: u64) -> &'f [u8] {
        let label = if self.error { Label::AccessError } else { Label::Access };
        let pen = format.begin(unix_ns, label);
        self.put_identity(pen);
        self.put_measures(pen);
        self.put_tags(pen);
        self.put_endpoint(pen);
        if !self.message.is_empty() {
            pen.block(b" | ", 3);
            escape::<Text>(self.message.as_bytes(), max::MESSAGE, pen);
        }
        pen.end_line()
    }

    fn put_identity(&self, pen: &mut Pen) {
        pen.byte(b'[');
        put_ulid(self.session, pen);
        pen.byte(b' ');
        put_ulid(self.request, pen);
        pen.byte(b' ');
        put_or_dash::<Tag>(self.cluster.as_bytes(), max::ID, pen);
        pen.byte(b' ');
        put_or_dash::<Tag>(self.backend.as_bytes(), max::ID, pen);
        pen.block(b"] ", 2);
        put_address(self.client, pen);
        pen.byte(b' ');
        put_address(self.backend_address, pen);
        pen.byte(b' ');
    }

    fn put_measures(&self, pen: &mut Pen) {
        put_time(self.request_time, pen);
        let others = [self.service_time, self.response_time, self.client_rtt, self.server_rtt];
        for time in others {
            pen.byte(b'/');
            put_time(time, pen);
        }
        pen.byte(b' ');
        pen.number(self.bytes_in);
        pen.byte(b' ');
        pen.number(self.bytes_out);
    }

    fn put_tags(&self, pen: &mut Pen) {
        pen.block(b" [", 2);
        if !self.tags.is_empty() {
            escape::<Tags>(self.tags.as_bytes(), max::TAGS, pen);
            pen.block(b", ", 2);
        }
        pen.block(b"epoch=", 6);
        pen.number(self.epoch);
        if !self.client_certificate.is_empty() {
            pen.block(b", client-cert=", 14);
            escape::<Tag>(self.client_certificate.as_bytes(), max::ID, pen);
        }
        if !self.user_agent.is_empty() {
            pen.block(b", user-agent=", 13);
            escape::<Tag>(self.user_agent, max::USER_AGENT, pen);
        }
        pen.block(b"] None ", 7);
    }

    fn put_endpoint(&self, pen: &mut Pen) {
        pen.text(self.protocol.text());
        pen.byte(b' ');
        put_or_dash::<Word>(self.authority, max::AUTHORITY, pen);
        pen.byte(b' ');
        put_or_dash::<Word>(self.method, max::METHOD, pen);
        pen.byte(b' ');
        put_or_dash::<Word>(self.path, max::PATH, pen);
        pen.byte(b' ');
        match self.status {
            Some(status) => pen.number(status.into()),
            None => pen.byte(b'-'),
        }
    }
}

fn put_or_dash<S: Style>(text: &[u8], max: usize, pen: &mut Pen) {
    if text.is_empty() {
        pen.byte(b'-');
    } else {
        escape::<S>(text, max, pen);
    }
}

fn put_ulid(id: Option<&Ulid>, pen: &mut Pen) {
    match id {
        Some(id) => pen.block(id, id.len()),
        None => pen.byte(b'-'),
    }
}

fn put_address(address: Option<SocketAddr>, pen: &mut Pen) {
    match address {
        None => pen.byte(b'-'),
        Some(SocketAddr::V4(address)) => {
            let [a, b, c, d] = address.ip().octets();
            for octet in [a, b, c] {
                pen.octet(octet, b'.');
            }
            pen.octet(d, b':');
            pen.number(address.port().into());
        }
        Some(SocketAddr::V6(address)) => pen.display(address),
    }
}

/// A whole number of the largest unit that keeps at least two digits.
fn put_time(time: Option<Duration>, pen: &mut Pen) {
    let Some(time) = time else { return pen.byte(b'-') };
    let (secs, nanos) = (time.as_secs(), u64::from(time.subsec_nanos()));
    let (number, unit) = match (secs, nanos) {
        (0, ..10_000) => (nanos, b"ns  "),
        (0, ..10_000_000) => (nanos / 1_000, b"\xce\xbcs "),
        (..10, _) => (secs * 1_000 + nanos / 1_000_000, b"ms  "),
        _ => (secs, b"s   "),
    };
    pen.number(number);
    pen.block(unit, unit.trim_ascii_end().len());
}

#[cfg(test)]
mod tests;
