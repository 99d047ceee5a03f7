//! Where the encoder put what it has put into the table.

use super::table::MOST_ENTRIES;

/// Sets of places; there are twice as many places as keys of entries that can be alive: each has a
/// key for its field and one for its name.
const SETS: usize = 64;

/// Places of a set.
const WAYS: usize = 8;

/// A key, as far as 16 bits tell, and the number of an entry, as far as 16 bits count.
#[derive(Clone, Copy)]
struct Place {
    tag: u16,
    entry: u16,
}

/// From hashes to numbers of entries.
///
/// It answers with guesses, which the caller compares with the entry itself: a place is not told
/// when its entry is evicted. A search and an addition look at the places of one set, so they take
/// constant time whatever the hashes are; when more than [`WAYS`] keys belong to a set, the key of
/// the oldest entry is forgotten.
pub(super) struct Seen {
    sets: Box<[[Place; WAYS]; SETS]>,
}

impl Seen {
    pub(super) fn new() -> Self {
        // As if of an entry that was evicted before the first one came.
        let unused = Place { tag: 0, entry: 0_u16.wrapping_sub(MOST_ENTRIES as u16) };
        Self { sets: Box::new([[unused; WAYS]; SETS]) }
    }

    /// What `check` makes of the first entry that it accepts of those that may have this hash.
    #[inline]
    pub(super) fn find<T>(&self, hash: u64, mut check: impl FnMut(u16) -> Option<T>) -> Option<T> {
        let set = &self.sets[set(hash)];
        for at in ways(hash) {
            if set[at].tag == tag(hash)
                && let Some(found) = check(set[at].entry)
            {
                return Some(found);
            }
        }
        None
    }

    /// Remembers `entry`, the newest: in place of the one with the same hash,
    /// or of one that is certainly evicted, or else of the oldest.
    pub(super) fn put(&mut self, hash: u64, entry: u16) {
        let set = &mut self.sets[set(hash)];
        let age = |at: usize| usize::from(entry.wrapping_sub(set[at].entry));
        let same = ways(hash).find(|at| set[*at].tag == tag(hash));
        let unused = || ways(hash).find(|at| age(*at) >= MOST_ENTRIES);
        let oldest = || ways(hash).max_by_key(|at| age(*at));
        let at = same.or_else(unused).or_else(oldest).unwrap_or_default();
        set[at] = Place { tag: tag(hash), entry };
    }
}

fn set(hash: u64) -> usize {
    (hash >> 32) as usize % SETS
}

fn tag(hash: u64) -> u16 {
    hash as u16
}

/// The places of a set in the order in which a key tries them: most are in their first one.
fn ways(hash: u64) -> impl Iterator<Item = usize> {
    let first = (hash >> 60) as usize;
    (0..WAYS).map(move |step| (first + step) % WAYS)
}

#[cfg(test)]
mod tests {
    use super::super::hash::hash;
    use super::*;

    /// The keys of an entry.
    fn keys(entry: u16) -> [u64; 2] {
        [hash(0, &entry.to_le_bytes()), hash(1, &entry.to_le_bytes())]
    }

    /// Of a million searches for keys that are alive, how many fail when so many entries are.
    fn lost_of_a_million(alive: u16) -> usize {
        let mut seen = Seen::new();
        let mut lost = 0;
        for newest in 1..10_000 {
            keys(newest).iter().for_each(|key| seen.put(*key, newest));
            let found = |n: u16, key| seen.find(key, |entry| (entry == n).then_some(())).is_some();
            let entries = newest.saturating_sub(alive - 1).max(1)..=newest;
            let lost_of = |n: u16| keys(n).iter().filter(|key| !found(n, **key)).count();
            lost += entries.map(lost_of).sum::<usize>();
        }
        lost * 50 / usize::from(alive)
    }

    #[test]
    fn what_is_alive_is_found() {
        assert!(lost_of_a_million(64) < 100, "a table of ordinary fields");
        assert!(lost_of_a_million(128) < 10_000, "a table of the shortest fields");
    }

    #[test]
    fn keys_that_all_collide_cost_the_oldest() {
        let mut seen = Seen::new();
        // The same set, other tags.
        let key = |n: u16| u64::from(n);
        (1..=20).for_each(|n| seen.put(key(n), n));
        let found = |n: u16| seen.find(key(n), Some) == Some(n);
        assert!((13..=20).all(found) && !(1..=12).any(found));
        seen.put(key(15), 21);
        assert_eq!(seen.find(key(15), Some), Some(21));
        assert!((16..=20).all(|n| seen.find(key(n), Some) == Some(n)));
    }
}
