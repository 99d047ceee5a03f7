use std::fmt::Write;

use super::*;

const TABLE: &str = "\
state    Trip     WaitOver TrialFailed TrialsPassed
Closed   Open     Closed   Closed      Closed
Open     Open     Trial    Open        Open
Trial    Trial    Trial    Open        Closed
";

const SETTINGS: Settings = Settings {
    percent: 50,
    at_least: 10,
    wait: Duration::from_secs(2),
    longest_wait: Duration::from_secs(7),
    trials: 2,
};

fn at(seconds: u64) -> Instant {
    Instant::from_micros(seconds * 1_000_000)
}

fn breaker() -> Breaker {
    Breaker::new(SETTINGS, at(0))
}

/// Sends a request whose outcome is known at once.
fn ask(breaker: &mut Breaker, ok: bool, now: Instant) -> Option<State> {
    let ticket = breaker.admit(now).expect("let through");
    breaker.handle_outcome(ticket, ok, now)
}

fn open(now: Instant) -> Breaker {
    let mut breaker = breaker();
    let states: Vec<_> = (0..10).filter_map(|_| ask(&mut breaker, false, now)).collect();
    assert_eq!(states, [State::Open]);
    breaker
}

fn refused(breaker: &mut Breaker, now: Instant) -> Option<Instant> {
    breaker.admit(now).err().map(|refused| refused.until)
}

#[test]
fn the_transition_table_is_the_documented_one() {
    let events = [Event::Trip, Event::WaitOver, Event::TrialFailed, Event::TrialsPassed];
    let mut table = "state    Trip     WaitOver TrialFailed TrialsPassed\n".to_owned();
    for state in [State::Closed, State::Open, State::Trial] {
        let [a, b, c, d] = events.map(|event| format!("{:?}", state.after(event)));
        writeln!(table, "{:<8} {a:<8} {b:<8} {c:<11} {d}", format!("{state:?}"))
            .expect("strings take all");
    }
    assert_eq!(table, TABLE);
}

#[test]
fn it_opens_when_enough_of_enough_fail() {
    let mut breaker = breaker();
    for _ in 0..9 {
        assert_eq!(ask(&mut breaker, false, at(0)), None, "too few to say");
    }
    breaker = Breaker::new(SETTINGS, at(0));
    (0..6).for_each(|_| assert_eq!(ask(&mut breaker, true, at(0)), None));
    (0..5).for_each(|_| assert_eq!(ask(&mut breaker, false, at(1)), None, "fewer than half"));
    assert_eq!(ask(&mut breaker, false, at(1)), Some(State::Open));
    assert_eq!(refused(&mut breaker, at(2)), Some(at(3)));
}

#[test]
fn old_outcomes_do_not_count() {
    let mut breaker = breaker();
    for second in 0..100 {
        let now = at(second * 2);
        assert_eq!(ask(&mut breaker, false, now), None, "never ten in ten seconds");
    }
}

#[test]
fn all_trials_must_succeed() {
    let mut breaker = open(at(0));
    let first = breaker.admit(at(2)).expect("a trial");
    let second = breaker.admit(at(2)).expect("a trial");
    assert_eq!(refused(&mut breaker, at(2)), Some(at(4)), "no third");
    assert_eq!(breaker.handle_outcome(first, true, at(3)), None);
    assert_eq!(breaker.handle_outcome(second, true, at(3)), Some(State::Closed));
    assert_eq!(ask(&mut breaker, false, at(3)), None, "it begins anew");
}

#[test]
fn waits_double_up_to_the_longest() {
    let mut breaker = open(at(0));
    let mut now = at(2);
    for wait in [4, 7, 7] {
        assert_eq!(ask(&mut breaker, false, now), Some(State::Open));
        let until = refused(&mut breaker, now).expect("refused");
        assert_eq!(until - now, Duration::from_secs(wait));
        now = until;
    }
    assert_eq!(ask(&mut breaker, true, now), None);
    assert_eq!(ask(&mut breaker, true, now), Some(State::Closed));
    (0..10).for_each(|_| assert!(ask(&mut breaker, false, now) != Some(State::Trial)));
    let until = refused(&mut breaker, now).expect("refused");
    assert_eq!(until - now, Duration::from_secs(2), "the first wait again");
}

#[test]
fn stragglers_change_nothing() {
    let mut breaker = breaker();
    let straggler = breaker.admit(at(0)).expect("let through");
    for _ in 0..10 {
        ask(&mut breaker, false, at(0));
    }
    assert_eq!(breaker.handle_outcome(straggler, true, at(1)), None);
    breaker.admit(at(2)).expect("a trial");
    assert_eq!(breaker.handle_outcome(straggler, false, at(2)), None);
    assert_eq!(breaker.state(), State::Trial);
}

#[test]
fn trials_that_never_end_are_given_up() {
    let mut breaker = open(at(0));
    let lost = breaker.admit(at(2)).expect("a trial");
    breaker.admit(at(2)).expect("a trial");
    assert_eq!(refused(&mut breaker, at(3)), Some(at(4)));
    let trial = breaker.admit(at(4)).expect("another");
    assert_eq!(breaker.handle_outcome(lost, false, at(4)), None);
    assert_eq!(breaker.handle_outcome(trial, false, at(4)), Some(State::Open));
}
