//! What the outcome of requests says about one backend.
//!
//! So many bad outcomes in a row, and the backend is left alone for a while: for `base` the first
//! time, twice as long each time it is ejected again before a good outcome, at most [`LONGEST`].
//! Then it gets its share again; one bad outcome ejects it anew, one good outcome ends the matter.
//! How many of a group may be ejected at once is the group's business.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use weir_base::Instant;

/// A backend is left alone no longer than that.
const LONGEST: Duration = Duration::from_secs(3600);

/// When backends are ejected.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct EjectionRules {
    /// After so many bad outcomes in a row, at least 1.
    pub consecutive: u32,
    /// For how long the first time.
    pub base: Duration,
    /// At most that share of a group, in percent.
    pub most_percent: u8,
}

/// What is known of one backend.
#[derive(Debug, Default)]
pub(crate) struct Ejection {
    /// Bad outcomes in a row.
    bad: u32,
    /// Times it was ejected since the last good outcome.
    times: u32,
    until: Instant,
}

impl Ejection {
    /// It was ejected, and nothing good has been heard of it since.
    pub(crate) fn is_ejected(&self) -> bool {
        self.times > 0
    }

    /// When it may be tried again, if that is still to come.
    pub(crate) fn held_until(&self, now: Instant) -> Option<Instant> {
        (now < self.until).then_some(self.until)
    }

    /// True when that ends an ejection: the backend is to be forgiven.
    pub(crate) fn handle_good(&mut self, now: Instant) -> bool {
        // What was under way when it was ejected says nothing new.
        if self.held_until(now).is_some() {
            return false;
        }
        self.bad = 0;
        self.is_ejected()
    }

    /// True when it is to be ejected, if the group can spare it.
    pub(crate) fn handle_bad(&mut self, rules: &EjectionRules, now: Instant) -> bool {
        if self.held_until(now).is_some() {
            return false;
        }
        self.bad = self.bad.saturating_add(1);
        self.is_ejected() || self.bad >= rules.consecutive
    }

    pub(crate) fn eject(&mut self, rules: &EjectionRules, now: Instant) {
        let factor = 1 << self.times.min(16);
        self.until = now + rules.base.saturating_mul(factor).min(LONGEST);
        self.times = self.times.saturating_add(1);
    }

    /// Nothing is held against it any more.
    pub(crate) fn forgive(&mut self) {
        *self = Self::default();
    }
}
