//! Metrics as Prometheus reads them.
//!
//! A name is `weir_`, what it is of (`main`, `proxy`, `cluster`, `backend`), and the name that it
//! has everywhere else, with `_` for what Prometheus does not take. Counters end in `_total`; times
//! are histograms in seconds. Series are the same in every form.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::mem;

use axum::body::Bytes;
use weir_client::proto::filtered_metrics::Inner;
use weir_client::proto::{AggregatedMetrics, FilteredHistogram};

use super::form::Form;
use crate::watch::{self, Series};

/// Bytes of a piece of a text, about. A text is tens of megabytes, and is never copied.
const PIECE: usize = 64 << 10;

/// What was measured, as it comes in.
#[derive(Default)]
pub(super) struct Text {
    /// By the name of its samples, without what tells those of a histogram apart.
    families: BTreeMap<String, Family>,
}

/// Samples of one name.
struct Family {
    kind: &'static str,
    /// Lines before those, in pieces.
    full: Vec<Bytes>,
    lines: String,
}

impl Family {
    /// Where the next lines belong.
    fn end(&mut self) -> &mut String {
        if self.lines.len() >= PIECE {
            self.break_off();
        }
        &mut self.lines
    }

    fn break_off(&mut self) {
        let mut piece = mem::take(&mut self.lines);
        piece.shrink_to_fit();
        self.full.push(piece.into());
    }
}

impl Text {
    /// All of an answer, or of a part of one.
    pub(super) fn add(&mut self, metrics: &AggregatedMetrics) {
        watch::each(metrics, |series| self.add_series(series));
    }

    /// A counter; its name ends in `_total`.
    pub(super) fn add_counter(&mut self, name: &str, labels: &[(&str, &str)], count: u64) {
        self.add_number("counter", name, &written(labels), count);
    }

    /// Whether Weir answers.
    pub(super) fn up(mut self, is_up: bool) -> Self {
        self.add_number("gauge", "weir_up", "", u64::from(is_up));
        self
    }

    /// The whole text, in pieces.
    pub(super) fn finish(self, form: Form) -> Vec<Bytes> {
        let mut pieces = Vec::new();
        for (name, mut family) in self.families {
            family.break_off();
            let kind = family.kind;
            let name = match (form, kind) {
                (Form::OpenMetrics, "counter") => name.strip_suffix("_total").unwrap_or(&name),
                _ => &name,
            };
            pieces.push(format!("# TYPE {name} {kind}\n").into());
            pieces.append(&mut family.full);
        }
        if form == Form::OpenMetrics {
            pieces.push("# EOF\n".into());
        }
        pieces
    }

    fn add_series(&mut self, series: Series<'_>) {
        let Series { of, name, labels, value } = series;
        let labels = written(labels);
        let plain = |c: char| if c.is_ascii_alphanumeric() { c } else { '_' };
        let name = format!("weir_{of}_{}", name.chars().map(plain).collect::<String>());
        match value {
            Inner::Count(count) => {
                let name = format!("{}_total", name.strip_suffix("_total").unwrap_or(&name));
                self.add_number("counter", &name, &labels, *count as u64);
            }
            Inner::Gauge(gauge) => self.add_number("gauge", &name, &labels, *gauge),
            Inner::Histogram(histogram) => {
                let name = name.strip_suffix("_histogram").unwrap_or(&name);
                self.add_histogram(&format!("{name}_seconds"), &labels, histogram);
            }
            // The histogram says percentiles, too.
            Inner::Percentiles(_) | Inner::Time(_) | Inner::TimeSerie(_) => {}
        }
    }

    fn lines(&mut self, kind: &'static str, name: &str) -> &mut String {
        let family = || Family { kind, full: Vec::new(), lines: String::new() };
        self.families.entry(name.to_owned()).or_insert_with(family).end()
    }

    fn add_number(&mut self, kind: &'static str, name: &str, labels: &str, value: u64) {
        let lines = self.lines(kind, name);
        let _ = match labels {
            "" => writeln!(lines, "{name} {value}"),
            labels => writeln!(lines, "{name}{{{labels}}} {value}"),
        };
    }

    fn add_histogram(&mut self, name: &str, labels: &str, histogram: &FilteredHistogram) {
        let FilteredHistogram { sum, count, .. } = histogram;
        let lines = self.lines("histogram", name);
        let comma = if labels.is_empty() { "" } else { "," };
        for (le, within) in watch::buckets(histogram) {
            // With a point, as OpenMetrics has it.
            let _ = writeln!(lines, "{name}_bucket{{{labels}{comma}le=\"{le:?}\"}} {within}");
        }
        let _ = writeln!(lines, "{name}_bucket{{{labels}{comma}le=\"+Inf\"}} {count}");
        let _ = writeln!(lines, "{name}_sum{{{labels}}} {}", *sum as f64 / 1000.0);
        let _ = writeln!(lines, "{name}_count{{{labels}}} {count}");
    }
}

/// `a="b",c="d"`
fn written(labels: &[(&str, &str)]) -> String {
    let mut text = String::new();
    for (name, value) in labels {
        let comma = if text.is_empty() { "" } else { "," };
        let value = value.replace('\\', r"\\").replace('"', "\\\"").replace('\n', r"\n");
        let _ = write!(text, "{comma}{name}=\"{value}\"");
    }
    text
}

#[cfg(test)]
pub(super) mod tests {
    use weir_client::proto::{Bucket, ClusterMetrics, FilteredMetrics, WorkerMetrics};

    use super::*;

    /// All pieces together.
    pub(crate) fn whole(text: Text, form: Form) -> String {
        String::from_utf8(text.finish(form).concat()).expect("text")
    }

    fn map(metrics: [(&str, Inner); 1]) -> BTreeMap<String, FilteredMetrics> {
        let entries = metrics.into_iter();
        entries
            .map(|(name, inner)| (name.to_owned(), FilteredMetrics { inner: Some(inner) }))
            .collect()
    }

    #[test]
    fn names_and_labels_are_those_of_prometheus() {
        let cluster = ClusterMetrics {
            cluster: map([("http.status.2xx", Inner::Count(3))]),
            ..ClusterMetrics::default()
        };
        let worker = WorkerMetrics {
            proxy: map([("listener.accepted.total", Inner::Count(2))]),
            clusters: [("a\"b\\c".to_owned(), cluster)].into(),
        };
        let metrics = AggregatedMetrics {
            main: map([("configuration.clusters", Inner::Gauge(1))]),
            workers: [("0".to_owned(), worker)].into(),
            ..AggregatedMetrics::default()
        };
        let text = |form| {
            let mut text = Text::default();
            text.add(&metrics);
            whole(text.up(true), form)
        };
        assert_eq!(
            text(Form::Plain),
            "# TYPE weir_cluster_http_status_2xx_total counter\n\
             weir_cluster_http_status_2xx_total{worker=\"0\",cluster=\"a\\\"b\\\\c\"} 3\n\
             # TYPE weir_main_configuration_clusters gauge\n\
             weir_main_configuration_clusters 1\n\
             # TYPE weir_proxy_listener_accepted_total counter\n\
             weir_proxy_listener_accepted_total{worker=\"0\"} 2\n\
             # TYPE weir_up gauge\nweir_up 1\n"
        );
        let open = text(Form::OpenMetrics);
        assert!(open.starts_with("# TYPE weir_cluster_http_status_2xx counter\n"), "{open}");
        assert!(open.contains("\nweir_cluster_http_status_2xx_total{"), "{open}");
        assert!(open.ends_with("weir_up 1\n# EOF\n"), "{open}");
        let away = whole(Text::default().up(false), Form::Plain);
        assert_eq!(away, "# TYPE weir_up gauge\nweir_up 0\n");
    }

    #[test]
    fn a_long_text_comes_in_pieces_of_whole_lines() {
        let mut text = Text::default();
        let count = 10_000;
        for n in 0..count {
            text.add_counter("weir_a_total", &[("cluster", &n.to_string())], n);
        }
        let pieces = text.finish(Form::OpenMetrics);
        assert!(pieces.len() > 4 && pieces.iter().all(|piece| piece.len() < 2 * PIECE));
        assert!(pieces.iter().all(|piece| piece.ends_with(b"\n")));
        let lines = pieces.concat().split(|byte| *byte == b'\n').count() as u64;
        assert_eq!(lines, count + 3, "a type, an end and what follows it");
    }

    #[test]
    fn an_answer_may_come_in_parts() {
        let part = |cluster: &str| {
            let of = ClusterMetrics {
                cluster: map([("requests", Inner::Count(1))]),
                ..ClusterMetrics::default()
            };
            let clusters = [(cluster.to_owned(), of)].into();
            let worker = WorkerMetrics { clusters, ..WorkerMetrics::default() };
            let workers = [("0".to_owned(), worker)].into();
            AggregatedMetrics { workers, ..AggregatedMetrics::default() }
        };
        let mut text = Text::default();
        text.add(&part("a"));
        text.add(&part("b"));
        assert_eq!(
            whole(text, Form::Plain),
            "# TYPE weir_cluster_requests_total counter\n\
             weir_cluster_requests_total{worker=\"0\",cluster=\"a\"} 1\n\
             weir_cluster_requests_total{worker=\"0\",cluster=\"b\"} 1\n"
        );
    }

    /// What the exporter can say of a metric of that name.
    fn family(of: &str, name: &str) -> Vec<String> {
        let plain = |c: char| if c.is_ascii_alphanumeric() { c } else { '_' };
        let name = format!("weir_{of}_{}", name.chars().map(plain).collect::<String>());
        match name.strip_suffix("_histogram") {
            Some(time) => vec![format!("{time}_seconds_bucket")],
            None => {
                let counter = name.strip_suffix("_total").unwrap_or(&name);
                vec![format!("{counter}_total"), name.clone()]
            }
        }
    }

    #[test]
    fn rules_and_dashboard_name_only_what_there_is() {
        let names = weir_control::metrics::names();
        let (proxy, cluster) = (&names.proxy_metrics, &names.cluster_metrics);
        let all = proxy.iter().flat_map(|name| [("main", name), ("proxy", name)]);
        let all = all.chain(cluster.iter().flat_map(|name| [("cluster", name), ("backend", name)]));
        let mut known: Vec<_> = all.flat_map(|(of, name)| family(of, name)).collect();
        known.push("weir_up".to_owned());
        let rules = include_str!("../../../../packaging/prometheus/weir.rules.yml");
        let dashboard = include_str!("../../../../packaging/grafana/weir.json");
        let word = |c: char| c.is_ascii_alphanumeric() || c == '_';
        let words = [rules, dashboard].into_iter().flat_map(|text| text.split(|c| !word(c)));
        let named: Vec<_> = words.filter(|word| word.starts_with("weir_")).collect();
        assert!(named.len() > 20);
        for name in named {
            assert!(known.iter().any(|known| known == name), "{name}");
        }
    }

    #[test]
    fn histograms_have_the_same_bounds_in_every_series() {
        let bucket = |le, count| Bucket { count, le };
        let buckets = vec![bucket(0, 1), bucket(1, 4)];
        let histogram = FilteredHistogram { sum: 1500, count: 4, buckets };
        let worker = WorkerMetrics {
            proxy: map([("request_time_histogram", Inner::Histogram(histogram))]),
            ..WorkerMetrics::default()
        };
        let workers = [("0".to_owned(), worker)].into();
        let mut text = Text::default();
        text.add(&AggregatedMetrics { workers, ..AggregatedMetrics::default() });
        let text = whole(text, Form::Plain);
        let line = |le: &str, n: u64| {
            let name = "weir_proxy_request_time_seconds_bucket";
            text.contains(&format!("{name}{{worker=\"0\",le=\"{le}\"}} {n}\n"))
        };
        assert!(line("0.001", 1) && line("0.002", 4) && line("65.536", 4), "{text}");
        assert!(line("+Inf", 4), "{text}");
        assert!(text.contains("weir_proxy_request_time_seconds_sum{worker=\"0\"} 1.5\n"), "{text}");
    }
}
