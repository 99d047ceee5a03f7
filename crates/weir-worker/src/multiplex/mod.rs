//! Connections of HTTP/2 with clients, and what their streams do with them.
//!
//! A connection has one session that reads its frames, and one for each stream, which knows nothing
//! of the others. Frames of all streams are collected and sent once a turn.
//!
//! Must not know: requests. Invariants: what waits to be sent is little more than a buffer's worth,
//! and heads: a stream that has more waits until it is gone; a stream that ends is forgotten here
//! and by the peer.

mod connection;
mod stream;

use weir_base::{Key, Slab};
use weir_http::h2;

use crate::buffers::Buffers;
use crate::front::StreamId;
pub(crate) use connection::{Born, Multiplex, Received, Site, WINDOW};
pub(crate) use stream::Block;

/// All connections of a worker that carry streams.
pub(crate) struct Multiplexes {
    list: Slab<Multiplex>,
    /// Connections that have something to send.
    dirty: Vec<Key>,
    /// Sessions that can go on.
    woken: Vec<Key>,
    /// Streams that have no session yet.
    born: Vec<Born>,
    /// Streams that have a session.
    streams: usize,
}

impl Multiplexes {
    pub(crate) fn new(sessions: usize) -> Self {
        Self {
            list: Slab::new(sessions),
            dirty: Vec::new(),
            woken: Vec::new(),
            born: Vec::new(),
            streams: 0,
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
        self.woken.extend(connection.break_all(pool));
        Some(connection)
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

    /// The next stream that has no session.
    pub(crate) fn born(&mut self) -> Option<Born> {
        self.born.pop()
    }

    /// Sends what was collected. A connection that is broken wakes its session.
    pub(crate) fn flush(&mut self, pool: &mut Buffers) {
        for key in std::mem::take(&mut self.dirty) {
            let Some(connection) = self.list.get_mut(key) else { continue };
            connection.dirty = false;
            match connection.flush(pool) {
                Ok(true) => self.woken.extend(connection.unblock()),
                Ok(false) => {}
                Err(_) => self.woken.push(connection.session()),
            }
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
