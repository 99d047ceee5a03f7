//! Frames on the wire, RFC 9113 §4 and §6: their headers read and written.
//!
//! Must not know: streams. Whoever parses a payload checks its length first.

use super::Code;

/// Bytes of a frame header.
pub const HEADER: usize = 9;

/// The largest payload that we announce and send (RFC 9113 §4.2): the smallest that there is.
pub const MAX_PAYLOAD: usize = 16_384;

/// What a client sends first (RFC 9113 §3.4).
pub const PREFACE: &[u8; 24] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// Kinds of frames; others are skipped (RFC 9113 §5.5).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "each variant is the frame of that name")]
pub enum Kind {
    Data,
    Headers,
    Priority,
    RstStream,
    Settings,
    PushPromise,
    Ping,
    GoAway,
    WindowUpdate,
    Continuation,
    PriorityUpdate,
    Unknown,
}

impl Kind {
    const fn of(number: u8) -> Self {
        match number {
            0 => Self::Data,
            1 => Self::Headers,
            2 => Self::Priority,
            3 => Self::RstStream,
            4 => Self::Settings,
            5 => Self::PushPromise,
            6 => Self::Ping,
            7 => Self::GoAway,
            8 => Self::WindowUpdate,
            9 => Self::Continuation,
            16 => Self::PriorityUpdate,
            _ => Self::Unknown,
        }
    }

    const fn number(self) -> u8 {
        match self {
            Self::Data => 0,
            Self::Headers => 1,
            Self::Priority => 2,
            Self::RstStream => 3,
            Self::Settings => 4,
            Self::PushPromise => 5,
            Self::Ping => 6,
            Self::GoAway => 7,
            Self::WindowUpdate => 8,
            Self::Continuation => 9,
            Self::PriorityUpdate => 16,
            Self::Unknown => 255,
        }
    }
}

/// Flags of frames.
pub mod flag {
    /// Of DATA and HEADERS.
    pub const END_STREAM: u8 = 1;
    /// Of SETTINGS and PING.
    pub const ACK: u8 = 1;
    /// Of HEADERS and CONTINUATION.
    pub const END_HEADERS: u8 = 4;
    /// Of DATA and HEADERS.
    pub const PADDED: u8 = 8;
    /// Of HEADERS.
    pub const PRIORITY: u8 = 32;
}

/// A frame header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header {
    /// Bytes of the payload.
    pub len: usize,
    /// What it is.
    pub kind: Kind,
    /// See [`flag`].
    pub flags: u8,
    /// 0: the connection.
    pub stream: u32,
}

impl Header {
    /// The header at the start of `bytes`; `None` when it is not complete.
    pub fn parse(bytes: &[u8]) -> Option<Self> {
        let [a, b, c, kind, flags, stream @ ..] = bytes.first_chunk::<HEADER>()?;
        Some(Self {
            len: u32::from_be_bytes([0, *a, *b, *c]) as usize,
            kind: Kind::of(*kind),
            flags: *flags,
            stream: u32::from_be_bytes(*stream) & 0x7fff_ffff,
        })
    }

    /// Whether it has a flag.
    pub const fn has(&self, flag: u8) -> bool {
        self.flags & flag != 0
    }

    /// The header as it is sent.
    pub fn bytes(&self) -> [u8; HEADER] {
        let [_, a, b, c] = (self.len as u32).to_be_bytes();
        let [d, e, f, g] = self.stream.to_be_bytes();
        [a, b, c, self.kind.number(), self.flags, d, e, f, g]
    }
}

/// The part of a payload that is neither padding nor its length (RFC 9113 §6.1, §6.2).
///
/// # Errors
/// When there is more padding than payload.
pub fn without_padding(header: &Header, payload: &[u8]) -> Result<std::ops::Range<usize>, Code> {
    if !header.has(flag::PADDED) {
        return Ok(0..payload.len());
    }
    let padding = usize::from(*payload.first().ok_or(Code::FrameSizeError)?);
    if padding >= payload.len() {
        return Err(Code::ProtocolError);
    }
    Ok(1..payload.len() - padding)
}

/// Appends a frame.
pub fn write(kind: Kind, flags: u8, stream: u32, payload: &[u8], out: &mut Vec<u8>) {
    out.extend(Header { len: payload.len(), kind, flags, stream }.bytes());
    out.extend_from_slice(payload);
}

/// Appends RST_STREAM.
pub fn write_reset(stream: u32, code: Code, out: &mut Vec<u8>) {
    write(Kind::RstStream, 0, stream, &code.number().to_be_bytes(), out);
}

/// Appends WINDOW_UPDATE.
pub fn write_window_update(stream: u32, increment: u32, out: &mut Vec<u8>) {
    write(Kind::WindowUpdate, 0, stream, &increment.to_be_bytes(), out);
}

/// Appends GOAWAY.
pub fn write_goaway(last: u32, code: Code, out: &mut Vec<u8>) {
    let mut payload = [0; 8];
    payload[..4].copy_from_slice(&last.to_be_bytes());
    payload[4..].copy_from_slice(&code.number().to_be_bytes());
    write(Kind::GoAway, 0, 0, &payload, out);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_header_is_read_as_it_was_written() {
        for number in 0..=255 {
            let kind = Kind::of(number);
            let header = Header { len: 70_000, kind, flags: 5, stream: 0x7fff_fffe };
            assert_eq!(Header::parse(&header.bytes()), Some(header));
        }
        assert_eq!(Header::parse(&[0; 8]), None);
        let reserved = [0, 0, 0, 0, 0, 0x80, 0, 0, 1];
        assert_eq!(Header::parse(&reserved).map(|header| header.stream), Some(1));
    }

    #[test]
    fn padding_is_left_out_and_cannot_be_longer_than_the_payload() {
        let header = |flags| Header { len: 4, kind: Kind::Data, flags, stream: 1 };
        assert_eq!(without_padding(&header(0), b"abcd"), Ok(0..4));
        assert_eq!(without_padding(&header(flag::PADDED), &[2, 9, 0, 0]), Ok(1..2));
        assert_eq!(without_padding(&header(flag::PADDED), &[3, 0, 0, 0]), Ok(1..1));
        assert_eq!(without_padding(&header(flag::PADDED), &[4, 0, 0, 0]), Err(Code::ProtocolError));
        assert_eq!(without_padding(&header(flag::PADDED), &[]), Err(Code::FrameSizeError));
    }
}
