//! Things that belong to the open streams of a connection, by the number of the stream.
//!
//! Streams begin in the order of their numbers, and most end in it too: so the first ones go
//! without the others being moved, and where a number stands can mostly be told from the first one.
//! The things themselves are never moved.

use std::collections::VecDeque;

/// Room for that many stays when there are none.
const FEW: usize = 16;

/// A list in the order of numbers.
#[derive(Debug)]
pub struct Numbered<T> {
    /// Numbers, in order, and where their things are.
    list: VecDeque<(u32, u32)>,
    places: Vec<Option<(u32, T)>>,
    free: Vec<u32>,
}

impl<T> Default for Numbered<T> {
    fn default() -> Self {
        Self { list: VecDeque::new(), places: Vec::new(), free: Vec::new() }
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
        let place = self.free.pop().unwrap_or_else(|| {
            if self.places.len() == self.places.capacity() {
                // From one: many connections never have more at once.
                self.places.reserve_exact(self.places.len().max(1));
            }
            self.places.push(None);
            // Numbers are of 31 bits.
            (self.places.len() - 1) as u32
        });
        self.places[place as usize] = Some((number, one));
        self.list.push_back((number, place));
    }

    /// The one with that number.
    #[inline]
    pub fn get(&self, number: u32) -> Option<&T> {
        self.places.get(self.place(number)?)?.as_ref().map(|(_, one)| one)
    }

    /// The one with that number.
    #[inline]
    pub fn get_mut(&mut self, number: u32) -> Option<&mut T> {
        let place = self.place(number)?;
        self.places.get_mut(place)?.as_mut().map(|(_, one)| one)
    }

    /// Takes the one with that number out.
    pub fn remove(&mut self, number: u32) -> Option<T> {
        let at = self.find(number)?;
        let (_, place) = self.list.remove(at)?;
        self.take(place)
    }

    /// Forgets those with higher numbers.
    pub fn truncate(&mut self, last: u32) {
        while let Some((_, place)) = self.list.pop_back_if(|(number, _)| *number > last) {
            self.take(place);
        }
    }

    /// All of them, with their numbers, in no order.
    pub fn iter_mut(&mut self) -> impl Iterator<Item = (u32, &mut T)> {
        self.places.iter_mut().flatten().map(|(number, one)| (*number, one))
    }

    /// Takes all of them out.
    pub fn drain(&mut self) -> impl Iterator<Item = T> {
        self.list.clear();
        self.free.clear();
        self.places.drain(..).flatten().map(|(_, one)| one)
    }

    fn take(&mut self, place: u32) -> Option<T> {
        let one = self.places.get_mut(place as usize)?.take();
        self.free.push(place);
        if self.list.is_empty() && self.places.len() > FEW {
            *self = Self::default();
        }
        Some(one?.1)
    }

    #[inline]
    fn place(&self, number: u32) -> Option<usize> {
        Some(self.list.get(self.find(number)?)?.1 as usize)
    }

    /// A client's streams have every second number.
    #[inline]
    fn find(&self, number: u32) -> Option<usize> {
        let first = self.list.front()?.0;
        let guess = (number.checked_sub(first)? / 2) as usize;
        let guessed = self.list.get(guess).is_some_and(|(there, _)| *there == number);
        if guessed { Some(guess) } else { self.search(number) }
    }

    #[cold]
    fn search(&self, number: u32) -> Option<usize> {
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
        let sorted = |mut list: Vec<u32>| {
            list.sort_unstable();
            list
        };
        assert_eq!(sorted(all.iter_mut().map(|(number, _)| number).collect()), [5, 7, 9]);
        assert_eq!(sorted(all.drain().collect()), [2, 3, 4]);
        assert!(all.is_empty());
        all.push(1, 7);
        assert_eq!((all.get(1), all.len()), (Some(&7), 1));
    }
}
