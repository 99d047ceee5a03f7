//! A stream as its session sees it.

use std::io::{self, IoSlice};

use weir_http::h1::{HeadLimits, parse_response};
use weir_http::h2::frame::{HEADER, flag};
use weir_http::h2::{Code, hpack};
use weir_http::message::{Field, FieldSink, Fields, Method};

use super::connection::{Entry, Multiplex, OUT_BYTES};
use super::{Multiplexes, Site};
use crate::buffers::Buffers;
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
        self.entry(id).is_none_or(|entry| entry.dead)
    }

    pub(crate) fn is_readable(&self, id: StreamId) -> bool {
        self.entry(id).is_none_or(|entry| !entry.inbound.is_empty() || entry.ended || entry.dead)
    }

    /// Whether DATA can be written; when it cannot, the session is woken when it can.
    pub(crate) fn is_writable(&mut self, id: StreamId) -> bool {
        let Some((connection, number)) = self.both(id) else { return true };
        let room = connection.waiting() < OUT_BYTES - HEADER;
        let writable = room && connection.machine.sendable(number) > 0;
        if let Some(entry) = connection.entry(number) {
            entry.blocked |= !writable;
            return writable || entry.dead;
        }
        true
    }

    /// Reads bytes of the request's body, and lets the peer send as many more.
    pub(crate) fn read(&mut self, id: StreamId, room: &mut [u8], pool: &mut Buffers) -> Read {
        let Some((connection, number)) = self.both(id) else { return Read::Closed };
        let Some(entry) = connection.entry(number).filter(|entry| !entry.dead) else {
            return Read::Failed(io::ErrorKind::ConnectionReset.into());
        };
        let Some(buffer) = entry.inbound.front_mut() else {
            return if entry.ended { Read::Closed } else { Read::Blocked };
        };
        let n = buffer.unread.len().min(room.len());
        room[..n].copy_from_slice(&buffer.unread()[..n]);
        buffer.unread.start += n;
        if buffer.unread.is_empty()
            && let Some(buffer) = entry.inbound.pop_front()
        {
            pool.give(buffer);
        }
        connection.machine.consumed(number, n);
        self.mark(id.connection);
        Read::Data(n)
    }

    /// Appends DATA, as much as windows and what waits already allow.
    pub(crate) fn write(
        &mut self,
        id: StreamId,
        slices: &[IoSlice<'_>],
        pool: &mut Buffers,
    ) -> io::Result<usize> {
        let Some((connection, number)) = self.both(id) else {
            return Err(io::ErrorKind::BrokenPipe.into());
        };
        if connection.find(number).is_none_or(|entry| entry.dead) {
            return Err(io::ErrorKind::BrokenPipe.into());
        }
        let total: usize = slices.iter().map(|slice| slice.len()).sum();
        let mut accepted = 0;
        while accepted < total {
            let room = OUT_BYTES.saturating_sub(connection.waiting() + HEADER);
            let n = connection.machine.sendable(number).min(room).min(total - accepted);
            if n == 0 {
                if room > 0 || !connection.flush(pool)? {
                    break;
                }
                continue;
            }
            connection.append_data(number, slices, accepted, n);
            accepted += n;
        }
        if let Some(entry) = connection.entry(number) {
            entry.blocked = accepted < total;
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
        let Multiplex { machine, out, last, .. } = connection;
        machine.write_head(number, block, end, out);
        *last = None;
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
            entry.blocked |= congested;
        }
        congested
    }

    /// Ends the response: with its last frame, if that has not been sent.
    pub(crate) fn finish(&mut self, id: StreamId) {
        let Some((connection, number)) = self.both(id) else { return };
        let entry = connection.entry(number).filter(|entry| !entry.dead && !entry.finished);
        let Some(entry) = entry else { return };
        entry.finished = true;
        match connection.last {
            Some((last, at)) if last == number => {
                connection.out[at + 4] |= flag::END_STREAM;
                connection.machine.sent_end(number);
            }
            _ if connection.machine.is_open(number) => {
                let header = connection.machine.data_header(number, 0, true);
                connection.out.extend(header);
                connection.last = None;
            }
            _ => {}
        }
        self.mark(id.connection);
    }

    /// The session of a stream is over. What the peer still sends is not wanted; a response that
    /// is not complete is given up.
    pub(crate) fn leave(&mut self, id: StreamId, pool: &mut Buffers) {
        self.streams -= 1;
        let Some((connection, number)) = self.both(id) else { return };
        let Some(mut entry) = connection.forget(number) else { return };
        for buffer in entry.inbound.drain(..) {
            connection.machine.consumed(number, buffer.unread.len());
            pool.give(buffer);
        }
        let code = if entry.finished { Code::NoError } else { Code::InternalError };
        connection.machine.reset(number, code);
        let idle = !connection.is_busy();
        let session = connection.session();
        if idle {
            self.woken.push(session);
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
        let mut sink = Block::begin(encoder, head.status, &mut block);
        for field in fields.as_slice().iter().filter(|field| !field.hop) {
            sink.received(text, field);
        }
        self.write_head(id, &block, head.len == text.len());
        Ok(head.len)
    }

    /// Takes over what a connection's frames brought.
    pub(crate) fn note(&mut self, site: Site<'_>) {
        let Site { woken, born, connection, .. } = site;
        self.woken.extend(woken);
        // They are taken from the end: the first one first.
        self.born.extend(born.into_iter().rev());
        self.mark(connection);
    }
}

impl Multiplex {
    /// One DATA frame of `len` bytes of the slices behind the first `skip`.
    fn append_data(&mut self, number: u32, slices: &[IoSlice<'_>], mut skip: usize, len: usize) {
        self.last = Some((number, self.out.len()));
        let header = self.machine.data_header(number, len, false);
        self.out.extend(header);
        let mut left = len;
        for slice in slices {
            let Some(rest) = slice.get(skip..) else {
                skip -= slice.len();
                continue;
            };
            skip = 0;
            let n = rest.len().min(left);
            self.out.extend_from_slice(&rest[..n]);
            left -= n;
        }
    }
}

/// A head as a block of HPACK.
pub(crate) struct Block<'a> {
    encoder: &'a mut hpack::Encoder,
    out: &'a mut Vec<u8>,
}

impl<'a> Block<'a> {
    /// Begins with the status.
    pub(crate) fn begin(
        encoder: &'a mut hpack::Encoder,
        status: u16,
        out: &'a mut Vec<u8>,
    ) -> Self {
        encoder.begin(out);
        encoder.status(status, out);
        Self { encoder, out }
    }
}

impl FieldSink for Block<'_> {
    fn field(&mut self, name: &[u8], value: &[&[u8]]) {
        let sensitive = name.eq_ignore_ascii_case(b"set-cookie");
        self.encoder.field(name, value, sensitive, self.out);
    }

    fn received(&mut self, buffer: &[u8], field: &Field) {
        self.field(field.name.of(buffer), &[field.value.of(buffer)]);
    }
}
