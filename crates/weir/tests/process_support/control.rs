//! Verbs of the command line, asked of a running proxy.

use std::process::{Command, Output};

use super::{Proxy, fetch, weir};

/// Runs a verb against the proxy.
pub(crate) fn ask(proxy: &Proxy, words: &[&str]) -> Output {
    let mut command: Command = weir();
    command.args(words).arg("-c").arg(proxy.config.path());
    command.output().expect("weir runs")
}

/// The standard output of a command that succeeds.
pub(crate) fn good(proxy: &Proxy, words: &[&str]) -> String {
    let output = ask(proxy, words);
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    assert!(output.status.success(), "{words:?}: {}{}", text(&output.stdout), text(&output.stderr));
    text(&output.stdout)
}

/// The standard error of a command that fails.
pub(crate) fn bad(proxy: &Proxy, words: &[&str]) -> String {
    let output = ask(proxy, words);
    assert!(!output.status.success(), "{words:?}: {}", String::from_utf8_lossy(&output.stdout));
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// Of the `--json` of a verb.
pub(crate) fn json(text: &str) -> serde_json::Value {
    serde_json::from_str(text).expect("JSON")
}

/// The status of a request for `a.example`.
pub(crate) fn status(proxy: &Proxy) -> String {
    let answer = fetch(proxy.address, "/");
    answer.split(' ').nth(1).expect("a status").to_owned()
}

/// Adds a cluster without backends and a route for `a.example` that leads there: 503, not 404.
pub(crate) fn route(proxy: &Proxy, cluster: &str) {
    let address = proxy.address.to_string();
    good(proxy, &["cluster", "add", "--id", cluster, "--load-balancing-policy", "random"]);
    let frontend = ["frontend", "http", "add", "-a", &address, "--hostname", "a.example"];
    good(proxy, &[&frontend[..], &["id", cluster]].concat());
}

/// The epoch in use.
pub(crate) fn epoch(proxy: &Proxy) -> u64 {
    json(&good(proxy, &["drift", "--json"]))["epoch"].as_u64().expect("a number")
}

/// The process ids of workers by slot, whoever started them; 0: there is none.
pub(crate) fn pids(proxy: &Proxy) -> Vec<i32> {
    let status = json(&good(proxy, &["status", "--json"]));
    let workers = status["vec"].as_array().expect("a list").iter();
    workers.map(|worker| worker["pid"].as_i64().expect("a number") as i32).collect()
}
