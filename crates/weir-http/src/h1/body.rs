//! The body of a message as a sequence of parts, RFC 9112 §6 and §7.

use std::ops::Range;

use super::{BodyError, chunk::Chunks};
use crate::message::{Field, Framing, Span};

/// The next thing in a body. Spans belong to the buffer that was decoded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// Payload.
    Data(Span),
    /// A chunk begins; one of size 0 is the last and has no data.
    Chunk {
        /// Its payload.
        size: u64,
        /// The line that says so, if it lies in the buffer just as an encoder would write it.
        line: Option<Span>,
    },
    /// The CRLF after the data of a chunk.
    ChunkEnd {
        /// Where it is, if it lies in the buffer as a whole.
        line: Option<Span>,
    },
    /// A field of the trailer section. `hop` when it must not be forwarded.
    Trailer(Field),
    /// The CRLF that ends a chunked body.
    TrailersEnd(Span),
}

/// Decodes one body, piece by piece as its bytes come.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BodyDecoder {
    state: State,
    payload: u64,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum State {
    /// So many bytes are to come, at least one.
    Length(u64),
    UntilClose,
    Chunked(Chunks),
    End,
}

impl BodyDecoder {
    /// For a body that is delimited so.
    pub fn new(framing: Framing) -> Self {
        let state = match framing {
            Framing::None | Framing::Length(0) => State::End,
            Framing::Length(length) => State::Length(length),
            Framing::UntilClose => State::UntilClose,
            Framing::Chunked => State::Chunked(Chunks::new()),
        };
        Self { state, payload: 0 }
    }

    /// The next part in the `unread` range of `buf`, whose start moves past it; `None` when more
    /// bytes are needed, or at the end.
    ///
    /// Bytes that remain unread then are the beginning of a trailer line, fewer than
    /// [`super::TRAILER_BYTES`]; or they follow the message.
    pub fn decode(
        &mut self,
        buf: &[u8],
        unread: &mut Range<usize>,
    ) -> Result<Option<Part>, BodyError> {
        if let State::Chunked(chunks) = &mut self.state
            && chunks.data_left() == 0
        {
            let part = chunks.decode(buf, unread)?;
            if matches!(part, Some(Part::TrailersEnd(_))) {
                self.state = State::End;
            }
            return Ok(part);
        }
        let run = self.data_left().min(unread.len() as u64);
        if run == 0 {
            return Ok(None);
        }
        let start = unread.start;
        unread.start += run as usize;
        self.skip(run);
        Ok(Some(Part::Data(Span::new(start, unread.start))))
    }

    /// The connection closed: the end of a body that lasts until then.
    pub fn decode_eof(&mut self) -> Result<(), BodyError> {
        match self.state {
            State::UntilClose | State::End => {
                self.state = State::End;
                Ok(())
            }
            State::Length(_) | State::Chunked(_) => Err(BodyError::Truncated),
        }
    }

    /// How many of the next bytes are payload for certain; `u64::MAX` until the connection closes.
    pub fn data_left(&self) -> u64 {
        match &self.state {
            State::Length(left) => *left,
            State::UntilClose => u64::MAX,
            State::Chunked(chunks) => chunks.data_left(),
            State::End => 0,
        }
    }

    /// So many bytes of payload, at most [`Self::data_left`], passed outside of the buffer.
    pub fn skip(&mut self, bytes: u64) {
        let bytes = bytes.min(self.data_left());
        self.payload = self.payload.saturating_add(bytes);
        match &mut self.state {
            State::Length(left) if *left == bytes => self.state = State::End,
            State::Length(left) => *left -= bytes,
            State::Chunked(chunks) => chunks.skip(bytes),
            State::UntilClose | State::End => {}
        }
    }

    /// It comes in chunks, and its end has not been seen.
    pub const fn is_chunked(&self) -> bool {
        matches!(self.state, State::Chunked(_))
    }

    /// The body is complete.
    pub fn is_end(&self) -> bool {
        self.state == State::End
    }

    /// Payload decoded so far.
    pub const fn payload(&self) -> u64 {
        self.payload
    }
}
