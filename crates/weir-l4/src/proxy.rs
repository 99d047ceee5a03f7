//! The PROXY protocol: a header before the first byte of a connection, or of a datagram, that says
//! whom the sender speaks for.
//!
//! Source: [proxy-protocol.txt](https://www.haproxy.org/download/3.2/doc/proxy-protocol.txt).
//! Must not know: who may send such a header. It is believed as it stands, so a listener expects it
//! from known senders only, and never guesses whether it is there (its section 5).
//!
//! * [`parse`]: a header at the start of the caller's bytes, of either version.
//! * [`Tlvs`]: what version 2 says besides addresses.
//! * [`write_v1`], [`Encoder`]: writing one.
//!
//! Invariants: a header is read whole or not at all; version 1 is bounded by its rule of 107 bytes,
//! version 2 by the caller; an error is final, more bytes do not mend it; every TLV was checked
//! before the header is offered, the checksum included.

mod encode;
mod error;
mod tlv;
mod v1;
mod v2;

use std::net::SocketAddr;

use crate::Span;

pub use encode::{EncodeError, Encoder, write_v1};
pub use error::Invalid;
pub use tlv::{Ssl, Tlv, Tlvs, Value, kind};

/// The longest header that [`parse`] should accept when nothing else is configured.
///
/// Addresses take 16 to 232 bytes; names, an identifier and a client's certificate want more.
pub const DEFAULT_MOST: usize = 4096;

/// What the first bytes of a connection are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Parsed {
    /// The start of a header, of which at least so many bytes are still to come.
    NotEnough(usize),
    /// A header, whole and valid.
    Header(Header),
    /// Not a header. The connection is to be dropped.
    Invalid(Invalid),
}

/// A header that was understood. What follows it begins at [`Header::len`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header {
    /// Bytes of the header.
    pub len: usize,
    /// How it was written.
    pub version: Version,
    /// Whom the sender speaks for.
    pub origin: Origin,
    tlvs: Span,
}

impl Header {
    /// The TLVs. `bytes` are those that were parsed.
    pub fn tlvs(self, bytes: &[u8]) -> Tlvs<'_> {
        Tlvs::new(self.tlvs.of(bytes))
    }
}

/// How a header is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Version {
    /// A line of text.
    V1,
    /// Binary.
    V2,
}

/// Whom the sender of a header speaks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    /// For itself, as in a health check: the addresses of the connection are the true ones.
    Local,
    /// For somebody that it cannot name: the addresses of the connection may be used instead.
    Unknown,
    /// For a client over IP.
    Inet {
        /// TCP or UDP.
        transport: Transport,
        /// The client.
        source: SocketAddr,
        /// Where the client connected to; of the same family.
        destination: SocketAddr,
    },
    /// For a client over a unix socket. Each name takes 108 bytes, padded with zeros.
    Unix {
        /// Stream or datagram socket.
        transport: Transport,
        /// The client's name.
        source: Span,
        /// The name that the client connected to.
        destination: Span,
    },
}

/// What carried the client's bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Transport {
    /// TCP, or a unix stream.
    Stream,
    /// UDP, or unix datagrams.
    Datagram,
}

/// Reads the header at the start of `bytes`, which is at most `most` bytes long.
///
/// Call it again with more bytes after [`Parsed::NotEnough`]; it keeps nothing. In a datagram,
/// where nothing more can come, that answer is an error as well.
pub fn parse(bytes: &[u8], most: usize) -> Parsed {
    let outcome = match bytes.first() {
        Some(b'P') => v1::parse(bytes),
        None | Some(_) => v2::parse(bytes, most),
    };
    match outcome {
        Ok(header) => Parsed::Header(header),
        Err(Stop::NotEnough(_)) if bytes.is_empty() => Parsed::NotEnough(v1::SHORTEST),
        Err(Stop::NotEnough(more)) => Parsed::NotEnough(more),
        Err(Stop::Invalid(invalid)) => Parsed::Invalid(invalid),
    }
}

/// Why there is no header yet, or never.
enum Stop {
    NotEnough(usize),
    Invalid(Invalid),
}

impl From<Invalid> for Stop {
    fn from(invalid: Invalid) -> Self {
        Self::Invalid(invalid)
    }
}

/// `bytes` begin as `signature` does, as far as they go.
fn check_signature(bytes: &[u8], signature: &[u8]) -> Result<(), Invalid> {
    let len = bytes.len().min(signature.len());
    if bytes[..len] == signature[..len] { Ok(()) } else { Err(Invalid::Signature) }
}

#[cfg(test)]
mod tests;
