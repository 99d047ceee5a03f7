//! How each policy spreads requests. Seeds are fixed, so the bounds cannot be missed by chance.

use std::time::Duration;

use crate::{at, key, spec, weighted};
use fastrand::Rng;
use weir_balance::{Group, LoadBalancing, LoadMetric, Pick, Spec};
use weir_base::Instant;

/// Picks once and gives the backend's number.
fn pick(group: &mut Group, rng: &mut Rng, now: Instant) -> (usize, Pick) {
    let pick = group.pick(now, &mut || rng.u64(..), &[]).expect("a backend");
    let id = &group.spec(pick.key).expect("current").id;
    (id.parse().expect("a number"), pick)
}

fn sequence(group: &mut Group, picks: usize) -> Vec<usize> {
    let mut rng = Rng::with_seed(1);
    (0..picks).map(|_| pick(group, &mut rng, at(0)).0).collect()
}

fn shares(group: &mut Group, picks: usize) -> Vec<usize> {
    let mut counts = vec![0; group.iter(at(0)).count()];
    sequence(group, picks).into_iter().for_each(|id| counts[id] += 1);
    counts
}

/// Pearson's statistic of `counts` against shares in proportion to `weights`.
fn chi_square(counts: &[usize], weights: &[u8]) -> f64 {
    let picks: usize = counts.iter().sum();
    let total: f64 = weights.iter().map(|weight| f64::from(*weight)).sum();
    let terms = counts.iter().zip(weights).map(|(count, weight)| {
        let expected = picks as f64 * f64::from(*weight) / total;
        (*count as f64 - expected).powi(2) / expected
    });
    terms.sum()
}

#[test]
fn round_robin_goes_in_turn() {
    let mut group = weighted(LoadBalancing::RoundRobin, &[100, 100, 100]);
    assert_eq!(sequence(&mut group, 7), [0, 1, 2, 0, 1, 2, 0]);
}

#[test]
fn round_robin_spreads_the_turns_of_a_heavy_backend() {
    let mut group = weighted(LoadBalancing::RoundRobin, &[5, 1, 1]);
    assert_eq!(sequence(&mut group, 14), [0, 0, 0, 1, 2, 0, 0, 0, 0, 0, 1, 2, 0, 0]);
}

#[test]
fn round_robin_is_exact_over_a_full_round() {
    let weights = [255, 100, 99, 7, 3, 1];
    let round: usize = weights.iter().map(|weight| usize::from(*weight)).sum();
    let mut group = weighted(LoadBalancing::RoundRobin, &weights);
    for rounds in 1..=10 {
        let counts = shares(&mut group, round);
        for (count, weight) in counts.iter().zip(weights) {
            assert!(count.abs_diff(weight.into()) <= 1, "round {rounds}: {counts:?}");
        }
    }
}

#[test]
fn a_backend_that_joins_or_returns_does_not_catch_up() {
    let mut group = weighted(LoadBalancing::RoundRobin, &[100, 100]);
    let first = key(&group, "0");
    group.handle_connect_failure(first, at(0), at(0), 0);
    assert_eq!(shares(&mut group, 1_000), [0, 1_000]);
    group.handle_connect_success(first, at(0), at(0));
    group.upsert(spec("2")).expect("room");
    let counts = shares(&mut group, 30);
    assert!(counts.iter().all(|count| count.abs_diff(10) <= 1), "{counts:?}");
}

#[test]
fn random_follows_the_weights() {
    let weights = [200, 100, 50, 50];
    let counts = shares(&mut weighted(LoadBalancing::Random, &weights), 40_000);
    // 99.9 % of fair draws stay below 16.3 with 3 degrees of freedom.
    assert!(chi_square(&counts, &weights) < 16.3, "{counts:?}");
    assert!(chi_square(&counts, &[100; 4]) > 1_000.0, "the weights matter: {counts:?}");
}

#[test]
fn equal_loads_spread_in_proportion_to_the_weights() {
    for policy in [LoadBalancing::LeastLoaded, LoadBalancing::RoundRobin] {
        let counts = shares(&mut weighted(policy, &[200, 100, 100]), 400);
        assert_eq!(counts, [200, 100, 100], "{policy:?}");
    }
    let counts = shares(&mut weighted(LoadBalancing::PowerOfTwo, &[100; 4]), 4_000);
    assert!(chi_square(&counts, &[100; 4]) < 16.3, "{counts:?}");
}

#[test]
fn load_is_compared_per_weight() {
    for policy in [LoadBalancing::LeastLoaded, LoadBalancing::PowerOfTwo] {
        let mut group = weighted(policy, &[200, 100, 100]);
        let mut rng = Rng::with_seed(2);
        let mut counts = [0_usize; 3];
        for _ in 0..4_000 {
            let (id, pick) = pick(&mut group, &mut rng, at(0));
            group.connection_opened(pick.key);
            counts[id] += 1;
        }
        for (count, expected) in counts.iter().zip([2_000, 1_000, 1_000]) {
            assert!(count.abs_diff(expected) <= 10, "{policy:?}: {counts:?}");
        }
    }
}

#[test]
fn the_power_of_two_never_takes_the_most_loaded() {
    let mut group = weighted(LoadBalancing::PowerOfTwo, &[100; 5]);
    let busiest = key(&group, "3");
    group.connection_opened(busiest);
    let counts = shares(&mut group, 4_000);
    assert_eq!(counts[3], 0, "{counts:?}");
    assert!(counts.iter().filter(|count| **count > 500).count() == 4, "{counts:?}");
}

#[test]
fn requests_and_connect_times_are_metrics_of_their_own() {
    let mut group = weighted(LoadBalancing::LeastLoaded, &[100, 100]);
    let (first, second) = (key(&group, "0"), key(&group, "1"));
    group.request_started(first);
    group.connection_opened(second);
    assert_eq!(shares(&mut group, 4), [4, 0]);
    group.set_policy(LoadBalancing::LeastLoaded, LoadMetric::Requests);
    assert_eq!(shares(&mut group, 4), [0, 4]);
    group.connection_closed(second);
    group.set_policy(LoadBalancing::LeastLoaded, LoadMetric::ConnectionTime);
    group.handle_connect_success(second, at(0), at(3));
    assert_eq!(shares(&mut group, 4), [4, 0]);
}

#[test]
fn slow_responses_count_at_once_and_are_forgotten() {
    let mut group = weighted(LoadBalancing::PowerOfTwo, &[100; 3]);
    group.set_policy(LoadBalancing::PowerOfTwo, LoadMetric::ResponseTime);
    let mut rng = Rng::with_seed(6);
    let mut took = [1_000, 1_000, 1_000];
    let mut counts = |group: &mut Group, took: &[u64; 3], from: u64| {
        let mut counts = [0; 3];
        for request in 0..3_000 {
            let now = Instant::from_micros(from + request * 10_000);
            let (id, pick) = pick(group, &mut rng, now);
            group.request_started(pick.key);
            group.handle_response_time(pick.key, Duration::from_micros(took[id]), now);
            group.request_finished(pick.key);
            counts[id] += 1;
        }
        counts
    };
    let even = counts(&mut group, &took, 0);
    assert!(even.iter().all(|count| (700..1_300).contains(count)), "{even:?}");
    took[1] = 50_000;
    let slow = counts(&mut group, &took, 30_000_000);
    assert!(slow[1] < 30, "{slow:?}");
    took[1] = 1_000;
    let again = counts(&mut group, &took, 360_000_000);
    assert!(again[1] > 700, "tried again once the peak has faded: {again:?}");
}

#[test]
fn requests_in_flight_make_a_fast_backend_slow() {
    let mut group = weighted(LoadBalancing::LeastLoaded, &[100, 100]);
    group.set_policy(LoadBalancing::LeastLoaded, LoadMetric::ResponseTime);
    let (first, second) = (key(&group, "0"), key(&group, "1"));
    group.handle_response_time(first, Duration::from_micros(999), at(0));
    group.handle_response_time(second, Duration::from_micros(2_999), at(0));
    let ids: Vec<_> = (0..8)
        .map(|_| {
            let (id, pick) = pick(&mut group, &mut Rng::with_seed(0), at(0));
            group.request_started(pick.key);
            id
        })
        .collect();
    assert_eq!(ids.iter().filter(|id| **id == 0).count(), 6, "three to one: {ids:?}");
}

#[test]
fn weight_zero_gets_requests_only_when_nothing_else_is_left() {
    let policies = [
        LoadBalancing::RoundRobin,
        LoadBalancing::Random,
        LoadBalancing::LeastLoaded,
        LoadBalancing::PowerOfTwo,
    ];
    for policy in policies {
        let mut group = weighted(policy, &[0, 100, 0]);
        assert_eq!(shares(&mut group, 100), [0, 100, 0], "{policy:?}");
        let weighty = key(&group, "1");
        group.handle_connect_failure(weighty, at(0), at(0), 0);
        let counts = shares(&mut group, 100);
        assert!(counts[0] > 30 && counts[1] == 0 && counts[2] > 30, "{policy:?}: {counts:?}");
    }
}

#[test]
fn a_backup_gets_requests_only_without_primaries() {
    let mut group = weighted(LoadBalancing::RoundRobin, &[0]);
    group.upsert(Spec { backup: true, ..spec("1") }).expect("room");
    assert_eq!(shares(&mut group, 10), [10, 0], "a primary of weight 0 is still a primary");
    let primary = key(&group, "0");
    group.handle_connect_failure(primary, at(0), at(0), 0);
    assert_eq!(shares(&mut group, 10), [0, 10]);
}

#[test]
fn a_backend_that_failed_is_tried_by_one_connection_after_its_wait() {
    let mut group = weighted(LoadBalancing::RoundRobin, &[100, 100]);
    let failed = key(&group, "0");
    let mut rng = Rng::with_seed(3);
    group.handle_connect_failure(failed, at(0), at(0), 0);
    let mut ids = |group: &mut Group, now, picks| -> Vec<usize> {
        let mut next = || {
            let (id, pick) = pick(group, &mut rng, now);
            group.handle_connect_begun(pick.key, now);
            id
        };
        (0..picks).map(|_| next()).collect()
    };
    assert_eq!(ids(&mut group, at(0), 4), [1, 1, 1, 1]);
    assert_eq!(ids(&mut group, at(1), 4), [0, 1, 1, 1]);
    group.handle_connect_success(failed, at(1), at(2));
    let regained = ids(&mut group, at(2), 20).iter().filter(|id| **id == 0).count();
    assert!(regained.abs_diff(10) <= 1, "{regained} of 20");
}

#[test]
fn connections_that_are_reused_hold_nobody_back() {
    let mut group = weighted(LoadBalancing::RoundRobin, &[100, 100]);
    let failed = key(&group, "0");
    group.handle_connect_failure(failed, at(0), at(0), 0);
    let mut rng = Rng::with_seed(5);
    let mut reuse = || {
        let (id, pick) = pick(&mut group, &mut rng, at(1));
        group.connection_opened(pick.key);
        group.connection_closed(pick.key);
        id
    };
    let ids: Vec<_> = (0..6).map(|_| reuse()).collect();
    assert_eq!(ids, [0, 1, 0, 1, 0, 1]);
}
