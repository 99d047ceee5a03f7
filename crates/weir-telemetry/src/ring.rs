//! Lines that wait for their sink.
//!
//! Invariants: never more bytes than the capacity; a line is kept whole and in one piece, or not at
//! all; what is dropped is counted and, when there is room again, told.
//!
//! The bytes live in two regions of one buffer. `older` is what leaves next. When the end of the
//! buffer is too near for a line, `newer` begins at its start and takes all lines until `older`
//! is empty:
//!
//! ```text
//! ┌─────────┬────────────┬───────────────┬───────┐
//! │ newer ▶ │   free     │ ▶ older       │ unused│
//! └─────────┴────────────┴───────────────┴───────┘
//! ```

use std::ops::Range;

/// A bounded queue of lines.
#[derive(Clone, Debug)]
pub struct Ring {
    buffer: Box<[u8]>,
    older: Range<usize>,
    /// Where the region at the start of the buffer ends; 0 when there is none.
    newer: usize,
    dropped: u64,
    untold: u64,
}

impl Ring {
    /// Room for `capacity` bytes of lines.
    pub fn new(capacity: usize) -> Self {
        let buffer = vec![0; capacity].into_boxed_slice();
        Self { buffer, older: 0..0, newer: 0, dropped: 0, untold: 0 }
    }

    /// Keeps a line (with its newline), or counts it as dropped when there is no room. `true`
    /// when it is kept.
    pub fn push(&mut self, line: &[u8]) -> bool {
        let Some(place) = self.place(line.len()) else {
            self.count_dropped(1);
            return false;
        };
        self.buffer[place].copy_from_slice(line);
        true
    }

    /// Where `len` bytes can go; they are taken as used.
    fn place(&mut self, len: usize) -> Option<Range<usize>> {
        if self.newer == 0 && len <= self.buffer.len() - self.older.end {
            let start = self.older.end;
            self.older.end += len;
            return Some(start..start + len);
        }
        if len <= self.older.start - self.newer {
            let start = self.newer;
            self.newer += len;
            return Some(start..start + len);
        }
        None
    }

    /// The oldest bytes, as many as lie together: whole lines, except for the first one when
    /// a part of it was consumed. Empty only when the ring is.
    pub fn pending(&self) -> &[u8] {
        &self.buffer[self.older.clone()]
    }

    /// Forgets the first `n` pending bytes.
    pub fn consume(&mut self, n: usize) {
        self.older.start = self.older.end.min(self.older.start + n);
        if self.older.is_empty() {
            self.older = 0..std::mem::take(&mut self.newer);
        }
    }

    /// Counts lines that were lost elsewhere, between here and the sink.
    pub fn count_dropped(&mut self, lines: u64) {
        self.dropped += lines;
        self.untold += lines;
    }

    /// Lines dropped since the ring was made.
    pub fn dropped(&self) -> u64 {
        self.dropped
    }

    /// How many lines were dropped since this was last answered, as soon as half of the ring is
    /// free, so that there is room to tell it and one stall is told once.
    pub fn take_untold(&mut self) -> Option<u64> {
        let told = self.untold > 0 && self.len() <= self.buffer.len() / 2;
        told.then(|| std::mem::take(&mut self.untold))
    }

    /// Bytes that wait.
    pub fn len(&self) -> usize {
        self.older.len() + self.newer
    }

    /// True when nothing waits.
    pub fn is_empty(&self) -> bool {
        self.older.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::VecDeque;

    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_does_not_fit_is_dropped_whole_and_told_once() {
        let mut ring = Ring::new(16);
        assert!(ring.push(b"0123456\n"));
        assert!(ring.push(b"abcdefg\n"));
        assert!(!ring.push(b"x\n"));
        assert!(!ring.push(b"y\n"));
        assert_eq!(ring.pending(), b"0123456\nabcdefg\n");
        assert_eq!(ring.take_untold(), None, "no room yet");
        ring.consume(8);
        assert_eq!(ring.take_untold(), Some(2));
        assert_eq!(ring.take_untold(), None, "told once");
        assert_eq!(ring.dropped(), 2);
        assert!(ring.push(b"z\n"), "at the start of the buffer");
        assert_eq!(ring.pending(), b"abcdefg\n");
        ring.consume(8);
        assert_eq!(ring.pending(), b"z\n");
    }

    #[test]
    fn a_line_larger_than_the_ring_is_dropped() {
        let mut ring = Ring::new(4);
        assert!(!ring.push(b"12345"));
        assert!(ring.push(b"123\n"));
        let mut none = Ring::new(0);
        assert!(!none.push(b"\n"));
        assert!(none.is_empty());
    }

    #[derive(Clone, Debug)]
    enum Step {
        Push(Vec<u8>),
        Consume(usize),
    }

    fn steps() -> impl Strategy<Value = Vec<Step>> {
        let line = prop::collection::vec(b'a'..=b'z', 0..12).prop_map(|mut line| {
            line.push(b'\n');
            Step::Push(line)
        });
        prop::collection::vec(prop_oneof![line, (0..20_usize).prop_map(Step::Consume)], 0..200)
    }

    proptest! {
        /// Against a queue of bytes: nothing kept is lost, reordered or split.
        #[test]
        fn kept_lines_come_out_as_they_went_in(capacity in 0..64_usize, steps in steps()) {
            let mut ring = Ring::new(capacity);
            let mut model = VecDeque::new();
            let mut dropped = 0;
            for step in steps {
                match step {
                    Step::Push(line) if ring.push(&line) => model.extend(line),
                    Step::Push(line) => {
                        dropped += 1;
                        // Only room too small for a line (13 bytes at most) may be wasted.
                        prop_assert!(model.len() + line.len() + 13 > capacity);
                    }
                    Step::Consume(n) => {
                        let n = n.min(ring.pending().len());
                        ring.consume(n);
                        model.drain(..n);
                    }
                }
                let pending = ring.pending();
                prop_assert!(pending.iter().eq(model.iter().take(pending.len())));
                prop_assert!(pending.is_empty() || pending.ends_with(b"\n"));
                prop_assert_eq!(ring.is_empty(), model.is_empty());
                prop_assert_eq!(pending.is_empty(), model.is_empty());
                prop_assert_eq!(ring.len(), model.len());
                prop_assert!(ring.len() <= capacity);
                prop_assert_eq!(ring.dropped(), dropped);
            }
        }
    }
}
