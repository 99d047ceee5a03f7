//! A circuit breaker: whom nobody asks while too many of the answers are failures.
//!
//! ```text
//!                 Trip                   WaitOver
//!   ┌────────┐          ┌──────┐                     ┌───────┐
//!   │ Closed │─────────▶│ Open │────────────────────▶│ Trial │─┐ WaitOver
//!   └────────┘          └──────┘◀────────────────────└───────┘◀┘
//!       ▲                             TrialFailed        │
//!       └────────────────────────────────────────────────┘
//!                             TrialsPassed
//! ```
//!
//! Closed, it counts the outcomes of the last ten seconds; if enough are known and too many are
//! failures, it opens. Then it refuses for a while that doubles with each time in a row. After it,
//! a few are let through: all must succeed to close it. Trials whose outcome does not come in such
//! a while are given up and others are let through.
//!
//! Must not know: what is asked, and what counts as a failure.
//!
//! Invariant: an outcome counts only in the state in which its request was let through, so that
//! stragglers neither open nor close it.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use weir_base::Instant;

use crate::window::Window;

const SPAN: Duration = Duration::from_secs(10);
const SUCCESSES: usize = 0;
const FAILURES: usize = 1;

/// When a breaker opens, and for how long.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Settings {
    /// Failures per hundred outcomes of the last ten seconds that open it.
    pub percent: u32,
    /// Outcomes that must be known before it opens.
    pub at_least: u32,
    /// How long it stays open the first time.
    pub wait: Duration,
    /// How long it stays open at most.
    pub longest_wait: Duration,
    /// Requests that are let through to see whether it can close; at least one.
    pub trials: u32,
}

/// What a breaker does with requests.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// Lets them through.
    Closed,
    /// Refuses them.
    Open,
    /// Lets a few through, and refuses the others.
    Trial,
}

/// What changes a state.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Event {
    Trip,
    WaitOver,
    TrialFailed,
    TrialsPassed,
}

impl State {
    fn after(self, event: Event) -> Self {
        match (self, event) {
            (Self::Closed, Event::Trip) | (Self::Trial, Event::TrialFailed) => Self::Open,
            (Self::Open | Self::Trial, Event::WaitOver) => Self::Trial,
            (Self::Trial, Event::TrialsPassed) => Self::Closed,
            (same, _) => same,
        }
    }
}

/// Goes with a request that was let through, and comes back with its outcome.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ticket {
    period: u64,
}

/// A request is refused: the breaker is open.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("too many requests failed: the next ones are refused for a while")]
pub struct Refused {
    /// When it is worth asking again.
    pub until: Instant,
}

/// A circuit breaker.
#[derive(Clone, Debug)]
pub struct Breaker {
    settings: Settings,
    state: State,
    window: Window,
    /// Counts the times that the state was entered.
    period: u64,
    /// End of the wait, or of the trials.
    until: Instant,
    /// Times in a row that it opened, at least one if it is not closed.
    opened: u32,
    /// Trials let through, and succeeded.
    let_through: u32,
    succeeded: u32,
}

impl Breaker {
    /// A closed breaker.
    pub fn new(settings: Settings, now: Instant) -> Self {
        Self {
            settings,
            state: State::Closed,
            window: Window::new(SPAN, now),
            period: 0,
            until: now,
            opened: 0,
            let_through: 0,
            succeeded: 0,
        }
    }

    /// What it does with requests, as of the last call.
    pub fn state(&self) -> State {
        self.state
    }

    /// Lets a request through, or not.
    pub fn admit(&mut self, now: Instant) -> Result<Ticket, Refused> {
        if self.state != State::Closed && now >= self.until {
            self.enter(Event::WaitOver, now);
        }
        let refused = match self.state {
            State::Closed => false,
            State::Open => true,
            State::Trial => self.let_through >= self.settings.trials.max(1),
        };
        if refused {
            return Err(Refused { until: self.until });
        }
        self.let_through = self.let_through.saturating_add(1);
        Ok(Ticket { period: self.period })
    }

    /// A request that was let through succeeded or failed. Gives the new state, if it changed.
    pub fn handle_outcome(&mut self, ticket: Ticket, ok: bool, now: Instant) -> Option<State> {
        if ticket.period != self.period {
            return None;
        }
        let before = self.state;
        match (self.state, ok) {
            (State::Closed, _) => {
                self.window.count(if ok { SUCCESSES } else { FAILURES }, now);
                if !ok && self.trips(now) {
                    self.enter(Event::Trip, now);
                }
            }
            (State::Trial, true) => {
                self.succeeded += 1;
                if self.succeeded >= self.settings.trials.max(1) {
                    self.enter(Event::TrialsPassed, now);
                }
            }
            (State::Trial, false) => self.enter(Event::TrialFailed, now),
            (State::Open, _) => {}
        }
        (self.state != before).then_some(self.state)
    }

    fn trips(&mut self, now: Instant) -> bool {
        let [successes, failures] = self.window.sums(now);
        let known = successes + failures;
        let enough = known >= self.settings.at_least.into();
        enough && failures * 100 >= known * u64::from(self.settings.percent)
    }

    fn enter(&mut self, event: Event, now: Instant) {
        self.state = self.state.after(event);
        self.period += 1;
        (self.let_through, self.succeeded) = (0, 0);
        match self.state {
            State::Closed => self.opened = 0,
            State::Open => {
                self.opened = self.opened.saturating_add(1);
                self.window.clear();
            }
            State::Trial => {}
        }
        self.until = now + self.wait();
    }

    fn wait(&self) -> Duration {
        let doublings = self.opened.saturating_sub(1);
        let factor = 1_u32.checked_shl(doublings).unwrap_or(u32::MAX);
        self.settings.wait.saturating_mul(factor).min(self.settings.longest_wait)
    }
}

#[cfg(test)]
mod tests;
