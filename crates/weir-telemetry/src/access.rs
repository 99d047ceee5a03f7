//! The access log: one record per exchange, in the form of [`AccessFormat`].
//!
//! What a client sends is escaped and bounded in every form: nothing in it can end a record, leave
//! its place or add a column. No value of a field that holds a secret is ever in a record.

mod ascii;
mod field;
mod json;
mod protobuf;
mod tags;
mod template;
mod trace;

use std::net::SocketAddr;
use std::time::Duration;

use weir_base::Address;

use log::Level;

use crate::line::LineFormat;

pub use tags::TagList;
pub use template::{Template, TemplateError};
pub use trace::TraceParent;

/// Longest texts that are shown, in bytes before escaping.
mod max {
    pub(super) const ID: usize = 128;
    pub(super) const ADDRESS: usize = 128;
    pub(super) const TAGS: usize = 1_024;
    pub(super) const USER_AGENT: usize = 512;
    pub(super) const AUTHORITY: usize = 256;
    pub(super) const METHOD: usize = 32;
    pub(super) const PATH: usize = 4_096;
    pub(super) const MESSAGE: usize = 256;
    pub(super) const FORWARDED_FOR: usize = 512;
    pub(super) const SERVER_NAME: usize = 256;
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
    pub backend_address: Option<&'a Address>,
    /// From the first byte of the request to the last of the response.
    pub request_time: Option<Duration>,
    /// The part of it spent in the proxy.
    pub service_time: Option<Duration>,
    /// From the request sent to the backend to the head of its response.
    pub response_time: Option<Duration>,
    /// From the complete head to the attempt to reach the backend that served it.
    pub wait_time: Option<Duration>,
    /// To make a connection to it, when one was made.
    pub connect_time: Option<Duration>,
    /// To agree on keys with it.
    pub tls_time: Option<Duration>,
    /// Round trip to the client.
    pub client_rtt: Option<Duration>,
    /// Round trip to the backend.
    pub server_rtt: Option<Duration>,
    /// Bytes from the client.
    pub bytes_in: u64,
    /// Bytes to the client.
    pub bytes_out: u64,
    /// Bytes from backends.
    pub backend_bytes_in: u64,
    /// Bytes to backends.
    pub backend_bytes_out: u64,
    /// Attempts that failed before the one that served it.
    pub retries: u64,
    /// Tags of the frontend.
    pub tags: Option<&'a TagList>,
    /// Fingerprint of the certificate that the client showed, in hexadecimal.
    pub client_certificate: &'a str,
    /// The `User-Agent` field.
    pub user_agent: &'a [u8],
    /// The `X-Request-Id` field.
    pub x_request_id: &'a [u8],
    /// The `X-Forwarded-For` field.
    pub forwarded_for: &'a [u8],
    /// The `traceparent` field, when it is one.
    pub trace: Option<TraceParent<'a>>,
    /// The client's TLS connection.
    pub tls: Option<TlsDetails<'a>>,
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

/// What was agreed on with the client.
#[derive(Clone, Copy, Debug, Default)]
pub struct TlsDetails<'a> {
    /// `TLSv1.3`.
    pub version: &'a str,
    /// `TLS13_AES_128_GCM_SHA256`.
    pub cipher: &'a str,
    /// The name that the client asked for.
    pub server_name: &'a str,
    /// The application protocol.
    pub alpn: &'a [u8],
}

/// What records look like.
#[derive(Clone, Debug, Default)]
pub enum AccessFormat {
    /// A line of text with columns.
    #[default]
    Ascii,
    /// A line with an object.
    Json,
    /// A delimited message.
    Protobuf,
    /// A line that the user has laid out.
    Template(Template),
}

impl AccessFormat {
    /// [`AccessRecord::client_rtt`] or [`AccessRecord::server_rtt`] is in it.
    pub fn shows_round_trips(&self) -> bool {
        match self {
            Self::Ascii | Self::Json | Self::Protobuf => true,
            Self::Template(template) => template.shows_round_trips(),
        }
    }
}

impl AccessRecord<'_> {
    /// The module that filters know access-log records by.
    pub const MODULE: &'static str = "access";

    /// The level it is logged at.
    pub fn level(&self) -> Level {
        if self.error { Level::Error } else { Level::Info }
    }

    /// The record, complete. `unix_ns` is the instant in nanoseconds since the Unix epoch.
    pub fn encode<'f>(
        &self,
        format: &AccessFormat,
        line: &'f mut LineFormat,
        unix_ns: u64,
    ) -> &'f [u8] {
        match format {
            AccessFormat::Ascii => self.encode_ascii(line, unix_ns),
            AccessFormat::Json => self.encode_json(line, unix_ns),
            AccessFormat::Protobuf => self.encode_protobuf(line, unix_ns),
            AccessFormat::Template(template) => self.encode_template(template, line, unix_ns),
        }
    }
}

#[cfg(test)]
mod tests;
