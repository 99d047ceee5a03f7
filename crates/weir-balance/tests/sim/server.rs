//! A backend as it is, whatever is thought of it.

use std::time::Duration;

use fastrand::Rng;
use weir_balance::{Spec, Tally};
use weir_base::Instant;

/// How a server is at the moment.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Condition {
    Good,
    /// It refuses connections, and checks.
    Refuses,
    /// Connections to it are never made, checks neither.
    Silent,
    /// It accepts and answers every request badly; checks find it good.
    AnswersBadly,
    /// It is good, and takes long.
    Slow,
}

/// What becomes of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Outcome {
    NotConnected,
    Bad,
    Good,
}

/// One server of the cluster.
pub(crate) struct Server {
    pub(crate) spec: Spec,
    pub(crate) condition: Condition,
    pub(crate) since: Instant,
    /// It belongs to the cluster, for the n-th time.
    pub(crate) member: bool,
    pub(crate) times: u32,
    /// What checks have said.
    pub(crate) tally: Tally,
    /// When it was last seen to work by everybody: for how long it was bad is counted from there.
    pub(crate) bad_since: Instant,
    /// What each worker has seen of it since it is good.
    pub(crate) seen: Vec<Seen>,
}

/// What a worker has seen.
#[derive(Clone, Copy, Default)]
pub(crate) struct Seen {
    /// It has sent a request there.
    pub(crate) served: bool,
    /// When it began to give it its share again.
    pub(crate) risen: Option<Instant>,
}

impl Server {
    pub(crate) fn new(id: usize, workers: usize, now: Instant) -> Self {
        let spec = Spec {
            id: id.to_string().into(),
            address: std::net::SocketAddr::from(([10, 0, 0, id as u8], 80)).into(),
            weight: [100, 50, 200, 100][id % 4],
            sticky_id: None,
            backup: false,
            max_connections: Some(6),
        };
        Self {
            spec,
            condition: Condition::Good,
            since: now,
            member: true,
            times: 1,
            tally: Tally::default(),
            bad_since: now,
            seen: vec![Seen::default(); workers],
        }
    }

    /// Checks find it good.
    pub(crate) fn passes(&self) -> bool {
        !matches!(self.condition, Condition::Refuses | Condition::Silent)
    }

    /// What becomes of a request that comes now, and after how long.
    pub(crate) fn answer(&self, rng: &mut Rng, busy: bool) -> (Outcome, Duration) {
        let factor = if busy { 20 } else { 1 };
        let (outcome, micros) = match self.condition {
            Condition::Refuses => (Outcome::NotConnected, 300),
            Condition::Silent => (Outcome::NotConnected, 3_000_000),
            Condition::AnswersBadly => (Outcome::Bad, rng.u64(1_000..30_000)),
            Condition::Slow => (Outcome::Good, rng.u64(500_000..2_000_000)),
            Condition::Good => (Outcome::Good, rng.u64(1_000..30_000) * factor),
        };
        (outcome, Duration::from_micros(micros))
    }

    /// The next condition, and for how long; those that are bad are shorter.
    pub(crate) fn next(&self, rng: &mut Rng) -> (Condition, Duration) {
        let (condition, seconds) = match (self.condition, rng.u8(0..5)) {
            (Condition::Good, 0) => (Condition::Refuses, rng.u64(1..400)),
            (Condition::Good, 1) => (Condition::AnswersBadly, rng.u64(5..300)),
            (Condition::Good, 2) => (Condition::Slow, rng.u64(5..300)),
            (Condition::Good, 3) => (Condition::Silent, rng.u64(5..200)),
            // It flaps: gone for a moment.
            (Condition::Good, _) => (Condition::Refuses, rng.u64(1..8)),
            _ => (Condition::Good, rng.u64(5..1_200)),
        };
        (condition, Duration::from_secs(seconds))
    }
}
