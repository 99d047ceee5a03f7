//! Asking workers what they have counted, and what becomes of what they say.
//!
//! Must not know: what is counted.
//!
//! Bounds: of a page, no more than a page; of a question without one, what workers tell apart.

use std::collections::{BTreeMap, BTreeSet};

use weir_base::Instant;
use weir_control::channel::{Question, UNASKED};
use weir_control::metrics::{self, Clusters, Measured, Query, Sample};
use weir_proto::response_content::ContentType;
use weir_proto::{AggregatedMetrics, QueryMetricsOptions, Response, frame};
use weir_telemetry::{Counter, Gauge, Verb};

use super::has_cluster;
use super::ledger::Found;
use super::pages::Page;
use super::selection::Selection;
use crate::control::Asker;
use crate::questions::{About, Speaker};
use crate::slot::Slot;
use crate::supervise::Supervisor;
use crate::worker_process::WorkerProcess;

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
    /// A page is asked for.
    page: Option<Page>,
    found: Found,
}

impl Gathering {
    fn new(whom: Whom, query: Query, by_worker: bool) -> Self {
        Self { whom, query, by_worker, page: None, found: Found::new() }
    }
}

impl Supervisor {
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
        if !wanted.no_clusters {
            self.metrics.windows.watch(now);
        }
        match self.gathering_for(asker, wanted) {
            Ok(gathering) => self.ask_for(gathering, now),
            Err(sentence) => self.answer(&asker, &Response::failure(sentence)),
        }
    }

    /// What a client asks for: everything at once, or a page of it.
    fn gathering_for(
        &self,
        asker: Asker,
        wanted: QueryMetricsOptions,
    ) -> Result<Gathering, String> {
        let (state, selection) = (&self.plan.state, Selection::of(&wanted));
        let mut page = wanted.page.as_deref().map(Page::parse).transpose()?;
        let goes_on = page.as_ref().is_some_and(|page| !page.is_first);
        if !goes_on {
            selection.check(state)?;
        }
        let clusters = match &mut page {
            None => selection.all(state),
            Some(page) => Clusters::These(page.begin(&selection, state, self.detail())),
        };
        let narrow = selection.is_narrow() || goes_on;
        let query = Query { names: wanted.metric_names, narrow, clusters, changed: false };
        Ok(Gathering { page, ..Gathering::new(Whom::Client(asker), query, wanted.workers) })
    }

    /// Asks workers what is to be sent to statsd, unless some have not answered the last time.
    pub(super) fn ask_for_changes(&mut self, now: Instant) {
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
        self.ask_for(Gathering::new(Whom::Statsd, query, true), now);
    }

    /// Asks workers for what windows are made of.
    pub(super) fn ask_for_windows(&mut self, query: Query, now: Instant) {
        self.ask_for(Gathering::new(Whom::Windows, query, false), now);
    }

    /// Asks every worker.
    fn ask_for(&mut self, gathering: Gathering, now: Instant) {
        let waiting: BTreeSet<u16> = self.slots_that(Slot::serves).collect();
        if waiting.is_empty() {
            return self.tell_metrics(gathering, 0);
        }
        let question = Question::Metrics(gathering.query.clone());
        self.ask(waiting, question, About::Metrics(Box::new(gathering)), now);
    }

    /// A worker has measured this, and maybe more.
    pub(crate) fn note_measured(&mut self, who: Speaker, number: u64, part: Measured, last: bool) {
        let names_all = |gathering: &mut Gathering| gathering.query.names.is_empty();
        let whole = number == UNASKED || self.gathering(number).is_some_and(names_all);
        self.metrics.ledger.note(who, number, &part, whole);
        if number == UNASKED {
            return self.send_to_statsd(Vec::new(), [((who.pid, who.slot), part)].into());
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

    fn gathering(&mut self, number: u64) -> Option<&mut Gathering> {
        match self.about(number)? {
            About::Metrics(gathering) => Some(gathering),
            _ => None,
        }
    }

    /// Sends what main and workers, by process id and slot, have counted since the last time.
    fn send_to_statsd(&mut self, main: Vec<Sample>, found: BTreeMap<(i32, u16), Measured>) {
        let state = &self.plan.state;
        if let Some(statsd) = &mut self.metrics.statsd {
            statsd.send(main, found, |id| has_cluster(state, id));
        }
    }

    /// Tells whoever asked what workers have measured; so many have not said it all.
    pub(crate) fn tell_metrics(&mut self, gathering: Gathering, late: usize) {
        let asker = match gathering.whom {
            Whom::Client(asker) => asker,
            Whom::Statsd => {
                let found = gathering.found.into_iter();
                let found = found.map(|(slot, heard)| ((heard.pid, slot), heard.measured));
                return self.send_to_statsd(self.own_metrics(), found.collect());
            }
            Whom::Windows => {
                let Gathering { found, query, .. } = gathering;
                let (state, slots) = (&self.plan.state, self.plan.worker_count);
                let all = self.metrics.ledger.complete(found, &query, state, slots);
                return self.metrics.windows.note(&all, &query.clusters, weir_sys::now());
            }
        };
        let message = match late {
            0 => "here they are".to_owned(),
            late => format!("{late} workers have not answered in time, or not completely"),
        };
        let all = self.answer_of(gathering);
        let mut response = Response::ok(message, ContentType::Metrics(all));
        if !frame::fits(&response, self.longest_frame()) {
            response = Response::failure(
                "this is more than max_command_buffer_size: ask for it in pages, as `weir metrics \
                 get` does, or for some clusters or names",
            );
        }
        self.answer(&asker, &response);
    }

    /// What a client is told.
    fn answer_of(&self, gathering: Gathering) -> AggregatedMetrics {
        let Gathering { query, by_worker, page, found, .. } = gathering;
        let (state, slots) = (&self.plan.state, self.plan.worker_count);
        let found = self.metrics.ledger.complete(found, &query, state, slots);
        let lately = (!by_worker).then(|| self.metrics.windows.of(&found, weir_sys::now()));
        let lately = lately.map(|lately| ("lately".to_owned(), lately));
        let found = found.into_iter().map(|(slot, measured)| (slot.to_string(), measured));
        let main = if query.narrow { Vec::new() } else { self.own_metrics() };
        let mut all = metrics::answer(&query, &main, by_worker, found.chain(lately));
        if let Some(page) = page {
            page.finish(&mut all, self.longest_frame() / 2);
        }
        all
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
            samples.push(Sample::count(Counter::StatsdDropped.name(), statsd.dropped()));
        }
        samples
    }
}
