//! What a session keeps for the length of one exchange.

use std::net::SocketAddr;
use std::rc::Rc;

use weir_balance::BackendKey;
use weir_base::{Instant, Key};
use weir_http::exchange::{CONNECT_ATTEMPTS, Exchange};
use weir_http::h1::Pump;
use weir_http::message::{Framing, RequestHead};
use weir_http::policy::RequestId;

use super::direction::Direction;
use crate::buffers::Buffer;
use crate::tables::Route;

/// When things happened.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Times {
    /// First byte of the head.
    pub(crate) started: Instant,
    /// Complete head.
    pub(crate) received: Instant,
    /// The connection attempt in progress began.
    pub(crate) connect: Instant,
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
    /// Where it is.
    pub(crate) address: SocketAddr,
    /// Bytes written on the connection before this exchange.
    pub(crate) written_before: u64,
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
    /// The exchange has become a byte pipe (101).
    pub(crate) tunnel: bool,
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
    /// An exchange for the head at the start of `buffer`'s unread bytes.
    pub(crate) fn new(head: RequestHead, buffer: Buffer, started: Instant, id: RequestId) -> Self {
        let mut active = Self::blank(id, started);
        active.reset(head, buffer, started, id);
        active
    }

    fn blank(id: RequestId, at: Instant) -> Self {
        let none = || Direction::new(Pump::new(Framing::None, Framing::None), None, 0);
        Self {
            exchange: Exchange::new(RequestHead::UNREADABLE.method),
            head: RequestHead::UNREADABLE,
            id,
            times: Times::at(at),
            route: None,
            cluster: None,
            back: None,
            tried: Vec::with_capacity(CONNECT_ATTEMPTS.into()),
            request: none(),
            response: none(),
            head_sent: false,
            request_cut: false,
            fresh: false,
            tunnel: false,
            front_keep: false,
            back_keep: false,
            set_sticky: false,
            rewritten: None,
            status: 0,
            bytes_in: 0,
            bytes_out: 0,
            message: "",
            failed: false,
        }
    }

    /// Makes a used box ready for another exchange.
    pub(crate) fn reset(
        &mut self,
        head: RequestHead,
        mut buffer: Buffer,
        started: Instant,
        id: RequestId,
    ) {
        let tried = std::mem::take(&mut self.tried);
        *self = Self { tried, ..Self::unallocated(id, started) };
        self.tried.clear();
        self.exchange = Exchange::new(head.method);
        self.head = head;
        self.bytes_in = head.len as u64;
        // The head may follow an empty line: its spans count from the first unread byte.
        buffer.compact(0);
        buffer.unread.start = head.len.min(buffer.unread.end);
        let pump = Pump::new(head.framing, head.framing);
        self.request = Direction::new(pump, Some(buffer), head.len);
    }

    fn unallocated(id: RequestId, at: Instant) -> Self {
        Self { tried: Vec::new(), ..Self::blank(id, at) }
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
            sent: at,
            responded: at,
            front: at,
            back: at,
        }
    }
}
