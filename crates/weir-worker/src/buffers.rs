//! The pool of fixed-size buffers: the only memory that message bytes pass through.
//!
//! A request needs two buffers before it is done, one for each direction. A session therefore
//! *admits* an exchange by reserving both at once; whoever holds a reservation never waits, so
//! exchanges cannot block each other half way. A TLS connection may need two more, for a record
//! that is not complete and for one that the socket does not take. Handshakes have reservations of
//! their own, so that they cannot take those of exchanges.
//!
//! Invariants: at most `Limits::buffers` reserved, plus a small spare that holds the unsent rest
//! of heads; bytes are reused last-in first-out, so a quiet worker touches few of them.

use std::ops::Range;

use weir_base::Limits;

/// Room behind a head of the largest size, so that its body can always move.
pub(crate) const BODY_ROOM: usize = 1024;

/// Buffers of one exchange: one for each direction.
pub(crate) const PER_EXCHANGE: usize = 2;

/// Buffers of one TLS connection: one for each direction.
pub(crate) const PER_TLS: usize = 2;

/// A smaller pool would never admit a session of TLS.
pub(crate) const LEAST_FOR_TLS: usize = PER_EXCHANGE + 2 * PER_TLS;

/// What a session may take out of the pool.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reservation {
    /// Nothing.
    None,
    /// The buffers of a TLS connection before its first request.
    Handshake,
    /// That many buffers.
    Exchange(usize),
}

/// One buffer and the range of it that holds bytes not yet decoded.
pub(crate) struct Buffer {
    pub(crate) bytes: Box<[u8]>,
    /// Bytes received and not yet decoded; what is before it may still be waiting to be written.
    pub(crate) unread: Range<usize>,
}

impl Buffer {
    /// Where received bytes go.
    pub(crate) fn room(&mut self) -> &mut [u8] {
        &mut self.bytes[self.unread.end..]
    }

    /// `n` bytes were received into [`Buffer::room`].
    pub(crate) fn filled(&mut self, n: usize) {
        self.unread.end += n;
    }

    pub(crate) fn is_full(&self) -> bool {
        self.unread.end == self.bytes.len()
    }

    pub(crate) fn unread(&self) -> &[u8] {
        &self.bytes[self.unread.clone()]
    }

    /// Moves what is unread to `start`, for the next bytes to have room behind it.
    pub(crate) fn compact(&mut self, start: usize) {
        if self.unread.start > start {
            self.bytes.copy_within(self.unread.clone(), start);
            self.unread = start..start + self.unread.len();
        }
    }
}

/// The pool.
pub(crate) struct Buffers {
    free: Vec<Box<[u8]>>,
    reserved: usize,
    limit: usize,
    spare_used: usize,
    spare_limit: usize,
    handshakes: usize,
    handshake_limit: usize,
    size: usize,
    /// Where TLS gathers plain bytes of several slices.
    pub(crate) plain: Vec<u8>,
    /// Where TLS puts bytes for a socket.
    pub(crate) sealed: Vec<u8>,
}

impl Buffers {
    pub(crate) fn new(limits: &Limits) -> Self {
        let size = limits.buffer_bytes + BODY_ROOM;
        let spare_limit = spare(limits.buffers);
        let handshake_limit = handshakes(limits.buffers);
        let all = limits.buffers + spare_limit + PER_TLS * handshake_limit;
        let mut free = Vec::with_capacity(all);
        free.extend((0..limits.buffers_at_start.min(limits.buffers)).map(|_| fresh(size)));
        Self {
            free,
            reserved: 0,
            limit: limits.buffers.max(PER_EXCHANGE),
            spare_used: 0,
            spare_limit,
            handshakes: 0,
            handshake_limit,
            size,
            plain: Vec::new(),
            sealed: Vec::new(),
        }
    }

    /// Reserved ones.
    pub(crate) fn in_use(&self) -> usize {
        self.reserved
    }

    /// Those that nobody has reserved.
    pub(crate) fn free(&self) -> usize {
        self.limit - self.reserved
    }

    /// Bytes of a buffer.
    pub(crate) fn size(&self) -> usize {
        self.size
    }

    /// Bytes of a body that are kept in a buffer for a stream.
    pub(crate) fn body(&self) -> usize {
        self.size - BODY_ROOM
    }

    /// Reserves that many buffers; false when there are not as many.
    #[must_use]
    pub(crate) fn admit(&mut self, count: usize) -> bool {
        let room = self.has_room(count);
        if room {
            self.reserved += count;
        }
        room
    }

    /// Reserves that many buffers for what can do without, while half of the pool is free.
    #[must_use]
    pub(crate) fn admit_lavishly(&mut self, count: usize) -> bool {
        self.reserved + count <= self.limit / 2 && self.admit(count)
    }

    /// Whether that many buffers can be reserved.
    pub(crate) fn has_room(&self, count: usize) -> bool {
        self.reserved + count <= self.limit
    }

    /// Reserves the buffers of one handshake.
    #[must_use]
    pub(crate) fn admit_handshake(&mut self) -> bool {
        let room = self.has_handshake_room();
        if room {
            self.handshakes += 1;
        }
        room
    }

    /// Whether a handshake would be admitted.
    pub(crate) fn has_handshake_room(&self) -> bool {
        self.handshakes < self.handshake_limit
    }

    /// Ends a reservation; its buffers have been given back.
    pub(crate) fn dismiss(&mut self, reservation: Reservation) {
        match reservation {
            Reservation::None => {}
            Reservation::Handshake => self.handshakes -= 1,
            Reservation::Exchange(count) => {
                debug_assert!(self.reserved >= count);
                self.reserved -= count;
            }
        }
    }

    /// A buffer of a reservation.
    pub(crate) fn take(&mut self) -> Buffer {
        let bytes = self.free.pop().unwrap_or_else(|| fresh(self.size));
        Buffer { bytes, unread: 0..0 }
    }

    /// A buffer of a reservation with these bytes; there are no more than fit.
    pub(crate) fn filled(&mut self, bytes: &[u8]) -> Buffer {
        let mut buffer = self.take();
        buffer.room()[..bytes.len()].copy_from_slice(bytes);
        buffer.filled(bytes.len());
        buffer
    }

    /// In place of a buffer of a reservation: these bytes, with no room behind them. What waits in
    /// large numbers takes little memory so, and little of the processor's caches.
    pub(crate) fn exact(bytes: &[u8]) -> Buffer {
        Buffer { bytes: bytes.into(), unread: 0..bytes.len() }
    }

    /// Gives a buffer of a reservation back.
    pub(crate) fn give(&mut self, buffer: Buffer) {
        if buffer.bytes.len() == self.size {
            self.free.push(buffer.bytes);
        }
    }

    /// Stores bytes that a socket did not take, in a spare buffer.
    pub(crate) fn spill(&mut self, bytes: &[u8]) -> Option<Buffer> {
        if self.spare_used == self.spare_limit || bytes.len() > self.size {
            return None;
        }
        self.spare_used += 1;
        Some(self.filled(bytes))
    }

    /// Gives a spare buffer back.
    pub(crate) fn unspill(&mut self, buffer: Buffer) {
        self.spare_used -= 1;
        self.give(buffer);
    }
}

/// Spare buffers beside `buffers` reserved ones.
pub(crate) fn spare(buffers: usize) -> usize {
    (buffers / 16).max(4)
}

/// Handshakes that may be under way beside `buffers` reserved buffers.
pub(crate) fn handshakes(buffers: usize) -> usize {
    (buffers / 8).max(16)
}

fn fresh(size: usize) -> Box<[u8]> {
    vec![0; size].into_boxed_slice()
}

#[cfg(test)]
pub(crate) mod testing {
    use super::*;

    /// One of that many small buffers.
    pub(crate) fn pool(buffers: usize) -> Buffers {
        let limits = Limits {
            sessions: 1,
            backend_connections: 1,
            idle_backend_connections: 1,
            accept_queue: 1,
            buffers,
            buffers_at_start: 1,
            buffer_bytes: 64,
            target_bytes: 64,
            fields: 8,
            pipes: 0,
            pipe_bytes: 0,
            log_bytes: 0,
            scopes: 0,
        };
        Buffers::new(&limits)
    }
}

#[cfg(test)]
mod tests {
    use super::testing::pool;
    use super::*;

    #[test]
    fn an_exchange_reserves_both_directions_or_nothing() {
        let mut pool = pool(7);
        assert!(pool.admit(6));
        assert!(!pool.admit(2), "one buffer left is not enough for an exchange");
        pool.dismiss(Reservation::Exchange(6));
        assert!(pool.admit(2));
    }

    #[test]
    fn spares_are_bounded_apart_from_reservations() {
        let mut pool = pool(2);
        assert!(pool.admit(PER_EXCHANGE));
        let spares: Vec<_> = std::iter::from_fn(|| pool.spill(b"rest")).collect();
        assert_eq!(spares.len(), spare(2));
        assert_eq!(spares[0].unread(), b"rest");
        for buffer in spares {
            pool.unspill(buffer);
        }
        assert!(pool.spill(&[0; 5000]).is_none(), "longer than a buffer");
    }

    #[test]
    fn handshakes_take_nothing_from_exchanges() {
        let mut pool = pool(8);
        while pool.admit_handshake() {}
        assert!(pool.admit(8));
        pool.dismiss(Reservation::Handshake);
        assert!(pool.admit_handshake());
    }

    #[test]
    fn compacting_keeps_the_unread_bytes() {
        let mut buffer = pool(2).take();
        buffer.room()[..6].copy_from_slice(b"abcdef");
        buffer.filled(6);
        buffer.unread.start = 4;
        buffer.compact(1);
        assert_eq!((buffer.unread(), buffer.unread.start), (&b"ef"[..], 1));
    }
}
