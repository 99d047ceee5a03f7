//! Main: binds the listening sockets, starts the workers, replaces those that die, stops them.
//!
//! Must not know: a byte of traffic, HTTP.
//!
//! * [`run`]: the start, top to bottom, and then the loop (`supervise`).
//! * `replace`: the life of workers; `stop`: their end; `worker_process`: one of them.
//! * `sockets`: the listening sockets, by worker slot.
//!
//! Invariants: main never waits for a worker; every worker has ended when [`run`] returns.

mod backoff;
mod error;
mod limits;
mod notify;
mod pidfile;
mod replace;
mod slot;
mod sockets;
mod start;
mod stop;
mod supervise;
mod token;
mod worker_process;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use weir_control::channel::Settings;
use weir_control::state::State;

pub use error::Error;
pub use start::{block_signals, run};

type OnReady = Box<dyn FnOnce(&[SocketAddr])>;

/// What main is to run.
#[derive(Clone, Debug)]
pub struct Plan {
    /// What workers serve.
    pub state: State,
    /// What workers are started with; slot and core are filled in for each.
    pub settings: Settings,
    /// Number of workers.
    pub worker_count: u16,
    /// Replace workers that end.
    pub automatic_restart: bool,
    /// Longest time for an answer from a worker.
    pub worker_timeout: Duration,
    /// Keep each worker on one of the cores of this process.
    pub pin_workers: bool,
    /// Where main's process id is written.
    pub pid_file: Option<PathBuf>,
    /// Time for requests in flight when the proxy is stopped.
    pub drain_timeout: Duration,
}

/// How the proxy ended after it was told to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ended {
    /// Every request in flight was finished.
    Clean,
    /// Some were cut, because the time was over or a second signal came.
    Cut,
}
