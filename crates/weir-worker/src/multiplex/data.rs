//! DATA on its way out: what would be sent at once is sent from where it lies, the rest is
//! collected with the frames of others.

use std::io::{self, IoSlice};

use weir_http::h2::frame::HEADER;

use super::connection::{Multiplex, OUT_BYTES};
use crate::buffers::Buffers;

/// A part of some slices.
pub(super) struct Data<'a> {
    pub(super) slices: &'a [IoSlice<'a>],
    pub(super) from: usize,
    pub(super) len: usize,
}

impl<'a> Data<'a> {
    pub(super) fn pieces(&self) -> impl Iterator<Item = &'a [u8]> {
        let (mut skip, mut left) = (self.from, self.len);
        self.slices.iter().filter_map(move |slice| {
            let Some(rest) = slice.get(skip..) else {
                skip -= slice.len();
                return None;
            };
            skip = 0;
            let piece = &rest[..rest.len().min(left)];
            left -= piece.len();
            Some(piece)
        })
    }
}

/// Slices of DATA that are sent at once.
const SLICES: usize = 16;

impl Multiplex {
    /// DATA of `len` bytes would be sent at once: it is sent from where it lies. With TLS there is
    /// nothing to be gained, since it is copied anyway.
    pub(super) fn goes_straight(&self, len: usize) -> bool {
        let waiting = self.waiting();
        let full = HEADER + len + waiting >= OUT_BYTES && waiting < OUT_BYTES / 4;
        full && self.socket.is_clear() && self.socket.is_writable()
    }

    /// Sends what waits and a frame of DATA; what the kernel does not take of it waits.
    pub(super) fn send_data(
        &mut self,
        header: [u8; HEADER],
        data: &Data<'_>,
        pool: &mut Buffers,
    ) -> io::Result<()> {
        let mut all = [IoSlice::new(&[]); SLICES + 2];
        let waiting = self.waiting();
        all[0] = IoSlice::new(&self.out[self.sent..]);
        all[1] = IoSlice::new(&header);
        let mut count = 2;
        for (place, piece) in all[2..].iter_mut().zip(data.pieces()) {
            *place = IoSlice::new(piece);
            count += 1;
        }
        let taken = self.socket.write(&all[..count], pool)?;
        self.sent += taken.min(waiting);
        let mut skip = taken.saturating_sub(waiting);
        for piece in std::iter::once(&header[..]).chain(data.pieces()) {
            self.out.extend_from_slice(piece.get(skip..).unwrap_or_default());
            skip = skip.saturating_sub(piece.len());
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_part_may_begin_and_end_inside_of_slices() {
        let slices = [&b"abc"[..], b"", b"defg", b"hi"].map(IoSlice::new);
        let part = |from, len| Data { slices: &slices, from, len }.pieces().collect::<Vec<_>>();
        assert_eq!(part(0, 9).concat(), b"abcdefghi");
        assert_eq!(part(2, 3).concat(), b"cde");
        assert_eq!(part(4, 2).concat(), b"ef");
        assert_eq!(part(9, 0).concat(), b"");
    }
}
