use std::collections::BTreeSet;

use weir_control::metrics::{Clusters, OTHER};
use weir_control::state::{Backend, Cluster};
use weir_proto::filtered_metrics::Inner;
use weir_proto::{BackendMetrics, FilteredMetrics, QueryMetricsOptions, WorkerMetrics};

use super::*;

/// Clusters with so many backends each.
fn state(clusters: &[(&str, usize)]) -> State {
    let mut state = State::default();
    for (id, backends) in clusters {
        let id = (*id).to_owned();
        for number in 0..*backends {
            state.backends.put(Backend {
                cluster: id.clone(),
                id: format!("{id}-{number:05}"),
                address: "127.0.0.1:1".parse().expect("an address"),
                weight: 1,
                sticky_id: None,
                backup: false,
                max_connections: None,
            });
        }
        state.clusters.insert(id.clone(), Cluster { id, ..Cluster::default() });
    }
    state
}

fn metrics(bytes: usize) -> BTreeMap<String, FilteredMetrics> {
    [("x".repeat(bytes), FilteredMetrics { inner: Some(Inner::Gauge(1)) })].into()
}

/// What main would answer, when each scope takes about so many bytes.
fn answered(parts: &[Part], bytes: usize) -> BTreeMap<String, ClusterMetrics> {
    let cluster = |part: &Part| {
        let ids = part.backends.iter().flatten();
        let backends =
            ids.map(|id| BackendMetrics { backend_id: id.clone(), metrics: metrics(bytes) });
        let cluster = if part.own { metrics(bytes) } else { BTreeMap::new() };
        (part.cluster.clone(), ClusterMetrics { cluster, backends: backends.collect() })
    };
    parts.iter().map(cluster).collect()
}

/// Asks for all pages: how many there were, and the scopes of each in the order that they came in.
fn walk(
    query: &QueryMetricsOptions,
    detail: Detail,
    state: &mut State,
    (bytes, most): (usize, usize),
    mut between: impl FnMut(&mut State),
) -> Vec<Vec<String>> {
    let selection = Selection::of(query);
    let (mut text, mut pages) = (String::new(), Vec::new());
    loop {
        let mut page = Page::parse(&text).expect("a page");
        let parts = page.begin(&selection, state, detail);
        let mut all =
            AggregatedMetrics { clusters: answered(&parts, bytes), ..AggregatedMetrics::default() };
        page.finish(&mut all, most);
        assert!(all.encoded_len() <= most + 200 || scopes_of(&all).len() == 1);
        pages.push(scopes_of(&all));
        let Some(next) = all.next else { return pages };
        text = next;
        between(state);
    }
}

fn scopes_of(all: &AggregatedMetrics) -> Vec<String> {
    let scopes = all.clusters.iter().flat_map(|(id, of)| {
        let own = (!of.cluster.is_empty()).then(|| id.clone());
        own.into_iter().chain(of.backends.iter().map(|of| of.backend_id.clone()))
    });
    scopes.collect()
}

#[test]
fn pages_have_every_cluster_once_and_what_is_counted_together_too() {
    let ids: Vec<String> = (0..3_000).map(|n| format!("{n:05}")).collect();
    let clusters: Vec<_> = ids.iter().map(|id| (id.as_str(), 2)).collect();
    let mut state = state(&clusters);
    let query = QueryMetricsOptions::default();
    let pages = walk(&query, Detail::Cluster, &mut state, (10, 1_000_000), |_| ());
    assert_eq!(pages.len(), 4, "{:?}", pages.iter().map(Vec::len).collect::<Vec<_>>());
    let all: Vec<_> = pages.concat();
    assert_eq!(all[0], OTHER, "it has its place among them");
    assert_eq!(all[1..], ids);
    // Large ones are as many as fit.
    let pages = walk(&query, Detail::Cluster, &mut state, (1_000, 100_000), |_| ());
    assert_eq!(pages.concat().len(), 3_001);
    assert!(pages.iter().rev().skip(1).all(|page| page.len() > 80), "nothing is asked in vain");
    let pages = walk(&query, Detail::Process, &mut state, (1, 1), |_| ());
    assert_eq!(pages, [Vec::<String>::new()]);
}

#[test]
fn a_cluster_that_is_too_large_goes_on_on_other_pages() {
    let mut state = state(&[("a", 1), ("b", 3_000), ("c", 0), ("d", 1)]);
    let query = QueryMetricsOptions::default();
    let pages = walk(&query, Detail::Backend, &mut state, (100, 50_000), |_| ());
    assert!(pages.len() > 8, "{}", pages.len());
    let all = pages.concat();
    assert_eq!(all.len(), 1 + 4 + 3_002);
    assert_eq!(all.iter().collect::<BTreeSet<_>>().len(), all.len());
    // What is larger than a page is one, alone.
    let pages = walk(&query, Detail::Cluster, &mut state, (100, 10), |_| ());
    assert_eq!(pages.iter().map(Vec::len).collect::<Vec<_>>(), [0, 1, 1, 1, 1, 1]);
}

#[test]
fn what_is_removed_between_pages_is_passed_over() {
    let ids: Vec<String> = (0..1_000).map(|n| format!("{n:05}")).collect();
    let clusters: Vec<_> = ids.iter().map(|id| (id.as_str(), 0)).collect();
    let mut state = state(&clusters);
    // The last one that was told, and one that was not.
    let remove = |state: &mut State| {
        state.clusters.remove("00248");
        state.clusters.remove("00500");
    };
    let query = QueryMetricsOptions::default();
    let all = walk(&query, Detail::Cluster, &mut state, (10, 1_000_000), remove).concat();
    assert_eq!(all.len(), 1 + 1_000 - 1);
    let query = QueryMetricsOptions { cluster_ids: ids, ..query };
    assert!(Selection::of(&query).check(&state).is_err(), "a question begins with what there is");
    let all = walk(&query, Detail::Cluster, &mut state, (10, 1_000_000), remove).concat();
    assert_eq!(all.len(), 998);
}

#[test]
fn names_and_owners_are_asked_for_in_pages_too() {
    let mut state = state(&[("a", 2), ("b", 300), ("c", 1)]);
    let of = |clusters: &[&str], backends: &[&str]| QueryMetricsOptions {
        cluster_ids: clusters.iter().map(ToString::to_string).collect(),
        backend_ids: backends.iter().map(ToString::to_string).collect(),
        ..QueryMetricsOptions::default()
    };
    let mut ask = |query| walk(&query, Detail::Backend, &mut state, (10, 10_000), |_| ()).concat();
    assert_eq!(
        ask(of(&["c", "a", OTHER], &["x"])),
        [OTHER, "a", "a-00000", "a-00001", "c", "c-00000"]
    );
    let owned = ask(of(&[], &["b-00007", "c-00000", "b-00001"]));
    assert_eq!(owned.len(), 301, "backends alone");
    let refused = |query| Selection::of(&query).check(&state).expect_err("refused");
    assert_eq!(refused(of(&["d"], &[])), "there is no cluster `d`");
    assert_eq!(refused(of(&[], &["a"])), "there is no backend `a`");
    let all = Selection::of(&of(&["c"], &[])).all(&state);
    assert_eq!(all, Clusters::These(vec![Part::all_of("c".to_owned())]));
}

#[test]
fn the_workers_as_a_whole_have_room_first() {
    let state = state(&[("a", 0), ("b", 0)]);
    let selection = Selection::of(&QueryMetricsOptions::default());
    let mut page = Page::parse("").expect("the first");
    let parts = page.begin(&selection, &state, Detail::Cluster);
    let worker = WorkerMetrics { proxy: metrics(100), clusters: answered(&parts, 10) };
    let workers = [("0".to_owned(), worker.clone()), ("1".to_owned(), worker)].into();
    let mut all = AggregatedMetrics { workers, ..AggregatedMetrics::default() };
    page.finish(&mut all, 100);
    assert_eq!(all.workers["1"].proxy.len(), 1);
    assert!(all.workers.values().all(|worker| worker.clusters.is_empty()));
    let mut page = Page::parse(&all.next.expect("clusters follow")).expect("a page");
    assert!(!page.is_first);
    assert_eq!(page.begin(&selection, &state, Detail::Cluster).len(), 1, "as many as fit");
}

#[test]
fn ids_may_be_any_text() {
    let strange = ["\"", "\\", "a\u{0}b", "[1,2]", "ü\n", " "];
    let mut sorted = strange.to_vec();
    sorted.sort_unstable();
    let clusters: Vec<_> = strange.iter().map(|id| (*id, 0)).collect();
    let mut state = state(&clusters);
    let query = QueryMetricsOptions::default();
    let pages = walk(&query, Detail::Cluster, &mut state, (1_000, 1), |_| ());
    let all: Vec<_> = pages.concat().into_iter().filter(|id| id != OTHER).collect();
    assert_eq!(all, sorted);
}

#[test]
fn what_was_never_a_page_is_refused() {
    for text in ["x", "[]", "[0,\"a\",\"\"]", "[1001,\"a\",\"\"]", "[1,\"a\"]", "[1,2,3]"] {
        let sentence = Page::parse(text).expect_err("refused");
        assert!(sentence.starts_with(&format!("`{text}` is no page of metrics")), "{sentence}");
    }
}
