//! Loads on all proxies in turn, round after round.

use crate::load::{Cost, Load};
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
connection of its own with HTTP/2. Downloads come from nginx, uploads are read by the rig itself.";
const SPEED: &str = "The same: MiB in a second. The client and the backend share a core, and may \
be what bounds it.";
/// MiB of a large body.
const LARGE_BODY: f64 = 10.0;
/// Of the best peer's CPU time.
const GOAL: f64 = 0.5;

pub(crate) fn measure(options: &Options, report: &mut Report) -> Result<()> {
    let (responses, large) = (Load::responses(), Load::large());
    let all: Vec<&Load> = responses.iter().chain(&large).collect();
    let medians = run(&all, options, report)?;
    let (first, second) = medians.split_at(responses.len());
    report.section("Responses", RESPONSES, &HEAD);
    for (load, costs) in responses.iter().zip(first).filter(|(_, costs)| costs[0].is_some()) {
        let micros = costs.map(|cost| cost.map_or(f64::NAN, |cost| cost.micros));
        row(report, &load.name, micros);
        report.at_most(format!("CPU ÷ best peer: {}", load.name), to_best_peer(micros), GOAL);
    }
    report.section("Large bodies", LARGE, &HEAD);
    let second = || large.iter().zip(second).filter(|(_, costs)| costs[0].is_some());
    for (load, costs) in second() {
        let millis = costs.map(|cost| cost.map_or(f64::NAN, |cost| cost.micros / 1_000.0));
        row(report, &load.name, millis);
    }
    let head = [&HEAD[..5], &["Weir ÷ fastest peer"]].concat();
    report.section("Large bodies: how fast", SPEED, &head);
    for (load, costs) in second() {
        let speeds = costs.map(|cost| cost.map_or(f64::NAN, |cost| cost.rate * LARGE_BODY));
        let ratio = speeds[0] / speeds[1..].iter().copied().fold(f64::NAN, f64::max);
        line(report, &load.name, speeds, ratio);
        report.at_least(format!("speed ÷ fastest peer: {}", load.name), ratio, 1.0);
    }
    Ok(())
}

/// What every load costs: medians.
fn run(loads: &[&Load], options: &Options, report: &mut Report) -> Result<Vec<[Option<Cost>; 4]>> {
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
                    Ok(cost) => samples.push(cost),
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
    line(report, name, values, to_best_peer(values));
}

fn line(report: &mut Report, name: &str, values: PerProxy, ratio: f64) {
    let cell = |value: f64| if value.is_nan() { "–".into() } else { format!("{value:.1}") };
    let [weir, haproxy, nginx, nghttpx] = values.map(cell);
    let ratio = format!("{ratio:.2}");
    report.row(&[&name, &weir, &haproxy, &nginx, &nghttpx, &ratio]);
}

/// Of both numbers, each for itself.
fn median(costs: Vec<Cost>) -> Option<Cost> {
    let middle = |of: fn(&Cost) -> f64| {
        let mut numbers: Vec<_> = costs.iter().map(of).collect();
        numbers.sort_by(f64::total_cmp);
        numbers.get(numbers.len() / 2).copied()
    };
    Some(Cost { micros: middle(|cost| cost.micros)?, rate: middle(|cost| cost.rate)? })
}
