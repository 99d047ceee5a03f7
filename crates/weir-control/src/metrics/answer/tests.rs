use super::super::OfCluster;
use super::*;

fn times(buckets: &[(u64, u64)]) -> Value {
    let sum = buckets.iter().map(|(value, n)| value * n).sum();
    let max = buckets.last().map_or(0, |(value, _)| *value);
    Value::Times(Times { sum, max, buckets: buckets.to_vec() })
}

fn sample(name: &'static str, value: Value) -> Sample {
    Sample { name: name.into(), value }
}

fn measured(count: u64, buckets: &[(u64, u64)]) -> Measured {
    Measured {
        proxy: vec![sample("n", Value::Count(count)), sample("t", times(buckets))],
        clusters: vec![OfCluster {
            id: "c".to_owned(),
            own: vec![sample("n", Value::Count(count))],
            backends: vec![("b".to_owned(), vec![sample("g", Value::Gauge(count))])],
        }],
    }
}

fn both(query: &Query, by_worker: bool) -> AggregatedMetrics {
    let first = ("0".to_owned(), measured(2, &[(400, 1), (2_500, 8), (9_000, 1)]));
    let second = ("1".to_owned(), measured(3, &[(1_000, 4)]));
    let main = [Sample::gauge(Gauge::Frontends.name(), 3)];
    answer(query, &main, by_worker, [first, second])
}

fn histogram_of(metric: &FilteredMetrics) -> (u64, u64, Vec<(u64, u64)>) {
    let Some(Inner::Histogram(histogram)) = &metric.inner else { panic!("{metric:?}") };
    let buckets = histogram.buckets.iter().map(|bucket| (bucket.le, bucket.count)).collect();
    (histogram.count, histogram.sum, buckets)
}

#[test]
fn values_are_added_and_percentiles_are_the_worst() {
    let all = both(&Query::default(), false);
    assert!(all.workers.is_empty());
    assert_eq!(all.proxying["n"].inner, Some(Inner::Count(5)));
    let Some(Inner::Percentiles(of)) = &all.proxying["t"].inner else { panic!("{all:?}") };
    assert_eq!((of.samples, of.p_50, of.p_90, of.p_99, of.p_100), (14, 2, 2, 9, 9));
    assert_eq!(of.sum, 29 + 4);
    let (count, sum, buckets) = histogram_of(&all.proxying["t_histogram"]);
    assert_eq!((count, sum), (14, 33));
    assert_eq!(buckets, [(0, 1), (1, 5), (3, 13), (7, 13), (15, 14)]);
    let cluster = &all.clusters["c"];
    assert_eq!(cluster.cluster["n"].inner, Some(Inner::Count(5)));
    assert_eq!(cluster.backends.len(), 1);
    assert_eq!(cluster.backends[0].metrics["g"].inner, Some(Inner::Gauge(5)));
    assert_eq!(all.main["configuration.frontends"].inner, Some(Inner::Gauge(3)));
}

#[test]
fn workers_are_told_apart_when_asked() {
    let all = both(&Query::default(), true);
    assert!(all.proxying.is_empty() && all.clusters.is_empty());
    assert_eq!(all.workers["0"].proxy["n"].inner, Some(Inner::Count(2)));
    assert_eq!(all.workers["1"].clusters["c"].cluster["n"].inner, Some(Inner::Count(3)));
    assert_eq!(all.main.len(), 1);
}

#[test]
fn names_are_exact() {
    let only = |names: &[&str]| {
        let names = names.iter().map(ToString::to_string).collect();
        let all = both(&Query { names, ..Query::default() }, false);
        all.proxying.into_keys().collect::<Vec<_>>()
    };
    assert_eq!(only(&["t"]), ["t"]);
    assert_eq!(only(&["t_histogram", "x"]), ["t_histogram"]);
    let query = |name: &str| Query { names: vec![name.to_owned()], ..Query::default() };
    assert!(query("t_histogram").wants("t") && query("t").wants("t") && !query("t").wants("n"));
}

#[test]
fn values_of_two_kinds_are_not_combined() {
    let mut first = metric(&Value::Count(1));
    combine(&mut first, metric(&Value::Gauge(7)));
    assert_eq!(first, metric(&Value::Count(1)));
}

#[test]
fn names_are_listed_once_and_sorted() {
    let listed = names();
    for list in [listed.proxy_metrics, listed.cluster_metrics] {
        assert!(list.is_sorted_by(|a, b| a < b), "{list:?}");
        assert!(list.iter().any(|name| name == "request_time_histogram"));
    }
}

#[test]
fn no_times_make_empty_percentiles() {
    let Value::Times(none) = times(&[]) else { unreachable!() };
    assert_eq!(percentiles(&none), Percentiles::default());
}

/// What Sōzu calls its metrics, a name a line.
const SOZU: &str = include_str!("../sozu.txt");
const DIFFERENCES: &str = include_str!("../../../../../docs/compatibility.md");

#[test]
fn a_name_of_sozu_is_there_or_the_documents_say_why_not() {
    let listed = names();
    let ours: Vec<_> = [listed.proxy_metrics, listed.cluster_metrics].concat();
    let (_, table) = DIFFERENCES.split_once("## Metrics of Sōzu").expect("the table");
    let rows = table.lines().filter_map(|line| line.strip_prefix("| `")?.split('|').next());
    let absent: Vec<&str> = rows.flat_map(|row| row.split('`').step_by(2)).collect();
    let is_explained = |name: &str| {
        absent.iter().any(|pattern| match pattern.split_once('*') {
            Some((start, end)) => name.starts_with(start) && name.ends_with(end),
            None => name == *pattern,
        })
    };
    let is_there = |name: &str| ours.iter().any(|ours| ours == name);
    let neither: Vec<_> =
        SOZU.lines().filter(|name| !is_there(name) && !is_explained(name)).collect();
    assert!(neither.is_empty(), "{neither:#?}");
    let both: Vec<_> = absent.iter().filter(|name| is_there(name)).collect();
    assert!(both.is_empty(), "there are such metrics: {both:?}");
    assert!(SOZU.lines().count() > 350 && absent.len() > 40, "both lists are whole");
}
