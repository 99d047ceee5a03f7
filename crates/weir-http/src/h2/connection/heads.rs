//! Header blocks: requests, and the trailers of one.

use weir_base::Instant;

use super::super::Code;
use super::super::floods::Flood;
use super::super::flow::Window;
use super::super::frame::{self, Header, flag};
use super::super::head::{HeadFault, RequestText, check_trailer};
use super::super::hpack::DecodeError;
use super::super::stream::{self, State};
use super::streams::Stream;
use super::{Block, Connection, Event, Fault};

/// A header block in pieces is refused beyond that many bytes.
const MOST_BLOCK: usize = 64 * 1024;

impl Connection {
    pub(super) fn headers(
        &mut self,
        header: &Header,
        payload: &[u8],
        now: Instant,
        text: &mut Vec<u8>,
    ) -> Result<Event, Fault> {
        let id = header.stream;
        if id.is_multiple_of(2) {
            return Err(Fault::Rule(Code::ProtocolError, "a client's stream has an odd number"));
        }
        let bad = |code| Fault::Rule(code, "the padding of HEADERS is longer than its payload");
        let mut range = frame::without_padding(header, payload).map_err(bad)?;
        if header.has(flag::PRIORITY) {
            let stream = payload.get(range.start..range.start + 5).filter(|_| range.len() >= 5);
            let depends = stream.and_then(|bytes| bytes.first_chunk::<4>());
            let depends =
                depends.ok_or(Fault::Rule(Code::FrameSizeError, "HEADERS is too short"))?;
            if u32::from_be_bytes(*depends) & 0x7fff_ffff == id {
                return Err(Fault::Rule(Code::ProtocolError, "a stream depends on itself"));
            }
            range.start += 5;
        }
        let (block, end) = (&payload[range], header.has(flag::END_STREAM));
        if header.has(flag::END_HEADERS) {
            return self.whole_block(id, end, block, now, text);
        }
        self.block = Some(Block { stream: id, end, bytes: block.to_vec(), frames: 0 });
        Ok(Event::Nothing)
    }

    pub(super) fn continuation(
        &mut self,
        header: &Header,
        payload: &[u8],
        now: Instant,
        text: &mut Vec<u8>,
    ) -> Result<Event, Fault> {
        let most = self.floods.continuations();
        let Some(mut block) = self.block.take() else { return Ok(Event::Nothing) };
        if block.stream != header.stream {
            return Err(Fault::Rule(Code::ProtocolError, "CONTINUATION of another stream"));
        }
        block.frames += 1;
        if block.frames > most || block.bytes.len() + payload.len() > MOST_BLOCK {
            return Err(Fault::Flood(Flood::Continuations));
        }
        block.bytes.extend_from_slice(payload);
        if header.has(flag::END_HEADERS) {
            return self.whole_block(block.stream, block.end, &block.bytes, now, text);
        }
        self.block = Some(block);
        Ok(Event::Nothing)
    }

    /// A header block is complete: a request, or the trailers of one.
    pub(super) fn whole_block(
        &mut self,
        id: u32,
        end: bool,
        block: &[u8],
        now: Instant,
        text: &mut Vec<u8>,
    ) -> Result<Event, Fault> {
        if id > self.last {
            return self.request(id, end, block, now, text);
        }
        let checked = self.decode(block, check_trailer)?;
        if self.streams.get(id).is_none() {
            self.floods.count(Flood::Glitches, self.streams.len(), now)?;
            return Ok(Event::Nothing);
        }
        if !self.step_stream(id, stream::Event::Headers(end), now)? {
            return Ok(Event::Reset { stream: id });
        }
        let short = self.streams.get(id).is_some_and(|s| s.expected.is_some_and(|n| n > 0));
        if checked.is_err() || short {
            self.provoked(id, Code::ProtocolError, now)?;
            return Ok(Event::Reset { stream: id });
        }
        self.forget_if_closed(id);
        Ok(Event::End { stream: id })
    }

    pub(super) fn request(
        &mut self,
        id: u32,
        end: bool,
        block: &[u8],
        now: Instant,
        text: &mut Vec<u8>,
    ) -> Result<Event, Fault> {
        self.last = id;
        let mut written = RequestText::new(self.options.head, text);
        let decoded = self.decode(block, |name, value| written.field(name, value))?;
        let told = decoded.and_then(|()| written.finish());
        if id > self.served {
            return Ok(Event::Nothing);
        }
        if self.streams.is_full() {
            frame::write_reset(id, Code::RefusedStream, &mut self.control);
            self.floods.count(Flood::ProvokedResets, self.streams.len(), now)?;
            return Ok(Event::Nothing);
        }
        let told = match told {
            Ok(told) if !(end && told.length.is_some_and(|length| length > 0)) => told,
            faulty => {
                let large = faulty == Err(HeadFault::TooLarge);
                let code = if large { Code::EnhanceYourCalm } else { Code::ProtocolError };
                frame::write_reset(id, code, &mut self.control);
                self.floods.count(Flood::ProvokedResets, self.streams.len(), now)?;
                return Ok(Event::Nothing);
            }
        };
        let state = if end { State::HalfClosedRemote } else { State::Open };
        self.streams.insert(Stream {
            id,
            state,
            send: Window::new(self.theirs.window),
            receive: Window::new(self.options.ours.window.cast_signed()),
            credit: 0,
            expected: told.length,
            responded: false,
        });
        Ok(Event::Request { stream: id, told, end })
    }

    /// Decodes a block, all of it whatever `sink` says of the fields.
    pub(super) fn decode(
        &mut self,
        block: &[u8],
        sink: impl FnMut(&[u8], &[u8]) -> Result<(), HeadFault>,
    ) -> Result<Result<(), HeadFault>, Fault> {
        match self.decoder.decode(block, sink) {
            Ok(()) => Ok(Ok(())),
            Err(DecodeError::Sink(fault)) => Ok(Err(fault)),
            Err(DecodeError::Hpack(_)) => {
                Err(Fault::Rule(Code::CompressionError, "a header block cannot be decoded"))
            }
        }
    }
}
