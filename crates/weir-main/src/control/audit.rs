//! The audit trail: who asked what on the control socket, and what became of it.
//!
//! A line is written when a request has its last answer, whether or not its client is still there.
//! Must not know: how requests are carried out.
//!
//! Invariants: nothing here waits, except [`Audit::finish`]; of each client at most one request is
//! kept, the one under way; what a client sent is only shown by name, never secrets.

use std::collections::BTreeMap;
use std::time::Duration;

use log::warn;
use serde::{Deserialize, Serialize};
use weir_base::Instant;
use weir_log::{OpenError, Writer};
use weir_proto::request::RequestType;
use weir_proto::{Response, ResponseStatus, SocketAddress};
use weir_telemetry::{AuditRecord, LineFormat};

use super::{Asker, ControlPlan};
use crate::Error;

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
    client: String,
    cluster: String,
    target: String,
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
            lost: 0,
        })
    }

    fn is_on(&self) -> bool {
        self.text.is_some() || self.json.is_some()
    }

    /// A request is taken.
    pub(super) fn asked(&mut self, asker: &Asker, request: &RequestType) {
        if !self.is_on() {
            return;
        }
        // The process may be gone already.
        let comm = std::fs::read_to_string(format!("/proc/{}/comm", asker.pid));
        let (cluster, target) = about(request);
        let asked = Asked {
            verb: request.name(),
            client: client(request).unwrap_or_default().to_owned(),
            cluster,
            target,
            comm: comm.unwrap_or_default().trim_end().to_owned(),
            at: weir_sys::now(),
        };
        self.asked.insert(asker.serial, asked);
    }

    /// A request has its last answer.
    pub(super) fn answered(&mut self, asker: &Asker, response: &Response) {
        if !self.is_on() {
            return;
        }
        let now = weir_sys::now();
        // Of another image's requests, only the one that led to this image is answered here.
        let asked = self.asked.remove(&asker.serial).unwrap_or_else(|| Asked {
            verb: "UpgradeMain",
            client: String::new(),
            cluster: String::new(),
            target: String::new(),
            comm: String::new(),
            at: now,
        });
        let record = AuditRecord {
            verb: asked.verb,
            uid: asker.uid,
            pid: asker.pid,
            comm: &asked.comm,
            client_id: asker.serial,
            client: &asked.client,
            socket: &self.socket,
            cluster: &asked.cluster,
            target: &asked.target,
            ok: response.status() != ResponseStatus::Failure,
            reason: &response.message,
            elapsed: now.since(asked.at),
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

/// What the client calls itself.
fn client(request: &RequestType) -> Option<&str> {
    match request {
        RequestType::Transact(request) => request.client.as_deref(),
        RequestType::ApplyConfiguration(request) => request.client.as_deref(),
        RequestType::Rollback(request) => request.client.as_deref(),
        _ => None,
    }
}

/// The cluster that a request is about, and what of it, in short.
fn about(request: &RequestType) -> (String, String) {
    use RequestType as R;
    let of_cluster = |id: &str| (id.to_owned(), format!("cluster {id}"));
    let at = |address: &SocketAddress| (String::new(), listener(address));
    let unrelated = |target: String| (String::new(), target);
    match request {
        R::AddCluster(cluster) => of_cluster(&cluster.cluster_id),
        R::RemoveCluster(id) | R::QueryClusterById(id) | R::RemoveHealthCheck(id) => of_cluster(id),
        R::SetHealthCheck(check) => of_cluster(&check.cluster_id),
        R::AddHttpFrontend(frontend)
        | R::RemoveHttpFrontend(frontend)
        | R::AddHttpsFrontend(frontend)
        | R::RemoveHttpsFrontend(frontend) => {
            let target = format!("{} on {}", frontend.hostname, listener(&frontend.address));
            (frontend.cluster_id.clone().unwrap_or_default(), target)
        }
        R::AddTcpFrontend(frontend) | R::RemoveTcpFrontend(frontend) => {
            (frontend.cluster_id.clone(), listener(&frontend.address))
        }
        R::AddBackend(backend) => (backend.cluster_id.clone(), backend.backend_id.clone()),
        R::RemoveBackend(backend) => (backend.cluster_id.clone(), backend.backend_id.clone()),
        R::AddCertificate(added) => at(&added.address),
        R::ReplaceCertificate(replaced) => at(&replaced.address),
        R::RemoveCertificate(removed) => at(&removed.address),
        R::AddHttpListener(config) => at(&config.address),
        R::AddHttpsListener(config) => at(&config.address),
        R::AddTcpListener(config) => at(&config.address),
        R::UpdateHttpListener(config) => at(&config.address),
        R::UpdateHttpsListener(config) => at(&config.address),
        R::UpdateTcpListener(config) => at(&config.address),
        R::RemoveListener(listener) => at(&listener.address),
        R::ActivateListener(listener) => at(&listener.address),
        R::DeactivateListener(listener) => at(&listener.address),
        R::SaveState(path) | R::LoadState(path) | R::ReloadConfiguration(path) => {
            unrelated(path.clone())
        }
        R::Logging(filter) => unrelated(filter.clone()),
        R::Transact(wanted) => unrelated(format!("{} changes", wanted.changes.len())),
        R::ApplyConfiguration(wanted) => unrelated(wanted.origin.clone().unwrap_or_default()),
        R::Rollback(wanted) => unrelated(format!("epoch {}", wanted.epoch)),
        R::UpgradeWorker(id) => unrelated(format!("worker {id}")),
        _ => unrelated(String::new()),
    }
}

fn listener(address: &SocketAddress) -> String {
    match std::net::SocketAddr::try_from(*address) {
        Ok(address) => address.to_string(),
        Err(error) => error.to_string(),
    }
}
