//! What TLS costs, beside HAProxy and nginx with OpenSSL; `bench/tls` calls it.
//!
//! Usage: `tls-bench [--rounds N] [--only PART]... [--loads WORDS]`, in the repository; writes
//! `bench/results/DATE-tls.md`, unless only some loads were asked for.
//!
//! * `authority`, `place`, `server`: certificates, files, who is measured and what it has used.
//! * `client`, `load`: one connection of a client, and many that ask at once.
//! * `rounds`: all proxies in turn, round after round.
//! * `handshakes`, `kept`, `idle`, `certificates`: what is measured.
//! * `proxy`, `report`, `samples`: shared with `control-bench`.

mod authority;
mod certificates;
mod client;
mod handshakes;
mod idle;
mod kept;
mod load;
mod place;
#[path = "../control-bench/process.rs"]
mod process;
#[path = "../control-bench/proxy.rs"]
#[expect(dead_code, reason = "shared, each uses a part")]
mod proxy;
#[path = "../control-bench/report.rs"]
mod report;
mod rounds;
#[path = "../control-bench/samples.rs"]
#[expect(dead_code, reason = "shared, each uses a part")]
mod samples;
mod server;

use std::process::Command;

use process::said;
use report::Report;
use rustix::thread::{CpuSet, sched_setaffinity};

/// The core of clients and backend.
const CLIENTS: usize = 1;

type Error = Box<dyn std::error::Error>;
type Result<T> = std::result::Result<T, Error>;
type Measure = fn(&Options, &mut Report) -> Result<()>;

/// What is measured, in the order of the report.
const PARTS: [(&str, Measure); 4] = [
    ("handshakes", handshakes::measure),
    ("kept", kept::measure),
    ("idle", idle::measure),
    ("certificates", certificates::measure),
];

/// What was asked for.
struct Options {
    rounds: usize,
    /// Parts; empty: all.
    only: Vec<String>,
    /// What the names of loads must have in them.
    loads: String,
}

fn main() -> Result<()> {
    let options = options()?;
    let date = said(Command::new("date").arg("+%F"))?;
    let mut report = Report::default();
    for (name, measure) in PARTS {
        if options.only.is_empty() || options.only.iter().any(|only| only == name) {
            eprintln!("{name}");
            if let Err(error) = measure(&options, &mut report) {
                report.problem(format!("{name}: {error}"));
            }
        }
    }
    let text = report.text(&format!("{date}: what TLS costs"), &setting(&options)?)?;
    print!("{text}");
    if !options.loads.is_empty() {
        return Ok(());
    }
    Ok(std::fs::write(format!("bench/results/{date}-tls.md"), text)?)
}

fn setting(options: &Options) -> Result<String> {
    let haproxy = said(Command::new("haproxy").arg("-vv"))?;
    let find = |start| haproxy.lines().find(|line| line.starts_with(start)).unwrap_or_default();
    let (version, library) = (find("HAProxy version"), find("Running on OpenSSL"));
    let nginx = said(Command::new("nginx").arg("-v"))?;
    Ok(format!(
        "`bench/tls`: Weir, {version} ({library}), {nginx}. One worker each on core 0; the clients \
         (rustls, in the rig) and the backend (nginx, in clear) on core 1. CPU time is what the \
         scheduler gave to the process that carries the traffic; medians of {} interleaved rounds, \
         each with processes of its own. \
         TLS 1.3, X25519, the leaf alone for a chain, two tickets after a full handshake, access \
         logs on.",
        options.rounds
    ))
}

fn options() -> Result<Options> {
    let mut options = Options { rounds: 5, only: Vec::new(), loads: String::new() };
    let mut words = std::env::args().skip(1);
    while let Some(word) = words.next() {
        match &*word {
            "--rounds" => options.rounds = words.next().ok_or("--rounds: how many?")?.parse()?,
            "--loads" => options.loads.extend(words.next()),
            "--only" => options.only.extend(words.next()),
            _ => return Err(format!("unknown: {word}; see the top of bench/tls").into()),
        }
    }
    Ok(options)
}

/// Keeps this process and what it starts to one core, or to none in particular.
fn keep_to(core: Option<usize>) -> Result<()> {
    let mut cores = CpuSet::new();
    (0..CpuSet::MAX_CPU)
        .filter(|at| core.is_none_or(|core| *at == core))
        .for_each(|at| cores.set(at));
    Ok(sched_setaffinity(None, &cores)?)
}
