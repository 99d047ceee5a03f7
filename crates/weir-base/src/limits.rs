//! Every number that bounds what a worker can hold. The worst-case memory of a worker is a
//! function of this struct alone.

use serde::{Deserialize, Serialize};

/// Bounds of one worker. All of them come from the configuration; none can be exceeded.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Limits {
    /// Client connections (`max_connections`). Beyond: they wait in the accept queue.
    pub sessions: usize,
    /// Connections to backends, bound and idle together. Beyond: 503.
    pub backend_connections: usize,
    /// Idle connections to backends kept for reuse. Beyond: they are closed.
    pub idle_backend_connections: usize,
    /// Accepted sockets that wait for a session. Beyond: they stay in the kernel's queue.
    pub accept_queue: usize,
    /// Buffers (`max_buffers`). Beyond: reading stops until one is free.
    pub buffers: usize,
    /// Buffers allocated at start (`min_buffers`).
    pub buffers_at_start: usize,
    /// Bytes of one buffer (`buffer_size`), the largest message head that is accepted.
    pub buffer_bytes: usize,
    /// Bytes of a request target. Beyond: 414.
    pub target_bytes: usize,
    /// Fields of one head or trailer section. Beyond: 431 from a client, 502 from a backend.
    pub fields: usize,
    /// Pipes for moving large bodies inside the kernel. Beyond: bodies are copied.
    pub pipes: usize,
    /// Bytes of one such pipe (`splice_pipe_capacity_bytes`).
    pub pipe_bytes: usize,
    /// Bytes of log and access-log lines waiting for a slow sink. Beyond: lines are dropped and
    /// counted.
    pub log_bytes: usize,
    /// Clusters and backends that are counted apart (`max_scopes`). Beyond: they are counted
    /// together.
    #[serde(default = "usual_scopes")]
    pub scopes: usize,
}

impl Limits {
    /// [`Limits::scopes`], when nobody says how many.
    pub const SCOPES: usize = 16 << 10;
}

fn usual_scopes() -> usize {
    Limits::SCOPES
}
