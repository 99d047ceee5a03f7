//! Workers die or hang at every step of a change: it is made everywhere or nowhere, and
//! what was acknowledged stays.

#[allow(dead_code, reason = "shared by several test programs, each of which uses a part")]
mod process_support;

use process_support::CONTROLLED;
use process_support::held::{
    Asked, committed_but_for_one, goes_on, is_made, is_one, kill, prepared_by_one, resume, routes,
    started, started_with, stop, was_made,
};

#[test]
fn a_worker_that_dies_before_it_prepares_is_not_waited_for() {
    let (proxy, [first, _], epoch) = started();
    stop(first);
    let asked = Asked::route(&proxy);
    kill(first);
    was_made(&proxy, asked, epoch);
}

#[test]
fn a_worker_that_dies_while_it_prepares_is_not_waited_for() {
    let (proxy, [first, second], epoch) = started();
    stop(second);
    let asked = Asked::of(&proxy, routes(&proxy, "a.example", 1_000));
    kill(first);
    resume(second);
    was_made(&proxy, asked, epoch);
}

#[test]
fn a_worker_that_dies_when_it_has_prepared_is_not_waited_for() {
    let (proxy, [first, second], epoch) = started();
    let asked = prepared_by_one(&proxy, [first, second]);
    kill(first);
    resume(second);
    was_made(&proxy, asked, epoch);
}

#[test]
fn a_worker_that_has_prepared_and_died_does_not_vouch_for_one_that_has_not() {
    let (proxy, [first, second], epoch) = started();
    let asked = prepared_by_one(&proxy, [first, second]);
    kill(first);
    kill(second);
    // What one has compiled, its successor can.
    was_made(&proxy, asked, epoch);
}

#[test]
fn a_worker_that_dies_while_it_applies_is_not_waited_for() {
    let (proxy, [first, second], epoch) = started();
    let asked = committed_but_for_one(&proxy, [first, second]);
    kill(first);
    was_made(&proxy, asked, epoch);
}

#[test]
fn every_worker_dies_while_they_apply() {
    let (proxy, [first, second], epoch) = started();
    let asked = committed_but_for_one(&proxy, [first, second]);
    kill(second);
    kill(first);
    was_made(&proxy, asked, epoch);
}

#[test]
fn workers_that_die_after_a_change_have_successors_with_it() {
    let (proxy, [first, second], epoch) = started();
    was_made(&proxy, Asked::route(&proxy), epoch);
    kill(first);
    kill(second);
    assert_eq!(is_one(&proxy), epoch + 1);
    assert!(is_made(&proxy));
}

#[test]
fn when_every_worker_dies_while_it_prepares_nothing_is_changed() {
    let (proxy, workers, epoch) = started();
    workers.into_iter().for_each(stop);
    let asked = Asked::route(&proxy);
    workers.into_iter().for_each(kill);
    let refusal = asked.answer().expect_err("refused");
    assert!(refusal.contains("every worker ended while it checked the change"), "{refusal}");
    assert_eq!(is_one(&proxy), epoch);
    assert!(!is_made(&proxy));
    goes_on(&proxy);
}

#[test]
fn a_worker_that_hangs_before_it_prepares_is_killed_and_not_waited_for() {
    let (mut proxy, [first, _], epoch) = started_with(&impatient());
    stop(first);
    let asked = Asked::route(&proxy);
    was_made(&proxy, asked, epoch);
    proxy.main.line_with("started again");
}

#[test]
fn a_worker_that_hangs_between_prepare_and_commit_is_killed_and_not_waited_for() {
    let (mut proxy, workers, epoch) = started_with(&impatient());
    let asked = committed_but_for_one(&proxy, workers);
    was_made(&proxy, asked, epoch);
    let line = proxy.main.line_with("started again");
    assert!(line.contains(&format!("pid {}", workers[0])), "{line}");
}

#[test]
fn when_every_worker_hangs_before_it_prepares_nothing_is_changed() {
    let (proxy, workers, epoch) = started_with(&impatient());
    workers.into_iter().for_each(stop);
    let refusal = Asked::route(&proxy).answer().expect_err("refused");
    assert!(refusal.contains("every worker ended while it checked the change"), "{refusal}");
    assert_eq!(is_one(&proxy), epoch);
    assert!(!is_made(&proxy));
    goes_on(&proxy);
}

/// A worker that hangs is killed after a second.
fn impatient() -> String {
    CONTROLLED.replace("worker_timeout = 5", "worker_timeout = 1")
}
