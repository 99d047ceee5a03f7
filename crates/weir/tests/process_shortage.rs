//! What is scarce besides connections and buffers: descriptors, timers, places of idle backend
//! connections, a log target that takes nothing. None of it costs more than it must, and all of it
//! is over when the shortage is.

#[allow(dead_code, reason = "shared by several test programs, each of which uses a part")]
mod process_support;

use std::io::{Read, Write};
use std::net::Ipv4Addr;
use std::os::unix::net::UnixDatagram;

use process_support::crowd::response;
use process_support::pushed::{BUFFERS, CONNECTIONS, Pushed, get};
use process_support::{Config, connect, fetch, listening, weir};
use weir_testkit::process::{PATIENCE, Process, eventually};
use weir_testkit::resources::{limit_open_files, open_files};

const SHUT: &str = "no new connections are accepted: no file descriptor is left";
const FULL: &str = "no new connections are accepted: max_connections";
const OPENED: &str = "connections are accepted again";

#[test]
fn without_descriptors_nothing_is_accepted_until_there_are_some() {
    let mut pushed = Pushed::start();
    let mut served = connect(pushed.proxy.address);
    served.write_all(&get("/before")).expect("sent");
    assert_eq!(response(&mut served).1, b"/before");
    let before = limit_open_files(pushed.worker, open_files(pushed.worker) + 5);
    let mut clients = pushed.connect(30);
    clients.say(&get("/waited"));
    pushed.proxy.main.line_with(SHUT);
    pushed.measure("no descriptor");
    pushed.rests("no descriptor");
    // Who has a connection, to a backend as well, is served on.
    served.write_all(&get("/meanwhile")).expect("sent");
    assert_eq!(response(&mut served).1, b"/meanwhile");
    limit_open_files(pushed.worker, before);
    clients.each(|stream| assert!(response(stream).0.starts_with("HTTP/1.1 ")));
    pushed.proxy.main.line_with(OPENED);
    pushed.serves("no descriptor");
    let main = &mut pushed.proxy.main;
    assert_eq!((main.count(SHUT), main.count(OPENED)), (1, 1));
    assert_eq!(main.count("accepting a connection failed"), 0);
}

#[test]
fn connections_that_come_and_go_leave_no_client_without_a_deadline() {
    // Patient with the many that come and go, impatient with the one that trickles.
    let config = Config::new(
        r#"
worker_count = 1
max_connections = 20

[[listeners]]
protocol = "http"
address = "127.0.0.1:0"
request_timeout = 1

[[listeners]]
protocol = "http"
address = "127.0.0.2:0"
request_timeout = 3600

[clusters.nobody]
protocol = "http"
frontends = [{ address = "127.0.0.1:0", hostname = "*" }]
backends = [{ address = "127.0.0.1:1" }]
"#,
    );
    let mut main = Process::spawn(weir().arg("start").arg("-c").arg(config.path()));
    let addresses = [listening(&mut main), listening(&mut main)];
    main.line_with("all workers are ready");
    let at = |ip| *addresses.iter().find(|a| a.ip() == Ipv4Addr::from(ip)).expect("both listen");
    // Far more than there is room for at once.
    for _ in 0..1000 {
        assert!(fetch(at([127, 0, 0, 2]), "/").starts_with("HTTP/1.1 404 "));
    }
    let mut trickling = connect(at([127, 0, 0, 1]));
    trickling.write_all(b"GET / HTTP/1.1\r\n").expect("sent");
    let mut answer = String::new();
    trickling.read_to_string(&mut answer).expect("an answer in time, then the end");
    assert!(answer.starts_with("HTTP/1.1 408 "), "{answer}");
}

#[test]
fn clients_that_give_up_while_they_wait_for_a_buffer_make_room() {
    let mut pushed = Pushed::start();
    let mut holding = pushed.connect(BUFFERS / 2);
    holding.say(b"GET / HTTP/1.1\r\n");
    for _ in 0..3 {
        let mut waiting = pushed.connect(CONNECTIONS - BUFFERS / 2 + 1);
        waiting.say(b"G");
        pushed.proxy.main.line_with(FULL);
        waiting.reset();
        pushed.proxy.main.line_with(OPENED);
    }
    drop(holding);
    pushed.serves("resets");
}

#[test]
fn a_log_target_that_is_not_read_costs_lines_and_nothing_else() {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("log.sock");
    let collector = UnixDatagram::bind(&path).expect("bound");
    let pushed = Pushed::with(BUFFERS, &format!("unix://{}", path.display()));
    // Three times what may wait, and each line has its target.
    let target = format!("/{}", "t".repeat(4_000));
    let mut client = connect(pushed.proxy.address);
    for _ in 0..3 * (1 << 20) / target.len() {
        client.write_all(&get(&target)).expect("sent");
        assert_eq!(response(&mut client).1.len(), target.len());
    }
    pushed.measure("a full log");
    pushed.rests("a full log");
    pushed.serves("a full log");
    // When it is read, it is written again, and what is lost is told.
    collector.set_read_timeout(Some(PATIENCE)).expect("set");
    let mut line = [0; 1 << 16];
    for part in [&target[..], "lines were dropped because the sink is slow"] {
        let mut read = || {
            let length = collector.recv(&mut line).expect("a line");
            String::from_utf8_lossy(&line[..length]).into_owned()
        };
        while !read().contains(part) {}
    }
}

#[test]
fn idle_connections_to_backends_are_bounded_reused_and_cost_no_buffer() {
    let pushed = Pushed::with(2 * CONNECTIONS, "file:///dev/null");
    let files = open_files(pushed.worker);
    for _ in 0..2 {
        pushed.backend.hold();
        let mut clients = pushed.connect(CONNECTIONS);
        clients.say(&get("/held"));
        pushed.backend.until_waiting(CONNECTIONS);
        pushed.measure("as many backend connections as clients");
        pushed.backend.let_go();
        clients.each(|stream| assert_eq!(response(stream).1, b"/held"));
        drop(clients);
        eventually("only backend connections are left", || {
            open_files(pushed.worker) <= files + CONNECTIONS as u64
        });
        pushed.measure("idle backend connections");
        pushed.rests("idle backend connections");
        pushed.serves("idle backend connections");
    }
    assert_eq!(pushed.backend.connections(), CONNECTIONS, "the second time they are reused");
}
