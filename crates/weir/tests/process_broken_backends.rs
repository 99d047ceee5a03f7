//! Backends that misbehave, with the real program: they accept and never answer, reset half-way,
//! answer garbage, come and go. What a client sees, what is told of it, and that the others serve.

#[allow(dead_code, reason = "shared by several test programs, each of which uses a part")]
mod process_support;

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::thread;

use process_support::backend::Backend;
use process_support::control::good;
use process_support::{Config, Proxy, connect, fetch};
use weir_testkit::process::eventually;

/// A backend that does this with every connection, once something has come on it.
fn broken(act: impl Fn(TcpStream) + Send + Sync + Clone + 'static) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").expect("bound");
    let address = listener.local_addr().expect("bound");
    thread::spawn(move || {
        for stream in listener.incoming().map_while(Result::ok) {
            let act = act.clone();
            thread::spawn(move || {
                let mut stream = stream;
                let mut some = [0; 1024];
                if stream.read(&mut some).is_ok_and(|n| n > 0) {
                    act(stream);
                }
            });
        }
    });
    address
}

/// Reads until the other side has had enough.
fn swallow(mut stream: TcpStream) {
    let _ = std::io::copy(&mut stream, &mut std::io::sink());
}

/// A proxy before these backends.
fn proxy(protocol: &str, frontend: &str, cluster: &str, backends: &[SocketAddr]) -> Proxy {
    let backend = |(at, address): (usize, &SocketAddr)| {
        format!("{{ address = \"{address}\", backend_id = \"b{at}\" }}")
    };
    let backends: Vec<_> = backends.iter().enumerate().map(backend).collect();
    Proxy::start(
        Config::new(&format!(
            "command_socket = \"control.sock\"\nworker_count = 1\nmax_connections = 100\n\
             back_timeout = 1\nconnect_timeout = 5\n\
             [[listeners]]\nprotocol = \"{protocol}\"\naddress = \"127.0.0.1:0\"\n\
             [clusters.app]\nprotocol = \"{protocol}\"\n{cluster}\n\
             frontends = [{{ address = \"127.0.0.1:0\"{frontend} }}]\n\
             backends = [{}]\n",
            backends.join(", ")
        )),
        &[],
    )
}

const ANY: &str = ", hostname = \"*\"";
/// Two bad outcomes, and a backend is left alone for a minute.
const EJECTS: &str = "ejection = { consecutive = 2, seconds = 60, most_percent = 100 }";
const GOOD: &str = "HTTP/1.1 200 ";

/// What a client reads, however it ends.
fn seen(address: SocketAddr) -> String {
    let mut stream = connect(address);
    let request = b"GET / HTTP/1.1\r\nHost: a.example\r\nConnection: close\r\n\r\n";
    stream.write_all(request).expect("sent");
    let mut bytes = Vec::new();
    // What is cut may be told by a reset.
    let _ = stream.read_to_end(&mut bytes);
    String::from_utf8_lossy(&bytes).into_owned()
}

/// What requests get until the broken backend is left alone; then all are served.
fn until_ejected(act: impl Fn(TcpStream) + Send + Sync + Clone + 'static) -> Vec<String> {
    let good = Backend::start();
    let proxy = proxy("http", ANY, EJECTS, &[broken(act), good.address]);
    let answers: Vec<_> = (0..12).map(|_| seen(proxy.address)).collect();
    let whole = |answer: &String| answer.starts_with(GOOD) && answer.ends_with("\r\n\r\n/");
    assert!(answers[6..].iter().all(whole), "it is left alone: {answers:?}");
    answers.into_iter().filter(|answer| !whole(answer)).collect()
}

#[test]
fn one_that_never_answers_costs_two_requests_504() {
    let bad = until_ejected(swallow);
    assert_eq!(bad.len(), 2, "{bad:?}");
    assert!(bad.iter().all(|answer| answer.starts_with("HTTP/1.1 504 ")), "{bad:?}");
}

#[test]
fn one_that_answers_garbage_costs_two_requests_502() {
    let bad = until_ejected(|mut stream| {
        let _ = stream.write_all(b"\0\x01 no response at all\r\n\r\n");
        swallow(stream);
    });
    assert_eq!(bad.len(), 2, "{bad:?}");
    assert!(bad.iter().all(|answer| answer.starts_with("HTTP/1.1 502 ")), "{bad:?}");
}

#[test]
fn one_that_ends_half_way_is_not_taken_for_whole() {
    let bad = until_ejected(|mut stream| {
        let _ = stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf");
    });
    assert_eq!(bad.len(), 2, "{bad:?}");
    assert!(bad.iter().all(|answer| answer.ends_with("\r\n\r\nhalf")), "{bad:?}");
}

#[test]
fn one_that_comes_and_goes_costs_nobody_anything() {
    let good = Backend::start();
    let flaps = TcpListener::bind("127.0.0.1:0").expect("bound");
    let address = flaps.local_addr().expect("bound");
    drop(flaps);
    let proxy = proxy("http", ANY, "", &[address, good.address]);
    for _ in 0..3 {
        for _ in 0..12 {
            assert!(fetch(proxy.address, "/").starts_with(GOOD), "the other one serves");
        }
        let back = TcpListener::bind(address).expect("the port is free");
        let served = thread::spawn(move || {
            let (mut stream, _) = back.accept().expect("it is tried again");
            let _ = stream.read(&mut [0; 1024]);
            let _ = stream.write_all(
                b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\nConnection: close\r\n\r\nback",
            );
        });
        eventually("it is chosen again", || {
            let answer = fetch(proxy.address, "/");
            assert!(answer.starts_with(GOOD), "{answer}");
            answer.ends_with("back")
        });
        served.join().expect("it was asked");
    }
}

#[test]
fn connections_of_tcp_end_with_those_of_a_broken_backend() {
    for silent in [true, false] {
        let act = move |mut stream: TcpStream| {
            let _ = stream.write_all(b"half");
            if silent {
                swallow(stream);
            }
        };
        let proxy = proxy("tcp", "", "", &[broken(act)]);
        let mut client = connect(proxy.address);
        client.write_all(b"question").expect("sent");
        let mut bytes = Vec::new();
        // It may be told by a reset.
        let _ = client.read_to_end(&mut bytes);
        assert_eq!(bytes, b"half", "silent: {silent}");
    }
}

#[test]
fn connections_of_tcp_pass_over_who_refuses_them() {
    let gone = TcpListener::bind("127.0.0.1:0").expect("bound");
    let address = gone.local_addr().expect("bound");
    drop(gone);
    let good = Backend::start();
    let proxy = proxy("tcp", "", "", &[address, good.address]);
    for _ in 0..6 {
        assert!(fetch(proxy.address, "/").starts_with(GOOD));
    }
}

#[test]
fn max_connections_of_the_file_hold_and_what_is_more_waits() {
    let backend = Backend::start();
    let config = format!(
        "command_socket = \"control.sock\"\nworker_count = 1\nmax_connections = 100\n\
         [[listeners]]\nprotocol = \"http\"\naddress = \"127.0.0.1:0\"\n\
         [clusters.app]\nprotocol = \"http\"\nmax_queued = 1\nqueue_timeout = 60\n\
         frontends = [{{ address = \"127.0.0.1:0\"{ANY} }}]\n\
         backends = [{{ address = \"{}\", max_connections = 1 }}]\n",
        backend.address
    );
    let proxy = Proxy::start(Config::new(&config), &[]);
    let ask = || {
        let mut stream = connect(proxy.address);
        let request = b"GET /held HTTP/1.1\r\nHost: a.example\r\nConnection: close\r\n\r\n";
        stream.write_all(request).expect("sent");
        stream
    };
    let first = ask();
    backend.until_waiting(1);
    let second = ask();
    let queued = || good(&proxy, &["session", "list", "--state", "queued"]).contains("127.0.0.1");
    eventually("the second waits", queued);
    assert!(fetch(proxy.address, "/").starts_with("HTTP/1.1 503 "), "the queue is full");
    assert_eq!(backend.connections(), 1);
    backend.let_go();
    for mut stream in [first, second] {
        let mut answer = String::new();
        stream.read_to_string(&mut answer).expect("an answer");
        assert!(answer.starts_with(GOOD), "{answer}");
    }
}
