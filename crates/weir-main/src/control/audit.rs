//! The audit trail: who asked what on the control socket, and what became of it.
//!
//! A line is written when a request has its last answer, whether or not its client is still there.
//! Must not know: how requests are carried out.
//!
//! Invariants: nothing here waits, except [`Audit::finish`]; of each client at most one request is
//! kept, the one under way; what a client sent is only shown by name, never secrets.

mod about;
mod actor;

use std::collections::BTreeMap;
use std::time::Duration;

use log::warn;
use serde::{Deserialize, Serialize};
use weir_base::Instant;
use weir_log::{OpenError, Writer};
use weir_proto::request::RequestType;
use weir_proto::{Response, ResponseStatus};
use weir_telemetry::{Actor, AuditRecord, Fanout, LineFormat};

use super::client::Caller;
use super::{Asker, ControlPlan};
use crate::Error;
use about::{About, hash};

/// Bytes of lines that wait for a target.
const RING_BYTES: usize = 1 << 18;
/// What the last lines may take.
const LAST_LINES: Duration = Duration::from_millis(500);

/// Where requests are audited.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct AuditPlan {
    /// In lines of text.
    pub text: Option<String>,
    /// In objects of JSON.
    pub json: Option<String>,
}

impl AuditPlan {
    pub(super) fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

/// A request under way.
struct Asked {
    verb: &'static str,
    about: About,
    /// Of the request.
    hash: String,
    caller: Caller,
    user: String,
    comm: String,
    at: Instant,
}

/// The targets, and what is under way.
pub(crate) struct Audit {
    socket: String,
    text: Option<Writer>,
    json: Option<Writer>,
    format: LineFormat,
    /// By the serial number of the client.
    asked: BTreeMap<u64, Asked>,
    /// The epoch in use.
    pub(crate) epoch: u64,
    /// What workers have said to the request that is answered next, if they were waited for.
    pub(crate) fanout: Option<Fanout>,
    lost: u64,
}

impl Audit {
    /// Opens the targets.
    ///
    /// # Errors
    /// When one is not understood or cannot be opened.
    pub(super) fn open(plan: &ControlPlan) -> Result<Self, Error> {
        let open =
            |target: &Option<String>| target.as_deref().map(open).transpose().map_err(Error::Audit);
        Ok(Self {
            socket: plan.path.to_string_lossy().into_owned(),
            text: open(&plan.audit.text)?,
            json: open(&plan.audit.json)?,
            format: LineFormat::new(std::process::id(), "MAIN", false),
            asked: BTreeMap::new(),
            epoch: 0,
            fanout: None,
            lost: 0,
        })
    }

    fn is_on(&self) -> bool {
        self.text.is_some() || self.json.is_some()
    }

    /// A request of the client with that serial number is taken.
    pub(super) fn asked(&mut self, serial: u64, caller: Caller, request: &RequestType) {
        if !self.is_on() {
            return;
        }
        let asked = Asked {
            verb: request.name(),
            about: About::of(request),
            hash: hash(request),
            caller,
            user: actor::user(caller.credentials.user),
            comm: actor::program(caller.credentials.pid),
            at: weir_sys::now(),
        };
        self.asked.insert(serial, asked);
    }

    /// A request has its last answer.
    pub(super) fn answered(&mut self, asker: &Asker, response: &Response) {
        let fanout = self.fanout.take();
        let Some(asked) = self.asked.remove(&asker.serial) else { return };
        let Asked { verb, about, hash, caller, user, comm, at } = &asked;
        let actor = Actor {
            uid: caller.credentials.user,
            gid: caller.credentials.group,
            pid: caller.credentials.pid,
            user,
            comm,
        };
        let record = AuditRecord {
            verb,
            actor,
            client_id: asker.serial,
            connected: caller.since,
            client: &about.client,
            socket: &self.socket,
            cluster: &about.cluster,
            backend: &about.backend,
            target: &about.target,
            ok: response.status() != ResponseStatus::Failure,
            reason: &response.message,
            elapsed: weir_sys::now().since(*at),
            fanout,
            request_sha256: hash,
            lease: &about.lease,
            lease_reason: &about.lease_reason,
            epoch: self.epoch,
        };
        let unix_ns = weir_sys::unix_time().as_nanos() as u64;
        if let Some(writer) = &mut self.text {
            writer.push_line(record.encode_text(&mut self.format, unix_ns));
        }
        if let Some(writer) = &mut self.json {
            writer.push_line(record.encode_json(&mut self.format, unix_ns));
        }
    }

    fn writers(&mut self) -> impl Iterator<Item = &mut Writer> {
        [&mut self.text, &mut self.json].into_iter().flatten()
    }

    /// Writes what can be written at once.
    pub(crate) fn flush(&mut self, now: Instant) {
        self.writers().for_each(|writer| writer.flush(now));
        let lost = self.writers().map(|writer| writer.dropped()).sum();
        if lost > self.lost {
            warn!("{} lines of the audit are lost: a target is slow or away", lost - self.lost);
            self.lost = lost;
        }
    }

    /// When [`Audit::flush`] is to be called again though nothing else happens.
    pub(crate) fn deadline(&self) -> Instant {
        let writers = [&self.text, &self.json].into_iter().flatten();
        writers.map(Writer::deadline).fold(Instant::FAR, Instant::min)
    }

    /// Opens files again, so that those that were moved away are let go.
    ///
    /// # Errors
    /// When one cannot be opened; the old one stays in use.
    pub(crate) fn reopen(&mut self) -> Result<(), OpenError> {
        self.writers().try_for_each(Writer::reopen)
    }

    /// Writes the last lines.
    pub(crate) fn finish(&mut self) {
        self.writers().for_each(|writer| writer.flush_blocking(LAST_LINES));
    }
}

fn open(target: &str) -> Result<Writer, String> {
    let target = target.parse().map_err(|error: weir_telemetry::TargetError| error.to_string())?;
    Writer::open(&target, RING_BYTES).map_err(|error| error.to_string())
}
