//! One direction of a message body: decoded from a caller's buffer in one framing, and queued for
//! writing in another, without a copy of any byte of it.
//!
//! The shell reads into a buffer, calls [`Pump::handle`], writes [`Pump::slices`], tells
//! [`Pump::advance`], and repeats while bytes are unread. Ranges of the buffer wait in the pump:
//! **its bytes may be moved or overwritten only while not [`Pump::has_pending`]**.
//!
//! Chunks keep their sizes and lose their extensions; a chunk whose size line is already canonical
//! goes out as the very bytes that came in, in one piece with what precedes and follows it.

use std::{io::IoSlice, ops::Range};

use super::{BodyDecoder, BodyError, Part, pieces::Pieces};
use crate::message::{Field, Framing, Span};

/// The most pieces that one part of a body becomes.
const PART_PIECES: usize = 4;

const LAST_CHUNK: &[u8] = b"0\r\n\r\n";

/// A body on its way. Plain data, and at its end when its head said so.
#[derive(Clone, Debug)]
pub struct Pump {
    decoder: BodyDecoder,
    output: Output,
    pieces: Pieces,
    trailers: Vec<u8>,
}

/// What becomes of the payload.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Output {
    /// It goes on as it is.
    Raw,
    /// It goes on in the chunks that it came in, with trailers.
    SameChunks,
    /// Each run of it becomes a chunk; a last chunk is due at the end.
    NewChunks,
    /// It goes nowhere.
    Discard,
}

impl Pump {
    /// Bytes that pass as they are, until their end.
    pub fn verbatim() -> Self {
        Self::new(Framing::UntilClose, Framing::UntilClose)
    }

    /// A body that arrives framed as `from` and leaves as `to`. A body that does not know its
    /// length cannot get one: `to` is `Length` only where `from` is the same. To `None` the body
    /// is read and dropped.
    pub fn new(from: Framing, to: Framing) -> Self {
        debug_assert!(!matches!(to, Framing::Length(_)) || from == to, "{from:?} to {to:?}");
        let output = match (from, to) {
            (Framing::None, _) | (_, Framing::None) => Output::Discard,
            (Framing::Chunked, Framing::Chunked) => Output::SameChunks,
            (_, Framing::Chunked) => Output::NewChunks,
            (_, Framing::Length(_) | Framing::UntilClose) => Output::Raw,
        };
        let (decoder, pieces) = (BodyDecoder::new(from), Pieces::new());
        let mut pump = Self { decoder, output, pieces, trailers: Vec::new() };
        pump.finish();
        pump
    }

    /// Decodes what is unread: `buf` is the whole buffer, `unread` the range of it that is not
    /// decoded yet, whose start moves on.
    ///
    /// Stops early when much output waits: call it again after [`Self::advance`]. What stays
    /// unread with nothing pending is the beginning of a trailer line, fewer than
    /// [`super::TRAILER_BYTES`]; or it follows the message.
    pub fn handle(&mut self, buf: &[u8], unread: &mut Range<usize>) -> Result<(), BodyError> {
        while self.pieces.room() >= PART_PIECES {
            let Some(part) = self.decoder.decode(buf, unread)? else { break };
            self.queue(buf, part);
        }
        self.finish();
        Ok(())
    }

    /// The sender closed, and nothing is left unread: the end of a body that lasts until then.
    pub fn handle_eof(&mut self) -> Result<(), BodyError> {
        self.decoder.decode_eof()?;
        self.finish();
        Ok(())
    }

    /// Fills `out` with the pending output in order, and answers how many slices it took.
    pub fn slices<'a>(&'a self, buf: &'a [u8], out: &mut [IoSlice<'a>]) -> usize {
        self.pieces.slices(buf, out)
    }

    /// So many bytes of the pending output are written.
    pub fn advance(&mut self, written: usize) {
        self.pieces.advance(written);
    }

    /// Some output is pending.
    pub const fn has_pending(&self) -> bool {
        !self.pieces.is_empty()
    }

    /// The end of the message has been seen.
    pub fn is_decoded(&self) -> bool {
        self.decoder.is_end()
    }

    /// The whole message is decoded and written.
    pub fn is_done(&self) -> bool {
        self.decoder.is_end() && self.pieces.is_empty()
    }

    /// How many of the next bytes can go from socket to socket as they are, without passing
    /// through the buffer; `u64::MAX` until the sender closes. `None` when none can: chunks on
    /// either side, output pending, or the end.
    pub fn raw_run(&self) -> Option<u64> {
        let is_raw = self.output == Output::Raw && !self.decoder.is_chunked();
        let run = self.decoder.data_left();
        (is_raw && run > 0 && self.pieces.is_empty()).then_some(run)
    }

    /// So many bytes, at most [`Self::raw_run`], went that way.
    pub fn moved(&mut self, bytes: u64) {
        self.decoder.skip(bytes);
        self.finish();
    }

    /// The lines of a trailer section that did not go on with the body.
    pub fn trailers(&self) -> &[u8] {
        &self.trailers
    }

    /// Payload decoded so far.
    pub const fn body_bytes(&self) -> u64 {
        self.decoder.payload()
    }

    fn queue(&mut self, buf: &[u8], part: Part) {
        match (self.output, part) {
            (Output::Discard, _) => {}
            (Output::NewChunks, Part::Data(data)) => {
                self.queue_size(u64::from(data.len));
                self.pieces.push_range(data);
                self.pieces.push_text(b"\r\n");
            }
            (_, Part::Data(data)) => self.pieces.push_range(data),
            (Output::Raw, Part::Trailer(field)) => self.keep_trailer(buf, field),
            (Output::Raw | Output::NewChunks, _) => {}
            (Output::SameChunks, Part::Chunk { line: Some(line), .. }) => {
                self.pieces.push_range(line);
            }
            (Output::SameChunks, Part::Chunk { size, line: None }) => self.queue_size(size),
            (Output::SameChunks, Part::ChunkEnd { line: Some(line) } | Part::TrailersEnd(line)) => {
                self.pieces.push_range(line);
            }
            (Output::SameChunks, Part::ChunkEnd { line: None }) => self.pieces.push_text(b"\r\n"),
            (Output::SameChunks, Part::Trailer(field)) => self.queue_trailer(buf, field),
        }
    }

    fn queue_size(&mut self, size: u64) {
        let mut text = [0; 18];
        let mut at = text.len() - 2;
        text[at..].copy_from_slice(b"\r\n");
        let mut rest = size;
        loop {
            at -= 1;
            text[at] = b"0123456789abcdef"[(rest & 15) as usize];
            rest >>= 4;
            if rest == 0 {
                break;
            }
        }
        self.pieces.push_text(&text[at..]);
    }

    /// For a peer that gets trailers in another way; they are bounded by [`super::TRAILER_BYTES`].
    fn keep_trailer(&mut self, buf: &[u8], field: Field) {
        if !field.hop {
            for piece in [field.name.of(buf), b": ", field.value.of(buf), b"\r\n"] {
                self.trailers.extend_from_slice(piece);
            }
        }
    }

    /// `Name: value` and CRLF; one piece when it came so.
    fn queue_trailer(&mut self, buf: &[u8], field: Field) {
        if field.hop {
            return;
        }
        let colon = field.name.end();
        let value = field.value;
        self.pieces.push_range(Span::new(field.name.start as usize, colon + 1));
        if value.start as usize == colon + 2 && buf.get(colon + 1) == Some(&b' ') {
            self.pieces.push_range(Span::new(colon + 1, colon + 2));
        } else {
            self.pieces.push_text(b" ");
        }
        self.pieces.push_range(value);
        if buf.get(value.end()..value.end() + 2) == Some(b"\r\n") {
            self.pieces.push_range(Span::new(value.end(), value.end() + 2));
        } else {
            self.pieces.push_text(b"\r\n");
        }
    }

    /// The end of a body that did not come in chunks, for a peer that gets chunks.
    fn finish(&mut self) {
        if self.output == Output::NewChunks && self.decoder.is_end() {
            self.pieces.push_text(LAST_CHUNK);
            self.output = Output::Raw;
        }
    }
}

/// Every session in flight has one for each direction.
const _: () = assert!(size_of::<Pump>() <= 256);

#[cfg(test)]
mod tests;
