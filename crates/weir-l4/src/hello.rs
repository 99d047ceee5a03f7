//! A look at a TLS ClientHello without answering it: whom the client wants, and how it will talk.
//!
//! Sources: RFC 8446 §4.1.2 and §5.1, RFC 5246 §7.4.1.2, RFC 6066 §3 (SNI), RFC 7301 §3.1 (ALPN),
//! RFC 9849 (ECH), RFC 8701 (GREASE).
//! Must not know: keys, certificates, what is routed where.
//!
//! The bytes stay where they are, to be passed on; a client that sees another end decides with it
//! whether they were good. So only what is needed to find the two extensions is judged. A message
//! in one record is read in place; one that a client split over records is put together in a
//! buffer of the caller.
//!
//! Invariants: what is not a ClientHello is known by the first bytes that say so; at most `most`
//! bytes are waited for; an error is final, more bytes do not mend it.

mod message;
mod name;
mod records;

pub use message::{Hello, Protocols};
pub use name::ServerName;

/// The most bytes, records included, that [`peek`] should wait for when nothing else is configured.
///
/// A ClientHello has 200 to 2000 bytes; post-quantum keys, tickets and ECH add up to that.
pub const DEFAULT_MOST: usize = 16 * 1024;

/// What the first bytes of a connection are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Peek<'a> {
    /// The start of a ClientHello, of which at least so many bytes are still to come.
    NotEnough(usize),
    /// A ClientHello, whole.
    Hello(Hello<'a>),
    /// Not a ClientHello.
    NotTls(NotTls),
    /// Perhaps a ClientHello, but a longer one than is waited for.
    TooLong,
}

/// Why bytes are not a ClientHello: one variant per broken rule. The client is to blame.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotTls {
    /// Another protocol, or TLS that begins with something else.
    #[error("the connection begins with byte {0:#04x} and not with a TLS handshake record")]
    Content(u8),
    /// A record of another major version than 3.
    #[error("a TLS record has version {0}.x: only 3.x is known")]
    RecordVersion(u8),
    /// A record without content, or with more than 2^14 bytes.
    #[error("a TLS record has {0} bytes, where 1 to 16384 are allowed")]
    RecordLength(u16),
    /// A handshake that begins with another message.
    #[error("the TLS handshake begins with message {0} and not with a ClientHello")]
    Message(u8),
    /// A ClientHello of another major version than 3.
    #[error("the ClientHello has version {0}.x: only 3.x is known")]
    Version(u8),
    /// Something goes beyond what it lies in.
    #[error("a length in the ClientHello goes beyond what it lies in")]
    Cut,
    /// Something ends before what it lies in.
    #[error("something in the ClientHello is followed by bytes that belong to nothing")]
    Surplus,
    /// More than 32 bytes.
    #[error("the session id of the ClientHello has more than 32 bytes")]
    SessionId,
    /// None, or half of one.
    #[error("the cipher suites of the ClientHello are not a list of at least one")]
    CipherSuites,
    /// None.
    #[error("the ClientHello offers no compression method: it must offer at least none")]
    Compression,
    /// The extension is there twice, or names two hosts.
    #[error("the ClientHello names two servers")]
    ServerNames,
    /// The name is not a host name.
    #[error("the server name of the ClientHello is not a host name")]
    ServerName,
    /// The extension is there twice.
    #[error("the ClientHello lists protocols (ALPN) twice")]
    ProtocolLists,
    /// The list of protocols is empty or holds an empty one.
    #[error("the protocols (ALPN) of the ClientHello are not a list of at least one name")]
    Protocols,
}

/// Looks at the ClientHello that `bytes` begin with, and that ends within the first `most`.
///
/// Call it again with more bytes after [`Peek::NotEnough`]; it keeps nothing. `scratch` is only
/// used for a message that is split over records; what was in it is lost.
pub fn peek<'a>(bytes: &'a [u8], scratch: &'a mut Vec<u8>, most: usize) -> Peek<'a> {
    let extent = match records::extent(bytes, most) {
        Ok(extent) => extent,
        Err(records::Stop::NotEnough(more)) => return Peek::NotEnough(more),
        Err(records::Stop::NotTls(error)) => return Peek::NotTls(error),
        Err(records::Stop::TooLong) => return Peek::TooLong,
    };
    match Hello::parse(records::message(bytes, extent, scratch)) {
        Ok(hello) => Peek::Hello(hello),
        Err(error) => Peek::NotTls(error),
    }
}

#[cfg(test)]
mod tests;
