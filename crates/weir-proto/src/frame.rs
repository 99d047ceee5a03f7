//! Frames: 8 bytes of length, little-endian and with these 8 bytes included, and a message.
//!
//! A [`Decoder`] is handed what was read, however the stream was cut, and polled for frames. It
//! holds no more than what it was handed: an announced length reserves nothing. A frame may have a
//! private key in it: none stays in memory when the next is asked for.

use std::io::{self, Read};

use prost::Message;
use thiserror::Error;
use weir_base::Wiped;
use zeroize::Zeroize;

/// Bytes of the length in front of a message.
pub const PREFIX: usize = 8;

/// Longest frame unless the configuration says otherwise (`max_command_buffer_size`).
pub const DEFAULT_LIMIT: usize = 2_000_000;

/// Most bytes that [`Decoder::read`] takes at once.
const READ: usize = 16 * 1024;

/// What is wrong with a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum FrameError {
    /// A decoder is of no use any more, since where the next frame begins is not known.
    #[error("a message of {length} bytes is larger than {limit} bytes (max_command_buffer_size)")]
    TooLarge {
        /// The whole frame.
        length: u64,
        /// The longest frame allowed.
        limit: usize,
    },
    /// The next frame is taken to begin behind the length.
    #[error("a message cannot have a length of {length} bytes, which is less than its prefix")]
    TooShort {
        /// What the prefix says.
        length: u64,
    },
}

/// Appends the frame of `message` to `out`.
///
/// # Errors
/// [`FrameError::TooLarge`] when the frame is longer than `limit`; `out` is as it was.
pub fn encode(message: &impl Message, limit: usize, out: &mut Vec<u8>) -> Result<(), FrameError> {
    let length = length(message);
    let prefix = length as u64;
    if length > limit {
        return Err(FrameError::TooLarge { length: prefix, limit });
    }
    out.reserve(length);
    out.extend_from_slice(&prefix.to_le_bytes());
    message.encode_raw(out);
    Ok(())
}

/// Bytes of the frame of `message`.
pub fn length(message: &impl Message) -> usize {
    PREFIX + message.encoded_len()
}

/// Whether [`encode`] makes a frame of `message`.
pub fn fits(message: &impl Message, limit: usize) -> bool {
    length(message) <= limit
}

/// Cuts a stream of bytes into frames.
///
/// Poll until nothing comes before more is handed in: then the buffer is never longer than the
/// longest frame and what was handed in last.
#[derive(Debug)]
pub struct Decoder {
    buffer: Wiped,
    /// Where the next frame begins.
    start: usize,
    limit: usize,
    failed: Option<FrameError>,
}

impl Decoder {
    /// A decoder for frames of at most `limit` bytes, their prefix included.
    pub fn new(limit: usize) -> Self {
        Self { buffer: Wiped::default(), start: 0, limit, failed: None }
    }

    /// Takes what was received.
    pub fn handle(&mut self, bytes: &[u8]) {
        if self.failed.is_none() {
            self.compact();
            self.buffer.extend_from_slice(bytes);
        }
    }

    /// Receives once from a stream and says how much came; 0 is the end.
    ///
    /// # Errors
    /// Those of the stream.
    pub fn read(&mut self, from: &mut impl Read) -> io::Result<usize> {
        let mut bytes = [0; READ];
        let count = from.read(&mut bytes)?;
        self.handle(&bytes[..count]);
        bytes[..count].zeroize();
        Ok(count)
    }

    /// The message of the next frame, if all of it is there.
    ///
    /// # Errors
    /// [`FrameError::TooShort`] once for each such length: poll again.
    /// [`FrameError::TooLarge`] for ever.
    pub fn poll(&mut self) -> Result<Option<&[u8]>, FrameError> {
        if let Some(error) = self.failed {
            return Err(error);
        }
        let Some(length) = self.next_length() else {
            self.compact();
            return Ok(None);
        };
        if length < PREFIX as u64 {
            self.start += PREFIX;
            return Err(FrameError::TooShort { length });
        }
        let fits = usize::try_from(length).ok().filter(|length| *length <= self.limit);
        let Some(whole) = fits else {
            let error = FrameError::TooLarge { length, limit: self.limit };
            *self = Self { failed: Some(error), ..Self::new(self.limit) };
            return Err(error);
        };
        if self.buffer.len() - self.start < whole {
            self.compact();
            return Ok(None);
        }
        let frame = self.start..self.start + whole;
        self.start = frame.end;
        Ok(Some(&self.buffer[frame][PREFIX..]))
    }

    /// What was handed in and not given as a message.
    pub fn rest(&self) -> &[u8] {
        &self.buffer[self.start..]
    }

    /// True when no part of a frame is waiting for the rest of it.
    pub fn is_empty(&self) -> bool {
        self.buffer.len() == self.start
    }

    fn next_length(&self) -> Option<u64> {
        let rest = self.buffer.get(self.start..)?;
        rest.first_chunk().map(|prefix| u64::from_le_bytes(*prefix))
    }

    /// Forgets the frames that were given.
    fn compact(&mut self) {
        self.buffer.skip(self.start);
        self.start = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_is_that_of_what_came() {
        let mut decoder = Decoder::new(DEFAULT_LIMIT);
        decoder.handle(&(DEFAULT_LIMIT as u64).to_le_bytes());
        assert_eq!(decoder.poll(), Ok(None));
        assert!(decoder.buffer.capacity() < 100, "an announced length reserves nothing");
        decoder.handle(&[1; DEFAULT_LIMIT - PREFIX]);
        let length = decoder.poll().map(|frame| frame.map(<[u8]>::len));
        assert_eq!(length, Ok(Some(DEFAULT_LIMIT - PREFIX)));
        assert_eq!(decoder.poll(), Ok(None));
        assert!(decoder.buffer.capacity() < 100, "the room of a long frame is given back");
    }
}
