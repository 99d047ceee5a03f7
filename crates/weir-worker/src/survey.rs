//! The answer to whoever asks what was measured: a part in each turn, so that traffic goes on.
//!
//! Must not know: who asks, and what is made of the answer.

use std::collections::VecDeque;

use weir_base::Key;
use weir_control::channel::UNASKED;
use weir_control::metrics::{Detail, Measured, OTHER, OfCluster, Query, Sample};
use weir_telemetry::{Gauge, Heavy, Scope};

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
    Listed(VecDeque<Key>),
}

impl Survey {
    /// # Errors
    /// A sentence about what is asked for and does not exist.
    pub(crate) fn new(number: u64, query: Query, tables: &Tables) -> Result<Self, String> {
        let walk = if !query.clusters.is_empty() {
            let key = |id: &String| {
                let known = tables.by_id.get(id).copied();
                known.ok_or_else(|| format!("there is no cluster `{id}`"))
            };
            Walk::Listed(query.clusters.iter().map(key).collect::<Result<_, _>>()?)
        } else if query.backends.is_empty() {
            Walk::From(if query.no_clusters { usize::MAX } else { 0 })
        } else {
            let owner = |id: &String| {
                let has = |cluster: &Cluster| cluster.group.key_of(id).is_some();
                let owner = tables.clusters.iter().find(|(_, cluster)| has(cluster));
                let key = owner.map(|(key, _)| key);
                key.ok_or_else(|| format!("there is no backend `{id}`"))
            };
            let mut keys: Vec<_> = query.backends.iter().map(owner).collect::<Result<_, _>>()?;
            keys.sort_unstable();
            keys.dedup();
            Walk::Listed(keys.into())
        };
        Ok(Self { number, query, walk, fresh: true })
    }

    /// The next clusters; whether others follow.
    fn advance(&mut self, tables: &mut Tables) -> (Vec<OfCluster>, bool) {
        let mut found = Vec::new();
        let mut work = 0;
        while work < STRIDE {
            let key = match &mut self.walk {
                Walk::From(index) => {
                    let Some((key, _)) = tables.clusters.first_from(*index) else {
                        // Whoever asks for no cluster has begun behind the last one.
                        if *index < usize::MAX {
                            found.extend(self.others(&mut tables.places));
                        }
                        return (found, false);
                    };
                    *index = key.index() + 1;
                    key
                }
                Walk::Listed(keys) => match keys.pop_front() {
                    Some(key) => key,
                    None => return (found, false),
                },
            };
            let Some(cluster) = tables.clusters.get_mut(key) else { continue };
            work += 1;
            if self.query.changed && !cluster.scopes.take_touched() {
                continue;
            }
            let heavy = tables.places.heaviest.get(key);
            let of = self.of_cluster(cluster, heavy, tables.places.detail);
            work += cluster.group.len();
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

    fn of_cluster(
        &self,
        cluster: &Cluster,
        heavy: Option<&Heavy<Key>>,
        detail: Detail,
    ) -> OfCluster {
        let mut of = OfCluster { id: cluster.settings.config.id.clone(), ..OfCluster::default() };
        if detail < Detail::Cluster {
            return of;
        }
        let (mut all, mut available) = (0, 0);
        for view in cluster.group.iter(Default::default()).filter(|view| !view.removed) {
            let up = view.is_available();
            all += 1;
            available += u64::from(up);
            if detail == Detail::Backend {
                let gauges = [
                    (Gauge::PerBackend, u64::from(view.connections)),
                    (Gauge::BackendAvailable, u64::from(up)),
                ];
                let samples = self.samples(cluster.scopes.of(view.key), &gauges);
                of.backends.push((view.spec.id.to_string(), samples));
            }
        }
        if self.query.clusters.is_empty() && !self.query.backends.is_empty() {
            return of;
        }
        let mut gauges = vec![(Gauge::AvailableBackends, available), (Gauge::TotalBackends, all)];
        if let Some(heavy) = heavy.filter(|_| cluster.scopes.own().is_none()) {
            gauges.extend([(Gauge::HeavyRequests, heavy.count), (Gauge::HeavyError, heavy.error)]);
        }
        of.own = self.samples(cluster.scopes.own(), &gauges);
        of
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

impl Worker {
    /// Somebody wants to know what was measured.
    pub(crate) fn begin_survey(&mut self, number: u64, query: Query) {
        match Survey::new(number, query, &self.cx.tables) {
            Ok(survey) => self.surveys.push_back(survey),
            Err(reason) => self.control.not_measured(number, reason),
        }
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
        let first = std::mem::take(&mut survey.fresh) && !survey.query.is_narrow();
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
