//! Connections to backends: made, lent to one exchange at a time, kept for the next.
//!
//! Must not know: HTTP. Invariants: at most `Limits::backend_connections` exist, at most
//! `Limits::idle_backend_connections` of them idle; an idle one is closed as soon as its backend
//! closes it or says anything, and after the back timeout it was released with.

mod idle;
mod peer;

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use weir_base::{Instant, Key, Limits, Slab, Wheel};
use weir_sys::{Epoll, Event, TcpStream};

use crate::alarm::{Alarm, TICK};
use crate::buffers::Buffers;
use crate::socket::{Read, Socket};
use crate::token::Token;
use idle::Idle;
pub(crate) use peer::{BackendTls, Peer};

/// A connection to a backend.
pub(crate) struct Back {
    pub(crate) socket: Socket,
    peer: Peer,
    /// The session that uses it; `None` while it is idle.
    owner: Option<Key>,
    /// It has served an exchange before.
    pub(crate) reused: bool,
    /// While idle: when it is closed.
    expires: Instant,
    /// Rings then or earlier.
    alarm: Alarm,
}

impl Back {
    /// What came on an idle TLS connection was about TLS itself, a session ticket say.
    fn only_tickets(&mut self, pool: &mut Buffers) -> bool {
        if self.socket.is_clear() || self.socket.is_closing() {
            return false;
        }
        let quiet = matches!(self.socket.read(&mut [0], pool), Read::Blocked);
        let quiet = quiet && !self.socket.holds();
        self.socket.release(pool);
        quiet
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
}

impl Upstream {
    pub(crate) fn new(limits: &Limits, now: Instant) -> Self {
        Self {
            backs: Slab::new(limits.backend_connections),
            idle: Idle::new(limits.idle_backend_connections),
            wheel: Wheel::new(limits.backend_connections, now, TICK),
        }
    }

    pub(crate) fn back(&mut self, key: Key) -> Option<&mut Back> {
        self.backs.get_mut(key)
    }

    /// An idle connection to `peer` for `owner`, the most recently used.
    pub(crate) fn reuse(&mut self, peer: &Peer, owner: Key) -> Option<Key> {
        loop {
            let backs = &self.backs;
            let like = |key: &Key| backs.get(*key).is_some_and(|back| back.peer.is_like(peer));
            let key = self.idle.take(peer.address, like)?;
            match self.backs.get_mut(key) {
                Some(back) if !back.socket.is_closing() => {
                    back.owner = Some(owner);
                    back.reused = true;
                    return Some(key);
                }
                _ => self.close(key),
            }
        }
    }

    /// Starts a connection to `peer` for `owner`.
    ///
    /// # Errors
    /// Of `socket` or `connect`; `QuotaExceeded` when there is no slot left and none is idle;
    /// `InvalidInput` when the server name is none.
    pub(crate) fn connect(&mut self, peer: &Peer, owner: Key, epoll: &Epoll) -> io::Result<Key> {
        if self.backs.is_full() {
            let idle = self.idle.take_any().ok_or(io::ErrorKind::QuotaExceeded)?;
            self.close(idle);
        }
        let tls = peer.connection().transpose();
        let tls = tls.map_err(|error| io::Error::new(io::ErrorKind::InvalidInput, error))?;
        let stream = TcpStream::connect(peer.address)?;
        let expires = Instant::FAR;
        let key = self.backs.insert_with(|key| {
            let mut socket = Socket::connecting(stream, epoll, Token::Back(key))?;
            if let Some(connection) = tls {
                socket.start_tls(connection);
            }
            let owner = Some(owner);
            Ok::<_, io::Error>(Back {
                socket,
                peer: peer.clone(),
                owner,
                reused: false,
                expires,
                alarm: Alarm::silent(),
            })
        });
        key.unwrap_or_else(|| Err(io::ErrorKind::QuotaExceeded.into()))
    }

    /// Keeps a connection for the next exchange until `now + timeout`; closes it when it cannot be
    /// kept.
    pub(crate) fn release(&mut self, key: Key, now: Instant, timeout: Duration) {
        let Some(back) = self.backs.get_mut(key) else { return };
        back.owner = None;
        back.expires = now + timeout;
        if back.socket.is_closing() || !self.idle.keep(back.peer.address, key) {
            return self.close(key);
        }
        back.alarm.set(back.expires, key, &mut self.wheel);
    }

    /// Nothing has come on an idle connection that was just taken: not even its end.
    pub(crate) fn is_quiet(&self, key: Key) -> bool {
        self.backs.get(key).is_some_and(|back| {
            let peeked = back.socket.stream().peek(&mut [0]);
            peeked.is_err_and(|error| error.kind() == io::ErrorKind::WouldBlock)
        })
    }

    /// Closes a connection that is lent out.
    pub(crate) fn close(&mut self, key: Key) {
        if let Some(back) = self.backs.remove(key) {
            back.alarm.cancel(&mut self.wheel);
        }
    }

    /// Closes every idle connection to an address, whose backend was removed.
    pub(crate) fn forget(&mut self, address: SocketAddr) {
        while let Some(key) = self.idle.take(address, |_| true) {
            self.close(key);
        }
    }

    /// Takes note of an event.
    pub(crate) fn handle_event(&mut self, key: Key, event: Event, pool: &mut Buffers) -> Wake {
        let Some(back) = self.backs.get_mut(key) else { return Wake::Nothing };
        let changed = back.socket.handle_event(event);
        if let Some(owner) = back.owner {
            return if changed { Wake::Session(owner) } else { Wake::Nothing };
        }
        if !back.socket.is_readable() || back.only_tickets(pool) {
            return Wake::Nothing;
        }
        // An idle backend has nothing to say: data without a request cannot be a response.
        self.idle.remove(back.peer.address, key);
        self.close(key);
        Wake::Closed
    }

    /// Closes the idle connections whose time is over.
    pub(crate) fn expire(&mut self, now: Instant) {
        while let Some(key) = self.wheel.poll(now) {
            let Some(back) = self.backs.get_mut(key) else { continue };
            back.alarm.rang();
            if back.owner.is_some() {
                continue;
            }
            if back.expires > now {
                back.alarm.set(back.expires, key, &mut self.wheel);
                continue;
            }
            self.idle.remove(back.peer.address, key);
            self.close(key);
        }
    }

    /// When [`Upstream::expire`] may have something to do.
    pub(crate) fn deadline(&self) -> Instant {
        self.wheel.deadline().unwrap_or(Instant::FAR)
    }
}
