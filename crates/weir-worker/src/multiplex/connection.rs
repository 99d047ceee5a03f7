//! One connection: frames in and out.

use std::io::{self, IoSlice};

use weir_base::{Instant, Key};
use weir_control::channel::PassedStreams;
use weir_http::h2::head::Told;
use weir_http::h2::{self, Code, Event, Fault, Numbered, Priority};

use super::inbound::Inbound;
use crate::buffers::{Buffer, Buffers, PER_EXCHANGE, Reservation};
use crate::front::{Stream, StreamId};
use crate::session::Counted;
use crate::socket::{Read, Socket};

/// Frames that are collected before DATA waits, in bytes.
pub(super) const OUT_BYTES: usize = 16 * 1024 + h2::frame::HEADER;

/// Room for that many bytes stays when a connection has no streams.
const KEPT: usize = 2 * 1024;

/// A stream that a client opened, whose session is to be made.
pub(crate) struct Begun {
    pub(crate) stream: Stream,
    /// The text of its request.
    pub(crate) text: Buffer,
}

/// Why nothing more comes of a stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Gone {
    /// The peer has done nothing about it.
    Refused,
    /// It was given up.
    Reset,
}

/// What a connection keeps of a stream.
pub(super) struct Entry {
    /// `None` until it is made.
    pub(super) session: Option<Key>,
    pub(super) inbound: Inbound,
    /// The peer, or the end of the connection, gave it up.
    pub(super) gone: Option<Gone>,
    /// The peer wants nothing more of us; what it said is complete.
    pub(super) deaf: bool,
    /// Its session has bytes that could not be written.
    pub(super) blocked: bool,
    /// Its session has a head that would only have waited.
    pub(super) congested: bool,
    /// Everything was written.
    pub(super) finished: bool,
    pub(super) priority: Priority,
    /// The turn of sending in which a full frame of it was sent at once: others have theirs first.
    pub(super) sent_in: u32,
    /// When DATA of it was last written, among all of the connection.
    pub(super) turn: u64,
    pub(super) width: Width,
}

impl Entry {
    fn new(session: Option<Key>, window: u32) -> Self {
        Self {
            session,
            inbound: Inbound::default(),
            gone: None,
            deaf: false,
            blocked: false,
            congested: false,
            finished: false,
            priority: Priority::default(),
            sent_in: 0,
            turn: 0,
            width: Width { window, read: 0, buffers: 0 },
        }
    }
}

/// The order in which streams write: who shares with others of its urgency goes behind those that
/// have waited longer (RFC 9218 §10).
fn rank(priority: Priority, turn: u64, number: u32) -> (Priority, u64, u32) {
    (priority, if priority.incremental { turn } else { 0 }, number)
}

/// How wide a stream's receive window is.
pub(super) struct Width {
    window: u32,
    /// Bytes that were read since it has grown.
    read: usize,
    /// Buffers that are reserved beyond those of a window that has not grown.
    pub(super) buffers: usize,
}

impl Width {
    /// A reader that has taken all there was of twice the window gets a window twice as wide, while
    /// half of the pool is free; by how many bytes it grows.
    pub(super) fn grow(&mut self, read: usize, all: bool, pool: &mut Buffers) -> Option<u32> {
        self.read += read;
        let waits = all && self.read >= 2 * self.window as usize && self.window < WIDEST;
        let buffers = (self.window as usize).div_ceil(pool.body());
        if !waits || !pool.admit_lavishly(buffers) {
            return None;
        }
        self.buffers += buffers;
        self.read = 0;
        self.window *= 2;
        Some(self.window / 2)
    }
}

/// The widest window of a stream, in bytes.
const WIDEST: u32 = 16 * WINDOW;

/// A connection that carries streams.
pub(crate) struct Multiplex {
    pub(crate) socket: Socket,
    pub(crate) machine: h2::Connection,
    /// A part of a frame.
    inbound: Option<Buffer>,
    pub(super) out: Vec<u8>,
    /// Bytes of `out` that were sent.
    pub(super) sent: usize,
    pub(super) entries: Numbered<Entry>,
    pub(super) dirty: bool,
    /// The present turn of sending.
    pub(super) sending: u32,
    /// Writes of DATA so far.
    pub(super) turns: u64,
    /// Bytes that a stream begins with.
    window: u32,
    carrier: Key,
    /// It is not to be used for new streams.
    pub(crate) closing: bool,
    /// Sessions that wait to hear what the peer wants.
    curious: Vec<Key>,
    /// Clusters in whose per-address count the connection is.
    pub(crate) counted: Vec<Counted>,
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

/// Streams that write in one turn: few more than what a socket takes at once comes from.
const AT_ONCE: usize = 8;

/// Reads of one turn.
const READS: usize = 4;

impl Multiplex {
    /// Over a socket; `begun` is what was received already.
    pub(crate) fn new(
        socket: Socket,
        mut machine: h2::Connection,
        begun: Option<Buffer>,
        window: u32,
        carrier: Key,
    ) -> Self {
        // Nothing goes before its greeting.
        let out = std::mem::take(machine.control());
        Self {
            socket,
            machine,
            inbound: begun,
            out,
            sent: 0,
            entries: Numbered::default(),
            dirty: false,
            sending: 1,
            turns: 0,
            window,
            carrier,
            closing: false,
            curious: Vec::new(),
            counted: Vec::new(),
        }
    }

    /// Another worker can go on with it: no stream is open, and no end was announced.
    pub(crate) fn can_part(&self) -> bool {
        let quiet = self.entries.is_empty() && self.curious.is_empty();
        quiet && !self.closing && self.machine.can_part() && self.socket.can_part()
    }

    /// Takes it apart; its buffer goes back.
    pub(crate) fn part(mut self, pool: &mut Buffers) -> (Socket, PassedStreams) {
        let received = self.inbound.take().map(|buffer| {
            let bytes = buffer.unread().to_vec();
            pool.give(buffer);
            bytes
        });
        let mut unsent = self.out.split_off(self.sent);
        self.machine.send_control(&mut unsent);
        let (carried, received) = (self.machine.part(), received.unwrap_or_default());
        (self.socket, PassedStreams { carried, received, unsent })
    }

    /// Who reads its frames.
    pub(crate) fn carrier(&self) -> Key {
        self.carrier
    }

    /// Buffers of the pool are held.
    pub(crate) fn holds(&self) -> bool {
        self.inbound.is_some() || self.socket.holds()
    }

    /// How many streams are open.
    pub(crate) fn streams(&self) -> usize {
        self.entries.len()
    }

    /// Streams are open.
    pub(crate) fn is_busy(&self) -> bool {
        !self.entries.is_empty()
    }

    /// Wakes a session when the peer has said what it wants.
    pub(crate) fn wait_for_settings(&mut self, session: Key) {
        self.curious.push(session);
    }

    /// Gives back what is held.
    pub(crate) fn release(&mut self, pool: &mut Buffers) {
        if let Some(buffer) = self.inbound.take() {
            pool.give(buffer);
        }
        self.socket.release(pool);
    }

    pub(super) fn entry(&mut self, number: u32) -> Option<&mut Entry> {
        self.entries.get_mut(number)
    }

    pub(super) fn find(&self, number: u32) -> Option<&Entry> {
        self.entries.get(number)
    }

    /// The session of a stream was made.
    pub(crate) fn adopt(&mut self, number: u32, session: Key) {
        if let Some(entry) = self.entry(number) {
            entry.session = Some(session);
        }
    }

    pub(super) fn forget(&mut self, number: u32) -> Option<Entry> {
        self.entries.remove(number)
    }

    /// The connection is over: the sessions of its streams.
    pub(super) fn break_all(&mut self, pool: &mut Buffers) -> Vec<Key> {
        self.release(pool);
        let entries = self.entries.drain();
        let sessions = entries.filter_map(|mut entry| {
            entry.give_back(pool);
            entry.session
        });
        sessions.chain(self.curious.drain(..)).collect()
    }

    /// Wakes some of the sessions that may write now, the most urgent last: they are taken from the
    /// end. True if there are others, which have their turn when these have written.
    pub(super) fn unblock(&mut self, woken: &mut Vec<Key>) -> bool {
        let Self { entries, machine, .. } = self;
        let mut ready: Vec<_> = entries
            .iter_mut()
            .filter(|(number, entry)| {
                entry.congested || entry.blocked && machine.sendable(*number) > 0
            })
            .filter_map(|(number, entry)| {
                Some((rank(entry.priority, entry.turn, number), entry.session?, entry))
            })
            .collect();
        let crowded = ready.len() > AT_ONCE;
        if crowded {
            ready.select_nth_unstable_by_key(AT_ONCE, |(rank, ..)| *rank);
            ready.truncate(AT_ONCE);
        }
        ready.sort_unstable_by_key(|(rank, ..)| std::cmp::Reverse(*rank));
        woken.extend(ready.into_iter().map(|(_, session, entry)| {
            (entry.blocked, entry.congested) = (false, false);
            session
        }));
        crowded
    }

    /// Sends what waits; true when nothing does any more.
    pub(crate) fn flush(&mut self, pool: &mut Buffers) -> io::Result<bool> {
        self.sending = self.sending.wrapping_add(1);
        self.machine.send_control(&mut self.out);
        self.socket.flush(pool)?;
        while self.sent < self.out.len() {
            let n = self.socket.write(&[IoSlice::new(&self.out[self.sent..])], pool)?;
            if n == 0 {
                return Ok(false);
            }
            self.sent += n;
        }
        self.sent = 0;
        self.out.clear();
        if self.entries.is_empty() && self.out.capacity() > KEPT {
            self.out = Vec::new();
        }
        Ok(self.socket.is_flushed())
    }

    /// Bytes that wait to be sent.
    pub(super) fn waiting(&self) -> usize {
        self.out.len() - self.sent
    }

    /// Reads frames and hands on what they bring.
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
                    if let Fault::Flood(what) = fault {
                        self.machine.tally().flooded(what);
                    }
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
            if !self.curious.is_empty() && self.machine.theirs().is_some() {
                site.woken.append(&mut self.curious);
            }
        }
    }

    fn event(&mut self, event: Event, bytes: &[u8], site: &mut Site<'_>, pool: &mut Buffers) {
        match event {
            Event::Nothing => {}
            Event::Request { stream, told, end } => {
                self.begin(stream, told, end, site, pool);
            }
            Event::Response { stream, length, end } => {
                self.response(stream, length, end, site.text, pool);
                site.wake(self.find(stream));
            }
            Event::Data { stream, start, len, end } => {
                self.data(stream, &bytes[start..start + len], end, pool);
                site.wake(self.find(stream));
            }
            Event::End { stream } => {
                if let Some(entry) = self.entry(stream) {
                    entry.inbound.end(site.text);
                }
                site.wake(self.find(stream));
            }
            Event::Reset { stream, code } => {
                self.was_reset(stream, code);
                site.wake(self.find(stream));
            }
            // Those who are not woken now are when it is next flushed.
            Event::Window { stream: 0 } => _ = self.unblock(&mut site.woken),
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
            Event::GoAway { last } => self.goes_away(last, site),
        }
    }

    /// A request began. Without buffers for it, it is refused: the client may try it again.
    fn begin(
        &mut self,
        number: u32,
        told: Told,
        bodiless: bool,
        site: &mut Site<'_>,
        pool: &mut Buffers,
    ) {
        let buffers =
            PER_EXCHANGE + if bodiless { 0 } else { most_inbound(self.window, pool.body()) };
        if !pool.admit(buffers) {
            return self.machine.reset(number, Code::RefusedStream);
        }
        let text = if bodiless { Buffers::exact(site.text) } else { pool.filled(site.text) };
        let mut entry = Entry::new(None, self.window);
        entry.priority = told.priority.unwrap_or_default();
        let tunnel = told.is_extended_connect;
        entry.inbound.chunked = !bodiless && !tunnel && told.length.is_none();
        if bodiless {
            entry.inbound.end(b"");
        }
        self.entries.push(number, entry);
        let id = StreamId { connection: site.connection, number };
        let stream = Stream { id, bodiless: bodiless || tunnel, buffers, tunnel };
        site.begun.push(Begun { stream, text });
    }

    /// Opens a stream for a session; `None` when the peer takes no more.
    pub(super) fn open(&mut self, session: Key, head_only: bool) -> Option<u32> {
        let number = self.machine.open(head_only)?;
        self.entries.push(number, Entry::new(Some(session), self.window));
        Some(number)
    }

    fn response(
        &mut self,
        number: u32,
        length: Option<u64>,
        end: bool,
        text: &[u8],
        pool: &mut Buffers,
    ) {
        let Some(entry) = self.entry(number).filter(|entry| entry.gone.is_none()) else { return };
        if !entry.inbound.push_head(text, pool) {
            entry.gone = Some(Gone::Reset);
            return self.machine.reset(number, Code::EnhanceYourCalm);
        }
        entry.inbound.chunked = length.is_none() && !end;
        if end {
            entry.inbound.end(b"");
        }
    }

    fn data(&mut self, number: u32, bytes: &[u8], end: bool, pool: &mut Buffers) {
        let Some(entry) = self.entry(number).filter(|entry| entry.gone.is_none()) else {
            return self.machine.consumed(number, bytes.len());
        };
        entry.inbound.push_body(bytes, pool);
        if end {
            entry.inbound.end(b"");
        }
    }

    /// A server that has answered may not want the rest of the request (RFC 9113 §8.1).
    fn was_reset(&mut self, number: u32, code: Code) {
        let client = self.machine.role() == h2::Role::Client;
        let Some(entry) = self.entry(number) else { return };
        if client && entry.inbound.is_ended() {
            entry.deaf = true;
        } else {
            let refused = client && code == Code::RefusedStream;
            entry.gone = Some(if refused { Gone::Refused } else { Gone::Reset });
        }
    }

    /// The peer serves no streams but those it has begun with.
    fn goes_away(&mut self, last: u32, site: &mut Site<'_>) {
        self.closing = true;
        if self.machine.role() == h2::Role::Server {
            return;
        }
        for (_, entry) in self.entries.iter_mut().filter(|(number, _)| *number > last) {
            entry.gone = Some(Gone::Refused);
            site.woken.extend(entry.session);
        }
    }
}

impl Entry {
    /// Gives back what is held; how many bytes of the body were not read.
    pub(super) fn give_back(&mut self, pool: &mut Buffers) -> usize {
        pool.dismiss(Reservation::Exchange(std::mem::take(&mut self.width.buffers)));
        self.inbound.drop_all(pool)
    }
}

/// Bytes that a client's stream begins with. A smaller window would hold only once the peer has
/// heard of it (RFC 9113 §6.9.2).
pub(crate) const WINDOW: u32 = 65_535;

/// Buffers that a window's worth can take, of which each takes that many bytes: the first one may
/// be read to its last byte.
pub(crate) fn most_inbound(window: u32, size: usize) -> usize {
    (window as usize).div_ceil(size) + 1
}

/// What a connection's frames are received with.
pub(crate) struct Site<'a> {
    pub(crate) now: Instant,
    /// Where heads are written.
    pub(crate) text: &'a mut Vec<u8>,
    pub(crate) connection: Key,
    /// Sessions that can go on.
    pub(crate) woken: Vec<Key>,
    /// Streams that a client opened.
    pub(crate) begun: Vec<Begun>,
}

impl Site<'_> {
    fn wake(&mut self, entry: Option<&Entry>) {
        self.woken.extend(entry.and_then(|entry| entry.session));
    }
}
