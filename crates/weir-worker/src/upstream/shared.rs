//! Connections that carry the streams of many exchanges.
//!
//! Invariants: buffers are reserved for one while streams are open on it; a stream that is slow to
//! be read costs the others nothing, since only its own window bounds it.

use std::time::Duration;

use weir_base::{Address, Instant, Key};
use weir_http::h2::floods::Limits;
use weir_http::h2::head::HeadLimits;
use weir_http::h2::hpack::Encoder;
use weir_http::h2::{Code, Connection, Fault, Options, Ours, Role, Tallies};
use weir_sys::Event;

use super::{Line, Made, Peer, Upstream};
use crate::buffers::{Buffers, PER_TLS, Reservation};
use crate::front::StreamId;
use crate::multiplex::{Multiplex, Received, Site, most_inbound};
use crate::socket::Socket;

/// Sessions that wait for one connection to be made; more make another.
const MOST_WAITING: usize = 100;

/// Streams of one connection, whatever its backend takes.
const MOST_STREAMS: usize = 256;

/// Bytes that a stream begins with; its window grows with what is read. Backends hear of it before
/// the first request.
const WINDOW: u32 = 16_384;

/// Buffers that one stream can fill: with a body, which is not read before the heads are, so that
/// the buffer of a body's first part serves both.
pub(crate) fn per_stream(pool: &Buffers) -> usize {
    most_inbound(WINDOW, pool.body())
}

/// The pool has no buffers for a connection now.
pub(crate) struct NoBuffers;

/// What came of driving a shared connection.
pub(crate) struct Broken {
    pub(crate) address: Address,
    pub(crate) fault: Fault,
}

impl Upstream {
    /// A shared connection to `peer` that takes one more, made or being made.
    pub(crate) fn join(&mut self, peer: &Peer, session: Key) -> Option<Key> {
        let keys = self.shared.get(&peer.address)?;
        let key = *keys.iter().find(|key| self.has_room(**key, peer))?;
        if let Line::Making { waiting, .. } = &mut self.backs.get_mut(key)?.line {
            waiting.push(session);
        }
        Some(key)
    }

    fn has_room(&self, key: Key, peer: &Peer) -> bool {
        let Some(back) = self.backs.get(key).filter(|back| back.peer.is_like(peer)) else {
            return false;
        };
        match &back.line {
            Line::Making { waiting, .. } => waiting.len() < MOST_WAITING,
            Line::Shared { link, .. } => {
                let link = self.links.get(*link).filter(|link| !link.closing);
                link.is_some_and(|link| link.machine.room() > 0 && !link.socket.is_broken())
            }
            Line::Single { .. } | Line::Closed => false,
        }
    }

    /// A connection carries streams: who waited for it may open them.
    pub(super) fn share(
        &mut self,
        key: Key,
        session: Key,
        now: Instant,
        pool: &mut Buffers,
    ) -> Made {
        let Some(back) = self.backs.get_mut(key) else { return Made::Refused };
        let line = std::mem::replace(&mut back.line, Line::Closed);
        let (socket, waiting) = match line {
            Line::Making { socket, waiting } => (socket, waiting),
            Line::Single { socket, .. } => (socket, Vec::new()),
            line => {
                back.line = line;
                return Made::Ready;
            }
        };
        self.woken.extend(waiting.into_iter().filter(|other| *other != session));
        let machine = Connection::new(client_options(pool.size()), now);
        if self.carry(key, socket, machine) { Made::Ready } else { Made::Refused }
    }

    /// From now on a connection carries streams; false: there is no place for it.
    pub(super) fn carry(&mut self, key: Key, socket: Socket, machine: Connection) -> bool {
        let Some(back) = self.backs.get_mut(key) else { return false };
        let address = back.peer.address.clone();
        // What the backend said while the connection was being made has had its event.
        let queued = socket.is_readable();
        let Some(link) = self.links.insert(Multiplex::new(socket, machine, None, WINDOW, key))
        else {
            self.drop_back(key);
            return false;
        };
        back.line = Line::Shared { link, buffers: 0, queued, keep: Duration::ZERO };
        if queued {
            self.ready.push(key);
        }
        self.single.remove(&address);
        let keys = self.shared.entry(address).or_default();
        if !keys.contains(&key) {
            keys.push(key);
        }
        self.links.mark(link);
        true
    }

    /// Opens a stream for a session; `None` when the connection takes no more. When it is idle
    /// again it is kept for `timeout`.
    ///
    /// # Errors
    /// Without buffers.
    pub(crate) fn open_stream(
        &mut self,
        key: Key,
        session: Key,
        head_only: bool,
        timeout: Duration,
        pool: &mut Buffers,
    ) -> Result<Option<StreamId>, NoBuffers> {
        let Some(back) = self.backs.get_mut(key) else { return Ok(None) };
        let Line::Shared { link, buffers, keep, .. } = &mut back.line else { return Ok(None) };
        *keep = timeout;
        let Some(connection) = self.links.get(*link).filter(|link| !link.closing) else {
            return Ok(None);
        };
        let idle = !connection.is_busy();
        if *buffers == 0 {
            let wanted = 1 + if connection.socket.is_clear() { 0 } else { PER_TLS };
            if !pool.admit(wanted) {
                return Err(NoBuffers);
            }
            *buffers = wanted;
        }
        let opened = self.links.open(*link, session, head_only);
        if idle && opened.is_some() {
            self.idle.remove(&back.peer.address, key);
        }
        Ok(opened)
    }

    /// The encoder for a head of a stream, if the stream is still there.
    pub(crate) fn encoder(&mut self, id: StreamId) -> Option<&mut Encoder> {
        self.links.encoder(id)
    }

    /// The backend has done nothing about a stream.
    pub(crate) fn was_refused(&self, id: StreamId) -> bool {
        self.links.was_refused(id)
    }

    /// No more streams are opened on a connection.
    pub(crate) fn is_closing(&self, key: Key) -> bool {
        match self.backs.get(key).map(|back| &back.line) {
            Some(Line::Shared { link, .. }) => {
                let link = self.links.get(*link);
                link.is_none_or(|link| link.closing || link.socket.is_broken())
            }
            Some(Line::Single { .. } | Line::Making { .. }) => false,
            Some(Line::Closed) | None => true,
        }
    }

    /// The backend has answered, without a body.
    pub(crate) fn is_bodiless(&self, id: StreamId) -> bool {
        self.links.is_bodiless(id)
    }

    /// What the backend says is no message: it is read as it is.
    pub(crate) fn read_raw(&mut self, id: StreamId) {
        self.links.read_raw(id);
    }

    /// Whether the backend takes other protocols on streams; `None` before it has said so, when
    /// `session` is woken.
    pub(crate) fn takes_protocols(&mut self, key: Key, session: Key) -> Option<bool> {
        let Line::Shared { link, .. } = &self.backs.get(key)?.line else { return None };
        let link = self.links.get_mut(*link)?;
        let told = link.machine.theirs().map(|theirs| theirs.connect_protocol);
        if told.is_none() {
            link.wait_for_settings(session);
        }
        told
    }

    pub(super) fn note_shared(&mut self, key: Key, event: Event) {
        let line = self.backs.get_mut(key).map(|back| &mut back.line);
        let Some(Line::Shared { link, queued, .. }) = line else { return };
        let changed = self.links.get_mut(*link).is_some_and(|l| l.socket.handle_event(event));
        if changed && !std::mem::replace(queued, true) {
            self.ready.push(key);
        }
    }

    /// What happened how often on shared connections.
    pub(crate) fn tallies(&self) -> &Tallies {
        self.links.tallies()
    }

    /// Forgets it.
    pub(crate) fn clear_tallies(&mut self) {
        self.links.clear_tallies();
    }

    /// Some shared connection can be driven.
    pub(crate) fn has_ready(&self) -> bool {
        !self.ready.is_empty()
    }

    /// Reads what came on shared connections; those that broke a rule are told of.
    pub(crate) fn drive_shared(
        &mut self,
        now: Instant,
        text: &mut Vec<u8>,
        pool: &mut Buffers,
        mut broken: impl FnMut(Broken),
    ) {
        for key in std::mem::take(&mut self.ready) {
            let line = self.backs.get_mut(key).map(|back| &mut back.line);
            let Some(Line::Shared { link, queued, buffers, .. }) = line else { continue };
            *queued = false;
            let (link, reserved) = (*link, *buffers > 0);
            // Nothing is reserved for an idle one that the backend speaks to about itself.
            let spare = 1 + PER_TLS;
            if !reserved && !pool.admit(spare) {
                self.close_idle(key, pool);
                continue;
            }
            let received = self.receive(link, now, text, pool);
            if !reserved {
                pool.dismiss(Reservation::Exchange(spare));
            }
            self.received(key, link, received, pool, &mut broken);
        }
    }

    fn receive(
        &mut self,
        link: Key,
        now: Instant,
        text: &mut Vec<u8>,
        pool: &mut Buffers,
    ) -> Received {
        let mut site = self.links.site(now, text, link);
        let Some(connection) = self.links.get_mut(link) else { return Received::Closed };
        if connection.socket.is_broken() && !connection.socket.is_readable() {
            return Received::Closed;
        }
        let received = connection.receive(&mut site, pool);
        let Site { woken, .. } = site;
        self.links.wake(woken);
        self.links.mark(link);
        received
    }

    fn received(
        &mut self,
        key: Key,
        link: Key,
        received: Received,
        pool: &mut Buffers,
        broken: &mut impl FnMut(Broken),
    ) {
        let idle = self.links.get(link).is_some_and(|link| !link.is_busy());
        match received {
            Received::Closed => self.close_idle(key, pool),
            Received::Broken(fault) => {
                if let Some(back) = self.backs.get(key) {
                    broken(Broken { address: back.peer.address.clone(), fault });
                }
                self.close_idle(key, pool);
            }
            Received::More => {
                if let Some(back) = self.backs.get_mut(key)
                    && let Line::Shared { queued, .. } = &mut back.line
                {
                    *queued = true;
                    self.ready.push(key);
                }
            }
            // Between exchanges it must hold nothing.
            Received::Blocked if idle => self.settle(key, pool),
            Received::Blocked => {}
        }
    }

    fn close_idle(&mut self, key: Key, pool: &mut Buffers) {
        if let Some(back) = self.backs.get(key) {
            self.idle.remove(&back.peer.address, key);
        }
        self.close(key, pool);
    }

    /// An idle one that is to close, or holds a part of a frame, goes.
    fn settle(&mut self, key: Key, pool: &mut Buffers) {
        let Some(back) = self.backs.get(key) else { return };
        let Line::Shared { link, .. } = &back.line else { return };
        let done = self.links.get(*link).is_none_or(|link| link.closing || link.holds());
        if done {
            self.close_idle(key, pool);
        }
    }

    /// Sends what streams have written in this turn; connections that have become idle are kept,
    /// or closed.
    pub(crate) fn flush(&mut self, now: Instant, pool: &mut Buffers) {
        self.links.flush(pool);
        while let Some(key) = self.links.carrier() {
            self.came_to_rest(key, now, pool);
        }
    }

    fn came_to_rest(&mut self, key: Key, now: Instant, pool: &mut Buffers) {
        let Some(back) = self.backs.get_mut(key) else { return };
        let Line::Shared { link, buffers, keep, .. } = &mut back.line else { return };
        let Some(connection) = self.links.get(*link) else { return };
        let broken = connection.socket.is_broken();
        if connection.is_busy() && !broken {
            return;
        }
        if broken || connection.closing || connection.holds() {
            return self.close_idle(key, pool);
        }
        pool.dismiss(Reservation::Exchange(std::mem::take(buffers)));
        let keep = *keep;
        self.idle.remove(&back.peer.address, key);
        self.release(key, now, keep);
    }

    pub(super) fn close_link(&mut self, key: Key, pool: &mut Buffers) {
        let line = self.backs.get_mut(key).map(|back| &mut back.line);
        let Some(Line::Shared { link, buffers, .. }) = line else { return };
        let reserved = std::mem::take(buffers);
        if let Some(connection) = self.links.get_mut(*link) {
            connection.machine.go_away(Code::NoError);
            // Who cannot be told is gone.
            let _ = connection.flush(pool);
            connection.socket.say_goodbye(pool);
        }
        self.links.remove(*link, pool);
        pool.dismiss(Reservation::Exchange(reserved));
    }

    pub(super) fn forget_shared(&mut self, address: &Address, key: Key) {
        let Some(keys) = self.shared.get_mut(address) else { return };
        keys.retain(|other| *other != key);
        if keys.is_empty() {
            self.shared.remove(address);
        }
    }

    /// No new streams are opened on connections to an address.
    pub(super) fn retire_shared(&mut self, address: &Address) {
        for key in self.shared.get(address).into_iter().flatten() {
            let line = self.backs.get(*key).map(|back| &back.line);
            if let Some(Line::Shared { link, .. }) = line
                && let Some(link) = self.links.get_mut(*link)
            {
                link.closing = true;
            }
        }
    }
}

/// Backends are not attackers, but one that is broken must not cost memory or time without end.
pub(crate) fn client_options(buffer: usize) -> Options {
    Options {
        role: Role::Client,
        most_streams: MOST_STREAMS,
        ours: Ours {
            header_table: 4_096,
            max_streams: 0,
            connect_protocol: false,
            window: WINDOW,
            connection_window: i32::MAX.cast_unsigned(),
            header_list: 65_536,
        },
        encoder_table: 4_096,
        head: HeadLimits { text: buffer, list: 65_536, fields: 200 },
        floods: Limits {
            resets: u32::MAX,
            resets_in_all: u64::MAX,
            abusive_resets: u64::MAX,
            provoked_resets: u64::MAX,
            window_updates: 10_000,
            glitches: 10_000,
            ..Limits::default()
        },
    }
}
