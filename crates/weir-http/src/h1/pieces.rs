//! Output that waits to be written: ranges of the caller's buffer, and short texts between them.

use std::io::IoSlice;

use crate::message::Span;

/// Pieces that can wait.
pub(super) const PIECES: usize = 8;

/// Bytes of one text: a CRLF, the 16 digits of a size, a CRLF.
const TEXT_BYTES: usize = 20;

/// A short queue; its pieces are in order and never empty.
#[derive(Clone, Debug)]
pub(super) struct Pieces {
    pieces: [Piece; PIECES],
    first: u8,
    end: u8,
}

#[derive(Clone, Copy, Debug)]
enum Piece {
    Range(Span),
    Text { from: u8, end: u8, bytes: [u8; TEXT_BYTES] },
}

impl Pieces {
    pub(super) const fn new() -> Self {
        let nothing = Piece::Range(Span { start: 0, len: 0 });
        Self { pieces: [nothing; PIECES], first: 0, end: 0 }
    }

    /// How many more pieces fit for certain.
    pub(super) const fn room(&self) -> usize {
        PIECES - (self.end - self.first) as usize
    }

    pub(super) const fn is_empty(&self) -> bool {
        self.first == self.end
    }

    /// Adds a range; one that continues the last piece does not take room.
    pub(super) fn push_range(&mut self, range: Span) {
        if range.is_empty() {
            return;
        }
        match self.last() {
            Some(Piece::Range(last)) if last.end() == range.start as usize => last.len += range.len,
            _ => self.push(Piece::Range(range)),
        }
    }

    /// Adds a text of at most [`TEXT_BYTES`]; one that fits behind the last text takes no room.
    pub(super) fn push_text(&mut self, text: &[u8]) {
        if let Some(Piece::Text { end, bytes, .. }) = self.last()
            && let Some(place) = bytes.get_mut(*end as usize..*end as usize + text.len())
        {
            place.copy_from_slice(text);
            *end += text.len() as u8;
            return;
        }
        let mut bytes = [0; TEXT_BYTES];
        let len = text.len().min(TEXT_BYTES);
        bytes[..len].copy_from_slice(&text[..len]);
        self.push(Piece::Text { from: 0, end: len as u8, bytes });
    }

    /// Fills `out` with what waits, in order; answers how many slices it took.
    pub(super) fn slices<'a>(&'a self, buf: &'a [u8], out: &mut [IoSlice<'a>]) -> usize {
        let waiting = self.waiting().iter();
        let filled = waiting.zip(out).map(|(piece, slot)| *slot = IoSlice::new(piece.bytes(buf)));
        filled.count()
    }

    /// Forgets so many bytes from the front.
    pub(super) fn advance(&mut self, mut written: usize) {
        while written > 0 && !self.is_empty() {
            let piece = &mut self.pieces[self.first as usize];
            let step = written.min(piece.len());
            piece.advance(step);
            written -= step;
            if piece.len() == 0 {
                self.first += 1;
            }
        }
        if self.is_empty() {
            (self.first, self.end) = (0, 0);
        }
    }

    fn waiting(&self) -> &[Piece] {
        &self.pieces[self.first as usize..self.end as usize]
    }

    fn last(&mut self) -> Option<&mut Piece> {
        self.pieces[self.first as usize..self.end as usize].last_mut()
    }

    /// The caller knows that there is room.
    fn push(&mut self, piece: Piece) {
        debug_assert!(self.room() > 0, "a piece was pushed without room");
        if self.end as usize == PIECES {
            self.pieces.copy_within(self.first as usize.., 0);
            self.end -= self.first;
            self.first = 0;
        }
        if let Some(slot) = self.pieces.get_mut(self.end as usize) {
            *slot = piece;
            self.end += 1;
        }
    }
}

impl Piece {
    fn len(&self) -> usize {
        match self {
            Self::Range(range) => range.len as usize,
            Self::Text { from, end, .. } => (end - from) as usize,
        }
    }

    fn bytes<'a>(&'a self, buf: &'a [u8]) -> &'a [u8] {
        match self {
            Self::Range(range) => range.of(buf),
            Self::Text { from, end, bytes } => &bytes[*from as usize..*end as usize],
        }
    }

    /// `step` is at most its length.
    fn advance(&mut self, step: usize) {
        match self {
            Self::Range(range) => *range = Span::new(range.start as usize + step, range.end()),
            Self::Text { from, .. } => *from += step as u8,
        }
    }
}
