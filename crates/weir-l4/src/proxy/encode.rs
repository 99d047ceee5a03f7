//! Writing headers.
//!
//! Must not know: the connection that they go out on. A header is appended to the caller's buffer
//! and is to leave before anything else, in a datagram in front of its payload.
//!
//! Invariant: what is written is what [`super::parse`] reads; on an error the buffer is as before.

use std::net::{IpAddr, SocketAddr};

use super::tlv::{self, kind};
use super::{Header, Origin, Tlvs, Transport, v1, v2};

/// Appends a line of version 1. It can only name TCP: whatever else `origin` is becomes `UNKNOWN`.
pub fn write_v1(out: &mut Vec<u8>, origin: &Origin) {
    let line = v1_line(origin).unwrap_or_else(|| "UNKNOWN".into());
    out.extend_from_slice(v1::SIGNATURE);
    out.extend_from_slice(line.as_bytes());
    out.extend_from_slice(b"\r\n");
}

fn v1_line(origin: &Origin) -> Option<String> {
    let Origin::Inet { transport: Transport::Stream, source, destination } = origin else {
        return None;
    };
    let family = match (source, destination) {
        (SocketAddr::V4(_), SocketAddr::V4(_)) => "TCP4",
        (SocketAddr::V6(_), SocketAddr::V6(_)) => "TCP6",
        _ => return None,
    };
    let (from, to) = (source.ip(), destination.ip());
    Some(format!("{family} {from} {to} {} {}", source.port(), destination.port()))
}

/// Why a header cannot be written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EncodeError {
    /// The length of the header or of one of its TLVs does not fit 16 bits.
    #[error("a PROXY protocol header cannot hold more than 65535 bytes: give it fewer TLVs")]
    TooLong,
    /// The name of a unix socket does not fit its field.
    #[error("a PROXY protocol header holds names of unix sockets of at most 108 bytes")]
    UnixName,
}

/// Writes a header of version 2: the origin, then TLVs, then [`Encoder::finish`].
#[derive(Debug)]
#[must_use = "a header without its length is not one"]
pub struct Encoder<'a> {
    out: &'a mut Vec<u8>,
    start: usize,
    /// Where the checksum goes.
    checksum: Option<usize>,
    failed: Option<EncodeError>,
}

impl<'a> Encoder<'a> {
    /// The sender speaks for itself: a health check.
    pub fn local(out: &'a mut Vec<u8>) -> Self {
        Self::begin(out, v2::LOCAL, 0)
    }

    /// The sender cannot say whom it speaks for.
    pub fn unknown(out: &'a mut Vec<u8>) -> Self {
        Self::begin(out, v2::PROXY, 0)
    }

    /// For a client over IP. Addresses of different families cannot be written: the origin is
    /// unknown then.
    pub fn inet(
        out: &'a mut Vec<u8>,
        transport: Transport,
        source: SocketAddr,
        destination: SocketAddr,
    ) -> Self {
        let transport = code(transport);
        let encoder = match (source.ip(), destination.ip()) {
            (IpAddr::V4(from), IpAddr::V4(to)) => Self::begin(out, v2::PROXY, 0x10 | transport)
                .append(&from.octets())
                .append(&to.octets()),
            (IpAddr::V6(from), IpAddr::V6(to)) => Self::begin(out, v2::PROXY, 0x20 | transport)
                .append(&from.octets())
                .append(&to.octets()),
            _ => return Self::unknown(out),
        };
        encoder.append(&source.port().to_be_bytes()).append(&destination.port().to_be_bytes())
    }

    /// For a client over a unix socket.
    pub fn unix(
        out: &'a mut Vec<u8>,
        transport: Transport,
        source: &[u8],
        destination: &[u8],
    ) -> Self {
        let encoder = Self::begin(out, v2::PROXY, 0x30 | code(transport));
        encoder.append_name(source).append_name(destination)
    }

    /// The header that was parsed from `bytes` once more, with all its TLVs: to send it on, as
    /// version 2 whatever it was, with others added.
    pub fn relay(out: &'a mut Vec<u8>, header: &Header, bytes: &[u8]) -> Self {
        let encoder = match header.origin {
            Origin::Local => Self::local(out),
            Origin::Unknown => Self::unknown(out),
            Origin::Inet { transport, source, destination } => {
                Self::inet(out, transport, source, destination)
            }
            Origin::Unix { transport, source, destination } => {
                Self::unix(out, transport, source.of(bytes), destination.of(bytes))
            }
        };
        encoder.tlvs(header.tlvs(bytes))
    }

    /// Adds TLVs as they are, but a checksum, which is computed anew.
    pub fn tlvs(self, tlvs: Tlvs<'_>) -> Self {
        tlvs.fold(self, |encoder, tlv| encoder.tlv(tlv.kind, tlv.value))
    }

    /// Adds one TLV. The value of a checksum does not matter.
    pub fn tlv(mut self, kind: u8, value: &[u8]) -> Self {
        if kind == kind::CRC32C {
            return self.checksum();
        }
        let Ok(len) = u16::try_from(value.len()) else {
            self.failed = Some(EncodeError::TooLong);
            return self;
        };
        self.append(&[kind]).append(&len.to_be_bytes()).append(value)
    }

    /// Adds a checksum, unless there is one.
    pub fn checksum(mut self) -> Self {
        if self.checksum.is_some() {
            return self;
        }
        self.checksum = Some(self.out.len() + tlv::HEAD - self.start);
        self.append(&[kind::CRC32C, 0, 4, 0, 0, 0, 0])
    }

    /// Completes the header. Its length, or the reason why nothing was written.
    pub fn finish(self) -> Result<usize, EncodeError> {
        let header = &mut self.out[self.start..];
        let len = header.len();
        let rest = u16::try_from(len - v2::FIXED).map_err(|_| EncodeError::TooLong);
        match (self.failed, rest) {
            (Some(error), _) | (None, Err(error)) => {
                self.out.truncate(self.start);
                Err(error)
            }
            (None, Ok(rest)) => {
                header[v2::FIXED - 2..v2::FIXED].copy_from_slice(&rest.to_be_bytes());
                if let Some(place) = self.checksum {
                    let sum = tlv::crc32c(header, place);
                    header[place..place + 4].copy_from_slice(&sum);
                }
                Ok(len)
            }
        }
    }

    fn begin(out: &'a mut Vec<u8>, command: u8, kind: u8) -> Self {
        let start = out.len();
        Self { out, start, checksum: None, failed: None }
            .append(v2::SIGNATURE)
            .append(&[command, kind, 0, 0])
    }

    fn append(self, bytes: &[u8]) -> Self {
        self.out.extend_from_slice(bytes);
        self
    }

    fn append_name(mut self, name: &[u8]) -> Self {
        let Some(padding) = v2::UNIX_NAME.checked_sub(name.len()) else {
            self.failed = Some(EncodeError::UnixName);
            return self;
        };
        self.append(name).append(&[0; v2::UNIX_NAME][..padding])
    }
}

fn code(transport: Transport) -> u8 {
    match transport {
        Transport::Stream => 1,
        Transport::Datagram => 2,
    }
}
