//! Connections of HTTP/2, and what their streams do with them: those of clients, and those to
//! backends.
//!
//! A connection has one carrier that reads its frames, a session or an entry of the upstream, and
//! each stream has a session, which knows nothing of the others. Frames of all streams are
//! collected and sent once a turn.
//!
//! Must not know: requests. Invariants: what waits to be sent is little more than a buffer's worth,
//! and heads: a stream that has more waits until it is gone; a stream that ends is forgotten here
//! and by the peer.

mod connection;
mod data;
mod inbound;
mod stream;

use weir_base::{Instant, Key, Slab};
use weir_http::h2;

use crate::buffers::Buffers;
use crate::front::StreamId;
pub(crate) use connection::{Begun, Multiplex, Received, Site, WINDOW, most_inbound};
pub(crate) use stream::Block;

/// Connections that carry streams.
pub(crate) struct Multiplexes {
    list: Slab<Multiplex>,
    /// Connections that have something to send.
    dirty: Vec<Key>,
    /// Sessions of streams that can go on.
    woken: Vec<Key>,
    /// Carriers of connections that are idle or broken.
    carriers: Vec<Key>,
    /// Streams that have a session.
    streams: usize,
    /// What happened how often, on all connections.
    tallies: h2::Tallies,
}

impl Multiplexes {
    pub(crate) fn new(sessions: usize) -> Self {
        Self {
            list: Slab::new(sessions),
            dirty: Vec::new(),
            woken: Vec::new(),
            carriers: Vec::new(),
            streams: 0,
            tallies: h2::Tallies::default(),
        }
    }

    pub(crate) fn insert(&mut self, connection: Multiplex) -> Option<Key> {
        self.list.insert(connection).ok()
    }

    pub(crate) fn get(&self, key: Key) -> Option<&Multiplex> {
        self.list.get(key)
    }

    pub(crate) fn get_mut(&mut self, key: Key) -> Option<&mut Multiplex> {
        self.list.get_mut(key)
    }

    /// A connection is over; its streams are told.
    pub(crate) fn remove(&mut self, key: Key, pool: &mut Buffers) -> Option<Multiplex> {
        let mut connection = self.list.remove(key)?;
        if connection.is_busy() {
            connection.machine.tally().ended_busy();
        }
        self.tallies.take(connection.machine.tally());
        self.woken.extend(connection.break_all(pool));
        Some(connection)
    }

    /// Gives a connection without streams away.
    pub(crate) fn take(&mut self, key: Key) -> Option<Multiplex> {
        let mut connection = self.list.remove(key)?;
        self.tallies.take(connection.machine.tally());
        Some(connection)
    }

    /// What happened how often. What has come since something was sent on a connection follows.
    pub(crate) fn tallies(&self) -> &h2::Tallies {
        &self.tallies
    }

    /// Forgets it.
    pub(crate) fn clear_tallies(&mut self) {
        self.tallies = h2::Tallies::default();
    }

    /// Something is to be sent at the end of this turn.
    pub(crate) fn mark(&mut self, key: Key) {
        if let Some(connection) = self.list.get_mut(key)
            && !std::mem::replace(&mut connection.dirty, true)
        {
            self.dirty.push(key);
        }
    }

    /// Sessions that can go on.
    pub(crate) fn woken(&mut self) -> Option<Key> {
        self.woken.pop()
    }

    /// Streams that have a session.
    pub(crate) fn streams(&self) -> usize {
        self.streams
    }

    /// The session of a stream was made.
    pub(crate) fn adopt(&mut self, id: StreamId, session: Key) {
        self.streams += 1;
        if let Some(connection) = self.list.get_mut(id.connection) {
            connection.adopt(id.number, session);
        }
    }

    /// Opens a stream of a connection to a backend; `None` when that takes no more.
    pub(crate) fn open(&mut self, key: Key, session: Key, head_only: bool) -> Option<StreamId> {
        let number = self.list.get_mut(key)?.open(session, head_only)?;
        self.streams += 1;
        Some(StreamId { connection: key, number })
    }

    /// What frames of a connection are received with. Whom they wake is to be given back with
    /// [`Multiplexes::wake`].
    pub(crate) fn site<'a>(
        &mut self,
        now: Instant,
        text: &'a mut Vec<u8>,
        connection: Key,
    ) -> Site<'a> {
        let woken = std::mem::take(&mut self.woken);
        Site { now, text, connection, woken, begun: Vec::new() }
    }

    /// Sessions that can go on because of what came.
    pub(crate) fn wake(&mut self, mut sessions: Vec<Key>) {
        sessions.append(&mut self.woken);
        self.woken = sessions;
    }

    /// The next carrier whose connection is idle or broken.
    pub(crate) fn carrier(&mut self) -> Option<Key> {
        self.carriers.pop()
    }

    /// Sends what was collected.
    pub(crate) fn flush(&mut self, pool: &mut Buffers) {
        for key in std::mem::take(&mut self.dirty) {
            let Some(connection) = self.list.get_mut(key) else { continue };
            connection.dirty = false;
            match connection.flush(pool) {
                Ok(true) => {
                    if connection.unblock(&mut self.woken) {
                        connection.dirty = true;
                        self.dirty.push(key);
                    }
                }
                Ok(false) => {}
                Err(_) => self.carriers.push(connection.carrier()),
            }
            self.tallies.take(connection.machine.tally());
        }
    }

    /// A stream that no session can be made for is refused; the client may try it again.
    pub(crate) fn refuse(&mut self, id: StreamId) {
        if let Some(connection) = self.list.get_mut(id.connection) {
            connection.machine.reset(id.number, h2::Code::RefusedStream);
            connection.forget(id.number);
        }
        self.mark(id.connection);
    }
}
