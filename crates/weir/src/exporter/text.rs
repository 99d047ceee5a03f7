//! Metrics as Prometheus reads them (text format 0.0.4).
//!
//! A name is `weir_`, what it is of (`main`, `proxy`, `cluster`, `backend`), and the name that it
//! has everywhere else, with `_` for what Prometheus does not take. Counters end in `_total`; times
//! are histograms in seconds.

use std::collections::BTreeMap;
use std::fmt::Write;

use weir_client::proto::filtered_metrics::Inner;
use weir_client::proto::{AggregatedMetrics, FilteredHistogram};

use crate::watch::{self, Series};

/// Lines by the name of what they are a part of, and the type of it.
type Families = BTreeMap<String, (&'static str, String)>;

/// What was measured; `None`: Weir does not answer.
pub(super) fn of(metrics: Option<&AggregatedMetrics>) -> String {
    let mut families = Families::new();
    let up = (("gauge"), format!("weir_up {}\n", u8::from(metrics.is_some())));
    families.insert("weir_up".to_owned(), up);
    if let Some(metrics) = metrics {
        watch::each(metrics, |series| add_series(&mut families, series));
    }
    let mut text = String::new();
    for (name, (kind, lines)) in families {
        let _ = write!(text, "# TYPE {name} {kind}\n{lines}");
    }
    text
}

fn label(name: &str, value: &str) -> String {
    let value = value.replace('\\', r"\\").replace('"', "\\\"").replace('\n', r"\n");
    format!("{name}=\"{value}\"")
}

fn add_series(families: &mut Families, series: Series<'_>) {
    let Series { of, name, labels, value } = series;
    let labels: Vec<_> = labels.iter().map(|(name, value)| label(name, value)).collect();
    let labels = labels.join(",");
    let plain = |c: char| if c.is_ascii_alphanumeric() { c } else { '_' };
    let name = format!("weir_{of}_{}", name.chars().map(plain).collect::<String>());
    match value {
        Inner::Count(count) => {
            let name = format!("{}_total", name.strip_suffix("_total").unwrap_or(&name));
            add(families, name, "counter", &labels, *count as u64);
        }
        Inner::Gauge(gauge) => add(families, name, "gauge", &labels, *gauge),
        Inner::Histogram(histogram) => {
            let name = name.strip_suffix("_histogram").unwrap_or(&name);
            add_histogram(families, format!("{name}_seconds"), &labels, histogram);
        }
        // The histogram says percentiles, too.
        Inner::Percentiles(_) | Inner::Time(_) | Inner::TimeSerie(_) => {}
    }
}

fn add(families: &mut Families, name: String, kind: &'static str, labels: &str, value: u64) {
    let line = match labels {
        "" => format!("{name} {value}\n"),
        labels => format!("{name}{{{labels}}} {value}\n"),
    };
    families.entry(name).or_insert((kind, String::new())).1.push_str(&line);
}

fn add_histogram(
    families: &mut Families,
    name: String,
    labels: &str,
    histogram: &FilteredHistogram,
) {
    let FilteredHistogram { sum, count, .. } = histogram;
    let (_, lines) = families.entry(name.clone()).or_insert(("histogram", String::new()));
    for (le, within) in watch::buckets(histogram) {
        let _ = writeln!(lines, "{name}_bucket{{{labels},le=\"{le}\"}} {within}");
    }
    let _ = writeln!(lines, "{name}_bucket{{{labels},le=\"+Inf\"}} {count}");
    let _ = writeln!(lines, "{name}_sum{{{labels}}} {}", *sum as f64 / 1000.0);
    let _ = writeln!(lines, "{name}_count{{{labels}}} {count}");
}

#[cfg(test)]
mod tests {
    use weir_client::proto::{Bucket, ClusterMetrics, FilteredMetrics, WorkerMetrics};

    use super::*;

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
        assert_eq!(
            of(Some(&metrics)),
            "# TYPE weir_cluster_http_status_2xx_total counter\n\
             weir_cluster_http_status_2xx_total{worker=\"0\",cluster=\"a\\\"b\\\\c\"} 3\n\
             # TYPE weir_main_configuration_clusters gauge\n\
             weir_main_configuration_clusters 1\n\
             # TYPE weir_proxy_listener_accepted_total counter\n\
             weir_proxy_listener_accepted_total{worker=\"0\"} 2\n\
             # TYPE weir_up gauge\nweir_up 1\n"
        );
        assert_eq!(of(None), "# TYPE weir_up gauge\nweir_up 0\n");
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
        let all = proxy.iter().map(|name| ("proxy", name));
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
        let text = of(Some(&AggregatedMetrics { workers, ..AggregatedMetrics::default() }));
        let line = |le: &str, n: u64| {
            let name = "weir_proxy_request_time_seconds_bucket";
            text.contains(&format!("{name}{{worker=\"0\",le=\"{le}\"}} {n}\n"))
        };
        assert!(line("0.001", 1) && line("0.002", 4) && line("65.536", 4), "{text}");
        assert!(line("+Inf", 4), "{text}");
        assert!(text.contains("weir_proxy_request_time_seconds_sum{worker=\"0\"} 1.5\n"), "{text}");
    }
}
