//! Main dies at every step of a change: what was acknowledged or stored is served after the next
//! start, and nothing else.

#[allow(dead_code, reason = "shared by several test programs, each of which uses a part")]
mod process_support;

use std::sync::mpsc::channel;

use process_support::Proxy;
use process_support::control::{good, json, pids, route};
use process_support::held::{
    Asked, goes_on, is_made, is_one, kill, prepared_by_one, resume, seen_by_main, started, stop,
};
use weir_client::proto::Cluster;
use weir_client::proto::request::RequestType;
use weir_client::{Client, Options};
use weir_testkit::process::{PATIENCE, Signal, send_signal};

/// Kills main and starts it again; its workers go on.
fn start_again(proxy: Proxy, workers: [i32; 2]) -> Proxy {
    let Proxy { main, config, .. } = proxy;
    kill(main.pid());
    drop(main);
    for worker in workers {
        send_signal(worker, Signal::CONT);
    }
    let again = Proxy::start(config, &[]);
    assert_eq!(pids(&again), workers);
    again
}

/// An acknowledged change before the one that is cut short; the epoch that it made.
fn acknowledged(proxy: &Proxy) -> u64 {
    good(proxy, &["cluster", "add", "--id", "kept", "--load-balancing-policy", "random"]);
    is_one(proxy)
}

fn keeps_what_was_acknowledged(proxy: &Proxy) {
    assert!(good(proxy, &["cluster", "list"]).contains("kept"));
}

/// A change that both workers, stopped again, have prepared, and that main, stopped too, has not
/// heard of.
fn prepared_unheard(proxy: &Proxy, workers: [i32; 2]) -> Asked {
    workers.into_iter().for_each(stop);
    let asked = Asked::route(proxy);
    stop(proxy.main.pid());
    for worker in workers {
        resume(worker);
        stop(worker);
    }
    asked
}

/// A change that main has stored; no worker has read what main says of it.
fn stored(proxy: &Proxy, workers: [i32; 2]) -> Asked {
    let asked = prepared_unheard(proxy, workers);
    resume(proxy.main.pid());
    seen_by_main(proxy);
    asked
}

#[test]
fn what_was_not_stored_is_not_served_after_the_end_of_main() {
    let (proxy, workers, _) = started();
    let epoch = acknowledged(&proxy);
    let asked = prepared_by_one(&proxy, workers);
    let again = start_again(proxy, workers);
    asked.answer().expect_err("nobody answers");
    assert_eq!(is_one(&again), epoch);
    assert!(!is_made(&again));
    keeps_what_was_acknowledged(&again);
    goes_on(&again);
}

#[test]
fn what_all_have_prepared_and_main_has_not_heard_of_is_not_served_either() {
    let (proxy, workers, _) = started();
    let epoch = acknowledged(&proxy);
    let asked = prepared_unheard(&proxy, workers);
    let again = start_again(proxy, workers);
    asked.answer().expect_err("nobody answers");
    assert_eq!(is_one(&again), epoch);
    assert!(!is_made(&again));
    goes_on(&again);
}

#[test]
fn what_was_stored_and_used_by_no_worker_is_served_after_the_end_of_main() {
    let (proxy, workers, _) = started();
    let epoch = acknowledged(&proxy);
    let asked = stored(&proxy, workers);
    let Proxy { main, config, .. } = proxy;
    kill(main.pid());
    workers.into_iter().for_each(kill);
    drop(main);
    asked.answer().expect_err("nobody answers");
    let again = Proxy::start(config, &[]);
    assert_eq!(is_one(&again), epoch + 1);
    assert!(is_made(&again));
    keeps_what_was_acknowledged(&again);
    // It can be undone like any other.
    good(&again, &["rollback", &epoch.to_string()]);
    assert!(!is_made(&again));
    goes_on(&again);
}

#[test]
fn what_was_stored_and_is_used_by_one_worker_is_served_after_the_end_of_main() {
    let (proxy, workers, _) = started();
    let epoch = acknowledged(&proxy);
    let asked = stored(&proxy, workers);
    resume(workers[0]);
    seen_by_main(&proxy);
    let again = start_again(proxy, workers);
    asked.answer().expect_err("nobody answers");
    assert_eq!(is_one(&again), epoch + 1);
    assert!(is_made(&again));
    keeps_what_was_acknowledged(&again);
}

#[test]
fn what_all_use_and_was_not_acknowledged_is_served_after_the_end_of_main() {
    let (proxy, workers, _) = started();
    let epoch = acknowledged(&proxy);
    let asked = stored(&proxy, workers);
    stop(proxy.main.pid());
    workers.into_iter().for_each(resume);
    let again = start_again(proxy, workers);
    asked.answer().expect_err("nobody answers");
    assert_eq!(is_one(&again), epoch + 1);
    assert!(is_made(&again));
}

#[test]
fn what_was_acknowledged_is_served_and_listed_after_the_end_of_main_in_the_next_moment() {
    let (proxy, workers, epoch) = started();
    route(&proxy, "second");
    let again = start_again(proxy, workers);
    assert_eq!(is_one(&again), epoch + 2);
    let history = json(&good(&again, &["history", "--json"]));
    assert_eq!(history["entries"][0]["epoch"], epoch + 2);
}

#[test]
fn main_dies_amid_many_changes_and_none_that_was_acknowledged_is_lost() {
    let (proxy, workers, epoch) = started();
    let options = Options { timeout: Some(PATIENCE), max_frame_bytes: 100_000 };
    let socket = proxy.config.in_directory("control.sock");
    let mut client = Client::connect(&socket, options).expect("connected");
    let (acknowledged, heard) = channel();
    let changing = std::thread::spawn(move || {
        for number in 0_u64.. {
            let cluster = Cluster { cluster_id: format!("c{number}"), ..Cluster::default() };
            if client.request(RequestType::AddCluster(cluster)).is_err() {
                return number;
            }
            let _ = acknowledged.send(());
        }
        unreachable!("main dies before")
    });
    // Main is somewhere in the next change then.
    for _ in 0..20 {
        heard.recv_timeout(PATIENCE).expect("acknowledged");
    }
    let again = start_again(proxy, workers);
    let made = changing.join().expect("it ends");
    let stored = is_one(&again) - epoch;
    assert!(stored == made || stored == made + 1, "{made} acknowledged, {stored} stored");
    let clusters = good(&again, &["cluster", "list", "--json"]);
    for number in 0..stored {
        assert!(clusters.contains(&format!("\"c{number}\"")), "{number} of {stored}");
    }
    goes_on(&again);
}
