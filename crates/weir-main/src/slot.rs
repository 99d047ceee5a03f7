//! A place for one worker: who is in it, and what happened to those before.

use weir_base::Instant;

use crate::backoff::Backoff;
use crate::worker_process::WorkerProcess;

/// One of the `worker_count` places.
pub(crate) struct Slot {
    pub(crate) worker: Option<WorkerProcess>,
    /// When the next worker is started, while there is none; [`Instant::FAR`] for never.
    pub(crate) start_at: Instant,
    /// Why the next worker is needed, if it is not the first.
    pub(crate) because: Option<String>,
    pub(crate) backoff: Backoff,
    /// The process id of another slot's worker that accepts from this slot's sockets as well.
    pub(crate) host: Option<i32>,
}

impl Slot {
    /// An empty place to be filled at once.
    pub(crate) fn new(now: Instant) -> Self {
        Self { worker: None, start_at: now, because: None, backoff: Backoff::default(), host: None }
    }

    /// A worker is here that can be told of changes.
    pub(crate) fn takes_orders(&self) -> bool {
        self.worker.as_ref().is_some_and(WorkerProcess::takes_orders)
    }

    /// A worker is here and serves.
    pub(crate) fn serves(&self) -> bool {
        self.worker.as_ref().is_some_and(WorkerProcess::is_ready)
    }
}
