//! Making connections, and finding out what they carry.
//!
//! One that may carry streams is made once for all sessions that want it; the first of them moves
//! it on. When it turns out to speak HTTP/1.1, it belongs to the one that found out, and the others
//! make their own.

use std::io;

use weir_base::{Instant, Key};
use weir_sys::Epoll;
use weir_tls::TlsError;

use super::{Back, Line, Peer, Upstream};
use crate::alarm::Alarm;
use crate::buffers::Buffers;
use crate::socket::{Parted, Shaken, Socket};
use crate::token::Token;

/// What became of a connection that a session waits for.
pub(crate) enum Made {
    /// Nothing yet.
    Waiting,
    /// The connection is there; keys are not agreed on.
    Shaking,
    /// It can be used.
    Ready,
    /// It belongs to somebody else: another one is needed.
    Elsewhere,
    /// It could not be made.
    Refused,
    /// No keys were agreed on; why, if that is known.
    Untrusted(Option<TlsError>),
}

impl Upstream {
    /// Starts a connection to `peer` for `session`.
    ///
    /// # Errors
    /// Of `socket` or `connect`; `QuotaExceeded` when there is no slot left and none is idle;
    /// `InvalidInput` when the server name is none.
    pub(crate) fn connect(
        &mut self,
        peer: &Peer,
        session: Key,
        epoll: &Epoll,
        pool: &mut Buffers,
    ) -> io::Result<Key> {
        if self.backs.is_full() {
            let idle = self.idle.take_any().ok_or(io::ErrorKind::QuotaExceeded)?;
            self.close(idle, pool);
        }
        let tls = peer.connection().transpose();
        let tls = tls.map_err(|error| io::Error::new(io::ErrorKind::InvalidInput, error))?;
        let streams = self.may_share(peer);
        let key = self.backs.insert_with(|key| {
            let mut socket = Socket::connect(&peer.address, epoll, Token::Back(key))?;
            if let Some(connection) = tls {
                socket.start_tls(connection);
            }
            let line = if streams {
                Line::Making { socket, waiting: vec![session] }
            } else {
                Line::Single { socket, owner: Some(session) }
            };
            let alarm = Alarm::silent();
            Ok::<_, io::Error>(Back { line, peer: peer.clone(), expires: Instant::FAR, alarm })
        });
        let key = key.unwrap_or_else(|| Err(io::ErrorKind::QuotaExceeded.into()))?;
        if streams {
            self.shared.entry(peer.address.clone()).or_default().push(key);
        }
        Ok(key)
    }

    /// Goes on with a connection that another worker has made, for one exchange or, with no owner,
    /// for the next that wants it. What it holds of TLS is of the session's reservation.
    ///
    /// # Errors
    /// Of `epoll_ctl(2)`; `QuotaExceeded` when there is no slot left and none is idle.
    pub(crate) fn adopt(
        &mut self,
        (stream, tls): Parted,
        peer: Peer,
        owner: Option<Key>,
        epoll: &Epoll,
        pool: &mut Buffers,
    ) -> io::Result<Key> {
        let key = self.backs.insert_with(|key| {
            let mut socket = Socket::made(stream, &peer.address, epoll, Token::Back(key))?;
            if let Some(tls) = tls {
                socket.resume_tls(tls, pool)?;
            }
            let line = Line::Single { socket, owner };
            Ok::<_, io::Error>(Back { line, peer, expires: Instant::FAR, alarm: Alarm::silent() })
        });
        key.unwrap_or_else(|| Err(io::ErrorKind::QuotaExceeded.into()))
    }

    /// Gives a connection away that is used by one exchange; what it is used for goes with it.
    pub(crate) fn part(&mut self, key: Key) -> Option<Socket> {
        let back = self.backs.remove(key)?;
        back.alarm.cancel(&mut self.wheel);
        match back.line {
            Line::Single { socket, .. } => Some(socket),
            Line::Making { .. } | Line::Shared { .. } | Line::Closed => None,
        }
    }

    /// Its backend is to be asked for streams, and has not refused them before.
    pub(crate) fn may_share(&self, peer: &Peer) -> bool {
        peer.streams && !self.single.contains(&peer.address)
    }

    /// A connection can be used by whoever has it.
    pub(crate) fn is_made(&self, key: Key) -> bool {
        let line = self.backs.get(key).map(|back| &back.line);
        matches!(line, Some(Line::Single { .. } | Line::Shared { .. }))
    }

    /// Moves a connection on that `session` waits for.
    pub(crate) fn progress(
        &mut self,
        key: Key,
        session: Key,
        now: Instant,
        pool: &mut Buffers,
    ) -> Made {
        let Some(back) = self.backs.get_mut(key) else { return Made::Refused };
        let socket = match &mut back.line {
            Line::Shared { .. } => return Made::Ready,
            Line::Single { owner, .. } if *owner != Some(session) => return Made::Elsewhere,
            Line::Single { socket, .. } | Line::Making { socket, .. } => socket,
            Line::Closed => return Made::Refused,
        };
        if socket.is_broken() {
            self.fail(key, session, pool);
            return Made::Refused;
        }
        if !socket.is_writable() && socket.sent() == 0 {
            return Made::Waiting;
        }
        let failed = match socket.shake_hands(pool) {
            Shaken::Done => return self.made(key, session, now, pool),
            Shaken::Blocked => return Made::Shaking,
            Shaken::Clear | Shaken::Gone => None,
            Shaken::Failed(error) => Some(error),
        };
        self.fail(key, session, pool);
        Made::Untrusted(failed)
    }

    /// A connection is made: it is found out what it carries.
    fn made(&mut self, key: Key, session: Key, now: Instant, pool: &mut Buffers) -> Made {
        let Some(back) = self.backs.get_mut(key).filter(|back| back.peer.streams) else {
            return Made::Ready;
        };
        let Some(socket) = back.line.socket() else { return Made::Ready };
        let chosen = socket.take_facts().and_then(|facts| facts.alpn);
        if socket.is_clear() || chosen.as_deref() == Some(b"h2") {
            return self.share(key, session, now, pool);
        }
        let address = back.peer.address.clone();
        match std::mem::replace(&mut back.line, Line::Closed) {
            Line::Making { socket, waiting } => {
                back.line = Line::Single { socket, owner: Some(session) };
                self.woken.extend(waiting.into_iter().filter(|other| *other != session));
                self.forget_shared(&address, key);
                self.single.insert(address);
            }
            line => back.line = line,
        }
        Made::Ready
    }

    /// A connection was not made; whoever else waits for it finds it gone.
    fn fail(&mut self, key: Key, session: Key, pool: &mut Buffers) {
        if let Some(Line::Making { waiting, .. }) = self.backs.get_mut(key).map(|b| &mut b.line) {
            waiting.retain(|other| *other != session);
        }
        self.close(key, pool);
    }
}
