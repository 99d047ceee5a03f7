//! What HTTP/2 costs, beside HAProxy, nginx and nghttpx; `bench/h2` calls it.
//!
//! Usage: `h2-bench [--rounds N] [--only WORDS]`, in the repository; writes
//! `bench/results/DATE-h2.md`, unless only some loads were asked for.
//!
//! * `place`, `server`: files, who is measured and what it has used.
//! * `sink`: a backend that takes bodies.
//! * `load`, `rounds`: what `h2load` asks for, of all proxies in turn, round after round.
//! * `idle`: memory of connections and streams that do nothing.
//! * `authority`, `options`, `proxy`, `report`: shared with the other rigs.

#[path = "../tls-bench/authority.rs"]
#[expect(dead_code, reason = "shared, each uses a part")]
mod authority;
mod idle;
mod load;
mod options;
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
mod sink;

use std::process::Command;

use options::Options;
use process::said;
use report::Report;
use rustix::thread::{CpuSet, sched_setaffinity};

type Error = Box<dyn std::error::Error>;
type Result<T> = std::result::Result<T, Error>;

fn main() -> Result<()> {
    let options = Options::read(3, "bench/h2")?;
    let mut cores = CpuSet::new();
    cores.set(1);
    sched_setaffinity(None, &cores)?;
    let date = said(Command::new("date").arg("+%F"))?;
    sink::start()?;
    let mut report = Report::default();
    rounds::measure(&options, &mut report)?;
    if options.only.is_empty() {
        idle::measure(&mut report)?;
    }
    let text = report.text(&format!("{date}: what HTTP/2 costs"), &setting(&options)?)?;
    print!("{text}");
    if !options.only.is_empty() {
        return Ok(());
    }
    Ok(std::fs::write(format!("bench/results/{date}-h2.md"), text)?)
}

fn setting(options: &Options) -> Result<String> {
    let haproxy = said(Command::new("haproxy").arg("-v"))?;
    let haproxy = haproxy.lines().next().unwrap_or_default();
    let nginx = said(Command::new("nginx").arg("-v"))?;
    let nghttpx = said(Command::new("nghttpx").arg("--version"))?;
    Ok(format!(
        "`bench/h2`: Weir, {haproxy}, {nginx}, {nghttpx}. One worker each on core 0; the client \
         (h2load) and the backend (nginx) on core 1. CPU time is what the scheduler gave to the \
         process that carries the traffic, divided by requests; medians of {} interleaved rounds, \
         each with processes of its own. Access logs on. nginx of that version does not speak \
         HTTP/2 to backends: left out there. Instructions were not counted: the machine has no \
         counters for them.",
        options.rounds
    ))
}
