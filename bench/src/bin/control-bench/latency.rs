//! One change at a time, from the write on the socket to the acknowledgement.

use weir_client::Transaction;
use weir_client::proto::request::RequestType;

use crate::changes::{self, MANY, add_backend, add_cluster, host, route, transactions};
use crate::proxy::{Medium, Proxy};
use crate::report::Report;
use crate::samples::Samples;
use crate::{CONFIG, Options, Result};

/// Changes that are timed at each size: half of them of backends.
const CHANGES: usize = 2_000;
/// Numbers of routes.
const SIZES: [usize; 5] = [10, 1_000, 10_000, 100_000, 1_000_000];
/// Clusters that the routes lead to.
const CLUSTERS: usize = 1_000;
/// The host that half of the routes share.
const SHARED: &str = "shared.example";

const NOTES: &str = "\
Milliseconds, p50 / p99, of transactions of one: a backend is moved to another address; a frontend \
is replaced (removed and added), that of a host of its own or one of the paths of a host that has \
half of all routes. 1,000 + 500 + 500 at each size, in turn.";

/// What was timed at one size.
#[derive(Default)]
struct Times {
    backend: Samples,
    host: Samples,
    path: Samples,
}

pub(crate) fn measure(options: &Options, report: &mut Report) -> Result<()> {
    let head = ["store", "routes", "all", "longest", "backend", "frontend of a host", "of a path"];
    report.section("Latency of one change", NOTES, &head);
    let sizes = SIZES.into_iter().filter(|size| options.million_routes || *size < 1_000_000);
    let sizes: Vec<_> = sizes.collect();
    for medium in Medium::ALL {
        let mut proxy = Proxy::start(medium, CONFIG)?;
        changes::commit(&mut proxy.client, transactions((0..CLUSTERS).map(add_cluster), MANY))?;
        let bound = if medium == Medium::Memory { 1.0 } else { 5.0 };
        let (mut there, mut first) = (0, f64::NAN);
        for size in &sizes {
            grow(&mut proxy, there, *size)?;
            there = *size;
            let times = time(&mut proxy, *size)?;
            let all = times.backend.and(&times.host).and(&times.path);
            let longest = format!("{:.2}", all.quantile(1.0));
            let cells = [&times.backend, &times.host, &times.path].map(Samples::cell);
            let [backend, host, path] = &cells;
            report.row(&[&medium.name(), size, &all.cell(), &longest, backend, host, path]);
            let what = format!("one change, p99, ms: {}, {size} routes", medium.name());
            report.at_most(what, all.quantile(0.99), bound);
            if there == sizes[0] {
                first = all.quantile(0.5);
            } else if Some(size) == sizes.last() {
                let what = format!("its p50 ÷ that of 10 routes: {}", medium.name());
                report.at_most(what, all.quantile(0.5) / first, 1.25);
            }
        }
    }
    Ok(())
}

/// Route `number`: the even ones have hosts of their own, the odd ones share one.
fn frontend(number: usize) -> weir_client::proto::RequestHttpFrontend {
    match number % 2 {
        0 => route(host(number), String::new(), number % CLUSTERS),
        _ => route(SHARED.into(), format!("/path/{number:07}"), number % CLUSTERS),
    }
}

fn grow(proxy: &mut Proxy, from: usize, to: usize) -> Result<()> {
    let routes = (from..to).map(|number| RequestType::AddHttpFrontend(frontend(number)));
    changes::commit(&mut proxy.client, transactions(routes, MANY))
}

fn time(proxy: &mut Proxy, routes: usize) -> Result<Times> {
    let mut times = Times::default();
    for number in 0..CHANGES {
        // Spread over all of them, with every residue.
        let target = number.wrapping_mul(7_919) % routes;
        let (samples, transaction) = match number % 4 {
            0 | 2 => (&mut times.backend, move_backend(target % CLUSTERS, number)),
            1 => (&mut times.host, replace(target & !1, number)),
            _ => (&mut times.path, replace(target | 1, number)),
        };
        samples.time(|| Ok(transaction.commit(&mut proxy.client)?))?;
    }
    Ok(times)
}

fn move_backend(cluster: usize, number: usize) -> Transaction {
    Transaction::new().change(add_backend(cluster, "b0", number as u32))
}

fn replace(route: usize, number: usize) -> Transaction {
    let before = frontend(route);
    // Of the same name, and never what was there.
    let mut after = before.clone();
    after.tags.insert("replaced".into(), number.to_string());
    Transaction::new()
        .change(RequestType::RemoveHttpFrontend(before))
        .change(RequestType::AddHttpFrontend(after))
}
