//! Hours of a cluster in a moment, told by a seed: its backends refuse, fall silent, answer badly,
//! become slow, flap, come and go, all at once at times, while several workers send requests there,
//! send them again, let them wait, and hear what one of them has checked.
//!
//! What must hold at every moment is asserted where it happens: [`look`] of what is chosen,
//! [`worker`] of queues, budgets and breakers, [`trouble`] of backends that come back. Here, what
//! must hold of a whole run.
//!
//! `WEIR_SEED=7 cargo test -p weir-balance --test sim` runs the seed 7 alone.

mod look;
mod server;
mod trouble;
mod worker;
mod world;

use weir_balance::{LoadBalancing, LoadMetric};
use world::{Account, World};

fn seeds() -> Vec<u64> {
    match std::env::var("WEIR_SEED") {
        Ok(seed) => vec![seed.parse().expect("WEIR_SEED is a number")],
        Err(_) => vec![1, 2],
    }
}

fn run(policy: LoadBalancing, metric: LoadMetric) {
    for seed in seeds() {
        // Where an assertion fails, this says how to see it again.
        println!("{policy:?} by {metric:?}: WEIR_SEED={seed}");
        let mut world = World::new(seed, policy, metric);
        world.run();
        world.look_at_rest();
        world.look_at_shares();
        println!("{:?} {:?}", world.account, world.account.early_and_late());
        look_at_whole(&world.account, policy);
    }
}

fn look_at_whole(account: &Account, policy: LoadBalancing) {
    let Account { requests, served, failed, refused, overrun, .. } = *account;
    assert_eq!(requests, served + failed + refused + overrun, "each has one end");
    assert!(served * 100 > requests * 60, "{served} of {requests} were served");
    // The run is worth something.
    for (what, count, least) in [
        ("requests", requests, 30_000),
        ("retries", account.retries, 100),
        ("transitions", account.transitions, 100),
        ("recoveries", account.recoveries, 50),
        ("picks where nobody could be tried", account.failed_open, 10),
        ("requests that waited and were served", account.waited, 50),
        ("requests for which there was no room to wait", overrun, 1),
        ("breakers that opened", account.opened, 3),
        ("requests that breakers refused", refused, 10),
        ("backends that joined", account.joined, 10),
    ] {
        assert!(count >= least, "{what}: {count}");
    }
    // A change of a backend leads to a few transitions in each worker, whatever it is asked.
    let most = account.changes * 4 * world::WORKERS as u64;
    assert!(account.transitions <= most, "{} after {}", account.transitions, account.changes);
    if policy == LoadBalancing::LeastLoaded || policy == LoadBalancing::PowerOfTwo {
        return;
    }
    // A backend that comes back begins with a small share, and has all of it at last.
    let [early, late] = account.early_and_late();
    assert!((0.02..0.5).contains(&early), "{early} of a fair share early in the slow start");
    assert!((0.85..1.15).contains(&late), "{late} of a fair share after it");
}

#[test]
fn in_turn() {
    run(LoadBalancing::RoundRobin, LoadMetric::Connections);
}

#[test]
fn at_random() {
    run(LoadBalancing::Random, LoadMetric::Connections);
}

#[test]
fn least_loaded() {
    run(LoadBalancing::LeastLoaded, LoadMetric::Requests);
}

#[test]
fn power_of_two() {
    run(LoadBalancing::PowerOfTwo, LoadMetric::ResponseTime);
}

#[test]
fn rendezvous() {
    run(LoadBalancing::Rendezvous, LoadMetric::Connections);
}

#[test]
fn maglev() {
    run(LoadBalancing::Maglev, LoadMetric::Connections);
}
