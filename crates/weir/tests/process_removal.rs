//! Backends that are removed while sessions use them, with the real program: what goes on, and what
//! ends when it was asked to.

#[allow(dead_code, reason = "shared by several test programs, each of which uses a part")]
mod process_support;

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};

use process_support::backend::Backend;
use process_support::control::good;
use process_support::{Config, Proxy, connect, fetch};

/// A proxy with one cluster of two backends, of which the one at `leaves` is not a spare.
fn proxy(protocol: &str, frontend: &str, leaves: &str, stays: &str) -> Proxy {
    Proxy::start(
        Config::new(&format!(
            "command_socket = \"control.sock\"\nworker_count = 2\nmax_connections = 100\n\
             [[listeners]]\nprotocol = \"{protocol}\"\naddress = \"127.0.0.1:0\"\n\
             [clusters.app]\nprotocol = \"{protocol}\"\n\
             frontends = [{{ address = \"127.0.0.1:0\"{frontend} }}]\n\
             backends = [{{ address = \"{leaves}\", backend_id = \"leaves\" }},\n\
             {{ address = \"{stays}\", backend_id = \"stays\", backup = true }}]\n"
        )),
        &[],
    )
}

fn remove(proxy: &Proxy, address: &str, how: &[&str]) {
    let name = ["backend", "remove", "-i", "app", "--backend-id", "leaves", "-a", address];
    good(proxy, &[&name[..], how].concat());
}

/// A request whose answer the backend holds.
fn held(proxy: &Proxy) -> TcpStream {
    let mut stream = connect(proxy.address);
    let request = b"GET /held HTTP/1.1\r\nHost: a.example\r\nConnection: close\r\n\r\n";
    stream.write_all(request).expect("sent");
    stream
}

fn answer(mut stream: TcpStream) -> String {
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("an answer, then the end");
    answer
}

#[test]
fn requests_finish_or_are_answered_at_once_as_the_removal_says() {
    for (how, status) in [(&[][..], "200"), (&["--close-sessions"][..], "503")] {
        let (leaves, stays) = (Backend::start(), Backend::start());
        let address = leaves.address.to_string();
        let proxy = proxy("http", ", hostname = \"*\"", &address, &stays.address.to_string());
        let client = held(&proxy);
        leaves.until_waiting(1);
        remove(&proxy, &address, how);
        assert!(fetch(proxy.address, "/page").starts_with("HTTP/1.1 200 "), "the other serves");
        assert_eq!(leaves.connections(), 1);
        if status == "200" {
            leaves.let_go();
        }
        let answer = answer(client);
        assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")), "{answer}");
    }
}

#[test]
fn a_deadline_ends_what_did_not_finish_and_touches_nobody_else() {
    let (leaves, stays) = (Backend::start(), Backend::start());
    let address = leaves.address.to_string();
    let proxy = proxy("http", ", hostname = \"*\"", &address, &stays.address.to_string());
    let client = held(&proxy);
    leaves.until_waiting(1);
    remove(&proxy, &address, &["--close-sessions=2"]);
    let other = held(&proxy);
    stays.until_waiting(1);
    let ended = answer(client);
    assert!(ended.starts_with("HTTP/1.1 503 "), "{ended}");
    stays.let_go();
    assert!(answer(other).starts_with("HTTP/1.1 200 "));
}

#[test]
fn connections_of_tcp_go_on_or_end_as_the_removal_says() {
    let bound = || TcpListener::bind("127.0.0.1:0").expect("bound");
    for how in [&[][..], &["--close-sessions"][..], &["--close-sessions=1"][..]] {
        let (leaves, stays) = (bound(), bound());
        let [address, other] =
            [&leaves, &stays].map(|l| l.local_addr().expect("bound").to_string());
        let proxy = proxy("tcp", "", &address, &other);
        let mut client = connect(proxy.address);
        let (mut server, _) = leaves.accept().expect("a connection");
        let mut byte = [0];
        client.write_all(b"q").expect("sent");
        server.read_exact(&mut byte).expect("a byte");
        remove(&proxy, &address, how);
        if how.is_empty() {
            server.write_all(b"a").expect("sent");
            client.read_exact(&mut byte).expect("a byte");
        } else {
            // It may be told by a reset.
            assert_eq!(client.read(&mut byte).unwrap_or(0), 0);
            assert_eq!(server.read(&mut byte).unwrap_or(0), 0);
        }
        let _new = connect(proxy.address);
        stays.accept().expect("it goes to the other");
    }
}
