//! Metrics as the control protocol shows them, and what those of several workers make together.
//!
//! Durations are whole milliseconds there. Each kind of time makes two entries: percentiles, and a
//! cumulative histogram with bounds of 2^i - 1.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

use weir_http::h2;
use weir_proto::filtered_metrics::Inner;
use weir_proto::{
    AggregatedMetrics, AvailableMetrics, BackendMetrics, Bucket, ClusterMetrics, FilteredHistogram,
    FilteredMetrics, Percentiles, WorkerMetrics,
};
use weir_telemetry::{Counter, Gauge, SCOPED, Time, Verb};

use super::{HISTOGRAM, Measured, OfCluster, Query, Sample, Times, Value, WINDOWED, WINDOWS};

/// Microseconds of a millisecond.
const MS: u64 = 1_000;

type Metrics = BTreeMap<String, FilteredMetrics>;

/// Gauges of a cluster or backend alone.
const OF_CLUSTER: [Gauge; 6] = [
    Gauge::AvailableBackends,
    Gauge::TotalBackends,
    Gauge::PerBackend,
    Gauge::BackendAvailable,
    Gauge::HeavyRequests,
    Gauge::HeavyError,
];

/// The names of all metrics.
pub fn names() -> AvailableMetrics {
    let times = |times: &[Time]| {
        let names = times.iter().map(|time| time.name().to_owned());
        names.flat_map(|name| [format!("{name}{HISTOGRAM}"), name]).collect::<Vec<_>>()
    };
    let windows = || {
        let names = WINDOWED.iter().map(|time| time.name());
        let names = names.flat_map(|name| WINDOWS.map(|(suffix, _)| format!("{name}{suffix}")));
        names.collect::<Vec<_>>()
    };
    let counters = |counters: &[Counter]| {
        counters.iter().map(|counter| counter.name().to_owned()).collect::<Vec<_>>()
    };
    let gauges = |of: &dyn Fn(&&Gauge) -> bool| {
        Gauge::ALL.iter().filter(of).map(|gauge| gauge.name().to_owned()).collect::<Vec<_>>()
    };
    let frames = h2::TALLIED.iter().map(|name| (*name).to_owned()).collect();
    let verbs = Verb::ALL.iter().map(|verb| verb.name().to_owned()).collect();
    let sorted = |parts: Vec<Vec<String>>| {
        let mut names = parts.concat();
        names.sort_unstable();
        names
    };
    let (own, of_clusters) =
        (gauges(&|g| !OF_CLUSTER.contains(g)), gauges(&|g| OF_CLUSTER.contains(g)));
    let scoped = times(&Time::ALL[..Time::SCOPED]);
    AvailableMetrics {
        proxy_metrics: sorted(vec![
            times(Time::ALL),
            windows(),
            counters(Counter::ALL),
            frames,
            verbs,
            own,
        ]),
        cluster_metrics: sorted(vec![scoped, windows(), counters(SCOPED), of_clusters]),
    }
}

/// What main and its workers have measured: each worker by itself, or all together.
pub fn answer(
    query: &Query,
    main: &[Sample],
    by_worker: bool,
    found: impl IntoIterator<Item = (String, Measured)>,
) -> AggregatedMetrics {
    let main = entries(query, main);
    let workers = found.into_iter().map(|(id, measured)| (id, worker(query, &measured)));
    if by_worker {
        return AggregatedMetrics { main, workers: workers.collect(), ..Default::default() };
    }
    let mut sum = WorkerMetrics::default();
    workers.for_each(|(_, metrics)| add(&mut sum, metrics));
    AggregatedMetrics { main, proxying: sum.proxy, clusters: sum.clusters, ..Default::default() }
}

/// What one worker has measured.
pub fn worker(query: &Query, measured: &Measured) -> WorkerMetrics {
    let clusters = measured.clusters.iter().map(|of| (of.id.clone(), cluster(query, of)));
    WorkerMetrics { proxy: entries(query, &measured.proxy), clusters: clusters.collect() }
}

fn cluster(query: &Query, of: &OfCluster) -> ClusterMetrics {
    let backends = of.backends.iter().map(|(id, samples)| BackendMetrics {
        backend_id: id.clone(),
        metrics: entries(query, samples),
    });
    ClusterMetrics { cluster: entries(query, &of.own), backends: backends.collect() }
}

fn entries(query: &Query, samples: &[Sample]) -> Metrics {
    let all = samples.iter().flat_map(|sample| {
        let name = || sample.name.clone().into_owned();
        let second = match &sample.value {
            Value::Times(times) if !is_of_window(&sample.name) => {
                Some((format!("{}{HISTOGRAM}", sample.name), wrapped(histogram(times))))
            }
            Value::Count(_) | Value::Gauge(_) | Value::Times(_) => None,
        };
        [Some((name(), metric(&sample.value))), second].into_iter().flatten()
    });
    all.filter(|(name, _)| query.names.is_empty() || query.names.contains(name)).collect()
}

fn is_of_window(name: &str) -> bool {
    WINDOWS.iter().any(|(suffix, _)| name.ends_with(suffix))
}

/// A value; of times, their percentiles.
pub fn metric(value: &Value) -> FilteredMetrics {
    wrapped(match value {
        Value::Count(count) => Inner::Count(i64::try_from(*count).unwrap_or(i64::MAX)),
        Value::Gauge(gauge) => Inner::Gauge(*gauge),
        Value::Times(times) => Inner::Percentiles(percentiles(times)),
    })
}

fn wrapped(inner: Inner) -> FilteredMetrics {
    FilteredMetrics { inner: Some(inner) }
}

fn percentiles(times: &Times) -> Percentiles {
    let at = |q| times.quantile(q) / MS;
    Percentiles {
        samples: times.count(),
        p_50: at(0.5),
        p_90: at(0.9),
        p_99: at(0.99),
        p_99_9: at(0.999),
        p_99_99: at(0.9999),
        p_99_999: at(0.99999),
        p_100: times.max / MS,
        sum: times.sum / MS,
    }
}

/// Up to the first bucket that has all.
fn histogram(times: &Times) -> Inner {
    let count = times.count();
    let mut buckets = Vec::new();
    for le in bounds() {
        let within = times.buckets.iter().take_while(|(value, _)| value / MS <= le);
        let within = within.map(|(_, n)| n).sum();
        buckets.push(Bucket { count: within, le });
        if within == count {
            break;
        }
    }
    Inner::Histogram(FilteredHistogram { sum: times.sum / MS, count, buckets })
}

fn bounds() -> impl Iterator<Item = u64> {
    (0..u64::BITS).map(|i| (1 << i) - 1)
}

/// Adds what another worker has measured.
pub fn add(sum: &mut WorkerMetrics, other: WorkerMetrics) {
    merge(&mut sum.proxy, other.proxy);
    for (id, other) in other.clusters {
        let cluster = sum.clusters.entry(id).or_default();
        merge(&mut cluster.cluster, other.cluster);
        for backend in other.backends {
            let is = |known: &&mut BackendMetrics| known.backend_id == backend.backend_id;
            match cluster.backends.iter_mut().find(is) {
                Some(known) => merge(&mut known.metrics, backend.metrics),
                None => cluster.backends.push(backend),
            }
        }
    }
}

fn merge(into: &mut Metrics, other: Metrics) {
    for (name, value) in other {
        match into.entry(name) {
            Entry::Vacant(place) => drop(place.insert(value)),
            Entry::Occupied(mut place) => combine(place.get_mut(), value),
        }
    }
}

/// Two values of different kinds are not combined: the first is kept.
fn combine(into: &mut FilteredMetrics, other: FilteredMetrics) {
    match (&mut into.inner, other.inner) {
        (Some(Inner::Count(a)), Some(Inner::Count(b))) => *a = a.saturating_add(b),
        (Some(Inner::Gauge(a)), Some(Inner::Gauge(b))) => *a = a.saturating_add(b),
        (Some(Inner::Percentiles(a)), Some(Inner::Percentiles(b))) => {
            *a = Percentiles {
                samples: a.samples + b.samples,
                p_50: a.p_50.max(b.p_50),
                p_90: a.p_90.max(b.p_90),
                p_99: a.p_99.max(b.p_99),
                p_99_9: a.p_99_9.max(b.p_99_9),
                p_99_99: a.p_99_99.max(b.p_99_99),
                p_99_999: a.p_99_999.max(b.p_99_999),
                p_100: a.p_100.max(b.p_100),
                sum: a.sum + b.sum,
            };
        }
        (Some(Inner::Histogram(a)), Some(Inner::Histogram(b))) => *a = together(a, &b),
        _ => {}
    }
}

fn together(a: &FilteredHistogram, b: &FilteredHistogram) -> FilteredHistogram {
    // The shorter one has all that it has below its last bound.
    let within =
        |of: &FilteredHistogram, at: usize| of.buckets.get(at).map_or(of.count, |b| b.count);
    let longest = a.buckets.len().max(b.buckets.len());
    let buckets = bounds().take(longest).enumerate();
    let buckets = buckets.map(|(at, le)| Bucket { count: within(a, at) + within(b, at), le });
    FilteredHistogram { sum: a.sum + b.sum, count: a.count + b.count, buckets: buckets.collect() }
}

#[cfg(test)]
mod tests;
