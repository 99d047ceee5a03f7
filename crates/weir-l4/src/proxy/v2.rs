//! Version 2: sixteen bytes, addresses, TLVs (section 2.2).
//!
//! Must not know: version 1.
//!
//! Invariant: the fixed part is judged as far as it goes, so that what cannot become a header is
//! not waited for; the rest is looked at when it is whole.

use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};

use super::{Header, Invalid, Origin, Stop, Transport, Version, check_signature, tlv};
use crate::Span;

pub(super) const SIGNATURE: &[u8; 12] = b"\r\n\r\n\0\r\nQUIT\n";

/// Signature, version and command, family and transport, length of the rest.
pub(super) const FIXED: usize = 16;

pub(super) const LOCAL: u8 = 0x20;
pub(super) const PROXY: u8 = 0x21;

/// Bytes of the name of a unix socket.
pub(super) const UNIX_NAME: usize = 108;

/// Reads the header that `bytes` begin with.
pub(super) fn parse(bytes: &[u8], most: usize) -> Result<Header, Stop> {
    check_signature(bytes, SIGNATURE)?;
    let command = bytes.get(12).map(|byte| parse_command(*byte)).transpose()?;
    let kind = match (command, bytes.get(13)) {
        (Some(Command::Proxy), Some(byte)) => Some(Kind::of(*byte)?),
        _ => None,
    };
    let Some(&[high, low]) = bytes.get(14..FIXED) else {
        return Err(Stop::NotEnough(FIXED - bytes.len()));
    };
    let len = FIXED + usize::from(u16::from_be_bytes([high, low]));
    if len > most {
        return Err(Invalid::TooLong { len, most }.into());
    }
    let addresses = FIXED + kind.map_or(0, |kind| kind.family.len());
    if addresses > len {
        return Err(Invalid::AddressesCut.into());
    }
    let Some(bytes) = bytes.get(..len) else { return Err(Stop::NotEnough(len - bytes.len())) };
    let (origin, tlvs) = match kind {
        // Whatever the header says besides is to be discarded.
        None => (Origin::Local, Span::default()),
        Some(kind) => (kind.origin(&bytes[..addresses]), Span::new(addresses, len)),
    };
    tlv::check(bytes, tlvs)?;
    Ok(Header { len, version: Version::V2, origin, tlvs })
}

#[derive(Clone, Copy)]
enum Command {
    Local,
    Proxy,
}

fn parse_command(byte: u8) -> Result<Command, Invalid> {
    match (byte >> 4, byte & 0xf) {
        (2, 0) => Ok(Command::Local),
        (2, 1) => Ok(Command::Proxy),
        (2, command) => Err(Invalid::Command(command)),
        (version, _) => Err(Invalid::Version(version)),
    }
}

/// The fourteenth byte.
#[derive(Clone, Copy)]
struct Kind {
    family: Family,
    /// `None`: unspecified, addresses are to be ignored.
    transport: Option<Transport>,
}

#[derive(Clone, Copy)]
enum Family {
    Unspecified,
    V4,
    V6,
    Unix,
}

impl Family {
    /// Bytes of the addresses.
    fn len(self) -> usize {
        match self {
            Self::Unspecified => 0,
            Self::V4 => 2 * 4 + 2 * 2,
            Self::V6 => 2 * 16 + 2 * 2,
            Self::Unix => 2 * UNIX_NAME,
        }
    }
}

impl Kind {
    fn of(byte: u8) -> Result<Self, Invalid> {
        let family = match byte >> 4 {
            0 => Family::Unspecified,
            1 => Family::V4,
            2 => Family::V6,
            3 => Family::Unix,
            other => return Err(Invalid::Family(other)),
        };
        let transport = match byte & 0xf {
            0 => None,
            1 => Some(Transport::Stream),
            2 => Some(Transport::Datagram),
            other => return Err(Invalid::Transport(other)),
        };
        Ok(Self { family, transport })
    }

    /// Reads the addresses that end `bytes`.
    fn origin(self, bytes: &[u8]) -> Origin {
        let Some(transport) = self.transport else { return Origin::Unknown };
        let block = &bytes[FIXED..];
        let addresses = match self.family {
            Family::Unspecified => None,
            Family::V4 => inet::<4>(block, |ip| Ipv4Addr::from(ip).into()),
            Family::V6 => inet::<16>(block, |ip| Ipv6Addr::from(ip).into()),
            Family::Unix => {
                let middle = FIXED + UNIX_NAME;
                let source = Span::new(FIXED, middle);
                let destination = Span::new(middle, middle + UNIX_NAME);
                return Origin::Unix { transport, source, destination };
            }
        };
        match addresses {
            Some([source, destination]) => Origin::Inet { transport, source, destination },
            None => Origin::Unknown,
        }
    }
}

/// Source and destination: both addresses, then both ports.
fn inet<const N: usize>(
    block: &[u8],
    address: impl Fn([u8; N]) -> std::net::IpAddr,
) -> Option<[SocketAddr; 2]> {
    let (source, rest) = block.split_first_chunk::<N>()?;
    let (destination, rest) = rest.split_first_chunk::<N>()?;
    let (source_port, rest) = rest.split_first_chunk::<2>()?;
    let destination_port = rest.first_chunk::<2>()?;
    let socket =
        |ip: &[u8; N], port: &[u8; 2]| SocketAddr::new(address(*ip), u16::from_be_bytes(*port));
    Some([socket(source, source_port), socket(destination, destination_port)])
}
