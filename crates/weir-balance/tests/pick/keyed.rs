//! The policies that go by a key: who gets which keys, and which keys move.

use std::collections::HashMap;
use std::time::Duration;

use weir_balance::{BackendKey, Group, LoadBalancing, LoadMetric, Rules, Spec};
use weir_base::stable_hash;

use crate::{at, key, spec};

const POLICIES: [LoadBalancing; 2] = [LoadBalancing::Rendezvous, LoadBalancing::Maglev];

/// The backend `id` at an address of its own.
fn at_address(id: u32, weight: u8) -> Spec {
    let [.., a, b] = id.to_be_bytes();
    Spec {
        weight,
        address: std::net::SocketAddr::from(([10, 0, a, b], 80)).into(),
        ..spec(&id.to_string())
    }
}

fn group(policy: LoadBalancing, weights: &[u8]) -> Group {
    let mut group = Group::new(policy, LoadMetric::Connections);
    for (id, weight) in (0..).zip(weights) {
        group.upsert(at_address(id, *weight)).expect("room");
    }
    group
}

fn hash(client: u32) -> u64 {
    stable_hash(&client.to_be_bytes(), 1)
}

/// The id of the backend of a client.
fn pick(group: &mut Group, client: u32, tried: &[BackendKey]) -> usize {
    let mut never = || panic!("a key needs no randomness");
    let pick = group.pick_by_hash(at(0), hash(client), &mut never, tried).expect("a backend");
    group.spec(pick.key).expect("current").id.parse().expect("a number")
}

fn picks(group: &mut Group, clients: u32) -> Vec<usize> {
    // The table of the group as it is now.
    while group.pick_by_hash(at(0), 0, &mut || 0, &[]).is_some() && group.is_making_table() {
        group.make_table(10_000);
    }
    picks_of(group, clients)
}

/// The same without waiting for a table.
fn picks_of(group: &mut Group, clients: u32) -> Vec<usize> {
    (0..clients).map(|client| pick(group, client, &[])).collect()
}

fn shares(picks: &[usize]) -> HashMap<usize, usize> {
    picks.iter().fold(HashMap::new(), |mut shares, id| {
        *shares.entry(*id).or_insert(0) += 1;
        shares
    })
}

/// How many keys have moved, and how many of them neither from nor to `id`.
fn moved(before: &[usize], after: &[usize], id: usize) -> (usize, usize) {
    let moved = || before.iter().zip(after).filter(|(before, after)| before != after);
    (moved().count(), moved().filter(|(before, after)| **before != id && **after != id).count())
}

#[test]
fn keys_spread_in_proportion_to_the_weights() {
    for policy in POLICIES {
        for weights in [&[100; 10][..], &[200, 100, 50, 50, 1, 255], &[1, 1]] {
            let shares = shares(&picks(&mut group(policy, weights), 40_000));
            let total: f64 = weights.iter().map(|weight| f64::from(*weight)).sum();
            let terms = weights.iter().enumerate().map(|(id, weight)| {
                let expected = 40_000.0 * f64::from(*weight) / total;
                (shares.get(&id).copied().unwrap_or(0) as f64 - expected).powi(2) / expected
            });
            // 99.9 % of fair draws stay below 27.9 with 9 degrees of freedom.
            assert!(terms.sum::<f64>() < 27.9, "{policy:?} {weights:?}: {shares:?}");
        }
    }
}

#[test]
fn a_key_stays_with_its_backend_and_every_worker_agrees() {
    for policy in POLICIES {
        let mut one = group(policy, &[100; 20]);
        let before = picks(&mut one, 2_000);
        assert_eq!(picks(&mut one, 2_000), before);
        let mut other = Group::new(policy, LoadMetric::Connections);
        for id in (0..25).rev() {
            other.upsert(at_address(id, 100)).expect("room");
        }
        (20..25).for_each(|id| assert!(other.remove(&id.to_string()).is_some()));
        assert_eq!(picks(&mut other, 2_000), before, "{policy:?}");
    }
}

#[test]
fn when_a_backend_leaves_its_keys_move() {
    for (policy, most) in [(LoadBalancing::Rendezvous, 0), (LoadBalancing::Maglev, 600)] {
        let mut group = group(policy, &[100; 20]);
        let before = picks(&mut group, 20_000);
        group.remove("7");
        let after = picks(&mut group, 20_000);
        let (moved, needless) = moved(&before, &after, 7);
        assert!((800..1_200 + most).contains(&moved), "{policy:?}: {moved} of 20000");
        assert!(needless <= most, "{policy:?}: {needless} of 20000 need not have moved");
        let heirs = shares(
            &before
                .iter()
                .zip(&after)
                .filter(|(b, _)| **b == 7)
                .map(|(_, a)| *a)
                .collect::<Vec<_>>(),
        );
        assert_eq!(heirs.len(), 19, "{policy:?}: all others share them");
        group.upsert(at_address(7, 100)).expect("room");
        assert_eq!(picks(&mut group, 20_000), before, "{policy:?}: as before when it is back");
    }
}

#[test]
fn keys_stay_where_they_are_while_a_table_is_made() {
    let mut group = group(LoadBalancing::Maglev, &[100; 700]);
    let first = picks_of(&mut group, 2_000);
    assert!(group.is_making_table(), "a large one takes a while");
    let before = picks(&mut group, 2_000);
    assert_ne!(before, first);
    group.upsert(at_address(700, 100)).expect("room");
    group.remove("7");
    let meanwhile = picks_of(&mut group, 2_000);
    assert_eq!(moved(&before, &meanwhile, 7).1, 0, "only those of the one that is gone");
    assert!(!meanwhile.contains(&7));
    // What changes while a table is made is in the next one.
    group.make_table(10);
    group.upsert(at_address(701, 100)).expect("room");
    group.make_table(usize::MAX);
    let known = shares(&picks_of(&mut group, 20_000));
    assert!(known.contains_key(&700) && !known.contains_key(&701));
    assert!(shares(&picks(&mut group, 20_000)).contains_key(&701));
}

#[test]
fn when_a_weight_grows_keys_move_to_it() {
    for (policy, most) in [(LoadBalancing::Rendezvous, 0), (LoadBalancing::Maglev, 1_500)] {
        let mut group = group(policy, &[100; 10]);
        let before = picks(&mut group, 20_000);
        group.upsert(at_address(3, 200)).expect("known");
        let after = picks(&mut group, 20_000);
        let grown = |picks: &[usize]| shares(picks)[&3];
        let (ratio, needless) = (grown(&after) - grown(&before), moved(&before, &after, 3).1);
        assert!((1_400..1_900).contains(&ratio), "{policy:?}: {ratio} more");
        assert!(needless <= most, "{policy:?}: {needless} of 20000 need not have moved");
    }
}

#[test]
fn only_the_keys_of_a_backend_that_is_left_alone_go_elsewhere_and_they_come_back() {
    for policy in POLICIES {
        let mut group = group(policy, &[100; 20]);
        let before = picks(&mut group, 5_000);
        let failed = key(&group, "7");
        group.handle_connect_failure(failed, at(0), at(0), 0);
        let after = picks(&mut group, 5_000);
        assert!(!after.contains(&7));
        assert_eq!(moved(&before, &after, 7).1, 0, "{policy:?}");
        assert!(shares(&after).values().all(|share| *share < 400), "{policy:?}");
        group.handle_connect_success(failed, at(0), at(0));
        assert_eq!(picks(&mut group, 5_000), before, "{policy:?}");
    }
}

#[test]
fn who_has_passed_a_first_check_gets_its_keys_by_and_by() {
    for policy in POLICIES {
        let mut group = group(policy, &[100; 9]);
        let slow_start = Duration::from_secs(60);
        group.set_rules(Rules { checked: true, slow_start, ejection: None });
        group.upsert(at_address(9, 100)).expect("room");
        let share = |group: &mut Group, second| {
            let mut to_it = 0;
            for client in 0..10_000 {
                let pick = group.pick_by_hash(at(second), hash(client), &mut || 0, &[]);
                let picked = group.spec(pick.expect("a backend").key).expect("current");
                to_it += usize::from(&*picked.id == "9");
            }
            to_it
        };
        assert_eq!(share(&mut group, 1), 0, "{policy:?}: it is unproven");
        group.handle_check("9", true, at(1));
        let shares = [2, 31, 62].map(|second| share(&mut group, second));
        let [least, half, whole] = shares;
        assert!((80..240).contains(&least), "{policy:?}: {shares:?}");
        assert!((400..650).contains(&half), "{policy:?}: {shares:?}");
        assert!((850..1_150).contains(&whole), "{policy:?}: {shares:?}");
    }
}

#[test]
fn a_retry_goes_to_the_next_and_a_third_to_the_one_after() {
    for policy in POLICIES {
        let mut group = group(policy, &[100; 5]);
        for client in 0..200 {
            let mut tried = Vec::new();
            let mut seen = Vec::new();
            for _ in 0..5 {
                let id = pick(&mut group, client, &tried);
                assert!(!seen.contains(&id), "{policy:?}: {seen:?} then {id}");
                seen.push(id);
                tried.push(key(&group, &id.to_string()));
            }
            assert_eq!(pick(&mut group, client, &[]), seen[0]);
        }
    }
}

#[test]
fn backups_and_weight_zero_are_for_when_nobody_else_is_left() {
    for policy in POLICIES {
        let mut group = group(policy, &[100, 0]);
        for id in 2..4 {
            group.upsert(Spec { backup: true, ..at_address(id, 100) }).expect("room");
        }
        let ids = |group: &mut Group| {
            let mut ids: Vec<_> = shares(&picks(group, 500)).into_keys().collect();
            ids.sort_unstable();
            ids
        };
        assert_eq!(ids(&mut group), [0]);
        let (first, second) = (key(&group, "0"), key(&group, "1"));
        group.handle_connect_failure(first, at(0), at(0), 0);
        assert_eq!(ids(&mut group), [1]);
        group.handle_connect_failure(second, at(0), at(0), 0);
        assert_eq!(ids(&mut group), [2, 3]);
    }
}

#[test]
fn without_a_key_they_go_in_turn_and_others_ignore_it() {
    for policy in [LoadBalancing::Rendezvous, LoadBalancing::Maglev, LoadBalancing::RoundRobin] {
        let mut group = group(policy, &[100, 100]);
        let mut next = |keyed: bool| {
            let pick = match keyed {
                true => group.pick_by_hash(at(0), 1, &mut || 0, &[]),
                false => group.pick(at(0), &mut || 0, &[]),
            };
            pick.expect("a backend").key
        };
        let [first, second] = [next(false), next(false)];
        assert!(first != second && next(false) == first);
        if policy == LoadBalancing::RoundRobin {
            assert_ne!(next(true), next(true));
        }
    }
}

#[test]
fn nobody_is_nobody() {
    for policy in POLICIES {
        let mut group = group(policy, &[]);
        assert_eq!(group.pick_by_hash(at(0), 1, &mut || 0, &[]), None);
    }
}
