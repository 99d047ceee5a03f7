//! Metrics: how finely workers count, and what clients are told of it.
//!
//! Must not know: what is counted.
//!
//! * `ledger`: what workers have counted that are gone.
//! * `leases`: who wants workers to tell more apart, and for how long.
//! * `statsd`: where metrics are sent to, if somewhere.
//! * `verbs`: what main itself counts.
//! * `windows`: times of the last seconds.
//!
//! Invariant: every worker is told the same level, new ones at their start, and those of another
//! main or image at once.

mod leases;
mod ledger;
mod statsd;
mod verbs;
mod windows;

use std::collections::{BTreeMap, BTreeSet};

use weir_base::Instant;
use weir_control::channel::{Question, ToWorker, UNASKED};
use weir_control::metrics::{self, Detail, Measured, OTHER, Query, Sample};
use weir_control::packed::unpack;
use weir_proto::response_content::ContentType;
use weir_proto::{
    ChangeKind, Event, EventKind, MetricDetail, MetricDetailStatus, MetricDetailTransition,
    MetricsConfiguration, PlannedChange, QueryMetricsOptions, Response, SetMetricDetail,
    WorkerMetricDetailStatus,
};
use weir_telemetry::{Counter, Gauge, Verb};

use crate::control::Asker;
use crate::questions::{About, Speaker};
use crate::slot::Slot;
use crate::supervise::Supervisor;
use crate::worker_process::WorkerProcess;
use leases::Leases;
use ledger::{Found, Ledger};
use statsd::Statsd;
use windows::Windows;

/// What main knows of metrics.
#[derive(Default)]
pub(crate) struct Metrics {
    leases: Leases,
    /// What workers tell apart; `None`: they were not told.
    told: Option<Detail>,
    statsd: Option<Statsd>,
    windows: Windows,
    /// Changes so far, by the name of what they are: another image goes on counting.
    pub(crate) verbs: BTreeMap<String, u64>,
    /// What workers have counted: the same.
    pub(crate) ledger: Ledger,
}

/// Who wants to know.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Whom {
    Client(Asker),
    Statsd,
    Windows,
}

/// Answers to a question about metrics.
pub(crate) struct Gathering {
    whom: Whom,
    query: Query,
    by_worker: bool,
    found: Found,
    /// Why a worker says nothing.
    refused: BTreeMap<u16, String>,
}

impl Gathering {
    fn new(whom: Whom, query: Query, by_worker: bool) -> Self {
        Self { whom, query, by_worker, found: Found::new(), refused: BTreeMap::new() }
    }
}

impl Metrics {
    /// Those of another image of main.
    pub(crate) fn resume(verbs: BTreeMap<String, u64>, ledger: &[u8]) -> Self {
        Self { verbs, ledger: unpack(ledger).unwrap_or_default(), ..Self::default() }
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
            let plan = self.plan.metrics.statsd.clone();
            self.metrics.statsd = plan.map(|plan| Statsd::new(plan, now));
        }
        self.tell_detail("lease_tick_expired", ended);
        let begins = self.metrics.statsd.as_mut().is_some_and(|statsd| statsd.begins(now));
        if begins {
            self.ask_for_changes(now);
        }
        if let Some(query) = self.metrics.windows.begins(now) {
            self.ask_for(Whom::Windows, query, false, now);
        }
    }

    /// Asks workers what is to be sent to statsd, unless some have not answered the last time.
    fn ask_for_changes(&mut self, now: Instant) {
        let is_ours = |about: &About| matches!(about, About::Metrics(g) if g.whom == Whom::Statsd);
        let waiting: BTreeSet<u16> = self.slots_that(Slot::serves).collect();
        if waiting.is_empty() || self.has_asked(is_ours) {
            return;
        }
        let pids: Vec<i32> = self.workers().map(WorkerProcess::pid).collect();
        let serving: Vec<i32> = waiting.iter().filter_map(|slot| self.pid_of(*slot)).collect();
        let Some(statsd) = &mut self.metrics.statsd else { return };
        statsd.retain(|pid| pids.contains(&pid));
        let query = Query { changed: !statsd.is_new(&serving), ..Query::default() };
        self.ask_for(Whom::Statsd, query, true, now);
    }

    /// Asks every worker.
    fn ask_for(&mut self, whom: Whom, query: Query, by_worker: bool, now: Instant) {
        let waiting: BTreeSet<u16> = self.slots_that(Slot::serves).collect();
        let gathering = Gathering::new(whom, query.clone(), by_worker);
        if waiting.is_empty() {
            return self.tell_metrics(gathering, 0);
        }
        self.ask(waiting, Question::Metrics(query), About::Metrics(Box::new(gathering)), now);
    }

    /// Sends what workers have counted since the last time.
    fn send_to_statsd(&mut self, found: Found) {
        let by_process = found.into_iter().map(|(slot, heard)| ((heard.pid, slot), heard.measured));
        let (by_process, main) = (by_process.collect(), self.own_metrics());
        let clusters = &self.plan.state.clusters;
        let Some(statsd) = &mut self.metrics.statsd else { return };
        statsd.send(&main, by_process, |id| id == OTHER || clusters.contains_key(id));
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

    /// Asks every worker what it has measured.
    pub(crate) fn ask_for_metrics(
        &mut self,
        asker: Asker,
        wanted: QueryMetricsOptions,
        now: Instant,
    ) {
        if wanted.list {
            let content = ContentType::AvailableMetrics(metrics::names());
            return self.answer(&asker, &Response::ok("these can be there", content));
        }
        let query = Query {
            names: wanted.metric_names,
            clusters: wanted.cluster_ids,
            backends: wanted.backend_ids,
            no_clusters: wanted.no_clusters,
            changed: false,
        };
        if !query.no_clusters {
            self.metrics.windows.watch(now);
        }
        self.ask_for(Whom::Client(asker), query, wanted.workers, now);
    }

    /// A worker has measured this, and maybe more.
    pub(crate) fn note_measured(&mut self, who: Speaker, number: u64, part: Measured, last: bool) {
        let names_all = |gathering: &mut Gathering| gathering.query.names.is_empty();
        let whole = number == UNASKED || self.gathering(number).is_some_and(names_all);
        self.metrics.ledger.note(who, number, &part, whole);
        if number == UNASKED {
            return self.send_last_to_statsd(who, part);
        }
        if let Some(gathering) = self.gathering(number) {
            let heard = gathering.found.entry(who.slot).or_default();
            heard.pid = who.pid;
            heard.complete = last;
            heard.measured.proxy.extend(part.proxy);
            heard.measured.clusters.extend(part.clusters);
        }
        if last {
            self.note_answer(who, number, |_| ());
        }
    }

    /// What a worker has counted since it was asked the last time.
    fn send_last_to_statsd(&mut self, who: Speaker, part: Measured) {
        let clusters = &self.plan.state.clusters;
        if let Some(statsd) = &mut self.metrics.statsd {
            let by_process = [((who.pid, who.slot), part)].into();
            statsd.send(&[], by_process, |id| id == OTHER || clusters.contains_key(id));
        }
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

    pub(crate) fn note_not_measured(&mut self, who: Speaker, number: u64, reason: String) {
        self.note_answer(who, number, |about| {
            if let About::Metrics(gathering) = about {
                gathering.refused.insert(who.slot, reason);
            }
        });
    }

    fn gathering(&mut self, number: u64) -> Option<&mut Gathering> {
        match self.about(number)? {
            About::Metrics(gathering) => Some(gathering),
            _ => None,
        }
    }

    /// Tells whoever asked what workers have measured; so many have not said it all.
    pub(crate) fn tell_metrics(&mut self, gathering: Gathering, late: usize) {
        let Gathering { whom, query, by_worker, found, refused } = gathering;
        let (state, slots) = (&self.plan.state, self.plan.worker_count);
        let asker = match whom {
            Whom::Client(asker) => asker,
            Whom::Statsd => return self.send_to_statsd(found),
            Whom::Windows => {
                let all = self.metrics.ledger.complete(found, &query, state, slots);
                return self.metrics.windows.note(&all, weir_sys::now());
            }
        };
        if !refused.is_empty() {
            let sentences = refused.iter().map(|(slot, reason)| format!("worker {slot}: {reason}"));
            let sentence = sentences.collect::<Vec<_>>().join(", ");
            return self.answer(&asker, &Response::failure(sentence));
        }
        let message = match late {
            0 => "here they are".to_owned(),
            late => format!("{late} workers have not answered in time, or not completely"),
        };
        let found = self.metrics.ledger.complete(found, &query, state, slots);
        let lately = (!by_worker).then(|| self.metrics.windows.of(&found, weir_sys::now()));
        let lately = lately.map(|lately| ("lately".to_owned(), lately));
        let found = found.into_iter().map(|(slot, measured)| (slot.to_string(), measured));
        let found = found.chain(lately);
        let all = metrics::answer(&query, &self.own_metrics(), by_worker, found);
        self.answer(&asker, &Response::ok(message, ContentType::Metrics(all)));
    }

    /// What main has measured itself.
    fn own_metrics(&self) -> Vec<Sample> {
        let state = &self.plan.state;
        let gauge = |gauge: Gauge, value: usize| Sample::gauge(gauge.name(), value as u64);
        let mut samples = vec![
            gauge(Gauge::Clusters, state.clusters.len()),
            gauge(Gauge::Backends, state.backends.len()),
            gauge(Gauge::Frontends, state.frontends.len()),
        ];
        let ends = state.certificates.values().map(|certificate| certificate.expires).min();
        let ends = ends.and_then(|ends| u64::try_from(ends).ok());
        samples.extend(ends.map(|ends| Sample::gauge(Gauge::FirstExpiry.name(), ends)));
        samples.extend(Verb::ALL.iter().filter_map(|verb| {
            let count = self.metrics.verbs.get(verb.name())?;
            Some(Sample::count(verb.name(), *count))
        }));
        if let Some(statsd) = &self.metrics.statsd {
            samples.push(Sample::count(Counter::StatsdDropped.name(), statsd.dropped));
        }
        samples
    }
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
