//! What two answers about metrics come to: how much there is now, how much a second.
//!
//! Must not know: the clock; the time between the answers is an argument.

use std::collections::BTreeMap;

use serde::Serialize;
use weir_client::proto::filtered_metrics::Inner;
use weir_client::proto::{AggregatedMetrics, BackendMetrics, ClusterMetrics, FilteredMetrics};
use weir_control::metrics;

type Metrics = BTreeMap<String, FilteredMetrics>;

/// The time of requests of the last ten seconds.
const WINDOW: &str = "request_time_10s";

/// What pictures are made of, and whatever is measured of HTTP/2.
const NAMES: [&str; 19] = [
    "accept_queue.connections",
    "backend.available",
    "buffer.capacity",
    "buffer.in_use",
    "bytes_in",
    "bytes_out",
    "client.connections",
    "client.connections_max",
    "cluster.available_backends",
    "cluster.total_backends",
    "configuration.epoch",
    "connections_per_backend",
    "http.errors",
    "http.requests",
    "http.status.5xx",
    "listener.accepted.total",
    WINDOW,
    "requests",
    "server.live",
];

/// Names of the metrics that a picture needs.
pub(super) fn names() -> Vec<String> {
    let mut names = metrics::names().proxy_metrics;
    names.retain(|name| is_of_http2(name));
    names.extend(NAMES.map(str::to_owned));
    names
}

fn is_of_http2(name: &str) -> bool {
    name.starts_with("h2.") || name.ends_with(".h2")
}

/// Everything at a glance.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub(crate) struct Picture {
    /// The configuration that workers use; the mean while they change to another.
    pub(crate) epoch: u64,
    /// Workers that serve.
    pub(crate) workers: u64,
    /// All requests.
    pub(crate) total: Traffic,
    /// Connections with clients, and how many there may be.
    pub(crate) connections: [u64; 2],
    /// Accepted a second.
    pub(crate) accepted: Option<f64>,
    /// Sockets that wait to be taken on.
    pub(crate) waiting: u64,
    /// Buffers in use, and how many there are.
    pub(crate) buffers: [u64; 2],
    /// By id.
    pub(crate) clusters: Vec<Cluster>,
    /// Clusters that are not among them.
    pub(crate) hidden: usize,
    /// Whatever is measured of HTTP/2 and is not zero.
    pub(crate) http2: Vec<Number>,
}

/// What goes through; rates are a second's, absent while there is only one answer.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub(crate) struct Traffic {
    /// Requests.
    pub(crate) requests: Option<f64>,
    /// Requests that ended in an error of ours.
    pub(crate) errors: Option<f64>,
    /// Responses of 500 to 599.
    pub(crate) failed: Option<f64>,
    /// Bytes from clients.
    pub(crate) bytes_in: Option<f64>,
    /// Bytes to clients.
    pub(crate) bytes_out: Option<f64>,
    /// Median of the time of a request, in milliseconds, of the last seconds ([`WINDOW`]).
    pub(crate) p50: Option<u64>,
    /// 99 of 100 are not slower, in milliseconds.
    pub(crate) p99: Option<u64>,
}

/// A cluster, or a backend of one.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub(crate) struct Cluster {
    /// Its id.
    pub(crate) id: String,
    /// What it serves.
    pub(crate) traffic: Traffic,
    /// Connections with backends.
    pub(crate) connections: u64,
    /// Backends that may be chosen, as the workers see it, and how many there are.
    pub(crate) available: [f64; 2],
    /// If they are told apart.
    pub(crate) backends: Vec<Cluster>,
    /// Backends that are not among them.
    pub(crate) hidden: usize,
}

/// A metric by itself.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub(crate) struct Number {
    /// Its name.
    pub(crate) name: String,
    /// How much; of a counter, since counting began.
    pub(crate) value: u64,
    /// A second's, if it is a counter.
    pub(crate) rate: Option<f64>,
}

/// An answer, and the one before with the seconds that lie between them.
#[derive(Clone, Copy)]
struct Change<'a> {
    now: &'a Metrics,
    before: Option<(&'a Metrics, f64)>,
}

impl Picture {
    /// Makes it; `before` is an earlier answer, and how many seconds earlier.
    pub(crate) fn of(now: &AggregatedMetrics, before: Option<(&AggregatedMetrics, f64)>) -> Self {
        let all = Change { now: &now.proxying, before: before.map(|(b, s)| (&b.proxying, s)) };
        let workers = all.gauge("server.live");
        let clusters = now.clusters.iter().map(|(id, of)| {
            let before = before.and_then(|(b, seconds)| Some((b.clusters.get(id)?, seconds)));
            cluster(id, of, before, workers.max(1))
        });
        Self {
            epoch: all.gauge("configuration.epoch") / workers.max(1),
            workers,
            total: all.traffic("http.requests"),
            connections: [all.gauge("client.connections"), all.gauge("client.connections_max")],
            accepted: all.rate("listener.accepted.total"),
            waiting: all.gauge("accept_queue.connections"),
            buffers: [all.gauge("buffer.in_use"), all.gauge("buffer.capacity")],
            clusters: clusters.collect(),
            hidden: 0,
            http2: all.numbers(is_of_http2),
        }
    }
}

fn cluster(
    id: &str,
    of: &ClusterMetrics,
    before: Option<(&ClusterMetrics, f64)>,
    workers: u64,
) -> Cluster {
    let change = Change { now: &of.cluster, before: before.map(|(b, s)| (&b.cluster, s)) };
    let mean = |name| change.gauge(name) as f64 / workers as f64;
    let backends = of.backends.iter().map(|backend| {
        let was = |b: &&BackendMetrics| b.backend_id == backend.backend_id;
        let before = before.and_then(|(b, s)| Some((&b.backends.iter().find(was)?.metrics, s)));
        let change = Change { now: &backend.metrics, before };
        let available = change.gauge("backend.available") as f64 / workers as f64;
        change.cluster(&backend.backend_id, [available, 1.0])
    });
    let backends: Vec<_> = backends.collect();
    let available = ["cluster.available_backends", "cluster.total_backends"].map(mean);
    let connections = change.gauge("connections_per_backend");
    let connections = connections.max(backends.iter().map(|b| b.connections).sum());
    Cluster { connections, backends, ..change.cluster(id, available) }
}

impl Change<'_> {
    fn cluster(self, id: &str, available: [f64; 2]) -> Cluster {
        Cluster {
            id: id.to_owned(),
            traffic: self.traffic("requests"),
            connections: self.gauge("connections_per_backend"),
            available,
            backends: Vec::new(),
            hidden: 0,
        }
    }

    fn traffic(self, requests: &str) -> Traffic {
        let times = match inner(self.now, WINDOW) {
            Some(Inner::Percentiles(times)) if times.samples > 0 => Some(times),
            _ => None,
        };
        Traffic {
            requests: self.rate(requests),
            errors: self.rate("http.errors"),
            failed: self.rate("http.status.5xx"),
            bytes_in: self.rate("bytes_in"),
            bytes_out: self.rate("bytes_out"),
            p50: times.map(|times| times.p_50),
            p99: times.map(|times| times.p_99),
        }
    }

    /// A second's; never below zero, for counting may have begun anew.
    fn rate(self, name: &str) -> Option<f64> {
        let (before, seconds) = self.before.filter(|(_, seconds)| *seconds > 0.0)?;
        let grown = count(self.now, name).saturating_sub(count(before, name));
        Some(grown as f64 / seconds)
    }

    fn gauge(self, name: &str) -> u64 {
        match inner(self.now, name) {
            Some(Inner::Gauge(gauge)) => *gauge,
            _ => 0,
        }
    }

    fn numbers(self, wanted: fn(&str) -> bool) -> Vec<Number> {
        let names = self.now.keys().filter(|name| wanted(name));
        let numbers = names.map(|name| {
            let is_count = matches!(inner(self.now, name), Some(Inner::Count(_)));
            let value = self.gauge(name) + count(self.now, name);
            let rate = if is_count { self.rate(name) } else { None };
            Number { name: name.clone(), value, rate }
        });
        numbers.filter(|number| number.value > 0).collect()
    }
}

fn inner<'a>(metrics: &'a Metrics, name: &str) -> Option<&'a Inner> {
    metrics.get(name)?.inner.as_ref()
}

fn count(metrics: &Metrics, name: &str) -> u64 {
    match inner(metrics, name) {
        Some(Inner::Count(count)) => u64::try_from(*count).unwrap_or(0),
        _ => 0,
    }
}

#[cfg(test)]
mod tests {
    use weir_client::proto::Percentiles;

    use super::*;

    fn measured(entries: &[(&str, Inner)]) -> Metrics {
        let metric = |inner: &Inner| FilteredMetrics { inner: Some(inner.clone()) };
        entries.iter().map(|(name, inner)| ((*name).to_owned(), metric(inner))).collect()
    }

    fn answer(requests: i64) -> AggregatedMetrics {
        let times = Percentiles { samples: 3, p_50: 1, p_99: 9, ..Percentiles::default() };
        let one = BackendMetrics {
            backend_id: "one".into(),
            metrics: measured(&[
                ("requests", Inner::Count(requests)),
                ("backend.available", Inner::Gauge(2)),
                ("connections_per_backend", Inner::Gauge(4)),
            ]),
        };
        let cluster = ClusterMetrics {
            cluster: measured(&[
                ("requests", Inner::Count(requests)),
                ("http.status.5xx", Inner::Count(requests / 2)),
                ("cluster.available_backends", Inner::Gauge(2)),
                ("cluster.total_backends", Inner::Gauge(4)),
                (WINDOW, Inner::Percentiles(times)),
            ]),
            backends: vec![one],
        };
        AggregatedMetrics {
            proxying: measured(&[
                ("server.live", Inner::Gauge(2)),
                ("configuration.epoch", Inner::Gauge(14)),
                ("http.requests", Inner::Count(requests)),
                ("h2.frames.rx.data", Inner::Count(requests)),
                ("h2.connection.active_streams", Inner::Gauge(3)),
                ("h2.glitches", Inner::Count(0)),
            ]),
            clusters: [("api".to_owned(), cluster)].into(),
            ..AggregatedMetrics::default()
        }
    }

    #[test]
    fn rates_need_two_answers() {
        let picture = Picture::of(&answer(10), None);
        assert_eq!((picture.workers, picture.epoch), (2, 7));
        assert_eq!((picture.total.requests, picture.http2.len()), (None, 2));
        let picture = Picture::of(&answer(110), Some((&answer(10), 2.0)));
        assert_eq!(picture.total.requests, Some(50.0));
        let cluster = &picture.clusters[0];
        assert_eq!((cluster.traffic.failed, cluster.traffic.p99), (Some(25.0), Some(9)));
        assert_eq!((cluster.available, cluster.connections), ([1.0, 2.0], 4));
        let backend = &cluster.backends[0];
        assert_eq!((backend.traffic.requests, backend.available), (Some(50.0), [1.0, 1.0]));
        let [streams, data] = &picture.http2[..] else { panic!("{:?}", picture.http2) };
        assert_eq!((streams.value, streams.rate, data.rate), (3, None, Some(50.0)));
    }

    #[test]
    fn what_is_needed_is_asked_for() {
        let names = names();
        let ask = |mut of: AggregatedMetrics| {
            of.proxying.retain(|name, _| names.contains(name));
            for cluster in of.clusters.values_mut() {
                cluster.cluster.retain(|name, _| names.contains(name));
                for backend in &mut cluster.backends {
                    backend.metrics.retain(|name, _| names.contains(name));
                }
            }
            of
        };
        let whole = Picture::of(&answer(110), Some((&answer(10), 2.0)));
        assert_eq!(Picture::of(&ask(answer(110)), Some((&ask(answer(10)), 2.0))), whole);
        let known = metrics::names();
        let known = [known.proxy_metrics, known.cluster_metrics].concat();
        assert!(names.iter().all(|name| known.contains(name)), "{names:?}");
    }

    #[test]
    fn counting_anew_is_no_negative_rate() {
        let picture = Picture::of(&answer(10), Some((&answer(110), 2.0)));
        assert_eq!(picture.total.requests, Some(0.0));
    }
}
