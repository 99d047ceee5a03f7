//! Metrics: how finely workers count, and what clients are told of it.
//!
//! Must not know: what is counted.
//!
//! * `gather`: asks workers, and tells whoever wanted to know.
//! * `pages`: answers in parts; `selection`: which clusters they are about.
//! * `ledger`: what workers have counted that are gone.
//! * `leases`: who wants workers to tell more apart, and for how long.
//! * `statsd`: where metrics are sent to, if somewhere.
//! * `verbs`: what main itself counts.
//! * `windows`: times of the last seconds.
//!
//! Invariant: every worker is told the same level, new ones at their start, and those of another
//! main or image at once.

mod gather;
mod leases;
mod ledger;
mod pages;
mod selection;
mod statsd;
mod verbs;
mod windows;

use std::collections::BTreeMap;

use weir_base::Instant;
use weir_control::channel::ToWorker;
use weir_control::metrics::{Clusters, Detail, OTHER, Part};
use weir_control::packed::{pack, unpack};
use weir_control::state::State;
use weir_proto::response_content::ContentType;
use weir_proto::{
    ChangeKind, Event, EventKind, MetricDetail, MetricDetailStatus, MetricDetailTransition,
    MetricsConfiguration, PlannedChange, Response, SetMetricDetail, WorkerMetricDetailStatus,
};
use weir_telemetry::Verb;

use crate::control::Asker;
use crate::slot::Slot;
use crate::supervise::{Stage, Supervisor};
pub(crate) use gather::Gathering;
use leases::{HandedLease, Leases};
use ledger::Ledger;
use statsd::{Sent, Statsd};
use windows::{HandedSnapshot, Windows};

/// A cluster, and a backend of it; nothing for the cluster itself.
type Scope = (String, String);

/// What main knows of metrics.
#[derive(Default)]
pub(crate) struct Metrics {
    leases: Leases,
    /// What workers tell apart; `None`: they were not told.
    told: Option<Detail>,
    statsd: Option<Statsd>,
    /// What another image has sent to it.
    sent: Sent,
    windows: Windows,
    /// Changes so far, by the name of what they are: another image goes on counting.
    pub(crate) verbs: BTreeMap<String, u64>,
    /// What workers have counted: the same.
    pub(crate) ledger: Ledger,
}

impl Metrics {
    /// Those of another image of main.
    pub(crate) fn resume(
        verbs: BTreeMap<String, u64>,
        ledger: &[u8],
        lately: &[u8],
        now: Instant,
    ) -> Self {
        let ledger = unpack(ledger).unwrap_or_default();
        let (sent, snapshots, leases): (Sent, Vec<HandedSnapshot>, Vec<HandedLease>) =
            unpack(lately).unwrap_or_default();
        let (windows, leases) = (Windows::resume(snapshots, now), Leases::resume(leases, now));
        Self { verbs, ledger, sent, windows, leases, ..Self::default() }
    }

    /// What was sent to statsd, what windows are made of, and leases, packed, for another image.
    pub(crate) fn lately(&self, now: Instant) -> Vec<u8> {
        let sent = self.statsd.as_ref().map_or(&self.sent, Statsd::sent);
        // It does not fail; without it, all begin with what is counted afterwards.
        let packed = pack(&(sent, self.windows.hand_over(now), self.leases.hand_over(now)));
        packed.map(|bytes| bytes.to_vec()).unwrap_or_default()
    }

    /// When something changes though nobody asks.
    pub(crate) fn deadline(&self) -> Instant {
        match self.told {
            Some(_) => {
                let statsd = self.statsd.as_ref().map_or(Instant::FAR, |statsd| statsd.next);
                self.leases.deadline().min(statsd).min(self.windows.next)
            }
            None => Instant::default(),
        }
    }
}

impl Supervisor {
    /// Counts what is told of.
    pub(crate) fn count_event(&mut self, kind: EventKind) {
        self.count_verb(verbs::of_event(kind));
    }

    /// Counts a change that events tell of as `kind`.
    pub(crate) fn count_change(&mut self, kind: EventKind, change: &PlannedChange) {
        self.count_verb(verbs::of_change(kind, change, &self.plan.state));
    }

    pub(crate) fn count_verb(&mut self, verb: Option<Verb>) {
        if let Some(verb) = verb {
            *self.metrics.verbs.entry(verb.name().to_owned()).or_default() += 1;
        }
    }

    /// What workers are to tell apart now.
    fn detail(&self) -> Detail {
        let plan = &self.plan.metrics;
        let wanted = self.metrics.leases.most().map_or(plan.detail, |most| most.max(plan.detail));
        if plan.clusters { wanted } else { Detail::Process }
    }

    /// What a new worker is told.
    pub(crate) fn detail_message(&self) -> ToWorker {
        ToWorker::Measure(self.detail())
    }

    /// Forgets leases that are over.
    pub(crate) fn attend_metrics(&mut self, now: Instant) {
        let ended = self.metrics.leases.expire(now);
        if self.metrics.told.is_none() {
            // One more is for all others together.
            self.metrics.ledger.limit(self.plan.settings.limits.scopes + 1);
            let (plan, sent) =
                (self.plan.metrics.statsd.clone(), std::mem::take(&mut self.metrics.sent));
            self.metrics.statsd = plan.map(|plan| Statsd::new(plan, sent, now));
            if matches!(self.stage, Stage::Starting(_)) && !self.found {
                self.metrics.windows.note(&BTreeMap::new(), &Clusters::All, now);
            }
        }
        self.tell_detail("lease_tick_expired", ended);
        let begins = self.metrics.statsd.as_mut().is_some_and(|statsd| statsd.begins(now));
        if begins {
            self.ask_for_changes(now);
        }
        if matches!(self.stage, Stage::Starting(_)) {
            return self.metrics.windows.postpone(now);
        }
        let Metrics { windows, ledger, .. } = &mut self.metrics;
        if let Some(query) = windows.begins(now, |most| ledger.first(most)) {
            self.ask_for_windows(query, now);
        }
    }

    /// Tells workers what they are to tell apart, if that is something else now.
    fn tell_detail(&mut self, kind: &str, client_id: Option<String>) {
        let detail = self.detail();
        let before = self.metrics.told.replace(detail);
        if before == Some(detail) {
            return;
        }
        self.send_to_all(&ToWorker::Measure(detail));
        if before.is_some_and(|before| detail < before) {
            self.metrics.ledger.restrict(detail, self.asked);
        }
        let Some(before) = before else { return };
        self.count_event(EventKind::MetricDetailChanged);
        let Some(control) = &mut self.control else { return };
        let transition = MetricDetailTransition {
            previous_effective: number(before),
            effective: number(detail),
            transition_kind: kind.to_owned(),
            client_id,
        };
        control.tell(
            "main",
            Event {
                kind: EventKind::MetricDetailChanged.into(),
                metric_detail: Some(transition),
                ..Event::default()
            },
        );
    }

    /// Workers count for clusters, or do not, or begin anew.
    pub(crate) fn configure_metrics(&mut self, asker: &Asker, wanted: i32) {
        let done = match MetricsConfiguration::try_from(wanted) {
            Ok(MetricsConfiguration::Enabled) => {
                self.plan.metrics.clusters = true;
                "clusters are counted"
            }
            Ok(MetricsConfiguration::Disabled) => {
                self.plan.metrics.clusters = false;
                "clusters and backends are not counted any more, only the workers as a whole"
            }
            Ok(MetricsConfiguration::Clear) => {
                self.send_to_all(&ToWorker::ClearMetrics);
                self.metrics.verbs.clear();
                self.metrics.ledger.clear(self.asked);
                self.metrics.windows.clear();
                "everything is counted from 0 again"
            }
            Err(_) => {
                let sentence = format!("{wanted} is no known way to configure metrics");
                return self.answer(asker, &Response::failure(sentence));
            }
        };
        self.tell_detail("configured", None);
        self.answer(asker, &Response::ok(done, None));
        self.tell_of(EventKind::MetricsConfigured);
    }

    /// Somebody wants workers to tell more apart for a while.
    pub(crate) fn set_metric_detail(
        &mut self,
        asker: &Asker,
        wanted: &SetMetricDetail,
        now: Instant,
    ) {
        let before = self.detail();
        if let Err(sentence) = self.metrics.leases.change(asker, wanted, now) {
            return self.answer(asker, &Response::failure(sentence));
        }
        let kind = if wanted.clear() { "lease_clear" } else { "lease_apply" };
        self.tell_detail(kind, Some(wanted.client_id.clone()));
        let (configured, previous_effective) = (number(self.plan.metrics.detail), number(before));
        let effective = number(self.detail());
        let active_lease_count = self.metrics.leases.len();
        let workers = self.slots_that(Slot::serves).map(|slot| {
            let status = WorkerMetricDetailStatus {
                configured,
                effective,
                previous_effective,
                active_lease_count,
            };
            (slot.to_string(), status)
        });
        let workers = workers.collect();
        let status = MetricDetailStatus { configured, effective, previous_effective, workers };
        let sentence = format!("metrics are told apart by {}", self.detail().name());
        self.answer(asker, &Response::ok(sentence, ContentType::MetricDetailStatus(status)));
    }

    /// Forgets what was counted for clusters and backends that are gone.
    pub(crate) fn forget_counts(&mut self, changes: &[PlannedChange]) {
        let is_gone = |change: &PlannedChange| {
            change.kind() == ChangeKind::ChangeRemoved
                && matches!(&*change.object, "cluster" | "backend")
        };
        if changes.iter().any(is_gone) {
            self.metrics.ledger.prune(&self.plan.state);
        }
    }
}

/// There is a cluster of this id; what is counted together is always there.
fn has_cluster(state: &State, id: &str) -> bool {
    id == OTHER || state.clusters.contains_key(id)
}

/// What workers are to be asked for these scopes, in their order.
fn parts<'a>(scopes: impl Iterator<Item = (&'a str, &'a str)>) -> Vec<Part> {
    let mut parts = Vec::<Part>::new();
    for (cluster, backend) in scopes {
        if parts.last().is_none_or(|part| part.cluster != cluster) {
            parts.push(Part::none_of(cluster.to_owned()));
        }
        if let Some(part) = parts.last_mut() {
            match backend {
                "" => part.own = true,
                id => part.backends.get_or_insert_default().push(id.to_owned()),
            }
        }
    }
    parts
}

fn number(detail: Detail) -> i32 {
    let detail = match detail {
        Detail::Process => MetricDetail::DetailProcess,
        Detail::Frontend => MetricDetail::DetailFrontend,
        Detail::Cluster => MetricDetail::DetailCluster,
        Detail::Backend => MetricDetail::DetailBackend,
    };
    detail.into()
}
