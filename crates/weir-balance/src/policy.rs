//! The names of the policies, as a configuration chooses them.

use serde::{Deserialize, Serialize};

/// How a cluster chooses among its backends.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum LoadBalancing {
    /// In turn, in proportion to the weights.
    #[default]
    RoundRobin,
    /// At random, in proportion to the weights.
    Random,
    /// The smallest load.
    LeastLoaded,
    /// The less loaded of two drawn at random.
    PowerOfTwo,
    /// By a key of the client, in proportion to the weights: each key goes to the backend that
    /// draws the best lot for it (rendezvous hashing). A change moves only the keys that must
    /// move. It looks at every backend. Without a key: in turn.
    Rendezvous,
    /// By a key of the client, in proportion to the weights, in constant time: each key has a place
    /// in a table of backends. A change moves few keys more than must move. Without a key: in turn.
    Maglev,
}

impl LoadBalancing {
    /// Whether backends are chosen in turn, for lack of a key too.
    pub(crate) fn goes_in_turn(self) -> bool {
        matches!(self, Self::RoundRobin | Self::Rendezvous | Self::Maglev)
    }
}

/// What "load" counts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum LoadMetric {
    /// Open connections.
    #[default]
    Connections,
    /// Requests in flight.
    Requests,
    /// Peak-sensitive average of the connect time, times connections.
    ConnectionTime,
    /// Peak-sensitive average of the time to a response, times requests in flight (peak EWMA).
    ResponseTime,
}
