//! The TLS of a socket: records in and out of buffers of the pool.
//!
//! Invariants: a buffer is held only while it has a part of a record, or bytes that the kernel did
//! not take; while the latter are there, nothing more is sealed. The end of a connection without
//! `close_notify` is a failure: whoever cut it may have cut what it said.

use std::io::{self, IoSlice};

use weir_control::channel::PassedTls;
use weir_tls::{Connection, Facts, TlsError};

use super::{Read, Socket};
use crate::buffers::{Buffer, Buffers};

/// What records add to bytes that fit in a buffer, in bytes: two records, each with its header,
/// tag and explicit nonce.
const OVERHEAD: usize = 2 * (5 + 16 + 8);

/// The longest text of one record (RFC 8446 §5.1).
pub(crate) const RECORD: usize = 16_384;

/// What a socket keeps for TLS.
pub(super) struct Tls {
    connection: Connection,
    /// A part of a record.
    inbound: Option<Buffer>,
    /// Bytes that the kernel did not take.
    outbound: Option<Buffer>,
    /// Plain bytes are there for which there was no room.
    more: bool,
    /// The peer has said that it sends nothing more.
    closed: bool,
    /// Nothing more is sent: the socket is shut down when everything has been.
    closing: bool,
    /// The first byte of the peer has been seen.
    begun: bool,
}

impl Tls {
    fn new(connection: Connection) -> Self {
        let (inbound, outbound) = (None, None);
        let (more, closed, closing, begun) = (false, false, false, false);
        Self { connection, inbound, outbound, more, closed, closing, begun }
    }

    pub(super) fn has_plain(&self) -> bool {
        self.more
    }

    /// Neither side has said its last word.
    pub(super) fn can_part(&self) -> bool {
        self.connection.is_established() && !self.closed && !self.closing
    }

    /// What another process needs to go on; its buffers go back.
    pub(super) fn part(mut self, pool: &mut Buffers) -> io::Result<PassedTls> {
        let mut bytes = |held: &mut Option<Buffer>| {
            let held = held.take();
            let bytes = held.as_ref().map(|buffer| buffer.unread().to_vec());
            held.into_iter().for_each(|buffer| pool.give(buffer));
            bytes.unwrap_or_default()
        };
        let (received, sealed) = (bytes(&mut self.inbound), bytes(&mut self.outbound));
        let carried = self.connection.part().ok_or(io::ErrorKind::NotConnected)?;
        Ok(PassedTls { carried, received, sealed })
    }

    /// Goes on with what another process has told. Its buffers are taken from a reservation, if
    /// it has any bytes.
    fn resume(passed: PassedTls, pool: &mut Buffers) -> io::Result<Self> {
        let PassedTls { carried, received, sealed } = passed;
        if received.len().max(sealed.len()) > pool.size() {
            return Err(io::ErrorKind::OutOfMemory.into());
        }
        let mut tls = Self::new(Connection::resume(carried).map_err(io::Error::other)?);
        tls.begun = true;
        tls.more = tls.connection.has_plain() || !received.is_empty();
        let mut held = |bytes: &[u8]| (!bytes.is_empty()).then(|| pool.filled(bytes));
        (tls.inbound, tls.outbound) = (held(&received), held(&sealed));
        Ok(tls)
    }
}

/// How far a handshake is.
#[derive(Debug)]
pub(crate) enum Shaken {
    /// It is over.
    Done,
    /// The peer has to say more, or to take what was said.
    Blocked,
    /// The peer does not speak TLS but, by its first byte, HTTP.
    Clear,
    /// The peer is gone.
    Gone,
    /// It broke a rule, or is not who it should be.
    Failed(TlsError),
}

impl Socket {
    /// From now on the peer is spoken TLS with.
    pub(crate) fn start_tls(&mut self, connection: Connection) {
        self.tls = Some(Box::new(Tls::new(connection)));
    }

    /// Goes on with TLS that another process has spoken with the peer.
    pub(crate) fn resume_tls(&mut self, passed: PassedTls, pool: &mut Buffers) -> io::Result<()> {
        self.tls = Some(Box::new(Tls::resume(passed, pool)?));
        Ok(())
    }

    /// The version and the cipher that are spoken.
    pub(crate) fn tls_names(&self) -> Option<(&'static str, &'static str)> {
        self.tls.as_ref()?.connection.names()
    }

    /// Forgets about TLS: the peer does not speak it.
    pub(crate) fn leave_tls(&mut self, pool: &mut Buffers) {
        self.release(pool);
        self.tls = None;
    }

    /// Bytes go through as they are.
    pub(crate) fn is_clear(&self) -> bool {
        self.tls.is_none()
    }

    /// A handshake is still to be made.
    pub(crate) fn is_shaking_hands(&self) -> bool {
        self.tls.as_ref().is_some_and(|tls| !tls.connection.is_established())
    }

    /// What the handshake agreed on; asked once.
    pub(crate) fn take_facts(&mut self) -> Option<Facts> {
        self.tls.as_mut().and_then(|tls| tls.connection.take_facts())
    }

    /// Buffers of the pool are held, or plain bytes that nobody had room for.
    pub(crate) fn holds(&self) -> bool {
        self.tls
            .as_ref()
            .is_some_and(|tls| tls.more || tls.inbound.is_some() || tls.outbound.is_some())
    }

    /// Nothing that was written waits here.
    pub(crate) fn is_flushed(&self) -> bool {
        self.tls.as_ref().is_none_or(|tls| tls.outbound.is_none())
    }

    /// Gives back what is held; the connection is over.
    pub(crate) fn release(&mut self, pool: &mut Buffers) {
        if let Some(tls) = &mut self.tls {
            tls.more = false;
            for buffer in [tls.inbound.take(), tls.outbound.take()].into_iter().flatten() {
                pool.give(buffer);
            }
        }
    }

    /// Moves the handshake on.
    pub(crate) fn shake_hands(&mut self, pool: &mut Buffers) -> Shaken {
        if self.flush(pool).is_err() {
            return Shaken::Gone;
        }
        if let Err(error) = self.digest(&mut [], pool) {
            return Shaken::Failed(error);
        }
        while self.is_shaking_hands() {
            match self.fetch(pool) {
                Read::Data(_) => {}
                Read::Blocked => return Shaken::Blocked,
                Read::Closed | Read::Failed(_) => return Shaken::Gone,
            }
            if self.begins_clear() {
                return Shaken::Clear;
            }
            if let Err(error) = self.digest(&mut [], pool) {
                return Shaken::Failed(error);
            }
        }
        Shaken::Done
    }

    /// Looks at the first byte: a handshake record is 22, a method is a capital letter.
    fn begins_clear(&mut self) -> bool {
        let Some(tls) = &mut self.tls else { return false };
        let first = tls.inbound.as_ref().and_then(|buffer| buffer.unread().first());
        !std::mem::replace(&mut tls.begun, true) && first.is_some_and(u8::is_ascii_uppercase)
    }

    /// Reads plain bytes.
    pub(super) fn read_plain(&mut self, room: &mut [u8], pool: &mut Buffers) -> Read {
        if self.tls.as_ref().is_some_and(|tls| tls.more) {
            match self.digest(room, pool) {
                Ok(0) => {}
                Ok(n) => return Read::Data(n),
                Err(error) => return Read::Failed(io::Error::other(error)),
            }
        }
        loop {
            if self.tls.as_ref().is_some_and(|tls| tls.closed) {
                return Read::Closed;
            }
            match self.fetch(pool) {
                Read::Data(_) => {}
                Read::Closed => return Read::Failed(io::ErrorKind::UnexpectedEof.into()),
                other => return other,
            }
            match self.digest(room, pool) {
                Ok(0) => {}
                Ok(n) => return Read::Data(n),
                Err(error) => return Read::Failed(io::Error::other(error)),
            }
        }
    }

    /// Receives behind what is there of a record.
    fn fetch(&mut self, pool: &mut Buffers) -> Read {
        let Some(tls) = &mut self.tls else { return Read::Blocked };
        if !self.readable {
            return Read::Blocked;
        }
        let mut buffer = tls.inbound.take().unwrap_or_else(|| pool.take());
        buffer.compact(0);
        let read = self.receive(buffer.room());
        if let Read::Data(n) = read {
            buffer.filled(n);
        }
        let Some(tls) = &mut self.tls else { return read };
        if buffer.unread.is_empty() {
            pool.give(buffer);
        } else {
            tls.inbound = Some(buffer);
        }
        read
    }

    /// Works on the records that are there; how many plain bytes came of them.
    fn digest(&mut self, room: &mut [u8], pool: &mut Buffers) -> Result<usize, TlsError> {
        let Some(tls) = &mut self.tls else { return Ok(0) };
        pool.sealed.clear();
        let incoming = match &mut tls.inbound {
            Some(buffer) => &mut buffer.bytes[buffer.unread.clone()],
            None => &mut [],
        };
        let result = tls.connection.receive(incoming, room, &mut pool.sealed);
        if let Ok(received) = &result {
            tls.more = received.more;
            tls.closed |= received.closed;
            if let Some(buffer) = &mut tls.inbound {
                buffer.unread.start += received.consumed;
            }
            if let Some(buffer) = tls.inbound.take_if(|buffer| buffer.unread.is_empty()) {
                pool.give(buffer);
            }
        }
        // Who cannot be told is gone: the next call of the kernel says so.
        let _ = self.push(pool);
        result.map(|received| received.plain)
    }

    /// Writes plain bytes, as many as the kernel or the buffer behind it takes.
    pub(super) fn write_plain(
        &mut self,
        slices: &[IoSlice<'_>],
        pool: &mut Buffers,
    ) -> io::Result<usize> {
        self.flush(pool)?;
        let mut accepted = 0;
        while self.is_writable() {
            let Some(tls) = &mut self.tls else { break };
            let most = pool.size() - OVERHEAD;
            let mut gathered = std::mem::take(&mut pool.plain);
            let next = next_text(slices, accepted, most, &mut gathered);
            let len = next.len();
            pool.sealed.clear();
            let sealed = match len {
                0 => Ok(()),
                _ => tls.connection.seal(next, &mut pool.sealed).map_err(io::Error::other),
            };
            pool.plain = gathered;
            sealed?;
            if len == 0 {
                break;
            }
            accepted += len;
            self.push(pool)?;
        }
        Ok(accepted)
    }

    /// Sends what is sealed, and keeps what the kernel does not take.
    fn push(&mut self, pool: &mut Buffers) -> io::Result<()> {
        if pool.sealed.is_empty() {
            return Ok(());
        }
        let sealed = std::mem::take(&mut pool.sealed);
        let sent = if self.is_flushed() { self.send(&[IoSlice::new(&sealed)]) } else { Ok(0) };
        let kept = sent.and_then(|n| self.keep(&sealed[n..], pool));
        pool.sealed = sealed;
        kept
    }

    fn keep(&mut self, rest: &[u8], pool: &mut Buffers) -> io::Result<()> {
        let Some(tls) = self.tls.as_mut().filter(|_| !rest.is_empty()) else { return Ok(()) };
        let buffer = tls.outbound.get_or_insert_with(|| pool.take());
        buffer.compact(0);
        let room = buffer.room();
        if room.len() < rest.len() {
            return Err(io::ErrorKind::OutOfMemory.into());
        }
        room[..rest.len()].copy_from_slice(rest);
        buffer.filled(rest.len());
        Ok(())
    }

    /// Sends what the kernel did not take before.
    pub(crate) fn flush(&mut self, pool: &mut Buffers) -> io::Result<()> {
        let Some(mut buffer) = self.tls.as_mut().and_then(|tls| tls.outbound.take()) else {
            return Ok(());
        };
        let sent = self.send(&[IoSlice::new(buffer.unread())]);
        buffer.unread.start += *sent.as_ref().unwrap_or(&0);
        let Some(tls) = &mut self.tls else { return Ok(()) };
        if !buffer.unread.is_empty() {
            tls.outbound = Some(buffer);
            return sent.map(|_| ());
        }
        pool.give(buffer);
        if tls.closing {
            let _ = self.stream.shutdown_write();
        }
        sent.map(|_| ())
    }

    /// What was said so far is not all: the peer is not told that it was.
    pub(crate) fn break_off(&mut self) {
        if let Some(tls) = &mut self.tls {
            tls.closing = true;
        }
    }

    /// Says that nothing more comes, behind what waits.
    pub(super) fn close_plain(&mut self, pool: &mut Buffers) {
        self.say_goodbye(pool);
        let Some(tls) = &mut self.tls else { return };
        tls.closing = true;
        if tls.outbound.is_none() {
            let _ = self.stream.shutdown_write();
        }
    }

    /// `close_notify`, if there is TLS and it was not said before.
    pub(crate) fn say_goodbye(&mut self, pool: &mut Buffers) {
        let Some(tls) = self.tls.as_mut().filter(|tls| !tls.closing) else { return };
        pool.sealed.clear();
        tls.connection.close(&mut pool.sealed);
        let _ = self.push(pool);
    }
}

/// The bytes of `slices` behind the first `skip`, at most `most`: where they lie in one slice, as
/// they lie; else gathered. Long ones are cut where a record ends.
fn next_text<'a>(
    slices: &'a [IoSlice<'_>],
    mut skip: usize,
    most: usize,
    gathered: &'a mut Vec<u8>,
) -> &'a [u8] {
    let total: usize = slices.iter().map(|slice| slice.len()).sum::<usize>() - skip;
    let wanted = if total <= most { total } else { most.min(RECORD) };
    gathered.clear();
    for slice in slices {
        let Some(rest) = slice.get(skip..).filter(|rest| !rest.is_empty()) else {
            skip -= slice.len();
            continue;
        };
        skip = 0;
        if gathered.is_empty() && rest.len() >= wanted {
            return &rest[..wanted];
        }
        let n = rest.len().min(wanted - gathered.len());
        gathered.extend_from_slice(&rest[..n]);
        if gathered.len() == wanted {
            break;
        }
    }
    gathered
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_gathered_in_order_and_cut_at_records() {
        let (a, b) = (vec![1; 10], vec![2; 40_000]);
        let slices = [IoSlice::new(&a), IoSlice::new(&[]), IoSlice::new(&b)];
        let mut gathered = Vec::new();
        let first = next_text(&slices, 0, 17_000, &mut gathered);
        assert_eq!((first.len(), first[9], first[10]), (RECORD, 1, 2));
        assert_eq!(next_text(&slices, RECORD, 17_000, &mut gathered).len(), RECORD);
        let last = next_text(&slices, 2 * RECORD, 17_000, &mut gathered);
        assert_eq!(last.len(), 40_010 - 2 * RECORD);
        assert!(next_text(&slices, 40_010, 17_000, &mut gathered).is_empty());
        assert_eq!(next_text(&slices[..1], 0, 17_000, &mut gathered), &a[..]);
    }
}
