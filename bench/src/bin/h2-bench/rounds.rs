//! Loads on all proxies in turn, round after round.

use crate::load::Load;
use crate::place::Place;
use crate::report::Report;
use crate::server::{Running, Server};
use crate::{Options, Result};

/// Columns of a table.
pub(crate) const HEAD: [&str; 6] = ["", "Weir", "HAProxy", "nginx", "nghttpx", "Weir ÷ best peer"];

/// A number for each of [`Server::PROXIES`], in that order; NaN where there is none.
pub(crate) type PerProxy = [f64; 4];

const RESPONSES: &str = "CPU microseconds of a request. Connections × streams of each; from a \
client with HTTP/2, in clear or with TLS, to a backend in clear.";
const LARGE: &str = "CPU milliseconds of a body of 10 MiB; a hundred at once, each on a \
connection of its own with HTTP/2, to a backend with HTTP/1.1.";
/// Of the best peer's CPU time.
const GOAL: f64 = 0.5;

pub(crate) fn measure(options: &Options, report: &mut Report) -> Result<()> {
    let (responses, large) = (Load::responses(), Load::large());
    let all: Vec<&Load> = responses.iter().chain(&large).collect();
    let medians = run(&all, options, report)?;
    let (first, second) = medians.split_at(responses.len());
    report.section("Responses", RESPONSES, &HEAD);
    for (load, micros) in responses.iter().zip(first) {
        row(report, &load.name, *micros);
        if micros[0].is_finite() {
            let what = format!("CPU ÷ best peer: {}", load.name);
            report.at_most(what, to_best_peer(*micros), GOAL);
        }
    }
    report.section("Large bodies", LARGE, &HEAD);
    for (load, micros) in large.iter().zip(second) {
        row(report, &load.name, micros.map(|micros| micros / 1_000.0));
    }
    Ok(())
}

/// CPU microseconds of a request, for every load: medians.
fn run(loads: &[&Load], options: &Options, report: &mut Report) -> Result<Vec<PerProxy>> {
    let place = Place::new()?;
    let mut samples = vec![[const { Vec::new() }; 4]; loads.len()];
    for round in 0..options.rounds {
        eprintln!("  round {} of {}", round + 1, options.rounds);
        let _backend = Running::start(Server::Backend, &place)?;
        let proxies = Server::PROXIES.into_iter().map(|server| Running::start(server, &place));
        let proxies = proxies.collect::<Result<Vec<_>>>()?;
        for (load, samples) in loads.iter().zip(&mut samples) {
            if !load.name.contains(&options.only) {
                continue;
            }
            let able = proxies.iter().zip(samples).filter(|(proxy, _)| load.suits(proxy.server));
            for (proxy, samples) in able {
                match load.run(proxy, &place) {
                    Ok(micros) => samples.push(micros),
                    Err(error) => report.problem(format!("{}: {error}", proxy.server.name())),
                }
            }
        }
        drop(proxies);
        place.empty_logs()?;
    }
    Ok(samples.into_iter().map(|samples| samples.map(median)).collect())
}

/// Weir's number beside the best one of the peers'; less is better.
pub(crate) fn to_best_peer([weir, peers @ ..]: PerProxy) -> f64 {
    weir / peers.into_iter().fold(f64::NAN, f64::min)
}

/// A line of a table.
pub(crate) fn row(report: &mut Report, name: &str, values: PerProxy) {
    let cell = |value: f64| if value.is_nan() { "–".into() } else { format!("{value:.1}") };
    let [weir, haproxy, nginx, nghttpx] = values.map(cell);
    let ratio = format!("{:.2}", to_best_peer(values));
    report.row(&[&name, &weir, &haproxy, &nginx, &nghttpx, &ratio]);
}

fn median(mut numbers: Vec<f64>) -> f64 {
    numbers.sort_by(f64::total_cmp);
    numbers.get(numbers.len() / 2).copied().unwrap_or(f64::NAN)
}
