//! Connections to backends: made, lent to one exchange at a time or shared by the streams of many,
//! kept for the next.
//!
//! Must not know: requests. Invariants: at most `Limits::backend_connections` exist, at most
//! `Limits::idle_backend_connections` of them idle; an idle one is closed as soon as its backend
//! closes it or says anything that is not about the connection, and after the back timeout it was
//! released with.

mod idle;
mod make;
mod passage;
mod peer;
mod shared;

use std::io;
use std::time::Duration;

use hashbrown::{HashMap, HashSet};
use weir_base::{Address, Instant, Key, Limits, Slab, Wheel};
use weir_sys::Event;

use crate::alarm::{Alarm, TICK};
use crate::buffers::Buffers;
use crate::front::{End, StreamId};
use crate::multiplex::Multiplexes;
use crate::socket::{Read, Socket};
use idle::Idle;
pub(crate) use make::Made;
pub(crate) use peer::{BackendTls, Peer};
pub(crate) use shared::{Broken, NoBuffers, client_options, per_stream};

/// A connection to a backend.
pub(crate) struct Back {
    line: Line,
    peer: Peer,
    /// While idle: when it is closed.
    expires: Instant,
    /// Rings then or earlier.
    alarm: Alarm,
}

/// How a connection is used.
enum Line {
    /// By one exchange at a time; `owner` is its session, `None` while it is idle.
    Single { socket: Socket, owner: Option<Key> },
    /// It is being made. These sessions wait to know whether it carries streams.
    Making { socket: Socket, waiting: Vec<Key> },
    /// By the streams of many: its place among the connections that carry streams, and how many
    /// buffers are reserved for it.
    Shared { link: Key, buffers: usize, queued: bool, keep: Duration },
    /// Between two of these.
    Closed,
}

impl Line {
    fn socket(&mut self) -> Option<&mut Socket> {
        match self {
            Self::Single { socket, .. } | Self::Making { socket, .. } => Some(socket),
            Self::Shared { .. } | Self::Closed => None,
        }
    }
}

/// What an event on a backend connection calls for.
pub(crate) enum Wake {
    /// Drive this session.
    Session(Key),
    /// An idle connection ended.
    Closed,
    /// Nothing.
    Nothing,
}

/// All connections to backends of one worker.
pub(crate) struct Upstream {
    backs: Slab<Back>,
    idle: Idle,
    wheel: Wheel<Key>,
    /// What is behind [`Line::Shared`].
    links: Multiplexes,
    /// Connections that are shared, or may come to be.
    shared: HashMap<Address, Vec<Key>, foldhash::fast::RandomState>,
    /// Backends that were asked for streams and chose HTTP/1.1.
    single: HashSet<Address, foldhash::fast::RandomState>,
    /// Shared connections to be driven.
    ready: Vec<Key>,
    /// Sessions that can go on because a connection was made, or was not.
    woken: Vec<Key>,
}

impl Upstream {
    pub(crate) fn new(limits: &Limits, now: Instant) -> Self {
        Self {
            backs: Slab::new(limits.backend_connections),
            idle: Idle::new(limits.idle_backend_connections),
            wheel: Wheel::new(limits.backend_connections, now, TICK),
            links: Multiplexes::new(limits.backend_connections),
            shared: HashMap::default(),
            single: HashSet::default(),
            ready: Vec::new(),
            woken: Vec::new(),
        }
    }

    /// Connections there are.
    pub(crate) fn len(&self) -> usize {
        self.backs.len()
    }

    /// Streams that are open on those that are shared.
    pub(crate) fn streams(&self) -> usize {
        self.links.streams()
    }

    /// Those of them that wait for a request.
    pub(crate) fn idle(&self) -> usize {
        self.idle.len()
    }

    /// The backend's end of an exchange.
    pub(crate) fn end(&mut self, key: Key, stream: Option<StreamId>) -> Option<End<'_>> {
        match stream {
            Some(id) => Some(End::Stream(&mut self.links, id)),
            None => self.socket(key).map(End::Socket),
        }
    }

    /// A connection that is not shared.
    pub(crate) fn socket(&mut self, key: Key) -> Option<&mut Socket> {
        self.backs.get_mut(key)?.line.socket()
    }

    /// The round trip to a backend, if one was measured.
    pub(crate) fn round_trip(
        &mut self,
        key: Key,
        stream: Option<StreamId>,
        now: Instant,
    ) -> Option<Duration> {
        match stream {
            Some(id) => self.links.get(id.connection)?.socket.round_trip(now),
            None => self.socket(key)?.round_trip(now),
        }
    }

    /// An idle connection to `peer` for `owner`, the most recently used.
    pub(crate) fn reuse(&mut self, peer: &Peer, session: Key) -> Option<Key> {
        loop {
            let backs = &self.backs;
            let like = |key: &Key| {
                let single = |back: &Back| matches!(back.line, Line::Single { .. });
                backs.get(*key).is_some_and(|back| single(back) && back.peer.is_like(peer))
            };
            let key = self.idle.take(&peer.address, like)?;
            match self.backs.get_mut(key).map(|back| &mut back.line) {
                Some(Line::Single { socket, owner }) if !socket.is_closing() => {
                    *owner = Some(session);
                    return Some(key);
                }
                _ => self.drop_back(key),
            }
        }
    }

    /// Keeps a connection for the next exchange until `now + timeout`; closes it when it cannot be
    /// kept.
    fn release(&mut self, key: Key, now: Instant, timeout: Duration) {
        let Some(back) = self.backs.get_mut(key) else { return };
        back.expires = now + timeout;
        let closing = match &mut back.line {
            Line::Single { socket, owner } => {
                *owner = None;
                socket.is_closing()
            }
            Line::Making { .. } | Line::Closed => true,
            Line::Shared { .. } => false,
        };
        if closing || !self.idle.keep(&back.peer.address, key) {
            return self.drop_back(key);
        }
        if let Some(back) = self.backs.get_mut(key) {
            back.alarm.set(back.expires, key, &mut self.wheel);
        }
    }

    /// A session lets go of a connection, which is kept for that long if it can be.
    pub(crate) fn leave(
        &mut self,
        (key, stream): (Key, Option<StreamId>),
        session: Key,
        keep: Option<Duration>,
        now: Instant,
        pool: &mut Buffers,
    ) {
        if let Some(id) = stream {
            return self.links.leave(id, pool);
        }
        match self.backs.get_mut(key).map(|back| &mut back.line) {
            Some(Line::Single { socket, .. }) => match keep.filter(|_| !socket.holds()) {
                Some(timeout) => self.release(key, now, timeout),
                None => self.close(key, pool),
            },
            Some(Line::Making { waiting, .. }) => {
                waiting.retain(|other| *other != session);
                if waiting.is_empty() {
                    self.close(key, pool);
                }
            }
            Some(Line::Shared { .. } | Line::Closed) | None => {}
        }
    }

    /// Nothing has come on an idle connection that was just taken: not even its end.
    pub(crate) fn is_quiet(&mut self, key: Key) -> bool {
        self.socket(key).is_some_and(|socket| {
            let peeked = socket.stream().peek(&mut [0]);
            peeked.is_err_and(|error| error.kind() == io::ErrorKind::WouldBlock)
        })
    }

    /// Closes a connection.
    pub(crate) fn close(&mut self, key: Key, pool: &mut Buffers) {
        if let Some(socket) = self.socket(key) {
            socket.release(pool);
        }
        self.close_link(key, pool);
        self.drop_back(key);
    }

    /// Forgets a connection that holds nothing.
    fn drop_back(&mut self, key: Key) {
        let Some(back) = self.backs.remove(key) else { return };
        back.alarm.cancel(&mut self.wheel);
        if let Line::Making { waiting, .. } = back.line {
            self.woken.extend(waiting);
        }
        self.forget_shared(&back.peer.address, key);
    }

    /// A backend was removed: its idle connections close, shared ones when they are idle.
    pub(crate) fn forget(&mut self, address: &Address, pool: &mut Buffers) {
        while let Some(key) = self.idle.take(address, |_| true) {
            self.close(key, pool);
        }
        self.single.remove(address);
        self.retire_shared(address);
    }

    /// Takes note of an event.
    pub(crate) fn handle_event(&mut self, key: Key, event: Event, pool: &mut Buffers) -> Wake {
        let Some(back) = self.backs.get_mut(key) else { return Wake::Nothing };
        let (socket, owner) = match &mut back.line {
            Line::Single { socket, owner } => (socket, *owner),
            // Whoever waits longest makes it.
            Line::Making { socket, waiting } => (socket, waiting.first().copied()),
            Line::Shared { .. } => {
                self.note_shared(key, event);
                return Wake::Nothing;
            }
            Line::Closed => return Wake::Nothing,
        };
        let changed = socket.handle_event(event);
        if let Some(owner) = owner {
            return if changed { Wake::Session(owner) } else { Wake::Nothing };
        }
        if !socket.is_readable() || only_tickets(socket, pool) {
            return Wake::Nothing;
        }
        // An idle backend has nothing to say: data without a request cannot be a response.
        self.idle.remove(&back.peer.address, key);
        self.drop_back(key);
        Wake::Closed
    }

    /// Closes the idle connections whose time is over.
    pub(crate) fn expire(&mut self, now: Instant, pool: &mut Buffers) {
        while let Some(key) = self.wheel.poll(now) {
            let Some(back) = self.backs.get_mut(key) else { continue };
            back.alarm.rang();
            let idle = match &back.line {
                Line::Single { owner, .. } => owner.is_none(),
                Line::Making { .. } | Line::Closed => false,
                Line::Shared { link, .. } => self.links.get(*link).is_some_and(|l| !l.is_busy()),
            };
            if !idle {
                continue;
            }
            if back.expires > now {
                back.alarm.set(back.expires, key, &mut self.wheel);
                continue;
            }
            self.idle.remove(&back.peer.address, key);
            self.close(key, pool);
        }
    }

    /// When [`Upstream::expire`] may have something to do.
    pub(crate) fn deadline(&self) -> Instant {
        self.wheel.deadline().unwrap_or(Instant::FAR)
    }

    /// The next session that can go on.
    pub(crate) fn woken(&mut self) -> Option<Key> {
        self.woken.pop().or_else(|| self.links.woken())
    }
}

/// What came on an idle TLS connection was about TLS itself, a session ticket say.
fn only_tickets(socket: &mut Socket, pool: &mut Buffers) -> bool {
    if socket.is_clear() || socket.is_closing() {
        return false;
    }
    let quiet = matches!(socket.read(&mut [0], pool), Read::Blocked);
    let quiet = quiet && !socket.holds();
    socket.release(pool);
    quiet
}
