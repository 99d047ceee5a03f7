//! A dry run says what would change, and how many live sessions of all workers it concerns.

#[allow(dead_code, reason = "shared by several test programs, each of which uses a part")]
mod process_support;

use std::io::Write;
use std::net::TcpStream;
use std::process::Stdio;

use process_support::backend::Backend;
use process_support::control::{ask, epoch, good, json};
use process_support::held::{is_one, kill, stop};
use process_support::{CONTROLLED, Config, Proxy, connect, weir};
use serde_json::Value;
use weir_testkit::process::eventually;

/// Requests that the backend holds: enough for both workers to have some.
const HELD: usize = 24;

/// A proxy with [`HELD`] requests under way; the text of its configuration.
fn busy() -> (Proxy, String, Backend, Vec<TcpStream>) {
    let backend = Backend::start();
    let text = CONTROLLED.replace("worker_timeout = 5", "worker_timeout = 1");
    let text = text.replace("127.0.0.1:1\"", &format!("{}\"", backend.address));
    let proxy = Proxy::start(Config::new(&text), &[]);
    let held = (0..HELD).map(|_| {
        let mut stream = connect(proxy.address);
        let request = b"GET /held HTTP/1.1\r\nHost: first.example\r\n\r\n";
        stream.write_all(request).expect("sent");
        stream
    });
    let held = held.collect();
    backend.until_waiting(HELD);
    let text = text.replace("127.0.0.1:0", &proxy.address.to_string());
    (proxy, text, backend, held)
}

/// What `weir diff` says of another configuration.
fn difference(proxy: &Proxy, text: &str, words: &[&str]) -> String {
    let file = proxy.config.in_directory("new.toml");
    std::fs::write(&file, text).expect("written");
    let file = file.to_str().expect("UTF-8");
    let output = ask(proxy, &[&["diff", "-f", file], words].concat());
    assert_eq!(output.status.code(), Some(1), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).expect("UTF-8")
}

/// The sessions of each change, by what is changed.
fn sessions(answer: &Value) -> Vec<(&str, Option<u64>)> {
    let changes = answer["changes"].as_array().expect("a list").iter();
    let one = |change: &'_ Value| change["sessions"].as_u64();
    changes.map(|change| (change["object"].as_str().expect("text"), one(change))).collect()
}

#[test]
fn it_counts_the_sessions_of_all_workers() {
    let (proxy, text, _backend, _held) = busy();
    let changed = text
        .replace(
            "protocol = \"http\"\nfrontends",
            "protocol = \"http\"\nsticky_session = true\nfrontends",
        )
        .replace(
            "hostname = \"first.example\"",
            "hostname = \"first.example\", tags = { a = \"b\" }",
        )
        .replace("address = \"127.0.0.1:", "front_timeout = 61\naddress = \"127.0.0.1:")
        .replace("{ front_timeout = 61\n", "{ ")
        + "[clusters.new]\nprotocol = \"http\"\nfrontends = []\nbackends = []\n";
    let before = epoch(&proxy);
    let answer = json(&difference(&proxy, &changed, &["--json"]));
    let held = Some(HELD as u64);
    let mut found = sessions(&answer);
    found.sort();
    let expected =
        [("cluster", Some(0)), ("cluster", held), ("frontend", held), ("listener", held)];
    assert_eq!(found, expected, "{answer}");
    let told = difference(&proxy, &changed, &[]);
    assert!(told.contains(&format!("~ cluster first  ({HELD} sessions)")), "{told}");
    assert!(told.contains("+ cluster new\n"), "{told}");
    let file = proxy.config.in_directory("new.toml");
    let words = ["apply", "--dry-run", "-f", file.to_str().expect("UTF-8")];
    let told = String::from_utf8(ask(&proxy, &words).stdout).expect("UTF-8");
    assert!(told.contains(&format!("({HELD} sessions)")), "{told}");
    assert_eq!(epoch(&proxy), before);
    assert_eq!(is_one(&proxy), before);
}

#[test]
fn what_is_removed_concerns_the_sessions_that_use_it() {
    let (proxy, text, _backend, _held) = busy();
    let (kept, _) = text.split_once("[clusters").expect("a cluster");
    let answer = json(&difference(&proxy, kept, &["--json"]));
    let held = Some(HELD as u64);
    let mut found = sessions(&answer);
    found.sort();
    assert_eq!(found, [("backend", held), ("cluster", held), ("frontend", held)], "{answer}");
}

#[test]
fn a_worker_that_says_nothing_does_not_hold_it_up() {
    let (proxy, text, _backend, _held) = busy();
    let (kept, _) = text.split_once("[clusters").expect("a cluster");
    let first = proxy.workers()[0];
    stop(first);
    let answer = json(&difference(&proxy, kept, &["--json"]));
    let warnings = answer["warnings"].to_string();
    assert!(warnings.contains("1 of 2 workers did not answer"), "{answer}");
    assert!(sessions(&answer).iter().all(|(_, count)| count.is_some_and(|n| n < HELD as u64)));
}

#[test]
fn a_worker_that_dies_does_not_hold_it_up() {
    let text = CONTROLLED.replace("worker_timeout = 5", "worker_timeout = 600");
    let proxy = Proxy::start(Config::new(&text), &[]);
    let first = proxy.workers()[0];
    stop(first);
    let (kept, _) = text.split_once("[clusters").expect("a cluster");
    let file = proxy.config.in_directory("new.toml");
    let kept = kept.replace("127.0.0.1:0", &proxy.address.to_string());
    std::fs::write(&file, kept).expect("written");
    let mut command = weir();
    command.args(["diff", "--json", "-f"]).arg(&file).arg("-c").arg(proxy.config.path());
    let planned = command.stdout(Stdio::piped()).spawn().expect("weir runs");
    // The request is counted when it is carried out.
    eventually("it is asked", || {
        let counts = good(&proxy, &["state", "stats", "--json"]);
        counts.contains("ApplyConfiguration")
    });
    kill(first);
    let output = planned.wait_with_output().expect("it ends");
    let answer = json(&String::from_utf8_lossy(&output.stdout));
    assert!(answer["warnings"].to_string().contains("1 of 2 workers"), "{answer}");
}
