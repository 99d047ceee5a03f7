//! The verbs that ask a running Weir: what they send, print and return.

#[allow(dead_code, reason = "shared by several test programs, each of which uses a part")]
mod process_support;

use std::os::unix::net::UnixListener;
use std::path::Path;
use std::process::Output;

use process_support::scripted::Scripted;
use process_support::weir;
use serde_json::{Value, json};
use weir_client::proto::request::RequestType;
use weir_client::proto::response_content::ContentType;
use weir_client::proto::{
    Cluster, ClusterInformation, ClusterInformations, Event, EventKind, PlannedChange, Response,
    TransactionResult, WorkerInfo, WorkerInfos,
};

/// Exit codes.
const FAILED: i32 = 1;
const UNUSABLE: i32 = 2;

/// Runs a line against a socket; nothing here takes long, and a busy machine is no failure.
fn ask(socket: &Path, line: &str) -> Output {
    let words = line.split_whitespace();
    let command = weir().args(["-t", "20000", "--socket"]).arg(socket).args(words).output();
    command.expect("the program starts")
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

fn json(bytes: &[u8]) -> Value {
    serde_json::from_slice(bytes).unwrap_or_else(|error| panic!("{error} in {}", text(bytes)))
}

fn workers() -> Response {
    let vec = vec![WorkerInfo { id: 3, pid: 41, run_state: 0 }];
    Response::ok("here they are", ContentType::Workers(WorkerInfos { vec }))
}

fn planned(changes: usize) -> Response {
    let changes = vec![PlannedChange { object: "cluster".into(), ..Default::default() }; changes];
    let result = TransactionResult { epoch: 7, changes, warnings: Vec::new() };
    Response::ok("planned", ContentType::Transaction(result))
}

#[test]
fn an_answer_is_printed_as_text() {
    let server = Scripted::start(|peer| {
        assert_eq!(peer.expect().name(), "Status");
        peer.say(Response::processing("asking workers", None));
        peer.say(workers());
        peer.expect_end();
    });
    let output = ask(&server.socket(), "status");
    let printed = text(&output.stdout);
    assert!(printed.starts_with("Success: here they are\n┌"), "{printed}");
    assert!(printed.contains("RUNNING") && printed.contains("41"), "{printed}");
    assert!(output.status.success() && output.stderr.is_empty(), "{output:?}");
    server.finish();
}

#[test]
fn an_answer_is_printed_as_json() {
    let server = Scripted::answering(workers());
    let output = ask(&server.socket(), "--json status");
    assert_eq!(json(&output.stdout), json!({"vec": [{"id": 3, "pid": 41, "run_state": 0}]}));
    assert!(text(&output.stdout).contains("\n  "), "it is for people too: {output:?}");
    server.finish();
    let server = Scripted::answering(Response::ok("done", None));
    assert_eq!(text(&ask(&server.socket(), "cluster remove -i a -j").stdout), "{}\n");
    server.finish();
}

#[test]
fn a_refusal_is_told_on_standard_error() {
    let refuse = || Scripted::answering(Response::failure("no \"such\" cluster"));
    let server = refuse();
    let output = ask(&server.socket(), "cluster remove -i a");
    assert_eq!(text(&output.stderr), "weir: Request failed: no \"such\" cluster\n");
    assert_eq!((output.status.code(), output.stdout.len()), (Some(FAILED), 0));
    server.finish();
    let server = refuse();
    let output = ask(&server.socket(), "cluster remove -i a --json");
    assert_eq!(json(&output.stderr), json!({"error": "Request failed: no \"such\" cluster"}));
    assert_eq!((output.status.code(), output.stdout.len()), (Some(FAILED), 0));
    server.finish();
}

#[test]
fn silence_is_a_failure_after_the_timeout_of_the_line_or_the_file() {
    let silent = || {
        Scripted::start(|peer| {
            peer.expect();
            peer.expect_end();
        })
    };
    let server = silent();
    let output = ask(&server.socket(), "status -t 10");
    assert!(text(&output.stderr).contains("within 10 ms"), "{output:?}");
    assert_eq!(output.status.code(), Some(FAILED));
    server.finish();
    let server = silent();
    let config = server.config("ctl_command_timeout = 11");
    let output = weir().arg("-c").arg(config).arg("status").output().expect("started");
    assert!(text(&output.stderr).contains("within 11 ms"), "{output:?}");
    server.finish();
}

#[test]
fn the_configuration_file_names_the_socket_and_its_limits() {
    let server = Scripted::answering(Response::ok("x".repeat(5000), None));
    let config = server.config("max_command_buffer_size = 4096\nctl_command_timeout = 0");
    let output = weir().arg("status").arg("-c").arg(config).output().expect("started");
    let printed = text(&output.stderr);
    assert!(printed.contains("max_command_buffer_size"), "{printed}");
    server.finish();
}

#[test]
fn where_weir_is_must_be_known() {
    let output = weir().arg("status").output().expect("started");
    assert!(text(&output.stderr).contains("--socket"), "{output:?}");
    assert_eq!(output.status.code(), Some(UNUSABLE));
    let config = process_support::Config::new(process_support::PLAIN);
    let output = weir().arg("status").arg("-c").arg(config.path()).output().expect("started");
    assert!(text(&output.stderr).contains("has no `command_socket`"), "{output:?}");
    assert_eq!(output.status.code(), Some(UNUSABLE));
}

#[test]
fn nobody_there_is_told_with_what_to_do() {
    let directory = tempfile::tempdir().expect("a directory");
    let socket = directory.path().join("s");
    let output = ask(&socket, "status");
    assert!(text(&output.stderr).contains("no control socket"), "{output:?}");
    drop(UnixListener::bind(&socket).expect("bound"));
    let output = ask(&socket, "status -j");
    let error = json(&output.stderr);
    assert!(error["error"].as_str().is_some_and(|e| e.contains("weir start")), "{error}");
    assert_eq!(output.status.code(), Some(FAILED));
}

#[test]
fn events_are_lines_until_weir_stops() {
    let stream = || {
        Scripted::start(|peer| {
            assert_eq!(peer.expect().name(), "SubscribeEvents");
            for kind in [EventKind::BackendDown, EventKind::BackendUp] {
                let event = Event { kind: kind.into(), ..Event::default() };
                peer.say(Response::processing("1", ContentType::Event(event)));
            }
        })
    };
    let server = stream();
    let output = ask(&server.socket(), "events");
    assert_eq!(text(&output.stdout), "1, BACKEND_DOWN\n1, BACKEND_UP\n");
    assert!(output.status.success(), "{output:?}");
    server.finish();
    let server = stream();
    let output = ask(&server.socket(), "events --json");
    let printed = text(&output.stdout);
    let names: Vec<_> = printed.lines().map(|line| json(line.as_bytes())["name"].clone()).collect();
    assert_eq!(names, ["BACKEND_DOWN", "BACKEND_UP"]);
    server.finish();
}

#[test]
fn a_diff_tells_by_its_exit_code() {
    let directory = tempfile::tempdir().expect("a directory");
    let file = directory.path().join("new.toml");
    std::fs::write(&file, "worker_count = 1\n").expect("written");
    let diff = |response: Response| {
        let server = Scripted::start(move |peer| {
            let RequestType::ApplyConfiguration(apply) = peer.expect() else { panic!("another") };
            assert_eq!(
                (apply.text.as_deref(), apply.dry_run),
                (Some("worker_count = 1\n"), Some(true))
            );
            peer.say(response);
        });
        let output = ask(&server.socket(), &format!("diff -f {}", file.display()));
        server.finish();
        output
    };
    assert_eq!(diff(planned(0)).status.code(), Some(0));
    let different = diff(planned(1));
    assert_eq!(different.status.code(), Some(1));
    assert!(text(&different.stdout).contains("+ cluster"), "{different:?}");
    let failed = diff(Response::failure("line 1: no"));
    assert_eq!(failed.status.code(), Some(UNUSABLE));
    assert!(text(&failed.stderr).contains("line 1: no"), "{failed:?}");
}

#[test]
fn http2_is_switched_in_the_cluster_as_it_is() {
    let server = Scripted::start(|peer| {
        let RequestType::QueryClusterById(id) = peer.expect() else { panic!("another") };
        assert_eq!(id, "app");
        let configuration = Cluster { cluster_id: id, sticky_session: true, ..Cluster::default() };
        let configuration = Some(configuration);
        let vec = vec![ClusterInformation { configuration, ..ClusterInformation::default() }];
        peer.say(Response::ok("found", ContentType::Clusters(ClusterInformations { vec })));
        let RequestType::AddCluster(cluster) = peer.expect() else { panic!("another") };
        assert_eq!((cluster.sticky_session, cluster.http2), (true, Some(true)));
        peer.say(Response::ok("added", None));
    });
    let output = ask(&server.socket(), "cluster h2 enable -i app");
    assert_eq!(text(&output.stdout), "Success: added\nNo content\n");
    server.finish();
    let server = Scripted::answering(Response::ok("found", None));
    let output = ask(&server.socket(), "cluster h2 enable -i app");
    assert!(text(&output.stderr).contains("no cluster \"app\""), "{output:?}");
    server.finish();
}

#[test]
fn metrics_are_asked_for_again_until_weir_stops() {
    let server = Scripted::start(|peer| {
        for message in ["one", "two"] {
            assert_eq!(peer.expect().name(), "QueryMetrics");
            peer.say(Response::ok(message, None));
        }
    });
    let output = ask(&server.socket(), "metrics get --refresh 1");
    let printed = text(&output.stdout);
    assert!(printed.contains("one") && printed.contains("two"), "{printed}");
    assert_eq!(output.status.code(), Some(FAILED));
    server.finish();
}

#[test]
fn completions_and_manual_pages_know_every_command() {
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let output = weir().args(["completions", shell]).output().expect("started");
        let script = text(&output.stdout);
        assert!(script.contains("health-check") && script.contains("rollback"), "{shell}");
    }
    let directory = tempfile::tempdir().expect("a directory");
    let pages = directory.path().join("new/man");
    assert!(weir().arg("man").arg(&pages).status().expect("started").success());
    for page in ["weir.1", "weir-apply.1", "weir-cluster-health-check-set.1"] {
        let page = std::fs::read_to_string(pages.join(page)).expect("a page");
        assert!(page.contains(".SH OPTIONS"), "{page}");
    }
}

#[test]
fn the_file_is_checked_under_both_names() {
    let config = process_support::Config::new(process_support::PLAIN);
    let check =
        |words: &[&str]| weir().args(words).arg("-c").arg(config.path()).output().expect("started");
    assert_eq!(check(&["config", "check"]), check(&["check"]));
    assert!(check(&["check"]).status.success());
}

#[test]
fn the_dashboard_wants_a_terminal() {
    let output = ask(Path::new("/nowhere"), "top --refresh-ms 500 --no-mouse");
    assert!(text(&output.stderr).contains("terminal"), "{output:?}");
    assert_eq!(output.status.code(), Some(FAILED));
}
