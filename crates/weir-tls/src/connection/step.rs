//! One step of rustls over received bytes.

use rustls::unbuffered::{ConnectionState, EncodeError, UnbufferedStatus};
use rustls::{AlertDescription, Error};

use super::TlsError;

/// What one step of rustls came to.
pub(super) enum Outcome {
    /// There may be more to do.
    Again,
    /// More has to come in.
    Blocked,
    Failed(Error),
}

/// What a step took of the input, and what it came to.
pub(super) struct Step {
    pub(super) consumed: usize,
    pub(super) outcome: Result<Outcome, TlsError>,
}

/// Carries out what rustls asks for.
pub(super) fn step<Data>(status: UnbufferedStatus<'_, '_, Data>, out: &mut Vec<u8>) -> Step {
    let outcome = match status.state {
        Err(error) => Ok(Outcome::Failed(error)),
        Ok(ConnectionState::EncodeTlsData(mut data)) => {
            append(out, |out| data.encode(out)).map(|()| Outcome::Again)
        }
        Ok(ConnectionState::TransmitTlsData(data)) => {
            data.done();
            Ok(Outcome::Again)
        }
        Ok(ConnectionState::PeerClosed | ConnectionState::Closed) => {
            Ok(Outcome::Failed(Error::AlertReceived(AlertDescription::CloseNotify)))
        }
        Ok(_) => Ok(Outcome::Blocked),
    };
    Step { consumed: status.discard, outcome }
}

/// Appends what `write` writes, once it has said how much that is.
fn append(
    out: &mut Vec<u8>,
    mut write: impl FnMut(&mut [u8]) -> Result<usize, EncodeError>,
) -> Result<(), TlsError> {
    let start = out.len();
    let wanted = match write(&mut []) {
        Err(EncodeError::InsufficientSize(size)) => size.required_size,
        Err(EncodeError::AlreadyEncoded) => return Err(TlsError::NoRoom),
        Ok(_) => return Ok(()),
    };
    out.resize(start + wanted, 0);
    let written = write(&mut out[start..]).map_err(|_| TlsError::NoRoom)?;
    out.truncate(start + written);
    Ok(())
}
