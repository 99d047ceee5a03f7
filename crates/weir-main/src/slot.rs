//! A place for one worker: who is in it, and what happened to those before.

use std::io;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use weir_base::Instant;
use weir_sys::Epoll;

use crate::backoff::Backoff;
use crate::succession::Successor;
use crate::worker_process::{HandedWorker, WorkerProcess};

/// One of the `worker_count` places.
pub(crate) struct Slot {
    pub(crate) worker: Option<WorkerProcess>,
    /// When the next worker is started, while there is none; [`Instant::FAR`] for never.
    pub(crate) start_at: Instant,
    /// Why the next worker is needed, if it is not the first.
    pub(crate) because: Option<String>,
    pub(crate) backoff: Backoff,
    /// One that is to take the worker's place.
    pub(crate) successor: Option<Successor>,
    /// The process id of another slot's worker that accepts from this slot's sockets as well.
    pub(crate) host: Option<i32>,
}

/// A place as it passes from one image of main to the next.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct HandedSlot {
    pub(crate) worker: Option<HandedWorker>,
    /// `None`: never.
    start_in: Option<Duration>,
    because: Option<String>,
    early_deaths: u32,
    host: Option<i32>,
}

impl Slot {
    /// What another image of this process needs to go on with it.
    pub(crate) fn hand_over(&self, now: Instant) -> HandedSlot {
        HandedSlot {
            worker: self.worker.as_ref().map(WorkerProcess::hand_over),
            start_in: (self.start_at != Instant::FAR).then(|| self.start_at.since(now)),
            because: self.because.clone(),
            early_deaths: self.backoff.early_deaths(),
            host: self.host,
        }
    }

    /// Goes on with what [`Slot::hand_over`] has told of the slot of this number.
    pub(crate) fn resume(
        number: u16,
        handed: HandedSlot,
        epoll: &Epoll,
        now: Instant,
    ) -> io::Result<Self> {
        let worker = handed.worker.map(|w| WorkerProcess::resume(number, w, epoll, now));
        Ok(Self {
            worker: worker.transpose()?,
            start_at: handed.start_in.map_or(Instant::FAR, |time| now + time),
            because: handed.because,
            backoff: Backoff::after(handed.early_deaths),
            // Main is not replaced while there is one.
            successor: None,
            host: handed.host,
        })
    }

    /// An empty place to be filled at once.
    pub(crate) fn new(now: Instant) -> Self {
        Self {
            worker: None,
            start_at: now,
            because: None,
            backoff: Backoff::default(),
            successor: None,
            host: None,
        }
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
