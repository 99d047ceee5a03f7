//! `weir demo`: what somebody sees who tries it for the first time.

#[allow(dead_code, reason = "shared by several test programs, each of which uses a part")]
mod process_support;

use std::net::TcpListener;

use process_support::{fetch, listening, weir};
use weir_testkit::process::{Process, Signal, is_running};

#[test]
fn both_backends_answer_and_ctrl_c_ends_everything() {
    let mut demo = Process::spawn(weir().args(["demo", "--port", "0"]));
    let address = listening(&mut demo);
    demo.line_with(&format!("curl http://{address}"));
    let answers: Vec<String> = (0..20).map(|_| fetch(address, "/hello?x=1")).collect();
    for name in ["blue", "green"] {
        let part = format!("backend {name} on 127.0.0.1:");
        assert!(answers.iter().any(|answer| answer.contains(&part)), "{}", answers[0]);
    }
    assert!(answers.iter().all(|answer| answer.contains("GET /hello?x=1 HTTP/1.1")));
    let workers = demo.children();
    assert_eq!(workers.len(), 2);
    demo.signal(Signal::INT);
    assert_eq!(demo.wait().code(), Some(0));
    assert!(!workers.into_iter().any(is_running));
}

#[test]
fn a_port_that_is_taken_comes_with_advice() {
    let taken = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let port = taken.local_addr().expect("bound").port().to_string();
    let mut demo = Process::spawn(weir().args(["demo", "--port", &port]));
    let line = demo.line_with("is in use");
    assert!(line.contains(&port) && line.contains("--port"), "{line}");
    assert_eq!(demo.wait().code(), Some(1));
}
