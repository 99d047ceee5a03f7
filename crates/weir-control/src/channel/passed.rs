//! Connections as they pass from one worker to another, by way of main: plain values. Descriptors
//! are attached to the message.

use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::ops::AddAssign;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use weir_base::Address;
use weir_http::h2;
use weir_l4::flows::Saved;
use weir_tls::{Carried, Fingerprint};

use crate::state::ProxyDatagrams;

/// A client connection as it passes from one worker to another: a byte pipe, or one between two
/// requests, when what the client has sent waits in the kernel, but for records of TLS.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Passed {
    /// The listener it came from.
    pub listener: SocketAddr,
    /// The other end.
    pub client: SocketAddr,
    /// Requests that it has brought so far; 0: it was accepted and nobody has looked at it.
    pub requests: u64,
    /// How long it has waited for the next one.
    pub waited: Duration,
    /// Its identity in logs; `None`: nothing of it was taken from the kernel.
    pub id: Option<[u8; 26]>,
    /// The PROXY protocol header that it began with.
    pub announced: Option<Vec<u8>>,
    /// The TLS that is spoken with the client.
    pub tls: Option<Box<PassedClient>>,
    /// It carries streams, of which none is open.
    pub streams: Option<Box<PassedStreams>>,
    /// It is a byte pipe: a second descriptor is attached, the connection to the backend.
    pub pipe: Option<Box<PassedPipe>>,
}

impl Passed {
    /// One of which nothing is known.
    pub fn fresh(listener: SocketAddr, client: SocketAddr) -> Self {
        Self {
            listener,
            client,
            requests: 0,
            waited: Duration::ZERO,
            id: None,
            announced: None,
            tls: None,
            streams: None,
            pipe: None,
        }
    }

    /// What it is.
    pub fn kind(&self) -> Kind {
        match (&self.pipe, &self.streams) {
            (Some(_), _) => Kind::Pipe,
            (None, Some(_)) => Kind::Streams,
            (None, None) => Kind::Idle,
        }
    }

    /// Nothing of it is in our memory, beside its pipe.
    pub fn is_bare(&self) -> bool {
        let tls = self.tls.as_ref().is_none_or(|tls| tls.tls.is_bare());
        tls && self.streams.as_ref().is_none_or(|streams| streams.received.is_empty())
    }
}

/// The TLS of a connection, and the bytes of it that are in our memory.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PassedTls {
    /// Keys and numbers.
    pub carried: Carried,
    /// What was received and not opened: a part of a record, mostly.
    pub received: Vec<u8>,
    /// What was sealed and not sent.
    pub sealed: Vec<u8>,
}

impl PassedTls {
    /// It has no bytes.
    pub fn is_bare(&self) -> bool {
        self.received.is_empty() && self.sealed.is_empty() && !self.carried.has_plain()
    }
}

/// The TLS that is spoken with a client.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PassedClient {
    /// The connection itself.
    pub tls: PassedTls,
    /// What was agreed on.
    pub facts: PassedFacts,
}

/// What there is of a connection of HTTP/2 without streams.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PassedStreams {
    /// Settings, windows, the fields that it remembers.
    pub carried: h2::Carried,
    /// A part of a frame.
    pub received: Vec<u8>,
    /// Frames that were not sent.
    pub unsent: Vec<u8>,
}

/// What a handshake with a client agreed on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PassedFacts {
    /// The application protocol; empty: none.
    pub alpn: Vec<u8>,
    /// The name that the client asked for.
    pub server_name: Option<String>,
    /// What it was shown.
    pub certificate: Option<Fingerprint>,
    /// That was the listener's default certificate.
    pub is_default: bool,
    /// What the client showed, as `Client-Cert` tells it; empty: nothing.
    pub certificate_field: Vec<u8>,
    /// And the issuers.
    pub chain_field: Vec<u8>,
    /// Of what it showed, in hexadecimal.
    pub fingerprint: String,
}

/// What there is of a byte pipe (101, or TCP) beside its two connections.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PassedPipe {
    /// Of the request that it began with, as it came; empty: bytes of TCP.
    pub head: Vec<u8>,
    /// Identity of that request in logs.
    pub id: [u8; 26],
    /// Its cluster.
    pub cluster: String,
    /// The backend's id there.
    pub backend: String,
    /// Where it is.
    pub address: Address,
    /// Bytes for the backend that have not been sent.
    pub to_back: Vec<u8>,
    /// Bytes for the client that have not been sent.
    pub to_front: Vec<u8>,
    /// Bytes that came from the client so far.
    pub bytes_in: u64,
    /// Bytes that the client got so far.
    pub bytes_out: u64,
    /// How long ago it began.
    pub age: Duration,
    /// How long ago the backend had agreed.
    pub agreed: Duration,
    /// The TLS that is spoken with the backend.
    pub tls: Option<Box<PassedTls>>,
    /// How long ago bytes moved last at the client's side.
    pub front_idle: Duration,
    /// And at the backend's.
    pub back_idle: Duration,
}

/// A flow of datagrams as it passes from one worker to another; its socket is attached.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PassedFlow {
    /// Whose datagrams, and how many so far.
    pub saved: Saved,
    /// Which of our addresses the client sends to, with its interface, where that is not the
    /// listener's.
    pub local: Option<(IpAddr, u32)>,
    /// Its cluster.
    pub cluster: String,
    /// The backend's id there.
    pub backend: String,
    /// Where it is.
    pub address: SocketAddr,
    /// The backend has said something.
    pub answered: bool,
    /// Datagrams that are still to begin with a header.
    pub proxy: Option<ProxyDatagrams>,
    /// Datagrams for the backend that have not been sent.
    pub waiting: Vec<Vec<u8>>,
    /// Bytes that went to the backend.
    pub bytes_in: u64,
    /// Bytes that went to the client.
    pub bytes_out: u64,
    /// Datagrams of either side that did not.
    pub dropped: u64,
}

/// A connection to a backend that waits for a request.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PassedBack {
    /// Where the backend is.
    pub address: Address,
    /// It was asked whether it speaks HTTP/2.
    pub asked: bool,
    /// The TLS that is spoken with it.
    pub tls: Option<Box<PassedServer>>,
    /// It carries streams, of which none is open.
    pub streams: Option<Box<PassedStreams>>,
    /// How long it is still kept.
    pub keep: Duration,
}

impl PassedBack {
    /// Nothing that was received of it is in our memory.
    pub fn is_bare(&self) -> bool {
        let tls = self.tls.as_ref().is_none_or(|server| server.tls.is_bare());
        tls && self.streams.as_ref().is_none_or(|streams| streams.received.is_empty())
    }
}

/// The TLS that is spoken with a backend, and for whom it is good.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PassedServer {
    /// The connection itself.
    pub tls: PassedTls,
    /// The cluster that it was made for.
    pub cluster: String,
    /// The hash of that cluster then: what is trusted and shown is settled there.
    pub settings: u64,
    /// The name that the certificate has.
    pub name: String,
}

/// What a connection is, as far as those who count them are concerned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// It waits for a request, or has not begun one.
    Idle,
    /// A request is under way.
    Request,
    /// A byte pipe.
    Pipe,
    /// It carries streams (HTTP/2).
    Streams,
    /// A flow of datagrams.
    Flow,
}

/// Connections, by what they were.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Kinds {
    idle: usize,
    requests: usize,
    pipes: usize,
    streams: usize,
    flows: usize,
    /// Those of any kind whose clients were spoken TLS with.
    tls: usize,
}

impl Kinds {
    /// One more; `tls`: it was spoken with the client.
    pub fn count(&mut self, kind: Kind, tls: bool) {
        *self.of(kind) += 1;
        self.tls += usize::from(tls);
    }

    fn of(&mut self, kind: Kind) -> &mut usize {
        match kind {
            Kind::Idle => &mut self.idle,
            Kind::Request => &mut self.requests,
            Kind::Pipe => &mut self.pipes,
            Kind::Streams => &mut self.streams,
            Kind::Flow => &mut self.flows,
        }
    }

    /// Of all kinds.
    pub fn total(&self) -> usize {
        self.idle + self.requests + self.pipes + self.streams + self.flows
    }
}

impl AddAssign for Kinds {
    fn add_assign(&mut self, other: Self) {
        let Self { idle, requests, pipes, streams, flows, tls } = other;
        self.idle += idle;
        self.requests += requests;
        self.pipes += pipes;
        self.streams += streams;
        self.flows += flows;
        self.tls += tls;
    }
}

/// What there is of each kind, in parentheses; nothing if there is none.
impl fmt::Display for Kinds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kinds = [
            (self.idle, "idle"),
            (self.requests, "with a request"),
            (self.pipes, "pipes"),
            (self.flows, "UDP flows"),
            (self.streams, "of HTTP/2"),
            (self.tls, "with TLS"),
        ];
        let there = kinds.iter().filter(|(count, _)| *count > 0);
        for (at, (count, kind)) in there.enumerate() {
            write!(f, "{}{count} {kind}", if at == 0 { " (" } else { ", " })?;
        }
        if self.total() > 0 { f.write_str(")") } else { Ok(()) }
    }
}
