//! The table that a connection fills, RFC 7541 §2.3.2 and §4.
//!
//! Invariant: the sizes of all entries, 32 more than their bytes each, are within the bound, and
//! the bound is within the capacity. So the ring has room for the bytes, and there are never more
//! entries than a thirty-second of the capacity. To add an entry takes the time to copy it: each
//! one that is evicted for it has been added before.

use std::collections::VecDeque;

use super::INITIAL_TABLE;
use super::ring::{Ring, Text};

/// What an entry counts beside its bytes (RFC 7541 §4.1).
const OVERHEAD: usize = 32;

/// Entries of a table of the size that a connection begins with, when all are empty.
pub(super) const MOST_ENTRIES: usize = INITIAL_TABLE / OVERHEAD;

/// Where an entry lies: the place of its name, behind which is its value, and how long they are.
#[derive(Clone, Copy, Debug)]
struct Entry {
    start: u32,
    name: u32,
    value: u32,
}

/// Name and value of an entry.
pub(super) struct Field<'a> {
    both: Text<'a>,
    /// Bytes of the name.
    name: usize,
}

impl<'a> Field<'a> {
    /// Name and value, when both are in one piece.
    pub(super) fn whole(&self) -> Option<(&'a [u8], &'a [u8])> {
        Some(self.both.whole()?.split_at(self.name))
    }

    /// Whether it has exactly this name and this value.
    #[inline(always)] // Every field of every head comes through here.
    pub(super) fn is(&self, name: &[u8], value: &[u8]) -> bool {
        if name.len() != self.name {
            return false;
        }
        if let Some((known, rest)) = self.whole() {
            return rest == value && known == name;
        }
        self.name().is(name) && self.value().is(value)
    }

    pub(super) fn name(&self) -> Text<'a> {
        self.both.split_at(self.name).0
    }

    pub(super) fn value(&self) -> Text<'a> {
        self.both.split_at(self.name).1
    }
}

#[derive(Debug)]
pub(super) struct Table {
    ring: Ring,
    /// The newest first.
    entries: VecDeque<Entry>,
    /// Bytes of all entries as they count, at most `bound`.
    size: usize,
    bound: usize,
    /// The number of the entry that comes next, as far as 32 bits can count.
    next: u32,
}

impl Table {
    /// Whose bound is `capacity`, in bytes, and never more.
    pub(super) fn new(capacity: usize) -> Self {
        let entries = VecDeque::with_capacity(capacity / OVERHEAD);
        Self { ring: Ring::new(capacity), entries, size: 0, bound: capacity, next: 1 }
    }

    pub(super) fn bound(&self) -> usize {
        self.bound
    }

    /// The number of the entry that comes next: 1 for the first one, 0 for the one after 2^32 - 1.
    pub(super) fn next(&self) -> u32 {
        self.next
    }

    /// Changes the bound, within the capacity; what does not fit any more goes, the oldest first.
    pub(super) fn set_bound(&mut self, bound: usize) {
        self.bound = bound;
        self.evict_above(bound);
    }

    /// Whether such a field would not empty the table (RFC 7541 §4.4).
    pub(super) fn fits(&self, name: &[u8], value: &[u8]) -> bool {
        name.len() + value.len() + OVERHEAD <= self.bound
    }

    /// Adds an entry. One that does not fit empties the table (RFC 7541 §4.4).
    pub(super) fn add(&mut self, name: &[u8], value: &[u8]) {
        if !self.fits(name, value) {
            return self.evict_above(0);
        }
        let size = name.len() + value.len() + OVERHEAD;
        self.evict_above(self.bound - size);
        let start = self.ring.push(name) as u32;
        self.ring.push(value);
        self.entries.push_front(Entry {
            start,
            name: name.len() as u32,
            value: value.len() as u32,
        });
        self.size += size;
        self.next = self.next.wrapping_add(1);
    }

    /// The entry that many additions before the newest.
    #[inline]
    pub(super) fn get(&self, age: usize) -> Option<Field<'_>> {
        let Entry { start, name, value } = *self.entries.get(age)?;
        let both = self.ring.text(start as usize, (name + value) as usize);
        Some(Field { both, name: name as usize })
    }

    /// Evicts the oldest until the size is at most `size`.
    fn evict_above(&mut self, size: usize) {
        while self.size > size
            && let Some(entry) = self.entries.pop_back()
        {
            self.size -= (entry.name + entry.value) as usize + OVERHEAD;
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn entry(table: &Table, age: usize) -> Option<(String, String)> {
        let text = |text: Text<'_>| {
            let mut bytes = Vec::new();
            text.append_to(&mut bytes);
            String::from_utf8(bytes).unwrap()
        };
        table.get(age).map(|field| (text(field.name()), text(field.value())))
    }

    #[test]
    fn the_oldest_goes_first_and_an_entry_too_large_empties_the_table() {
        let mut table = Table::new(100);
        let wanted = |name: &str, value: &str| Some((name.to_owned(), value.to_owned()));
        table.add(b"a", b"1");
        table.add(b"bb", b"22");
        assert_eq!((entry(&table, 0), entry(&table, 1)), (wanted("bb", "22"), wanted("a", "1")));
        table.add(b"c", b"3");
        assert_eq!((table.entries.len(), entry(&table, 1)), (2, wanted("bb", "22")));
        table.set_bound(40);
        assert_eq!((table.entries.len(), entry(&table, 0)), (1, wanted("c", "3")));
        table.add(b"long", b"12345");
        assert_eq!((table.entries.len(), table.size, entry(&table, 0)), (0, 0, None));
    }

    proptest! {
        /// Against a list of strings that is cut to its size.
        #[test]
        fn it_holds_what_a_list_would(
            capacity in 0..300_usize,
            steps in prop::collection::vec(("[a-z]{0,40}", "[a-z]{0,90}", 0..300_usize), 0..60),
        ) {
            let mut table = Table::new(capacity);
            let mut list: Vec<(String, String)> = Vec::new();
            let allocated = table.entries.capacity();
            for (name, value, bound) in steps {
                if bound % 5 == 0 {
                    table.set_bound(bound.min(capacity));
                } else {
                    table.add(name.as_bytes(), value.as_bytes());
                    list.insert(0, (name, value));
                }
                let mut size = 0;
                let kept = list.iter().take_while(|(name, value)| {
                    size += name.len() + value.len() + 32;
                    size <= table.bound()
                });
                list.truncate(kept.count());
                let all: Vec<_> = (0..).map_while(|age| entry(&table, age)).collect();
                prop_assert_eq!(&all, &list);
                prop_assert_eq!(table.entries.capacity(), allocated, "nothing grows");
            }
        }
    }
}
