//! Header blocks: requests or responses, and their trailers.

use weir_base::Instant;

use super::super::Code;
use super::super::floods::Flood;
use super::super::flow::Window;
use super::super::frame::{self, Header, flag};
use super::super::head::{HeadFault, RequestText, ResponseText, TrailerText};
use super::super::hpack::DecodeError;
use super::super::stream::{self, State};
use super::streams::Stream;
use super::{Block, Connection, Event, Fault, Role};

/// A header block in pieces is refused beyond that many bytes.
const MOST_BLOCK: usize = 64 * 1024;

/// Bytes of a priority of the old kind, which is skipped (RFC 9113 §5.3.2).
const DEPENDENCY: usize = 5;

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
        if id > self.last && self.options.role == Role::Client {
            return Err(Fault::Rule(Code::ProtocolError, "a response to no request"));
        }
        let bad = |code| Fault::Rule(code, "the padding of HEADERS is longer than its payload");
        let mut range = frame::without_padding(header, payload).map_err(bad)?;
        if header.has(flag::PRIORITY) {
            if range.len() < DEPENDENCY {
                return Err(Fault::Rule(Code::FrameSizeError, "HEADERS is too short"));
            }
            range.start += DEPENDENCY;
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
        if block.frames > most {
            return Err(Fault::Flood(Flood::Continuations));
        }
        if block.bytes.len() + payload.len() > MOST_BLOCK {
            return Err(Fault::Flood(Flood::BlockBytes));
        }
        block.bytes.extend_from_slice(payload);
        if header.has(flag::END_HEADERS) {
            return self.whole_block(block.stream, block.end, &block.bytes, now, text);
        }
        self.block = Some(block);
        Ok(Event::Nothing)
    }

    /// A header block is complete: a head, or trailers.
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
        let waits = |stream: &Stream| !stream.responded;
        if self.options.role == Role::Client && self.streams.get(id).is_some_and(waits) {
            return self.response(id, end, block, now, text);
        }
        self.trailers(id, end, block, now, text)
    }

    fn trailers(
        &mut self,
        id: u32,
        end: bool,
        block: &[u8],
        now: Instant,
        text: &mut Vec<u8>,
    ) -> Result<Event, Fault> {
        let mut written = TrailerText::new(self.options.head, text);
        let checked = self.decode(block, |name, value| written.field(name, value))?;
        if self.streams.get(id).is_none() {
            // Trailers may have been under way when we gave the stream up; a request cannot.
            if self.options.role == Role::Server && checked == Err(HeadFault::Trailer) {
                return Err(Fault::Rule(Code::ProtocolError, "streams are opened out of order"));
            }
            self.floods.count(Flood::Glitches, self.streams.len(), now)?;
            return Ok(Event::Nothing);
        }
        if !self.step_stream(id, stream::Event::Headers(end), now)? {
            return Ok(Event::Reset { stream: id, code: Code::ProtocolError });
        }
        let short = self.streams.get(id).is_some_and(|s| s.expected.is_some_and(|n| n > 0));
        if checked.is_err() || short {
            return self.malformed(id, now);
        }
        self.forget_if_closed(id);
        Ok(Event::End { stream: id })
    }

    fn response(
        &mut self,
        id: u32,
        end: bool,
        block: &[u8],
        now: Instant,
        text: &mut Vec<u8>,
    ) -> Result<Event, Fault> {
        let mut written = ResponseText::new(self.options.head, text);
        let decoded = self.decode(block, |name, value| written.field(name, value))?;
        let Ok(answered) = decoded.and_then(|()| written.finish()) else {
            return self.malformed(id, now);
        };
        if !self.step_stream(id, stream::Event::Response(end), now)? {
            return Ok(Event::Reset { stream: id, code: Code::ProtocolError });
        }
        let interim = answered.status < 200;
        let Some(stream) = self.streams.get_mut(id) else { return Ok(Event::Nothing) };
        let bodiless = stream.head_only || matches!(answered.status, 204 | 304);
        let length = answered.length.filter(|_| !bodiless && !interim);
        if end && (interim || length.is_some_and(|length| length > 0)) {
            return self.malformed(id, now);
        }
        stream.responded = !interim;
        stream.expected = length;
        self.forget_if_closed(id);
        Ok(Event::Response { stream: id, length, end })
    }

    /// A message breaks a rule (RFC 9113 §8.1.1).
    fn malformed(&mut self, id: u32, now: Instant) -> Result<Event, Fault> {
        self.tally.rejected();
        self.provoked(id, Code::ProtocolError, now)?;
        Ok(Event::Reset { stream: id, code: Code::ProtocolError })
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
        if self.streams.len() >= self.options.most_streams {
            frame::write_reset(id, Code::RefusedStream, &mut self.control);
            self.floods.count(Flood::ProvokedResets, self.streams.len(), now)?;
            return Ok(Event::Nothing);
        }
        let told = match told {
            Ok(told) if !(end && told.length.is_some_and(|length| length > 0)) => told,
            faulty => {
                let large = faulty == Err(HeadFault::TooLarge);
                let code = if large { Code::EnhanceYourCalm } else { Code::ProtocolError };
                self.tally.rejected();
                frame::write_reset(id, code, &mut self.control);
                self.floods.count(Flood::ProvokedResets, self.streams.len(), now)?;
                return Ok(Event::Nothing);
            }
        };
        let state = if end { State::HalfClosedRemote } else { State::Open };
        let fresh = self.fresh_stream(state);
        self.streams.push(id, Stream { expected: told.length, ..fresh });
        Ok(Event::Request { stream: id, told, end })
    }

    /// A stream of which nothing is known yet.
    pub(super) fn fresh_stream(&self, state: State) -> Stream {
        Stream {
            state,
            send: Window::new(self.theirs.window),
            receive: Window::new(self.options.ours.window.cast_signed()),
            credit: 0,
            expected: None,
            responded: false,
            head_only: false,
        }
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
