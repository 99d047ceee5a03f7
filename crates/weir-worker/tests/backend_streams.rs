//! HTTP/2 to backends: streams of many clients on one connection, whatever the clients speak; what
//! is retried elsewhere, and what is told to whom.

mod harness;

use std::time::Duration;

use harness::h2::{Client, Server};
use harness::{Backside, Peer, Proxy};
use weir_http::h2::frame::Kind;

type Served = Server<std::net::TcpStream>;

/// A proxy that asks its backends for HTTP/2.
fn proxy(backends: &[std::net::SocketAddr]) -> Proxy {
    Proxy::changed(backends, |state, _| {
        if let Some(cluster) = state.clusters.get_mut("app") {
            cluster.http2 = true;
        }
    })
}

fn serve(backend: &Backside) -> Served {
    Server::over(backend.accept())
}

fn get(peer: &mut Peer, path: &str) {
    peer.send(&format!("GET {path} HTTP/1.1\r\nHost: example.org\r\n\r\n"));
}

fn goaway(server: &mut Served, last: u32) {
    server.0.send(Kind::GoAway, 0, 0, &[&last.to_be_bytes()[..], &[0; 4]].concat());
}

#[test]
fn clients_of_both_versions_share_a_connection() {
    let backend = Backside::new();
    let proxy = proxy(&[backend.address]);
    let (mut old, mut new) = (proxy.connect(), Client::over(proxy.connect()));
    get(&mut old, "/old");
    let mut server = serve(&backend);
    let first = server.request();
    assert_eq!(first.fields[":path"], "/old");
    assert_eq!((&*first.fields[":method"], &*first.fields[":scheme"]), ("GET", "http"));
    assert_eq!(first.fields[":authority"], "example.org");
    assert!(first.end && !first.fields.contains_key("host"), "{first:?}");
    let stream = new.get("/new");
    let second = server.request();
    assert_eq!((second.stream, &*second.fields[":path"]), (3, "/new"));
    server.answer(second.stream, "new");
    assert_eq!(new.answer(stream).body, b"new");
    server.answer(first.stream, "old");
    let head = old.head();
    assert!(head.starts_with("HTTP/1.1 200 OK\r\n"), "{head}");
    old.until("3\r\nold\r\n0\r\n\r\n");
    get(&mut old, "/again");
    let third = server.request();
    server.heads(third.stream, &[(":status", "204")], true);
    assert!(old.head().starts_with("HTTP/1.1 204 "));
    assert!(backend.is_quiet(), "one connection");
}

#[test]
fn clients_that_come_at_once_wait_for_one_connection() {
    let backend = Backside::new();
    let proxy = proxy(&[backend.address]);
    let mut client = Client::over(proxy.connect());
    let streams = client.together(|client| [(); 20].map(|()| client.get("/")));
    let mut server = serve(&backend);
    for _ in streams {
        let request = server.request();
        server.answer(request.stream, "x");
    }
    let answers = client.answers(&streams);
    assert!(streams.iter().all(|stream| answers[stream].body == b"x"));
    assert!(backend.is_quiet());
}

#[test]
fn a_backend_is_asked_for_no_more_streams_than_it_takes() {
    let backend = Backside::new();
    let proxy = proxy(&[backend.address]);
    let mut client = Client::over(proxy.connect());
    let first = client.get("/1");
    let mut one = Server::new(backend.accept().stream, &[0, 3, 0, 0, 0, 1]);
    let request = one.request();
    one.answer(request.stream, "1");
    client.answer(first);
    let streams = [client.get("/2"), client.get("/3")];
    let held = one.request();
    let mut two = serve(&backend);
    let other = two.request();
    two.answer(other.stream, "two");
    one.answer(held.stream, "one");
    let answers = client.answers(&streams);
    assert!(streams.iter().all(|stream| answers[stream].status() == "200"));
}

/// What was sent to the proxy before has been dealt with.
fn settle(proxy: &mut Proxy) {
    for _ in 0..3 {
        proxy.explain(proxy.address, "example.org", "/");
    }
}

/// The limits that leave room for one exchange with a backend of HTTP/2 and the start of another.
fn cramped() -> [weir_base::Limits; 2] {
    let limits = harness::limits();
    [
        weir_base::Limits { backend_connections: 1, ..limits.clone() },
        weir_base::Limits { buffers: 7, ..limits },
    ]
}

fn cramped_proxy(limits: weir_base::Limits, backend: &Backside, patience: Duration) -> Proxy {
    let (mut state, socket) = harness::state(&[backend.address]);
    if let Some(cluster) = state.clusters.get_mut("app") {
        cluster.http2 = true;
    }
    state.listeners.values_mut().for_each(|listener| listener.connect_timeout = patience);
    Proxy::with(harness::settings(limits), (state, socket))
}

#[test]
fn a_request_waits_for_room_for_its_stream() {
    for limits in cramped() {
        let backend = Backside::new();
        let mut proxy = cramped_proxy(limits, &backend, Duration::from_secs(10));
        let (mut one, mut two) = (proxy.connect(), proxy.connect());
        get(&mut one, "/1");
        let mut server = Server::new(backend.accept().stream, &[0, 3, 0, 0, 0, 1]);
        let first = server.request();
        get(&mut two, "/2");
        settle(&mut proxy);
        server.answer(first.stream, "1");
        assert!(one.head().starts_with("HTTP/1.1 200 OK\r\n"));
        let second = server.request();
        assert_eq!(second.fields[":path"], "/2");
        server.answer(second.stream, "2");
        assert!(two.head().starts_with("HTTP/1.1 200 OK\r\n"));
        assert!(backend.is_quiet(), "one connection");
    }
}

#[test]
fn nobody_waits_for_room_for_ever() {
    for limits in cramped() {
        let backend = Backside::new();
        let mut proxy = cramped_proxy(limits, &backend, Duration::from_millis(300));
        let (mut one, mut two) = (proxy.connect(), proxy.connect());
        get(&mut one, "/1");
        let mut server = Server::new(backend.accept().stream, &[0, 3, 0, 0, 0, 1]);
        let first = server.request();
        get(&mut two, "/2");
        assert!(two.head().starts_with("HTTP/1.1 503 Service Unavailable\r\n"));
        // Who gives up leaves the line.
        let mut three = Client::over(proxy.connect());
        let given_up = three.get("/3");
        settle(&mut proxy);
        three.send(Kind::RstStream, 0, given_up, &[0, 0, 0, 8]);
        settle(&mut proxy);
        server.answer(first.stream, "1");
        assert!(one.head().starts_with("HTTP/1.1 200 OK\r\n"));
        one.until("0\r\n\r\n");
        get(&mut one, "/4");
        let last = server.request();
        assert_eq!(last.fields[":path"], "/4");
        server.answer(last.stream, "4");
        assert!(one.head().starts_with("HTTP/1.1 200 OK\r\n"));
    }
}

#[test]
fn bodies_and_trailers_pass_both_ways() {
    let backend = Backside::new();
    let proxy = proxy(&[backend.address]);
    let mut client = Client::over(proxy.connect());
    let stream = client.open("POST", "/", &[("te", "trailers")], false);
    client.send(Kind::Data, 0, stream, b"question");
    let mut server = serve(&backend);
    let request = server.request();
    assert_eq!(request.fields["te"], "trailers");
    server.heads(request.stream, &[(":status", "200"), ("content-type", "text")], false);
    server.data(request.stream, b"half", false);
    client.trailers(stream, &[("x-sum", "1")]);
    let (body, trailers) = server.body(request.stream);
    assert_eq!((&body[..], &*trailers["x-sum"]), (&b"question"[..], "1"));
    server.data(request.stream, b" answer", false);
    server.heads(request.stream, &[("grpc-status", "0"), ("x-more", "2")], true);
    let answer = client.answer(stream);
    assert_eq!((&answer.body[..], answer.status()), (&b"half answer"[..], "200"));
    assert_eq!((&*answer.trailers["grpc-status"], &*answer.trailers["x-more"]), ("0", "2"));
}

#[test]
fn trailers_pass_between_versions() {
    let backend = Backside::new();
    let proxy = proxy(&[backend.address]);
    let mut client = proxy.connect();
    client.send("POST / HTTP/1.1\r\nHost: x\r\nTE: trailers\r\nConnection: TE\r\n");
    client.send("Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\nX-Sum: 7\r\n\r\n");
    let mut server = serve(&backend);
    let request = server.request();
    let (body, trailers) = server.body(request.stream);
    assert_eq!((&body[..], &*trailers["x-sum"]), (&b"abc"[..], "7"));
    server.heads(request.stream, &[(":status", "200")], false);
    server.data(request.stream, b"xyz", false);
    server.heads(request.stream, &[("x-done", "yes")], true);
    client.until("\r\n\r\n3\r\nxyz\r\n0\r\nx-done: yes\r\n\r\n");
}

#[test]
fn a_response_that_is_only_trailers_has_no_body() {
    let backend = Backside::new();
    let proxy = proxy(&[backend.address]);
    let mut client = Client::over(proxy.connect());
    let stream = client.open("POST", "/svc/method", &[("te", "trailers")], true);
    let mut server = serve(&backend);
    let request = server.request();
    server.heads(request.stream, &[(":status", "200"), ("grpc-status", "5")], true);
    let answer = client.answer(stream);
    assert_eq!((&*answer.fields["grpc-status"], answer.body.len()), ("5", 0));
    assert!(!answer.fields.contains_key("content-length"), "{answer:?}");
    let mut old = proxy.connect();
    get(&mut old, "/");
    let request = server.request();
    server.heads(request.stream, &[(":status", "200")], true);
    assert!(old.head().contains("\r\nContent-Length: 0\r\n"));
}

#[test]
fn interim_responses_and_heads_without_bodies_pass() {
    let backend = Backside::new();
    let proxy = proxy(&[backend.address]);
    let mut client = proxy.connect();
    client.send("HEAD / HTTP/1.1\r\nHost: x\r\n\r\n");
    let mut server = serve(&backend);
    let request = server.request();
    server.heads(request.stream, &[(":status", "103"), ("link", "</a>")], false);
    let head = client.head();
    assert!(head.starts_with("HTTP/1.1 103 ") && head.contains("link: </a>\r\n"), "{head}");
    server.heads(request.stream, &[(":status", "200"), ("content-length", "99")], true);
    assert!(client.head().contains("\r\nContent-Length: 99\r\n"));
    get(&mut client, "/next");
    let request = server.request();
    server.answer(request.stream, "next");
    client.until("4\r\nnext\r\n0\r\n\r\n");
}

#[test]
fn what_a_backend_has_not_touched_is_asked_of_another() {
    let [first, second] = [Backside::new(), Backside::new()];
    let proxy = proxy(&[first.address, second.address]);
    let mut client = Client::over(proxy.connect());
    let stream = client.open("POST", "/", &[("content-length", "0")], true);
    let (index, peer) = Backside::accept_any(&[&first, &second]);
    let (mut one, other) = (Server::over(peer), [&second, &first][index]);
    let request = one.request();
    one.reset(request.stream, 7);
    let mut two = serve(other);
    let request = two.request();
    two.answer(request.stream, "two");
    assert_eq!(client.answer(stream).body, b"two");
    // And so is what a backend that goes away does not count among its own.
    let streams = [client.get("/a"), client.get("/b")];
    let (kept, left) = (one.request(), two.request());
    goaway(&mut two, left.stream - 2);
    let again = one.request();
    for request in [&kept, &again] {
        one.answer(request.stream, "one");
    }
    let answers = client.answers(&streams);
    assert!(streams.iter().all(|stream| answers[stream].body == b"one"));
}

#[test]
fn a_connection_that_is_lost_costs_what_may_have_been_done() {
    let backend = Backside::new();
    let proxy = proxy(&[backend.address]);
    let mut client = Client::over(proxy.connect());
    let first = client.get("/");
    let mut server = serve(&backend);
    let request = server.request();
    server.answer(request.stream, "warm");
    client.answer(first);
    let [post, get] = [client.open("POST", "/post", &[], true), client.get("/get")];
    server.request();
    server.request();
    drop(server);
    let mut server = serve(&backend);
    let request = server.request();
    assert_eq!(request.fields[":path"], "/get", "repeated");
    server.answer(request.stream, "again");
    let answers = client.answers(&[post, get]);
    assert_eq!((answers[&post].status(), &answers[&get].body[..]), ("502", &b"again"[..]));
}

#[test]
fn a_client_that_leaves_costs_its_stream_alone() {
    let backend = Backside::new();
    let proxy = proxy(&[backend.address]);
    let mut leaves = Client::over(proxy.connect());
    let mut stays = proxy.connect();
    let stream = leaves.get("/leaves");
    let mut server = serve(&backend);
    let left = server.request();
    get(&mut stays, "/stays");
    let request = server.request();
    leaves.send(Kind::RstStream, 0, stream, &[0, 0, 0, 8]);
    let reset = server.frame(Kind::RstStream);
    assert_eq!((reset.stream, &reset.payload[..]), (left.stream, &[0, 0, 0, 8][..]), "CANCEL");
    server.answer(request.stream, "stays");
    stays.until("5\r\nstays\r\n0\r\n\r\n");
}

#[test]
fn a_client_that_does_not_read_holds_up_nobody() {
    let backend = Backside::new();
    let proxy = proxy(&[backend.address]);
    let mut slow = proxy.connect();
    get(&mut slow, "/slow");
    let mut server = serve(&backend);
    let large = server.request();
    server.heads(large.stream, &[(":status", "200")], false);
    server.data(large.stream, &[b'x'; 16_384], false);
    let mut quick = Client::over(proxy.connect());
    let stream = quick.get("/quick");
    let request = server.request();
    server.answer(request.stream, "quick");
    assert_eq!(quick.answer(stream).body, b"quick");
    server.data(large.stream, b"", true);
    slow.until("0\r\n\r\n");
}

#[test]
fn large_bodies_come_whole_and_windows_grow() {
    let backend = Backside::new();
    let proxy = proxy(&[backend.address]);
    let mut client = proxy.connect();
    get(&mut client, "/");
    let mut server = serve(&backend);
    let request = server.request();
    let body: Vec<u8> = (0..3_000_000_u32).map(|n| (n ^ (n >> 8)) as u8).collect();
    let length = body.len().to_string();
    server.heads(request.stream, &[(":status", "200"), ("content-length", &length)], false);
    let reader = std::thread::spawn(move || {
        client.head();
        client.exactly(3_000_000)
    });
    let (mut sent, mut window, mut widest) = (0, 16_384, 0);
    while sent < body.len() {
        let n = (body.len() - sent).min(window).min(16_384);
        if n == 0 {
            let update = server.frame(Kind::WindowUpdate);
            if update.stream == request.stream {
                let more = u32::from_be_bytes(update.payload[..].try_into().expect("four bytes"));
                window += more as usize;
                widest = widest.max(more);
            }
            continue;
        }
        sent += n;
        window -= n;
        server.data(request.stream, &body[sent - n..sent], sent == body.len());
    }
    assert!(reader.join().expect("read") == body);
    assert!(widest >= 65_535, "{widest}");
}

#[test]
fn a_backend_that_breaks_a_rule_is_answered_for() {
    let backend = Backside::new();
    let proxy = proxy(&[backend.address]);
    let mut client = Client::over(proxy.connect());
    let stream = client.get("/");
    let mut server = serve(&backend);
    let request = server.request();
    server.heads(request.stream, &[(":status", "200"), ("connection", "close")], false);
    assert_eq!(client.answer(stream).status(), "502");
    let stream = client.get("/");
    let request = server.request();
    server.heads(request.stream, &[(":status", "200"), ("content-length", "5")], false);
    server.data(request.stream, b"half", false);
    server.reset(request.stream, 2);
    assert!(client.answer(stream).reset.is_some(), "it was not complete");
    let stream = client.open("POST", "/", &[], true);
    server.request();
    server.0.send(Kind::Data, 0, 0, b"nonsense");
    assert_eq!(client.answer(stream).status(), "502");
    drop(server);
    let stream = client.get("/");
    let mut server = serve(&backend);
    let request = server.request();
    server.answer(request.stream, "well");
    assert_eq!(client.answer(stream).body, b"well");
}

const CONNECTS: [u8; 6] = [0, 8, 0, 0, 0, 1];

fn upgrade(peer: &mut Peer) {
    peer.send("GET /chat HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n");
    peer.send("Sec-WebSocket-Version: 13\r\n");
    peer.send("Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n");
}

fn connect(client: &mut Client<std::net::TcpStream>) -> u32 {
    let more = [("sec-websocket-version", "13")];
    client.extended_connect("websocket", "/chat", &more)
}

#[test]
fn websocket_of_an_old_client_reaches_a_new_backend() {
    let backend = Backside::new();
    let proxy = proxy(&[backend.address]);
    let mut client = proxy.connect();
    upgrade(&mut client);
    let mut server = Server::new(backend.accept().stream, &CONNECTS);
    let request = server.request();
    let of = |name: &str| request.fields.get(name).map(String::as_str);
    assert_eq!((of(":method"), of(":protocol")), (Some("CONNECT"), Some("websocket")));
    assert_eq!((of(":path"), of(":authority")), (Some("/chat"), Some("x")));
    assert_eq!((of("sec-websocket-version"), of("sec-websocket-key")), (Some("13"), None));
    assert!(!request.end);
    server.heads(request.stream, &[(":status", "200"), ("sec-websocket-protocol", "p")], false);
    let head = client.head();
    assert!(head.starts_with("HTTP/1.1 101 Switching Protocols\r\n"), "{head}");
    assert!(head.contains("\r\nSec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n"), "{head}");
    assert!(head.contains("\r\nUpgrade: websocket\r\n"), "{head}");
    client.send("ping");
    assert_eq!(server.frame(Kind::Data).payload, b"ping");
    server.data(request.stream, b"pong", false);
    assert_eq!(client.exactly(4), b"pong");
    client.close_write();
    assert_eq!(server.body(request.stream).0, b"");
    server.data(request.stream, b"bye", true);
    assert_eq!(client.rest(), "bye");
}

#[test]
fn websocket_of_a_new_client_reaches_both_kinds_of_backends() {
    let (old, new) = (Backside::new(), Backside::new());
    let plain = Proxy::to(&[old.address]);
    let mut client = Client::over(plain.connect());
    let stream = connect(&mut client);
    let mut peer = old.accept();
    let head = peer.head();
    assert!(head.starts_with("GET /chat HTTP/1.1\r\nHost: example.org\r\n"), "{head}");
    assert!(head.contains("\r\nUpgrade: websocket\r\n"), "{head}");
    assert!(head.contains("\r\nSec-WebSocket-Key: "), "{head}");
    peer.send("HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n");
    peer.send("Sec-WebSocket-Accept: x\r\n\r\nhello");
    let fields = client.head(stream);
    assert_eq!(fields[":status"], "200");
    assert!(!fields.contains_key("sec-websocket-accept") && !fields.contains_key("upgrade"));
    client.send(Kind::Data, 0, stream, b"ping");
    assert_eq!(peer.exactly(4), b"ping");
    client.send(Kind::Data, 1, stream, b"");
    assert_eq!(peer.rest(), "");
    drop(peer);
    assert_eq!(client.answer(stream).body, b"hello");

    let shared = proxy(&[new.address]);
    let mut client = Client::over(shared.connect());
    let stream = connect(&mut client);
    let mut server = Server::new(new.accept().stream, &CONNECTS);
    let request = server.request();
    assert_eq!(request.fields[":protocol"], "websocket");
    server.heads(request.stream, &[(":status", "200")], false);
    assert_eq!(client.head(stream)[":status"], "200");
    client.send(Kind::Data, 0, stream, b"ping");
    assert_eq!(server.frame(Kind::Data).payload, b"ping");
    server.data(request.stream, b"pong", true);
    assert_eq!(client.answer(stream).body, b"pong");
}

#[test]
fn a_backend_that_does_not_take_websocket_is_not_asked() {
    let backend = Backside::new();
    let proxy = proxy(&[backend.address]);
    let mut client = proxy.connect();
    upgrade(&mut client);
    let _server = serve(&backend);
    assert!(client.head().starts_with("HTTP/1.1 502 "));
}

/// A backend may greet before the proxy has looked whether the connection is made.
#[test]
fn a_backend_that_speaks_at_once_is_heard() {
    const ROUNDS: usize = 100;
    let backend = Backside::new();
    let proxy = proxy(&[backend.address]);
    let server = std::thread::spawn(move || {
        let mut kept = Vec::new();
        for _ in 0..ROUNDS {
            let mut peer = backend.accept();
            // Empty settings.
            peer.send_bytes(&[0, 0, 0, 4, 0, 0, 0, 0, 0]);
            let mut server = Server::greeted(peer.stream);
            let asked = server.request();
            goaway(&mut server, asked.stream);
            server.answer(asked.stream, "heard");
            kept.push(server);
        }
        kept
    });
    for _ in 0..ROUNDS {
        let mut client = proxy.connect();
        get(&mut client, "/");
        assert_eq!(client.until("heard").matches("heard").count(), 1);
    }
    drop(server.join().expect("all were served"));
}
