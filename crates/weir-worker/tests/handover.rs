//! Connections that pass from one worker to another, and what stays behind; what is refused, and
//! last words.

mod harness;

use std::io::Write;
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpStream};
use std::os::unix::fs::FileExt;
use std::sync::Arc;
use std::time::Duration;

use harness::h2::{Client, Server};
use harness::tls::{Authority, TlsPeer, listener_tls};
use harness::{Backside, Peer, Proxy, frontend};
use weir_control::change::object_hash;
use weir_control::channel::{Refusal, ToMain, ToWorker};
use weir_control::last_words;
use weir_control::state::Cluster;
use weir_http::h2::frame::Kind;

const LONG: Duration = Duration::from_secs(30);
const LOCAL: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);

fn get(path: &str) -> String {
    format!("GET {path} HTTP/1.1\r\nHost: example.org\r\n\r\n")
}

fn answer(peer: &mut Peer, body: &str) {
    let length = body.len();
    peer.send(&format!("HTTP/1.1 200 OK\r\nContent-Length: {length}\r\n\r\n{body}"));
}

/// A request of a client that is answered with that body; the connection to the backend.
fn exchange(client: &mut Peer, backend: &Backside, path: &str, body: &str) -> Peer {
    client.send(&get(path));
    let mut peer = backend.accept();
    assert!(peer.head().starts_with(&format!("GET {path} ")));
    answer(&mut peer, body);
    client.until(body);
    peer
}

/// One that serves the listener at `at`, as another does.
fn other(at: SocketAddr, backend: &Backside) -> Proxy {
    Proxy::changed(&[backend.address], |state, address| {
        let mut listener = state.listeners.remove(&address).expect("a listener");
        listener.address = at;
        state.listeners.insert(at, listener);
        let mut frontends: Vec<_> = state.frontends.iter().cloned().collect();
        frontends.iter_mut().for_each(|frontend| frontend.address = at);
        state.frontends = Default::default();
        frontends.into_iter().for_each(|frontend| state.frontends.push(frontend));
    })
}

fn retire(proxy: &mut Proxy) {
    proxy.say(&ToWorker::Retire { deadline: LONG });
}

#[test]
fn a_connection_between_two_requests_is_passed_on_with_what_is_known_of_it() {
    let backend = Backside::new();
    let mut old = Proxy::to(&[backend.address]);
    let mut new = other(old.address, &backend);
    let mut client = old.connect();
    let _peer = exchange(&mut client, &backend, "/1", "one");
    retire(&mut old);
    let (passed, descriptors) = old.passed();
    assert_eq!((passed.listener, passed.requests, passed.pipe.is_some()), (old.address, 1, false));
    assert_eq!(Ok(passed.client), client.stream.local_addr().map_err(|e| e.to_string()));
    old.has_nothing_left();
    old.has_ended();
    new.adopt(passed, &descriptors);
    drop(descriptors);
    let _peer = exchange(&mut client, &backend, "/2", "two");
}

#[test]
fn connections_to_backends_are_passed_on_first_and_used_again() {
    let backend = Backside::new();
    let mut old = Proxy::to(&[backend.address]);
    let mut new = other(old.address, &backend);
    let mut clients = [old.connect(), old.connect()];
    clients.iter_mut().for_each(|client| client.send(&get("/1")));
    let mut peers = [backend.accept(), backend.accept()];
    for peer in &mut peers {
        peer.head();
        answer(peer, "one");
    }
    clients.iter_mut().for_each(|client| drop(client.until("one")));
    // One that is busy follows when it is not.
    clients[0].send(&get("/2"));
    while !peers[0].has_come() {
        peers.swap(0, 1);
    }
    retire(&mut old);
    pass_back(&mut old, &mut new);
    let (second, descriptors) = old.passed();
    new.adopt(second, &descriptors);
    assert!(peers[0].head().starts_with("GET /2 "));
    answer(&mut peers[0], "two");
    clients[0].until("two");
    let (first, descriptors) = old.passed();
    new.adopt(first, &descriptors);
    pass_back(&mut old, &mut new);
    old.has_nothing_left();
    old.has_ended();
    new.hash();
    clients.iter_mut().for_each(|client| client.send(&get("/3")));
    for peer in &mut peers {
        assert!(peer.head().starts_with("GET /3 "), "on the connections that were there");
        answer(peer, "three");
    }
    clients.iter_mut().for_each(|client| drop(client.until("three")));
    assert!(backend.is_quiet());
}

/// The next connection to a backend that one passes on goes to the other.
fn pass_back(old: &mut Proxy, new: &mut Proxy) {
    let (back, descriptor) = old.passed_back();
    new.adopt_back(back, &descriptor);
}

#[test]
fn connections_to_backends_that_nobody_would_use_are_closed() {
    let (backend, elsewhere) = (Backside::new(), Backside::new());
    let mut old = Proxy::to(&[backend.address]);
    let mut new = Proxy::to(&[elsewhere.address]);
    let mut client = old.connect();
    let mut peer = exchange(&mut client, &backend, "/1", "one");
    retire(&mut old);
    pass_back(&mut old, &mut new);
    assert_eq!(peer.rest(), "");
    drop(old.passed());
    assert_eq!(old.drained(), 0);
}

#[test]
fn a_connection_of_http_2_to_a_backend_goes_on_in_worker_after_worker() {
    let backend = Backside::new();
    let proxy = |_| {
        Proxy::changed(&[backend.address], |state, _| {
            state.clusters.get_mut("app").expect("a cluster").http2 = true;
        })
    };
    let [mut old, rest @ ..] = [0, 1, 2].map(proxy);
    let mut server = None;
    for (round, mut new) in rest.into_iter().map(Some).chain([None]).enumerate() {
        let mut client = old.connect();
        client.send(&get(&format!("/{round}")));
        let server = server.get_or_insert_with(|| Server::over(backend.accept()));
        let request = server.request();
        assert_eq!(request.fields[":path"], format!("/{round}"));
        server.answer(request.stream, "same");
        client.until("same");
        if let Some(mut new) = new.take() {
            retire(&mut old);
            pass_back(&mut old, &mut new);
            drop(old.passed());
            assert_eq!(std::mem::replace(&mut old, new).drained(), 0);
        }
    }
    assert!(backend.is_quiet(), "one connection");
}

#[test]
fn a_request_that_has_begun_is_served_and_then_its_connection_passed_on() {
    let backend = Backside::new();
    let mut old = Proxy::to(&[backend.address]);
    let mut client = old.connect();
    client.send("GET / HTTP/1.1\r\nHo");
    let mut busy = old.connect();
    busy.send(&get("/busy"));
    let mut peer = backend.accept();
    peer.head();
    retire(&mut old);
    answer(&mut peer, "busy");
    assert!(!busy.until("busy").contains("close"));
    let (first, _kept) = old.passed();
    assert_eq!(Ok(first.client), busy.stream.local_addr().map_err(|e| e.to_string()));
    client.send("st: example.org\r\n\r\n");
    // The one that waited for a request was passed on.
    let mut peer = backend.accept();
    peer.head();
    answer(&mut peer, "late");
    client.until("late");
    let (second, _kept_too) = old.passed();
    assert_eq!(second.requests, 1);
    assert_eq!(old.drained(), 0);
}

#[test]
fn a_pipe_has_its_place_in_the_worker_that_it_comes_to() {
    let backend = Backside::new();
    let mut old = Proxy::to(&[backend.address]);
    // It has the address of the other one, and one of its own.
    let mut new = Proxy::changed(&[backend.address], |state, _| {
        state.listeners.insert(old.address, harness::listener(old.address));
        state.frontends.push(frontend(old.address));
        let full = Cluster { max_sessions: Some(1), ..harness::cluster() };
        state.clusters.insert("app".into(), full);
    });
    let (mut client, mut peer) = upgraded(&old, &backend);
    retire(&mut old);
    let (passed, descriptors) = old.passed();
    old.has_nothing_left();
    old.has_ended();
    new.adopt(passed, &descriptors);
    drop(descriptors);
    peer.send("here");
    client.until("here");
    let answer = new.ask(&get("/"));
    assert!(answer.contains("as many sessions of this cluster"), "{answer}");
    drop(peer);
    assert_eq!(client.rest(), "");
    drop(client);
    let mut next = new.connect();
    next.send(&get("/"));
    backend.accept().head();
}

/// A client and a backend between which the proxy passes bytes on.
fn upgraded(proxy: &Proxy, backend: &Backside) -> (Peer, Peer) {
    let mut client = proxy.connect();
    client.send(&get("/").replace("\r\n\r\n", "\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n"));
    let mut peer = backend.accept();
    peer.head();
    peer.send("HTTP/1.1 101 Go\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n");
    client.head();
    (client, peer)
}

#[test]
fn a_pipe_is_passed_on_with_what_was_not_sent() {
    let backend = Backside::new();
    let mut old = Proxy::to(&[backend.address]);
    let mut new = other(old.address, &backend);
    let (mut client, mut peer) = upgraded(&old, &backend);
    client.send("up");
    peer.until("up");
    retire(&mut old);
    let (mut passed, descriptors) = old.passed();
    old.has_nothing_left();
    old.has_ended();
    let pipe = passed.pipe.as_mut().expect("a pipe");
    assert_eq!(&*pipe.cluster, "app");
    assert_eq!(pipe.address, backend.address);
    assert!(pipe.head.starts_with(b"GET / HTTP/1.1\r\n"));
    // As if the kernel had not taken all.
    (pipe.to_back, pipe.to_front) = (b"unsent".to_vec(), b"unseen".to_vec());
    client.send("later");
    new.adopt(passed, &descriptors);
    drop(descriptors);
    peer.until("unsentlater");
    peer.send("down");
    client.until("unseendown");
    peer.close_write();
    assert_eq!(client.rest(), "");
}

#[test]
fn a_connection_without_streams_goes_on_with_the_fields_that_both_ends_remember() {
    let backend = Backside::new();
    let mut worker = Proxy::to(&[backend.address]);
    let address = worker.address;
    let mut client = Client::over(worker.connect());
    let mut pass = |client: &mut Client<TcpStream>| {
        let mut next = other(address, &backend);
        retire(&mut worker);
        let (passed, descriptors) = worker.passed();
        assert!(passed.streams.is_some());
        worker.has_nothing_left();
        worker.has_ended();
        next.adopt(passed, &descriptors);
        worker = next;
        let ping = [1, 2, 3, 4, 5, 6, 7, 8];
        client.send(Kind::Ping, 0, 0, &ping);
        let answer = std::iter::from_fn(|| client.frame()).find(|frame| frame.kind == Kind::Ping);
        assert_eq!(answer.expect("an answer, not the end").payload, ping);
    };
    for round in 0..4 {
        let sent = [("x-kept", "what both ends remember"), ("x-round", &*round.to_string())];
        let stream = client.open("GET", "/", &sent, true);
        let mut peer = backend.accept();
        let head = peer.head();
        assert!(sent.iter().all(|(name, value)| head.contains(&format!("{name}: {value}"))));
        peer.send("HTTP/1.1 200 OK\r\nX-Back: kept\r\nContent-Length: 4\r\n\r\nbody");
        let answer = client.answer(stream);
        assert_eq!((&*answer.fields["x-back"], &answer.body[..]), ("kept", &b"body"[..]));
        pass(&mut client);
    }
    // A part of a frame goes with it, too.
    client.stream.write_all(&[0, 0, 4, 8, 0, 0, 0]).expect("sent");
    let mut next = other(address, &backend);
    retire(&mut worker);
    let (passed, descriptors) = worker.passed();
    worker.has_nothing_left();
    worker.has_ended();
    next.adopt(passed, &descriptors);
    client.stream.write_all(&[0, 0, 0, 0, 0, 9]).expect("sent");
    let stream = client.get("/");
    let mut peer = backend.accept();
    peer.head();
    answer(&mut peer, "after");
    assert_eq!(client.answer(stream).body, b"after");
}

#[test]
fn streams_are_drained_by_the_old_one() {
    let (authority, backend) = (Authority::new("ca"), Backside::new());
    let mut old = Proxy::changed(&[backend.address], |state, address| {
        let mut tls = listener_tls();
        tls.alpn = vec!["h2".into(), "http/1.1".into()];
        let listener = state.listeners.get_mut(&address).expect("a listener");
        listener.tls = Some(Box::new(tls));
        let served = authority.certificate(address, &["example.org"], 1 << 40);
        state.certificates.insert(served.id(), served);
    });
    let mut streams = authority.client();
    streams.alpn_protocols = vec![b"h2".to_vec()];
    let mut streams = TlsPeer::connect(old.address, &Arc::new(streams), "example.org");
    streams.shake_hands().expect("made");
    let mut streams = Client::new(streams.0);
    let stream = streams.get("/");
    let mut peer = backend.accept();
    peer.head();
    retire(&mut old);
    assert_eq!(streams.goaway(), 0, "NO_ERROR");
    answer(&mut peer, "in time");
    assert_eq!(streams.answer(stream).body, b"in time");
    let ToMain::Drained { cut, finished } = old.hear_of_clients() else { panic!("not drained") };
    assert_eq!(
        (cut.to_string(), finished.to_string()),
        ("".into(), " (1 of HTTP/2, 1 with TLS)".into())
    );
    old.has_ended();
}

#[test]
fn what_cannot_be_served_is_closed_and_nothing_else_happens() {
    let backend = Backside::new();
    let mut old = Proxy::to(&[backend.address]);
    let mut new = Proxy::to(&[backend.address]);
    let mut client = old.connect();
    let _peer = exchange(&mut client, &backend, "/", "one");
    retire(&mut old);
    let (passed, descriptors) = old.passed();
    assert_eq!(old.drained(), 0);
    // It has another listener.
    new.adopt(passed, &descriptors);
    drop(descriptors);
    assert_eq!(client.rest(), "");
    let mut client = new.connect();
    let _peer = exchange(&mut client, &backend, "/", "two");
}

#[test]
fn what_workers_have_died_of_is_refused_and_served_again() {
    let backend = Backside::new();
    let mut proxy = Proxy::to(&[backend.address]);
    let mut kept = proxy.connect();
    let mut peer = exchange(&mut kept, &backend, "/", "one");
    let mut refuse = |refusals: Vec<Refusal>| {
        proxy.say(&ToWorker::Refuse(refusals));
        // It has been read when this is answered.
        proxy.hash();
        proxy.address
    };
    let connect = |address: SocketAddr| Peer::new(TcpStream::connect(address).expect("connect"));
    let elsewhere = Some(IpAddr::from([192, 0, 2, 1]));
    let address = refuse(vec![
        Refusal { client: elsewhere, route: None },
        Refusal { client: Some(LOCAL), route: Some(1) },
    ]);
    kept.send(&get("/"));
    peer.head();
    answer(&mut peer, "two");
    kept.until("two");
    let route = Some(object_hash("frontend", &frontend(address)));
    for client in [None, Some(LOCAL)] {
        let mut client_of_it = connect(refuse(vec![Refusal { client, route }]));
        client_of_it.send(&get("/"));
        assert!(client_of_it.until("for a while").starts_with("HTTP/1.1 503 "));
    }
    refuse(vec![Refusal { client: Some(LOCAL), route: None }]);
    assert_eq!(connect(address).rest(), "");
    kept.send(&get("/"));
    assert!(kept.until("for a while").starts_with("HTTP/1.1 503 "));
    let mut again = connect(refuse(Vec::new()));
    again.send(&get("/"));
    peer.head();
    answer(&mut peer, "three");
    again.until("three");
}

#[test]
fn a_page_has_what_is_in_use_and_nothing_that_is_done() {
    let backend = Backside::new();
    let mut proxy = Proxy::to(&[backend.address]);
    let page = proxy.give_page();
    let mut client = proxy.connect();
    let _peer = exchange(&mut client, &backend, "/", "one");
    proxy.hash();
    let mut bytes = vec![0; last_words::BYTES];
    page.read_exact_at(&mut bytes, 0).expect("read");
    let words = last_words::read(&bytes);
    assert_eq!((words.epoch, words.work, words.panic), (1, None, None));
    let session = bytes.windows(16).any(|bytes| bytes == LOCAL_MAPPED);
    assert!(session, "whom it has worked for stands there");
}

/// As it stands on a page: two numbers in the order of this machine.
const LOCAL_MAPPED: [u8; 16] = {
    let bits = Ipv4Addr::LOCALHOST.to_ipv6_mapped().to_bits();
    let (high, low) = (((bits >> 64) as u64).to_ne_bytes(), (bits as u64).to_ne_bytes());
    let mut both = [0; 16];
    let mut at = 0;
    while at < 8 {
        both[at] = high[at];
        both[at + 8] = low[at];
        at += 1;
    }
    both
};
