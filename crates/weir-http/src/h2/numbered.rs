//! Things that belong to the open streams of a connection, by the number of the stream.
//!
//! Streams begin in the order of their numbers, and most end in it too: so the first ones go
//! without the others being moved, and where a number stands can mostly be told from the first one.

use std::collections::VecDeque;

/// Room for that many stays when there are none.
const FEW: usize = 16;

/// A list in the order of numbers.
#[derive(Debug)]
pub struct Numbered<T> {
    list: VecDeque<(u32, T)>,
}

impl<T> Default for Numbered<T> {
    fn default() -> Self {
        Self { list: VecDeque::new() }
    }
}

impl<T> Numbered<T> {
    /// How many there are.
    pub fn len(&self) -> usize {
        self.list.len()
    }

    /// There are none.
    pub fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    /// Appends one, whose number is higher than all others'.
    pub fn push(&mut self, number: u32, one: T) {
        debug_assert!(self.list.back().is_none_or(|(last, _)| *last < number));
        self.list.push_back((number, one));
    }

    /// The one with that number.
    pub fn get(&self, number: u32) -> Option<&T> {
        Some(&self.list.get(self.find(number)?)?.1)
    }

    /// The one with that number.
    pub fn get_mut(&mut self, number: u32) -> Option<&mut T> {
        let at = self.find(number)?;
        Some(&mut self.list.get_mut(at)?.1)
    }

    /// Takes the one with that number out.
    pub fn remove(&mut self, number: u32) -> Option<T> {
        let at = self.find(number)?;
        let (_, one) = self.list.remove(at)?;
        if self.list.is_empty() && self.list.capacity() > FEW {
            self.list = VecDeque::new();
        }
        Some(one)
    }

    /// Forgets those with higher numbers.
    pub fn truncate(&mut self, last: u32) {
        let kept = self.list.partition_point(|(number, _)| *number <= last);
        self.list.truncate(kept);
    }

    /// All of them, with their numbers.
    pub fn iter_mut(&mut self) -> impl Iterator<Item = (u32, &mut T)> {
        self.list.iter_mut().map(|(number, one)| (*number, one))
    }

    /// Takes all of them out.
    pub fn drain(&mut self) -> impl Iterator<Item = T> {
        self.list.drain(..).map(|(_, one)| one)
    }

    /// A client's streams have every second number.
    fn find(&self, number: u32) -> Option<usize> {
        let first = self.list.front()?.0;
        let guess = (number.checked_sub(first)? / 2) as usize;
        if self.list.get(guess).is_some_and(|(there, _)| *there == number) {
            return Some(guess);
        }
        self.list.binary_search_by_key(&number, |(there, _)| *there).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_is_found_whoever_went_before() {
        let mut all = Numbered::default();
        (0..40).for_each(|n| all.push(2 * n + 1, n));
        for gone in [1, 3, 21, 79, 23] {
            assert_eq!(all.remove(gone), Some(gone / 2));
            assert_eq!((all.remove(gone), all.get(gone)), (None, None));
            let found = (0..45).filter_map(|n| all.get_mut(2 * n + 1).map(|one| (n, *one)));
            let found: Vec<_> = found.collect();
            assert!(found.iter().all(|(n, one)| n == one) && found.len() == all.len());
        }
        assert_eq!((all.get(0), all.get(6), all.get(u32::MAX)), (None, None, None));
        all.truncate(9);
        assert_eq!(all.iter_mut().map(|(number, _)| number).collect::<Vec<_>>(), [5, 7, 9]);
        assert_eq!(all.drain().collect::<Vec<_>>(), [2, 3, 4]);
        assert!(all.is_empty());
    }
}
