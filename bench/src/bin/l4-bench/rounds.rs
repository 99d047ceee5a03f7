//! All loads on all proxies in turn, round after round, and what the goals say.

use crate::load::{Kind, LOADS, Load};
use crate::report::Report;
use crate::server::{PerProxy, Running, Server};
use crate::{Options, Result};

const HEAD: [&str; 5] = ["", "Weir", "HAProxy", "nginx", "Weir ÷ better peer"];

/// What a load has cost: CPU nanoseconds of a unit, units in a second.
type Cost = [f64; 2];

/// What is compared, and with which of [`Server::ALL`].
#[derive(Clone, Copy)]
struct Goal {
    what: &'static str,
    peer: usize,
}

const fn goal(what: &'static str, peer: usize) -> Option<Goal> {
    Some(Goal { what, peer })
}

const HAPROXY: usize = 1;
const NGINX: usize = 2;

/// A table: its title, its notes, what is in it, and how a cost becomes a cell.
struct Table {
    title: &'static str,
    notes: &'static str,
    kinds: &'static [Kind],
    cell: fn(Cost) -> f64,
    decimals: usize,
    /// More is better.
    more: bool,
    /// To be as good as one of the peers.
    goal: Option<Goal>,
}

const TABLES: [Table; 6] = [
    Table {
        title: "Bytes over TCP",
        notes: "CPU milliseconds of a GiB.",
        kinds: &[Kind::Download, Kind::Upload],
        cell: |[nanos, _]| nanos / 1e6,
        decimals: 0,
        more: false,
        goal: goal("CPU per GiB ÷ HAProxy", HAPROXY),
    },
    Table {
        title: "Bytes over TCP: how fast",
        notes: "MiB in a second; clients and backends share a core, and may be what bounds it.",
        kinds: &[Kind::Download, Kind::Upload],
        cell: |[_, rate]| rate * 1024.0,
        decimals: 0,
        more: true,
        goal: None,
    },
    Table {
        title: "Connections",
        notes: "Connections in a second of CPU of the proxy: 64 bytes each way, by 16 clients.",
        kinds: &[Kind::Connections],
        cell: |[nanos, _]| 1e9 / nanos,
        decimals: 0,
        more: true,
        goal: goal("connections per second of CPU ÷ HAProxy", HAPROXY),
    },
    Table {
        title: "Connections: how fast",
        notes: "Connections in a second; clients and backends share a core, and bound it.",
        kinds: &[Kind::Connections],
        cell: |[_, rate]| rate,
        decimals: 0,
        more: true,
        goal: None,
    },
    Table {
        title: "Datagrams",
        notes: "Datagrams in a second of CPU of the proxy, both directions counted: 16 flows, 4 \
                under way in each.",
        kinds: &[Kind::Datagrams],
        cell: |[nanos, _]| 1e9 / nanos,
        decimals: 0,
        more: true,
        goal: goal("datagrams per second of CPU ÷ nginx", NGINX),
    },
    Table {
        title: "Datagrams: how fast",
        notes: "Datagrams in a second, both directions counted; clients and backends share a core, \
                and bound it.",
        kinds: &[Kind::Datagrams],
        cell: |[_, rate]| rate,
        decimals: 0,
        more: true,
        goal: None,
    },
];

pub(crate) fn measure(options: &Options, report: &mut Report) -> Result<()> {
    let loads: Vec<Load> =
        LOADS.into_iter().filter(|load| load.name.contains(&options.only)).collect();
    let costs = run(&loads, options, report)?;
    for table in &TABLES {
        report.section(table.title, table.notes, &HEAD);
        let lines = loads.iter().zip(&costs);
        for (load, costs) in lines.filter(|(load, _)| table.kinds.contains(&load.kind)) {
            line(report, table, load.name, costs.map(table.cell));
        }
    }
    Ok(())
}

fn line(report: &mut Report, table: &Table, name: &str, values: PerProxy) {
    let [weir, haproxy, nginx] = values;
    let better = if table.more { haproxy.max(nginx) } else { haproxy.min(nginx) };
    let ratio = weir / better;
    let decimals = table.decimals;
    let cell = |value: f64| match value.is_nan() {
        true => "–".to_owned(),
        false => format!("{value:.decimals$}"),
    };
    let ratio_cell = format!("{ratio:.2}");
    report.row(&[&name, &cell(weir), &cell(haproxy), &cell(nginx), &ratio_cell]);
    let Some(Goal { what, peer }) = table.goal else { return };
    let (what, ratio) = (format!("{what}: {name}"), weir / values[peer]);
    match table.more {
        true => report.at_least(what, ratio, 1.0),
        false => report.at_most(what, ratio, 1.0),
    }
}

/// What every load costs: medians, NaN where there is none.
fn run(loads: &[Load], options: &Options, report: &mut Report) -> Result<Vec<[Cost; 3]>> {
    let mut samples = vec![[const { Vec::new() }; 3]; loads.len()];
    for round in 0..options.rounds {
        eprintln!("  round {} of {}", round + 1, options.rounds);
        let proxies = Server::ALL.into_iter().map(Running::start).collect::<Result<Vec<_>>>()?;
        for (load, samples) in loads.iter().zip(&mut samples) {
            let able = proxies.iter().zip(samples).filter(|(proxy, _)| load.suits(proxy.server));
            for (proxy, samples) in able {
                match cost(load, proxy) {
                    Ok(cost) => samples.push(cost),
                    Err(error) => {
                        let name = proxy.server.name();
                        report.problem(format!("{name}, {}: {error}", load.name));
                    }
                }
            }
        }
    }
    Ok(samples.into_iter().map(|samples| samples.map(medians)).collect())
}

fn cost(load: &Load, proxy: &Running) -> Result<Cost> {
    let before = proxy.cpu()?;
    let carried = load.run(proxy.server.address())?;
    let used = (proxy.cpu()? - before) as f64;
    Ok([used / carried.units, carried.units / carried.took.as_secs_f64()])
}

/// Of both numbers, each for itself.
fn medians(costs: Vec<Cost>) -> Cost {
    [0, 1].map(|at| {
        let mut numbers: Vec<f64> = costs.iter().map(|cost| cost[at]).collect();
        numbers.sort_by(f64::total_cmp);
        numbers.get(numbers.len() / 2).copied().unwrap_or(f64::NAN)
    })
}
