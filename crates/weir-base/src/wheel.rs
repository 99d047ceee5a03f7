//! A hashed timer wheel: timers that are set and never cancelled, in constant time.
//!
//! Whoever sets a timer re-checks its own deadline when it fires and sets another if it is not due,
//! so moving a deadline back costs nothing. Timers never fire early, and late by at most one tick
//! and the time between polls.
//!
//! Entries live in one preallocated array and are linked by slot; a bitmap tells which slots hold
//! any. A timer further away than one turn of the wheel is passed over when its slot comes by.

use std::time::Duration;

use crate::Instant;

/// Slots; one turn takes that many ticks.
const SLOTS: usize = 1024;
const WORDS: usize = SLOTS / 64;
const NONE: u32 = u32::MAX;

struct Entry<K> {
    at: Instant,
    key: K,
    next: u32,
}

/// Timers that carry a `K`.
pub struct Wheel<K> {
    entries: Vec<Entry<K>>,
    capacity: usize,
    free: u32,
    /// First entry of each slot.
    slots: [u32; SLOTS],
    occupied: [u64; WORDS],
    /// Entries of the slots that have come by, not yet looked at.
    passed: u32,
    /// The last tick whose slot has come by.
    tick: u64,
    tick_micros: u64,
}

impl<K: Copy> Wheel<K> {
    /// Room for `capacity` timers, at `start`; deadlines are noticed in steps of `tick`.
    pub fn new(capacity: usize, start: Instant, tick: Duration) -> Self {
        let tick_micros = (tick.as_micros() as u64).max(1);
        Self {
            entries: Vec::with_capacity(capacity),
            capacity,
            free: NONE,
            slots: [NONE; SLOTS],
            occupied: [0; WORDS],
            passed: NONE,
            tick: start.as_micros() / tick_micros,
            tick_micros,
        }
    }

    /// Sets a timer; gives the key back when there is no room.
    pub fn insert(&mut self, at: Instant, key: K) -> Result<(), K> {
        let index = if self.free != NONE {
            let index = self.free;
            self.free = self.entries[index as usize].next;
            index
        } else if self.entries.len() < self.capacity {
            self.entries.push(Entry { at, key, next: NONE });
            self.entries.len() as u32 - 1
        } else {
            return Err(key);
        };
        self.entries[index as usize] = Entry { at, key, next: NONE };
        self.link(index);
        Ok(())
    }

    /// The next timer that is due at `now`.
    pub fn poll(&mut self, now: Instant) -> Option<K> {
        loop {
            while self.passed != NONE {
                let index = self.passed;
                let Entry { at, key, next } = self.entries[index as usize];
                self.passed = next;
                if at <= now {
                    self.entries[index as usize].next = self.free;
                    self.free = index;
                    return Some(key);
                }
                self.link(index);
            }
            let target = now.as_micros() / self.tick_micros;
            let next = self.next_occupied().filter(|tick| *tick <= target);
            let Some(next) = next else {
                self.tick = self.tick.max(target);
                return None;
            };
            self.tick = next;
            let slot = next as usize % SLOTS;
            self.passed = std::mem::replace(&mut self.slots[slot], NONE);
            self.occupied[slot / 64] &= !(1 << (slot % 64));
        }
    }

    /// When a poll may find something; not later than the first timer and its tick.
    pub fn deadline(&self) -> Option<Instant> {
        let tick = if self.passed != NONE { Some(self.tick) } else { self.next_occupied() };
        tick.map(|tick| Instant::from_micros(tick.saturating_mul(self.tick_micros)))
    }

    /// Puts an entry into the slot of the first tick at which it is due, but not one that has come
    /// by.
    fn link(&mut self, index: u32) {
        let at = self.entries[index as usize].at.as_micros();
        let tick = at.div_ceil(self.tick_micros).max(self.tick + 1);
        let slot = tick as usize % SLOTS;
        self.entries[index as usize].next = self.slots[slot];
        self.slots[slot] = index;
        self.occupied[slot / 64] |= 1 << (slot % 64);
    }

    /// The first tick after the current one whose slot holds anything, within one turn.
    fn next_occupied(&self) -> Option<u64> {
        let first = self.tick + 1;
        let start = first as usize % SLOTS;
        let mut offset = 0;
        while offset < SLOTS {
            let slot = (start + offset) % SLOTS;
            let word = self.occupied[slot / 64] >> (slot % 64);
            if word != 0 {
                return Some(first + (offset + word.trailing_zeros() as usize) as u64);
            }
            offset += 64 - slot % 64;
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const TICK: Duration = Duration::from_millis(10);

    #[test]
    fn a_full_wheel_says_so_and_has_room_again() {
        let mut wheel = Wheel::new(1, Instant::from_micros(0), TICK);
        assert_eq!(wheel.insert(Instant::from_micros(5), 'a'), Ok(()));
        assert_eq!(wheel.insert(Instant::from_micros(5), 'b'), Err('b'));
        assert_eq!(wheel.poll(Instant::from_micros(9_999)), None, "not before its tick");
        assert_eq!(wheel.poll(Instant::from_micros(10_000)), Some('a'));
        assert_eq!(wheel.insert(Instant::from_micros(5), 'b'), Ok(()));
    }

    proptest! {
        /// Against a plain list: never early, never later than a tick after the poll that follows,
        /// none lost, and `deadline` is never too late.
        #[test]
        fn it_fires_what_a_list_would(
            steps in prop::collection::vec((0u64..40_000_000, 0u64..3_000_000), 1..80)
        ) {
            let mut wheel = Wheel::new(100, Instant::from_micros(7), TICK);
            let mut model: Vec<(u64, usize)> = Vec::new();
            let mut now = 7;
            for (number, (delay, step)) in steps.into_iter().enumerate() {
                let at = now + delay;
                wheel.insert(Instant::from_micros(at), number).expect("room");
                model.push((at, number));
                let deadline = wheel.deadline().expect("a timer is set").as_micros();
                let first = model.iter().map(|(at, _)| *at).min().expect("a timer is set");
                prop_assert!(deadline <= first.max(now) + 10_000);
                now += step;
                while let Some(key) = wheel.poll(Instant::from_micros(now)) {
                    let found = model.iter().position(|(_, k)| *k == key).expect("known");
                    prop_assert!(model[found].0 <= now, "early");
                    model.remove(found);
                }
                let late = model.iter().any(|(at, _)| at + 10_000 < now);
                prop_assert!(!late, "a due timer did not fire");
            }
        }
    }
}
