//! What a session keeps for the length of one exchange.

use std::rc::Rc;
use std::time::Duration;

use weir_balance::BackendKey;
use weir_balance::breaker::Ticket;
use weir_base::{Address, Instant, Key};
use weir_control::channel::Kind;
use weir_http::exchange::{CONNECT_ATTEMPTS, Exchange, Phase};
use weir_http::h1::Pump;
use weir_http::message::{RequestHead, Version};
use weir_http::policy::RequestId;

use super::direction::Direction;
use crate::buffers::Buffer;
use crate::front::{End, StreamId};
use crate::observe::Noted;
use crate::tables::{Route, Tables};
use crate::upstream::Upstream;

/// When things happened.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Times {
    /// First byte of the head.
    pub(crate) started: Instant,
    /// Complete head.
    pub(crate) received: Instant,
    /// The connection attempt in progress began.
    pub(crate) connect: Instant,
    /// The connection was there.
    pub(crate) reached: Option<Instant>,
    /// Keys were agreed on.
    pub(crate) agreed: Option<Instant>,
    /// The request head was written to the backend.
    pub(crate) sent: Instant,
    /// Final response head.
    pub(crate) responded: Instant,
    /// Bytes last came from, or were taken by, the client.
    pub(crate) front: Instant,
    /// Bytes last came from, or were taken by, the backend.
    pub(crate) back: Instant,
}

/// The backend side of an exchange.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Upstreamed {
    /// The connection.
    pub(crate) key: Key,
    /// The backend in its cluster's group.
    pub(crate) backend: BackendKey,
    /// Bytes sent on the connection before this exchange.
    pub(crate) sent_before: u64,
    /// The stream of it, when it has many.
    pub(crate) stream: Option<StreamId>,
}

/// One exchange and everything it needs. Boxed and reused by the worker.
pub(crate) struct Active {
    pub(crate) exchange: Exchange,
    pub(crate) head: RequestHead,
    pub(crate) id: RequestId,
    pub(crate) times: Times,
    pub(crate) route: Option<Rc<Route>>,
    pub(crate) cluster: Option<Key>,
    pub(crate) back: Option<Upstreamed>,
    /// Since when it waits in line for room for a connection, or did for one before.
    pub(crate) in_line: Option<Instant>,
    /// The backend used last, for the record.
    pub(crate) served_by: Option<Upstreamed>,
    /// Where that is.
    pub(crate) served_at: Option<Address>,
    /// Where fields stand in the head that the record shows.
    pub(crate) noted: Noted,
    /// It waits for a connection to a backend, until then.
    pub(crate) waits_until: Option<Instant>,
    /// A connection to this backend is free for it.
    pub(crate) promised: Option<BackendKey>,
    /// Buffers for which it has a place of its cluster; 0: it has none.
    pub(crate) place: usize,
    /// What the cluster's circuit breaker gave it.
    pub(crate) ticket: Option<Ticket>,
    /// Backends that failed for this request.
    pub(crate) tried: Vec<BackendKey>,
    /// The front → back direction; its buffer starts with the request head.
    pub(crate) request: Direction,
    /// The back → front direction.
    pub(crate) response: Direction,
    /// The request head was written to the backend, at least partly.
    pub(crate) head_sent: bool,
    /// The backend takes no more of the request; a response may still come.
    pub(crate) request_cut: bool,
    /// The next connection must be a fresh one.
    pub(crate) fresh: bool,
    /// Our side of a pipe towards the client is closed.
    pub(crate) front_shut: bool,
    /// A turn was cut short.
    pub(crate) unfinished: bool,
    /// The backend was asked for WebSocket over HTTP/2; what answers the client's key, if it has
    /// one.
    pub(crate) websocket: Option<String>,
    /// The exchange has become a byte pipe (101, or there are no heads).
    pub(crate) tunnel: bool,
    /// There are no heads: bytes of TCP.
    pub(crate) raw: bool,
    /// The client connection may serve another request.
    pub(crate) front_keep: bool,
    /// The backend connection may serve another request.
    pub(crate) back_keep: bool,
    /// The sticky cookie has to be set.
    pub(crate) set_sticky: bool,
    /// The rewritten authority and path, when the route rewrites.
    pub(crate) rewritten: Option<Box<Rewritten>>,
    pub(crate) status: u16,
    pub(crate) bytes_in: u64,
    pub(crate) bytes_out: u64,
    /// Bytes from and to backends.
    pub(crate) backend_bytes_in: u64,
    pub(crate) backend_bytes_out: u64,
    /// Round trips to the client and to the backend, where they are shown.
    pub(crate) round_trips: [Option<Duration>; 2],
    /// Word for the access log.
    pub(crate) message: &'static str,
    /// The exchange ended in an error.
    pub(crate) failed: bool,
}

/// What a route's templates made of a target.
#[derive(Default)]
pub(crate) struct Rewritten {
    pub(crate) host: Vec<u8>,
    pub(crate) path: Vec<u8>,
}

impl Active {
    /// An exchange for the head at the start of `buffer`'s unread bytes, or for bytes without one.
    pub(crate) fn new(
        head: RequestHead,
        buffer: Option<Buffer>,
        started: Instant,
        id: RequestId,
    ) -> Self {
        let tried = Vec::with_capacity(CONNECT_ATTEMPTS.into());
        Self::with(tried, head, buffer, started, id)
    }

    /// Makes a used box ready for another exchange.
    pub(crate) fn reset(
        &mut self,
        head: RequestHead,
        buffer: Option<Buffer>,
        started: Instant,
        id: RequestId,
    ) {
        let mut tried = std::mem::take(&mut self.tried);
        tried.clear();
        *self = Self::with(tried, head, buffer, started, id);
    }

    fn with(
        tried: Vec<BackendKey>,
        head: RequestHead,
        mut buffer: Option<Buffer>,
        at: Instant,
        id: RequestId,
    ) -> Self {
        // The head's spans count from the first unread byte: it goes to the start of the buffer.
        if let Some(buffer) = &mut buffer {
            buffer.compact(0);
            buffer.unread.start = head.len.min(buffer.unread.end);
        }
        let pump = Pump::new(head.framing, head.framing.towards(Version::Http11));
        Self {
            exchange: Exchange::new(head.method),
            head,
            id,
            times: Times::at(at),
            route: None,
            cluster: None,
            back: None,
            in_line: None,
            served_by: None,
            served_at: None,
            waits_until: None,
            promised: None,
            place: 0,
            ticket: None,
            noted: Noted::default(),
            tried,
            request: Direction::new(pump, buffer, head.len),
            response: Direction::idle(),
            head_sent: false,
            request_cut: false,
            fresh: false,
            front_shut: false,
            unfinished: false,
            websocket: None,
            tunnel: false,
            raw: false,
            front_keep: head.keep_alive,
            back_keep: false,
            set_sticky: false,
            rewritten: None,
            status: 0,
            bytes_in: head.len as u64,
            bytes_out: 0,
            backend_bytes_in: 0,
            backend_bytes_out: 0,
            round_trips: [None; 2],
            message: "",
            failed: false,
        }
    }

    /// Makes it one without heads.
    pub(super) fn become_raw(&mut self) {
        self.raw = true;
        // What is kept from requests before says nothing about bytes.
        self.fresh = true;
        self.request.pump = self.request_pump();
        self.response.pump = self.request_pump();
    }

    /// What the request's bytes go through, from their start.
    pub(super) fn request_pump(&self) -> Pump {
        let framing = self.head.framing;
        match self.raw {
            true => Pump::verbatim(),
            false => Pump::new(framing, framing.towards(Version::Http11)),
        }
    }

    /// Only the end of the connection tells the client that the response is complete.
    pub(crate) fn delimited_by_close(&self) -> bool {
        !self.front_keep && self.exchange.phase() == Phase::Responding
    }

    /// The backend's end, while there is one.
    pub(crate) fn back_in<'a>(&self, upstream: &'a mut Upstream) -> Option<End<'a>> {
        let back = self.back?;
        upstream.end(back.key, back.stream)
    }

    /// The stream to the backend, when the connection has many.
    pub(crate) fn back_stream(&self) -> Option<StreamId> {
        self.back?.stream
    }

    /// The bytes that the head's spans lie in.
    pub(crate) fn head_bytes(&self) -> &[u8] {
        self.request.buffer.as_ref().map_or(&[], |buffer| &buffer.bytes[..self.head.len])
    }
}

impl Times {
    fn at(at: Instant) -> Self {
        Self {
            started: at,
            received: at,
            connect: at,
            reached: None,
            agreed: None,
            sent: at,
            responded: at,
            front: at,
            back: at,
        }
    }
}

impl Active {
    /// What its connection is to those who count.
    pub(super) fn kind(&self) -> Kind {
        if self.tunnel || self.raw { Kind::Pipe } else { Kind::Request }
    }

    /// The value of the sticky cookie, when it has to be set.
    pub(super) fn sticky_value<'a>(&self, tables: &'a Tables) -> Option<&'a [u8]> {
        let cluster = tables.clusters.get(self.cluster.filter(|_| self.set_sticky)?)?;
        cluster.group.spec(self.back?.backend).map(|spec| spec.sticky_value().as_bytes())
    }
}
