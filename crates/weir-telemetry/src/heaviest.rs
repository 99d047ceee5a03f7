//! Who counts most, of many more than there is memory for (the space-saving algorithm of Metwally,
//! Agrawal and El Abbadi).
//!
//! Invariants, for counts of `n` together: what is kept of a key is at least its true count, and at
//! most `n / PLACES` more, which is kept too; whoever has counted more than `n / PLACES` has a
//! place.

/// How many keys have a place.
pub const PLACES: usize = 64;

/// A key that has a place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Heavy<K> {
    /// Whose.
    pub key: K,
    /// At least its count.
    pub count: u64,
    /// At most that much more.
    pub error: u64,
}

/// The keys that count most.
#[derive(Clone, Debug)]
pub struct Heaviest<K>(Vec<Heavy<K>>);

impl<K> Default for Heaviest<K> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<K: Copy + Eq> Heaviest<K> {
    /// Adds to the count of a key. Without a place for it, it gets that of the lightest, whose
    /// count is the most that it can have had before.
    pub fn add(&mut self, key: K, n: u64) {
        if let Some(heavy) = self.0.iter_mut().find(|heavy| heavy.key == key) {
            heavy.count += n;
        } else if self.0.len() < PLACES {
            self.0.push(Heavy { key, count: n, error: 0 });
        } else if let Some(lightest) = self.0.iter_mut().min_by_key(|heavy| heavy.count) {
            *lightest = Heavy { key, count: lightest.count + n, error: lightest.count };
        }
    }

    /// What is known of a key.
    pub fn get(&self, key: K) -> Option<&Heavy<K>> {
        self.0.iter().find(|heavy| heavy.key == key)
    }

    /// Forgets a key that is no more.
    pub fn remove(&mut self, key: K) {
        self.0.retain(|heavy| heavy.key != key);
    }

    /// All that have a place.
    pub fn iter(&self) -> impl Iterator<Item = &Heavy<K>> {
        self.0.iter()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use proptest::prelude::*;

    use super::*;

    #[test]
    fn few_keys_are_counted_exactly() {
        let mut heaviest = Heaviest::default();
        for key in [1, 2, 1, 3, 1, 2] {
            heaviest.add(key, 2);
        }
        let counts: Vec<_> = heaviest.iter().map(|h| (h.key, h.count, h.error)).collect();
        assert_eq!(counts, [(1, 6, 0), (2, 4, 0), (3, 2, 0)]);
        heaviest.remove(2);
        assert_eq!((heaviest.get(2), heaviest.iter().count()), (None, 2));
    }

    proptest! {
        #[test]
        fn what_is_kept_is_true_within_its_bound(
            // Small numbers come more often.
            keys in prop::collection::vec((0..1_000_u32, 0..1_000_u32), 0..5_000),
        ) {
            let (mut heaviest, mut exact) = (Heaviest::default(), HashMap::<u32, u64>::new());
            for (a, b) in keys {
                let key = a * b / 1_000;
                heaviest.add(key, 1);
                *exact.entry(key).or_default() += 1;
            }
            let bound = exact.values().sum::<u64>() / PLACES as u64;
            prop_assert!(heaviest.iter().count() <= PLACES);
            for heavy in heaviest.iter() {
                let count = exact[&heavy.key];
                prop_assert!(heavy.count >= count && count + heavy.error >= heavy.count);
                prop_assert!(heavy.error <= bound);
            }
            for (key, count) in exact {
                prop_assert!(count <= bound || heaviest.get(key).is_some());
            }
        }
    }
}
