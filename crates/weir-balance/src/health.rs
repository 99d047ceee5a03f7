//! What the outcome of connection attempts says about one backend.
//!
//! ```text
//!            failure             failure              failure
//!   ┌──────┐         ┌──────────┐        ┌──────────┐        ┌──────┐
//!   │  Up  │────────▶│Suspect(1)│─ ─ ─ ─▶│Suspect(5)│───────▶│ Down │─┐ failure
//!   └──────┘         └──────────┘        └──────────┘        └──────┘◀┘
//!       ▲   success        │                  │                 │
//!       └──────────────────┴──────────────────┴─────────────────┘
//! ```
//!
//! After the n-th failure in a row nobody is sent to the backend for a random 1 to 2^n seconds, n
//! at most 6. Then it gets one new connection: making it starts the wait again, its success ends
//! it. So a backend that lets connections time out delays one request per wait, not all of them.
//!
//! Connections that were begun before the last failure was known and fail after it are the same
//! event seen again: a burst counts once.

use std::time::Duration;

use weir_base::Instant;

use crate::draw::below;

/// Failures in a row that make a backend [`State::Down`]; also the largest back-off exponent.
const FAILURES_UNTIL_DOWN: u8 = 6;

/// What is thought of a backend.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum State {
    /// The last attempt succeeded, or none was made.
    #[default]
    Up,
    /// So many attempts failed in a row: 1 to 5.
    Suspect(u8),
    /// At least six attempts failed in a row.
    Down,
}

/// Outcome of an attempt to connect.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Verdict {
    Success,
    Failure,
}

impl State {
    pub(crate) fn after(self, verdict: Verdict) -> Self {
        match (self, verdict) {
            (_, Verdict::Success) => Self::Up,
            (Self::Up, Verdict::Failure) => Self::Suspect(1),
            (Self::Suspect(n), Verdict::Failure) if n + 1 < FAILURES_UNTIL_DOWN => {
                Self::Suspect(n + 1)
            }
            (Self::Suspect(_) | Self::Down, Verdict::Failure) => Self::Down,
        }
    }

    fn longest_wait(self) -> Duration {
        match self {
            Self::Up => Duration::ZERO,
            Self::Suspect(n) => Duration::from_secs(1 << n),
            Self::Down => Duration::from_secs(1 << FAILURES_UNTIL_DOWN),
        }
    }
}

/// The state and the wait that goes with it.
#[derive(Debug, Default)]
pub(crate) struct Health {
    state: State,
    /// When the last failure that counted was known.
    failed_at: Instant,
    /// End of the wait; in the past when up.
    retry_at: Instant,
}

impl Health {
    pub(crate) fn state(&self) -> State {
        self.state
    }

    /// End of the wait, if it is still to come.
    pub(crate) fn held_until(&self, now: Instant) -> Option<Instant> {
        (now < self.retry_at).then_some(self.retry_at)
    }

    /// A connection is being made. True when that starts the wait again.
    pub(crate) fn handle_attempt(&mut self, now: Instant) -> bool {
        let trial = self.state != State::Up && now >= self.retry_at;
        if trial {
            self.retry_at = now + self.state.longest_wait();
        }
        trial
    }

    pub(crate) fn handle_success(&mut self) {
        self.state = self.state.after(Verdict::Success);
        self.retry_at = Instant::default();
    }

    /// The attempt that was begun at `begun` failed; `random` chooses the wait.
    pub(crate) fn handle_failure(&mut self, begun: Instant, now: Instant, random: u64) {
        if begun < self.failed_at {
            return;
        }
        self.state = self.state.after(Verdict::Failure);
        self.failed_at = now;
        self.retry_at = now + wait(self.state.longest_wait(), random);
    }
}

/// Between one second and `longest`, evenly.
fn wait(longest: Duration, random: u64) -> Duration {
    let shortest = Duration::from_secs(1);
    let span = longest.saturating_sub(shortest).as_micros() as u64;
    shortest + Duration::from_micros(below(random, span + 1))
}

#[cfg(test)]
mod tests;
