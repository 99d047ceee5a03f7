//! Many clusters: from nothing, from the store, and the memory that they take.

use std::time::{Duration, Instant};

use weir_client::proto::request::RequestType;

use crate::changes::{self, MANY, add_backend, add_cluster, host, route, transactions};
use crate::proxy::{Medium, Memory, Proxy};
use crate::report::Report;
use crate::{CONFIG, Options, Result};

const CLUSTERS: usize = 100_000;
/// Fewer are not tried when many fail.
const FEWEST: usize = 10_000;
const FROM_NOTHING: f64 = 5.0;
const FROM_STORE: f64 = 3.0;
/// Bytes in a worker.
const ROUTE: f64 = 1_024.0;
const CLUSTER: f64 = 2_048.0;

const NOTES: &str = "\
Clusters with two backends each, then a frontend for each, in transactions of 10,000 changes, and \
the restart. Resident memory is that of main and of the larger worker; bytes are those beyond the \
empty proxy, per cluster with its backends and per route. Store on the disk.";

pub(crate) fn measure(_: &Options, report: &mut Report) -> Result<()> {
    let head = ["what", "seconds", "main, KiB", "worker, KiB", "bytes in a worker"];
    report.section("100,000 clusters", NOTES, &head);
    let mut count = CLUSTERS;
    while let Err(error) = grow_and_restart(count, report) {
        report.problem(format!("{count} clusters: {error}"));
        count /= 2;
        if count < FEWEST {
            break;
        }
    }
    if let Err(error) = at_once(CLUSTERS, report) {
        report.problem(format!("{CLUSTERS} clusters in one transaction: {error}"));
    }
    Ok(())
}

/// The backends' clusters.
fn clusters(count: usize) -> impl Iterator<Item = RequestType> {
    (0..count).flat_map(|number| {
        let place = 2 * number as u32;
        [
            add_cluster(number),
            add_backend(number, "b0", place),
            add_backend(number, "b1", place + 1),
        ]
    })
}

fn routes(count: usize) -> impl Iterator<Item = RequestType> {
    (0..count)
        .map(|number| RequestType::AddHttpFrontend(route(host(number), String::new(), number)))
}

fn grow_and_restart(count: usize, report: &mut Report) -> Result<()> {
    let mut proxy = Proxy::start(Medium::Disk, CONFIG)?;
    let empty = proxy.memory()?;
    row(report, "empty", Duration::ZERO, empty, "");
    let mut sum = Duration::ZERO;
    let mut before = empty;
    let steps = [
        ("clusters", transactions(clusters(count), MANY)),
        ("routes", transactions(routes(count), MANY)),
    ];
    for (name, transactions) in steps {
        let began = Instant::now();
        changes::commit(&mut proxy.client, transactions)?;
        let took = began.elapsed();
        sum += took;
        let memory = proxy.memory()?;
        let bytes = (memory.worker - before.worker) * 1024.0 / count as f64;
        row(report, &format!("{count} {name} added"), took, memory, &format!("{bytes:.0} each"));
        let goal = if name == "routes" { ROUTE } else { CLUSTER };
        report.at_most(format!("bytes in a worker, {count} {name}, added"), bytes, goal);
        before = memory;
    }
    if count == CLUSTERS {
        report.at_most("100,000 clusters from nothing, s", sum.as_secs_f64(), FROM_NOTHING);
    }
    let stored = proxy.stored()? as f64 / f64::from(1 << 20);
    let took = proxy.restart()?;
    let memory = proxy.memory()?;
    let bytes = (memory.worker - empty.worker) * 1024.0 / count as f64;
    let name = format!("{count} restarted, store of {stored:.0} MiB");
    row(report, &name, took, memory, &format!("{bytes:.0} with its route"));
    let what = format!("{count} clusters from the store, s");
    report.at_most(what, took.as_secs_f64(), FROM_STORE * count as f64 / CLUSTERS as f64);
    let what = format!("bytes in a worker, {count} clusters with their routes, from the store");
    report.at_most(what, bytes, ROUTE + CLUSTER);
    Ok(())
}

fn at_once(count: usize, report: &mut Report) -> Result<()> {
    let mut proxy = Proxy::start(Medium::Memory, CONFIG)?;
    let all = transactions(clusters(count).chain(routes(count)), usize::MAX);
    let began = Instant::now();
    if let Err(error) = changes::commit(&mut proxy.client, all) {
        return Err(format!("{error} ({})", proxy.last_words()).into());
    }
    let took = began.elapsed();
    let served = proxy.state_hash().and_then(|_| proxy.memory());
    let served = served.map_err(|error| {
        format!("acknowledged, but not served: {error} ({})", proxy.last_words())
    })?;
    row(report, &format!("{count} in one transaction"), took, served, "");
    report.at_most("100,000 clusters in one transaction, s", took.as_secs_f64(), FROM_NOTHING);
    Ok(())
}

fn row(report: &mut Report, what: &str, took: Duration, memory: Memory, bytes: &str) {
    let [main, worker] = [memory.main, memory.worker].map(|kib| format!("{kib:.0}"));
    let seconds = format!("{:.2}", took.as_secs_f64());
    report.row(&[&what, &seconds, &main, &worker, &bytes]);
}
