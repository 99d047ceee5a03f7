//! What a cluster is guaranteed, and what it may have at most, with the real program.

#[allow(dead_code, reason = "shared by several test programs, each of which uses a part")]
mod process_support;

use std::io::{Read, Write};
use std::net::TcpStream;

use process_support::backend::Backend;
use process_support::control::{bad, good};
use process_support::{Config, Proxy, connect};
use weir_testkit::process::eventually;

/// Sessions that `vip` is guaranteed.
const GUARANTEED: usize = 10;

/// Workers with two clusters, each for the host of its name, and the backend of both.
fn two(workers: u16, vip: &str) -> (Proxy, Backend) {
    let backend = Backend::start();
    let cluster = |id: &str, more: &str| {
        format!(
            "[clusters.{id}]\nprotocol = \"http\"\n{more}\n\
             frontends = [{{ address = \"127.0.0.1:0\", hostname = \"{id}\" }}]\n\
             backends = [{{ address = \"{}\" }}]\n",
            backend.address
        )
    };
    let text = format!(
        "command_socket = \"control.sock\"\nworker_count = {workers}\nmax_connections = 200\n\
         max_buffers = 100\n[[listeners]]\nprotocol = \"http\"\naddress = \"127.0.0.1:0\"\n{}{}",
        cluster("app", ""),
        cluster("vip", vip)
    );
    (Proxy::start(Config::new(&text), &[]), backend)
}

/// A request that the backend does not answer while it holds.
fn held(proxy: &Proxy, host: &str) -> TcpStream {
    let mut stream = connect(proxy.address);
    let request = format!("GET /held HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).expect("sent");
    stream
}

fn status(mut stream: TcpStream) -> String {
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("an answer, then the end");
    answer.split(' ').nth(1).unwrap_or_default().to_owned()
}

/// Requests of `app` that wait for the backend, which has no other, until one is answered 503.
fn flood(proxy: &Proxy, backend: &Backend) -> Vec<TcpStream> {
    let mut inside = Vec::new();
    loop {
        let stream = held(proxy, "app");
        stream.set_nonblocking(true).expect("set");
        let decided = || stream.peek(&mut [0]).is_ok() || backend.connections() > inside.len();
        eventually("it is served or refused", decided);
        stream.set_nonblocking(false).expect("set");
        if backend.connections() == inside.len() {
            assert_eq!(status(stream), "503");
            return inside;
        }
        inside.push(stream);
    }
}

#[test]
fn one_cluster_floods_and_the_other_has_all_that_it_is_guaranteed() {
    let (proxy, backend) = two(1, &format!("min_sessions = {GUARANTEED}"));
    let inside = flood(&proxy, &backend);
    backend.until_waiting(inside.len());
    let vips: Vec<_> = (0..GUARANTEED).map(|_| held(&proxy, "vip")).collect();
    backend.until_waiting(inside.len() + GUARANTEED);
    let counted = good(&proxy, &["metrics", "get", "-n", "requests.no_place"]);
    assert!(counted.contains("requests.no_place"), "{counted}");
    backend.let_go();
    for stream in inside.into_iter().chain(vips) {
        assert_eq!(status(stream), "200");
    }
    eventually("there is room again", || status(held(&proxy, "app")) == "200");
}

#[test]
fn what_may_be_changes_while_it_runs() {
    let (proxy, backend) = two(1, "max_sessions = 2");
    let mut inside = vec![held(&proxy, "vip"), held(&proxy, "vip")];
    backend.until_waiting(2);
    assert_eq!(status(held(&proxy, "vip")), "503");
    let add = ["cluster", "add", "-i", "vip", "--load-balancing-policy", "random"];
    good(&proxy, &[&add[..], &["--min-sessions", "2", "--max-sessions", "3"]].concat());
    inside.push(held(&proxy, "vip"));
    backend.until_waiting(3);
    assert_eq!(status(held(&proxy, "vip")), "503");
    let listener = proxy.address.to_string();
    let explained = good(&proxy, &["explain", "GET", "http://vip/", "-a", &listener]);
    assert!(explained.contains("room for 2 sessions at any time and has at most 3"), "{explained}");
    let told = bad(&proxy, &[&add[..], &["--min-sessions", "4", "--max-sessions", "3"]].concat());
    assert!(told.contains("lower `min_sessions` or raise `max_sessions`"), "{told}");
    let told = bad(&proxy, &[&add[..], &["--min-sessions", "24"]].concat());
    assert!(told.contains("raise `max_buffers` to 103"), "{told}");
    good(&proxy, &[&add[..], &["--min-sessions", "23"]].concat());
    assert!(good(&proxy, &["drift"]).starts_with("Success"));
    backend.let_go();
    for stream in inside {
        assert_eq!(status(stream), "200");
    }
}

#[test]
fn there_are_as_many_workers_as_keep_what_is_guaranteed() {
    let (proxy, _) = two(2, "min_sessions = 46");
    let told = bad(&proxy, &["workers", "set", "1"]);
    assert!(told.contains("46 sessions with 184 buffers in each worker"), "{told}");
    good(&proxy, &["cluster", "remove", "-i", "vip"]);
    good(&proxy, &["workers", "set", "1"]);
}
