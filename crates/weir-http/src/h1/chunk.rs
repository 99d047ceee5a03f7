//! The chunked transfer coding, RFC 9112 §7.1, decoded strictly.

use super::chars::is_value;

/// Hexadecimal digits of a chunk size: more cannot be a real length.
const MOST_DIGITS: u8 = 15;

/// Bytes of chunk extensions in one body: nobody uses them, so more is an attack.
const MOST_EXTENSION_BYTES: u32 = 4096;

/// A rule that a message body breaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BodyError {
    /// RFC 9112 §7.1
    #[error("a chunk size is not a hexadecimal number followed by CRLF")]
    BadSize,
    /// RFC 9112 §7.1
    #[error("a chunk size is too large")]
    SizeTooLarge,
    /// RFC 9112 §7.1.1
    #[error("a chunk extension is malformed or too long")]
    BadExtension,
    /// RFC 9112 §7.1
    #[error("chunk data is not followed by CRLF")]
    BadDataEnd,
    /// RFC 9112 §7.1.2
    #[error("the trailer section is malformed or too large")]
    BadTrailer,
    /// RFC 9112 §8
    #[error("the connection ended inside the message body")]
    Truncated,
}

/// Where a decoder stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Chunked {
    /// In a size; digits so far and their value.
    Size { digits: u8, value: u64 },
    /// In an extension.
    Extension { value: u64, quoted: bool },
    /// At the LF of a size line.
    SizeLf { value: u64 },
    /// In chunk data.
    Data { left: u64 },
    /// At the CR after chunk data.
    DataCr,
    /// At the LF after chunk data.
    DataLf,
    /// In the trailer section.
    Trailer,
}

/// The decoder.
#[derive(Clone, Debug)]
pub(super) struct ChunkDecoder {
    state: Chunked,
    extension_bytes: u32,
}

/// What is next in the input.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Piece {
    /// That many bytes of framing, nothing of the body.
    Framing(usize),
    /// That many bytes of the body.
    Data(usize),
    /// The trailer section starts here.
    Trailer,
}

impl ChunkDecoder {
    pub(super) fn new() -> Self {
        Self { state: Chunked::Size { digits: 0, value: 0 }, extension_bytes: 0 }
    }

    /// The next piece of `input`, which is not empty.
    pub(super) fn next(&mut self, input: &[u8]) -> Result<Piece, BodyError> {
        let mut used = 0;
        loop {
            if let Chunked::Trailer = self.state {
                return Ok(if used == 0 { Piece::Trailer } else { Piece::Framing(used) });
            }
            let Some(byte) = input.get(used) else { return Ok(Piece::Framing(used)) };
            if let Chunked::Data { left } = self.state {
                if used > 0 {
                    return Ok(Piece::Framing(used));
                }
                let n = usize::try_from(left).unwrap_or(usize::MAX).min(input.len());
                let left = left - n as u64;
                self.state = if left == 0 { Chunked::DataCr } else { Chunked::Data { left } };
                return Ok(Piece::Data(n));
            }
            self.state = self.step(*byte)?;
            used += 1;
        }
    }

    /// One byte of framing.
    fn step(&mut self, byte: u8) -> Result<Chunked, BodyError> {
        match (self.state, byte) {
            (Chunked::Size { digits: 1.., value }, b'\r') => Ok(Chunked::SizeLf { value }),
            (Chunked::Size { digits: 1.., value }, b';') => {
                Ok(Chunked::Extension { value, quoted: false })
            }
            (Chunked::Size { digits, value }, _) => {
                let digit = (byte as char).to_digit(16).ok_or(BodyError::BadSize)?;
                if digits == MOST_DIGITS {
                    return Err(BodyError::SizeTooLarge);
                }
                Ok(Chunked::Size { digits: digits + 1, value: value << 4 | u64::from(digit) })
            }
            (Chunked::Extension { value, quoted: false }, b'\r') => Ok(Chunked::SizeLf { value }),
            (Chunked::Extension { value, quoted }, _) => self.extension(byte, value, quoted),
            (Chunked::SizeLf { value: 0 }, b'\n') => Ok(Chunked::Trailer),
            (Chunked::SizeLf { value }, b'\n') => Ok(Chunked::Data { left: value }),
            (Chunked::SizeLf { .. }, _) => Err(BodyError::BadSize),
            (Chunked::DataCr, b'\r') => Ok(Chunked::DataLf),
            (Chunked::DataLf, b'\n') => Ok(Chunked::Size { digits: 0, value: 0 }),
            (Chunked::DataCr | Chunked::DataLf, _) => Err(BodyError::BadDataEnd),
            (state @ (Chunked::Data { .. } | Chunked::Trailer), _) => Ok(state),
        }
    }

    fn extension(&mut self, byte: u8, value: u64, quoted: bool) -> Result<Chunked, BodyError> {
        self.extension_bytes += 1;
        if !is_value(byte) || self.extension_bytes > MOST_EXTENSION_BYTES {
            return Err(BodyError::BadExtension);
        }
        Ok(Chunked::Extension { value, quoted: quoted ^ (byte == b'"') })
    }
}
