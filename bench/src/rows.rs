//! What is measured under load: every row of every table, all proxies in turn, round after round.

use std::fs;
use std::io;

use crate::load::Load;
use crate::place::Place;
use crate::running::Running;
use crate::server::{PerProxy, Server};

/// A kind of load.
pub(crate) struct Row {
    pub(crate) path: &'static str,
    size: &'static str,
    pub(crate) connections: u32,
    /// Connections are kept; otherwise each carries one request.
    pub(crate) kept: bool,
}

const fn row(path: &'static str, size: &'static str, connections: u32, kept: bool) -> Row {
    Row { path, size, connections, kept }
}

const ROWS: [Row; 9] = [
    row("/small", "small", 64, true),
    row("/small", "small", 512, true),
    row("/16k", "16 KiB", 64, true),
    row("/16k", "16 KiB", 512, true),
    row("/1m", "1 MiB", 64, true),
    row("/1m", "1 MiB", 512, true),
    row("/small", "small", 64, false),
    row("/16k", "16 KiB", 64, false),
    row("/1m", "1 MiB", 64, false),
];

impl Row {
    pub(crate) fn name(&self) -> String {
        let end = if self.kept { " kept" } else { ", one request each" };
        format!("{}, {}{end}", self.size, self.connections)
    }

    /// Whether the cost of its bytes is what counts.
    pub(crate) fn is_large(&self) -> bool {
        self.path == "/1m"
    }
}

/// The numbers of a row, medians of the rounds; not a number where there is none.
pub(crate) struct Measured {
    pub(crate) row: Row,
    /// Microseconds per request.
    pub(crate) cpu: PerProxy,
    /// Milliseconds of CPU per GiB that wrk received.
    pub(crate) cpu_per_gib: PerProxy,
    /// Requests per second.
    pub(crate) rate: PerProxy,
    /// p50, p99 and p99.9 in milliseconds.
    pub(crate) latency: [PerProxy; 3],
    /// System calls per request, of one short run.
    pub(crate) calls: PerProxy,
    /// KiB at the end of a round.
    pub(crate) resident: PerProxy,
}

/// The numbers of a round, in the order of the fields of [`Measured`], without system calls.
type Sample = [f64; 7];

/// Measures all rows. What a reader of the results must know besides goes to `problems`.
pub(crate) fn measure(
    place: &Place,
    rounds: u32,
    seconds: u32,
    problems: &mut Vec<String>,
) -> io::Result<Vec<Measured>> {
    let mut proxies = Vec::new();
    for server in Server::PROXIES {
        proxies.push(Running::start(server, place)?);
    }
    let mut all = Vec::new();
    for row in ROWS {
        eprintln!("{}", row.name());
        let mut samples = [const { Vec::new() }; 4];
        for _ in 0..rounds {
            for (proxy, samples) in proxies.iter().zip(&mut samples) {
                samples.push(round(&row, proxy, place, seconds, problems)?);
            }
        }
        let mut calls = [f64::NAN; 4];
        for (proxy, calls) in proxies.iter().zip(&mut calls) {
            match system_calls(&row, proxy, place) {
                Ok(count) => *calls = count,
                Err(error) => {
                    eprintln!("{error}");
                    let (name, row) = (proxy.server.name(), row.name());
                    problems.push(format!("{name}, {row}: perf could not count system calls."));
                }
            }
        }
        place.empty_logs()?;
        all.push(summary(row, &samples, calls));
    }
    Ok(all)
}

fn round(
    row: &Row,
    proxy: &Running,
    place: &Place,
    seconds: u32,
    problems: &mut Vec<String>,
) -> io::Result<Sample> {
    let before = proxy.cpu()?;
    let load = Load::run(row, proxy.server, place, seconds, &[])?;
    let nanos = (proxy.cpu()? - before) as f64;
    if load.errors > 0.0 {
        let (name, row) = (proxy.server.name(), row.name());
        problems.push(format!("{name}, {row}: {} errors in a round.", load.errors));
    }
    let [p50, p99, p999] = load.latency;
    let cpu = nanos / 1e3 / load.requests;
    let cpu_per_gib = nanos / 1e6 / (load.bytes / f64::from(1 << 30));
    Ok([cpu, cpu_per_gib, load.requests / load.seconds, p50, p99, p999, proxy.resident()?])
}

/// One second of load under `perf stat`, apart from the timed rounds.
fn system_calls(row: &Row, proxy: &Running, place: &Place) -> io::Result<f64> {
    let file = place.path().join("perf");
    let (pid, output) = (proxy.pid.to_string(), file.display().to_string());
    let perf = ["perf", "stat", "-e", "raw_syscalls:sys_enter", "-x,", "-o", &output, "-p", &pid];
    let load = Load::run(row, proxy.server, place, 1, &perf.map(String::from))?;
    let text = fs::read_to_string(file)?;
    let line = text.lines().find(|line| line.contains("raw_syscalls"));
    let count = line.and_then(|line| line.split(',').next()?.parse::<f64>().ok());
    let count = count.ok_or_else(|| io::Error::other(format!("perf said: {text}")))?;
    Ok(count / load.requests)
}

fn summary(row: Row, samples: &[Vec<Sample>; 4], calls: PerProxy) -> Measured {
    let medians = |field: usize| {
        samples.each_ref().map(|samples| median(samples.iter().map(|sample| sample[field])))
    };
    Measured {
        row,
        cpu: medians(0),
        cpu_per_gib: medians(1),
        rate: medians(2),
        latency: [medians(3), medians(4), medians(5)],
        calls,
        resident: medians(6),
    }
}

fn median(numbers: impl Iterator<Item = f64>) -> f64 {
    let mut sorted: Vec<f64> = numbers.collect();
    sorted.sort_by(f64::total_cmp);
    sorted.get(sorted.len() / 2).copied().unwrap_or(f64::NAN)
}
