//! One direction of an exchange: bytes from one socket, through a buffer or a pipe, to the other.
//!
//! Must not know which side is the client. A head that was encoded goes out first (`rest`, the part
//! of it that the socket did not take), then what [`Pump`] makes of the body. A body byte is
//! written from the buffer it was received into; a long run of them does not enter user space.
//!
//! Invariants: nothing is read while the buffer is full of bytes that the sink does not take; a
//! pipe is filled only when it is empty, so `EAGAIN` always means the socket.

use std::io::IoSlice;

use weir_http::h1::{BodyError, Pump};
use weir_http::message::Framing;
use weir_sys::Pipe;

use crate::buffers::{Buffer, Buffers};
use crate::front::End;
use crate::pipes::{Pipes, SPLICE_MIN};
use crate::socket::Read;

/// Rounds of one direction in one turn; what is left waits for the next turn.
const ROUNDS: usize = 16;

/// Slices of one write.
const SLICES: usize = 16;

/// Why a direction cannot go on.
#[derive(Debug)]
pub(crate) enum Stop {
    /// The source ended inside the message.
    Truncated,
    /// The source is broken.
    Source,
    /// The sink is broken.
    Sink,
    /// There is no spare buffer for the rest of a head.
    NoRoom,
    /// What came from the source breaks a rule.
    Malformed(BodyError),
}

/// What a turn brought.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Turn {
    /// Bytes that left the source.
    pub(crate) read: u64,
    /// Bytes that the sink took.
    pub(crate) written: u64,
    /// The turn was cut short for the sake of the others.
    pub(crate) unfinished: bool,
}

/// The state of one direction.
pub(crate) struct Direction {
    pub(crate) pump: Pump,
    /// Where bytes are received.
    pub(crate) buffer: Option<Buffer>,
    /// Bytes at the start of the buffer that stay: the head, while it may be needed again.
    pub(crate) base: usize,
    /// Body bytes have been overwritten: the message cannot be sent again from its start.
    pub(crate) spent: bool,
    /// The part of an encoded head that the sink did not take.
    rest: Option<Buffer>,
    pipe: Option<Pipe>,
    /// The last read filled all the room there was.
    bulk: bool,
}

impl Direction {
    pub(crate) fn new(pump: Pump, buffer: Option<Buffer>, base: usize) -> Self {
        Self { pump, buffer, base, spent: false, rest: None, pipe: None, bulk: false }
    }

    /// A direction in which nothing is to move.
    pub(crate) fn idle() -> Self {
        Self::new(Pump::new(Framing::None, Framing::None), None, 0)
    }

    /// Everything of the message has been written.
    pub(crate) fn is_done(&self) -> bool {
        self.pump.is_done() && self.rest.is_none() && !self.pipe_holds()
    }

    /// Bytes wait for the sink.
    pub(crate) fn is_blocked(&self) -> bool {
        self.rest.is_some() || self.pump.has_pending() || self.pipe_holds()
    }

    fn pipe_holds(&self) -> bool {
        self.pipe.as_ref().is_some_and(|pipe| !pipe.is_empty())
    }

    /// The bytes of a body without framing that are here and not sent. `None` when there are
    /// others, or the end of it has been seen.
    pub(crate) fn unsent(&self) -> Option<Vec<u8>> {
        if self.rest.is_some() || self.pipe_holds() || self.pump.is_decoded() {
            return None;
        }
        let Some(buffer) = &self.buffer else { return Some(Vec::new()) };
        let mut slices = [IoSlice::new(&[]); SLICES];
        let count = self.pump.slices(&buffer.bytes, &mut slices);
        let pending = slices[..count].iter().flat_map(|slice| slice.iter());
        Some(pending.chain(buffer.unread()).copied().collect())
    }

    /// Makes the message ready to be sent again from its start.
    pub(crate) fn rewind(&mut self, pump: Pump, buffers: &mut Buffers) {
        debug_assert!(!self.spent && self.pipe.is_none());
        if let Some(rest) = self.rest.take() {
            buffers.unspill(rest);
        }
        if let Some(buffer) = &mut self.buffer {
            buffer.unread.start = self.base;
        }
        self.pump = pump;
    }

    /// Writes an encoded head, together with what is decoded of the body.
    /// `more`: another head follows.
    pub(crate) fn send_head(
        &mut self,
        head: &[u8],
        more: bool,
        sink: &mut End<'_>,
        buffers: &mut Buffers,
    ) -> Result<u64, Stop> {
        if let Some(buffer) = &mut self.buffer {
            self.pump.handle(&buffer.bytes, &mut buffer.unread).map_err(Stop::Malformed)?;
        }
        if let End::Stream(all, id) = sink {
            let end = !more && self.pump.is_done() && self.pump.trailers().is_empty();
            all.write_head(*id, head, end);
            return Ok(head.len() as u64 + self.flush_body(sink, buffers)?);
        }
        let mut slices = [IoSlice::new(&[]); SLICES];
        slices[0] = IoSlice::new(head);
        let body = self.buffer.as_ref().map_or(&[][..], |buffer| &buffer.bytes[..]);
        let count = 1 + self.pump.slices(body, &mut slices[1..]);
        let written = sink.write(&slices[..count], false, buffers).map_err(|_| Stop::Sink)?;
        if written < head.len() {
            let rest = buffers.spill(&head[written..]);
            self.rest = Some(rest.ok_or(Stop::NoRoom)?);
        } else {
            self.pump.advance(written - head.len());
        }
        Ok(written as u64)
    }

    /// Moves what can be moved now.
    pub(crate) fn run(
        &mut self,
        source: &mut End<'_>,
        sink: &mut End<'_>,
        buffers: &mut Buffers,
        pipes: &mut Pipes,
    ) -> Result<Turn, Stop> {
        let mut turn = Turn::default();
        for _ in 0..ROUNDS {
            turn.written += self.flush(sink, buffers)?;
            if self.is_blocked() && !sink.is_writable() {
                return Ok(turn);
            }
            if self.pump.is_decoded() && !self.is_blocked() {
                return Ok(turn);
            }
            let clear = source.is_clear() && sink.is_clear();
            let spliced = if clear { self.splice(source, pipes) } else { None };
            let read = match spliced {
                Some(read) => read,
                None => self.receive(source, sink.portion(), buffers)?,
            };
            match read {
                Read::Data(n) => turn.read += n as u64,
                Read::Blocked => return Ok(turn),
                Read::Closed => self.pump.handle_eof().map_err(|_| Stop::Truncated)?,
                Read::Failed(_) => return Err(Stop::Source),
            }
        }
        turn.unfinished = true;
        Ok(turn)
    }

    /// Writes what waits: the rest of the head, the pipe, the decoded body.
    pub(crate) fn flush(&mut self, sink: &mut End<'_>, buffers: &mut Buffers) -> Result<u64, Stop> {
        let mut total = 0;
        sink.flush(buffers).map_err(|_| Stop::Sink)?;
        if let Some(rest) = &mut self.rest {
            let unread = [IoSlice::new(rest.unread())];
            let n = sink.write(&unread, false, buffers).map_err(|_| Stop::Sink)?;
            rest.unread.start += n;
            total += n as u64;
            if !rest.unread.is_empty() {
                return Ok(total);
            }
            if let Some(rest) = self.rest.take() {
                buffers.unspill(rest);
            }
        }
        if let (Some(pipe), End::Socket(sink)) = (self.pipe.as_mut(), &mut *sink)
            && !pipe.is_empty()
        {
            while !pipe.is_empty() && sink.is_writable() {
                let n = sink.splice_out(pipe).map_err(|_| Stop::Sink)?;
                self.pump.moved(n as u64);
                total += n as u64;
            }
            return Ok(total);
        }
        Ok(total + self.flush_body(sink, buffers)?)
    }

    fn flush_body(&mut self, sink: &mut End<'_>, buffers: &mut Buffers) -> Result<u64, Stop> {
        let mut total = 0;
        let Some(buffer) = &mut self.buffer else { return Ok(0) };
        loop {
            self.pump.handle(&buffer.bytes, &mut buffer.unread).map_err(Stop::Malformed)?;
            if !self.pump.has_pending() || !sink.is_writable() {
                return Ok(total);
            }
            let mut slices = [IoSlice::new(&[]); SLICES];
            let count = self.pump.slices(&buffer.bytes, &mut slices);
            let last = self.pump.is_decoded() && self.pump.trailers().is_empty();
            let n = sink.write(&slices[..count], last, buffers).map_err(|_| Stop::Sink)?;
            self.pump.advance(n);
            total += n as u64;
        }
    }

    /// Fills the pipe, if a long verbatim run of body bytes is next. `None`: use the buffer.
    fn splice(&mut self, source: &mut End<'_>, pipes: &mut Pipes) -> Option<Read> {
        let End::Socket(source) = source else { return None };
        let run = self.pump.raw_run().filter(|_| self.rest.is_none() && !self.pump.is_decoded())?;
        if self.pipe_holds() {
            return Some(Read::Blocked);
        }
        if self.pipe.is_none() {
            let long = if run == u64::MAX { self.bulk } else { run >= SPLICE_MIN };
            let empty = self.buffer.as_ref().is_none_or(|buffer| buffer.unread.is_empty());
            if !long || !empty || !source.is_readable() {
                return None;
            }
            self.pipe = pipes.take();
        }
        let pipe = self.pipe.as_mut()?;
        self.spent = true;
        let read = source.splice_into(pipe, usize::try_from(run).unwrap_or(usize::MAX));
        if !matches!(read, Read::Data(_)) {
            self.bulk = false;
            if let Some(pipe) = self.pipe.take() {
                pipes.give(pipe);
            }
        }
        Some(read)
    }

    /// Reads into the buffer, after making room where nothing waits. A buffer in which nothing
    /// must stay goes back to the pool while nothing comes. Never more than `most` is read: the
    /// few bytes behind a full record would be a record, and a write, of their own.
    fn receive(
        &mut self,
        source: &mut End<'_>,
        most: usize,
        buffers: &mut Buffers,
    ) -> Result<Read, Stop> {
        if self.pump.is_decoded() || !source.is_readable() {
            return Ok(Read::Blocked);
        }
        let buffer = self.buffer.get_or_insert_with(|| buffers.take());
        if !self.pump.has_pending() && buffer.unread.start > self.base {
            self.spent |= self.pump.body_bytes() > 0;
            buffer.compact(self.base);
        }
        if buffer.is_full() {
            return Ok(Read::Blocked);
        }
        let wanted = buffer.room().len().min(most);
        let read = source.fill(buffer, most, buffers);
        if let Read::Data(n) = read {
            self.bulk = n == wanted;
        }
        let idle = matches!(read, Read::Blocked) && self.base == 0 && !self.pump.has_pending();
        if let Some(buffer) = self.buffer.take_if(|buffer| idle && buffer.unread.is_empty()) {
            buffers.give(buffer);
        }
        Ok(read)
    }

    /// Gives everything back to the pools; the receive buffer is returned, with what is unread.
    pub(crate) fn finish(&mut self, buffers: &mut Buffers, pipes: &mut Pipes) -> Option<Buffer> {
        if let Some(rest) = self.rest.take() {
            buffers.unspill(rest);
        }
        if let Some(pipe) = self.pipe.take() {
            pipes.give(pipe);
        }
        self.buffer.take()
    }
}
