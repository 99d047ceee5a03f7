//! By how much balancing per worker skews: workers know nothing of what the others have sent where.
//!
//! Connections that stay open arrive at workers at random, as the kernel spreads them, and each
//! worker places its own. The table in docs/balancing.md is what comes out; with
//! `UPDATE_DOCS=1 cargo test -p weir-balance --test skew` it is written.

use std::fmt::Write as _;

use fastrand::Rng;
use weir_balance::{Group, LoadBalancing, LoadMetric, Share, Spec};
use weir_base::Instant;

const BACKENDS: usize = 10;
const POLICIES: [(LoadBalancing, &str); 4] = [
    (LoadBalancing::RoundRobin, "`ROUND_ROBIN`"),
    (LoadBalancing::LeastLoaded, "`LEAST_LOADED`"),
    (LoadBalancing::PowerOfTwo, "`POWER_OF_TWO`"),
    (LoadBalancing::Random, "`RANDOM`"),
];
const WORKERS: [u16; 5] = [1, 2, 4, 8, 16];
/// Connections per backend, and how often they are placed.
const LOADS: [(usize, usize); 4] = [(1, 400), (10, 100), (100, 10), (1_000, 2)];

fn group(policy: LoadBalancing, share: Share) -> Group {
    let mut group = Group::new(policy, LoadMetric::Connections);
    group.set_share(share);
    for id in 0..BACKENDS {
        let address = std::net::SocketAddr::from(([10, 0, 0, id as u8], 80)).into();
        let (id, weight, sticky_id, backup) = (id.to_string().into(), 100, None, false);
        let spec = Spec { id, address, weight, sticky_id, backup, max_connections: None };
        group.upsert(spec).expect("room");
    }
    group
}

/// How many connections the most loaded backend has, for each that a backend has on average.
fn busiest(policy: LoadBalancing, workers: u16, connections: usize, rng: &mut Rng) -> f64 {
    let worker = |index| group(policy, Share { index, count: workers });
    let mut groups: Vec<Group> = (0..workers).map(worker).collect();
    let mut open = [0_usize; BACKENDS];
    for _ in 0..connections {
        let at = rng.usize(..groups.len());
        let group = &mut groups[at];
        let pick = group.pick(Instant::default(), &mut || rng.u64(..), &[]).expect("a backend");
        group.connection_opened(pick.key);
        let id = &group.spec(pick.key).expect("there").id;
        open[id.parse::<usize>().expect("a number")] += 1;
    }
    let most = open.into_iter().max().unwrap_or(0);
    (most * BACKENDS) as f64 / connections as f64
}

/// Percent above the mean, on average.
fn excess(policy: LoadBalancing, workers: u16, (each, times): (usize, usize)) -> f64 {
    let mut rng = Rng::with_seed(u64::from(workers) << 32 | each as u64);
    let all = (0..times).map(|_| busiest(policy, workers, each * BACKENDS, &mut rng));
    (all.sum::<f64>() / times as f64 - 1.0) * 100.0
}

fn table() -> String {
    let heads = WORKERS.map(|workers| match workers {
        1 => "1 worker".to_owned(),
        more => format!("{more} workers"),
    });
    let mut text = format!("| | connections | {} |\n|---|--:|", heads.join(" | "));
    text += &"--:|".repeat(WORKERS.len());
    text.push('\n');
    for (policy, name) in POLICIES {
        for load in LOADS {
            let cells = WORKERS.map(|workers| format!("{:.0} %", excess(policy, workers, load)));
            let _ = writeln!(text, "| {name} | {} | {} |", load.0 * BACKENDS, cells.join(" | "));
        }
    }
    text
}

#[test]
fn the_documentation_says_by_how_much() {
    const BEGIN: &str = "<!-- skew -->\n";
    const END: &str = "<!-- /skew -->\n";
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/balancing.md");
    let page = std::fs::read_to_string(path).expect("the page");
    let (before, rest) = page.split_once(BEGIN).expect("a place for the table");
    let (written, after) = rest.split_once(END).expect("its end");
    if std::env::var_os("UPDATE_DOCS").is_some() {
        let page = format!("{before}{BEGIN}{}{END}{after}", table());
        std::fs::write(path, page).expect("written");
    } else {
        assert_eq!(written, table(), "UPDATE_DOCS=1 cargo test -p weir-balance --test skew");
    }
}

#[test]
fn one_worker_has_no_skew_where_it_knows_all() {
    for policy in [LoadBalancing::RoundRobin, LoadBalancing::LeastLoaded] {
        assert_eq!(excess(policy, 1, (10, 3)), 0.0, "{policy:?}");
    }
}
