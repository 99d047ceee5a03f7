//! Finding the first handshake message in the records that carry it (RFC 8446 §5.1).
//!
//! Must not know: what the message says.
//!
//! Invariant: nothing is copied before the message is whole, so that a client that sends single
//! bytes in single records costs a walk over their headers each time.

use super::NotTls;

/// Type, version, length.
const RECORD_HEAD: usize = 5;
/// Type, length.
const MESSAGE_HEAD: usize = 4;
const HANDSHAKE: u8 = 22;
const CLIENT_HELLO: u8 = 1;
const LONGEST_RECORD: u16 = 1 << 14;

/// Why there is no message.
pub(super) enum Stop {
    NotEnough(usize),
    NotTls(NotTls),
    TooLong,
}

impl From<NotTls> for Stop {
    fn from(error: NotTls) -> Self {
        Self::NotTls(error)
    }
}

/// Where the message is.
#[derive(Clone, Copy)]
pub(super) struct Extent {
    /// Bytes of the message, its head included.
    len: usize,
}

/// What is there of the message, record by record.
struct Fragments<'a> {
    bytes: &'a [u8],
    /// Where the next record begins.
    at: usize,
}

impl<'a> Fragments<'a> {
    /// The next fragment, and how much of it is missing. `None` if the record's head is not whole.
    fn next(&mut self) -> Result<Option<(&'a [u8], usize)>, NotTls> {
        let record = self.bytes.get(self.at..).unwrap_or_default();
        match record {
            [content, ..] if *content != HANDSHAKE => return Err(NotTls::Content(*content)),
            [_, major, ..] if *major != 3 => return Err(NotTls::RecordVersion(*major)),
            _ => {}
        }
        let Some((&[.., high, low], rest)) = record.split_first_chunk::<RECORD_HEAD>() else {
            return Ok(None);
        };
        let declared = u16::from_be_bytes([high, low]);
        if declared == 0 || declared > LONGEST_RECORD {
            return Err(NotTls::RecordLength(declared));
        }
        let declared = usize::from(declared);
        self.at += RECORD_HEAD + declared;
        let there = rest.len().min(declared);
        Ok(Some((&rest[..there], declared - there)))
    }
}

/// Where the message is, if it is whole and ends within the first `most` bytes.
pub(super) fn extent(bytes: &[u8], most: usize) -> Result<Extent, Stop> {
    let mut fragments = Fragments { bytes, at: 0 };
    let mut head = [0; MESSAGE_HEAD];
    let mut have = 0;
    loop {
        let begin = fragments.at;
        let next = fragments.next()?;
        let (fragment, missing) = next.unwrap_or_default();
        let of_head = fragment.len().min(MESSAGE_HEAD.saturating_sub(have));
        head[have.min(MESSAGE_HEAD)..][..of_head].copy_from_slice(&fragment[..of_head]);
        if have + of_head > 0 && head[0] != CLIENT_HELLO {
            return Err(NotTls::Message(head[0]).into());
        }
        let needed = needed(&head, have + of_head);
        if have + fragment.len() >= needed {
            return Ok(Extent { len: needed });
        }
        let more = needed - have - fragment.len();
        have += fragment.len();
        let head_there = bytes.len().saturating_sub(begin).min(RECORD_HEAD);
        if begin + RECORD_HEAD + fragment.len() + more > most {
            return Err(Stop::TooLong);
        }
        if next.is_none() || missing > 0 {
            let rest_of_head = RECORD_HEAD - head_there;
            return Err(Stop::NotEnough(more + rest_of_head));
        }
    }
}

/// Bytes of the message, as far as the `have` bytes of its head tell.
fn needed(head: &[u8; MESSAGE_HEAD], have: usize) -> usize {
    match head {
        [_, a, b, c] if have >= MESSAGE_HEAD => {
            MESSAGE_HEAD + u32::from_be_bytes([0, *a, *b, *c]) as usize
        }
        _ => MESSAGE_HEAD,
    }
}

/// The message without its head: in place if one record holds it, else put together in `scratch`.
pub(super) fn message<'a>(bytes: &'a [u8], extent: Extent, scratch: &'a mut Vec<u8>) -> &'a [u8] {
    let mut fragments = Fragments { bytes, at: 0 };
    scratch.clear();
    while let Ok(Some((fragment, _))) = fragments.next() {
        let part = &fragment[..fragment.len().min(extent.len - scratch.len())];
        if part.len() == extent.len {
            return &part[MESSAGE_HEAD..];
        }
        scratch.extend_from_slice(part);
        if scratch.len() == extent.len {
            break;
        }
    }
    scratch.get(MESSAGE_HEAD..).unwrap_or_default()
}
