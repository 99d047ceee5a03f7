//! Addresses and 128-bit numbers, to and from the types of the standard library.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use thiserror::Error;

use crate::ip_address::Inner;
use crate::{IpAddress, SocketAddress, Uint128};

/// Why a message holds no address.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum AddressError {
    /// Neither IPv4 nor IPv6.
    #[error("the address has no IP address")]
    NoIp,
    /// Ports have 16 bits.
    #[error("port {0} is greater than 65535")]
    Port(u32),
}

impl From<SocketAddr> for SocketAddress {
    fn from(address: SocketAddr) -> Self {
        Self { ip: address.ip().into(), port: address.port().into() }
    }
}

impl TryFrom<SocketAddress> for SocketAddr {
    type Error = AddressError;

    fn try_from(address: SocketAddress) -> Result<Self, AddressError> {
        let ip = address.ip.try_into()?;
        let port = address.port.try_into().map_err(|_| AddressError::Port(address.port))?;
        Ok(Self::new(ip, port))
    }
}

impl From<IpAddr> for IpAddress {
    fn from(ip: IpAddr) -> Self {
        let inner = match ip {
            IpAddr::V4(ip) => Inner::V4(ip.to_bits()),
            IpAddr::V6(ip) => Inner::V6(ip.to_bits().into()),
        };
        Self { inner: Some(inner) }
    }
}

impl TryFrom<IpAddress> for IpAddr {
    type Error = AddressError;

    fn try_from(ip: IpAddress) -> Result<Self, AddressError> {
        match ip.inner {
            Some(Inner::V4(bits)) => Ok(Ipv4Addr::from_bits(bits).into()),
            Some(Inner::V6(bits)) => Ok(Ipv6Addr::from_bits(bits.into()).into()),
            None => Err(AddressError::NoIp),
        }
    }
}

impl From<u128> for Uint128 {
    #[expect(clippy::cast_possible_truncation, reason = "halves")]
    fn from(number: u128) -> Self {
        Self { low: number as u64, high: (number >> 64) as u64 }
    }
}

impl From<Uint128> for u128 {
    fn from(number: Uint128) -> Self {
        Self::from(number.high) << 64 | Self::from(number.low)
    }
}

impl Uint128 {
    /// A ULID, which travels with its halves exchanged.
    pub fn from_ulid(ulid: u128) -> Self {
        ulid.rotate_left(64).into()
    }

    /// The ULID that this is.
    pub fn to_ulid(self) -> u128 {
        u128::from(self).rotate_left(64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_come_back() {
        for text in [
            "127.0.0.1:8080",
            "255.255.255.255:65535",
            "0.0.0.0:0",
            "[::1]:443",
            "[2001:db8::ff00:42:8329]:1",
            "[::ffff:1.2.3.4]:5",
        ] {
            let address: SocketAddr = text.parse().expect("an address");
            assert_eq!(SocketAddr::try_from(SocketAddress::from(address)), Ok(address));
        }
    }

    #[test]
    fn addresses_are_big_endian_numbers() {
        let ip = |text: &str| IpAddress::from(text.parse::<IpAddr>().expect("an address")).inner;
        assert_eq!(ip("10.0.0.1"), Some(Inner::V4(0x0a00_0001)));
        let (high, low) = (0x2001_0db8_0000_0000, 0x0000_ff00_0042_8329);
        assert_eq!(ip("2001:db8::ff00:42:8329"), Some(Inner::V6(Uint128 { low, high })));
    }

    #[test]
    fn what_is_no_address_is_refused() {
        let no_ip = SocketAddress { ip: IpAddress { inner: None }, port: 80 };
        assert_eq!(SocketAddr::try_from(no_ip), Err(AddressError::NoIp));
        let ip = Ipv4Addr::LOCALHOST;
        let port = SocketAddress { ip: IpAddr::V4(ip).into(), port: 65536 };
        assert_eq!(SocketAddr::try_from(port), Err(AddressError::Port(65536)));
    }

    #[test]
    fn ulids_have_their_halves_exchanged() {
        let ulid = 0x0123_4567_89ab_cdef_0011_2233_4455_6677;
        let sent = Uint128::from_ulid(ulid);
        assert_eq!((sent.low, sent.high), (0x0123_4567_89ab_cdef, 0x0011_2233_4455_6677));
        assert_eq!(sent.to_ulid(), ulid);
        assert_eq!(u128::from(Uint128::from(ulid)), ulid);
    }
}
