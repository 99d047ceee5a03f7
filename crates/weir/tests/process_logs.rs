//! What a running Weir writes about requests, and about those who control it.

#[allow(dead_code, reason = "shared by several test programs, each of which uses a part")]
mod process_support;

use std::fs;
use std::io::{Read, Write};
use std::net::UdpSocket;
use std::path::Path;

use process_support::backend::Backend;
use process_support::control::{bad, good, json, pids};
use process_support::tools::{python, run, script, text, tool};
use process_support::{Config, Proxy, connect};
use serde_json::Value;
use weir_testkit::process::{Process, Signal, eventually, send_signal};

/// The lines of a file, when there are as many.
fn lines(path: &Path, count: usize) -> Vec<String> {
    let text = || fs::read_to_string(path).unwrap_or_default();
    eventually(&format!("{count} lines in {}", path.display()), || {
        let text = text();
        text.lines().count() >= count && text.ends_with('\n')
    });
    text().lines().map(str::to_owned).collect()
}

fn proxy(backend: &Backend, more: impl FnOnce(&dyn Fn(&str) -> String) -> String) -> Proxy {
    let config = Config::new("");
    let more = more(&|name| format!("file://{}", config.in_directory(name).display()));
    let text = format!(
        r#"
command_socket = "control.sock"
ctl_command_timeout = 10000
worker_count = 1
max_connections = 100
{more}

[[listeners]]
protocol = "http"
address = "127.0.0.1:0"

[clusters.app]
protocol = "http"
frontends = [{{ address = "127.0.0.1:0", hostname = "*", tags = {{ owner = "team" }} }}]
backends = [{{ address = "{0}" }}]

[clusters.quiet]
protocol = "http"
access_log = false
frontends = [{{ address = "127.0.0.1:0", hostname = "*", path = "/quiet" }}]
backends = [{{ address = "{0}" }}]
"#,
        backend.address
    );
    fs::write(config.path(), text).expect("written");
    Proxy::start(config, &[])
}

fn fetch(proxy: &Proxy, path: &str, fields: &str) {
    let mut stream = connect(proxy.address);
    let end = format!("HTTP/1.1\r\nHost: a\r\nConnection: close\r\n{fields}\r\n");
    let request = format!("GET {path} {end}");
    stream.write_all(request.as_bytes()).expect("sent");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("an answer");
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
}

#[test]
fn a_record_of_json_has_what_is_known_and_no_secret() {
    let backend = Backend::start();
    let proxy = proxy(&backend, |file| {
        format!("access_logs_format = \"json\"\naccess_logs_target = \"{}\"", file("records"))
    });
    let trace = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
    fetch(
        &proxy,
        "/a?b",
        &format!(
            "traceparent: {trace}\r\nX-Request-Id: mine\r\nUser-Agent: a\"b\r\n\
             Authorization: Basic c2VjcmV0\r\nCookie: secret\r\n"
        ),
    );
    let line = &lines(&proxy.config.in_directory("records"), 1)[0];
    assert!(!line.contains("secret") && !line.contains("c2VjcmV0"), "{line}");
    let record: Value = json(line);
    assert_eq!(record["trace_id"], "4bf92f3577b34da6a3ce929d0e0e4736");
    assert_eq!((&record["status"], &record["path"]), (&200.into(), &"/a?b".into()));
    assert_eq!((&record["x_request_id"], &record["user_agent"]), (&"mine".into(), &"a\"b".into()));
    assert_eq!((&record["tags"]["owner"], &record["retries"]), (&"team".into(), &0.into()));
    for number in ["connect_us", "wait_us", "response_us", "backend_bytes_in", "epoch"] {
        assert!(record[number].is_u64(), "{number}: {line}");
    }
    for round_trip in ["client_rtt_us", "server_rtt_us"] {
        assert!(record[round_trip].as_u64() > Some(0), "{round_trip}: {line}");
    }
    assert!(record["backend_bytes_out"].as_u64() > Some(0), "{line}");
    assert!(record.get("tls_us").is_none() && record.get("tls_version").is_none(), "{line}");
}

#[test]
fn records_of_protobuf_are_read_with_the_schema() {
    let Some(mut python) = python("google.protobuf") else { return };
    let backend = Backend::start();
    let proxy = proxy(&backend, |file| {
        format!("access_logs_format = \"protobuf\"\naccess_logs_target = \"{}\"", file("records"))
    });
    for path in ["/one", "/two"] {
        fetch(&proxy, path, "User-Agent: tested\r\nCookie: secret\r\nAuthorization: secret\r\n");
    }
    let records = proxy.config.in_directory("records");
    let bytes = || fs::read(&records).unwrap_or_default();
    let has = |text: &[u8]| bytes().windows(text.len()).any(|part| part == text);
    eventually("both are written", || has(b"/one") && has(b"/two") && bytes().ends_with(b"\0\0"));
    assert!(!has(b"secret"));
    let schema = proxy.config.in_directory("schema");
    fs::write(&schema, weir_client::proto::SCHEMA).expect("written");
    let output = run(python.arg(script("access_records.py")).args([schema, records]));
    let read: Vec<Value> = text(&output.stdout).lines().map(json).collect();
    assert_eq!(read.len(), 2);
    for (record, path) in read.iter().zip(["/one", "/two"]) {
        let http = &record["endpoint"]["http"];
        assert_eq!((&http["path"], &http["status"]), (&path.into(), &200.into()), "{record}");
        assert_eq!((&record["cluster_id"], &record["protocol"]), (&"app".into(), &"http".into()));
        assert_eq!(
            (&record["user_agent"], &record["tags"]["owner"]),
            (&"tested".into(), &"team".into())
        );
    }
}

#[test]
fn a_layout_is_used_for_a_sample() {
    let backend = Backend::start();
    let proxy = proxy(&backend, |file| {
        format!(
            "access_logs_template = '{{status}} \"{{user_agent}}\"'\naccess_logs_sampling = 2\n\
             access_logs_target = \"{}\"",
            file("records")
        )
    });
    for agent in ["a b", "skipped", "c"] {
        fetch(&proxy, "/quiet", "");
        fetch(&proxy, "/", &format!("User-Agent: {agent}\r\n"));
    }
    let lines = lines(&proxy.config.in_directory("records"), 2);
    assert_eq!(lines, ["200 \"a b\"", "200 \"c\""]);
}

#[test]
fn every_request_of_the_control_socket_is_audited() {
    let backend = Backend::start();
    let proxy = proxy(&backend, |file| {
        format!(
            "audit_logs_target = \"{}\"\naudit_logs_json_target = \"{}\"",
            file("audit"),
            file("audit.json")
        )
    });
    good(&proxy, &["cluster", "add", "--id", "late", "--load-balancing-policy", "random"]);
    bad(&proxy, &["logging", "loud"]);
    good(&proxy, &["metrics", "get", "--no-clusters"]);
    let objects = lines(&proxy.config.in_directory("audit.json"), 3);
    let objects: Vec<Value> = objects.iter().map(|line| json(line)).collect();
    let added = objects.iter().find(|object| object["target"] == "cluster late").expect("there");
    assert_eq!((&added["verb"], &added["result"]), (&"AddCluster".into(), &"ok".into()));
    assert_eq!((&added["cluster_id"], &added["actor"]["comm"]), (&"late".into(), &"weir".into()));
    assert!(added["epoch"].as_u64() > Some(1) && added["connect_ts"].is_string(), "{added}");
    for number in ["uid", "gid", "pid"] {
        assert!(added["actor"][number].is_u64(), "{number}: {added}");
    }
    let all = serde_json::json!({
        "status": "ok", "workers_ok": 1, "workers_err": 0, "workers_expected": 1,
    });
    assert_eq!(added["extras"]["fanout"], all);
    assert_eq!(added["extras"]["request_sha256"].as_str().map(str::len), Some(16), "{added}");
    let refused = objects.iter().find(|object| object["verb"] == "Logging").expect("there");
    assert_eq!((&refused["result"], &refused["target"]), (&"err".into(), &"loud".into()));
    let code = |object: &Value| object["extras"]["error_code"].as_str().map(str::to_owned);
    assert_eq!(refused["extras"]["fanout"], serde_json::json!({ "status": "local_only" }));
    assert_eq!(code(refused).as_deref(), Some("invalid_input"));
    let asked = objects.iter().find(|object| object["verb"] == "QueryMetrics").expect("there");
    assert_eq!(asked["extras"]["fanout"], all);
    let lines = lines(&proxy.config.in_directory("audit"), objects.len());
    assert!(lines.iter().any(|line| line.starts_with("[- - late -]\tAUDIT\tCommand(ts=")));
}

#[test]
fn files_that_were_moved_away_are_let_go_by_command_and_on_a_signal() {
    let backend = Backend::start();
    let proxy = proxy(&backend, |file| {
        format!(
            "access_logs_target = \"{}\"\naudit_logs_target = \"{}\"",
            file("records"),
            file("audit")
        )
    });
    let at = |name: &str| proxy.config.in_directory(name);
    let reopen: [&dyn Fn(); 2] =
        [&|| drop(good(&proxy, &["logging", "--reopen"])), &|| proxy.main.signal(Signal::USR1)];
    for reopen in reopen {
        fetch(&proxy, "/before", "");
        good(&proxy, &["status"]);
        for name in ["records", "audit"] {
            lines(&at(name), 1);
            fs::rename(at(name), at("away")).expect("moved");
        }
        reopen();
        eventually("both are made anew", || at("records").exists() && at("audit").exists());
        // Of a signal nobody says when it was followed.
        eventually("what comes then is in the new one", || {
            fetch(&proxy, "/after", "");
            fs::read_to_string(at("records")).unwrap_or_default().contains(" /after ")
        });
    }
}

#[test]
fn lines_have_colours_on_a_terminal_and_nowhere_else() {
    let Some(mut python) = tool("python3", "python3") else { return };
    let text =
        "max_connections = 10\n[[listeners]]\nprotocol = \"http\"\naddress = \"127.0.0.1:0\"\n";
    let config = Config::new(text);
    python.arg(script("terminal.py")).arg(env!("CARGO_BIN_EXE_weir"));
    let seen = run(python.args(["start", "-c"]).arg(config.path())).stdout;
    let seen = process_support::tools::text(&seen);
    assert!(seen.contains("\u{1b}[") && seen.contains("all workers are ready"), "{seen}");
    let mut elsewhere = Proxy::start(config, &[]);
    assert_eq!(elsewhere.main.count("\u{1b}["), 0);
}

#[test]
fn modules_are_filtered_while_main_and_workers_run() {
    let backend = Backend::start();
    let mut proxy = proxy(&backend, |file| format!("access_logs_target = \"{}\"", file("records")));
    let records = proxy.config.in_directory("records");
    let seen = |what: &str| fs::read_to_string(&records).unwrap_or_default().contains(what);
    // What main says of the signal is of the module `weir_main::stop`.
    let ask = |proxy: &Proxy, target: &str| {
        fetch(proxy, target, "");
        proxy.main.signal(Signal::HUP);
    };
    ask(&proxy, "/first");
    eventually("a record", || seen("/first"));
    proxy.main.until_count("SIGHUP", 1);
    good(&proxy, &["logging", "info,access=off,weir_main::stop=error"]);
    ask(&proxy, "/second");
    // One that starts now has the same filter.
    let before = pids(&proxy);
    before.iter().for_each(|pid| send_signal(*pid, Signal::KILL));
    eventually("another serves", || {
        let now = pids(&proxy);
        now.len() == 1 && now != before && now[0] > 0
    });
    ask(&proxy, "/third");
    good(&proxy, &["logging", "error,access=info,weir_main::stop=info"]);
    ask(&proxy, "/fourth");
    eventually("a record", || seen("/fourth"));
    proxy.main.until_count("SIGHUP", 2);
    assert!(!seen("/second") && !seen("/third"));
    assert_eq!(proxy.main.count("SIGHUP"), 2);
    bad(&proxy, &["logging", "info,access=loud"]);
}

/// Starts socat, which prints what comes to an address, and waits until it can; what it says then.
fn socat(address: &str, ready: &str) -> (Process, String) {
    let mut command = tool("socat", "socat").expect("it was there");
    let mut socat = Process::spawn(command.args(["-d", "-d", "-u", address, "STDOUT"]));
    let line = socat.line_with(ready);
    (socat, line)
}

/// Starts one for a kind of target, and the target to name.
fn collector(kind: &str, path: &str) -> (Process, String) {
    let begun = "starting data transfer";
    match kind {
        "unix-stream" => {
            let (socat, _) = socat(&format!("UNIX-LISTEN:{path},fork"), "listening on");
            (socat, format!("{kind}://{path}"))
        }
        "unix" => (socat(&format!("UNIX-RECV:{path}"), begun).0, format!("{kind}://{path}")),
        "udp" => {
            let free = UdpSocket::bind("127.0.0.1:0").and_then(|free| free.local_addr());
            let free = free.expect("an address");
            let listens = format!("UDP-RECV:{},bind={}", free.port(), free.ip());
            (socat(&listens, begun).0, format!("{kind}://{free}"))
        }
        _ => {
            let (socat, line) = socat("TCP-LISTEN:0,bind=127.0.0.1,fork", "listening on");
            let address = line.rsplit(' ').next().expect("the address comes last");
            (socat, format!("{kind}://{address}"))
        }
    }
}

/// Main is connected, too, and each connection has a process.
fn all_of(socat: &Process) -> Vec<i32> {
    socat.children().into_iter().chain([socat.pid()]).collect()
}

#[test]
fn what_a_sleeping_collector_loses_is_counted_and_told_when_it_wakes() {
    if tool("socat", "socat").is_none() {
        return;
    }
    let backend = Backend::start();
    let mut sink = None;
    let proxy = proxy(&backend, |file| {
        let path = file("sink");
        let (socat, target) = collector("unix-stream", path.trim_start_matches("file://"));
        sink = Some(socat);
        format!("access_logs_target = \"{target}\"")
    });
    let mut sink = sink.expect("started");
    fetch(&proxy, "/awake", "");
    sink.line_with("/awake");
    let asleep = all_of(&sink);
    asleep.iter().for_each(|pid| send_signal(*pid, Signal::STOP));
    let lost = || {
        let asked = good(&proxy, &["metrics", "get", "--json", "--names", "unsent-access-logs"]);
        json(&asked)["proxying"]["unsent-access-logs"]["inner"]["COUNT"].as_u64()
    };
    // More than a socket and the memory for lines hold together.
    let long = format!("/{}", "x".repeat(4_000));
    eventually("records are lost", || {
        (0..100).for_each(|_| fetch(&proxy, &long, ""));
        lost().is_some()
    });
    let lost = lost().expect("some");
    asleep.iter().for_each(|pid| send_signal(*pid, Signal::CONT));
    let told = sink.line_with("lines were dropped");
    assert!(told.contains(&format!("\t{lost} lines were dropped")), "{lost}: {told}");
    fetch(&proxy, "/again", "");
    sink.line_with("/again");
}

#[test]
fn records_reach_collectors_of_every_kind_and_wait_for_one_that_sleeps() {
    if tool("socat", "socat").is_none() {
        return;
    }
    for kind in ["unix-stream", "unix", "tcp", "udp"] {
        let backend = Backend::start();
        let mut sink = None;
        let proxy = proxy(&backend, |file| {
            let (socat, target) = collector(kind, file("sink").trim_start_matches("file://"));
            sink = Some(socat);
            format!("access_logs_target = \"{target}\"")
        });
        let mut sink = sink.expect("started");
        fetch(&proxy, "/awake", "");
        sink.line_with("/awake");
        let asleep = all_of(&sink);
        asleep.iter().for_each(|pid| send_signal(*pid, Signal::STOP));
        for number in 0..20 {
            fetch(&proxy, &format!("/asleep-{number}."), "");
        }
        asleep.iter().for_each(|pid| send_signal(*pid, Signal::CONT));
        for number in 0..20 {
            sink.line_with(&format!("/asleep-{number}."));
        }
    }
}
