//! Live sessions, asked of a running proxy: those of all workers, by names that they keep.

#[allow(dead_code, reason = "shared by several test programs, each of which uses a part")]
mod process_support;

use std::io::{Read, Write};
use std::net::TcpStream;

use process_support::connect;
use process_support::control::{bad, good, json};
use process_support::installed::Installed;
use serde_json::Value;
use weir_client::proto::CloseSessions;
use weir_client::proto::request::RequestType;
use weir_client::proto::response_content::ContentType;
use weir_client::{Client, Options};
use weir_testkit::process::{PATIENCE, eventually};

const REQUEST: &[u8] = b"GET / HTTP/1.1\r\nHost: traffic.example\r\n\r\n";

/// A connection that has brought a request and had its answer.
fn served(installed: &Installed) -> TcpStream {
    let mut stream = connect(installed.proxy.address);
    stream.write_all(REQUEST).expect("sent");
    let mut text = Vec::new();
    while !text.ends_with(b"\r\n\r\n/") {
        let mut bytes = [0; 4096];
        let count = stream.read(&mut bytes).expect("an answer");
        assert!(count > 0, "it ended");
        text.extend_from_slice(&bytes[..count]);
    }
    stream
}

fn listed(installed: &Installed, words: &[&str]) -> Vec<Value> {
    let words = [&["session", "list", "--json"][..], words].concat();
    let list = json(&good(&installed.proxy, &words));
    list["sessions"].as_array().expect("a list").clone()
}

fn texts(sessions: &[Value], key: &str) -> Vec<String> {
    sessions.iter().map(|session| session[key].to_string()).collect()
}

#[test]
fn sessions_of_all_workers_are_one_list_and_keep_their_names() {
    let installed = Installed::start();
    installed.backend.let_go();
    let clients: Vec<_> = (0..12).map(|_| served(&installed)).collect();
    let before = listed(&installed, &["--state", "idle"]);
    assert_eq!(before.len(), clients.len());
    let of = |worker: &str| listed(&installed, &["--worker", worker]).len();
    assert_eq!(of("0") + of("1"), clients.len());
    let id = before[0]["id"].as_str().expect("a name").to_owned();
    let shown = good(&installed.proxy, &["session", "show", &id]);
    assert!(shown.contains("front_timeout") && shown.contains(&id), "{shown}");
    let table = good(&installed.proxy, &["session", "list", "-n", "2"]);
    assert!(table.starts_with("Success: 2 of 12 sessions\n"), "{table}");

    good(&installed.proxy, &["upgrade", "--worker", "0"]);
    good(&installed.proxy, &["upgrade", "--worker", "1"]);
    let after = listed(&installed, &[]);
    let sorted = |list: &[Value]| {
        let mut names = texts(list, "id");
        names.sort();
        names
    };
    assert_eq!(sorted(&before), sorted(&after), "they went to other processes");
    assert!(texts(&after, "pid").iter().all(|pid| !texts(&before, "pid").contains(pid)));

    good(&installed.proxy, &["session", "close", &id]);
    let sentence = bad(&installed.proxy, &["session", "show", &id]);
    assert!(sentence.contains("there is no such session"), "{sentence}");
    assert_eq!(listed(&installed, &[]).len(), clients.len() - 1);
}

#[test]
fn only_those_are_ended_that_are_meant() {
    let installed = Installed::start();
    installed.backend.let_go();
    let mut clients: Vec<_> = (0..4).map(|_| served(&installed)).collect();
    let sentence = bad(&installed.proxy, &["session", "close"]);
    assert!(sentence.contains("--all"), "{sentence}");
    let sentence = bad(&installed.proxy, &["session", "list", "--state", "asleep"]);
    assert!(sentence.contains("no session is ever `asleep`"), "{sentence}");
    let sentence = bad(&installed.proxy, &["session", "list", "--client", "10.0.0.1/8"]);
    assert!(sentence.contains("write 10.0.0.0/8"), "{sentence}");
    let told = good(&installed.proxy, &["session", "close", "--client", "10.0.0.0/8"]);
    assert!(told.starts_with("Success: 0 sessions ended"), "{told}");
    clients[0].write_all(REQUEST).expect("sent");
    assert_eq!(clients[0].read(&mut [0; 1]).expect("an answer"), 1, "it goes on");
    let told = good(&installed.proxy, &["session", "close", "--all"]);
    assert!(told.contains("4 sessions ended"), "{told}");
    for mut client in clients {
        let mut rest = Vec::new();
        client.read_to_end(&mut rest).expect("the end");
    }
    let metrics = good(&installed.proxy, &["metrics", "get", "-n", "sessions.dismissed"]);
    assert!(metrics.contains('4'), "{metrics}");
}

#[test]
fn a_request_in_progress_is_listed_and_ended_even_by_a_worker_that_finishes() {
    let installed = Installed::start();
    let mut client = connect(installed.proxy.address);
    client.write_all(b"GET /held HTTP/1.1\r\nHost: traffic.example\r\n\r\n").expect("sent");
    installed.backend.until_waiting(1);
    eventually("it waits", || listed(&installed, &["-s", "waiting"]).len() == 1);
    let before = listed(&installed, &["-k", "first"]).remove(0);
    assert_eq!(before["request"], "GET traffic.example/held");
    assert_eq!(before["waits_for"], "back_timeout");
    let worker = before["worker"].to_string();
    let options = Options { timeout: Some(PATIENCE), max_frame_bytes: 100_000 };
    let socket = installed.proxy.config.in_directory("control.sock");
    let open = || Client::connect(&socket, options).expect("connected");
    let (mut upgrading, id) = (open(), worker.parse().expect("a number"));
    let replaced = std::thread::spawn(move || {
        upgrading.request(RequestType::UpgradeWorker(id)).map(|answer| answer.message)
    });
    eventually("the worker finishes", || {
        good(&installed.proxy, &["status"]).to_uppercase().contains("STOPPING")
    });
    let found = listed(&installed, &["-s", "waiting"]);
    assert_eq!(found[0]["pid"], before["pid"], "it is where it was");
    let wanted = CloseSessions { cluster_id: "first".into(), ..CloseSessions::default() };
    let answer = open().request(RequestType::CloseSessions(wanted)).expect("it is done");
    let Some(ContentType::ClosedSessions(closed)) = answer.content else { panic!("{answer:?}") };
    assert_eq!((closed.closed, closed.draining), (0, 1), "it is answered first");
    let mut text = String::new();
    client.read_to_string(&mut text).expect("an answer, then the end");
    assert!(text.starts_with("HTTP/1.1 503 "), "{text}");
    let told = replaced.join().expect("no panic").expect("replaced");
    assert!(told.contains("has finished"), "{told}");
}
