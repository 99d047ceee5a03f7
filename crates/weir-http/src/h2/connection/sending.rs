//! What streams and the connection send.

use super::super::frame::{self, HEADER, Header, Kind, MAX_PAYLOAD, flag};
use super::super::hpack::Encoder;
use super::super::stream::{self, State};
use super::super::{Code, Ours, Tally, Theirs};
use super::streams::Stream;
use super::{Connection, FAREWELL, Role};

/// Streams that a peer is expected to take before it has said how many (RFC 9113 §6.5.2).
const UNTOLD_STREAMS: u32 = 100;

impl Connection {
    /// Appends what waits to be sent before anything else.
    pub fn send_control(&mut self, out: &mut Vec<u8>) {
        self.tally.sent_control(&self.control);
        out.append(&mut self.control);
    }

    /// What happened how often.
    pub fn tally(&mut self) -> &mut Tally {
        &mut self.tally
    }

    /// What waits to be sent before anything else. The caller takes it out.
    pub fn control(&mut self) -> &mut Vec<u8> {
        &mut self.control
    }

    /// Opens a stream, whose head is to be written next; `None` when the peer takes no more.
    /// `head_only`: the response will have no body.
    pub fn open(&mut self, head_only: bool) -> Option<u32> {
        let first = self.last == 0;
        let id = if first { 1 } else { self.last.checked_add(2).filter(|id| *id < 1 << 31)? };
        if self.room() == 0 {
            return None;
        }
        self.last = id;
        let fresh = self.fresh_stream(State::Open);
        self.streams.push(id, Stream { head_only, ..fresh });
        Some(id)
    }

    /// Which end this is.
    pub fn role(&self) -> Role {
        self.options.role
    }

    /// How many more streams can be opened now.
    pub fn room(&self) -> usize {
        let spent = self.closed_by_peer || self.last >= (1 << 31) - 2;
        let told = if self.introduced { self.theirs.max_streams } else { UNTOLD_STREAMS };
        let most = if spent { 0 } else { told as usize };
        most.min(self.options.most_streams).saturating_sub(self.streams.len())
    }

    /// What the peer wants; `None` before it has said so.
    pub fn theirs(&self) -> Option<&Theirs> {
        Some(&self.theirs).filter(|_| self.introduced)
    }

    /// Lets the peer send that many more bytes on a stream than it could so far.
    pub fn widen(&mut self, id: u32, bytes: u32) {
        let Some(stream) = self.streams.get_mut(id) else { return };
        let more = matches!(stream.state, State::Open | State::HalfClosedLocal);
        if more && stream.receive.give(bytes).is_ok() {
            frame::write_window_update(id, bytes, &mut self.control);
        }
    }

    /// Streams that are open.
    pub fn open_streams(&self) -> usize {
        self.streams.len()
    }

    /// A stream is open, or half of it.
    pub fn is_open(&self, id: u32) -> bool {
        self.streams.get(id).is_some()
    }

    /// The encoder of header blocks; whoever uses it sends what it makes, in order.
    pub fn encoder(&mut self) -> &mut Encoder {
        &mut self.encoder
    }

    /// Appends a header block of a stream as HEADERS and as many CONTINUATION as it takes.
    pub fn write_head(&mut self, id: u32, block: &[u8], end: bool, out: &mut Vec<u8>) {
        let role = self.options.role;
        let Some(stream) = self.streams.get_mut(id) else { return };
        stream.responded |= role == Role::Server;
        let most = self.theirs.max_payload.min(MAX_PAYLOAD);
        let mut pieces = block.chunks(most).peekable();
        let mut kind = Kind::Headers;
        let mut flags = if end { flag::END_STREAM } else { 0 };
        while let Some(piece) = pieces.next() {
            if pieces.peek().is_none() {
                flags |= flag::END_HEADERS;
            }
            frame::write(kind, flags, id, piece, out);
            self.tally.sent(kind);
            (kind, flags) = (Kind::Continuation, 0);
        }
        if end {
            self.sent_end(id);
        }
    }

    /// Bytes of DATA that a stream may send in one frame now.
    pub fn sendable(&self, id: u32) -> usize {
        let Some(stream) = self.streams.get(id) else { return 0 };
        let window = stream.send.available().min(self.send.available());
        window.min(self.theirs.max_payload).min(MAX_PAYLOAD)
    }

    /// The header of a DATA frame of `len` bytes, at most [`Self::sendable`].
    pub fn data_header(&mut self, id: u32, len: usize, end: bool) -> [u8; HEADER] {
        if let Some(stream) = self.streams.get_mut(id) {
            // Within both windows: `len` was asked for.
            let _ = (stream.send.take(len), self.send.take(len));
            self.floods.sent_data();
            self.tally.sent(Kind::Data);
        }
        if end {
            self.sent_end(id);
        }
        let flags = if end { flag::END_STREAM } else { 0 };
        Header { len, kind: Kind::Data, flags, stream: id }.bytes()
    }

    /// The end of a stream was sent.
    pub fn sent_end(&mut self, id: u32) {
        let Some(stream) = self.streams.get_mut(id) else { return };
        if let Ok(next) = stream.state.next(stream::Event::SentEnd) {
            stream.state = next;
        }
        if stream.state == State::Closed {
            self.streams.remove(id);
        }
    }

    /// Gives a stream up.
    pub fn reset(&mut self, id: u32, code: Code) {
        if self.streams.get(id).is_some() {
            self.streams.remove(id);
            frame::write_reset(id, code, &mut self.control);
        }
    }

    /// A reader has taken bytes of a stream: the peer may send as many more, which it is told when
    /// they are half a window.
    pub fn consumed(&mut self, id: u32, bytes: usize) {
        self.credit += bytes as u32;
        self.give_back();
        let Ours { window, .. } = self.options.ours;
        let Some(stream) = self.streams.get_mut(id) else { return };
        stream.credit += bytes as u32;
        let more = matches!(stream.state, State::Open | State::HalfClosedLocal);
        if more && stream.credit >= window / 2 {
            let _ = stream.receive.give(stream.credit);
            frame::write_window_update(id, stream.credit, &mut self.control);
            stream.credit = 0;
        }
    }

    /// Gives back to the peer what was read of all streams, when it is half a window.
    pub(super) fn give_back(&mut self) {
        if self.credit >= self.options.ours.connection_window / 2 {
            // It was received: it fits.
            let _ = self.receive.give(self.credit);
            frame::write_window_update(0, self.credit, &mut self.control);
            self.credit = 0;
        }
    }

    /// Tells the peer that the end is near. It may have opened streams that we do not know of: when
    /// it has answered, [`Self::go_away`] follows by itself (RFC 9113 §6.8).
    pub fn warn_of_end(&mut self) {
        self.warned = true;
        frame::write_goaway(0x7fff_ffff, Code::NoError, &mut self.control);
        frame::write(Kind::Ping, 0, 0, FAREWELL, &mut self.control);
    }

    /// The peer was told which streams are still served.
    pub fn has_gone_away(&self) -> bool {
        self.served != u32::MAX
    }

    /// Ends the connection: streams that are open may finish unless `code` says otherwise.
    pub fn go_away(&mut self, code: Code) {
        self.served = self.last;
        // A server opens no streams, so a client has none to name.
        let last = if self.options.role == Role::Client { 0 } else { self.last };
        frame::write_goaway(last, code, &mut self.control);
    }
}
