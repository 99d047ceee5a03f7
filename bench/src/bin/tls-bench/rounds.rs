//! Loads on all proxies in turn, round after round.

use crate::load::Load;
use crate::place::Place;
use crate::report::Report;
use crate::server::{PerProxy, Running, Server};
use crate::{Options, Result};

/// Columns of a table.
pub(crate) const HEAD: [&str; 5] = ["", "Weir", "HAProxy", "nginx", "Weir ÷ better peer"];

/// CPU microseconds of a request, for every load: medians.
pub(crate) fn run(loads: &[Load], options: &Options, report: &mut Report) -> Result<Vec<PerProxy>> {
    crate::keep_to(Some(crate::CLIENTS))?;
    let place = Place::new()?;
    let roots = place.authority.roots()?;
    let mut samples = vec![[const { Vec::new() }; 3]; loads.len()];
    for round in 0..options.rounds {
        eprintln!("  round {} of {}", round + 1, options.rounds);
        // Anew each time: how large the buffers of sockets have grown says on whose time the
        // kernel carries the bytes over, and stays as it is for as long as connections are kept.
        let _backend = Running::start(Server::Backend, &place)?;
        let proxies = Running::all(&place)?;
        for (load, samples) in loads.iter().zip(&mut samples) {
            if !load.name.contains(&options.loads) {
                continue;
            }
            for (proxy, samples) in proxies.iter().zip(samples) {
                match load.run(proxy, &roots) {
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

/// Weir's number beside the better one of the peers'; less is better.
pub(crate) fn to_better_peer([weir, haproxy, nginx]: PerProxy) -> f64 {
    weir / haproxy.min(nginx)
}

/// A line of a table: numbers with so many decimals, and a ratio.
pub(crate) fn row(report: &mut Report, name: &str, values: PerProxy, decimals: usize, ratio: f64) {
    let [weir, haproxy, nginx] = values.map(|value| format!("{value:.decimals$}"));
    report.row(&[&name, &weir, &haproxy, &nginx, &format!("{ratio:.2}")]);
}

fn median(mut numbers: Vec<f64>) -> f64 {
    numbers.sort_by(f64::total_cmp);
    numbers.get(numbers.len() / 2).copied().unwrap_or(f64::NAN)
}
