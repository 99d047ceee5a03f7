//! Two counts over the last while.
//!
//! Must not know: what is counted.
//!
//! The while is cut into ten slots; the oldest is forgotten as a whole. Invariant: the sums are
//! those of the slots.

use std::time::Duration;

use weir_base::Instant;

const SLOTS: usize = 10;

/// Two counts over the last nine to ten slots.
#[derive(Clone, Debug)]
pub(crate) struct Window {
    slot_micros: u64,
    /// Number of the current slot since the origin.
    current: u64,
    slots: [[u32; 2]; SLOTS],
    sums: [u64; 2],
}

impl Window {
    pub(crate) fn new(span: Duration, now: Instant) -> Self {
        let micros = u64::try_from(span.as_micros()).unwrap_or(u64::MAX);
        let slot_micros = (micros / SLOTS as u64).max(1);
        let current = now.as_micros() / slot_micros;
        Self { slot_micros, current, slots: [[0; 2]; SLOTS], sums: [0; 2] }
    }

    /// Counts one more of the first or of the second.
    pub(crate) fn count(&mut self, which: usize, now: Instant) {
        self.advance(now);
        let slot = &mut self.slots[self.current as usize % SLOTS][which];
        // A slot that is full counts no more: shares stay about right.
        if let Some(more) = slot.checked_add(1) {
            *slot = more;
            self.sums[which] += 1;
        }
    }

    /// How many of each there were.
    pub(crate) fn sums(&mut self, now: Instant) -> [u64; 2] {
        self.advance(now);
        self.sums
    }

    pub(crate) fn clear(&mut self) {
        self.slots = [[0; 2]; SLOTS];
        self.sums = [0; 2];
    }

    fn advance(&mut self, now: Instant) {
        let target = now.as_micros() / self.slot_micros;
        if target >= self.current.saturating_add(SLOTS as u64) {
            self.clear();
            self.current = target;
        }
        while self.current < target {
            self.current += 1;
            let slot = std::mem::take(&mut self.slots[self.current as usize % SLOTS]);
            for (sum, old) in self.sums.iter_mut().zip(slot) {
                *sum -= u64::from(old);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn at(millis: u64) -> Instant {
        Instant::from_micros(millis * 1000)
    }

    #[test]
    fn what_is_older_than_the_span_is_forgotten() {
        let mut window = Window::new(Duration::from_secs(10), at(0));
        window.count(0, at(0));
        window.count(1, at(5_500));
        assert_eq!(window.sums(at(9_999)), [1, 1]);
        assert_eq!(window.sums(at(10_000)), [0, 1]);
        assert_eq!(window.sums(at(15_000)), [0, 0]);
        window.count(0, Instant::FAR);
        assert_eq!(window.sums(at(0)), [1, 0], "time does not run backwards");
    }

    proptest! {
        #[test]
        fn the_sums_are_those_of_a_list(
            steps in prop::collection::vec((0..4_000_u64, 0..2_usize), 1..100)
        ) {
            let mut window = Window::new(Duration::from_secs(10), at(0));
            let (mut now, mut seen) = (0, Vec::new());
            for (wait, which) in steps {
                now += wait;
                window.count(which, at(now));
                seen.push((now / 1000, which));
                let recent = |which| {
                    let slots = (now / 1000).saturating_sub(9)..;
                    seen.iter().filter(|s| s.1 == which && slots.contains(&s.0)).count() as u64
                };
                prop_assert_eq!(window.sums(at(now)), [recent(0), recent(1)]);
            }
        }
    }
}
