use std::fmt::Write;

use super::*;

const TABLE: &str = "\
state       success     failure     longest wait
Up          Up          Suspect(1)  0ns
Suspect(1)  Up          Suspect(2)  2s
Suspect(2)  Up          Suspect(3)  4s
Suspect(3)  Up          Suspect(4)  8s
Suspect(4)  Up          Suspect(5)  16s
Suspect(5)  Up          Down        32s
Down        Up          Down        64s
";

fn at(seconds: u64) -> Instant {
    Instant::from_micros(seconds * 1_000_000)
}

#[test]
fn the_transition_table_is_the_documented_one() {
    let mut states = vec![State::Up];
    while let Some(next) = states.last().map(|s| s.after(Verdict::Failure))
        && !states.contains(&next)
    {
        states.push(next);
    }
    let mut table = "state       success     failure     longest wait\n".to_owned();
    for state in states {
        let cells = [state, state.after(Verdict::Success), state.after(Verdict::Failure)];
        for cell in cells.map(|state| format!("{state:?}")) {
            write!(table, "{cell:<12}").expect("strings take everything");
        }
        writeln!(table, "{:?}", state.longest_wait()).expect("strings take everything");
    }
    assert_eq!(table, TABLE);
}

#[test]
fn the_wait_is_between_one_second_and_two_to_the_failures() {
    for (random, seconds) in [(0, [1, 1, 1, 1, 1, 1, 1]), (u64::MAX, [2, 4, 8, 16, 32, 64, 64])] {
        let mut health = Health::default();
        let mut now = at(1);
        for wait in seconds {
            health.handle_failure(now, now, random);
            let end = now + Duration::from_secs(wait);
            assert_eq!(health.held_until(now), Some(end));
            now = end;
            assert_eq!(health.held_until(now), None);
        }
    }
}

#[test]
fn a_burst_of_failures_counts_once() {
    let mut health = Health::default();
    for _ in 0..100 {
        health.handle_failure(at(1), at(2), 0);
    }
    assert_eq!(health.state(), State::Suspect(1));
    health.handle_failure(at(2), at(3), 0);
    assert_eq!(health.state(), State::Suspect(2));
}

#[test]
fn a_success_ends_the_wait_at_once() {
    let mut health = Health::default();
    for second in 1..9 {
        health.handle_failure(at(second), at(second), u64::MAX);
    }
    assert_eq!(health.state(), State::Down);
    health.handle_success();
    assert_eq!((health.state(), health.held_until(at(8))), (State::Up, None));
}

#[test]
fn after_the_wait_one_connection_is_tried_at_a_time() {
    let mut health = Health::default();
    assert!(!health.handle_attempt(at(1)), "an attempt on a backend that is up holds nobody back");
    health.handle_failure(at(1), at(1), 0);
    assert!(!health.handle_attempt(at(1)), "an attempt during the wait does not prolong it");
    assert_eq!(health.held_until(at(2)), None);
    assert!(health.handle_attempt(at(2)));
    assert_eq!(health.held_until(at(2)), Some(at(4)), "held until the trial's verdict");
    health.handle_success();
    assert_eq!(health.held_until(at(2)), None);
}
