//! A hashed timer wheel: timers are set, moved and taken out again in constant time.
//!
//! Whoever has a timer re-checks its own deadline when it fires and sets another if it is not due,
//! so moving a deadline back costs nothing. Timers never fire early, and late by at most one tick
//! and the time between polls. Who goes takes its timer out, so that there is never more than one
//! for each owner.
//!
//! Entries live in one preallocated array and are linked by slot; a bitmap tells which slots hold
//! any. A timer further away than one turn of the wheel is passed over when its slot comes by.

use std::time::Duration;

use crate::Instant;

/// Slots; one turn takes that many ticks.
const SLOTS: usize = 1024;
/// The list of entries whose slots have come by and which are not yet looked at.
const PASSED: usize = SLOTS;
const WORDS: usize = SLOTS / 64;
const NONE: u32 = u32::MAX;

struct Entry<K> {
    at: Instant,
    key: K,
    /// Neighbours in the list of a slot; of a free entry, the next free one.
    previous: u32,
    next: u32,
    slot: u16,
}

/// Names a timer that is set, until it fires or is taken out.
#[derive(Debug, PartialEq, Eq)]
pub struct Timer(u32);

/// Timers that carry a `K`.
pub struct Wheel<K> {
    entries: Vec<Entry<K>>,
    capacity: usize,
    free: u32,
    /// First entry of each slot, and of the list of those that have come by.
    first: [u32; SLOTS + 1],
    occupied: [u64; WORDS],
    /// The last tick whose slot has come by.
    tick: u64,
    tick_micros: u64,
}

impl<K: Copy> Wheel<K> {
    /// Memory for each timer there is room for.
    pub const TIMER_BYTES: usize = size_of::<Entry<K>>();

    /// Room for `capacity` timers, at `start`; deadlines are noticed in steps of `tick`.
    pub fn new(capacity: usize, start: Instant, tick: Duration) -> Self {
        let tick_micros = (tick.as_micros() as u64).max(1);
        Self {
            entries: Vec::with_capacity(capacity),
            capacity,
            free: NONE,
            first: [NONE; SLOTS + 1],
            occupied: [0; WORDS],
            tick: start.as_micros() / tick_micros,
            tick_micros,
        }
    }

    /// Sets a timer; gives the key back when there is no room.
    pub fn insert(&mut self, at: Instant, key: K) -> Result<Timer, K> {
        let entry = Entry { at, key, previous: NONE, next: NONE, slot: 0 };
        let index = if self.free != NONE {
            let index = self.free;
            self.free = self.entries[index as usize].next;
            self.entries[index as usize] = entry;
            index
        } else if self.entries.len() < self.capacity {
            self.entries.push(entry);
            self.entries.len() as u32 - 1
        } else {
            return Err(key);
        };
        self.link(index);
        Ok(Timer(index))
    }

    /// Makes a timer that is set fire at another time.
    pub fn reset(&mut self, timer: &Timer, at: Instant) {
        self.unlink(timer.0);
        self.entries[timer.0 as usize].at = at;
        self.link(timer.0);
    }

    /// Takes a timer out.
    pub fn cancel(&mut self, timer: Timer) {
        self.unlink(timer.0);
        self.release(timer.0);
    }

    /// The next timer that is due at `now`; it is not set any more.
    pub fn poll(&mut self, now: Instant) -> Option<K> {
        loop {
            while self.first[PASSED] != NONE {
                let index = self.first[PASSED];
                let Entry { at, key, .. } = self.entries[index as usize];
                self.unlink(index);
                if at <= now {
                    self.release(index);
                    return Some(key);
                }
                self.link(index);
            }
            let target = now.as_micros() / self.tick_micros;
            if target <= self.tick {
                return None;
            }
            let next = self.next_occupied().filter(|tick| *tick <= target);
            let Some(next) = next else {
                self.tick = target;
                return None;
            };
            self.tick = next;
            self.pass(next as usize % SLOTS);
        }
    }

    /// When a poll may find something; not later than the first timer and its tick.
    pub fn deadline(&self) -> Option<Instant> {
        let passed = self.first[PASSED] != NONE;
        let tick = if passed { Some(self.tick) } else { self.next_occupied() };
        tick.map(|tick| Instant::from_micros(tick.saturating_mul(self.tick_micros)))
    }

    /// Moves all entries of a slot to the list of those that have come by, which is empty.
    fn pass(&mut self, slot: usize) {
        let mut index = std::mem::replace(&mut self.first[slot], NONE);
        self.occupied[slot / 64] &= !(1 << (slot % 64));
        self.first[PASSED] = index;
        while index != NONE {
            let entry = &mut self.entries[index as usize];
            entry.slot = PASSED as u16;
            index = entry.next;
        }
    }

    /// Puts an entry into the slot of the first tick at which it is due, but not one that has come
    /// by.
    fn link(&mut self, index: u32) {
        let at = self.entries[index as usize].at.as_micros();
        let tick = at.div_ceil(self.tick_micros).max(self.tick + 1);
        let slot = tick as usize % SLOTS;
        let next = std::mem::replace(&mut self.first[slot], index);
        let entry = &mut self.entries[index as usize];
        (entry.previous, entry.next, entry.slot) = (NONE, next, slot as u16);
        if next != NONE {
            self.entries[next as usize].previous = index;
        }
        self.occupied[slot / 64] |= 1 << (slot % 64);
    }

    fn unlink(&mut self, index: u32) {
        let Entry { previous, next, slot, .. } = self.entries[index as usize];
        let slot = usize::from(slot);
        if next != NONE {
            self.entries[next as usize].previous = previous;
        }
        if previous != NONE {
            self.entries[previous as usize].next = next;
            return;
        }
        self.first[slot] = next;
        if next == NONE && slot != PASSED {
            self.occupied[slot / 64] &= !(1 << (slot % 64));
        }
    }

    fn release(&mut self, index: u32) {
        self.entries[index as usize].next = self.free;
        self.free = index;
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
        assert!(wheel.insert(Instant::from_micros(5), 'a').is_ok());
        assert_eq!(wheel.insert(Instant::from_micros(5), 'b'), Err('b'));
        assert_eq!(wheel.poll(Instant::from_micros(9_999)), None, "not before its tick");
        assert_eq!(wheel.poll(Instant::from_micros(10_000)), Some('a'));
        assert!(wheel.insert(Instant::from_micros(5), 'b').is_ok());
    }

    #[test]
    fn a_timer_that_is_taken_out_does_not_fire_and_leaves_room() {
        let mut wheel = Wheel::new(1, Instant::from_micros(0), TICK);
        for _ in 0..3 {
            let timer = wheel.insert(Instant::from_micros(5), 'a').expect("room");
            wheel.cancel(timer);
        }
        assert_eq!(wheel.deadline(), None);
        assert_eq!(wheel.poll(Instant::from_micros(100_000)), None);
    }

    proptest! {
        /// Against a plain list: never early, never later than a tick after the poll that follows,
        /// none lost, none that was taken out, and `deadline` is never too late.
        #[test]
        fn it_fires_what_a_list_would(
            steps in prop::collection::vec(
                (0u64..40_000_000, 0u64..3_000_000, 0usize..100, 0u8..4), 1..80)
        ) {
            let mut wheel = Wheel::new(100, Instant::from_micros(7), TICK);
            let mut model: Vec<(u64, usize, Timer)> = Vec::new();
            let mut now = 7;
            for (number, (delay, step, which, action)) in steps.into_iter().enumerate() {
                let at = now + delay;
                let timer = wheel.insert(Instant::from_micros(at), number).expect("room");
                model.push((at, number, timer));
                let which = which % model.len();
                match action {
                    0 => {
                        model[which].0 = now + step;
                        wheel.reset(&model[which].2, Instant::from_micros(now + step));
                    }
                    1 => wheel.cancel(model.remove(which).2),
                    _ => {}
                }
                let deadline = wheel.deadline().map_or(u64::MAX, Instant::as_micros);
                let first = model.iter().map(|(at, ..)| *at).min();
                prop_assert!(first.is_none_or(|first| deadline <= first.max(now) + 10_000));
                now += step;
                // Some polls stop half way, with timers that have come by and are not looked at.
                let mut left = if action == 3 { 1 } else { usize::MAX };
                while left > 0 && let Some(key) = wheel.poll(Instant::from_micros(now)) {
                    let found = model.iter().position(|(_, k, _)| *k == key).expect("known");
                    prop_assert!(model[found].0 <= now, "early");
                    model.remove(found);
                    left -= 1;
                }
                let late = model.iter().any(|(at, ..)| at + 10_000 < now);
                prop_assert!(!late || action == 3, "a due timer did not fire");
            }
        }
    }
}
