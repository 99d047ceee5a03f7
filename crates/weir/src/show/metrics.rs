//! Metrics: for each part of Weir gauges and counts, percentiles, histograms.

use std::collections::BTreeMap;

use weir_client::proto::filtered_metrics::Inner;
use weir_client::proto::{
    AggregatedMetrics, AvailableMetrics, ClusterMetrics, FilteredHistogram, FilteredMetrics,
    WorkerMetrics,
};

use super::page::{Page, row};

type Metrics = BTreeMap<String, FilteredMetrics>;

pub(super) fn names(page: &mut Page, names: &AvailableMetrics) {
    let of = |kind: &'static str, names: &[String]| {
        names.iter().map(|name| row![kind, name]).collect::<Vec<_>>()
    };
    let rows = [of("proxy", &names.proxy_metrics), of("cluster", &names.cluster_metrics)].concat();
    page.table("", ["of", "metric"], rows);
}

pub(super) fn aggregated(page: &mut Page, metrics: &AggregatedMetrics) {
    section(page, "main process", &metrics.main);
    section(page, "proxying", &metrics.proxying);
    for (worker, metrics) in &metrics.workers {
        of_worker(page, &format!("worker {worker}"), metrics);
    }
    clusters(page, "", &metrics.clusters);
}

pub(super) fn of_worker(page: &mut Page, title: &str, metrics: &WorkerMetrics) {
    section(page, title, &metrics.proxy);
    clusters(page, &format!(" in {title}"), &metrics.clusters);
}

/// `place` stands behind each title: an answer may come in pages.
fn clusters(page: &mut Page, place: &str, clusters: &BTreeMap<String, ClusterMetrics>) {
    for (id, metrics) in clusters {
        section(page, &format!("cluster {id}{place}"), &metrics.cluster);
        for backend in &metrics.backends {
            let title = format!("backend {} of {id}{place}", backend.backend_id);
            section(page, &title, &backend.metrics);
        }
    }
}

fn section(page: &mut Page, title: &str, metrics: &Metrics) {
    numbers(page, title, metrics);
    percentiles(page, title, metrics);
    histograms(page, title, metrics);
}

/// Each metric of the kind that `pick` takes.
fn rows<'a>(
    metrics: &'a Metrics,
    pick: impl Fn(&'a str, &'a Inner) -> Option<Vec<String>> + 'a,
) -> impl Iterator<Item = Vec<String>> + 'a {
    metrics.iter().filter_map(move |(name, metric)| pick(name, metric.inner.as_ref()?))
}

fn numbers(page: &mut Page, title: &str, metrics: &Metrics) {
    let rows = rows(metrics, |name, metric| match metric {
        Inner::Gauge(value) => Some(row![name, value, ""]),
        Inner::Count(value) => Some(row![name, "", value]),
        Inner::Time(value) => Some(row![name, format!("{value} ms"), ""]),
        _ => None,
    });
    page.table(title, ["metric", "gauge", "count"], rows);
}

fn percentiles(page: &mut Page, title: &str, metrics: &Metrics) {
    let header =
        ["percentiles, ms", "samples", "p50", "p90", "p99", "p99.9", "p99.99", "p99.999", "p100"];
    let rows = rows(metrics, |name, metric| match metric {
        Inner::Percentiles(p) => Some(row![
            name, p.samples, p.p_50, p.p_90, p.p_99, p.p_99_9, p.p_99_99, p.p_99_999, p.p_100
        ]),
        _ => None,
    });
    page.table(title, header, rows);
}

fn histograms(page: &mut Page, title: &str, metrics: &Metrics) {
    let rows = rows(metrics, |name, metric| match metric {
        Inner::Histogram(histogram) => {
            Some(row![name, histogram.sum, histogram.count, buckets(histogram)])
        }
        _ => None,
    });
    page.table(title, ["histogram, ms", "sum", "count", "up to: how many"], rows);
}

/// Buckets that add to those before them.
fn buckets(histogram: &FilteredHistogram) -> String {
    let mut before = 0;
    let mut texts = Vec::new();
    for bucket in &histogram.buckets {
        if bucket.count != before {
            texts.push(format!("{}: {}", bucket.le, bucket.count));
        }
        before = bucket.count;
    }
    texts.join(", ")
}
