//! Messages over a stream that waits: for the command line. Must not be used by a loop.

use std::io::{self, Read, Write};

use prost::{DecodeError, Message};
use thiserror::Error;

use crate::frame::{self, Decoder, FrameError};

/// Why no message was received or sent.
#[derive(Debug, Error)]
pub enum Error {
    /// The stream failed. After a timeout the same decoder can go on.
    #[error(transparent)]
    Io(#[from] io::Error),
    /// It ended inside a message.
    #[error("the connection ended in the middle of a message")]
    Cut,
    /// What came is no frame, or what was to be sent is too long for one.
    #[error(transparent)]
    Frame(#[from] FrameError),
    /// A frame that holds something else than the message.
    #[error("a message cannot be understood: {0}")]
    Decode(#[from] DecodeError),
}

/// The next message, or nothing when the stream ends before one. Bytes of messages that follow stay
/// in the decoder.
///
/// # Errors
/// Any of [`enum@Error`].
pub fn receive<M: Message + Default>(
    from: &mut impl Read,
    decoder: &mut Decoder,
) -> Result<Option<M>, Error> {
    loop {
        if let Some(frame) = decoder.poll()? {
            return Ok(Some(M::decode(frame)?));
        }
        match decoder.read(from) {
            Ok(0) if decoder.is_empty() => return Ok(None),
            Ok(0) => return Err(Error::Cut),
            Ok(_) => {}
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error.into()),
        }
    }
}

/// Sends a message whose frame may have `limit` bytes.
///
/// # Errors
/// [`Error::Frame`] when it has more, and nothing is sent; [`Error::Io`] from the stream.
pub fn send(to: &mut impl Write, message: &impl Message, limit: usize) -> Result<(), Error> {
    let mut bytes = Vec::new();
    frame::encode(message, limit, &mut bytes)?;
    to.write_all(&bytes)?;
    Ok(to.flush()?)
}
