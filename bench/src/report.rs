//! The results as Markdown: absolute numbers, and Weir's ratios to the better peer and the floor.

use std::fmt::Write as _;
use std::io;
use std::process::Command;

use crate::goals;
use crate::rows::Measured;
use crate::said;
use crate::server::{PerProxy, Server};

/// Everything that was measured.
pub(crate) struct Results {
    pub(crate) rounds: u32,
    pub(crate) seconds: u32,
    pub(crate) rows: Vec<Measured>,
    pub(crate) idle_connections: usize,
    /// Bytes per idle connection.
    pub(crate) idle: PerProxy,
    /// Instructions per small request.
    pub(crate) instructions: PerProxy,
    /// What a reader must know besides.
    pub(crate) problems: Vec<String>,
}

/// Which of two peers is the better one.
#[derive(Clone, Copy)]
pub(crate) enum Better {
    Less,
    More,
}

/// Weir's number beside the better peer's.
pub(crate) fn to_better_peer([weir, haproxy, nginx, _]: PerProxy, better: Better) -> f64 {
    match better {
        Better::Less => weir / haproxy.min(nginx),
        Better::More => weir / haproxy.max(nginx),
    }
}

/// Weir's number beside the null forwarder's.
pub(crate) fn to_null([weir, _, _, null]: PerProxy) -> f64 {
    weir / null
}

/// The results file.
pub(crate) fn text(results: &Results, date: &str) -> io::Result<String> {
    let mut text = head(results, date)?;
    text += &goals::table(results);
    under_load(&mut text, &results.rows);
    let instructions = [("small request".into(), results.instructions)];
    table(&mut text, "User instructions per request (callgrind)", 0, Better::Less, &instructions);
    let idle = [
        ("bytes per connection".into(), results.idle),
        ("KiB per 10,000".into(), results.idle.map(|bytes| bytes * 10_000.0 / 1024.0)),
    ];
    table(&mut text, "User memory of idle connections", 0, Better::Less, &idle);
    let count = results.idle_connections;
    let _ = write!(text, "\nMeasured with {count} connections, each of which has done one request");
    text += match count {
        10_000.. => ".\n",
        _ => ": the limit on open files lets Weir have no more.\n",
    };
    Ok(text)
}

fn head(results: &Results, date: &str) -> io::Result<String> {
    let haproxy = said(Command::new("haproxy").arg("-v"))?;
    let haproxy = haproxy.lines().next().unwrap_or_default();
    let nginx = said(Command::new("nginx").arg("-v"))?;
    let kernel = said(Command::new("uname").arg("-r"))?;
    let Results { rounds, seconds, problems, .. } = results;
    let mut text = format!(
        "# {date}: Weir beside HAProxy and nginx\n\n\
         {haproxy}; {nginx}; Linux {kernel}.\n\
         Medians of {rounds} interleaved rounds of {seconds} s; system calls of one run of 1 s.\n\
         One worker each on core 0, wrk and the backend (nginx) on core 1. Access logs go to files \
         (HAProxy's to a socket that nobody reads).\n\
         CPU time is the scheduler's. Resident memory is that of the process that carries the \
         traffic, and grows from row to row.\n\n\
         ![CPU per request]({date}.svg)\n"
    );
    for problem in problems {
        let _ = write!(text, "\n- {problem}");
    }
    text.push('\n');
    Ok(text)
}

fn under_load(text: &mut String, rows: &[Measured]) {
    use Better::{Less, More};
    let mut add = |title, decimals, better, of: fn(&Measured) -> PerProxy| {
        let lines: Vec<_> = rows.iter().map(|row| (row.row.name(), of(row))).collect();
        table(text, title, decimals, better, &lines);
    };
    add("CPU per request, µs", 2, Less, |row| row.cpu);
    add("Requests per second", 0, More, |row| row.rate);
    add("Latency p50, ms", 2, Less, |row| row.latency[0]);
    add("Latency p99, ms", 2, Less, |row| row.latency[1]);
    add("Latency p99.9, ms", 2, Less, |row| row.latency[2]);
    add("System calls per request", 2, Less, |row| row.calls);
    add("Resident memory, KiB", 0, Less, |row| row.resident);
    let large = rows.iter().filter(|row| row.row.is_large());
    let large: Vec<_> = large.map(|row| (row.row.name(), row.cpu_per_gib)).collect();
    table(text, "CPU per GiB, ms", 1, Less, &large);
}

fn table(
    text: &mut String,
    title: &str,
    decimals: usize,
    better: Better,
    lines: &[(String, PerProxy)],
) {
    let names = Server::PROXIES.map(Server::name).join(" | ");
    let _ = writeln!(text, "\n## {title}\n");
    let _ = writeln!(text, "| | {names} | Weir ÷ better peer | Weir ÷ null |");
    let _ = writeln!(text, "|---|--:|--:|--:|--:|--:|--:|");
    for (name, values) in lines {
        let cells = values.map(|value| number(value, decimals)).join(" | ");
        let peer = number(to_better_peer(*values, better), 2);
        let null = number(to_null(*values), 2);
        let _ = writeln!(text, "| {name} | {cells} | {peer} | {null} |");
    }
}

/// A cell: a dash for what is not known, or a ratio to nothing.
pub(crate) fn number(value: f64, decimals: usize) -> String {
    if value.is_finite() { format!("{value:.decimals$}") } else { "–".into() }
}
