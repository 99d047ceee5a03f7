//! What a pick costs. `cargo test --release -p weir-balance -- --ignored --nocapture` measures it.

use std::time::{Duration, Instant};

use fastrand::Rng;
use weir_balance::{Group, LoadBalancing, LoadMetric, Spec};

use crate::{at, spec};

fn group(policy: LoadBalancing, backends: u32) -> Group {
    let mut group = Group::new(policy, LoadMetric::ResponseTime);
    for id in 0..backends {
        let [.., a, b] = id.to_be_bytes();
        let address = ([10, 0, a, b], 80).into();
        group.upsert(Spec { address, ..spec(&id.to_string()) }).expect("room");
    }
    let keys: Vec<_> = group.iter(at(0)).map(|view| view.key).collect();
    for (key, micros) in keys.into_iter().zip(1..) {
        group.handle_response_time(key, Duration::from_micros(micros), at(0));
    }
    group
}

#[test]
#[ignore = "it measures: run it with --release --nocapture"]
fn a_pick_among_ten_thousand() {
    for (policy, picks) in [
        (LoadBalancing::RoundRobin, 1_000),
        (LoadBalancing::Random, 1_000),
        (LoadBalancing::PowerOfTwo, 1_000),
        (LoadBalancing::Maglev, 1_000),
        (LoadBalancing::Rendezvous, 1),
        (LoadBalancing::LeastLoaded, 1),
    ] {
        for backends in [100, 655, 10_000] {
            let mut rng = Rng::with_seed(1);
            let mut group = group(policy, backends);
            let mut pick = || {
                let hash = rng.u64(..);
                let pick = group.pick_by_hash(at(0), hash, &mut || rng.u64(..), &[]);
                assert!(pick.is_some());
            };
            let begun = Instant::now();
            pick();
            let first = begun.elapsed();
            let mut times: Vec<_> = (0..500)
                .map(|_| {
                    let begun = Instant::now();
                    (0..picks).for_each(|_| pick());
                    begun.elapsed() / picks
                })
                .collect();
            times.sort();
            let (half, tenth) = (times[250], times[50]);
            println!("{policy:?} among {backends}: {half:?} ({tenth:?}), the first {first:?}");
        }
    }
}
