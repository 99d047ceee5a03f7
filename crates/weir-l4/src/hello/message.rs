//! The ClientHello itself (RFC 8446 §4.1.2).
//!
//! Must not know: records.
//!
//! Invariants: extensions that are not known, GREASE among them, are passed over; nothing is
//! copied.

use super::{NotTls, ServerName};

const SERVER_NAME: u16 = 0;
const ALPN: u16 = 16;
const ENCRYPTED_CLIENT_HELLO: u16 = 0xfe0d;

const HOST_NAME: u8 = 0;
const LONGEST_SESSION_ID: usize = 32;

/// What a client says before anything is encrypted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Hello<'a> {
    /// The host that it wants. An IP address, which a client should not send, counts as none.
    ///
    /// With ECH it is the public name of whoever can decrypt the rest.
    pub server_name: Option<ServerName<'a>>,
    /// The protocols that it offers, the best first; none if it does not say.
    pub protocols: Protocols<'a>,
    /// There is an encrypted ClientHello inside, or noise that looks like one.
    pub encrypted: bool,
}

impl<'a> Hello<'a> {
    /// Reads a message without its head.
    pub(super) fn parse(message: &'a [u8]) -> Result<Self, NotTls> {
        let mut message = Reader(message);
        let [major, ..] = message.take_array::<34>()?;
        if major != 3 {
            return Err(NotTls::Version(major));
        }
        if message.take_short()?.len() > LONGEST_SESSION_ID {
            return Err(NotTls::SessionId);
        }
        let suites = message.take_long()?;
        if suites.is_empty() || suites.len() % 2 != 0 {
            return Err(NotTls::CipherSuites);
        }
        if message.take_short()?.is_empty() {
            return Err(NotTls::Compression);
        }
        if message.0.is_empty() {
            return Ok(Self::default());
        }
        let extensions = message.take_long()?;
        message.end()?;
        Self::from_extensions(Reader(extensions))
    }

    fn from_extensions(mut extensions: Reader<'a>) -> Result<Self, NotTls> {
        let (mut names, mut protocols, mut encrypted) = (None, None, false);
        while !extensions.0.is_empty() {
            let kind = u16::from_be_bytes(extensions.take_array()?);
            let content = Reader(extensions.take_long()?);
            match kind {
                SERVER_NAME if names.replace(content).is_some() => {
                    return Err(NotTls::ServerNames);
                }
                ALPN if protocols.replace(content).is_some() => return Err(NotTls::ProtocolLists),
                ENCRYPTED_CLIENT_HELLO => encrypted = true,
                _ => {}
            }
        }
        Ok(Self {
            server_name: names.map(server_name).transpose()?.flatten(),
            protocols: protocols.map(Protocols::parse).transpose()?.unwrap_or_default(),
            encrypted,
        })
    }
}

/// The host name in the content of the extension.
fn server_name(mut content: Reader<'_>) -> Result<Option<ServerName<'_>>, NotTls> {
    let mut list = Reader(content.take_long()?);
    content.end()?;
    let mut host = None;
    while !list.0.is_empty() {
        let [kind] = list.take_array()?;
        let name = list.take_long()?;
        if kind == HOST_NAME && host.replace(name).is_some() {
            return Err(NotTls::ServerNames);
        }
    }
    host.map(ServerName::parse).transpose().map(Option::flatten)
}

/// Names of protocols, as ALPN lists them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Protocols<'a>(&'a [u8]);

impl<'a> Protocols<'a> {
    fn parse(mut content: Reader<'a>) -> Result<Self, NotTls> {
        let list = content.take_long()?;
        content.end()?;
        let mut rest = Reader(list);
        while !rest.0.is_empty() {
            if rest.take_short()?.is_empty() {
                return Err(NotTls::Protocols);
            }
        }
        if list.is_empty() { Err(NotTls::Protocols) } else { Ok(Self(list)) }
    }

    /// The list as it was sent: each name behind a byte that says its length.
    pub fn as_bytes(&self) -> &'a [u8] {
        self.0
    }
}

impl<'a> Iterator for Protocols<'a> {
    type Item = &'a [u8];

    fn next(&mut self) -> Option<&'a [u8]> {
        let mut rest = Reader(self.0);
        let name = rest.take_short().ok()?;
        self.0 = rest.0;
        Some(name)
    }
}

/// Takes a message apart from its start.
#[derive(Clone, Copy)]
struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    fn take(&mut self, len: usize) -> Result<&'a [u8], NotTls> {
        let (taken, rest) = self.0.split_at_checked(len).ok_or(NotTls::Cut)?;
        self.0 = rest;
        Ok(taken)
    }

    fn take_array<const N: usize>(&mut self) -> Result<[u8; N], NotTls> {
        let (taken, rest) = self.0.split_first_chunk::<N>().ok_or(NotTls::Cut)?;
        self.0 = rest;
        Ok(*taken)
    }

    /// What stands behind a length of one byte.
    fn take_short(&mut self) -> Result<&'a [u8], NotTls> {
        let [len] = self.take_array()?;
        self.take(len.into())
    }

    /// What stands behind a length of two bytes.
    fn take_long(&mut self) -> Result<&'a [u8], NotTls> {
        let len = u16::from_be_bytes(self.take_array()?);
        self.take(len.into())
    }

    fn end(self) -> Result<(), NotTls> {
        if self.0.is_empty() { Ok(()) } else { Err(NotTls::Surplus) }
    }
}
