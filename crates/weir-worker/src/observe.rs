//! What the worker tells of itself.

use std::fmt::Display;
use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use weir_base::Instant;
use weir_control::channel::Settings;
use weir_http::exchange::BackFailure;

use crate::session::{Active, Session};

/// Why nothing is accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Shut {
    /// As many sessions as there may be.
    Sessions,
    /// No descriptor left.
    Descriptors,
}

pub(crate) struct Observe {
    epoch: u64,
}

impl Observe {
    pub(crate) fn start(_settings: &Settings) -> io::Result<Self> {
        Ok(Self { epoch: 0 })
    }
    pub(crate) fn unix_millis(&self) -> u64 {
        weir_sys::unix_time().as_millis() as u64
    }
    pub(crate) fn set_epoch(&mut self, epoch: u64) {
        self.epoch = epoch;
    }
    pub(crate) fn buffers_exhausted(&mut self, _limit: usize) {}
    pub(crate) fn buffers_free(&mut self) {}
    pub(crate) fn no_room(&mut self, _error: &dyn Display) {}
    pub(crate) fn transition(&mut self, _cluster: &str, _t: &dyn std::fmt::Debug) {}
    pub(crate) fn backend_failed(&mut self, _c: &str, _a: Option<SocketAddr>, _f: BackFailure) {}
    pub(crate) fn gate_shut(&mut self, _cause: Shut, _waiting: usize) {}
    pub(crate) fn gate_opened(&mut self) {}
    pub(crate) fn accept_queue_timeout(&mut self) {}
    pub(crate) fn accept_failed(&mut self, _error: &io::Error) {}
    pub(crate) fn internal(&mut self, what: &str, error: &dyn Display) {
        log::error!("{what}: {error}");
    }
    pub(crate) fn turn(&mut self, _now: Instant) {}
    pub(crate) fn flush(&mut self, _now: Instant) {}
    pub(crate) fn deadline(&self) -> Instant {
        Instant::FAR
    }
    pub(crate) fn zombie(&mut self, _session: &Session) {}
    pub(crate) fn accepted(&mut self) {}
    pub(crate) fn evicted(&mut self, _count: usize) {}
    pub(crate) fn drain_began(&mut self, _sessions: usize, _deadline: Duration) {}
    pub(crate) fn drain_ended(&mut self, _cut: usize) {}
    pub(crate) fn finish(&mut self) {}
    pub(crate) fn reopen(&mut self) {}
    pub(crate) fn main_gone(&mut self, _error: &io::Error) {}
    pub(crate) fn client_error(&mut self, _session: &Session, _error: &dyn Display) {}
    pub(crate) fn backend_error(&mut self, _address: Option<SocketAddr>, _error: &dyn Display) {}
    pub(crate) fn deadline_passed(&mut self, _session: &Session) {}
    pub(crate) fn record(&mut self, _session: &Session, _active: &Active) {}
    pub(crate) fn no_route(&mut self) {}
    pub(crate) fn status(&mut self, _status: u16) {}
    pub(crate) fn answered(&mut self, _status: u16) {}
    pub(crate) fn per_address_limit(&mut self) {}
}
