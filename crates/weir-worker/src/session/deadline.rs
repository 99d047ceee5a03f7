//! When a session has waited long enough, and what happens then.

use std::time::Duration;

use weir_base::Instant;
use weir_control::sessions::Wait;
use weir_http::exchange::{BackFailure, FrontFailure, Phase};

use super::{Active, Session, Stage, Step};
use crate::context::Context;
use crate::front::Front;

/// How long a closed connection may go on sending.
const LINGER: Duration = Duration::from_secs(2);

/// A request body that comes more slowly on average, after the front timeout, is cut.
const SLOWEST_BODY_BYTES_PER_SECOND: u64 = 500;

/// Which patience ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Late {
    Queue,
    Room,
    Connect,
    Body,
    Front,
    Back,
}

impl Session {
    fn is_flushed(&self) -> bool {
        !matches!(&self.front, Front::Socket(socket) if !socket.is_flushed())
    }

    /// The instant at which [`Session::expire`] has something to do.
    pub(crate) fn deadline(&self) -> Instant {
        let config = &self.settings.config;
        match &self.stage {
            Stage::Idle if self.requests > 0 => self.since + config.front_timeout,
            Stage::Announced | Stage::Hello | Stage::Handshake | Stage::Idle | Stage::Head(_) => {
                self.since + config.request_timeout
            }
            Stage::Exchange(active) => self.patience(active).0,
            Stage::Answering(_) => self.active_at + config.front_timeout,
            Stage::Lingering => self.since + LINGER,
            Stage::Multiplex { busy, until } => self.connection_deadline(*busy).min(*until),
        }
    }

    /// The deadline has passed. `false`: the connection is over.
    #[must_use]
    pub(crate) fn expire(&mut self, cx: &mut Context) -> bool {
        let step = match &self.stage {
            Stage::Hello => self.hello_timed_out(cx),
            Stage::Announced | Stage::Handshake => {
                cx.observe.deadline_passed(self, "request_timeout");
                Step::Close
            }
            Stage::Idle | Stage::Head(_) => self.head_timed_out(cx),
            Stage::Answering(_) => {
                cx.observe.deadline_passed(self, "front_timeout");
                Step::Close
            }
            Stage::Lingering => Step::Close,
            Stage::Multiplex { .. } => self.connection_timed_out(cx),
            Stage::Exchange(active) if active.tunnel => Step::Close,
            Stage::Exchange(active) => match self.patience(active).1 {
                Late::Queue => self.back_failed(BackFailure::QueueTimeout, cx),
                Late::Room => self.back_failed(BackFailure::NoRoom, cx),
                Late::Connect => self.back_failed(BackFailure::ConnectTimeout, cx),
                Late::Body => self.front_failed(FrontFailure::SlowBody, cx),
                Late::Front => self.front_failed(FrontFailure::Stalled, cx),
                Late::Back => self.back_failed(BackFailure::Silent, cx),
            },
        };
        step != Step::Close && self.drive(cx)
    }

    /// What [`Session::deadline`] is the deadline of.
    pub(super) fn waits_for(&self) -> Wait {
        match &self.stage {
            Stage::Handshake if self.starved => Wait::Handshakes,
            _ if self.starved => Wait::Buffers,
            Stage::Idle if self.requests > 0 => Wait::Front,
            Stage::Announced | Stage::Hello | Stage::Handshake | Stage::Idle | Stage::Head(_) => {
                Wait::Request
            }
            Stage::Exchange(active) => match self.patience(active).1 {
                Late::Queue => Wait::Queue,
                Late::Room | Late::Connect => Wait::Connect,
                Late::Body => Wait::Body,
                Late::Front => Wait::Front,
                Late::Back => Wait::Back,
            },
            Stage::Answering(_) => Wait::Front,
            Stage::Lingering => Wait::Linger,
            Stage::Multiplex { until, .. } if *until != Instant::FAR => Wait::Shutdown,
            Stage::Multiplex { busy: true, .. } => Wait::Streams,
            Stage::Multiplex { busy: false, .. } => Wait::Front,
        }
    }

    /// Somebody wants it to end: it does so as if its deadline had passed, and no backend is blamed
    /// for it. `false`: the connection is over.
    #[must_use]
    pub(crate) fn dismiss(&mut self, cx: &mut Context) -> bool {
        if !matches!(self.stage, Stage::Exchange(_)) {
            return self.expire(cx);
        }
        self.front_failed(FrontFailure::Dismissed, cx) != Step::Close && self.drive(cx)
    }

    /// How long the client may keep an exchange waiting.
    fn front_patience(&self) -> Duration {
        let config = &self.settings.config;
        match &self.front {
            Front::Stream(_) => config.h2.stream_patience(config.back_timeout),
            _ => config.front_timeout,
        }
    }

    /// The nearest of the deadlines that apply to an exchange.
    fn patience(&self, active: &Active) -> (Instant, Late) {
        let config = &self.settings.config;
        let times = &active.times;
        if let Some(until) = active.waits_until {
            return (until, Late::Queue);
        }
        if active.exchange.phase() == Phase::Connecting {
            let (since, late) = match active.in_line.filter(|_| active.back.is_none()) {
                Some(since) => (since, Late::Room),
                None => (times.connect, Late::Connect),
            };
            return (since + config.connect_timeout, late);
        }
        if active.tunnel {
            let last = times.front.max(times.back);
            return (last + self.front_patience().min(config.back_timeout), Late::Back);
        }
        let front = times.front + self.front_patience();
        let back = times.back + config.back_timeout;
        let uploading = !active.request.pump.is_decoded() && !active.request_cut;
        let blocked = active.response.is_blocked() || !self.is_flushed();
        let mut nearest = (Instant::FAR, Late::Back);
        let mut consider = |at: Instant, late: Late| {
            if at < nearest.0 {
                nearest = (at, late);
            }
        };
        if uploading && !active.request.is_blocked() {
            consider(front, Late::Body);
            consider(body_deadline(active, config.front_timeout), Late::Body);
        }
        if blocked || active.exchange.phase() == Phase::Waiting {
            consider(front, Late::Front);
        }
        if !blocked && (!uploading || active.request.is_blocked()) {
            consider(back, Late::Back);
        }
        nearest
    }
}

/// When a body of that many bytes so far must be complete or have gone on.
fn body_deadline(active: &Active, grace: Duration) -> Instant {
    let bytes = active.request.pump.body_bytes();
    active.times.received + grace + Duration::from_secs(bytes / SLOWEST_BODY_BYTES_PER_SECOND)
}
