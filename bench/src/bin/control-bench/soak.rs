//! Random changes that end where they began: memory is to be what it was.

use std::collections::BTreeMap;

use fastrand::Rng;
use weir_client::Transaction;
use weir_client::proto::request::RequestType;

use crate::changes::{
    self, MANY, add_backend, add_cluster, cluster, host, remove_backend, route, transactions,
};
use crate::proxy::{Medium, Proxy};
use crate::report::Report;
use crate::{CONFIG, Options, Result};

const CLUSTERS: usize = 1_000;
const SEED: u64 = 3;
const ROUNDS: usize = 5;
/// Changes of the largest transaction.
const AT_ONCE: usize = 100;
/// Growth over the last two rounds that is taken for none.
const FLAT: f64 = 1.02;

const NOTES: &str = "\
Seeded random changes on 1,000 clusters with a route and two backends each, in transactions of 1 \
to 100: backends move, more of them, routes and clusters come and go. Every round ends in the \
state of the beginning, by its hash in main and in every worker. Store on tmpfs; it keeps 10,000 \
transactions, which only a million changes reach.";

pub(crate) fn measure(options: &Options, report: &mut Report) -> Result<()> {
    let head = ["after changes", "transactions", "main, KiB", "worker, KiB", "store, KiB"];
    report.section("Soak", NOTES, &head);
    let total = if options.million_changes { 1_000_000 } else { 50_000 };
    let mut proxy = Proxy::start(Medium::Memory, CONFIG)?;
    let all = (0..CLUSTERS).flat_map(|number| {
        let frontend = RequestType::AddHttpFrontend(route(host(number), String::new(), number));
        let backends = ["b0", "b1"].map(|id| add_backend(number, id, number as u32));
        [add_cluster(number), frontend].into_iter().chain(backends)
    });
    changes::commit(&mut proxy.client, transactions(all, MANY))?;
    let hash = proxy.state_hash()?;
    let mut walk = Walk { rng: Rng::with_seed(SEED), ..Walk::default() };
    let (mut made, mut count) = (0, 0);
    let mut seen = Vec::new();
    for round in 0..=ROUNDS {
        let memory = proxy.memory()?;
        let [main, worker] = [memory.main, memory.worker].map(|kib| format!("{kib:.0}"));
        report.row(&[&made, &count, &main, &worker, &(proxy.stored()? / 1024)]);
        seen.push(memory);
        if round == ROUNDS {
            break;
        }
        let changes = walk.round(total / ROUNDS);
        made += changes.len();
        let mut changes = changes.into_iter();
        while changes.len() > 0 {
            let some = changes.by_ref().take(walk.rng.usize(1..=AT_ONCE));
            some.fold(Transaction::new(), Transaction::change).commit(&mut proxy.client)?;
            count += 1;
        }
        if proxy.state_hash()? != hash {
            return Err(format!("seed {SEED}, round {round}: the state is another").into());
        }
    }
    let (before, after) = (seen[ROUNDS - 2], seen[ROUNDS]);
    report.at_most("soak: main, last two rounds, ×", after.main / before.main, FLAT);
    report.at_most("soak: worker, last two rounds, ×", after.worker / before.worker, FLAT);
    Ok(())
}

/// What differs from the beginning.
#[derive(Default)]
struct Walk {
    rng: Rng,
    /// Places of first backends that moved, by cluster.
    moved: BTreeMap<usize, u32>,
    /// Places of third backends.
    backends: BTreeMap<usize, u32>,
    /// Clusters with a second route.
    routes: BTreeMap<usize, ()>,
    /// Clusters beside those of the beginning.
    clusters: BTreeMap<usize, ()>,
}

impl Walk {
    /// About so many changes, and those that lead back.
    fn round(&mut self, count: usize) -> Vec<RequestType> {
        let mut changes: Vec<_> = (0..count).map(|_| self.step()).collect();
        let moved = std::mem::take(&mut self.moved).into_keys();
        changes.extend(moved.map(|number| add_backend(number, "b0", number as u32)));
        let backends = std::mem::take(&mut self.backends).into_iter();
        changes.extend(backends.map(|(number, place)| remove_backend(number, "b2", place)));
        changes.extend(std::mem::take(&mut self.routes).into_keys().map(remove_route));
        changes.extend(std::mem::take(&mut self.clusters).into_keys().map(remove_cluster));
        changes
    }

    fn step(&mut self) -> RequestType {
        let number = self.rng.usize(..CLUSTERS);
        let place = self.rng.u32(..1 << 20);
        match self.rng.u8(..4) {
            0 => {
                self.moved.insert(number, place);
                add_backend(number, "b0", place)
            }
            1 => match self.backends.remove(&number) {
                Some(place) => remove_backend(number, "b2", place),
                None => {
                    self.backends.insert(number, place);
                    add_backend(number, "b2", place)
                }
            },
            2 => match self.routes.remove(&number) {
                Some(()) => remove_route(number),
                None => {
                    self.routes.insert(number, ());
                    RequestType::AddHttpFrontend(second_route(number))
                }
            },
            _ => match self.clusters.remove(&number) {
                Some(()) => remove_cluster(number),
                None => {
                    self.clusters.insert(number, ());
                    add_cluster(CLUSTERS + number)
                }
            },
        }
    }
}

fn second_route(number: usize) -> weir_client::proto::RequestHttpFrontend {
    route(host(number), "/second".into(), number)
}

fn remove_route(number: usize) -> RequestType {
    RequestType::RemoveHttpFrontend(second_route(number))
}

fn remove_cluster(number: usize) -> RequestType {
    RequestType::RemoveCluster(cluster(CLUSTERS + number))
}
