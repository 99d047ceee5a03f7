//! A budget for requests that are sent once more: a share of those that came.
//!
//! Without it, backends that begin to fail get more requests than ever. A share keeps retries
//! useful while few requests fail, and adds little when all do.
//!
//! Must not know: which failures are worth another attempt.
//!
//! Invariant: over the last ten seconds, retries are never more than the share of requests that
//! [`Limits`] allows and the few that are always allowed.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use weir_base::Instant;

use crate::window::Window;

const SPAN: Duration = Duration::from_secs(10);
const REQUESTS: usize = 0;
const RETRIES: usize = 1;

/// How many retries there may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Limits {
    /// Retries per hundred requests.
    pub percent: u32,
    /// Retries in ten seconds, however few requests there are.
    pub at_least: u32,
}

impl Default for Limits {
    /// One in five, and one a second.
    fn default() -> Self {
        Self { percent: 20, at_least: 10 }
    }
}

/// What was spent of a budget.
#[derive(Clone, Debug)]
pub struct Budget {
    limits: Limits,
    window: Window,
}

impl Budget {
    /// A budget of which nothing is spent.
    pub fn new(limits: Limits, now: Instant) -> Self {
        Self { limits, window: Window::new(SPAN, now) }
    }

    /// Goes on with other limits.
    pub fn set_limits(&mut self, limits: Limits) {
        self.limits = limits;
    }

    /// A request came; its retries are not requests.
    pub fn handle_request(&mut self, now: Instant) {
        self.window.count(REQUESTS, now);
    }

    /// Takes one retry out of the budget. False if it is spent: the failure stands.
    #[must_use]
    pub fn take(&mut self, now: Instant) -> bool {
        let there = self.left(now) > 0;
        if there {
            self.window.count(RETRIES, now);
        }
        there
    }

    /// Retries that are left.
    pub fn left(&mut self, now: Instant) -> u64 {
        let [requests, retries] = self.window.sums(now);
        let share = requests.saturating_mul(self.limits.percent.into()) / 100;
        (share + u64::from(self.limits.at_least)).saturating_sub(retries)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(millis: u64) -> Instant {
        Instant::from_micros(millis * 1000)
    }

    fn spend(budget: &mut Budget, now: Instant) -> usize {
        std::iter::from_fn(|| budget.take(now).then_some(())).count()
    }

    #[test]
    fn retries_are_a_share_of_requests() {
        let mut budget = Budget::new(Limits { percent: 20, at_least: 3 }, at(0));
        assert_eq!(spend(&mut budget, at(0)), 3);
        (0..100).for_each(|_| budget.handle_request(at(1_000)));
        assert_eq!(budget.left(at(1_000)), 20);
        assert_eq!(spend(&mut budget, at(1_000)), 20);
        assert_eq!(spend(&mut budget, at(9_999)), 0);
        assert_eq!(spend(&mut budget, at(10_000)), 3, "the first three are forgotten");
        budget.set_limits(Limits { percent: 0, at_least: 0 });
        assert_eq!(spend(&mut budget, at(60_000)), 0);
    }

    #[test]
    fn when_every_request_fails_the_load_grows_by_the_share() {
        let mut budget = Budget::new(Limits::default(), at(0));
        let mut retries = 0;
        for millis in 0..60_000 {
            budget.handle_request(at(millis));
            retries += usize::from(budget.take(at(millis)));
        }
        assert!((12_000..12_300).contains(&retries), "{retries} of 60000");
    }
}
