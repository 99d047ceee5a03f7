//! Weir beside HAProxy, nginx and a null forwarder; `bench/run` calls it.
//!
//! Usage: `weir-bench ROUNDS SECONDS`, in the repository; writes `bench/results/DATE.{md,svg}`.
//!
//! * `server`, `place`, `running`: who is measured, where its files are, one of them at work.
//! * `rows` (with `load`): what is measured under load, in interleaved rounds.
//! * `idle`, `callgrind`: what is measured once, each proxy alone.
//! * `report`, `goals`, `plot`: what is written.

mod callgrind;
mod goals;
mod idle;
mod load;
mod place;
mod plot;
mod report;
mod rows;
mod running;
mod server;

use std::io;
use std::process::Command;

use place::Place;
use report::Results;
use running::Running;
use server::Server;

fn main() -> io::Result<()> {
    let mut numbers = std::env::args().skip(1).map(|text| text.parse::<u32>());
    let (Some(Ok(rounds @ 1..)), Some(Ok(seconds @ 1..))) = (numbers.next(), numbers.next()) else {
        return Err(io::Error::other("usage: weir-bench ROUNDS SECONDS"));
    };
    let place = Place::new()?;
    let _backend = Running::start(Server::Backend, &place)?;
    let mut problems = Vec::new();
    let results = Results {
        rounds,
        seconds,
        rows: rows::measure(&place, rounds, seconds, &mut problems)?,
        idle_connections: place.idle_connections,
        idle: idle::measure(&place)?,
        instructions: callgrind::measure(&place)?,
        problems,
    };
    let date = said(Command::new("date").arg("+%F"))?;
    plot::draw(&results, &format!("bench/results/{date}.svg"))?;
    let text = report::text(&results, &date)?;
    print!("{text}");
    std::fs::write(format!("bench/results/{date}.md"), text)
}

/// What a command prints, without the line's end; an error if it fails.
fn said(command: &mut Command) -> io::Result<String> {
    let output = command.output()?;
    let text = [&output.stdout[..], &output.stderr].map(String::from_utf8_lossy).concat();
    if output.status.success() {
        return Ok(text.trim_end().into());
    }
    Err(io::Error::other(format!("{command:?}: {}: {text}", output.status)))
}
