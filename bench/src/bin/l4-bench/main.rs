//! What TCP and UDP cost, beside HAProxy and nginx; `bench/l4` calls it.
//!
//! Usage: `l4-bench [--rounds N] [--only WORDS]`, in the repository; writes
//! `bench/results/DATE-l4.md`, unless only some loads were asked for.
//!
//! * `server`: who is measured, with files and CPU time.
//! * `backend`: the other side, of TCP and UDP.
//! * `load`: what clients do.
//! * `rounds`: all loads on all proxies in turn, round after round.
//! * `options`, `process`, `proxy`, `report`: shared with the other rigs.

mod backend;
mod load;
#[path = "../h2-bench/options.rs"]
mod options;
#[path = "../control-bench/process.rs"]
#[expect(dead_code, reason = "shared, each uses a part")]
mod process;
#[path = "../control-bench/proxy.rs"]
#[expect(dead_code, reason = "shared, each uses a part")]
mod proxy;
#[path = "../control-bench/report.rs"]
mod report;
mod rounds;
mod server;

use std::process::Command;

use options::Options;
use process::said;
use report::Report;
use rustix::thread::{CpuSet, sched_setaffinity};

type Error = Box<dyn std::error::Error>;
type Result<T> = std::result::Result<T, Error>;

fn main() -> Result<()> {
    let options = Options::read(5, "bench/l4")?;
    let mut cores = CpuSet::new();
    cores.set(1);
    sched_setaffinity(None, &cores)?;
    backend::start()?;
    let date = said(Command::new("date").arg("+%F"))?;
    let mut report = Report::default();
    rounds::measure(&options, &mut report)?;
    let text = report.text(&format!("{date}: what TCP and UDP cost"), &setting(&options)?)?;
    print!("{text}");
    if !options.only.is_empty() {
        return Ok(());
    }
    Ok(std::fs::write(format!("bench/results/{date}-l4.md"), text)?)
}

fn setting(options: &Options) -> Result<String> {
    let haproxy = said(Command::new("haproxy").arg("-v"))?;
    let haproxy = haproxy.lines().next().unwrap_or_default();
    let nginx = said(Command::new("nginx").arg("-v"))?;
    Ok(format!(
        "`bench/l4`: Weir, {haproxy} (`splice-auto`), {nginx} (stream). One worker each on core 0; \
         clients and backends, in the rig, on core 1. CPU time is what the scheduler gave to the \
         process that carries the traffic; medians of {} interleaved rounds, each with processes \
         of its own. Logs of connections on. HAProxy of that version does not pass datagrams on.",
        options.rounds
    ))
}
