//! The life of the proxy as a whole: start, supervision, stop, and nothing left behind.

#[allow(dead_code, reason = "shared by several test programs, each of which uses a part")]
mod process_support;

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;

use process_support::backend::Backend;
use process_support::control::good;
use process_support::{CONTROLLED, Config, PLAIN, Proxy, connect, fetch, weir};
use weir_client::proto::SoftStop;
use weir_client::proto::request::RequestType;
use weir_client::{Client, Options};
use weir_testkit::process::{PATIENCE, Process, Signal, eventually, is_running, send_signal};

#[test]
fn it_starts_serves_and_stops() {
    for signal in [Signal::TERM, Signal::INT] {
        let mut proxy = Proxy::start(Config::new(PLAIN), &[]);
        let workers = proxy.workers();
        assert_eq!(workers.len(), 2);
        assert!(fetch(proxy.address, "/").starts_with("HTTP/1.1 503 "));
        proxy.main.signal(signal);
        assert_eq!(proxy.main.wait().code(), Some(0));
        assert!(!workers.into_iter().any(is_running));
    }
}

#[test]
fn a_bad_file_does_not_start() {
    let config = Config::new("worker_count = \"two\"");
    let mut main = Process::spawn(weir().arg("start").arg("-c").arg(config.path()));
    main.line_with("worker_count");
    assert_eq!(main.wait().code(), Some(2));
}

#[test]
fn a_port_that_is_taken_is_named() {
    let taken = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = taken.local_addr().expect("bound").to_string();
    let config = Config::new(&PLAIN.replace("127.0.0.1:0", &address));
    let mut main = Process::spawn(weir().arg("start").arg("-c").arg(config.path()));
    main.line_with(&format!("{address} is in use"));
    assert_eq!(main.wait().code(), Some(1));
}

#[test]
fn a_second_proxy_on_the_same_port_is_told() {
    let first = Proxy::start(Config::new(PLAIN), &[]);
    let address = first.address.to_string();
    let config = Config::new(&PLAIN.replace("127.0.0.1:0", &address));
    let mut second = Process::spawn(weir().arg("start").arg("-c").arg(config.path()));
    second.line_with(&format!("{address} is in use"));
    assert_eq!(second.wait().code(), Some(1));
}

#[test]
fn a_killed_worker_is_replaced_and_the_port_serves_on() {
    let mut proxy = Proxy::start(Config::new(PLAIN), &[]);
    let before = proxy.workers();
    send_signal(before[0], Signal::KILL);
    // While it is replaced and after, every connection is answered: its socket is never closed.
    for _ in 0..50 {
        assert!(fetch(proxy.address, "/").starts_with("HTTP/1.1 503 "));
    }
    let line = proxy.main.line_with("started again");
    assert!(line.contains(&format!("(pid {}) was killed by SIGKILL", before[0])), "{line}");
    let after = proxy.workers();
    assert_eq!(after.len(), 2);
    assert!(!after.contains(&before[0]) && after.contains(&before[1]));
}

#[test]
fn a_worker_that_hangs_is_replaced() {
    let config = Config::new(&PLAIN.replace("worker_timeout = 5", "worker_timeout = 1"));
    let mut proxy = Proxy::start(config, &[]);
    let stopped = proxy.workers()[1];
    send_signal(stopped, Signal::STOP);
    let line = proxy.main.line_with("started again");
    assert!(line.contains(&format!("(pid {stopped}) gave no sign of life")), "{line}");
    for _ in 0..20 {
        assert!(fetch(proxy.address, "/").starts_with("HTTP/1.1 503 "));
    }
}

#[test]
fn workers_that_keep_dying_are_slowed_down() {
    let mut proxy = Proxy::start(Config::new(PLAIN), &[]);
    for _ in 0..2 {
        send_signal(proxy.workers()[0], Signal::KILL);
        proxy.main.line_with("started again");
    }
    // Two free deaths of two slots are four at most: one of the next three waits.
    for _ in 0..3 {
        send_signal(proxy.workers()[0], Signal::KILL);
        proxy.main.line_with("started again");
    }
    assert!(fetch(proxy.address, "/").starts_with("HTTP/1.1 503 "));
    proxy.main.signal(Signal::TERM);
    proxy.main.wait();
    assert!(proxy.main.output().contains("the next is started in 100ms"));
}

#[test]
fn workers_go_when_main_is_killed() {
    let mut proxy = Proxy::start(Config::new(PLAIN), &[]);
    let workers = proxy.workers();
    proxy.main.signal(Signal::KILL);
    proxy.main.wait();
    eventually("workers end after main", || !workers.iter().any(|pid| is_running(*pid)));
}

#[test]
fn the_pid_file_names_main() {
    let config = Config::new("");
    let path = config.in_directory("weir.pid");
    let text = format!("pid_file_path = {:?}\n{PLAIN}", path.to_str().expect("text"));
    std::fs::write(config.path(), text).expect("written");
    let proxy = Proxy::start(config, &[]);
    let written = std::fs::read_to_string(path).expect("the file");
    assert_eq!(written, proxy.main.pid().to_string());
}

#[test]
fn no_connection_waits_for_a_worker_that_is_not_replaced() {
    let config = Config::new(&format!("worker_automatic_restart = false\n{PLAIN}"));
    let mut proxy = Proxy::start(config, &[]);
    send_signal(proxy.workers()[0], Signal::KILL);
    // The kernel goes on giving half of the connections to the socket of the dead worker.
    for _ in 0..50 {
        assert!(fetch(proxy.address, "/").starts_with("HTTP/1.1 503 "));
    }
    proxy.main.line_with("not started again");
    proxy.main.signal(Signal::TERM);
    assert_eq!(proxy.main.wait().code(), Some(0));
}

#[test]
fn what_waits_in_the_kernel_is_served_when_it_stops() {
    let mut proxy = Proxy::start(Config::new(PLAIN), &[]);
    let workers = proxy.workers();
    workers.iter().for_each(|pid| send_signal(*pid, Signal::STOP));
    let mut clients: Vec<_> = (0..20).map(|_| connect(proxy.address)).collect();
    for client in &mut clients {
        client.write_all(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n").expect("sent");
    }
    proxy.main.signal(Signal::TERM);
    proxy.main.line_with("stopping");
    workers.iter().for_each(|pid| send_signal(*pid, Signal::CONT));
    for client in &mut clients {
        let mut answer = String::new();
        client.read_to_string(&mut answer).expect("an answer, then the end");
        assert!(answer.starts_with("HTTP/1.1 503 "), "{answer:?}");
    }
    drop(clients);
    assert_eq!(proxy.main.wait().code(), Some(0));
}

/// A proxy before `backend`, with a request in flight that the backend has received.
fn with_request_in_flight(extra: &[&str]) -> (Proxy, TcpStream, TcpStream) {
    let backend = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = backend.local_addr().expect("bound").to_string();
    let proxy =
        Proxy::start(Config::new(&PLAIN.replace("127.0.0.1:1\"", &(address + "\""))), extra);
    let mut client = connect(proxy.address);
    client.write_all(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n").expect("sent");
    let (mut server, _) = backend.accept().expect("the proxy connects");
    let mut first = [0; 4];
    server.read_exact(&mut first).expect("the request");
    assert_eq!(&first, b"GET ");
    (proxy, client, server)
}

#[test]
fn a_request_in_flight_finishes_while_new_connections_are_refused() {
    let (mut proxy, mut client, mut server) = with_request_in_flight(&[]);
    proxy.main.signal(Signal::TERM);
    // Refused, not left waiting: a load balancer goes elsewhere at once.
    eventually("connections are refused", || TcpStream::connect(proxy.address).is_err());
    server.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi").expect("sent");
    let mut answer = String::new();
    client.read_to_string(&mut answer).expect("an answer, then the end");
    assert!(answer.starts_with("HTTP/1.1 200 OK\r\n") && answer.ends_with("\r\n\r\nhi"));
    drop(client);
    assert_eq!(proxy.main.wait().code(), Some(0));
}

#[test]
fn what_is_left_at_the_end_of_the_time_is_cut() {
    let (mut proxy, _client, _server) = with_request_in_flight(&["--drain-timeout", "0"]);
    let workers = proxy.workers();
    proxy.main.signal(Signal::TERM);
    proxy.main.line_with("cut 1 session");
    assert_eq!(proxy.main.wait().code(), Some(1));
    assert!(!workers.into_iter().any(is_running));
}

/// A proxy with a control socket and that time to finish, before a backend that holds.
fn controlled(time: &str) -> (Proxy, Backend) {
    let backend = Backend::start();
    let text = CONTROLLED
        .replace("127.0.0.1:1\"", &format!("{}\"", backend.address))
        .replace("first.example", "*");
    (Proxy::start(Config::new(&text), &["--drain-timeout", time]), backend)
}

/// A request that the backend holds, and a byte pipe.
fn busy(proxy: &Proxy, backend: &Backend) -> [TcpStream; 2] {
    let targets = ["/held", "/pipe"];
    let clients = targets.map(|target| {
        let mut client = connect(proxy.address);
        let head = format!("GET {target} HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\n");
        client.write_all(format!("{head}Upgrade: echo\r\n\r\n").as_bytes()).expect("sent");
        client
    });
    backend.until_waiting(1);
    let mut first = [0; 12];
    (&clients[1]).read_exact(&mut first).expect("an answer");
    assert_eq!(&first, b"HTTP/1.1 101");
    clients
}

#[test]
fn a_stop_tells_what_is_left_and_at_last_what_became_of_it() {
    let (mut proxy, backend) = controlled("4");
    let [mut held, pipe] = busy(&proxy, &backend);
    let reader = std::thread::spawn(move || held.read_to_end(&mut Vec::new()));
    let options = Options { timeout: Some(PATIENCE), max_frame_bytes: 100_000 };
    let socket = proxy.config.in_directory("control.sock");
    let mut control = Client::connect(&socket, options).expect("connected");
    let mut told = Vec::new();
    let stopped = control.request_with(RequestType::SoftStop(SoftStop {}), |progress| {
        if progress.message.contains(": 2 connections (1 with a request, 1 pipes); ") {
            backend.let_go();
        }
        told.push(progress.message);
    });
    let message = stopped.expect("stopped").message;
    let account = "1 ended (1 with a request), 1 cut (1 pipes)";
    assert!(message.contains(account), "{message} after {told:?}");
    assert_eq!(proxy.main.wait().code(), Some(1), "something was cut");
    reader.join().expect("no panic").expect("an answer, then the end");
    drop(pipe);
}

#[test]
fn a_hard_stop_waits_for_nothing() {
    let (mut proxy, backend) = controlled("1000");
    let clients = busy(&proxy, &backend);
    let workers = proxy.workers();
    good(&proxy, &["shutdown", "--hard"]);
    assert!(!workers.into_iter().any(is_running));
    proxy.main.wait();
    for mut client in clients {
        // Whether it sees an end or a reset.
        let _ = client.read_to_end(&mut Vec::new());
    }
}

#[test]
fn log_files_that_were_moved_away_are_made_again() {
    let config = Config::new("");
    let path = config.in_directory("weir.log");
    let target = format!("file://{}", path.display());
    std::fs::write(config.path(), format!("log_target = {target:?}\n{PLAIN}")).expect("written");
    let mut main = Process::spawn(weir().arg("start").arg("-c").arg(config.path()));
    let contains = |path: &Path, part: &str| {
        std::fs::read_to_string(path).is_ok_and(|text| text.contains(part))
    };
    eventually("it has started", || contains(&path, "all workers are ready"));
    std::fs::rename(&path, config.in_directory("weir.log.1")).expect("moved");
    main.signal(Signal::USR1);
    eventually("there is a new file", || path.exists());
    main.signal(Signal::TERM);
    assert_eq!(main.wait().code(), Some(0));
    for part in ["MAIN\tSIGTERM", "WRK-00\tstopped", "WRK-01\tstopped"] {
        assert!(contains(&path, part), "no {part:?} in the new file");
    }
}

#[test]
fn the_environment_sets_the_log_filter() {
    let config = Config::new(PLAIN);
    let start = |filter: &str| {
        let mut command = weir();
        command.env("RUST_LOG", filter).arg("start").arg("-c").arg(config.path());
        Process::spawn(&mut command)
    };
    let mut quiet = start("error");
    quiet.signal(Signal::TERM);
    quiet.wait();
    assert!(!quiet.output().contains("INFO"), "{}", quiet.output());
    let mut odd = start("what=ever,=");
    odd.line_with("RUST_LOG is not used");
    odd.line_with("all workers are ready");
}
