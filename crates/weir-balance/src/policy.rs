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
}
