//! What version 2 says besides addresses: type, length, value (section 2.2.1 and following).
//!
//! Must not know: who uses it.
//!
//! Invariant: [`Tlvs`] goes over bytes that [`check`] found valid; over any others it ends early,
//! and never fails.

use super::Invalid;
use crate::Span;

/// Types of TLVs.
pub mod kind {
    /// The protocol inside, as negotiated by ALPN.
    pub const ALPN: u8 = 0x01;
    /// The host that the client named, usually in its SNI.
    pub const AUTHORITY: u8 = 0x02;
    /// Checksum of the header.
    pub const CRC32C: u8 = 0x03;
    /// Padding.
    pub const NOOP: u8 = 0x04;
    /// Names the connection.
    pub const UNIQUE_ID: u8 = 0x05;
    /// The client's TLS session; TLVs of types 0x21 and above inside.
    pub const SSL: u8 = 0x20;
    /// Version of TLS, in [`SSL`].
    pub const SSL_VERSION: u8 = 0x21;
    /// Common name of the client's certificate, in [`SSL`].
    pub const SSL_CN: u8 = 0x22;
    /// Cipher suite, in [`SSL`].
    pub const SSL_CIPHER: u8 = 0x23;
    /// Algorithm that signed the server's certificate, in [`SSL`].
    pub const SSL_SIG_ALG: u8 = 0x24;
    /// Algorithm of the key of the server's certificate, in [`SSL`].
    pub const SSL_KEY_ALG: u8 = 0x25;
    /// Group of the key exchange, in [`SSL`].
    pub const SSL_GROUP: u8 = 0x26;
    /// Scheme of the handshake's signature, in [`SSL`].
    pub const SSL_SIG_SCHEME: u8 = 0x27;
    /// The client's certificate in DER, in [`SSL`].
    pub const SSL_CLIENT_CERT: u8 = 0x28;
    /// Name of a network namespace.
    pub const NETNS: u8 = 0x30;
}

/// The most bytes of a [`kind::UNIQUE_ID`].
const UNIQUE_ID: usize = 128;

/// Type and length.
pub(super) const HEAD: usize = 3;

/// One TLV.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tlv<'a> {
    /// Its type, see [`kind`].
    pub kind: u8,
    /// Its value, as it was sent.
    pub value: &'a [u8],
}

/// What a TLV says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Value<'a> {
    /// The protocol inside.
    Alpn(&'a [u8]),
    /// The host that the client named.
    Authority(&'a str),
    /// The checksum, which is right.
    Checksum,
    /// Padding.
    Noop,
    /// Names the connection; at most 128 bytes.
    UniqueId(&'a [u8]),
    /// The client's TLS session.
    Ssl(Ssl<'a>),
    /// Name of a network namespace.
    Namespace(&'a str),
    /// Of a type that is not known here.
    Other,
}

/// What is known of the client's TLS session.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ssl<'a> {
    /// The client uses TLS.
    pub tls: bool,
    /// The client presented a certificate on this connection.
    pub certificate: bool,
    /// The client presented a certificate in this session, perhaps on an earlier connection.
    pub certificate_in_session: bool,
    /// There was a certificate and it was found good.
    pub verified: bool,
    /// TLVs of the types `SSL_…` of [`kind`].
    pub fields: Tlvs<'a>,
}

impl<'a> Tlv<'a> {
    /// What it says.
    pub fn parse(self) -> Value<'a> {
        value(self).unwrap_or(Value::Other)
    }
}

/// TLVs, in the order they were sent in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tlvs<'a>(&'a [u8]);

impl<'a> Tlvs<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        Self(bytes)
    }

    /// The value of the first TLV of a type.
    pub fn first(&self, kind: u8) -> Option<&'a [u8]> {
        self.clone().find(|tlv| tlv.kind == kind).map(|tlv| tlv.value)
    }
}

impl<'a> Iterator for Tlvs<'a> {
    type Item = Tlv<'a>;

    fn next(&mut self) -> Option<Tlv<'a>> {
        let (tlv, rest) = cut(self.0)?;
        self.0 = rest;
        Some(tlv)
    }
}

/// The first TLV and what follows it.
fn cut(bytes: &[u8]) -> Option<(Tlv<'_>, &[u8])> {
    let (&[kind, high, low], rest) = bytes.split_first_chunk::<HEAD>()?;
    let len = usize::from(u16::from_be_bytes([high, low]));
    let (value, rest) = rest.split_at_checked(len)?;
    Some((Tlv { kind, value }, rest))
}

/// Checks the TLVs in `tlvs` of the header `bytes`.
pub(super) fn check(bytes: &[u8], tlvs: Span) -> Result<(), Invalid> {
    let mut checksum = None;
    let mut rest = tlvs.of(bytes);
    while !rest.is_empty() {
        let (tlv, after) = cut(rest).ok_or(Invalid::TlvCut)?;
        value(tlv)?;
        if tlv.kind == kind::CRC32C {
            let place = bytes.len() - after.len() - tlv.value.len();
            if checksum.replace(place).is_some() {
                return Err(Invalid::ChecksumTwice);
            }
        }
        rest = after;
    }
    match checksum {
        Some(place) if bytes[place..place + 4] != crc32c(bytes, place) => Err(Invalid::Checksum),
        Some(_) | None => Ok(()),
    }
}

/// The checksum of the header `bytes`, where the four bytes at `place` count as zeros.
pub(super) fn crc32c(bytes: &[u8], place: usize) -> [u8; 4] {
    let before = crc32c::crc32c(&bytes[..place]);
    let zeros = crc32c::crc32c_append(before, &[0; 4]);
    crc32c::crc32c_append(zeros, &bytes[place + 4..]).to_be_bytes()
}

/// Checks the value of one TLV.
fn value(tlv: Tlv<'_>) -> Result<Value<'_>, Invalid> {
    let Tlv { kind, value } = tlv;
    Ok(match kind {
        kind::ALPN => Value::Alpn(value),
        kind::AUTHORITY => Value::Authority(str::from_utf8(value).map_err(|_| Invalid::Authority)?),
        kind::CRC32C if value.len() != 4 => return Err(Invalid::ChecksumLength),
        kind::CRC32C => Value::Checksum,
        kind::NOOP => Value::Noop,
        kind::UNIQUE_ID if value.len() > UNIQUE_ID => return Err(Invalid::UniqueId),
        kind::UNIQUE_ID => Value::UniqueId(value),
        kind::SSL => Value::Ssl(ssl(value)?),
        kind::NETNS => Value::Namespace(ascii(value).ok_or(Invalid::Namespace)?),
        _ => Value::Other,
    })
}

fn ssl(value: &[u8]) -> Result<Ssl<'_>, Invalid> {
    let (&[client, verify @ ..], fields) = value.split_first_chunk::<5>().ok_or(Invalid::SslCut)?;
    let mut rest = fields;
    while !rest.is_empty() {
        let (tlv, after) = cut(rest).ok_or(Invalid::TlvCut)?;
        check_ssl_text(tlv)?;
        rest = after;
    }
    let certificate_in_session = client & 4 != 0;
    Ok(Ssl {
        tls: client & 1 != 0,
        certificate: client & 2 != 0,
        certificate_in_session,
        verified: client & 6 != 0 && verify == [0; 4],
        fields: Tlvs(fields),
    })
}

fn check_ssl_text(tlv: Tlv<'_>) -> Result<(), Invalid> {
    let valid = match tlv.kind {
        kind::SSL_CN => str::from_utf8(tlv.value).is_ok(),
        kind::SSL_VERSION | kind::SSL_CIPHER..=kind::SSL_SIG_SCHEME => tlv.value.is_ascii(),
        _ => true,
    };
    if valid { Ok(()) } else { Err(Invalid::SslText) }
}

fn ascii(value: &[u8]) -> Option<&str> {
    if value.is_ascii() { str::from_utf8(value).ok() } else { None }
}
