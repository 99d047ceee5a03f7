//! A fixed-capacity slab whose keys carry a generation, so that a stale key (an event for a socket
//! that is already closed) finds nothing instead of somebody else.

use std::ops::Range;

/// Names one entry of a [`Slab`]. It survives a round trip through a `u64` of at least 56 bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Key {
    index: u32,
    generation: u32,
}

impl Key {
    /// Generations are 24 bits wide: with the index they fit beside an 8-bit tag in a token.
    const GENERATION_BITS: u32 = 24;
    const GENERATION_MASK: u32 = (1 << Self::GENERATION_BITS) - 1;

    /// The key as the low 56 bits of an integer.
    pub const fn to_bits(self) -> u64 {
        ((self.generation as u64) << 32) | self.index as u64
    }

    /// Undoes [`Key::to_bits`]; the top 8 bits are ignored.
    pub const fn from_bits(bits: u64) -> Self {
        Self { index: bits as u32, generation: (bits >> 32) as u32 & Self::GENERATION_MASK }
    }

    /// Position in the slab; below its capacity.
    pub const fn index(self) -> usize {
        self.index as usize
    }
}

#[derive(Debug)]
enum Slot<T> {
    Free { next: u32, generation: u32 },
    Used { value: T, generation: u32 },
}

/// At most `capacity` values, addressed by [`Key`].
///
/// [`Slab::new`] reserves memory for all of them at once and touches it only as entries are first
/// used; [`Slab::growing`] reserves as it fills.
#[derive(Debug)]
pub struct Slab<T> {
    slots: Vec<Slot<T>>,
    capacity: usize,
    free: u32,
    len: usize,
}

const NONE: u32 = u32::MAX;

impl<T> Slab<T> {
    /// Memory for each value there is room for.
    pub const VALUE_BYTES: usize = size_of::<Slot<T>>();

    /// A slab for `capacity` values.
    ///
    /// # Panics
    /// When `capacity` does not fit 32 bits.
    pub fn new(capacity: usize) -> Self {
        let mut slab = Self::growing(capacity);
        slab.slots.reserve_exact(capacity);
        slab
    }

    /// A slab for `capacity` values, for where there are many of which few become large.
    ///
    /// # Panics
    /// When `capacity` does not fit 32 bits.
    pub fn growing(capacity: usize) -> Self {
        assert!(capacity < NONE as usize, "slab capacity {capacity} does not fit 32 bits");
        Self { slots: Vec::new(), capacity, free: NONE, len: 0 }
    }

    /// Stores `value`, or gives it back when the slab is full.
    pub fn insert(&mut self, value: T) -> Result<Key, T> {
        let (index, generation) = if self.free != NONE {
            let index = self.free;
            let Slot::Free { next, generation } = self.slots[index as usize] else {
                unreachable!("the free list names only free slots")
            };
            self.free = next;
            self.slots[index as usize] = Slot::Used { value, generation };
            (index, generation)
        } else if self.slots.len() < self.capacity {
            self.slots.push(Slot::Used { value, generation: 0 });
            (self.slots.len() as u32 - 1, 0)
        } else {
            return Err(value);
        };
        self.len += 1;
        Ok(Key { index, generation })
    }

    /// Stores the value that `make` makes for its own key. `None` when the slab is full; an error
    /// of `make` leaves the slab as it was.
    pub fn insert_with<E>(
        &mut self,
        make: impl FnOnce(Key) -> Result<T, E>,
    ) -> Option<Result<Key, E>> {
        let key = self.next_key()?;
        Some(make(key).map(|value| {
            let stored = self.insert(value);
            debug_assert!(stored.is_ok_and(|stored| stored == key));
            key
        }))
    }

    /// The key of the next value.
    fn next_key(&self) -> Option<Key> {
        match self.slots.get(self.free as usize) {
            Some(Slot::Free { generation, .. }) => {
                Some(Key { index: self.free, generation: *generation })
            }
            Some(Slot::Used { .. }) => None,
            None if self.slots.len() < self.capacity => {
                Some(Key { index: self.slots.len() as u32, generation: 0 })
            }
            None => None,
        }
    }

    /// Takes the value out, if the key is still current.
    pub fn remove(&mut self, key: Key) -> Option<T> {
        let slot = self.slots.get_mut(key.index())?;
        if !matches!(slot, Slot::Used { generation, .. } if *generation == key.generation) {
            return None;
        }
        let generation = (key.generation + 1) & Key::GENERATION_MASK;
        let old = std::mem::replace(slot, Slot::Free { next: self.free, generation });
        self.free = key.index;
        self.len -= 1;
        match old {
            Slot::Used { value, .. } => Some(value),
            Slot::Free { .. } => None,
        }
    }

    /// The first value at this index or behind it.
    pub fn first_from(&self, index: usize) -> Option<(Key, &T)> {
        let slots = self.slots.get(index..)?.iter().zip(index as u32..);
        let mut used = slots.filter_map(|(slot, index)| match slot {
            Slot::Used { value, generation } => {
                Some((Key { index, generation: *generation }, value))
            }
            Slot::Free { .. } => None,
        });
        used.next()
    }

    /// The value of `key`, if it is still current.
    pub fn get(&self, key: Key) -> Option<&T> {
        match self.slots.get(key.index())? {
            Slot::Used { value, generation } if *generation == key.generation => Some(value),
            _ => None,
        }
    }

    /// The value of `key`, if it is still current.
    pub fn get_mut(&mut self, key: Key) -> Option<&mut T> {
        match self.slots.get_mut(key.index())? {
            Slot::Used { value, generation } if *generation == key.generation => Some(value),
            _ => None,
        }
    }

    /// Number of values stored.
    pub fn len(&self) -> usize {
        self.len
    }

    /// True when nothing is stored.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// True when nothing more can be stored.
    pub fn is_full(&self) -> bool {
        self.len == self.capacity
    }

    /// Number of values that can be stored.
    pub fn capacity(&self) -> usize {
        self.capacity
    }

    /// Every stored value, by position.
    pub fn values_mut(&mut self) -> impl Iterator<Item = &mut T> {
        self.slots.iter_mut().filter_map(|slot| match slot {
            Slot::Used { value, .. } => Some(value),
            Slot::Free { .. } => None,
        })
    }

    /// Positions that were ever used: all values lie before this one.
    pub fn end(&self) -> usize {
        self.slots.len()
    }

    /// The values in a range of positions, to look at all of them a part at a time: however few
    /// there are, a part takes no longer than its positions do.
    pub fn span(&self, positions: Range<usize>) -> impl Iterator<Item = (Key, &T)> {
        let positions = positions.start.min(self.slots.len())..positions.end.min(self.slots.len());
        let slots = self.slots.get(positions.clone()).unwrap_or_default();
        slots.iter().zip(positions.start as u32..).filter_map(|(slot, index)| match slot {
            Slot::Used { value, generation } => {
                Some((Key { index, generation: *generation }, value))
            }
            Slot::Free { .. } => None,
        })
    }

    /// Every stored value with its key, by position.
    pub fn iter(&self) -> impl Iterator<Item = (Key, &T)> {
        self.span(0..self.slots.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stale_key_finds_nothing() {
        let mut slab = Slab::new(1);
        let first = slab.insert("a").expect("room");
        assert_eq!(slab.insert("b"), Err("b"));
        assert_eq!(slab.remove(first), Some("a"));
        let second = slab.insert("c").expect("room");
        assert_eq!(first.index(), second.index());
        assert_eq!(slab.get(first), None);
        assert_eq!(slab.remove(first), None);
        assert_eq!(slab.get(second), Some(&"c"));
        assert_eq!(Key::from_bits(second.to_bits() | 0xff << 56), second);
    }

    #[test]
    fn a_value_may_know_its_key_before_it_is_stored() {
        let mut slab = Slab::new(2);
        let first = slab.insert_with(Ok::<_, ()>).and_then(Result::ok).expect("room");
        assert_eq!(slab.remove(first), Some(first));
        assert_eq!(slab.insert_with(|_| Err::<Key, _>("refused")), Some(Err("refused")));
        let second = slab.insert_with(Ok::<_, ()>).and_then(Result::ok).expect("room");
        assert_eq!(slab.get(second), Some(&second));
        assert_ne!(first, second);
    }

    #[test]
    fn a_growing_slab_stops_at_its_capacity() {
        let mut slab = Slab::growing(2);
        assert_eq!([slab.insert(1).is_ok(), slab.insert(2).is_ok()], [true, true]);
        assert_eq!((slab.insert(3), slab.is_full()), (Err(3), true));
    }

    #[test]
    fn freed_slots_are_reused_before_fresh_ones() {
        let mut slab = Slab::new(3);
        let a = slab.insert(1).expect("room");
        let b = slab.insert(2).expect("room");
        slab.remove(a);
        slab.remove(b);
        assert_eq!(slab.insert(3).expect("room").index(), b.index());
        assert_eq!(slab.iter().map(|(_, v)| *v).collect::<Vec<_>>(), [3]);
        assert_eq!((slab.len(), slab.capacity(), slab.is_full()), (1, 3, false));
    }

    #[test]
    fn parts_are_the_whole() {
        let mut slab = Slab::new(5);
        let keys: Vec<_> = (0..5).map(|n| slab.insert(n).expect("room")).collect();
        slab.remove(keys[1]);
        slab.remove(keys[4]);
        let part = |range| slab.span(range).map(|(_, v)| *v).collect::<Vec<_>>();
        assert_eq!([part(0..2), part(2..4), part(4..9), part(9..12)].concat(), [0, 2, 3]);
        assert_eq!((slab.end(), slab.span(1..3).next().map(|(key, _)| key)), (5, Some(keys[2])));
    }
}
