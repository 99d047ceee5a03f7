//! The one timer of a connection. It rings no later than something is due; its owner then looks
//! whether it is, and sets it again.
//!
//! Invariants: an owner has at most one timer in the wheel, and takes it along when it goes.

use std::time::Duration;

use weir_base::{Instant, Key, Timer, Wheel};

/// Width of a slot of the wheel: how late a deadline may be noticed.
pub(crate) const TICK: Duration = Duration::from_millis(64);

/// A timer that is set, or none.
pub(crate) struct Alarm {
    timer: Option<Timer>,
    at: Instant,
}

impl Alarm {
    /// None is set.
    pub(crate) const fn silent() -> Self {
        Self { timer: None, at: Instant::FAR }
    }

    /// Rings for `key` at `at`, or earlier if that is what it was set for.
    pub(crate) fn set(&mut self, at: Instant, key: Key, wheel: &mut Wheel<Key>) {
        if at >= self.at {
            return;
        }
        self.at = at;
        match &self.timer {
            Some(timer) => wheel.reset(timer, at),
            // There is room for every owner.
            None => self.timer = wheel.insert(at, key).ok(),
        }
    }

    /// It has rung.
    pub(crate) fn rang(&mut self) {
        *self = Self::silent();
    }

    /// Its owner goes.
    pub(crate) fn cancel(self, wheel: &mut Wheel<Key>) {
        if let Some(timer) = self.timer {
            wheel.cancel(timer);
        }
    }
}
