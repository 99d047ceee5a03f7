//! Who waits for a connection to a backend of one cluster: where backends take no more than so
//! many, the rest waits here, first come, first served.
//!
//! Must not know: what a waiter is, and when it has waited long enough: it [leaves](Queue::leave).
//!
//! Invariants: at most the given number wait; each waiter is given a connection at most once, and
//! nobody who came later is given one that would have done.

use std::collections::VecDeque;

use weir_base::Key;

use crate::backend::BackendKey;

/// Those who wait.
#[derive(Debug, Default)]
pub struct Queue {
    waiters: VecDeque<Waiter>,
}

#[derive(Debug)]
struct Waiter {
    who: Key,
    /// Only this one will do.
    wants: Option<BackendKey>,
}

/// As many wait as may.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct QueueFull;

impl Queue {
    /// Puts `who` at the end, for the backend that it wants or for any, where at most `most` wait.
    ///
    /// # Errors
    /// When as many wait.
    pub fn join(
        &mut self,
        who: Key,
        wants: Option<BackendKey>,
        most: u32,
    ) -> Result<(), QueueFull> {
        if self.waiters.len() >= most as usize {
            return Err(QueueFull);
        }
        self.waiters.push_back(Waiter { who, wants });
        Ok(())
    }

    /// Takes whoever has waited longest for a connection that `free` can give.
    pub fn next(&mut self, free: BackendKey) -> Option<Key> {
        let will_do = |waiter: &Waiter| waiter.wants.is_none_or(|wanted| wanted == free);
        let at = self.waiters.iter().position(will_do)?;
        self.waiters.remove(at).map(|waiter| waiter.who)
    }

    /// Takes whoever has waited longest, whatever for.
    pub fn pop(&mut self) -> Option<Key> {
        self.waiters.pop_front().map(|waiter| waiter.who)
    }

    /// `who` waits no more. Those that have waited longest leave first, so it is found near the
    /// front. False when it did not.
    pub fn leave(&mut self, who: Key) -> bool {
        let at = self.waiters.iter().position(|waiter| waiter.who == who);
        at.and_then(|at| self.waiters.remove(at)).is_some()
    }

    /// How many wait.
    pub fn len(&self) -> usize {
        self.waiters.len()
    }

    /// Nobody waits.
    pub fn is_empty(&self) -> bool {
        self.waiters.is_empty()
    }
}

/// The part of what a backend takes that one of several alike may use: an even one, whose rest goes
/// to the first ones, and at least one connection, since nobody could be served without.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Share {
    /// Which of them, from 0.
    pub index: u16,
    /// How many they are, at least 1.
    pub count: u16,
}

impl Default for Share {
    /// Everything.
    fn default() -> Self {
        Self { index: 0, count: 1 }
    }
}

impl Share {
    /// Its part of `all`; `None` is without end.
    pub fn of(self, all: Option<u32>) -> u32 {
        let Some(all) = all else { return u32::MAX };
        let count = u32::from(self.count.max(1));
        (all / count + u32::from(u32::from(self.index) < all % count)).max(1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_make_up_the_whole_and_nobody_goes_without() {
        for (all, count) in [(10, 1), (10, 3), (7, 7), (100, 64)] {
            let shares = (0..count).map(|index| Share { index, count }.of(Some(all)));
            assert_eq!(shares.sum::<u32>(), all);
        }
        assert_eq!(Share { index: 3, count: 4 }.of(Some(2)), 1);
        assert_eq!(Share { index: 3, count: 4 }.of(None), u32::MAX);
    }

    #[test]
    fn who_came_first_is_served_first_with_what_will_do() {
        let [a, b] = [1, 2].map(|bits| BackendKey(Key::from_bits(bits)));
        let who = [10, 11, 12, 13].map(Key::from_bits);
        let mut queue = Queue::default();
        for (who, wants) in who.into_iter().zip([Some(a), None, Some(b), None]) {
            assert_eq!(queue.join(who, wants, 4), Ok(()));
        }
        assert_eq!(queue.join(Key::from_bits(14), None, 4), Err(QueueFull));
        assert_eq!(queue.next(b), Some(who[1]));
        assert!(queue.leave(who[3]));
        assert!(!queue.leave(who[3]));
        assert_eq!(queue.next(b), Some(who[2]));
        assert_eq!(queue.next(b), None);
        assert_eq!((queue.pop(), queue.len()), (Some(who[0]), 0));
    }
}
