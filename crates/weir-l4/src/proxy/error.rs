//! What can be wrong with a header: one variant per broken rule.
//!
//! Whatever it is, the sender is to blame: a peer that is not a proxy, or one with a defect.

/// Why bytes are not a header.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Invalid {
    /// Neither signature.
    #[error("there is no PROXY protocol header: let the peer send one, or do not expect it")]
    Signature,
    /// Version 1: no end of the line in sight.
    #[error("the line of PROXY protocol version 1 is longer than 107 bytes")]
    LineTooLong,
    /// Version 1: a line feed alone.
    #[error("the line of PROXY protocol version 1 ends without a carriage return")]
    LineEnd,
    /// Version 1: another word where the protocol stands.
    #[error("PROXY protocol version 1 names another protocol than TCP4, TCP6 and UNKNOWN")]
    Protocol,
    /// Version 1: not two addresses and two ports with a space between them.
    #[error("the line of PROXY protocol version 1 has not exactly two addresses and two ports")]
    Fields,
    /// Version 1: not an address of the family that the line names.
    #[error("an address of PROXY protocol version 1 is not one of the named family")]
    Address,
    /// Version 1: not a number below 65536 without leading zeros.
    #[error("a port of PROXY protocol version 1 is not a number from 0 to 65535")]
    Port,
    /// Version 2: another version in binary.
    #[error("the binary PROXY protocol has version {0}: only 2 is known")]
    Version(u8),
    /// Version 2: neither LOCAL nor PROXY.
    #[error("the command of PROXY protocol version 2 is {0}: only 0 and 1 are known")]
    Command(u8),
    /// Version 2: an address family that it does not define.
    #[error("the address family of PROXY protocol version 2 is {0}: only 0 to 3 are known")]
    Family(u8),
    /// Version 2: a transport that it does not define.
    #[error("the transport of PROXY protocol version 2 is {0}: only 0 to 2 are known")]
    Transport(u8),
    /// Version 2: longer than is accepted.
    #[error("the header of PROXY protocol version 2 has {len} bytes, more than {most}")]
    TooLong {
        /// What it has.
        len: usize,
        /// What is accepted.
        most: usize,
    },
    /// Version 2: the declared length ends within the addresses.
    #[error("the addresses of PROXY protocol version 2 go beyond its declared length")]
    AddressesCut,
    /// Version 2: a TLV ends after the header, or the SSL TLV's within it.
    #[error("a TLV of PROXY protocol version 2 goes beyond what it lies in")]
    TlvCut,
    /// Version 2: a checksum that does not have four bytes.
    #[error("the checksum of PROXY protocol version 2 does not have four bytes")]
    ChecksumLength,
    /// Version 2: two checksums.
    #[error("PROXY protocol version 2 has two checksums: neither can be right")]
    ChecksumTwice,
    /// Version 2: the checksum is that of other bytes.
    #[error("the checksum of PROXY protocol version 2 is wrong: the header was damaged")]
    Checksum,
    /// Version 2: too long an identifier.
    #[error("the unique id of PROXY protocol version 2 has more than 128 bytes")]
    UniqueId,
    /// Version 2: the host name is not UTF-8.
    #[error("the authority of PROXY protocol version 2 is not UTF-8")]
    Authority,
    /// Version 2: the name of the network namespace is not ASCII.
    #[error("the network namespace of PROXY protocol version 2 is not ASCII")]
    Namespace,
    /// Version 2: too short for the flags and the result of verification.
    #[error("the SSL TLV of PROXY protocol version 2 has fewer than five bytes")]
    SslCut,
    /// Version 2: a text about the TLS session is not UTF-8, or not ASCII where it must be.
    #[error("a text in the SSL TLV of PROXY protocol version 2 is not ASCII or UTF-8")]
    SslText,
}
