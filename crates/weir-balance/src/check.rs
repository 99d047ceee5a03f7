//! What active health checks say about one backend, and how its share grows back.
//!
//! ```text
//!                    failed                 failed
//!             ┌────────────────┐     ┌──────────────────┐
//!   ┌─────────┴┐   passed   ┌──▼─────┴─┐    passed   ┌──▼───────┐
//!   │ Unproven │───────────▶│ Healthy  │◀────────────│Unhealthy │
//!   └──────────┘            └──────────┘             └──────────┘
//! ```
//!
//! A backend that joins a checked group is unproven: it gets nothing while another can be tried.
//! One that becomes healthy begins with a tenth of its share, which grows to the whole in the time
//! of the slow start. Must not know: how checks are made, and how many results make a verdict.

use std::time::Duration;

use weir_base::Instant;

/// What is thought of a backend that may be checked.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Checked {
    /// Nobody checks it.
    #[default]
    Not,
    /// It has joined and no check was over since.
    Unproven,
    /// Checks say that it can serve.
    Healthy,
    /// Checks say that it cannot.
    Unhealthy,
}

/// Shares are counted in so many parts.
pub(crate) const WHOLE: u32 = 16;

/// How often a growing share is looked at, in the time of a slow start.
const STEPS: u32 = WHOLE;

/// The verdict and what follows from it.
#[derive(Debug, Default)]
pub(crate) struct Check {
    verdict: Checked,
    /// When it became healthy, if it was not before.
    rising: Option<Instant>,
}

impl Check {
    /// Of a backend that joins.
    pub(crate) fn new(checked: bool) -> Self {
        let verdict = if checked { Checked::Unproven } else { Checked::Not };
        Self { verdict, rising: None }
    }

    pub(crate) fn verdict(&self) -> Checked {
        self.verdict
    }

    /// Checks are begun or ended for a backend that is in use: it is presumed healthy.
    pub(crate) fn switch(&mut self, checked: bool) {
        self.verdict = match (checked, self.verdict) {
            (false, _) => Checked::Not,
            (true, Checked::Not) => Checked::Healthy,
            (true, verdict) => verdict,
        };
    }

    pub(crate) fn handle(&mut self, healthy: bool, now: Instant) {
        if self.verdict == Checked::Not {
            return;
        }
        let next = if healthy { Checked::Healthy } else { Checked::Unhealthy };
        if std::mem::replace(&mut self.verdict, next) != next {
            self.rising = healthy.then_some(now);
        }
    }

    /// It comes back after it was left alone for another reason.
    pub(crate) fn rise(&mut self, now: Instant) {
        self.rising = Some(now);
    }

    /// Parts of [`WHOLE`] of its share, and until when that holds.
    pub(crate) fn share(&self, slow_start: Duration, now: Instant) -> (u32, Instant) {
        let Some(rising) = self.rising.filter(|since| *since + slow_start > now) else {
            return (WHOLE, Instant::FAR);
        };
        let passed = (now - rising).as_micros() * u128::from(WHOLE) / slow_start.as_micros();
        let least = WHOLE.div_ceil(10);
        let parts = u32::try_from(passed).unwrap_or(WHOLE).clamp(least, WHOLE);
        (parts, now + (slow_start / STEPS).max(Duration::from_micros(1)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: u64) -> Instant {
        Instant::from_micros(seconds * 1_000_000)
    }

    #[test]
    fn a_share_grows_from_a_tenth_to_the_whole() {
        let mut check = Check::new(true);
        check.handle(true, at(100));
        let slow = Duration::from_secs(16);
        let shares: Vec<u32> = (100..120).map(|s| check.share(slow, at(s)).0).collect();
        assert_eq!(shares[..4], [2, 2, 2, 3]);
        assert!(shares.is_sorted());
        assert_eq!(shares[16..], [WHOLE; 4]);
        assert_eq!(check.share(slow, at(104)).1, at(105));
        check.handle(true, at(110));
        assert_eq!(check.share(slow, at(116)).0, WHOLE, "it was healthy before");
    }

    #[test]
    fn without_a_slow_start_the_share_is_whole_at_once() {
        let mut check = Check::new(true);
        check.handle(true, at(100));
        assert_eq!(check.share(Duration::ZERO, at(100)), (WHOLE, Instant::FAR));
    }

    #[test]
    fn a_backend_in_use_is_presumed_healthy() {
        let mut check = Check::new(false);
        check.handle(false, at(1));
        assert_eq!(check.verdict(), Checked::Not, "nobody asked");
        check.switch(true);
        assert_eq!(check.verdict(), Checked::Healthy);
        check.handle(false, at(1));
        check.switch(true);
        assert_eq!(check.verdict(), Checked::Unhealthy);
        check.switch(false);
        assert_eq!(check.verdict(), Checked::Not);
    }
}
