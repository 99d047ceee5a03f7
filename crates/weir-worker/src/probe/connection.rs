//! A connection of a probe, on which one question is asked.

use std::io::{self, IoSlice};

use weir_base::Instant;
use weir_control::state::{HealthCheck, Probe};
use weir_sys::{Epoll, Event};

use super::talk::Talk;
use crate::buffers::{Buffers, PER_TLS, Reservation};
use crate::socket::{Read, Shaken, Socket};
use crate::token::Token;
use crate::upstream::Peer;

/// The connection and what is said on it.
pub(super) struct Connection {
    socket: Socket,
    secure: bool,
    peer: Peer,
    /// `None` until the connection is made.
    talk: Option<Talk>,
    reserved: Reservation,
}

impl Connection {
    /// Begins to make one. `Ok(None)`: there are no buffers for it now.
    pub(super) fn begin(
        token: Token,
        peer: Peer,
        epoll: &Epoll,
        pool: &mut Buffers,
    ) -> io::Result<Option<Self>> {
        let tls = peer.connection().transpose().map_err(io::Error::other)?;
        let secure = tls.is_some();
        if secure && !pool.admit(PER_TLS) {
            return Ok(None);
        }
        let reserved = if secure { Reservation::Exchange(PER_TLS) } else { Reservation::None };
        let mut socket = match Socket::connect(&peer.address, epoll, token) {
            Ok(socket) => socket,
            Err(error) => {
                pool.dismiss(reserved);
                return Err(error);
            }
        };
        if let Some(connection) = tls {
            socket.start_tls(connection);
        }
        let talk = None;
        Ok(Some(Self { socket, secure, peer, talk, reserved }))
    }

    pub(super) fn handle_event(&mut self, event: Event) {
        self.socket.handle_event(event);
    }

    /// Does what can be done. The outcome, once it is known.
    pub(super) fn drive(
        &mut self,
        check: &HealthCheck,
        now: Instant,
        pool: &mut Buffers,
    ) -> Option<bool> {
        if self.talk.is_none() {
            if self.socket.is_broken() {
                return Some(false);
            }
            if !self.socket.is_writable() {
                return None;
            }
            match self.socket.shake_hands(pool) {
                Shaken::Blocked => return None,
                Shaken::Done => {}
                Shaken::Clear | Shaken::Gone | Shaken::Failed(_) => return Some(false),
            }
            let talk = self.open(check, now);
            let over = talk.connected();
            self.talk = Some(talk);
            if over.is_some() {
                return over;
            }
        }
        self.exchange(now, pool)
    }

    /// The connection is made: the question is put in the version that was agreed on.
    fn open(&mut self, check: &HealthCheck, now: Instant) -> Talk {
        let agreed = self.socket.take_facts().map(|facts| facts.alpn.as_deref() == Some(b"h2"));
        let grpc = matches!(check.probe, Probe::Grpc { .. });
        let streams = grpc || self.peer.streams && agreed.unwrap_or(true);
        Talk::new(check, &self.peer.address.authority(), (self.secure, streams), now)
    }

    fn exchange(&mut self, now: Instant, pool: &mut Buffers) -> Option<bool> {
        let Some(talk) = &mut self.talk else { return Some(false) };
        let mut room = [0; 4096];
        loop {
            if self.socket.flush(pool).is_err() {
                return Some(false);
            }
            while !talk.out().is_empty() && self.socket.is_writable() {
                match self.socket.write(&[IoSlice::new(talk.out())], pool) {
                    Ok(0) => break,
                    Ok(n) => talk.sent(n),
                    Err(_) => return Some(false),
                }
            }
            let outcome = match self.socket.read(&mut room, pool) {
                Read::Data(n) => talk.receive(&room[..n], now),
                Read::Blocked => return None,
                Read::Closed | Read::Failed(_) => Some(talk.receive(&[], now).unwrap_or(false)),
            };
            if outcome.is_some() {
                return outcome;
            }
        }
    }

    /// It is over: what it holds goes back.
    pub(super) fn end(mut self, pool: &mut Buffers) {
        self.socket.say_goodbye(pool);
        self.socket.release(pool);
        pool.dismiss(self.reserved);
    }
}
