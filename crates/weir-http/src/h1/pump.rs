//! One direction of a message body: decoded from the buffer it was received into, framed anew for
//! the other side, and written from that same buffer.
//!
//! The output is a short queue of pieces: a few bytes of framing, then a range of the buffer.
//! Decoding stops while the queue is full.

use std::io::IoSlice;
use std::ops::Range;

use super::chunk::{BodyError, ChunkDecoder, Piece as Chunk};
use super::trailer::{TrailerLine, next_line};
use crate::message::Framing;

/// Pieces that may wait to be written.
const PIECES: usize = 6;

/// The longest framing before a piece: CRLF, 16 digits, CRLF.
const LONGEST_PREFIX: usize = 20;

#[derive(Clone, Debug)]
enum Decoder {
    Length(u64),
    Chunked(ChunkDecoder),
    /// In the trailer section, after that many bytes of it.
    Trailer(usize),
    UntilClose,
    End,
}

#[derive(Clone, Copy, Debug, Default)]
struct Piece {
    prefix: [u8; LONGEST_PREFIX],
    prefix_len: u8,
    start: u32,
    len: u32,
}

impl Piece {
    fn total(&self) -> usize {
        self.prefix_len as usize + self.len as usize
    }
}

/// The state of one direction of a body.
#[derive(Clone, Debug)]
pub struct Pump {
    decoder: Decoder,
    /// The other side gets the chunked coding.
    chunked: bool,
    /// A chunk was written: the next one starts with the CRLF that ends it.
    chunk_open: bool,
    body_bytes: u64,
    pieces: [Piece; PIECES],
    first: u8,
    count: u8,
    /// Bytes of the first piece that are written.
    written: usize,
}

impl Pump {
    /// From a body framed as `from` to one framed as `to`.
    pub fn new(from: Framing, to: Framing) -> Self {
        let decoder = match from {
            Framing::None | Framing::Length(0) => Decoder::End,
            Framing::Length(length) => Decoder::Length(length),
            Framing::Chunked => Decoder::Chunked(ChunkDecoder::new()),
            Framing::UntilClose => Decoder::UntilClose,
        };
        Self {
            decoder,
            chunked: to == Framing::Chunked,
            chunk_open: false,
            body_bytes: 0,
            pieces: [Piece::default(); PIECES],
            first: 0,
            count: 0,
            written: 0,
        }
    }

    /// Decodes what is `unread` of the buffer, as far as the output has room.
    ///
    /// # Errors
    /// The rule that the body breaks.
    pub fn handle(&mut self, buffer: &[u8], unread: &mut Range<usize>) -> Result<(), BodyError> {
        while unread.start < unread.end && self.has_room() {
            let input = &buffer[unread.clone()];
            let used = match &mut self.decoder {
                Decoder::End => return Ok(()),
                Decoder::UntilClose => self.data(unread.start, input.len()),
                Decoder::Length(left) => {
                    let n = usize::try_from(*left).unwrap_or(usize::MAX).min(input.len());
                    *left -= n as u64;
                    if *left == 0 {
                        self.decoder = Decoder::End;
                    }
                    self.data(unread.start, n)
                }
                Decoder::Chunked(decoder) => match decoder.next(input)? {
                    Chunk::Framing(n) => n,
                    Chunk::Data(n) => self.data(unread.start, n),
                    Chunk::Trailer => {
                        self.decoder = Decoder::Trailer(0);
                        self.last_chunk();
                        0
                    }
                },
                Decoder::Trailer(before) => match next_line(input, *before)? {
                    TrailerLine::Incomplete => return Ok(()),
                    TrailerLine::End => {
                        self.decoder = Decoder::End;
                        self.end();
                        2
                    }
                    TrailerLine::Field { len, forward } => {
                        *before += len;
                        if forward && self.chunked {
                            self.push(&[], unread.start, len);
                        }
                        len
                    }
                },
            };
            unread.start += used;
        }
        Ok(())
    }

    /// The source has closed.
    ///
    /// # Errors
    /// `Truncated` when the body is not complete.
    pub fn handle_eof(&mut self) -> Result<(), BodyError> {
        match self.decoder {
            Decoder::End => Ok(()),
            Decoder::UntilClose => {
                self.decoder = Decoder::End;
                self.last_chunk();
                self.end();
                Ok(())
            }
            _ => Err(BodyError::Truncated),
        }
    }

    /// Fills `slices` with what is to be written, in order; how many were filled.
    pub fn slices<'a>(&'a self, buffer: &'a [u8], slices: &mut [IoSlice<'a>]) -> usize {
        let mut filled = 0;
        let mut skip = self.written;
        for i in 0..self.count {
            let piece = &self.pieces[(self.first + i) as usize % PIECES];
            let prefix = &piece.prefix[..piece.prefix_len as usize];
            let start = piece.start as usize;
            let data = &buffer[start..start + piece.len as usize];
            for part in [prefix, data] {
                let skipped = skip.min(part.len());
                skip -= skipped;
                let part = &part[skipped..];
                if part.is_empty() {
                    continue;
                }
                let Some(slot) = slices.get_mut(filled) else { return filled };
                *slot = IoSlice::new(part);
                filled += 1;
            }
        }
        filled
    }

    /// That many bytes of [`Pump::slices`] were written.
    pub fn advance(&mut self, mut written: usize) {
        while written > 0 && self.count > 0 {
            let left = self.pieces[self.first as usize].total() - self.written;
            if written < left {
                self.written += written;
                return;
            }
            written -= left;
            self.written = 0;
            self.first = (self.first + 1) % PIECES as u8;
            self.count -= 1;
        }
    }

    /// Something waits to be written.
    pub fn has_pending(&self) -> bool {
        self.count > 0
    }

    /// The end of the body was seen.
    pub fn is_decoded(&self) -> bool {
        matches!(self.decoder, Decoder::End)
    }

    /// Everything was decoded and written.
    pub fn is_done(&self) -> bool {
        self.is_decoded() && !self.has_pending()
    }

    /// Body bytes decoded so far, without framing.
    pub fn body_bytes(&self) -> u64 {
        self.body_bytes
    }

    /// Body bytes that come next and go out as they are, so that they need not pass through the
    /// buffer; `u64::MAX` when only the end of the connection ends them.
    pub fn raw_run(&self) -> Option<u64> {
        if self.chunked || self.has_pending() {
            return None;
        }
        match self.decoder {
            Decoder::Length(left) => Some(left),
            Decoder::UntilClose => Some(u64::MAX),
            _ => None,
        }
    }

    /// That many bytes of [`Pump::raw_run`] were moved past the buffer.
    pub fn moved(&mut self, bytes: u64) {
        self.body_bytes += bytes;
        if let Decoder::Length(left) = &mut self.decoder {
            *left = left.saturating_sub(bytes);
            if *left == 0 {
                self.decoder = Decoder::End;
            }
        }
    }

    /// Handling one input queues at most two pieces.
    fn has_room(&self) -> bool {
        (self.count as usize) + 2 <= PIECES
    }

    fn data(&mut self, start: usize, len: usize) -> usize {
        self.body_bytes += len as u64;
        if self.chunked {
            let mut prefix = [0; LONGEST_PREFIX];
            let used = chunk_prefix(len, self.chunk_open, &mut prefix);
            self.chunk_open = true;
            self.push(&prefix[..used], start, len);
        } else {
            self.push(&[], start, len);
        }
        len
    }

    fn last_chunk(&mut self) {
        if self.chunked {
            let last: &[u8] = if self.chunk_open { b"\r\n0\r\n" } else { b"0\r\n" };
            self.push(last, 0, 0);
        }
    }

    fn end(&mut self) {
        if self.chunked {
            self.push(b"\r\n", 0, 0);
        }
    }

    fn push(&mut self, prefix: &[u8], start: usize, len: usize) {
        let mut piece = Piece { start: start as u32, len: len as u32, ..Piece::default() };
        piece.prefix[..prefix.len()].copy_from_slice(prefix);
        piece.prefix_len = prefix.len() as u8;
        self.pieces[(self.first + self.count) as usize % PIECES] = piece;
        self.count += 1;
    }
}

/// `[CRLF] size CRLF`; the bytes used.
fn chunk_prefix(len: usize, open: bool, out: &mut [u8; LONGEST_PREFIX]) -> usize {
    let mut at = 0;
    if open {
        out[..2].copy_from_slice(b"\r\n");
        at = 2;
    }
    let digits = (usize::BITS - len.leading_zeros()).div_ceil(4).max(1);
    for i in (0..digits).rev() {
        out[at] = b"0123456789abcdef"[len >> (4 * i) & 15];
        at += 1;
    }
    out[at..at + 2].copy_from_slice(b"\r\n");
    at + 2
}
