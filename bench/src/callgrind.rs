//! Instructions that a proxy executes in user space for one small request.
//!
//! Two runs under callgrind with different numbers of requests on kept connections; the difference
//! leaves out what starting and ending cost. Valgrind has no vDSO: reading the clock is a system
//! call there and costs nothing.

use std::fs;
use std::io;
use std::path::Path;
use std::process::Command;

use crate::place::Place;
use crate::running::Running;
use crate::said;
use crate::server::{PerProxy, Server, ours};

const FEW: u32 = 1_000;
const MANY: u32 = 5_000;
const CONNECTIONS: &str = "16";

/// Instructions per request.
pub(crate) fn measure(place: &Place) -> io::Result<PerProxy> {
    let mut instructions = [0.0; 4];
    for (server, instructions) in Server::PROXIES.into_iter().zip(&mut instructions) {
        eprintln!("instructions: {}", server.name());
        let difference = total(server, place, MANY)? - total(server, place, FEW)?;
        *instructions = difference / f64::from(MANY - FEW);
    }
    Ok(instructions)
}

/// Instructions of the process that carries the traffic, from its start to its end.
fn total(server: Server, place: &Place, requests: u32) -> io::Result<f64> {
    let output = place.path().join("callgrind");
    let proxy = Running::start_as(server, place, &command(server, place, &output)?)?;
    let pid = proxy.pid;
    let mut client = Command::new("taskset");
    client.args(["-c", "1", "h2load", "--h1", "-c", CONNECTIONS, "-n", &requests.to_string()]);
    let report = said(client.arg(server.url("/small")))?;
    if !report.contains(&format!(" {requests} succeeded")) {
        return Err(io::Error::other(format!("{}: h2load said: {report}", server.name())));
    }
    drop(proxy);
    let text = fs::read_to_string(output.with_extension(pid.to_string()))?;
    let line = text.lines().find_map(|line| line.strip_prefix("totals: "));
    line.and_then(|count| count.parse().ok()).ok_or_else(|| io::Error::other("callgrind: no total"))
}

fn command(server: Server, place: &Place, output: &Path) -> io::Result<Vec<String>> {
    let file = format!("--callgrind-out-file={}.%p", output.display());
    let valgrind = ["valgrind", "--tool=callgrind", &file].map(String::from);
    if server != Server::Weir {
        return Ok([&valgrind[..], &server.command(place.path())?].concat());
    }
    let worker = format!("WEIR_BENCH_WORKER={} {}", valgrind.join(" "), ours("weir")?);
    Ok(vec!["env".into(), worker, ours("callgrind-main")?, server.config_path(place.path())])
}
