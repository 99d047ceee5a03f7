//! Keys of what decides which backends are used.

use super::words::{ProbeMode, words};
use super::{Kind, PORT, Section, Without};
use super::{key, number, required, text};

/// Active health checks.
pub(super) static HEALTH_CHECK: Section = Section {
    name: "a health check",
    heading: "`[clusters.<id>.health_check]`",
    keys: &[
        text("mode", Kind::Word(words::<ProbeMode>), "http", MODE),
        key("uri", Kind::Text, Without::Other("**required** for `http`"), "What is asked for."),
        number("expected_status", Kind::Number(0, 599), 0, "The good status; 0: any 2xx."),
        key("service", Kind::Text, Without::Other("the whole server"), SERVICE),
        key("payload", Kind::Text, Without::Other("**required** for `udp`"), PAYLOAD),
        key("port", PORT, Without::Other("that of the backend"), "Where they are asked."),
        number("interval", Kind::Seconds, 10, "From one check to the next."),
        number("timeout", Kind::Seconds, 5, "Longest wait for an answer."),
        number("healthy_threshold", TIMES, 3, "Successes that make a backend healthy again."),
        number("unhealthy_threshold", TIMES, 3, "Failures that make a backend unhealthy."),
    ],
    later: &[],
};

pub(super) const TIMES: Kind = Kind::Number(1, u32::MAX as u64);
const MODE: &str = "A GET, the gRPC health checking protocol, a connection that is all that is \
                    wanted, or a datagram.";
const PAYLOAD: &str = "The datagram, which any other must answer; with `tcp`, it is sent to the \
                       backend's own port after the connection.";
const SERVICE: &str = "For `grpc`, the service that is asked for.";

/// Passive ejection.
pub(super) static EJECTION: Section = Section {
    name: "an ejection",
    heading: "`[clusters.<id>.ejection]`",
    keys: &[
        required("consecutive", TIMES, "Bad outcomes in a row: 5xx, resets, silence, refusals."),
        number("seconds", Kind::Seconds, 30, "For how long the first time; it doubles."),
        number("most_percent", Kind::Number(0, 100), 50, "Share of the backends, at most."),
    ],
    later: &[],
};

/// Requests that are sent once more.
pub(super) static RETRY_BUDGET: Section = Section {
    name: "a budget of retries",
    heading: "`[clusters.<id>.retry_budget]`",
    keys: &[
        number("percent", Kind::Number(0, 100), 20, "Of the requests of the last ten seconds."),
        number("at_least", ANY, 10, "In ten seconds, however few requests there are."),
    ],
    later: &[],
};

pub(super) const ANY: Kind = Kind::Number(0, u32::MAX as u64);

/// A cluster that is asked no more for a while.
pub(super) static BREAKER: Section = Section {
    name: "a circuit breaker",
    heading: "`[clusters.<id>.breaker]`",
    keys: &[
        required("percent", Kind::Number(1, 100), "Failures of the last ten seconds that open it."),
        number("at_least", TIMES, 20, "Outcomes that must be known."),
        number("seconds", Kind::Seconds, 5, "How long it stays open the first time; it doubles."),
        number("longest_seconds", Kind::Seconds, 60, "And at most."),
        number("trials", TIMES, 3, "Requests that must succeed for it to close."),
    ],
    later: &[],
};
