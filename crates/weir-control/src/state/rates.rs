//! How many requests are served in a while.

use std::num::NonZeroU32;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use weir_balance::rate::Rate;

use super::Affinity;

/// Limits of one cluster or frontend, at most.
pub const MOST_RATE_LIMITS: usize = 4;
/// Seconds that a limit may be about, at most.
pub const LONGEST_RATE: u32 = 3600;

/// So many requests in a while, in all workers together; on TCP, connections.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RateLimit {
    /// How many.
    pub requests: NonZeroU32,
    /// In how many seconds, 1 to [`LONGEST_RATE`].
    pub seconds: u32,
    /// And how many at once.
    pub burst: NonZeroU32,
    /// Whose: of each that this tells apart; of all when `None`.
    pub by: Option<Affinity>,
}

impl RateLimit {
    /// As a token bucket has it.
    pub fn rate(&self) -> Rate {
        Rate::new(self.requests, Duration::from_secs(self.seconds.into()), self.burst)
    }
}
