//! The answer to whoever asks what was measured: a part in each turn, so that traffic goes on.
//!
//! Must not know: who asks, and what is made of the answer.

use std::vec::IntoIter;

use weir_balance::{Group, View};
use weir_base::{Instant, Key};
use weir_control::channel::UNASKED;
use weir_control::metrics::{Clusters, Detail, Measured, OTHER, OfCluster, Part, Query, Sample};
use weir_telemetry::{Gauge, Scope};

use crate::measure::Places;
use crate::session::{Session, Stage};
use crate::tables::{Cluster, Tables};
use crate::worker::Worker;

/// Clusters and backends that are looked at in one turn, unless one cluster has more.
const STRIDE: usize = 256;

/// A question that is being answered.
pub(crate) struct Survey {
    number: u64,
    query: Query,
    walk: Walk,
    /// Nothing was said yet.
    fresh: bool,
}

/// The clusters that are left.
enum Walk {
    /// All, from this index on.
    From(usize),
    /// What there is of these.
    Listed(IntoIter<Part>),
}

impl Survey {
    fn new(number: u64, mut query: Query) -> Self {
        let walk = match std::mem::take(&mut query.clusters) {
            Clusters::All => Walk::From(0),
            Clusters::These(parts) => Walk::Listed(parts.into_iter()),
        };
        Self { number, query, walk, fresh: true }
    }

    /// The next clusters; whether others follow.
    fn advance(&mut self, tables: &mut Tables) -> (Vec<OfCluster>, bool) {
        let mut found = Vec::new();
        let mut work = 0;
        while work < STRIDE {
            work += 1;
            let (key, part) = match &mut self.walk {
                Walk::From(index) => {
                    let Some((key, cluster)) = tables.clusters.first_from(*index) else {
                        found.extend(self.others(&mut tables.places));
                        return (found, false);
                    };
                    *index = key.index() + 1;
                    (key, Part::all_of(cluster.settings.config.id.clone()))
                }
                Walk::Listed(parts) => {
                    let Some(part) = parts.next() else { return (found, false) };
                    if part.cluster == OTHER {
                        found.extend(self.others(&mut tables.places));
                    }
                    let Some(key) = tables.by_id.get(&part.cluster) else { continue };
                    (*key, part)
                }
            };
            let Some(cluster) = tables.clusters.get_mut(key) else { continue };
            if self.query.changed && !cluster.scopes.take_touched() {
                continue;
            }
            work += if part.own { cluster.group.len() } else { 0 };
            let of = self.of_cluster(key, cluster, part, &tables.places);
            work += of.backends.len();
            if !(of.own.is_empty() && of.backends.is_empty()) {
                found.push(of);
            }
        }
        (found, true)
    }

    /// All clusters together that are not told apart.
    fn others(&self, places: &mut Places) -> Option<OfCluster> {
        let other = places.other()?;
        let touched = other.take_touched();
        let own = self.samples(Some(other), &[]);
        let is_wanted = !own.is_empty() && (touched || !self.query.changed);
        is_wanted.then(|| OfCluster { id: OTHER.to_owned(), own, ..OfCluster::default() })
    }

    fn of_cluster(&self, key: Key, cluster: &Cluster, part: Part, places: &Places) -> OfCluster {
        let Part { cluster: id, own, backends } = part;
        let mut of = OfCluster { id, ..OfCluster::default() };
        if own && places.detail >= Detail::Cluster {
            of.own = self.own(key, cluster, places);
        }
        if places.detail >= Detail::Backend {
            let group = &cluster.group;
            let view = |id: String| group.view_of(&id, Instant::default());
            of.backends = match backends {
                Some(ids) => {
                    let views = ids.into_iter().filter_map(view);
                    views.map(|view| self.of_backend(cluster, &view)).collect()
                }
                None => present(group).map(|view| self.of_backend(cluster, &view)).collect(),
            };
        }
        of
    }

    /// What is of a cluster itself.
    fn own(&self, key: Key, cluster: &Cluster, places: &Places) -> Vec<Sample> {
        let (mut all, mut available) = (0, 0);
        for view in present(&cluster.group) {
            all += 1;
            available += u64::from(view.is_available());
        }
        let mut gauges = vec![(Gauge::AvailableBackends, available), (Gauge::TotalBackends, all)];
        let heavy = places.heaviest.get(key);
        if let Some(heavy) = heavy.filter(|_| cluster.scopes.own().is_none()) {
            gauges.extend([(Gauge::HeavyRequests, heavy.count), (Gauge::HeavyError, heavy.error)]);
        }
        self.samples(cluster.scopes.own(), &gauges)
    }

    fn of_backend(&self, cluster: &Cluster, view: &View<'_>) -> (String, Vec<Sample>) {
        let gauges = [
            (Gauge::PerBackend, u64::from(view.connections)),
            (Gauge::BackendAvailable, u64::from(view.is_available())),
        ];
        (view.spec.id.to_string(), self.samples(cluster.scopes.of(view.key), &gauges))
    }

    fn samples(&self, scope: Option<&Scope>, gauges: &[(Gauge, u64)]) -> Vec<Sample> {
        let counts = scope.into_iter().flat_map(Scope::counted);
        let counts = counts.map(|(counter, n)| (counter.name(), n));
        let counts = counts.filter(|(name, _)| self.query.wants(name));
        let gauges = gauges.iter().map(|(gauge, value)| (gauge.name(), *value));
        let gauges = gauges.filter(|(name, _)| self.query.wants(name));
        let times = scope.into_iter().flat_map(Scope::times);
        let times = times.map(|(time, histogram)| (time.name(), histogram));
        let times = times.filter(|(name, _)| self.query.wants(name));
        let counts = counts.map(|(name, value)| Sample::count(name, value));
        let gauges = gauges.map(|(name, value)| Sample::gauge(name, value));
        let times = times.map(|(name, histogram)| Sample::times(name, histogram));
        counts.chain(gauges).chain(times).collect()
    }
}

/// The backends that were not removed.
fn present(group: &Group) -> impl Iterator<Item = View<'_>> {
    group.iter(Instant::default()).filter(|view| !view.removed)
}

impl Worker {
    /// Somebody wants to know what was measured.
    pub(crate) fn begin_survey(&mut self, number: u64, query: Query) {
        self.surveys.push_back(Survey::new(number, query));
    }

    /// A part can be said now: what was said before has left.
    pub(crate) fn can_survey(&self) -> bool {
        !self.surveys.is_empty() && self.control.is_told()
    }

    /// Says the next part of an answer.
    pub(crate) fn survey(&mut self) {
        if self.can_survey() {
            self.say_part();
        }
    }

    /// Says all that was counted, whether or not it can be sent at once: nothing is counted any
    /// more.
    pub(crate) fn say_last_count(&mut self) {
        self.begin_survey(UNASKED, Query::default());
        while !self.surveys.is_empty() {
            self.say_part();
        }
    }

    fn say_part(&mut self) {
        let Some(mut survey) = self.surveys.pop_front() else { return };
        let (clusters, more) = survey.advance(&mut self.cx.tables);
        let first = std::mem::take(&mut survey.fresh) && !survey.query.narrow;
        let proxy = if first { self.measured(&survey.query) } else { Vec::new() };
        self.control.measured(survey.number, Measured { proxy, clusters }, !more);
        if more {
            self.surveys.push_front(survey);
        }
    }

    /// What was measured of the worker as a whole.
    fn measured(&self, query: &Query) -> Vec<Sample> {
        let refused = self.cx.tables.places.refused;
        let counted = self.cx.observe.samples(refused);
        let tallies = self.cx.multiplexes.tallies().clone().with(self.cx.upstream.tallies());
        let frames = tallies.iter().map(|(name, count)| Sample::count(name, count));
        let gauges = self.gauges().map(|(gauge, value)| Sample::gauge(gauge.name(), value));
        counted.chain(frames).chain(gauges).filter(|sample| query.wants(&sample.name)).collect()
    }

    fn gauges(&self) -> impl Iterator<Item = (Gauge, u64)> {
        let (cx, limits) = (&self.cx, &self.cx.settings.limits);
        let census = Census::of(self.sessions.iter().map(|(_, session)| session));
        [
            (Gauge::Uptime, cx.observe.uptime().as_secs()),
            (Gauge::Live, u64::from(!cx.draining())),
            (Gauge::Clients, self.connections() as u64),
            (Gauge::ClientsMax, limits.sessions as u64),
            (Gauge::BuffersInUse, cx.buffers.in_use() as u64),
            (Gauge::BuffersMax, limits.buffers as u64),
            (Gauge::AcceptQueue, self.gate.len() as u64),
            (Gauge::AcceptClosed, u64::from(!self.gate.is_open())),
            (Gauge::ActiveRequests, census.requests),
            (Gauge::WebSocketRequests, census.web_sockets.iter().sum()),
            (Gauge::WebSockets, census.web_sockets[0]),
            (Gauge::SecureWebSockets, census.web_sockets[1]),
            (Gauge::TcpConnections, census.tcp),
            (Gauge::Http, census.http[0]),
            (Gauge::Https, census.http[1]),
            (Gauge::Handshakes, census.handshakes),
            (Gauge::AwaitedHeaders, census.announced),
            (Gauge::Sessions, self.sessions.len() as u64),
            (Gauge::SessionsMax, self.sessions.capacity() as u64),
            (Gauge::UdpFlows, cx.udp.len() as u64),
            (Gauge::Streams, cx.multiplexes.streams() as u64),
            (Gauge::BackendConnections, cx.upstream.len() as u64),
            (Gauge::BackendIdle, cx.upstream.idle() as u64),
            (Gauge::Waiting, cx.offers.waiting() as u64),
            (Gauge::Epoch, cx.observe.epoch()),
        ]
        .into_iter()
    }
}

/// How many sessions do what. What depends on the client's connection: without TLS, with it.
#[derive(Default)]
struct Census {
    requests: u64,
    web_sockets: [u64; 2],
    tcp: u64,
    http: [u64; 2],
    handshakes: u64,
    announced: u64,
}

impl Census {
    fn of<'a>(sessions: impl Iterator<Item = &'a Session>) -> Self {
        let mut census = Self::default();
        sessions.for_each(|session| census.add(session));
        census
    }

    fn add(&mut self, session: &Session) {
        let secure = usize::from(session.settings.tls.is_some());
        let count = match &session.stage {
            Stage::Handshake => &mut self.handshakes,
            Stage::Announced => &mut self.announced,
            Stage::Exchange(active) if active.raw => &mut self.tcp,
            Stage::Exchange(active) if active.tunnel => &mut self.web_sockets[secure],
            Stage::Hello => return,
            _ => &mut self.http[secure],
        };
        *count += 1;
        if session.active().is_some_and(|active| !(active.raw || active.tunnel)) {
            self.requests += 1;
        }
    }
}
