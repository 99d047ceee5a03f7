//! The table of failures: phase × failure → verdict, and the retry rules.

use super::*;

const CLOSED_TAKEN: BackFailure = BackFailure::Closed { taken: true };
const CLOSED_UNTAKEN: BackFailure = BackFailure::Closed { taken: false };

fn waiting(method: Method, reused: bool) -> Exchange {
    let mut exchange = Exchange::new(method);
    exchange.handle_connected(reused);
    exchange
}

#[test]
fn a_connect_failure_is_retried_twice_then_answered_503() {
    let mut exchange = Exchange::new(Method::Post);
    assert_eq!(exchange.handle_back_failure(BackFailure::Refused), Verdict::Retry);
    assert_eq!(exchange.handle_back_failure(BackFailure::ConnectTimeout), Verdict::Retry);
    let last = exchange.handle_back_failure(BackFailure::Refused);
    assert_eq!(last, Verdict::Answer(503, Cause::Back(BackFailure::Refused)));
}

#[test]
fn a_keep_alive_race_is_retried_only_when_that_is_safe() {
    let verdict = |method, reused, failure| waiting(method, reused).handle_back_failure(failure);
    assert_eq!(verdict(Method::Get, true, CLOSED_TAKEN), Verdict::Retry);
    assert_eq!(verdict(Method::Post, true, CLOSED_UNTAKEN), Verdict::Retry);
    let refused = Verdict::Answer(502, Cause::Back(CLOSED_TAKEN));
    assert_eq!(verdict(Method::Post, true, CLOSED_TAKEN), refused);
    assert_eq!(verdict(Method::Get, false, CLOSED_TAKEN), refused);
}

#[test]
fn only_the_end_of_a_kept_connection_is_stale() {
    let mut kept = waiting(Method::Get, true);
    assert!(kept.is_stale(CLOSED_UNTAKEN) && kept.is_stale(CLOSED_TAKEN));
    assert!(!kept.is_stale(BackFailure::Silent));
    assert!(!waiting(Method::Get, false).is_stale(CLOSED_UNTAKEN));
    assert_eq!(kept.handle_back_failure(CLOSED_TAKEN), Verdict::Retry);
    kept.handle_connected(false);
    assert!(!kept.is_stale(CLOSED_TAKEN), "the next connection is a new one");
}

#[test]
fn a_request_that_left_the_buffer_or_saw_an_interim_response_is_not_retried() {
    let mut spent = waiting(Method::Put, true);
    spent.handle_spent();
    assert!(matches!(spent.handle_back_failure(CLOSED_UNTAKEN), Verdict::Answer(502, _)));
    let mut interim = waiting(Method::Put, true);
    interim.handle_response(100);
    assert_eq!(interim.phase(), Phase::Waiting);
    assert!(matches!(interim.handle_back_failure(CLOSED_TAKEN), Verdict::Answer(502, _)));
}

#[test]
fn retries_end() {
    let mut exchange = waiting(Method::Get, true);
    let mut retries = 0;
    while exchange.handle_back_failure(CLOSED_TAKEN) == Verdict::Retry {
        retries += 1;
        exchange.handle_connected(true);
    }
    assert_eq!(retries, CONNECT_ATTEMPTS - 1);
}

#[test]
fn every_failure_has_its_verdict_in_every_phase() {
    let back = [
        BackFailure::NoBackend,
        BackFailure::NoRoom,
        BackFailure::QueueFull,
        BackFailure::QueueTimeout,
        BackFailure::Refused,
        BackFailure::ConnectTimeout,
        BackFailure::NoProtocol,
        BackFailure::Handshake,
        CLOSED_TAKEN,
        CLOSED_UNTAKEN,
        BackFailure::Malformed,
        BackFailure::Silent,
    ];
    let front = [
        FrontFailure::Gone,
        FrontFailure::Truncated,
        FrontFailure::MalformedBody,
        FrontFailure::SlowBody,
        FrontFailure::Stalled,
        FrontFailure::Dismissed,
    ];
    let mut table = String::new();
    for (name, exchange) in [
        ("waiting", waiting(Method::Post, true)),
        ("responding", {
            let mut exchange = waiting(Method::Post, true);
            exchange.handle_response(200);
            exchange
        }),
    ] {
        for failure in back {
            let verdict = exchange.clone().handle_back_failure(failure);
            table += &format!("{name} {failure:?} -> {}\n", brief(verdict));
        }
        for failure in front {
            let verdict = exchange.handle_front_failure(failure);
            table += &format!("{name} {failure:?} -> {}\n", brief(verdict));
        }
    }
    assert_eq!(table, include_str!("verdicts.txt"));
}

fn brief(verdict: Verdict) -> String {
    match verdict {
        Verdict::Retry => "retry".to_owned(),
        Verdict::Answer(status, _) => format!("answer {status}"),
        Verdict::Cut(_) => "cut".to_owned(),
    }
}
