//! Changes a second while traffic runs, and what the traffic feels of them.

use std::time::{Duration, Instant};

use weir_client::Transaction;
use weir_client::proto::request::RequestType;

use crate::changes::{self, MANY, add_backend, add_cluster, host, route, transactions};
use crate::proxy::{Medium, Proxy};
use crate::report::Report;
use crate::traffic::{Backend, Traffic};
use crate::{CONFIG, Options, Result};

/// Seconds of each run.
const SECONDS: usize = 4;
/// Clusters, each with a route.
const CLUSTERS: usize = 10_000;
/// Changes a second that are to be sustained.
const WANTED: f64 = 10_000.0;

const NOTES: &str = "\
Backends are moved in a state of 10,000 clusters with a route each, while h2load asks for 20,000 \
small responses a second over 32 connections. `as fast as it goes`: the next transaction is sent \
when the last one is acknowledged. Traffic p99 beside the median of the three runs without \
changes; the goal is judged by the best size of a transaction, since the client chooses it.";

/// How changes are made during a run.
#[derive(Clone, Copy)]
enum Pace {
    /// None.
    Idle,
    /// Transactions of so many, one after the other.
    Fast(usize),
    /// Transactions of so many, [`WANTED`] changes a second.
    Steady(usize),
}

const RUNS: [Pace; 10] = [
    Pace::Idle,
    Pace::Fast(1),
    Pace::Fast(10),
    Pace::Idle,
    Pace::Fast(100),
    Pace::Fast(1_000),
    Pace::Idle,
    Pace::Steady(10),
    Pace::Steady(100),
    Pace::Steady(1_000),
];

/// What one run showed.
struct Run {
    pace: Pace,
    changes: f64,
    p50: f64,
    p99: f64,
    rate: f64,
    failed: usize,
}

pub(crate) fn measure(_: &Options, report: &mut Report) -> Result<()> {
    let columns = ["store", "changes", "changes/s", "traffic p50, ms", "p99, ms"];
    let head = [&columns[..], &["p99 ÷ without", "requests/s", "failed"]].concat();
    report.section("Changes a second under traffic", NOTES, &head);
    let _backend = Backend::start()?;
    for medium in Medium::ALL {
        let mut proxy = Proxy::start(medium, CONFIG)?;
        let all = (0..CLUSTERS).flat_map(|number| {
            let frontend = route(host(number), String::new(), number);
            [add_cluster(number), RequestType::AddHttpFrontend(frontend)]
        });
        changes::commit(&mut proxy.client, transactions(all, MANY))?;
        let runs = RUNS.into_iter().map(|pace| run(&mut proxy, pace));
        tell(medium, &runs.collect::<Result<Vec<_>>>()?, report);
    }
    Ok(())
}

fn run(proxy: &mut Proxy, pace: Pace) -> Result<Run> {
    let mut traffic = Traffic::start(SECONDS)?;
    let began = Instant::now();
    let mut made = 0;
    let (size, every) = match pace {
        Pace::Idle => (0, Duration::from_secs(3600)),
        Pace::Fast(size) => (size, Duration::ZERO),
        Pace::Steady(size) => (size, Duration::from_secs_f64(size as f64 / WANTED)),
    };
    let mut due = began + every;
    while traffic.flows_until(due) {
        let places = made..made + size;
        let moves = places.map(|place| add_backend(place % CLUSTERS, "b0", place as u32));
        moves.fold(Transaction::new(), Transaction::change).commit(&mut proxy.client)?;
        made += size;
        due += every;
    }
    let changes = made as f64 / began.elapsed().as_secs_f64();
    let seen = traffic.finish()?;
    let [p50, p99] = [0.5, 0.99].map(|part| seen.latency.quantile(part));
    let (rate, failed) = (seen.rate, seen.failed);
    Ok(Run { pace, changes, p50, p99, rate, failed })
}

fn tell(medium: Medium, runs: &[Run], report: &mut Report) {
    let store = medium.name();
    let idle = runs.iter().filter(|run| matches!(run.pace, Pace::Idle)).map(|run| run.p99);
    let mut idle: Vec<_> = idle.collect();
    idle.sort_by(f64::total_cmp);
    let idle = idle[idle.len() / 2];
    for Run { pace, changes, p50, p99, rate, failed } in runs {
        let name = match pace {
            Pace::Idle => "none".into(),
            Pace::Fast(size) => format!("as fast as it goes, {size} at once"),
            Pace::Steady(size) => format!("10,000/s, {size} at once"),
        };
        let ratio = format!("{:.2}", p99 / idle);
        let numbers = [*p50, *p99].map(|ms| format!("{ms:.2}"));
        let whole = [*changes, *rate].map(|number| format!("{number:.0}"));
        let (first, rest) = ([&store as &dyn std::fmt::Display, &name], [&ratio, &whole[1]]);
        let middle: [&dyn std::fmt::Display; 3] = [&whole[0], &numbers[0], &numbers[1]];
        let [a, b] = first;
        let [c, d, e] = middle;
        report.row(&[a, b, c, d, e, rest[0], rest[1], failed]);
    }
    let fastest = runs.iter().map(|run| run.changes).fold(0.0, f64::max);
    report.at_least(format!("changes/s under traffic: {store}"), fastest, WANTED);
    let steady = runs.iter().filter(|run| matches!(run.pace, Pace::Steady(_)));
    let best = steady.filter(|run| run.changes > 0.95 * WANTED).map(|run| run.p99 / idle);
    let best = best.fold(f64::INFINITY, f64::min);
    report.at_most(format!("traffic p99 at 10,000 changes/s ÷ without: {store}"), best, 1.05);
}
