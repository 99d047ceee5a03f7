use weir_control::config::ACCOUNT;
use weir_control::metrics::{Times, Value};
use weir_control::state::{Backend, Cluster};
use weir_telemetry::{SCOPED, Time};

use super::*;

const SLOTS: u16 = 2;

fn who(slot: u16, pid: i32) -> Speaker {
    Speaker { slot, pid }
}

/// A cluster `a` with a backend `x`, and a cluster `b`.
fn state() -> State {
    let mut state = State::default();
    for id in ["a", "b"] {
        let id = id.to_owned();
        state.clusters.insert(id.clone(), Cluster { id, ..Cluster::default() });
    }
    state.backends.put(Backend {
        cluster: "a".to_owned(),
        id: "x".to_owned(),
        address: "127.0.0.1:1".parse().expect("an address"),
        weight: 1,
        sticky_id: None,
        backup: false,
        max_connections: None,
    });
    state
}

/// What a worker tells that has counted `n` for everything.
fn measured(n: u64) -> Measured {
    let samples = || vec![Sample::count("n", n), Sample::gauge("g", n)];
    let backends = vec![("x".to_owned(), samples())];
    let of = |id: &str, backends| OfCluster { id: id.to_owned(), own: samples(), backends };
    Measured { proxy: samples(), clusters: vec![of("a", backends), of("b", Vec::new())] }
}

fn heard(pid: i32, measured: Measured) -> Heard {
    Heard { pid, measured, complete: true }
}

fn count(samples: &[Sample]) -> u64 {
    samples.iter().find(|sample| sample.name == "n").map_or(0, |sample| match sample.value {
        Value::Count(n) => n,
        _ => panic!("another kind"),
    })
}

/// The counts of the worker as a whole, of `a` and of its backend.
fn counts(measured: &Measured) -> [u64; 3] {
    let a = measured.clusters.iter().find(|of| of.id == "a");
    let own = a.map_or(0, |of| count(&of.own));
    [count(&measured.proxy), own, a.map_or(0, |of| of.backends.first().map_or(0, |b| count(&b.1)))]
}

fn told(ledger: &Ledger, found: Found) -> Measured {
    ledger.complete(found, &Query::default(), &state(), SLOTS).remove(&0).unwrap_or_default()
}

fn ledger() -> Ledger {
    Ledger { most: 100, ..Ledger::default() }
}

#[test]
fn what_a_worker_had_told_stays_when_others_take_its_place() {
    let mut ledger = ledger();
    ledger.note(who(0, 1), 1, &measured(5), true);
    let found = Found::from([(0, heard(1, measured(5)))]);
    assert_eq!(counts(&told(&ledger, found)), [5, 5, 5], "it is not counted twice");
    // Another one has its place, and it finishes.
    ledger.note(who(0, 2), 2, &measured(1), true);
    let found = || Found::from([(0, heard(2, measured(1)))]);
    assert_eq!(counts(&told(&ledger, found())), [6, 6, 6]);
    ledger.note(who(0, 1), 0, &measured(7), true);
    assert_eq!(counts(&told(&ledger, found())), [8, 8, 8]);
    ledger.close(1);
    let all = told(&ledger, found());
    assert_eq!(counts(&all), [8, 8, 8]);
    let gauge = all.proxy.iter().find(|sample| sample.is_gauge());
    assert_eq!(gauge, Some(&Sample::gauge("g", 1)), "that is not a sum");
    ledger.close(2);
    assert_eq!(counts(&told(&ledger, found())), [8, 8, 8], "an answer of one that is gone");
    let bytes = pack(&ledger).expect("packed");
    let next: Ledger = unpack(&bytes).expect("another image reads it");
    assert_eq!(counts(&told(&next, Found::new())), [8, 8, 8]);
}

#[test]
fn a_worker_that_says_nothing_is_told_as_it_was_last() {
    let mut ledger = ledger();
    ledger.note(who(1, 1), 1, &measured(5), true);
    let part = Measured { clusters: Vec::new(), ..measured(6) };
    ledger.note(who(1, 1), 2, &part, true);
    let begun = Heard { complete: false, ..heard(1, part) };
    let all = ledger.complete([(1, begun)].into(), &Query::default(), &state(), SLOTS);
    assert_eq!(counts(&all[&1]), [6, 5, 5]);
    // There is one slot only, now.
    let all = ledger.complete(Found::new(), &Query::default(), &state(), 1);
    assert_eq!(counts(&all[&0]), [6, 5, 5]);
}

#[test]
fn an_answer_about_some_names_leaves_the_others() {
    let mut ledger = ledger();
    let mut more = measured(1);
    more.proxy.push(Sample::count("m", 3));
    ledger.note(who(0, 1), 1, &more, true);
    ledger.note(who(0, 1), 2, &measured(2), false);
    let mut samples = told(&ledger, Found::new()).proxy;
    samples.sort_by_key(|sample| sample.name.clone());
    assert_eq!(samples, [Sample::count("m", 3), Sample::count("n", 2)]);
}

#[test]
fn what_is_asked_for_is_what_is_told() {
    let mut ledger = ledger();
    ledger.note(who(0, 1), 1, &measured(1), true);
    ledger.close(1);
    let all = |query: Query| {
        let mut all = ledger.complete(Found::new(), &query, &state(), SLOTS);
        all.remove(&0).unwrap_or_default()
    };
    let these =
        |parts| Query { narrow: true, clusters: Clusters::These(parts), ..Query::default() };
    let narrow = all(these(vec![Part::all_of("b".to_owned()), Part::all_of("gone".to_owned())]));
    assert_eq!((narrow.proxy.len(), narrow.clusters.len()), (0, 1));
    assert_eq!(narrow.clusters[0].id, "b");
    let named = Some(vec!["w".to_owned(), "x".to_owned()]);
    for backends in [None, named] {
        let narrow =
            all(these(vec![Part { own: false, backends, ..Part::all_of("a".to_owned()) }]));
        assert_eq!((narrow.clusters.len(), narrow.clusters[0].own.len()), (1, 0));
        assert_eq!(narrow.clusters[0].backends.len(), 1);
    }
    let none = all(Query { clusters: Clusters::none(), ..Query::default() });
    assert_eq!((none.proxy.len(), none.clusters.len()), (1, 0));
    let names = vec!["m".to_owned()];
    assert_eq!(counts(&all(Query { names, ..Query::default() })), [0, 0, 0]);
}

#[test]
fn the_first_of_many_are_known() {
    let mut ledger = ledger();
    ledger.note(who(0, 1), 1, &measured(5), true);
    ledger.note(who(1, 2), 1, &measured(5), true);
    ledger.close(2);
    let part = |id: &str, backends: &[&str]| {
        let backends = Some(backends.iter().map(ToString::to_string).collect());
        Part { backends, ..Part::all_of(id.to_owned()) }
    };
    assert_eq!(ledger.first(3), None);
    assert_eq!(ledger.first(2), Some(vec![part("a", &["x"])]));
    assert_eq!(ledger.first(1), Some(vec![part("a", &[])]));
}

#[test]
fn what_is_to_be_forgotten_does_not_come_back() {
    let mut ledger = ledger();
    ledger.note(who(0, 1), 1, &measured(5), true);
    ledger.close(1);
    ledger.note(who(0, 2), 2, &measured(5), true);
    ledger.restrict(Detail::Cluster, 3);
    assert_eq!(counts(&told(&ledger, Found::new())), [10, 10, 0]);
    // Asked before, answered after.
    ledger.note(who(0, 2), 3, &measured(9), true);
    assert_eq!(counts(&told(&ledger, Found::new())), [10, 10, 0]);
    let mut less = state();
    less.clusters.remove("a");
    ledger.prune(&less);
    assert_eq!(counts(&told(&ledger, Found::new())), [10, 0, 0]);
    ledger.clear(3);
    ledger.note(who(0, 2), 3, &measured(9), true);
    assert_eq!(counts(&told(&ledger, Found::new())), [0, 0, 0]);
    ledger.note(who(0, 2), 4, &measured(1), true);
    assert_eq!(counts(&told(&ledger, Found::new())), [1, 1, 1]);
}

#[test]
fn there_are_only_so_many_clusters_and_each_takes_only_so_much() {
    let mut account = Account::default();
    let counts = SCOPED.iter().map(|counter| Sample::count(counter.name(), u64::from(u32::MAX)));
    let times = Time::ALL[..Time::SCOPED].iter().map(|time| Sample {
        name: time.name().into(),
        value: Value::Times(Times {
            sum: u64::from(u32::MAX),
            max: u64::from(u32::MAX),
            buckets: (0..140).map(|bucket| ((bucket + 1) << 28, 1 << 20)).collect(),
        }),
    });
    let full: Vec<_> = counts.chain(times).collect();
    account.take_scope(("full".to_owned(), String::new()), &full, How::Replaced, 9);
    let bytes = account.scopes.values().map(Vec::len).max().expect("one");
    assert!(bytes < ACCOUNT, "{bytes}");
    for number in 0..20 {
        let scope = (number.to_string(), String::new());
        account.take_scope(scope, &[Sample::count("n", 1)], How::Replaced, 9);
    }
    assert_eq!(account.scopes.len(), 9);
}
