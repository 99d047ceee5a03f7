//! The goals, and for each whether it is reached or by how much it is missed.

use std::fmt::Write as _;

use crate::report::{Better, Results, number, to_better_peer, to_null};
use crate::rows::Measured;

/// CPU per request beside the better peer's.
const KEPT_TO_PEER: f64 = 0.65;
const ONE_REQUEST_TO_PEER: f64 = 1.0;
/// CPU per request beside the null forwarder's.
const TO_NULL: f64 = 1.25;
/// CPU per GiB of large bodies beside HAProxy's.
const BYTES_TO_HAPROXY: f64 = 1.0;
const INSTRUCTIONS: f64 = 10_000.0;
/// Bytes of user memory per idle connection.
const IDLE: f64 = 1_024.0;

/// A line of the table.
struct Goal {
    what: &'static str,
    of: String,
    decimals: usize,
    measured: f64,
    at_most: f64,
}

/// The table of all goals.
pub(crate) fn table(results: &Results) -> String {
    let mut goals = Vec::new();
    for row in &results.rows {
        goals.push(to_peer(row));
    }
    for row in &results.rows {
        goals.push(ratio("CPU ÷ null forwarder", row, to_null(row.cpu), TO_NULL));
    }
    for row in results.rows.iter().filter(|row| row.row.is_large()) {
        let [weir, haproxy, ..] = row.cpu_per_gib;
        goals.push(ratio("CPU per GiB ÷ HAProxy", row, weir / haproxy, BYTES_TO_HAPROXY));
    }
    goals.push(absolute(
        "user instructions",
        "small request",
        results.instructions[0],
        INSTRUCTIONS,
    ));
    goals.push(absolute("user memory, bytes", "idle connection", results.idle[0], IDLE));
    let mut text = "\n## Against the goals\n\n".to_string();
    let _ = writeln!(text, "| | | Weir | at most | |\n|---|---|--:|--:|---|");
    for goal in goals {
        let Goal { what, of, decimals, measured, at_most } = goal;
        let (weir, limit) = (number(measured, decimals), number(at_most, decimals));
        let verdict = verdict(measured, at_most);
        let _ = writeln!(text, "| {what} | {of} | {weir} | {limit} | {verdict} |");
    }
    text
}

fn to_peer(row: &Measured) -> Goal {
    let at_most = if row.row.kept { KEPT_TO_PEER } else { ONE_REQUEST_TO_PEER };
    ratio("CPU ÷ better peer", row, to_better_peer(row.cpu, Better::Less), at_most)
}

fn ratio(what: &'static str, row: &Measured, measured: f64, at_most: f64) -> Goal {
    Goal { what, of: row.row.name(), decimals: 2, measured, at_most }
}

fn absolute(what: &'static str, of: &str, measured: f64, at_most: f64) -> Goal {
    Goal { what, of: of.into(), decimals: 0, measured, at_most }
}

fn verdict(measured: f64, at_most: f64) -> String {
    if measured <= at_most {
        "reached".into()
    } else if measured.is_finite() {
        format!("**missed by {:.1} %**", (measured / at_most - 1.0) * 100.0)
    } else {
        "not measured".into()
    }
}
