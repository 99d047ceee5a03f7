//! Where the encoder put what it has put into the table.

/// Places; twice as many as keys of entries that can be alive: a table of 4,096 bytes has at most
/// 128 entries, each with a key for its field and one for its name.
const SLOTS: usize = 512;

/// Places that a key may be in.
const WINDOW: usize = 8;

/// A key, as far as 16 bits tell, and the number of an entry, as far as 16 bits count.
#[derive(Clone, Copy, Default)]
struct Slot {
    tag: u16,
    entry: u16,
}

/// From hashes to numbers of entries.
///
/// It answers with guesses, which the caller compares with the entry itself: a slot is not told
/// when its entry is evicted. A search and an addition look at a fixed number of slots, so they
/// take constant time whatever the hashes are; when more than [`WINDOW`] keys want the same ones,
/// the key of the oldest entry is forgotten.
pub(super) struct Seen {
    slots: Box<[Slot; SLOTS]>,
}

impl Seen {
    pub(super) fn new() -> Self {
        Self { slots: Box::new([Slot::default(); SLOTS]) }
    }

    /// What `check` makes of the first entry that it accepts of those that may have this hash.
    pub(super) fn find<T>(&self, hash: u64, mut check: impl FnMut(u16) -> Option<T>) -> Option<T> {
        let slots = window(hash).map(|at| self.slots[at]);
        let mut same = slots.filter(|slot| slot.tag == tag(hash));
        same.find_map(|slot| check(slot.entry))
    }

    /// Remembers `entry`, the newest, in place of the one with the same hash or else of the oldest.
    pub(super) fn put(&mut self, hash: u64, entry: u16) {
        let mut oldest = (0, 0);
        for at in window(hash) {
            let slot = self.slots[at];
            if slot.tag == tag(hash) {
                oldest.1 = at;
                break;
            }
            let age = entry.wrapping_sub(slot.entry);
            if age >= oldest.0 {
                oldest = (age, at);
            }
        }
        self.slots[oldest.1] = Slot { tag: tag(hash), entry };
    }
}

fn window(hash: u64) -> impl Iterator<Item = usize> {
    let first = (hash >> 32) as usize;
    (first..first + WINDOW).map(|at| at % SLOTS)
}

fn tag(hash: u64) -> u16 {
    hash as u16
}

#[cfg(test)]
mod tests {
    use super::super::hash::hash;
    use super::*;

    fn key(number: u16) -> u64 {
        hash(0, &number.to_le_bytes())
    }

    /// Of a million searches for keys that are alive, how many fail when `alive` are at a time.
    fn lost_of_a_million(alive: u16) -> usize {
        let mut seen = Seen::new();
        let mut lost = 0;
        for number in 0..10_000 {
            seen.put(key(number), number);
            let found = |n: u16| seen.find(key(n), |entry| (entry == n).then_some(())).is_some();
            lost += (number.saturating_sub(alive - 1)..=number).filter(|n| !found(*n)).count();
        }
        lost * 100 / usize::from(alive)
    }

    #[test]
    fn what_is_alive_is_found() {
        assert!(lost_of_a_million(128) < 100, "a table of ordinary fields");
        assert!(lost_of_a_million(256) < 1_000, "a table of the shortest fields");
    }

    #[test]
    fn keys_that_all_collide_cost_the_oldest() {
        let mut seen = Seen::new();
        // Same slots, other tags.
        let key = |n: u16| u64::from(n);
        (1..=20).for_each(|n| seen.put(key(n), n));
        let found = |n: u16| seen.find(key(n), Some) == Some(n);
        assert!((13..=20).all(found) && !(1..=12).any(found));
        seen.put(key(15), 21);
        assert_eq!(seen.find(key(15), Some), Some(21));
        assert!((16..=20).all(|n| seen.find(key(n), Some) == Some(n)));
    }
}
