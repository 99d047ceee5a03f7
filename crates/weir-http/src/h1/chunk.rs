//! The chunked transfer coding, RFC 9112 §7.1, strictly: sizes are hexadecimal digits and nothing
//! else, lines end with CRLF, extensions are skipped. Whitespace before an extension, which §7.1.1
//! lets a recipient suffer, is refused.
//!
//! ```text
//!            ;          "            \
//!  Size ──────▶ Extension ⇄ Quoted ⇄ Escaped
//!   │ CR           │ CR
//!   ▼◀─────────────┘
//!  SizeLf ─ LF, size>0 ─▶ Data ─▶ DataCr ─▶ DataLf ─▶ Size
//!     └──── LF, size=0 ─▶ Trailers ─▶ end
//! ```

use std::ops::Range;

use super::{BodyError, Part, trailer};
use crate::message::Span;

/// Bytes of one chunk extension. Beyond: the body is refused.
pub const EXTENSION_BYTES: usize = 256;

const SIZE_DIGITS: u16 = 16;

/// The coding between two parts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Chunks {
    at: At,
    /// Digits of the size, bytes of the extension, or bytes of the trailer section so far.
    spent: u16,
    /// The size as far as it is read, then what is left of the data.
    size: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum At {
    Size,
    Extension,
    Quoted,
    Escaped,
    SizeLf,
    Data,
    DataCr,
    DataLf,
    Trailers,
}

impl Chunks {
    pub(super) const fn new() -> Self {
        Self { at: At::Size, spent: 0, size: 0 }
    }

    /// Payload of the chunk that is to come.
    pub(super) fn data_left(&self) -> u64 {
        if self.at == At::Data { self.size } else { 0 }
    }

    /// So much of the payload passed.
    pub(super) fn skip(&mut self, bytes: u64) {
        self.size = self.size.saturating_sub(bytes);
        if self.size == 0 {
            self.at = At::DataCr;
        }
    }

    /// The next part outside of data.
    pub(super) fn decode(
        &mut self,
        buf: &[u8],
        unread: &mut Range<usize>,
    ) -> Result<Option<Part>, BodyError> {
        let start = unread.start;
        let is_whole = (self.at == At::Size && self.spent == 0) || self.at == At::DataCr;
        while self.at != At::Trailers {
            let Some(byte) = next_byte(buf, unread) else { return Ok(None) };
            if self.step(byte)? {
                let line = Span::new(start, unread.start);
                return Ok(Some(self.part(buf, Some(line).filter(|_| is_whole))));
            }
        }
        trailer::decode(buf, unread, &mut self.spent)
    }

    /// Takes one byte; true when it ends a line.
    fn step(&mut self, byte: u8) -> Result<bool, BodyError> {
        match (self.at, byte) {
            (At::Size, b'\r') if self.spent > 0 => self.at = At::SizeLf,
            (At::Size, b';') if self.spent > 0 => (self.at, self.spent) = (At::Extension, 0),
            (At::Size, _) => self.add_digit(byte)?,
            (At::Extension, b'\r') => self.at = At::SizeLf,
            (At::Extension | At::Quoted | At::Escaped, _) => self.extend(byte)?,
            (At::SizeLf, b'\n') => {
                self.at = if self.size == 0 { At::Trailers } else { At::Data };
                self.spent = 0;
                return Ok(true);
            }
            (At::DataCr, b'\r') => self.at = At::DataLf,
            (At::DataLf, b'\n') => {
                self.at = At::Size;
                return Ok(true);
            }
            (At::SizeLf, _) => return Err(BodyError::ChunkLineEnd),
            (At::DataCr | At::DataLf | At::Data | At::Trailers, _) => {
                return Err(BodyError::ChunkDataEnd);
            }
        }
        Ok(false)
    }

    fn add_digit(&mut self, byte: u8) -> Result<(), BodyError> {
        let digit = match byte {
            b'0'..=b'9' => byte - b'0',
            b'a'..=b'f' => byte - b'a' + 10,
            b'A'..=b'F' => byte - b'A' + 10,
            b'\n' => return Err(BodyError::ChunkLineEnd),
            _ => return Err(BodyError::ChunkSize),
        };
        self.spent += 1;
        // The top four bits are the last digit's room; a set top bit is beyond 2^63-1.
        if self.spent > SIZE_DIGITS || self.size >> 59 != 0 {
            return Err(BodyError::ChunkSizeOverflow);
        }
        self.size = self.size << 4 | u64::from(digit);
        Ok(())
    }

    fn extend(&mut self, byte: u8) -> Result<(), BodyError> {
        self.spent += 1;
        if usize::from(self.spent) > EXTENSION_BYTES {
            return Err(BodyError::ExtensionTooLong);
        }
        self.at = match (self.at, byte) {
            (At::Extension, b'\n') => return Err(BodyError::ChunkLineEnd),
            (At::Extension, b'"') => At::Quoted,
            (At::Extension, b'\t' | b' '..=b'~') => At::Extension,
            (At::Quoted, b'"') => At::Extension,
            (At::Quoted, b'\\') => At::Escaped,
            (At::Quoted | At::Escaped, b'\t' | b' '..=b'~' | 0x80..) => At::Quoted,
            _ => return Err(BodyError::Extension),
        };
        Ok(())
    }

    /// The part that the line just read stands for.
    fn part(&self, buf: &[u8], line: Option<Span>) -> Part {
        if self.at == At::Size {
            return Part::ChunkEnd { line };
        }
        let line = line.filter(|line| is_canonical(line.of(buf), self.size));
        Part::Chunk { size: self.size, line }
    }
}

fn next_byte(buf: &[u8], unread: &mut Range<usize>) -> Option<u8> {
    let byte = *buf.get(unread.clone())?.first()?;
    unread.start += 1;
    Some(byte)
}

/// Whether a size line is what an encoder writes: no extension, no leading zero, lower case.
fn is_canonical(line: &[u8], size: u64) -> bool {
    let digits = (u64::BITS - (size | 1).leading_zeros()).div_ceil(4) as usize;
    line.len() == digits + 2 && !line.iter().any(u8::is_ascii_uppercase)
}

#[cfg(test)]
mod tests;
