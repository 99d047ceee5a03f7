//! Metrics as OTLP has them.
//!
//! A name is `weir.`, what it is of, and the name that it has everywhere else. Counters are
//! cumulative sums, times are cumulative histograms in seconds.

use std::collections::BTreeMap;
use std::mem;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use axum::body::Bytes;
use opentelemetry_proto::tonic::collector::metrics::v1::{
    ExportMetricsServiceRequest, ExportMetricsServiceResponse,
};
use opentelemetry_proto::tonic::common::v1::KeyValue;
use opentelemetry_proto::tonic::metrics::v1::metric::Data;
use opentelemetry_proto::tonic::metrics::v1::number_data_point::Value;
use opentelemetry_proto::tonic::metrics::v1::{
    AggregationTemporality, Gauge, Histogram, HistogramDataPoint, Metric, NumberDataPoint,
    ResourceMetrics, ScopeMetrics, Sum,
};
use prost::Message;
use tokio::task::spawn_blocking;
use tokio::time::{MissedTickBehavior, interval};
use weir_client::proto::FilteredHistogram;
use weir_client::proto::filtered_metrics::Inner;

use super::collector::{Collector, Refusal, packed};
use super::common::{resource, scope, text};
use crate::output::print_error;
use crate::watch::{self, Series, Source};

/// Points of a request: some hundred kilobytes to some megabytes, before they are compressed.
const POINTS: usize = 10_000;

const CUMULATIVE: i32 = AggregationTemporality::Cumulative as i32;

/// Reports every `period`, for ever.
pub(super) async fn report(source: Arc<Source>, collector: Arc<Collector>, period: Duration) {
    let mut trouble = false;
    let mut turns = interval(period);
    turns.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        turns.tick().await;
        let told = once(Arc::clone(&source), &collector).await;
        // Each change is said once.
        match &told {
            Err(refusal) if !trouble => said(&collector, &refusal.why),
            Ok(()) if trouble => said(&collector, "it takes them again"),
            _ => {}
        }
        trouble = told.is_err();
        if let Err(Refusal { again: Some(after), .. }) = told {
            turns.reset_after(after.max(period));
        }
    }
}

fn said(collector: &Collector, what: &str) {
    print_error(&format!("weir: metrics for {collector}: {what}"));
}

async fn once(source: Arc<Source>, collector: &Collector) -> Result<(), Refusal> {
    let lost = |why| Refusal { why, again: None };
    let bodies = spawn_blocking(move || measured(&source)).await;
    let bodies = bodies.unwrap_or_else(|error| Err(error.to_string())).map_err(lost)?;
    for body in bodies {
        let answer = collector.post("/v1/metrics", &body).await?;
        let answer = ExportMetricsServiceResponse::decode(answer).unwrap_or_default();
        let part = answer.partial_success.unwrap_or_default();
        if part.rejected_data_points > 0 {
            let (count, why) = (part.rejected_data_points, part.error_message);
            return Err(lost(format!("{count} points are rejected: {why}")));
        }
    }
    Ok(())
}

/// What is sent of all that was measured.
fn measured(source: &Source) -> Result<Vec<Bytes>, String> {
    let passed = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let unix_ns = u64::try_from(passed.as_nanos()).unwrap_or(u64::MAX);
    let (mut report, mut bodies) = (Report::new(unix_ns), Vec::new());
    source.by_worker(|part| {
        watch::each(part, |series| {
            report.add(series);
            if report.points == POINTS {
                let full = mem::replace(&mut report, Report::new(unix_ns));
                bodies.push(packed(&full.finish()));
            }
        });
    })?;
    bodies.push(packed(&report.finish()));
    Ok(bodies)
}

/// What was measured, as it comes in.
struct Report {
    unix_ns: u64,
    points: usize,
    /// By name.
    metrics: BTreeMap<String, Metric>,
}

impl Report {
    /// Of what was measured at `unix_ns`.
    fn new(unix_ns: u64) -> Self {
        Self { unix_ns, points: 0, metrics: BTreeMap::new() }
    }

    /// All that was added.
    fn finish(self) -> ExportMetricsServiceRequest {
        let metrics = self.metrics.into_values().collect();
        let of_scope = ScopeMetrics { scope: scope(), metrics, ..ScopeMetrics::default() };
        let scope_metrics = vec![of_scope];
        let of_resource =
            ResourceMetrics { resource: resource(), scope_metrics, ..ResourceMetrics::default() };
        ExportMetricsServiceRequest { resource_metrics: vec![of_resource] }
    }

    fn add(&mut self, series: Series<'_>) {
        let attributes = series.labels.iter().map(|(key, value)| text(key, *value)).collect();
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

    fn add_number(&mut self, name: String, is_sum: bool, point: NumberDataPoint) {
        self.points += 1;
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

    fn add_histogram(&mut self, name: &str, point: HistogramDataPoint) {
        self.points += 1;
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

fn number(value: i64, time_unix_nano: u64, attributes: Vec<KeyValue>) -> NumberDataPoint {
    let value = Some(Value::AsInt(value));
    NumberDataPoint { time_unix_nano, value, attributes, ..NumberDataPoint::default() }
}

/// A metric of which there is no point yet.
fn metric(name: &str, unit: &str, data: Data) -> Metric {
    let (name, unit, data) = (name.to_owned(), unit.to_owned(), Some(data));
    Metric { name, unit, data, ..Metric::default() }
}

/// Buckets that add to those before them become buckets by themselves; the last has no bound.
fn point(
    of: &FilteredHistogram,
    time_unix_nano: u64,
    attributes: Vec<KeyValue>,
) -> HistogramDataPoint {
    let (mut bucket_counts, mut explicit_bounds, mut before) = (Vec::new(), Vec::new(), 0);
    for (bound, within) in watch::buckets(of) {
        bucket_counts.push(within.saturating_sub(before));
        explicit_bounds.push(bound);
        before = within;
    }
    bucket_counts.push(of.count.saturating_sub(before));
    let sum = Some(of.sum as f64 / 1000.0);
    HistogramDataPoint {
        time_unix_nano,
        count: of.count,
        sum,
        bucket_counts,
        explicit_bounds,
        attributes,
        ..HistogramDataPoint::default()
    }
}

#[cfg(test)]
mod tests {
    use weir_client::proto::{AggregatedMetrics, Bucket, FilteredMetrics, WorkerMetrics};

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
        let all = AggregatedMetrics { workers, ..AggregatedMetrics::default() };
        watch::each(&all, |series| report.add(series));
        assert_eq!(report.points, 6);
        let sent = report.finish();
        let metrics = &sent.resource_metrics[0].scope_metrics[0].metrics;
        let [connections, requests, times] = &metrics[..] else { panic!("{metrics:?}") };
        assert_eq!(connections.name, "weir.proxy.client.connections");
        let Some(Data::Sum(sum)) = &requests.data else { panic!("{requests:?}") };
        assert!(sum.is_monotonic && sum.data_points.len() == 2);
        let point = &sum.data_points[1];
        assert_eq!((point.value, point.time_unix_nano), (Some(Value::AsInt(7)), 99));
        assert_eq!(point.attributes, [text("worker", "1")]);
        assert_eq!((times.name.as_str(), times.unit.as_str()), ("weir.proxy.request_time", "s"));
        let Some(Data::Histogram(times)) = &times.data else { panic!("{times:?}") };
        let point = &times.data_points[0];
        assert_eq!((&point.bucket_counts[..4], point.count), (&[1, 3, 1, 0][..], 5));
        assert_eq!((&point.explicit_bounds[..2], point.sum), (&[0.001, 0.002][..], Some(1.5)));
        assert_eq!(point.bucket_counts.len(), point.explicit_bounds.len() + 1);
    }
}
