//! Appending what rustls wants to send.

use rustls::client::ClientConnectionData;
use rustls::server::ServerConnectionData;
use rustls::unbuffered::{
    ConnectionState, EncodeError, EncryptError, UnbufferedConnectionCommon, UnbufferedStatus,
    WriteTraffic,
};

use super::TlsError;

/// Either kind of connection, for what both can do.
pub(super) trait Process<Data> {
    fn process(&mut self) -> UnbufferedStatus<'_, '_, Data>;
}

impl Process<ServerConnectionData> for UnbufferedConnectionCommon<ServerConnectionData> {
    fn process(&mut self) -> UnbufferedStatus<'_, '_, ServerConnectionData> {
        self.process_tls_records(&mut [])
    }
}

impl Process<ClientConnectionData> for UnbufferedConnectionCommon<ClientConnectionData> {
    fn process(&mut self) -> UnbufferedStatus<'_, '_, ClientConnectionData> {
        self.process_tls_records(&mut [])
    }
}

/// Brings a connection to where it takes plain bytes, and lets it write.
pub(super) fn write<Data>(
    connection: &mut impl Process<Data>,
    out: &mut Vec<u8>,
    mut what: impl FnMut(&mut WriteTraffic<'_, Data>, &mut [u8]) -> Result<usize, EncryptError>,
) -> Result<(), TlsError> {
    loop {
        match connection.process().state? {
            ConnectionState::WriteTraffic(mut traffic) => {
                return append(out, |out| what(&mut traffic, out));
            }
            ConnectionState::EncodeTlsData(mut data) => append(out, |out| data.encode(out))?,
            ConnectionState::TransmitTlsData(data) => data.done(),
            ConnectionState::PeerClosed => {}
            _ => return Err(rustls::Error::HandshakeNotComplete.into()),
        }
    }
}

/// An error that says how much room is wanted.
pub(super) trait Wanted {
    fn wanted(&self) -> Option<usize>;
}

impl Wanted for EncodeError {
    fn wanted(&self) -> Option<usize> {
        match self {
            Self::InsufficientSize(size) => Some(size.required_size),
            _ => None,
        }
    }
}

impl Wanted for EncryptError {
    fn wanted(&self) -> Option<usize> {
        match self {
            Self::InsufficientSize(size) => Some(size.required_size),
            _ => None,
        }
    }
}

/// Appends what `write` writes, once it has said how much that is.
pub(super) fn append<E: Wanted>(
    out: &mut Vec<u8>,
    mut write: impl FnMut(&mut [u8]) -> Result<usize, E>,
) -> Result<(), TlsError> {
    let start = out.len();
    let wanted = match write(&mut []) {
        Ok(_) => return Ok(()),
        Err(error) => error.wanted().ok_or(rustls::Error::EncryptError)?,
    };
    out.resize(start + wanted, 0);
    let written = write(&mut out[start..]).map_err(|_| TlsError::NoRoom)?;
    out.truncate(start + written);
    Ok(())
}
