//! Version 1: one line of text, `PROXY TCP4 192.0.2.1 192.0.2.2 56324 443` (section 2.1).
//!
//! Must not know: version 2.
//!
//! Invariant: at most 107 bytes are looked at.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::str::FromStr;

use super::{Header, Invalid, Origin, Stop, Transport, Version, check_signature};
use crate::Span;

pub(super) const SIGNATURE: &[u8] = b"PROXY ";

/// The longest line, its end included: `UNKNOWN` with two addresses of full length.
const LONGEST: usize = 107;

/// `PROXY UNKNOWN` and the end of the line.
pub(super) const SHORTEST: usize = 15;

/// Reads the line that `bytes` begin with.
pub(super) fn parse(bytes: &[u8]) -> Result<Header, Stop> {
    check_signature(bytes, SIGNATURE)?;
    let window = &bytes[..bytes.len().min(LONGEST)];
    let Some(feed) = memchr::memchr(b'\n', window) else { return Err(unfinished(window)) };
    let line = window[..feed].strip_suffix(b"\r").ok_or(Invalid::LineEnd)?;
    let origin = parse_origin(&line[SIGNATURE.len()..])?;
    Ok(Header { len: feed + 1, version: Version::V1, origin, tlvs: Span::default() })
}

/// What is to be said of a line without an end.
fn unfinished(line: &[u8]) -> Stop {
    if line.len() == LONGEST {
        return Invalid::LineTooLong.into();
    }
    let end = if line.ends_with(b"\r") { 1 } else { 2 };
    Stop::NotEnough(end.max(SHORTEST.saturating_sub(line.len())))
}

/// What stands behind the signature.
fn parse_origin(line: &[u8]) -> Result<Origin, Invalid> {
    let (protocol, rest) = match memchr::memchr(b' ', line) {
        Some(space) => (&line[..space], Some(&line[space + 1..])),
        None => (line, None),
    };
    match protocol {
        // What follows is to be ignored.
        b"UNKNOWN" => Ok(Origin::Unknown),
        b"TCP4" => parse_addresses::<Ipv4Addr>(rest.ok_or(Invalid::Fields)?),
        b"TCP6" => parse_addresses::<Ipv6Addr>(rest.ok_or(Invalid::Fields)?),
        _ => Err(Invalid::Protocol),
    }
}

fn parse_addresses<A: FromStr + Into<IpAddr>>(text: &[u8]) -> Result<Origin, Invalid> {
    let mut words = text.split(|byte| *byte == b' ');
    let mut next = || words.next().ok_or(Invalid::Fields);
    let [source, destination, source_port, destination_port] = [next()?, next()?, next()?, next()?];
    if words.next().is_some() {
        return Err(Invalid::Fields);
    }
    let address = |word| parse_word::<A>(word).map(Into::into).ok_or(Invalid::Address);
    let (source, destination) = (address(source)?, address(destination)?);
    Ok(Origin::Inet {
        transport: Transport::Stream,
        source: SocketAddr::new(source, parse_port(source_port)?),
        destination: SocketAddr::new(destination, parse_port(destination_port)?),
    })
}

/// Digits only, where Rust would take a sign and leading zeros.
fn parse_port(word: &[u8]) -> Result<u16, Invalid> {
    let canonical = word == b"0" || word.first().is_some_and(|byte| (b'1'..=b'9').contains(byte));
    if canonical { parse_word(word).ok_or(Invalid::Port) } else { Err(Invalid::Port) }
}

fn parse_word<T: FromStr>(word: &[u8]) -> Option<T> {
    str::from_utf8(word).ok()?.parse().ok()
}
