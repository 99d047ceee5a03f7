//! TLS with backends: who is trusted, what is reused, what a failure is answered with.

mod harness;

use std::net::SocketAddr;
use std::sync::Arc;
use std::thread::JoinHandle;

use harness::tls::{Authority, chain_of, key_of};
use harness::{PATIENCE, Proxy};
use rustls::{ServerConfig, ServerConnection, StreamOwned};
use std::io::{Read, Write};
use std::net::TcpListener;
use weir_control::channel::ToWorker;
use weir_control::state::{BackendTls, Identity};

/// A backend that serves `count` connections, each until the proxy closes it. The thread ends with
/// how many requests each connection carried.
fn backend(
    identity: &Identity,
    ca: Option<&Authority>,
    count: usize,
) -> (SocketAddr, JoinHandle<Vec<usize>>) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("bind");
    let address = listener.local_addr().expect("bound");
    let builder = ServerConfig::builder();
    let builder = match ca {
        Some(ca) => {
            let mut roots = rustls::RootCertStore::empty();
            roots.add(ca.der.bytes().into()).expect("added");
            let verifier = rustls::server::WebPkiClientVerifier::builder(Arc::new(roots));
            builder.with_client_cert_verifier(verifier.build().expect("verifier"))
        }
        None => builder.with_no_client_auth(),
    };
    let config = builder.with_single_cert(chain_of(identity), key_of(identity)).expect("config");
    let config = Arc::new(config);
    let thread = std::thread::spawn(move || {
        let connections: Vec<_> = (0..count)
            .map(|_| {
                let (stream, _) = listener.accept().expect("accept");
                stream.set_read_timeout(Some(PATIENCE)).expect("set");
                let connection = ServerConnection::new(Arc::clone(&config)).expect("connection");
                std::thread::spawn(|| serve(StreamOwned::new(connection, stream)))
            })
            .collect();
        connections.into_iter().map(|thread| thread.join().expect("served")).collect()
    });
    (address, thread)
}

fn serve(mut stream: StreamOwned<ServerConnection, std::net::TcpStream>) -> usize {
    let (mut head, mut served) = (Vec::new(), 0);
    let mut byte = [0];
    while stream.read(&mut byte).is_ok_and(|n| n > 0) {
        head.push(byte[0]);
        if head.ends_with(b"\r\n\r\n") {
            served += 1;
            head.clear();
            let name = stream.conn.server_name().unwrap_or_default().to_owned();
            let length = name.len();
            let text = format!("HTTP/1.1 200 OK\r\nContent-Length: {length}\r\n\r\n{name}");
            stream.write_all(text.as_bytes()).expect("send");
        }
    }
    served
}

fn proxy(address: SocketAddr, tls: Box<BackendTls>) -> Proxy {
    Proxy::changed(&[address], |state, _| {
        if let Some(cluster) = state.clusters.get_mut("app") {
            cluster.tls = Some(tls);
        }
    })
}

const ASK: &str = "GET / HTTP/1.1\r\nHost: any.example\r\nConnection: close\r\n\r\n";

#[test]
fn a_backend_is_verified_and_its_connection_reused() {
    let authority = Authority::new("ca");
    let (address, served) = backend(&authority.issue(&["inside.example"]), None, 1);
    let proxy = proxy(address, authority.backend_tls("inside.example"));
    for _ in 0..3 {
        let answer = proxy.ask(ASK);
        assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
        assert!(answer.ends_with("inside.example"), "{answer}");
    }
    drop(proxy);
    assert_eq!(served.join().expect("served"), [3]);
}

#[test]
fn a_connection_is_passed_on_and_used_by_those_who_want_the_same() {
    let authority = Authority::new("ca");
    let (address, served) = backend(&authority.issue(&["inside.example"]), None, 2);
    let same = || proxy(address, authority.backend_tls("inside.example"));
    let lenient = BackendTls { verify: false, ..*authority.backend_tls("inside.example") };
    let mut worker = same();
    assert!(worker.ask(ASK).ends_with("inside.example"));
    for mut next in [same(), proxy(address, Box::new(lenient))] {
        worker.say(&ToWorker::Retire { deadline: PATIENCE });
        let (passed, descriptor) = worker.passed_back();
        next.adopt_back(passed, &descriptor);
        drop(descriptor);
        assert_eq!(std::mem::replace(&mut worker, next).drained(), 0);
        assert!(worker.ask(ASK).ends_with("inside.example"));
    }
    drop(worker);
    let mut served = served.join().expect("served");
    served.sort_unstable();
    assert_eq!(served, [1, 2], "whoever does not verify is no heir of one who does");
}

#[test]
fn without_a_name_the_host_of_the_request_is_asked_for() {
    let authority = Authority::new("ca");
    let identity = authority.issue(&["any.example", "other.example"]);
    let (address, served) = backend(&identity, None, 2);
    let tls = BackendTls { server_name: None, ..*authority.backend_tls("") };
    let proxy = proxy(address, Box::new(tls));
    assert!(proxy.ask(ASK).ends_with("any.example"));
    assert!(proxy.ask(&ASK.replace("any", "other")).ends_with("other.example"));
    drop(proxy);
    assert_eq!(served.join().expect("served"), [1, 1], "one connection for each name");
}

#[test]
fn a_backend_that_is_not_who_it_should_be_is_answered_for_with_502() {
    let (authority, other) = (Authority::new("ca"), Authority::new("other"));
    let (address, _served) = backend(&other.issue(&["inside.example"]), None, 3);
    let proxy = proxy(address, authority.backend_tls("inside.example"));
    let answer = proxy.ask(ASK);
    assert!(answer.starts_with("HTTP/1.1 502"), "{answer}");
}

#[test]
fn the_proxy_shows_who_it_is() {
    let authority = Authority::new("ca");
    let (address, _served) = backend(&authority.issue(&["inside.example"]), Some(&authority), 1);
    let mut tls = authority.backend_tls("inside.example");
    tls.identity = Some(authority.issue(&["proxy.example"]));
    let answer = proxy(address, tls).ask(ASK);
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
}
