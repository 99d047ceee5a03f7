//! Requests are looked at while they end, without touching the logs.

#[allow(dead_code, reason = "shared by several test programs, each of which uses a part")]
mod process_support;

use std::io::{Read, Write};
use std::process::Stdio;

use process_support::control::{bad, good, json};
use process_support::held::until_idle;
use process_support::installed::Installed;
use process_support::{connect, fetch_from, weir};
use serde_json::Value;
use weir_client::proto::{Tap, Tapped};
use weir_client::{Client, Following, Options};
use weir_testkit::process::{PATIENCE, eventually};
use weir_testkit::resources::open_files;

fn tap(installed: &Installed, wanted: Tap) -> Following<Tapped> {
    let options = Options { timeout: Some(PATIENCE), max_frame_bytes: 100_000 };
    let socket = installed.proxy.config.in_directory("control.sock");
    let client = Client::connect(&socket, options).expect("connected");
    let taps = client.tap(wanted).expect("sent");
    // Main has told the workers, and they have heard it, when this is answered.
    good(&installed.proxy, &["drift"]);
    taps
}

fn json_tap() -> Tap {
    Tap { json: Some(true), ..Tap::default() }
}

/// The next records, at least so many.
fn records(taps: &mut Following<Tapped>, count: usize) -> Vec<Value> {
    let mut records = Vec::new();
    while records.len() < count {
        let tapped = taps.next().expect("more").expect("told");
        records.extend(tapped.records.iter().map(|record| json(record)));
    }
    records
}

fn get(installed: &Installed, host: &str, target: &str) {
    fetch_from(installed.proxy.address, host, target);
}

#[test]
fn requests_are_told_as_they_end_to_whoever_wants_them() {
    let installed = Installed::start();
    installed.backend.let_go();
    let texts = |list: &[&str]| list.iter().map(|text| (*text).to_owned()).collect();
    let mut all = tap(&installed, json_tap());
    let mut failures = tap(&installed, Tap { statuses: texts(&["4xx"]), ..json_tap() });
    let mut hosts = tap(&installed, Tap { hosts: texts(&["*.example"]), ..json_tap() });
    let elsewhere = Tap { clients: texts(&["10.0.0.0/8"]), ..json_tap() };
    let mut cluster = tap(&installed, Tap { clusters: texts(&["first"]), ..elsewhere });
    get(&installed, "traffic.example", "/one");
    get(&installed, "nobody.test", "/two");
    let found = records(&mut all, 2);
    let paths: Vec<_> =
        found.iter().map(|record| record["path"].as_str().expect("a path")).collect();
    assert!(paths.contains(&"/one") && paths.contains(&"/two"), "{found:?}");
    let missing = records(&mut failures, 1).remove(0);
    assert_eq!((&missing["path"], &missing["status"]), (&"/two".into(), &404.into()));
    assert_eq!(records(&mut hosts, 1)[0]["path"], "/one");
    let socket = installed.proxy.config.in_directory("control.sock");
    assert!(socket.exists());
    // It has seen nothing: what comes is the end.
    drop(installed);
    assert!(cluster.next().is_none_or(|told| told.is_err()));
}

#[test]
fn the_command_prints_lines_and_ends_after_as_many_as_it_should() {
    let installed = Installed::start();
    installed.backend.let_go();
    let sentence = bad(&installed.proxy, &["tap", "--status", "fine"]);
    assert!(sentence.contains("`fine` is no status"), "{sentence}");
    let mut command = weir();
    command.args(["tap", "-n", "2", "--host", "traffic.example", "-c"]);
    command.arg(installed.proxy.config.path());
    let mut tapping = command.stdout(Stdio::piped()).spawn().expect("it runs");
    let mut out = tapping.stdout.take().expect("piped");
    let reader = std::thread::spawn(move || {
        let mut text = String::new();
        out.read_to_string(&mut text).expect("text");
        text
    });
    eventually("it has ended", || {
        get(&installed, "traffic.example", "/line");
        reader.is_finished()
    });
    assert!(tapping.wait().expect("ended").success());
    let text = reader.join().expect("no panic");
    assert_eq!(text.lines().count(), 2, "{text}");
    assert!(text.lines().all(|line| line.contains("INFO-ACCESS  WRK-")), "{text}");
    assert!(text.lines().all(|line| line.contains("traffic.example GET /line 200")), "{text}");
}

#[test]
fn what_is_too_much_is_counted() {
    let installed = Installed::start();
    installed.backend.let_go();
    let mut taps = tap(&installed, Tap { rate: Some(2), ..json_tap() });
    for _ in 0..40 {
        get(&installed, "traffic.example", "/");
    }
    let (mut told, mut left_out) = (0, 0);
    while told + left_out < 40 {
        let tapped = taps.next().expect("more").expect("told");
        told += tapped.records.len() as u64;
        left_out += tapped.left_out;
    }
    assert_eq!(told + left_out, 40);
    assert!(told >= 2 && left_out > 0, "{told} told, {left_out} left out");
}

#[test]
fn a_client_that_does_not_read_loses_records_and_nothing_else() {
    const REQUESTS: usize = 3_000;
    let installed = Installed::start();
    installed.backend.let_go();
    let mut taps = tap(&installed, Tap { rate: Some(10_000), ..json_tap() });
    let mut stream = connect(installed.proxy.address);
    let target = format!("/{}", "x".repeat(2_000));
    let request = format!("GET {target} HTTP/1.1\r\nHost: traffic.example\r\n\r\n");
    let ending = format!("\r\n\r\n{target}");
    for _ in 0..REQUESTS {
        stream.write_all(request.as_bytes()).expect("sent");
        let (mut text, mut bytes) = (Vec::new(), [0; 8192]);
        while !text.ends_with(ending.as_bytes()) {
            let count = stream.read(&mut bytes).expect("an answer, whoever looks");
            assert!(count > 0, "it ended");
            text.extend_from_slice(&bytes[..count]);
        }
    }
    good(&installed.proxy, &["status"]);
    let (mut told, mut lost) = (0, 0);
    while told + lost < REQUESTS {
        let tapped = taps.next().expect("more").expect("told");
        told += tapped.records.len();
        lost += (tapped.lost + tapped.left_out) as usize;
        // What was lost is told with the next record.
        get(&installed, "traffic.example", "/more");
        if tapped.lost > 0 {
            break;
        }
    }
    assert!(lost > 0 && told > 0, "{told} told, {lost} lost");
}

#[test]
fn a_tap_ends_with_its_client_and_goes_on_over_upgrades() {
    let installed = Installed::start();
    installed.backend.let_go();
    let main = installed.proxy.main.pid();
    let settled = || {
        until_idle(main);
        open_files(main)
    };
    let before = settled();
    let mut taps = tap(&installed, json_tap());
    assert!(settled() > before);
    let upgraded = |words: &[&str]| good(&installed.proxy, &[&["-t", "60000"], words].concat());
    upgraded(&["upgrade"]);
    get(&installed, "traffic.example", "/after");
    let mut found = records(&mut taps, 1);
    while !found.iter().any(|record| record["path"] == "/after") {
        found = records(&mut taps, 1);
    }
    drop(taps);
    eventually("main has let go of it", || settled() <= before);
    get(&installed, "traffic.example", "/later");
    let mut others: Vec<_> = (0..16).map(|_| tap(&installed, json_tap())).collect();
    let refused = tap(&installed, json_tap()).next().expect("an answer");
    assert!(refused.expect_err("too many").to_string().contains("16 clients"));
    others.clear();
    eventually("there is room again", || {
        let mut taps = tap(&installed, json_tap());
        get(&installed, "traffic.example", "/last");
        taps.next().is_some_and(|told| told.is_ok())
    });
}
