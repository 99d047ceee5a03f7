//! One connection: frames in and out.

use std::collections::VecDeque;
use std::io::{self, IoSlice};
use std::net::SocketAddr;
use std::rc::Rc;

use weir_base::{Instant, Key};
use weir_http::h2::{self, Event, Fault, Priority};

use crate::buffers::{Buffer, Buffers, PER_EXCHANGE};
use crate::front::StreamId;
use crate::session::TlsClient;
use crate::socket::{Read, Socket};
use crate::tables::ListenerSettings;

/// Frames that are collected before DATA waits, in bytes.
pub(super) const OUT_BYTES: usize = 16 * 1024 + h2::frame::HEADER;

/// A stream whose session is to be made.
pub(crate) struct Born {
    pub(crate) id: StreamId,
    /// The text of its request.
    pub(crate) text: Buffer,
    pub(crate) client: SocketAddr,
    pub(crate) listener: Key,
    pub(crate) settings: Rc<ListenerSettings>,
    pub(crate) tls: Option<Rc<TlsClient>>,
}

/// What a connection keeps of a stream.
pub(super) struct Entry {
    pub(super) number: u32,
    /// `None` until it is made.
    pub(super) session: Option<Key>,
    /// Bytes of the body that the session has not read.
    pub(super) inbound: VecDeque<Buffer>,
    /// No more will come.
    pub(super) ended: bool,
    /// The peer, or the end of the connection, gave it up.
    pub(super) dead: bool,
    /// Its session has bytes that could not be written.
    pub(super) blocked: bool,
    /// Everything was written.
    pub(super) finished: bool,
    pub(super) priority: Priority,
}

/// A connection that carries streams.
pub(crate) struct Multiplex {
    pub(crate) socket: Socket,
    pub(crate) machine: h2::Connection,
    /// A part of a frame.
    inbound: Option<Buffer>,
    pub(super) out: Vec<u8>,
    /// Bytes of `out` that were sent.
    sent: usize,
    /// The last frame in `out`, if it is DATA: of which stream, and where.
    pub(super) last: Option<(u32, usize)>,
    pub(super) entries: Vec<Entry>,
    pub(super) dirty: bool,
    session: Key,
    /// It is not to be used for new streams.
    pub(crate) closing: bool,
    /// Clusters in whose per-address count the connection is.
    pub(crate) counted: Vec<Key>,
}

/// What reading came to.
pub(crate) enum Received {
    /// Nothing more now.
    Blocked,
    /// There may be more; others come first.
    More,
    /// The peer is gone.
    Closed,
    /// The peer broke a rule; it has been told.
    Broken(Fault),
}

/// Reads of one turn.
const READS: usize = 4;

impl Multiplex {
    /// Over a socket; `begun` is what was received already.
    pub(crate) fn new(
        socket: Socket,
        machine: h2::Connection,
        begun: Option<Buffer>,
        session: Key,
    ) -> Self {
        Self {
            socket,
            machine,
            inbound: begun,
            out: Vec::new(),
            sent: 0,
            last: None,
            entries: Vec::new(),
            dirty: false,
            session,
            closing: false,
            counted: Vec::new(),
        }
    }

    pub(super) fn session(&self) -> Key {
        self.session
    }

    /// Buffers of the pool are held.
    pub(crate) fn holds(&self) -> bool {
        self.inbound.is_some() || self.socket.holds()
    }

    /// Streams are open.
    pub(crate) fn is_busy(&self) -> bool {
        !self.entries.is_empty()
    }

    /// Gives back what is held.
    pub(crate) fn release(&mut self, pool: &mut Buffers) {
        if let Some(buffer) = self.inbound.take() {
            pool.give(buffer);
        }
        self.socket.release(pool);
    }

    pub(super) fn entry(&mut self, number: u32) -> Option<&mut Entry> {
        let at = self.entries.binary_search_by_key(&number, |entry| entry.number).ok()?;
        self.entries.get_mut(at)
    }

    pub(super) fn find(&self, number: u32) -> Option<&Entry> {
        let at = self.entries.binary_search_by_key(&number, |entry| entry.number).ok()?;
        self.entries.get(at)
    }

    /// The session of a stream was made.
    pub(crate) fn adopt(&mut self, number: u32, session: Key) {
        if let Some(entry) = self.entry(number) {
            entry.session = Some(session);
        }
    }

    pub(super) fn forget(&mut self, number: u32) -> Option<Entry> {
        let at = self.entries.binary_search_by_key(&number, |entry| entry.number).ok()?;
        Some(self.entries.remove(at))
    }

    /// The connection is over: the sessions of its streams.
    pub(super) fn break_all(&mut self, pool: &mut Buffers) -> Vec<Key> {
        self.release(pool);
        let entries = self.entries.drain(..);
        let sessions = entries.filter_map(|mut entry| {
            entry.inbound.drain(..).for_each(|buffer| pool.give(buffer));
            entry.session
        });
        sessions.collect()
    }

    /// Sessions that may write now, the most urgent last: they are taken from the end.
    pub(super) fn unblock(&mut self) -> Vec<Key> {
        let mut ready: Vec<_> = self
            .entries
            .iter_mut()
            .filter_map(|entry| {
                let blocked = std::mem::take(&mut entry.blocked);
                Some((entry.priority, entry.number, entry.session.filter(|_| blocked)?))
            })
            .collect();
        ready.sort_by_key(|(priority, number, _)| std::cmp::Reverse((*priority, *number)));
        ready.into_iter().map(|(_, _, session)| session).collect()
    }

    /// Sends what waits; true when nothing does any more.
    pub(crate) fn flush(&mut self, pool: &mut Buffers) -> io::Result<bool> {
        self.out.append(self.machine.control());
        self.socket.flush(pool)?;
        while self.sent < self.out.len() {
            let n = self.socket.write(&[IoSlice::new(&self.out[self.sent..])], pool)?;
            if n == 0 {
                return Ok(false);
            }
            self.sent += n;
            self.last = None;
        }
        self.sent = 0;
        self.out.clear();
        if self.entries.is_empty() {
            self.out = Vec::new();
        }
        Ok(self.socket.is_flushed())
    }

    /// Bytes that wait to be sent.
    pub(super) fn waiting(&self) -> usize {
        self.out.len() - self.sent
    }

    /// Reads frames and hands on what they bring. `text` is where heads are written; who can go on
    /// is woken, who is new is born.
    pub(crate) fn receive(&mut self, site: &mut Site<'_>, pool: &mut Buffers) -> Received {
        for _ in 0..READS {
            if let Some(mut buffer) = self.inbound.take() {
                let result = self.frames(&mut buffer, site, pool);
                buffer.compact(0);
                if buffer.unread.is_empty() {
                    pool.give(buffer);
                } else {
                    self.inbound = Some(buffer);
                }
                if let Err(fault) = result {
                    self.machine.go_away(fault.code());
                    return Received::Broken(fault);
                }
            }
            if !self.socket.is_readable() {
                return Received::Blocked;
            }
            let mut buffer = self.inbound.take().unwrap_or_else(|| pool.take());
            let read = self.socket.read(buffer.room(), pool);
            if let Read::Data(n) = read {
                buffer.filled(n);
            }
            if buffer.unread.is_empty() {
                pool.give(buffer);
            } else {
                self.inbound = Some(buffer);
            }
            match read {
                Read::Data(_) => {}
                Read::Blocked => return Received::Blocked,
                Read::Closed | Read::Failed(_) => return Received::Closed,
            }
        }
        Received::More
    }

    fn frames(
        &mut self,
        buffer: &mut Buffer,
        site: &mut Site<'_>,
        pool: &mut Buffers,
    ) -> Result<(), Fault> {
        loop {
            let bytes = &buffer.bytes[buffer.unread.clone()];
            let step = self.machine.receive(bytes, site.now, site.text)?;
            if step.consumed == 0 {
                return Ok(());
            }
            self.event(step.event, bytes, site, pool);
            buffer.unread.start += step.consumed;
        }
    }

    fn event(&mut self, event: Event, bytes: &[u8], site: &mut Site<'_>, pool: &mut Buffers) {
        match event {
            Event::Nothing => {}
            Event::Request { stream, told, end } => {
                self.open(stream, told.priority.unwrap_or_default(), end, site, pool);
            }
            Event::Data { stream, start, len, end } => {
                self.data(stream, &bytes[start..start + len], end, pool);
                site.wake(self.find(stream));
            }
            Event::End { stream } => {
                if let Some(entry) = self.entry(stream) {
                    entry.ended = true;
                }
                site.wake(self.find(stream));
            }
            Event::Reset { stream } => {
                if let Some(entry) = self.entry(stream) {
                    entry.dead = true;
                }
                site.wake(self.find(stream));
            }
            Event::Window { stream: 0 } => site.woken.extend(self.unblock()),
            Event::Window { stream } => {
                if let Some(entry) = self.entry(stream) {
                    entry.blocked = false;
                }
                site.wake(self.find(stream));
            }
            Event::Priority { stream, priority } => {
                if let Some(entry) = self.entry(stream) {
                    entry.priority = priority;
                }
            }
            Event::GoAway => self.closing = true,
        }
    }

    /// A request began. Without buffers for it, it is refused: the client may try it again.
    fn open(
        &mut self,
        number: u32,
        priority: Priority,
        bodiless: bool,
        site: &mut Site<'_>,
        pool: &mut Buffers,
    ) {
        let buffers = PER_EXCHANGE + if bodiless { 0 } else { most_inbound(pool.size()) };
        if !pool.admit(buffers) {
            return self.machine.reset(number, h2::Code::RefusedStream);
        }
        let mut text = pool.take();
        text.room()[..site.text.len()].copy_from_slice(site.text);
        text.filled(site.text.len());
        self.entries.push(Entry {
            number,
            session: None,
            inbound: VecDeque::new(),
            ended: bodiless,
            dead: false,
            blocked: false,
            finished: false,
            priority,
        });
        let id = StreamId { connection: site.connection, number, bodiless, buffers };
        site.born.push(Born {
            id,
            text,
            client: site.client,
            listener: site.listener,
            settings: Rc::clone(site.settings),
            tls: site.tls.cloned(),
        });
    }

    fn data(&mut self, number: u32, bytes: &[u8], end: bool, pool: &mut Buffers) {
        let Some(entry) = self.entry(number).filter(|entry| !entry.dead) else {
            return self.machine.consumed(number, bytes.len());
        };
        entry.ended |= end;
        let mut rest = bytes;
        while !rest.is_empty() {
            if entry.inbound.back().is_none_or(Buffer::is_full) {
                entry.inbound.push_back(pool.take());
            }
            let Some(buffer) = entry.inbound.back_mut() else { return };
            let n = buffer.room().len().min(rest.len());
            buffer.room()[..n].copy_from_slice(&rest[..n]);
            buffer.filled(n);
            rest = &rest[n..];
        }
    }
}

/// Bytes that a stream begins with. A smaller window would hold only once the peer has heard of it
/// (RFC 9113 §6.9.2).
pub(crate) const WINDOW: u32 = 65_535;

/// Buffers that a window's worth can take: the first one may be read to its last byte.
fn most_inbound(size: usize) -> usize {
    (WINDOW as usize).div_ceil(size) + 1
}

/// What a connection's frames are received with.
pub(crate) struct Site<'a> {
    pub(crate) now: Instant,
    pub(crate) text: &'a mut Vec<u8>,
    pub(crate) connection: Key,
    pub(crate) client: SocketAddr,
    pub(crate) listener: Key,
    pub(crate) settings: &'a Rc<ListenerSettings>,
    pub(crate) tls: Option<&'a Rc<TlsClient>>,
    pub(crate) woken: Vec<Key>,
    pub(crate) born: Vec<Born>,
}

impl Site<'_> {
    fn wake(&mut self, entry: Option<&Entry>) {
        self.woken.extend(entry.and_then(|entry| entry.session));
    }
}
