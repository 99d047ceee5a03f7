//! What is packaged beside the program: rules and graphs that ask for what the exporter serves.

#[allow(dead_code, reason = "shared by several test programs, each of which uses a part")]
mod process_support;

use std::collections::BTreeSet;
use std::path::Path;

use process_support::tools::{run, tool};
use weir_control::metrics::names;

const RULES: &str = include_str!("../../../packaging/prometheus/weir.rules.yml");
const GRAPHS: &str = include_str!("../../../packaging/grafana/weir.json");

/// What may follow a name: what Prometheus makes of counters and times.
const SUFFIXES: [&str; 4] = ["_total", "_seconds_bucket", "_seconds_sum", "_seconds_count"];

/// Names as Prometheus has them, without what may follow.
fn served() -> BTreeSet<String> {
    let listed = names();
    let of = |scopes: [&'static str; 2], names: Vec<String>| {
        let names = names.into_iter().map(|name| name.replace(['.', '-'], "_"));
        names.flat_map(move |name| scopes.map(|scope| format!("weir_{scope}_{name}")))
    };
    let processes = of(["main", "proxy"], listed.proxy_metrics);
    let clusters = of(["cluster", "backend"], listed.cluster_metrics);
    processes.chain(clusters).chain(["weir_up".to_owned()]).collect()
}

#[test]
fn rules_and_graphs_ask_for_metrics_that_there_are() {
    serde_json::from_str::<serde_json::Value>(GRAPHS).expect("JSON");
    let served = served();
    for text in [RULES, GRAPHS] {
        let words = text.split(|c: char| c != '_' && !c.is_ascii_alphanumeric());
        let asked: BTreeSet<_> = words.filter(|word| word.starts_with("weir_")).collect();
        assert!(asked.len() > 10, "{asked:?}");
        for name in asked {
            let stem = SUFFIXES.iter().find_map(|suffix| name.strip_suffix(suffix));
            assert!(served.contains(stem.unwrap_or(name)), "{name} is not served");
        }
    }
}

#[test]
fn prometheus_takes_the_rules() {
    let Some(mut promtool) = tool("promtool", "prometheus") else { return };
    let packaging = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../packaging/prometheus");
    run(promtool.args(["check", "rules"]).arg(packaging.join("weir.rules.yml")));
    run(promtool.args(["test", "rules"]).arg(packaging.join("weir.rules.test.yml")));
}
