//! Active health checks of a cluster.

use std::time::Duration;

use serde::{Deserialize, Serialize};

/// How the backends of a cluster are checked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct HealthCheck {
    /// What is asked.
    pub probe: Probe,
    /// Where; `None`: the port of the backend.
    pub port: Option<u16>,
    /// From one check to the next.
    pub interval: Duration,
    /// Longest wait for an answer.
    pub timeout: Duration,
    /// Successes in a row that make a backend healthy again.
    pub rise: u32,
    /// Failures in a row that make a backend unhealthy.
    pub fall: u32,
}

/// What a check asks.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Probe {
    /// A GET, in the version that the cluster speaks.
    Http {
        /// What is got; it begins with `/`.
        uri: String,
        /// Good statuses, from and to; none: 200 to 299.
        statuses: Vec<(u16, u16)>,
    },
    /// The gRPC health checking protocol.
    Grpc {
        /// The service that is asked for; empty: the server as a whole.
        service: String,
    },
    /// A connection, and TLS where the cluster speaks it.
    Tcp,
    /// A datagram that any other answers.
    Udp {
        /// What is sent, 1 to [`LONGEST_PAYLOAD`] bytes.
        payload: Vec<u8>,
        /// A connection must be possible before. Then the port of the check is the connection's
        /// alone.
        connect: bool,
    },
}

/// Bytes of the datagram of a check: as many as pass everywhere in one piece.
pub const LONGEST_PAYLOAD: usize = 1_200;
