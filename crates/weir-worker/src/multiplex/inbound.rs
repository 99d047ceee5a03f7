//! What came on a stream and was not read yet, read as the bytes of HTTP/1.1: the text of heads,
//! then a body, in chunks unless its length is known, with its trailers.
//!
//! Invariants: at most one buffer of heads, and as many as the stream's window can fill; none has
//! more of the body than a DATA frame, or a record of TLS, takes.

use std::collections::VecDeque;

use crate::buffers::{Buffer, Buffers};

/// The longest line of a chunk's size, and what follows the chunk.
const CHUNK: usize = 8 + 2 + 2;

/// Bytes of one stream.
#[derive(Default)]
pub(super) struct Inbound {
    heads: Option<Buffer>,
    /// Bytes behind the heads that belong to the body: its begin, when it is read as it is.
    joined: usize,
    body: VecDeque<Buffer>,
    /// The body is read in chunks.
    pub(super) chunked: bool,
    /// No more will come.
    ended: bool,
    /// What stands behind a body in chunks, and how much of it was read.
    tail: Vec<u8>,
    told: usize,
}

/// What was read.
#[derive(Default)]
pub(super) struct Taken {
    /// Bytes that were written.
    pub(super) bytes: usize,
    /// Bytes of the body among them.
    pub(super) body: usize,
}

impl Inbound {
    /// Appends the text of a head; false when there is no room.
    #[must_use]
    pub(super) fn push_head(&mut self, text: &[u8], pool: &mut Buffers) -> bool {
        let buffer = self.heads.get_or_insert_with(|| pool.take());
        let fits = buffer.room().len() >= text.len();
        if fits {
            buffer.room()[..text.len()].copy_from_slice(text);
            buffer.filled(text.len());
        }
        fits
    }

    /// Appends a part of the body.
    pub(super) fn push_body(&mut self, mut bytes: &[u8], pool: &mut Buffers) {
        let most = pool.body();
        if let Some(heads) = self.heads.as_mut().filter(|_| self.body.is_empty() && !self.chunked) {
            let n = append(heads, most - self.joined, bytes);
            self.joined += n;
            bytes = &bytes[n..];
        }
        while !bytes.is_empty() {
            if self.body.back().is_none_or(|last| last.unread.end >= most) {
                self.body.push_back(pool.take());
            }
            let Some(buffer) = self.body.back_mut() else { return };
            let n = append(buffer, most - buffer.unread.end, bytes);
            bytes = &bytes[n..];
        }
    }

    /// The message is complete; `trailers` are lines.
    pub(super) fn end(&mut self, trailers: &[u8]) {
        if !std::mem::replace(&mut self.ended, true) && self.chunked {
            self.tail = [b"0\r\n", trailers, b"\r\n"].concat();
        }
    }

    /// No more will come.
    pub(super) fn is_ended(&self) -> bool {
        self.ended
    }

    /// Nothing is left to be read.
    pub(super) fn is_empty(&self) -> bool {
        self.heads.is_none() && self.body.is_empty() && self.told == self.tail.len()
    }

    /// Nothing but heads came.
    pub(super) fn is_bodiless(&self) -> bool {
        self.ended
            && self.joined == 0
            && self.body.is_empty()
            && self.tail.len() <= b"0\r\n\r\n".len()
    }

    /// A body that will be read as it is, though its length is not known.
    pub(super) fn read_raw(&mut self) {
        self.chunked = false;
        self.tail = Vec::new();
    }

    /// Takes a buffer that can be read as it is, and how many bytes of the body are in it.
    pub(super) fn take_whole(&mut self) -> Option<(Buffer, usize)> {
        if let Some(heads) = self.heads.take() {
            return Some((heads, std::mem::take(&mut self.joined)));
        }
        let first = if self.chunked { None } else { self.body.pop_front() }?;
        let body = first.unread.len();
        Some((first, body))
    }

    /// Reads what is there: heads, or what follows them.
    pub(super) fn take(&mut self, room: &mut [u8], pool: &mut Buffers) -> Taken {
        if let Some(heads) = &mut self.heads {
            let of_heads = heads.unread.len() - self.joined;
            let bytes = move_bytes(heads, room);
            let body = bytes.saturating_sub(of_heads);
            self.joined -= body;
            give_if_read(&mut self.heads, pool);
            return Taken { bytes, body };
        }
        let mut taken = Taken::default();
        loop {
            let part = self.take_part(&mut room[taken.bytes..], pool);
            if part.bytes == 0 {
                return taken;
            }
            taken.bytes += part.bytes;
            taken.body += part.body;
        }
    }

    /// Reads of one buffer, or what stands behind the last one.
    fn take_part(&mut self, room: &mut [u8], pool: &mut Buffers) -> Taken {
        if let Some(first) = self.body.front_mut() {
            let taken = if self.chunked {
                take_chunk(first, room)
            } else {
                let body = move_bytes(first, room);
                Taken { bytes: body, body }
            };
            if let Some(first) = self.body.pop_front_if(|first| first.unread.is_empty()) {
                pool.give(first);
            }
            return taken;
        }
        let rest = &self.tail[self.told..];
        let bytes = rest.len().min(room.len());
        room[..bytes].copy_from_slice(&rest[..bytes]);
        self.told += bytes;
        Taken { bytes, body: 0 }
    }

    /// Gives everything back; how many bytes of the body were not read.
    pub(super) fn drop_all(&mut self, pool: &mut Buffers) -> usize {
        let mut unread = std::mem::take(&mut self.joined);
        if let Some(heads) = self.heads.take() {
            pool.give(heads);
        }
        for buffer in self.body.drain(..) {
            unread += buffer.unread.len();
            pool.give(buffer);
        }
        unread
    }
}

/// Appends what fits and is no more than `most`; how many bytes that is.
fn append(buffer: &mut Buffer, most: usize, bytes: &[u8]) -> usize {
    let n = buffer.room().len().min(most).min(bytes.len());
    buffer.room()[..n].copy_from_slice(&bytes[..n]);
    buffer.filled(n);
    n
}

fn move_bytes(from: &mut Buffer, room: &mut [u8]) -> usize {
    let n = from.unread.len().min(room.len());
    room[..n].copy_from_slice(&from.unread()[..n]);
    from.unread.start += n;
    n
}

fn give_if_read(buffer: &mut Option<Buffer>, pool: &mut Buffers) {
    if let Some(buffer) = buffer.take_if(|buffer| buffer.unread.is_empty()) {
        pool.give(buffer);
    }
}

/// One chunk of what is there and fits.
fn take_chunk(from: &mut Buffer, room: &mut [u8]) -> Taken {
    let body = from.unread.len().min(room.len().saturating_sub(CHUNK));
    if body == 0 {
        return Taken { bytes: 0, body: 0 };
    }
    let mut digits = [0; 8];
    let mut at = digits.len();
    let mut rest = body;
    while rest > 0 {
        at -= 1;
        digits[at] = b"0123456789abcdef"[rest & 15];
        rest >>= 4;
    }
    let line = digits.len() - at;
    room[..line].copy_from_slice(&digits[at..]);
    room[line..line + 2].copy_from_slice(b"\r\n");
    let start = line + 2;
    move_bytes(from, &mut room[start..start + body]);
    room[start + body..start + body + 2].copy_from_slice(b"\r\n");
    Taken { bytes: start + body + 2, body }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::buffers::testing::pool;

    fn all(inbound: &mut Inbound, room: usize, pool: &mut Buffers) -> (Vec<u8>, usize) {
        let (mut read, mut body) = (Vec::new(), 0);
        while !inbound.is_empty() {
            let mut bytes = vec![0; room];
            let taken = inbound.take(&mut bytes, pool);
            assert!(taken.bytes > 0);
            read.extend_from_slice(&bytes[..taken.bytes]);
            body += taken.body;
        }
        (read, body)
    }

    #[test]
    fn a_message_is_read_as_text() {
        let mut pool = pool(16);
        let mut inbound = Inbound { chunked: true, ..Inbound::default() };
        assert!(inbound.push_head(b"HTTP/1.1 200 \r\n\r\n", &mut pool));
        inbound.push_body(&[b'x'; 20], &mut pool);
        inbound.push_body(&[b'y'; 10], &mut pool);
        inbound.end(b"a: b\r\n");
        let (read, body) = all(&mut inbound, 32, &mut pool);
        let wanted = "HTTP/1.1 200 \r\n\r\n14\r\nxxxxxxxxxxxxxxxxxxxx\r\na\r\nyyyyyyyyyy\r\n\
                      0\r\na: b\r\n\r\n";
        assert_eq!((String::from_utf8(read).unwrap().as_str(), body), (wanted, 30));
        assert!(inbound.is_ended());
    }

    #[test]
    fn a_body_of_known_length_is_read_with_its_head() {
        let mut pool = pool(16);
        let mut inbound = Inbound::default();
        assert!(inbound.push_head(b"head\r\n\r\n", &mut pool));
        let long = vec![b'x'; 2 * pool.size()];
        inbound.push_body(&long, &mut pool);
        let (read, body) = all(&mut inbound, 11, &mut pool);
        assert!(read.starts_with(b"head\r\n\r\nxxx") && read.len() == 8 + long.len());
        assert_eq!(body, long.len());
        assert!(inbound.push_head(b"head\r\n\r\n", &mut pool));
        inbound.push_body(&long, &mut pool);
        assert_eq!(inbound.take(&mut [0; 10], &mut pool).body, 2);
        assert_eq!(inbound.drop_all(&mut pool), long.len() - 2);
    }

    #[test]
    fn a_known_length_needs_no_chunks() {
        let mut pool = pool(16);
        let mut inbound = Inbound::default();
        inbound.push_body(b"body", &mut pool);
        inbound.end(b"a: b\r\n");
        assert_eq!(all(&mut inbound, 3, &mut pool), (b"body".to_vec(), 4));
        assert!(!inbound.push_head(&[0; 5_000], &mut pool), "longer than a buffer");
        inbound.push_body(b"rest", &mut pool);
        assert_eq!(inbound.drop_all(&mut pool), 4);
    }
}
