//! Backends that were removed, and when the sessions end that use them still.
//!
//! Must not know: how a session ends. Invariant: at most [`MOST`] wait for their time; with more,
//! those that were removed last are seen off at once.

use std::time::Duration;

use weir_balance::BackendKey;
use weir_base::{Instant, Key};

/// Removed backends whose sessions have time.
const MOST: usize = 1024;

/// A removed backend, and its cluster.
pub(crate) type Departed = (Key, BackendKey);

/// By when.
#[derive(Default)]
pub(crate) struct Departures(Vec<(Instant, Departed)>);

impl Departures {
    /// The sessions of a removed backend have that long.
    pub(crate) fn add(&mut self, departed: Departed, patience: Duration, now: Instant) {
        let until = if self.0.len() < MOST { now + patience } else { now };
        self.0.push((until, departed));
    }

    /// When [`Departures::due`] has some.
    pub(crate) fn deadline(&self) -> Instant {
        self.0.iter().map(|(until, _)| *until).min().unwrap_or(Instant::FAR)
    }

    /// Those whose sessions are to end.
    pub(crate) fn due(&mut self, now: Instant) -> impl Iterator<Item = Departed> {
        self.0.extract_if(.., move |(until, _)| *until <= now).map(|(_, departed)| departed)
    }
}
