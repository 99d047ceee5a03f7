//! The table that a connection fills, RFC 7541 §2.3.2 and §4.
//!
//! Entries lie one behind the other in a ring of bytes, the newest last. Invariant: the sizes of
//! all entries, 32 more than their bytes each, are within the bound.

use std::collections::VecDeque;

/// What an entry counts beside its bytes (RFC 7541 §4.1).
const OVERHEAD: usize = 32;

/// Where an entry lies: after how many bytes that were ever added, and how long its parts are.
#[derive(Clone, Copy, Debug)]
struct Entry {
    start: u64,
    name: u32,
    value: u32,
}

#[derive(Debug)]
pub(super) struct Table {
    bytes: VecDeque<u8>,
    /// The newest first.
    entries: VecDeque<Entry>,
    /// Bytes that were ever added.
    written: u64,
    size: usize,
    bound: usize,
    /// Entries that were ever added: what makes an age an index.
    added: u64,
}

impl Table {
    pub(super) fn new(bound: usize) -> Self {
        let (bytes, entries) = (VecDeque::new(), VecDeque::new());
        Self { bytes, entries, written: 0, size: 0, bound, added: 0 }
    }

    pub(super) fn bound(&self) -> usize {
        self.bound
    }

    pub(super) fn added(&self) -> u64 {
        self.added
    }

    pub(super) fn len(&self) -> usize {
        self.entries.len()
    }

    /// Changes the bound; what does not fit any more goes, the oldest first.
    pub(super) fn set_bound(&mut self, bound: usize) {
        self.bound = bound;
        self.make_room(0);
        if bound == 0 {
            self.bytes = VecDeque::new();
            self.entries = VecDeque::new();
        }
    }

    /// Adds an entry. One that is larger than the bound empties the table (RFC 7541 §4.4).
    pub(super) fn add(&mut self, name: &[u8], value: &[u8]) {
        let size = name.len() + value.len() + OVERHEAD;
        self.added += 1;
        if size > self.bound {
            self.make_room(self.bound + 1);
            return;
        }
        self.make_room(size);
        self.bytes.extend(name);
        self.bytes.extend(value);
        let (start, name, value) = (self.written, name.len() as u32, value.len() as u32);
        self.entries.push_front(Entry { start, name, value });
        self.written += u64::from(name + value);
        self.size += size;
    }

    fn make_room(&mut self, wanted: usize) {
        while self.size + wanted > self.bound
            && let Some(entry) = self.entries.pop_back()
        {
            let len = (entry.name + entry.value) as usize;
            self.bytes.drain(..len);
            self.size -= len + OVERHEAD;
        }
    }

    /// Appends name and value of an entry, 0 being the newest; the length of the name.
    pub(super) fn copy(&self, age: usize, with_value: bool, out: &mut Vec<u8>) -> Option<usize> {
        let Entry { start, name, value } = *self.entries.get(age)?;
        let gone = self.written - self.bytes.len() as u64;
        let start = (start - gone) as usize;
        let end = start + name as usize + if with_value { value as usize } else { 0 };
        let (front, back) = self.bytes.as_slices();
        let split = front.len();
        out.extend_from_slice(&front[start.min(split)..end.min(split)]);
        out.extend_from_slice(&back[start.max(split) - split..end.max(split) - split]);
        Some(name as usize)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_oldest_goes_first_and_an_entry_too_large_empties_the_table() {
        let mut table = Table::new(100);
        let entry = |table: &Table, age| {
            let mut out = Vec::new();
            table.copy(age, true, &mut out).map(|name| (name, String::from_utf8(out).unwrap()))
        };
        table.add(b"a", b"1");
        table.add(b"bb", b"22");
        assert_eq!(entry(&table, 0), Some((2, "bb22".into())));
        assert_eq!(entry(&table, 1), Some((1, "a1".into())));
        table.add(b"c", b"3");
        assert_eq!((table.len(), entry(&table, 1)), (2, Some((2, "bb22".into()))));
        table.set_bound(40);
        assert_eq!((table.len(), entry(&table, 0)), (1, Some((1, "c3".into()))));
        table.add(b"long", b"12345");
        assert_eq!((table.len(), table.size, entry(&table, 0)), (0, 0, None));
    }
}
