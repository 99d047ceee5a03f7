//! Bytes in a ring: what is newest lies over what is oldest.

/// A ring of bytes, allocated once. It does not know which of them are still wanted: the
/// [`Table`](super::table::Table) above it never wants more than there is room for.
#[derive(Debug)]
pub(super) struct Ring {
    bytes: Box<[u8]>,
    /// Where the next byte goes, always inside of the ring unless that has no bytes at all.
    end: usize,
}

impl Ring {
    pub(super) fn new(capacity: usize) -> Self {
        Self { bytes: vec![0; capacity].into(), end: 0 }
    }

    /// Puts `text`, which is no longer than the ring, behind the newest bytes; where it begins.
    pub(super) fn push(&mut self, text: &[u8]) -> usize {
        debug_assert!(text.len() <= self.bytes.len(), "the table evicts what there is no room for");
        let start = self.end;
        let (over, under) = self.bytes.split_at_mut(start);
        let (front, back) = text.split_at(text.len().min(under.len()));
        under[..front.len()].copy_from_slice(front);
        over[..back.len()].copy_from_slice(back);
        self.end = self.at(start + text.len());
        start
    }

    /// The place that many bytes from the beginning, once around at most.
    fn at(&self, place: usize) -> usize {
        if place < self.bytes.len() { place } else { place - self.bytes.len() }
    }

    /// The `len` bytes from a place inside of the ring.
    pub(super) fn text(&self, start: usize, len: usize) -> Text<'_> {
        let under = &self.bytes[start..];
        let front = &under[..len.min(under.len())];
        Text { front, back: &self.bytes[..len - front.len()] }
    }
}

/// A string of a ring; its back is empty unless it goes over the end.
#[derive(Clone, Copy)]
pub(super) struct Text<'a> {
    front: &'a [u8],
    back: &'a [u8],
}

impl<'a> Text<'a> {
    /// The string, when it is in one piece.
    pub(super) fn whole(self) -> Option<&'a [u8]> {
        self.back.is_empty().then_some(self.front)
    }

    /// Its first `len` bytes, and the others.
    pub(super) fn split_at(self, len: usize) -> (Self, Self) {
        let Self { front, back } = self;
        if let Some((one, two)) = front.split_at_checked(len) {
            return (Self { front: one, back: &[] }, Self { front: two, back });
        }
        let (one, two) = back.split_at(len - front.len());
        (Self { front, back: one }, Self { front: two, back: &[] })
    }

    pub(super) fn is(self, other: &[u8]) -> bool {
        let halves = other.split_at_checked(self.front.len());
        halves.is_some_and(|(front, back)| front == self.front && back == self.back)
    }

    pub(super) fn is_ignoring_case(self, other: &[u8]) -> bool {
        let halves = other.split_at_checked(self.front.len());
        halves.is_some_and(|(front, back)| {
            front.eq_ignore_ascii_case(self.front) && back.eq_ignore_ascii_case(self.back)
        })
    }

    pub(super) fn append_to(self, out: &mut Vec<u8>) {
        out.extend_from_slice(self.front);
        out.extend_from_slice(self.back);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_string_goes_over_the_end() {
        let mut ring = Ring::new(5);
        assert_eq!((ring.push(b"abc"), ring.push(b"de"), ring.push(b"fgh")), (0, 3, 0));
        let start = ring.push(b"ijk");
        let text = ring.text(start, 3);
        let mut copy = Vec::new();
        text.append_to(&mut copy);
        assert_eq!((start, &copy[..], text.whole()), (3, &b"ijk"[..], None));
        assert!(text.is(b"ijk") && !text.is(b"ijx") && !text.is(b"xjk") && !text.is(b"i"));
        assert!(!text.is(b"ijkl") && !text.is(b""));
        assert!(text.is_ignoring_case(b"iJK") && !text.is_ignoring_case(b"iJ"));
        for len in 0..=3 {
            let (one, two) = text.split_at(len);
            assert!(one.is(&b"ijk"[..len]) && two.is(&b"ijk"[len..]), "{len}");
        }
        assert_eq!(ring.text(1, 2).whole(), Some(&b"gh"[..]));
    }

    #[test]
    fn a_ring_may_be_empty() {
        let mut ring = Ring::new(0);
        let start = ring.push(b"");
        assert_eq!(ring.text(start, 0).whole(), Some(&b""[..]));
    }
}
