//! The limits hold. Driven to them from every side, a worker stays below the memory that
//! `weir check` prints, says once that a limit is reached and once that it is over, does not
//! spin, and serves again as soon as there is room.

#[allow(dead_code, reason = "shared by several test programs, each of which uses a part")]
mod process_support;

use std::io::Write;
use std::thread;

use process_support::connect;
use process_support::crowd::{Crowd, response};
use process_support::pushed::{CONNECTIONS, Pushed, get};

/// Client connections in the tests that exceed `max_connections`.
const TOO_MANY: usize = CONNECTIONS + 40;

const SHUT: &str = "no new connections are accepted";
const OPENED: &str = "connections are accepted again";
const STARVED: &str = "all of max_buffers are in use";
const FED: &str = "buffers are free again";

/// Bytes that a client sends at most: more than the kernel keeps for a backend that does not read.
const UPLOAD: usize = 4 << 20;

/// Each has been answered and keeps its connection.
fn idle(pushed: &Pushed, count: usize) -> Crowd {
    let mut crowd = pushed.connect(count);
    crowd.each(|stream| {
        stream.write_all(&get("/idle")).expect("sent");
        assert_eq!(response(stream).1, b"/idle");
    });
    crowd
}

/// Each is in the middle of a head.
fn heads(pushed: &Pushed, count: usize) -> Crowd {
    let mut crowd = pushed.connect(count);
    let filler = "f".repeat(16_000);
    crowd.say(format!("GET / HTTP/1.1\r\nHost: a\r\nX-Filler: {filler}").as_bytes());
    crowd
}

/// Each sends a body that the backend does not read.
fn uploads(pushed: &Pushed, count: usize) -> Crowd {
    let mut crowd = pushed.connect(count);
    let mut counted = crowd.split_off(count / 2);
    let head = "POST /deaf HTTP/1.1\r\nHost: a\r\n";
    crowd.say(format!("{head}Transfer-Encoding: chunked\r\n\r\n").as_bytes());
    counted.say(format!("{head}Content-Length: {}\r\n\r\n", u32::MAX).as_bytes());
    let chunk = format!("400\r\n{}\r\n", "c".repeat(0x400));
    crowd.pour(&chunk.repeat(16).into_bytes(), UPLOAD);
    counted.pour(&[b'u'; 16 << 10], UPLOAD);
    crowd.join(counted);
    crowd
}

/// Each is sent a body that it does not read.
fn downloads(pushed: &Pushed, count: usize) -> Crowd {
    let mut crowd = pushed.connect(count);
    let mut counted = crowd.split_off(count / 2);
    crowd.say(&get("/large/chunked"));
    counted.say(&get("/large"));
    crowd.join(counted);
    crowd
}

/// Each has sent many requests at once and reads no answer.
fn pipelined(pushed: &Pushed, count: usize) -> Crowd {
    let mut crowd = pushed.connect(count);
    crowd.pour(&get("/page"), 200 * get("/page").len());
    crowd
}

#[test]
fn as_many_idle_connections_as_there_may_be() {
    let mut pushed = Pushed::start();
    let mut clients = idle(&pushed, CONNECTIONS);
    let mut waiting = pushed.connect(TOO_MANY - CONNECTIONS);
    pushed.proxy.main.line_with(SHUT);
    pushed.measure("idle");
    pushed.rests("idle");
    // Those inside are served while others wait.
    clients.each(|stream| {
        stream.write_all(&get("/served")).expect("sent");
        assert_eq!(response(stream).1, b"/served");
    });
    drop(clients);
    waiting.say(&get("/late"));
    waiting.each(|stream| assert_eq!(response(stream).1, b"/late"));
    pushed.proxy.main.line_with(OPENED);
    pushed.serves("idle");
    let main = &mut pushed.proxy.main;
    assert_eq!((main.count(SHUT), main.count(OPENED), main.count(STARVED)), (1, 1, 0));
}

/// Twice, so that what the first time leaves behind would be seen.
fn endures_twice(what: &str, load: fn(&Pushed, usize) -> Crowd) {
    let mut pushed = Pushed::start();
    for round in 1..=2 {
        pushed.backend.hold();
        let clients = load(&pushed, CONNECTIONS - 2);
        pushed.proxy.main.until_count(STARVED, round);
        pushed.endure(what, clients);
        pushed.proxy.main.until_count(FED, round);
        assert_eq!(pushed.proxy.main.count(STARVED), round, "{what}");
    }
}

#[test]
fn everybody_in_the_middle_of_a_head() {
    endures_twice("heads", heads);
}

#[test]
fn everybody_uploads_to_a_backend_that_does_not_read() {
    endures_twice("uploads", uploads);
}

#[test]
fn everybody_downloads_and_does_not_read() {
    endures_twice("downloads", downloads);
}

#[test]
fn everybody_pipelines_and_does_not_read() {
    endures_twice("pipelined requests", pipelined);
}

#[test]
fn every_limit_at_once() {
    let mut pushed = Pushed::start();
    let mut clients = idle(&pushed, 30);
    for load in [uploads, downloads, pipelined, heads] {
        clients.join(load(&pushed, 42));
    }
    let waiting = pushed.connect(20);
    pushed.proxy.main.line_with(SHUT);
    clients.join(waiting);
    pushed.endure("everything", clients);
    let main = &mut pushed.proxy.main;
    main.until_count(OPENED, 1);
    main.until_count(FED, 1);
    assert_eq!((main.count(SHUT), main.count(OPENED)), (1, 1));
    assert_eq!((main.count(STARVED), main.count(FED)), (1, 1));
}

#[test]
fn a_client_that_pipelined_more_than_fits_gets_every_answer_in_order() {
    let pushed = Pushed::start();
    let requests: Vec<u8> = (0..5_000).flat_map(|n| get(&format!("/{n}"))).collect();
    let mut stream = connect(pushed.proxy.address);
    let mut writer = stream.try_clone().expect("a second handle");
    let sender = thread::spawn(move || writer.write_all(&requests));
    for n in 0..5_000 {
        assert_eq!(response(&mut stream).1, format!("/{n}").into_bytes());
    }
    sender.join().expect("no panic").expect("all are taken in the end");
}
