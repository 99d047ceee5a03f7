//! What health checks found: one worker makes them, main tells the others.
//!
//! Findings live in the store too, a second late at most, so that a proxy that starts again does
//! not have to find out anew. Must not know: how checks are made.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use log::warn;
use weir_base::{Address, Instant};
use weir_control::channel::{Finding, ToWorker};
use weir_control::state::{BackendId, State};
use weir_proto::{Event, EventKind};

use crate::history::History;
use crate::supervise::Supervisor;

/// How late findings are stored, at most.
const PERIOD: Duration = Duration::from_secs(1);

/// Findings in one message.
const PIECE: usize = 200;

/// By backend.
pub(crate) struct Findings {
    known: BTreeMap<BackendId, bool>,
    unstored: BTreeSet<BackendId>,
    /// When something is to be stored.
    pub(crate) next: Instant,
}

impl Findings {
    /// Those of backends that there are.
    pub(crate) fn new(findings: Vec<Finding>, state: &State) -> Self {
        let known = findings.into_iter().map(|finding| (finding.backend, finding.healthy));
        let known = known.filter(|(backend, _)| state.backends.get(backend).is_some()).collect();
        Self { known, unstored: BTreeSet::new(), next: Instant::FAR }
    }

    /// All of them.
    pub(crate) fn all(&self) -> Vec<Finding> {
        let all = self.known.iter();
        all.map(|(backend, healthy)| Finding { backend: backend.clone(), healthy: *healthy })
            .collect()
    }

    /// What a worker is told that has the state.
    pub(crate) fn messages(&self) -> Vec<ToWorker> {
        self.all().chunks(PIECE).map(|piece| ToWorker::Findings(piece.to_vec())).collect()
    }

    fn note(&mut self, finding: &Finding, now: Instant) {
        self.known.insert(finding.backend.clone(), finding.healthy);
        self.unstored.insert(finding.backend.clone());
        self.next = self.next.min(now + PERIOD);
    }

    /// Stores what is new; what is known of backends that are gone is forgotten.
    fn store(&mut self, history: &mut History, state: &State) {
        self.next = Instant::FAR;
        let gone = self.known.extract_if(.., |backend, _| state.backends.get(backend).is_none());
        self.unstored.extend(gone.map(|(backend, _)| backend));
        let changes: Vec<_> = std::mem::take(&mut self.unstored)
            .into_iter()
            .map(|backend| {
                let healthy = self.known.get(&backend).copied();
                (backend, healthy)
            })
            .collect();
        if let Err(error) = history.put_findings(&changes) {
            warn!("what health checks found cannot be stored: {error}");
        }
    }
}

impl Supervisor {
    /// A worker found something: the others are told, and whoever listens to events.
    pub(crate) fn note_finding(
        &mut self,
        slot: u16,
        finding: Finding,
        address: Address,
        now: Instant,
    ) {
        self.findings.note(&finding, now);
        self.send_to_all(&ToWorker::Findings(vec![finding.clone()]));
        let kind = match finding.healthy {
            true => EventKind::HealthCheckHealthy,
            false => EventKind::HealthCheckUnhealthy,
        };
        let event = Event {
            kind: kind.into(),
            cluster_id: Some(finding.backend.cluster),
            backend_id: Some(finding.backend.id),
            address: address.ip().map(Into::into),
            ..Event::default()
        };
        if let Some(control) = &mut self.control {
            control.tell(&slot.to_string(), event);
        }
    }

    /// Stores findings when it is time.
    pub(crate) fn attend_findings(&mut self, now: Instant) {
        if self.findings.next <= now {
            self.findings.store(&mut self.history, &self.plan.state);
        }
    }
}
