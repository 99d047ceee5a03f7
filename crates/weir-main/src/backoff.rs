//! The brake on crash loops: how long to wait before a worker that died is started again.
//!
//! Must not know: processes, clocks.

use std::time::Duration;

/// A worker that lives shorter than this has died early.
const EARLY: Duration = Duration::from_secs(10);
/// A worker that lives this long is forgiven what its predecessors did.
const SOUND: Duration = Duration::from_secs(60);
/// Early deaths that are answered at once.
const FREE: u32 = 2;
const FIRST_DELAY: Duration = Duration::from_millis(100);
const LONGEST_DELAY: Duration = Duration::from_secs(10);

/// The early deaths of the workers of one slot.
#[derive(Debug, Default)]
pub(crate) struct Backoff {
    early_deaths: u32,
}

impl Backoff {
    /// After that many early deaths.
    pub(crate) fn after(early_deaths: u32) -> Self {
        Self { early_deaths }
    }

    /// How many there were.
    pub(crate) fn early_deaths(&self) -> u32 {
        self.early_deaths
    }

    /// Counts the death of a worker that lived for `lifetime`; the time to wait before the next.
    ///
    /// Zero for the first two early deaths, then 100 ms, doubled with each further one, at most
    /// 10 s. A life of a minute starts the count again.
    pub(crate) fn died(&mut self, lifetime: Duration) -> Duration {
        if lifetime >= SOUND {
            self.early_deaths = 0;
        } else if lifetime < EARLY {
            self.early_deaths = self.early_deaths.saturating_add(1);
        }
        match self.early_deaths.checked_sub(FREE + 1) {
            None => Duration::ZERO,
            Some(n) => FIRST_DELAY.saturating_mul(1 << n.min(16)).min(LONGEST_DELAY),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MOMENT: Duration = Duration::from_millis(5);

    fn delays_ms(backoff: &mut Backoff, deaths: usize) -> Vec<u128> {
        (0..deaths).map(|_| backoff.died(MOMENT).as_millis()).collect()
    }

    #[test]
    fn early_deaths_are_answered_later_and_later() {
        let mut backoff = Backoff::default();
        assert_eq!(
            delays_ms(&mut backoff, 11),
            [0, 0, 100, 200, 400, 800, 1600, 3200, 6400, 10_000, 10_000]
        );
        backoff.early_deaths = u32::MAX;
        assert_eq!(backoff.died(MOMENT), LONGEST_DELAY);
    }

    #[test]
    fn a_long_life_is_followed_by_a_fresh_start() {
        let mut backoff = Backoff::default();
        delays_ms(&mut backoff, 5);
        assert_eq!(backoff.died(SOUND), Duration::ZERO);
        assert_eq!(delays_ms(&mut backoff, 3), [0, 0, 100]);
    }

    #[test]
    fn a_life_of_middling_length_changes_nothing() {
        let mut backoff = Backoff::default();
        delays_ms(&mut backoff, 3);
        assert_eq!(backoff.died(EARLY), FIRST_DELAY);
        assert_eq!(backoff.died(MOMENT), FIRST_DELAY * 2);
    }
}
