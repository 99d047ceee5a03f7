//! One step of rustls over received bytes.

use rustls::unbuffered::{ConnectionState, UnbufferedStatus};

use super::TlsError;
use super::write::append;

/// Refuses a handshake message that came in pieces after the handshake: rustls holds on to them
/// where they lie, and they would have to lie there whenever it is asked to write.
pub(super) fn refuse_pieces(left: &[u8]) -> Result<(), TlsError> {
    let whole = match left {
        [_, _, _, high, low, payload @ ..] => {
            payload.len() >= usize::from(u16::from_be_bytes([*high, *low]))
        }
        _ => false,
    };
    if whole { Err(TlsError::Pieces) } else { Ok(()) }
}

/// What one step of rustls came to.
pub(super) enum Outcome {
    /// So many plain bytes were written; there may be more to do.
    Again(usize),
    /// More has to come in.
    Blocked,
    /// Plain bytes may be sent.
    Ready,
    /// The peer has ended its side.
    Closed,
    Failed(rustls::Error),
}

/// What a step took of the input, and what it came to.
pub(super) struct Step {
    pub(super) consumed: usize,
    pub(super) outcome: Result<Outcome, TlsError>,
}

/// Carries out what rustls asks for: plain bytes go to `room`, and to `rest` when there is none.
pub(super) fn step<Data>(
    status: UnbufferedStatus<'_, '_, Data>,
    room: &mut [u8],
    out: &mut Vec<u8>,
    rest: &mut Vec<u8>,
) -> Step {
    let outcome = match status.state {
        Err(error) => Ok(Outcome::Failed(error)),
        Ok(ConnectionState::ReadTraffic(mut traffic)) => match traffic.next_record() {
            Some(Ok(record)) => {
                let n = record.payload.len().min(room.len());
                room[..n].copy_from_slice(&record.payload[..n]);
                rest.extend_from_slice(&record.payload[n..]);
                Ok(Outcome::Again(n))
            }
            Some(Err(error)) => Ok(Outcome::Failed(error)),
            None => Ok(Outcome::Again(0)),
        },
        Ok(ConnectionState::EncodeTlsData(mut data)) => {
            append(out, |out| data.encode(out)).map(|()| Outcome::Again(0))
        }
        Ok(ConnectionState::TransmitTlsData(data)) => {
            data.done();
            Ok(Outcome::Again(0))
        }
        Ok(ConnectionState::WriteTraffic(_)) => Ok(Outcome::Ready),
        Ok(ConnectionState::PeerClosed | ConnectionState::Closed) => Ok(Outcome::Closed),
        Ok(_) => Ok(Outcome::Blocked),
    };
    Step { consumed: status.discard, outcome }
}
