//! Main: binds the listening sockets, starts the workers, replaces those that die, stops them.
//!
//! Must not know: a byte of traffic, HTTP.
//!
//! * [`run`]: the start, top to bottom, and then the loop (`supervise`).
//! * `replace`: the life of workers; `succession`: one in the place of another; `stop`: their end;
//!   `suspects`: what they die of; `headcount`: how many there are; `hear`: what they say;
//!   `worker_process`: one of them.
//! * `control`: the control socket; `serve`, `changes`, `questions`: what its clients ask.
//! * `transact`: changes on every worker or none; `dry_run`: what they would do; `history`: where
//!   they are stored.
//! * `findings`: what health checks found; `shares`: what workers have of limits for all of them.
//! * `metrics`: how finely workers count, and what is told of it.
//! * `tickets`: the keys of session tickets.
//! * `home`: where workers are found; `orphans`: those that another main has left.
//! * `upgrade`: another image in main's place, and back if it cannot.
//! * `sockets`: the listening sockets, by worker slot.
//!
//! Invariants: once it runs, main never waits for a worker; every worker that it leads has ended
//! when [`run`] returns, unless main cannot go on and another one can find them.

mod account;
mod backoff;
mod changes;
mod control;
mod dry_run;
mod error;
mod findings;
mod headcount;
mod hear;
mod history;
mod home;
mod limits;
mod listeners;
mod metrics;
mod notify;
mod orphans;
mod pidfile;
mod questions;
mod replace;
mod serve;
mod sessions;
mod shares;
mod slot;
mod sockets;
mod start;
mod stop;
mod succession;
mod supervise;
mod suspects;
mod taps;
mod tickets;
mod token;
mod transact;
mod upgrade;
mod worker_process;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use weir_control::channel::Settings;
use weir_control::clients::ClientLimits;
use weir_control::config::TlsPlan;
use weir_control::metrics::MetricsPlan;
use weir_control::state::State;

pub use control::{AuditPlan, ControlPlan};
pub use error::Error;
pub use start::{block_signals, run};
pub use upgrade::{rehearse, resume};

type OnReady = Box<dyn FnOnce(&[SocketAddr])>;

/// What main is to run.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Plan {
    /// What workers serve.
    #[serde(skip)]
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
    /// The control socket; `None`: nothing can be changed.
    pub control: Option<ControlPlan>,
    /// Where states come from and go to.
    pub files: Files,
    /// Keys of session tickets.
    pub tls: TlsPlan,
    /// What is counted, and where it is sent.
    #[serde(default)]
    pub metrics: MetricsPlan,
    /// How many connections clients may have.
    #[serde(default)]
    pub clients: ClientLimits,
    /// Where this program is, or the one that is to replace it; `None`: it cannot be replaced.
    pub executable: Option<PathBuf>,
}

impl Plan {
    /// Everything else, for another image.
    fn without_state(&self) -> Self {
        Self {
            state: State::default(),
            settings: self.settings.clone(),
            pid_file: self.pid_file.clone(),
            control: self.control.clone(),
            files: self.files.clone(),
            tls: self.tls.clone(),
            metrics: self.metrics.clone(),
            executable: self.executable.clone(),
            ..*self
        }
    }
}

/// Where states come from and go to, beside the plan.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Files {
    /// Where transactions are stored; `None`: they are not.
    pub store: Option<PathBuf>,
    /// Serve the state of the plan though another one is stored.
    pub from_file: bool,
    /// The file that the plan was made of.
    pub config_file: Option<PathBuf>,
    /// Requests to be made after those of the file, and where they are saved to.
    pub saved_state: Option<PathBuf>,
    /// Save the state there after each change.
    pub automatic_state_save: bool,
}

/// How the proxy ended after it was told to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ended {
    /// Every request in flight was finished.
    Clean,
    /// Some were cut, because the time was over or a second signal came.
    Cut,
}
