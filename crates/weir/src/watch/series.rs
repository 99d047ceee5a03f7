//! All metrics of an answer, one after the other, with what each is of.

use std::collections::BTreeMap;

use weir_client::proto::filtered_metrics::Inner;
use weir_client::proto::{AggregatedMetrics, FilteredHistogram, FilteredMetrics};

/// A metric of a part of Weir.
#[derive(Clone, Copy)]
pub(crate) struct Series<'a> {
    /// `main`, `proxy`, `cluster` or `backend`.
    pub(crate) of: &'static str,
    /// What it is called everywhere.
    pub(crate) name: &'a str,
    /// Which of them: `worker`, `cluster`, `backend`, as far as there are.
    pub(crate) labels: &'a [(&'static str, &'a str)],
    pub(crate) value: &'a Inner,
}

/// Hands over each that main and, each by itself, the workers have measured.
pub(crate) fn each(metrics: &AggregatedMetrics, mut take: impl FnMut(Series<'_>)) {
    let mut all = |of, labels: &[(&'static str, &str)], map: &BTreeMap<String, FilteredMetrics>| {
        for (name, metric) in map {
            if let Some(value) = &metric.inner {
                take(Series { of, name, labels, value });
            }
        }
    };
    all("main", &[], &metrics.main);
    for (id, worker) in &metrics.workers {
        let of_worker = ("worker", id.as_str());
        all("proxy", &[of_worker], &worker.proxy);
        for (id, cluster) in &worker.clusters {
            let of_cluster = ("cluster", id.as_str());
            all("cluster", &[of_worker, of_cluster], &cluster.cluster);
            for backend in &cluster.backends {
                let of_backend = ("backend", backend.backend_id.as_str());
                all("backend", &[of_worker, of_cluster, of_backend], &backend.metrics);
            }
        }
    }
}

/// Every histogram has these bounds: 2^i ms, up to a minute.
const BOUNDS: usize = 17;

/// Bounds in seconds, and how many are below, the same bounds for all.
pub(crate) fn buckets(of: &FilteredHistogram) -> impl Iterator<Item = (f64, u64)> {
    (0..BOUNDS).map(|bound| {
        // What takes at most 2^i - 1 whole milliseconds takes less than 2^i.
        let within = of.buckets.get(bound).map_or(of.count, |bucket| bucket.count);
        ((1_u64 << bound) as f64 / 1000.0, within)
    })
}
