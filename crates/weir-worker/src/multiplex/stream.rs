//! A stream as its session sees it.

use std::io::{self, IoSlice};

use weir_http::h1::{HeadLimits, parse_response};
use weir_http::h2::frame::HEADER;
use weir_http::h2::{Code, Role, hpack};
use weir_http::message::{Field, FieldSink, Fields, Method};

use super::Multiplexes;
use super::connection::{Entry, Gone, Multiplex, OUT_BYTES};
use super::data::Data;
use crate::buffers::{Buffer, Buffers};
use crate::front::StreamId;
use crate::socket::Read;

impl Multiplexes {
    fn both(&mut self, id: StreamId) -> Option<(&mut Multiplex, u32)> {
        Some((self.list.get_mut(id.connection)?, id.number))
    }

    fn entry(&self, id: StreamId) -> Option<&Entry> {
        self.list.get(id.connection)?.find(id.number)
    }

    pub(crate) fn is_broken(&self, id: StreamId) -> bool {
        self.entry(id).is_none_or(|entry| entry.gone.is_some())
    }

    /// The peer has done nothing about the stream.
    pub(crate) fn was_refused(&self, id: StreamId) -> bool {
        self.entry(id).is_some_and(|entry| entry.gone == Some(Gone::Refused))
    }

    pub(crate) fn is_readable(&self, id: StreamId) -> bool {
        self.entry(id).is_none_or(|entry| {
            !entry.inbound.is_empty() || entry.inbound.is_ended() || entry.gone.is_some()
        })
    }

    /// The peer has said all it will, and no body was in it.
    pub(crate) fn is_bodiless(&self, id: StreamId) -> bool {
        self.entry(id).is_some_and(|entry| entry.inbound.is_bodiless())
    }

    /// What comes is no message: it is read as it is.
    pub(crate) fn read_raw(&mut self, id: StreamId) {
        let Some((connection, number)) = self.both(id) else { return };
        if let Some(entry) = connection.entry(number) {
            entry.inbound.read_raw();
        }
    }

    /// Whether DATA can be written; when it cannot, the session is woken when it can.
    pub(crate) fn is_writable(&mut self, id: StreamId) -> bool {
        let Some((connection, number)) = self.both(id) else { return true };
        let room = connection.waiting() < OUT_BYTES - HEADER;
        let writable = room && connection.machine.sendable(number) > 0;
        let sending = connection.sending;
        if let Some(entry) = connection.entry(number) {
            let writable = writable && entry.sent_in != sending;
            entry.blocked |= !writable;
            return writable || entry.gone.is_some() || entry.deaf;
        }
        true
    }

    /// Reads what the peer said, as bytes of HTTP/1.1, and lets it say as much again.
    pub(crate) fn read(&mut self, id: StreamId, room: &mut [u8], pool: &mut Buffers) -> Read {
        let Some((connection, number)) = self.both(id) else { return Read::Closed };
        let Some(entry) = connection.entry(number).filter(|entry| entry.gone.is_none()) else {
            return Read::Failed(io::ErrorKind::ConnectionReset.into());
        };
        let taken = entry.inbound.take(room, pool);
        if taken.bytes == 0 {
            let over = entry.inbound.is_empty() && entry.inbound.is_ended();
            return if over { Read::Closed } else { Read::Blocked };
        }
        self.was_read(id, taken.body, pool);
        Read::Data(taken.bytes)
    }

    /// Reads what is in a buffer that can be read as it is, in exchange for an empty one; how many
    /// bytes it has.
    pub(crate) fn swap(
        &mut self,
        id: StreamId,
        buffer: &mut Buffer,
        pool: &mut Buffers,
    ) -> Option<usize> {
        let (connection, number) = self.both(id)?;
        let entry = connection.entry(number).filter(|entry| entry.gone.is_none())?;
        let (whole, body) = entry.inbound.take_whole()?;
        pool.give(std::mem::replace(buffer, whole));
        self.was_read(id, body, pool);
        Some(buffer.unread.len())
    }

    /// So many bytes of a body were read.
    fn was_read(&mut self, id: StreamId, body: usize, pool: &mut Buffers) {
        let Some((connection, number)) = self.both(id).filter(|_| body > 0) else { return };
        let Some(entry) = connection.entry(number) else { return };
        let more = entry.width.grow(body, entry.inbound.is_empty(), pool);
        connection.machine.consumed(number, body);
        if let Some(bytes) = more {
            connection.machine.widen(number, bytes);
        }
        self.mark(id.connection);
    }

    /// Writes DATA, as much as windows and what waits already allow. `last`: nothing follows it,
    /// not even trailers.
    pub(crate) fn write(
        &mut self,
        id: StreamId,
        slices: &[IoSlice<'_>],
        last: bool,
        pool: &mut Buffers,
    ) -> io::Result<usize> {
        let Some((connection, number)) = self.both(id) else {
            return Err(io::ErrorKind::BrokenPipe.into());
        };
        if connection.find(number).is_none_or(|entry| entry.gone.is_some() || entry.deaf) {
            return Err(io::ErrorKind::BrokenPipe.into());
        }
        let total: usize = slices.iter().map(|slice| slice.len()).sum();
        let (mut accepted, mut at_once) = (0, false);
        while accepted < total {
            let most = connection.machine.sendable(number).min(total - accepted);
            let straight = connection.goes_straight(most);
            let room = OUT_BYTES.saturating_sub(connection.waiting() + HEADER);
            let n = if straight { most } else { most.min(room) };
            if n == 0 {
                if room > 0 || !connection.flush(pool)? {
                    break;
                }
                continue;
            }
            let data = Data { slices, from: accepted, len: n };
            accepted += n;
            let header = connection.machine.data_header(number, n, last && accepted == total);
            at_once |= straight;
            if straight {
                connection.send_data(header, &data, pool)?;
            } else {
                connection.out.extend(header);
                data.pieces().for_each(|piece| connection.out.extend_from_slice(piece));
            }
        }
        connection.turns += 1;
        let (turn, sending) = (connection.turns, connection.sending);
        if let Some(entry) = connection.entry(number) {
            if at_once {
                entry.sent_in = sending;
            }
            entry.turn = turn;
            entry.blocked = accepted < total;
            entry.finished |= last && accepted == total;
        }
        self.mark(id.connection);
        Ok(accepted)
    }

    /// Appends a head, whatever waits: blocks go out in the order they were encoded in.
    pub(crate) fn write_head(&mut self, id: StreamId, block: &[u8], end: bool) {
        let Some((connection, number)) = self.both(id) else { return };
        if block.is_empty() {
            return;
        }
        let Multiplex { machine, out, .. } = connection;
        machine.write_head(number, block, end, out);
        if end && let Some(entry) = connection.entry(number) {
            entry.finished = true;
        }
        self.mark(id.connection);
    }

    /// More heads would only wait; the session is woken when they would not.
    pub(crate) fn is_congested(&mut self, id: StreamId) -> bool {
        let Some((connection, number)) = self.both(id) else { return false };
        let congested = connection.waiting() >= OUT_BYTES;
        if let Some(entry) = connection.entry(number) {
            entry.congested |= congested;
        }
        congested
    }

    /// Ends the message, if its last bytes did not: with trailers, which are lines.
    pub(crate) fn finish(&mut self, id: StreamId, trailers: &[u8]) {
        let Some((connection, number)) = self.both(id) else { return };
        let entry = connection.entry(number).filter(|entry| entry.gone.is_none());
        let Some(entry) = entry.filter(|entry| !entry.finished && !entry.deaf) else { return };
        entry.finished = true;
        let Multiplex { machine, out, .. } = connection;
        if !machine.is_open(number) {
            return;
        }
        if trailers.is_empty() {
            out.extend(machine.data_header(number, 0, true));
        } else {
            let block = trailer_block(trailers, machine.encoder());
            machine.write_head(number, &block, true, out);
        }
        self.mark(id.connection);
    }

    /// The session of a stream is over. What the peer still sends is not wanted; a response that
    /// is not complete is given up.
    pub(crate) fn leave(&mut self, id: StreamId, pool: &mut Buffers) {
        self.streams -= 1;
        let Some((connection, number)) = self.both(id) else { return };
        let Some(mut entry) = connection.forget(number) else { return };
        let unread = entry.give_back(pool);
        connection.machine.consumed(number, unread);
        let code = match connection.machine.role() {
            Role::Client => Code::Cancel,
            Role::Server if entry.finished => Code::NoError,
            Role::Server => Code::InternalError,
        };
        connection.machine.reset(number, code);
        if !connection.is_busy() {
            let carrier = connection.carrier();
            self.carriers.push(carrier);
        }
        self.mark(id.connection);
    }

    /// The encoder for a head of a stream, if the stream is still there.
    pub(crate) fn encoder(&mut self, id: StreamId) -> Option<&mut hpack::Encoder> {
        let (connection, number) = self.both(id)?;
        let open = connection.machine.is_open(number) && connection.find(number).is_some();
        open.then(|| connection.machine.encoder())
    }

    /// Sends the head of an answer that was written as the text of HTTP/1.1; how many bytes of the
    /// text that is.
    pub(crate) fn answer_head(
        &mut self,
        id: StreamId,
        text: &[u8],
        fields: &mut Fields,
        method: Method,
    ) -> io::Result<usize> {
        let limits = HeadLimits { head_bytes: text.len(), target_bytes: 0 };
        let parsed = parse_response(text, &limits, fields, method);
        let head = parsed.ok().flatten().ok_or(io::ErrorKind::InvalidData)?;
        let mut block = Vec::new();
        let encoder = self.encoder(id).ok_or(io::ErrorKind::BrokenPipe)?;
        let mut sink = Block::response(encoder, head.status, &mut block);
        for field in fields.as_slice().iter().filter(|field| !field.hop) {
            sink.received(text, field);
        }
        self.write_head(id, &block, head.len == text.len());
        Ok(head.len)
    }
}

/// Lines as a block of HPACK.
fn trailer_block(lines: &[u8], encoder: &mut hpack::Encoder) -> Vec<u8> {
    let mut block = Vec::new();
    encoder.begin(&mut block);
    for line in lines.split(|byte| *byte == b'\n') {
        let Some(at) = line.iter().position(|byte| *byte == b':') else { continue };
        encoder.field(&line[..at], &[line[at + 1..].trim_ascii()], false, &mut block);
    }
    block
}

/// A head as a block of HPACK.
pub(crate) struct Block<'a> {
    encoder: &'a mut hpack::Encoder,
    out: &'a mut Vec<u8>,
    /// The next field may be `Host`.
    host: bool,
    /// A field that is not told.
    left_out: &'static [u8],
}

impl<'a> Block<'a> {
    /// Begins a response.
    pub(crate) fn response(
        encoder: &'a mut hpack::Encoder,
        status: u16,
        out: &'a mut Vec<u8>,
    ) -> Self {
        encoder.begin(out);
        encoder.status(status, out);
        Self { encoder, out, host: false, left_out: b"" }
    }

    /// A field of that name is not told.
    pub(crate) fn leave_out(&mut self, name: &'static [u8]) {
        self.left_out = name;
    }

    /// Begins a request: `Host`, if it is the next field, is what it is for. `protocol`: what its
    /// stream is to speak (RFC 8441 §4).
    pub(crate) fn request(
        encoder: &'a mut hpack::Encoder,
        (method, scheme, path): (&[u8], &[u8], &[u8]),
        protocol: Option<&[u8]>,
        out: &'a mut Vec<u8>,
    ) -> Self {
        encoder.begin(out);
        encoder.request(method, scheme, path, out);
        if let Some(protocol) = protocol {
            encoder.field(b":protocol", &[protocol], false, out);
        }
        Self { encoder, out, host: true, left_out: b"" }
    }
}

/// What must not be put into a table that a peer's answers could tell about (RFC 7541 §7.1.3).
const SENSITIVE: [&[u8]; 4] = [b"set-cookie", b"cookie", b"authorization", b"proxy-authorization"];

impl FieldSink for Block<'_> {
    fn field(&mut self, name: &[u8], value: &[&[u8]]) {
        if name.eq_ignore_ascii_case(self.left_out) {
            return;
        }
        let first = std::mem::take(&mut self.host);
        let name = if first && name.eq_ignore_ascii_case(b"host") { b":authority" } else { name };
        let sensitive = SENSITIVE.iter().any(|known| name.eq_ignore_ascii_case(known));
        self.encoder.field(name, value, sensitive, self.out);
    }

    fn received(&mut self, buffer: &[u8], field: &Field) {
        self.field(field.name.of(buffer), &[field.value.of(buffer)]);
    }
}
