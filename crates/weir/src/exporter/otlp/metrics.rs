//! Metrics as OTLP has them.
//!
//! A name is `weir.`, what it is of, and the name that it has everywhere else. Counters are
//! cumulative sums, times are cumulative histograms in seconds.

use std::collections::BTreeMap;

use weir_client::proto::filtered_metrics::Inner;
use weir_client::proto::{AggregatedMetrics, FilteredHistogram};

use super::message::{
    AnyValue, Data, ExportMetrics, Gauge, Histogram, HistogramPoint, KeyValue, Metric, NumberPoint,
    Resource, ResourceMetrics, Scope, ScopeMetrics, Sum,
};
use crate::watch::{self, Series};

/// `AGGREGATION_TEMPORALITY_CUMULATIVE`
const CUMULATIVE: i32 = 2;

/// What was measured, as it comes in.
pub(super) struct Report {
    unix_ns: u64,
    /// By name.
    metrics: BTreeMap<String, Metric>,
}

impl Report {
    /// Of what was measured at `unix_ns`.
    pub(super) fn new(unix_ns: u64) -> Self {
        Self { unix_ns, metrics: BTreeMap::new() }
    }

    /// All of an answer, or of a part of one.
    pub(super) fn add(&mut self, metrics: &AggregatedMetrics) {
        watch::each(metrics, |series| self.add_series(series));
    }

    /// All that was added.
    pub(super) fn finish(self) -> ExportMetrics {
        let metrics = self.metrics.into_values().collect();
        ExportMetrics {
            resource_metrics: vec![ResourceMetrics {
                resource: Some(resource()),
                scope_metrics: vec![ScopeMetrics { scope: Some(scope()), metrics }],
            }],
        }
    }

    fn add_series(&mut self, series: Series<'_>) {
        let attributes = series.labels.iter().map(|(key, value)| text(key, value)).collect();
        let name = format!("weir.{}.{}", series.of, series.name);
        match series.value {
            Inner::Count(count) => {
                self.add_number(name, true, number(*count, self.unix_ns, attributes));
            }
            Inner::Gauge(gauge) => {
                let gauge = i64::try_from(*gauge).unwrap_or(i64::MAX);
                self.add_number(name, false, number(gauge, self.unix_ns, attributes));
            }
            Inner::Histogram(histogram) => {
                let name = name.strip_suffix("_histogram").unwrap_or(&name);
                self.add_histogram(name, point(histogram, self.unix_ns, attributes));
            }
            // The histogram says it too.
            Inner::Percentiles(_) | Inner::Time(_) | Inner::TimeSerie(_) => {}
        }
    }

    fn add_number(&mut self, name: String, is_sum: bool, point: NumberPoint) {
        let metric = self.metrics.entry(name).or_insert_with_key(|name| {
            let sum =
                Sum { is_monotonic: true, aggregation_temporality: CUMULATIVE, ..Sum::default() };
            let data = if is_sum { Data::Sum(sum) } else { Data::Gauge(Gauge::default()) };
            metric(name, "1", data)
        });
        match &mut metric.data {
            Some(Data::Sum(sum)) => sum.data_points.push(point),
            Some(Data::Gauge(gauge)) => gauge.data_points.push(point),
            _ => {}
        }
    }

    fn add_histogram(&mut self, name: &str, point: HistogramPoint) {
        let metric = self.metrics.entry(name.to_owned()).or_insert_with(|| {
            let aggregation_temporality = CUMULATIVE;
            let histogram = Histogram { aggregation_temporality, ..Histogram::default() };
            metric(name, "s", Data::Histogram(histogram))
        });
        if let Some(Data::Histogram(histogram)) = &mut metric.data {
            histogram.data_points.push(point);
        }
    }
}

/// What all that is sent is of.
pub(super) fn resource() -> Resource {
    let version = env!("CARGO_PKG_VERSION");
    let attributes = vec![text("service.name", "weir"), text("service.version", version)];
    Resource { attributes }
}

/// Who tells it.
pub(super) fn scope() -> Scope {
    Scope { name: "weir".to_owned(), version: env!("CARGO_PKG_VERSION").to_owned() }
}

fn text(key: &str, value: &str) -> KeyValue {
    let value = Some(AnyValue::text(value.to_owned()));
    KeyValue { key: key.to_owned(), value }
}

fn number(value: i64, time_unix_nano: u64, attributes: Vec<KeyValue>) -> NumberPoint {
    NumberPoint { time_unix_nano, as_int: Some(value), attributes }
}

/// A metric of which there is no point yet.
fn metric(name: &str, unit: &str, data: Data) -> Metric {
    Metric { name: name.to_owned(), unit: unit.to_owned(), data: Some(data) }
}

/// Buckets that add to those before them become buckets by themselves; the last has no bound.
fn point(of: &FilteredHistogram, time_unix_nano: u64, attributes: Vec<KeyValue>) -> HistogramPoint {
    let (mut bucket_counts, mut explicit_bounds, mut before) = (Vec::new(), Vec::new(), 0);
    for (bound, within) in watch::buckets(of) {
        bucket_counts.push(within.saturating_sub(before));
        explicit_bounds.push(bound);
        before = within;
    }
    bucket_counts.push(of.count.saturating_sub(before));
    let sum = Some(of.sum as f64 / 1000.0);
    HistogramPoint {
        time_unix_nano,
        count: of.count,
        sum,
        bucket_counts,
        explicit_bounds,
        attributes,
    }
}

#[cfg(test)]
mod tests {
    use weir_client::proto::{Bucket, FilteredMetrics, WorkerMetrics};

    use super::*;

    #[test]
    fn series_of_a_name_are_points_of_one_metric() {
        let metric = |inner| FilteredMetrics { inner: Some(inner) };
        let buckets = vec![Bucket { le: 0, count: 1 }, Bucket { le: 1, count: 4 }];
        let histogram = FilteredHistogram { sum: 1500, count: 5, buckets };
        let worker = || WorkerMetrics {
            proxy: [
                ("http.requests".to_owned(), metric(Inner::Count(7))),
                ("client.connections".to_owned(), metric(Inner::Gauge(2))),
                ("request_time_histogram".to_owned(), metric(Inner::Histogram(histogram.clone()))),
            ]
            .into(),
            ..WorkerMetrics::default()
        };
        let workers = [("0".to_owned(), worker()), ("1".to_owned(), worker())].into();
        let mut report = Report::new(99);
        report.add(&AggregatedMetrics { workers, ..AggregatedMetrics::default() });
        let sent = report.finish();
        let metrics = &sent.resource_metrics[0].scope_metrics[0].metrics;
        let [connections, requests, times] = &metrics[..] else { panic!("{metrics:?}") };
        assert_eq!(connections.name, "weir.proxy.client.connections");
        let Some(Data::Sum(sum)) = &requests.data else { panic!("{requests:?}") };
        assert!(sum.is_monotonic && sum.data_points.len() == 2);
        let point = &sum.data_points[1];
        assert_eq!((point.as_int, point.time_unix_nano), (Some(7), 99));
        assert_eq!(point.attributes, [text("worker", "1")]);
        assert_eq!((times.name.as_str(), times.unit.as_str()), ("weir.proxy.request_time", "s"));
        let Some(Data::Histogram(times)) = &times.data else { panic!("{times:?}") };
        let point = &times.data_points[0];
        assert_eq!((&point.bucket_counts[..4], point.count), (&[1, 3, 1, 0][..], 5));
        assert_eq!((&point.explicit_bounds[..2], point.sum), (&[0.001, 0.002][..], Some(1.5)));
        assert_eq!(point.bucket_counts.len(), point.explicit_bounds.len() + 1);
    }
}
