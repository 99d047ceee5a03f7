//! Connections of TCP: bytes pass as they are, clients are told apart by what their ClientHello
//! says, and PROXY protocol headers are read, written and sent on.

mod harness;

use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::sync::Arc;
use std::time::Duration;

use harness::tls::{Authority, listener_tls};
use harness::{Backside, Peer, Proxy, backend, cluster, frontend};
use rustls::ClientConnection;
use weir_control::channel::ToWorker;
use weir_control::order::Order;
use weir_control::state::{Carries, Cluster, Frontend, Listener, ProxyMode, State};
use weir_l4::proxy::{Encoder, Parsed, Transport, kind, parse};

/// A listener of TCP in front of these backends, with what `change` makes of it.
fn proxy(backends: &[SocketAddr], change: impl FnOnce(&mut State, SocketAddr)) -> Proxy {
    Proxy::changed(backends, |state, address| {
        only(state).carries = Carries::Tcp;
        change(state, address);
    })
}

fn only(state: &mut State) -> &mut Listener {
    state.listeners.values_mut().next().expect("there is one")
}

fn app(state: &mut State) -> &mut Cluster {
    state.clusters.get_mut("app").expect("there is one")
}

/// Adds a cluster `name` of one backend, for clients that ask for this server and protocol.
fn serve(
    state: &mut State,
    at: SocketAddr,
    name: &str,
    (sni, alpn): (&str, Option<&str>),
    to: SocketAddr,
) {
    state.clusters.insert(name.into(), Cluster { id: name.into(), ..cluster() });
    let mut server = backend(name, to);
    server.cluster = name.into();
    state.backends.push(server);
    state.frontends.push(Frontend {
        hostname: sni.into(),
        method: alpn.map(Into::into),
        cluster: Some(name.into()),
        ..frontend(at)
    });
}

#[test]
fn bytes_pass_both_ways_until_both_sides_have_ended() {
    let backend = Backside::new();
    let proxy = proxy(&[backend.address], |_, _| {});
    let mut client = proxy.connect();
    let mut server = backend.accept();
    server.send("220 ready\r\n");
    assert_eq!(client.until("\r\n"), "220 ready\r\n", "a server may speak first");
    client.send("question\n");
    client.close_write();
    assert_eq!(server.rest(), "question\n", "the end of one side is passed on");
    server.send("answer\n");
    assert_eq!(client.until("\n"), "answer\n", "and the other side goes on");
    drop(server);
    assert_eq!(client.rest(), "");
}

#[test]
fn bytes_come_whole_and_in_order() {
    const LENGTH: usize = 24 << 20;
    let backend = Backside::new();
    let proxy = proxy(&[backend.address], |_, _| {});
    let mut client = proxy.connect();
    let server = backend.accept();
    let byte = |at: usize| (at / 7 % 251) as u8;
    let send = move |mut stream: TcpStream| {
        let bytes: Vec<u8> = (0..LENGTH).map(byte).collect();
        stream.write_all(&bytes).expect("sent");
        stream.shutdown(std::net::Shutdown::Write).expect("shut");
    };
    let receive = move |mut stream: TcpStream| {
        let mut bytes = Vec::new();
        stream.read_to_end(&mut bytes).expect("received");
        assert!(bytes.iter().enumerate().all(|(at, b)| *b == byte(at)), "{}", bytes.len());
        assert_eq!(bytes.len(), LENGTH);
    };
    let clone = |peer: &Peer| peer.stream.try_clone().expect("cloned");
    let (up, down) = (clone(&client), clone(&server));
    let threads = [std::thread::spawn(move || send(up)), std::thread::spawn(move || send(down))];
    let other = server.stream;
    let reader = std::thread::spawn(move || receive(other));
    receive(clone(&client));
    reader.join().expect("all came");
    for thread in threads {
        thread.join().expect("all went");
    }
    assert_eq!(client.rest(), "");
}

#[test]
fn a_backend_that_refuses_is_passed_over() {
    let gone = Backside::new().address;
    let backend = Backside::new();
    let proxy = proxy(&[gone, backend.address], |_, _| {});
    for _ in 0..2 {
        let mut client = proxy.connect();
        client.send("x");
        let mut server = backend.accept();
        assert_eq!(server.exactly(1), b"x");
        server.send("y");
        assert_eq!(client.exactly(1), b"y");
    }
}

#[test]
fn a_client_for_whom_there_is_nobody_is_sent_away() {
    let gone = Backside::new().address;
    assert_eq!(proxy(&[gone], |_, _| {}).connect().rest(), "");
    assert_eq!(proxy(&[], |_, _| {}).connect().rest(), "");
    let routeless = proxy(&[], |state, _| state.frontends = Default::default());
    assert_eq!(routeless.connect().rest(), "");
}

#[test]
fn a_connection_on_which_nothing_happens_is_ended() {
    let backend = Backside::new();
    let proxy = proxy(&[backend.address], |state, _| {
        only(state).front_timeout = Duration::from_millis(300);
    });
    let mut client = proxy.connect();
    let mut server = backend.accept();
    assert_eq!(client.rest(), "");
    assert_eq!(server.rest(), "");
}

#[test]
fn an_address_has_so_many_connections() {
    let backend = Backside::new();
    let proxy = proxy(&[backend.address], |state, _| {
        app(state).max_connections_per_ip = Some(1);
    });
    let mut one = proxy.connect();
    let mut server = backend.accept();
    assert_eq!(proxy.connect().rest(), "");
    one.send("still");
    assert_eq!(server.exactly(5), b"still");
    drop((one, server));
}

#[test]
fn a_drain_lets_pipes_finish() {
    let backend = Backside::new();
    let mut proxy = proxy(&[backend.address], |_, _| {});
    let mut client = proxy.connect();
    let mut server = backend.accept();
    proxy.start_drain(Duration::from_secs(3600));
    client.send("late");
    assert_eq!(server.exactly(4), b"late");
    server.send("but heard");
    assert_eq!(client.exactly(9), b"but heard");
    drop((client, server));
    assert_eq!(proxy.drained(), 0);
}

/// The first bytes of a TLS client.
fn hello(name: &str, alpn: &[&str]) -> Vec<u8> {
    let mut config = Authority::new("ca").client();
    config.alpn_protocols = alpn.iter().map(|protocol| protocol.as_bytes().to_vec()).collect();
    let name = name.to_owned().try_into().expect("a name");
    let mut client = ClientConnection::new(Arc::new(config), name).expect("a client");
    let mut bytes = Vec::new();
    client.write_tls(&mut bytes).expect("written");
    bytes
}

#[test]
fn clients_of_tls_are_told_apart_by_name_and_protocol() {
    let sides: Vec<_> = std::iter::repeat_with(Backside::new).take(5).collect();
    let proxy = proxy(&[sides[0].address], |state, at| {
        serve(state, at, "one", ("one.example", None), sides[1].address);
        serve(state, at, "wild", ("*.wild.example", None), sides[2].address);
        serve(state, at, "one-h2", ("one.example", Some("h2")), sides[3].address);
        serve(state, at, "two", ("two.example", Some("http/1.1")), sides[1].address);
        serve(state, at, "mail", ("*", Some("imap")), sides[4].address);
    });
    let cases = [
        (hello("one.example", &[]), 1),
        (hello("ONE.example", &["http/1.1"]), 1),
        (hello("one.example", &["http/1.1", "h2"]), 3),
        (hello("two.example", &["h2", "http/1.1"]), 1),
        (hello("a.wild.example", &[]), 2),
        (hello("other.example", &["imap"]), 4),
        (hello("other.example", &[]), 0),
        (b"GET / HTTP/1.0\r\n\r\n".to_vec(), 0),
    ];
    let all: Vec<_> = sides.iter().collect();
    for (bytes, side) in cases {
        let mut client = proxy.connect();
        client.send_bytes(&bytes);
        let (found, mut server) = Backside::accept_any(&all);
        assert_eq!(found, side, "{}", String::from_utf8_lossy(&bytes));
        assert_eq!(server.exactly(bytes.len()), bytes, "all of it is passed on");
    }
}

#[test]
fn a_client_hello_may_come_in_pieces() {
    let (other, side) = (Backside::new(), Backside::new());
    let proxy = proxy(&[other.address], |state, at| {
        serve(state, at, "one", ("one.example", None), side.address);
    });
    let bytes = hello("one.example", &[]);
    let mut client = proxy.connect();
    client.stream.set_nodelay(true).expect("set");
    for piece in bytes.chunks(20) {
        client.send_bytes(piece);
        assert!(other.is_quiet());
    }
    let mut server = side.accept();
    assert_eq!(server.exactly(bytes.len()), bytes);
}

#[test]
fn a_client_that_cannot_be_told_is_sent_away_or_led_to_the_rest() {
    let (rest, side) = (Backside::new(), Backside::new());
    let choosy = |state: &mut State, at| {
        serve(state, at, "one", ("one.example", None), side.address);
        only(state).request_timeout = Duration::from_millis(300);
    };
    let lenient = proxy(&[rest.address], choosy);
    let mut silent = lenient.connect();
    let mut server = rest.accept();
    server.send("hello?");
    assert_eq!(silent.exactly(6), b"hello?", "who says nothing waits for the server");

    let strict = proxy(&[], |state, at| {
        state.frontends = Default::default();
        choosy(state, at);
    });
    assert_eq!(strict.connect().rest(), "", "a silent one");
    for bytes in [&b"SSH-2.0-x\r\n"[..], &hello("other.example", &[]), &[22, 3, 1, 255, 255, 1]] {
        let mut client = strict.connect();
        client.send_bytes(bytes);
        assert_eq!(client.rest(), "");
    }
    assert!(side.is_quiet());
}

#[test]
fn routes_of_names_come_and_go() {
    let (rest, side) = (Backside::new(), Backside::new());
    let mut proxy = proxy(&[rest.address], |_, _| {});
    let mut named = Frontend { hostname: "one.example".into(), ..frontend(proxy.address) };
    named.cluster = Some("one".into());
    let mut server = backend("one", side.address);
    server.cluster = "one".into();
    proxy.transact(vec![
        Order::Cluster(Cluster { id: "one".into(), ..cluster() }),
        Order::Backend(server),
        Order::Frontend(Box::new(named.clone())),
    ]);
    let mut client = proxy.connect();
    client.send_bytes(&hello("one.example", &[]));
    drop(side.accept());
    proxy.transact(vec![Order::RemoveFrontend(named.id())]);
    // Nothing has to be said any more.
    let client = proxy.connect();
    rest.accept().send("first");
    drop(client);
}

const SOURCE: &str = "192.0.2.7:4567";
const DESTINATION: &str = "198.51.100.1:443";

/// A header of version 2, with a unique id.
fn announcement() -> Vec<u8> {
    let mut bytes = Vec::new();
    let (source, destination) = (SOURCE.parse().expect("a"), DESTINATION.parse().expect("b"));
    let encoder = Encoder::inet(&mut bytes, Transport::Stream, source, destination);
    encoder.tlv(kind::UNIQUE_ID, b"me").checksum().finish().expect("written");
    bytes
}

#[test]
fn requests_are_of_whom_the_header_names() {
    let backend = Backside::new();
    let proxy = Proxy::changed(&[backend.address], |state, _| only(state).expect_proxy = true);
    let line = b"PROXY TCP4 192.0.2.7 198.51.100.1 4567 443\r\n".to_vec();
    for header in [announcement(), line] {
        let mut client = proxy.connect();
        client.stream.set_nodelay(true).expect("set");
        let (first, second) = header.split_at(13);
        client.send_bytes(first);
        client.send_bytes(second);
        client.send("GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
        let mut server = backend.accept();
        let head = server.head();
        assert!(head.contains("X-Forwarded-For: 192.0.2.7\r\n"), "{head}");
        assert!(head.contains("X-Forwarded-Port: 443\r\n"), "{head}");
        server.send("HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n");
        assert!(client.rest().starts_with("HTTP/1.1 204 "));
    }
}

#[test]
fn a_handshake_follows_the_header() {
    let backend = Backside::new();
    let authority = Authority::new("ca");
    let proxy = Proxy::changed(&[backend.address], |state, address| {
        let listener = only(state);
        listener.expect_proxy = true;
        listener.tls = Some(Box::new(listener_tls()));
        let certificate = authority.certificate(address, &["site.example"], i64::MAX);
        state.certificates.insert(certificate.id(), certificate);
    });
    let mut stream = TcpStream::connect(proxy.address).expect("connect");
    let name = "site.example".to_owned().try_into().expect("a name");
    let config = Arc::new(authority.client());
    let mut client = ClientConnection::new(config, name).expect("a client");
    let mut first = announcement();
    client.write_tls(&mut first).expect("written");
    stream.write_all(&first).expect("header and ClientHello at once");
    let mut secure = rustls::StreamOwned::new(client, stream);
    secure.write_all(b"GET / HTTP/1.1\r\nHost: site.example\r\n\r\n").expect("sent");
    let head = backend.accept().head();
    assert!(head.contains("X-Forwarded-For: 192.0.2.7\r\n"), "{head}");
}

#[test]
fn what_is_no_header_ends_the_connection() {
    let backend = Backside::new();
    let proxy = Proxy::changed(&[backend.address], |state, _| {
        only(state).expect_proxy = true;
        only(state).request_timeout = Duration::from_millis(300);
    });
    let mut broken = announcement();
    *broken.last_mut().expect("not empty") ^= 1;
    for bytes in [&b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"[..], &broken, b"PROXY TCP4 1", b""] {
        let mut client = proxy.connect();
        client.send_bytes(bytes);
        assert_eq!(client.rest(), "");
    }
    assert!(backend.is_quiet());
}

/// The header that a backend gets, and its bytes.
fn header(server: &mut Peer) -> (weir_l4::proxy::Header, Vec<u8>) {
    let mut bytes = Vec::new();
    loop {
        match parse(&bytes, 4096) {
            Parsed::Header(header) => return (header, bytes),
            Parsed::NotEnough(more) => bytes.extend(server.exactly(more)),
            Parsed::Invalid(error) => panic!("{error}"),
        }
    }
}

#[test]
fn backends_are_told_whom_they_serve() {
    let side = Backside::new();
    let proxy = proxy(&[side.address], |state, _| app(state).proxy = Some(ProxyMode::Send));
    let mut client = proxy.connect();
    client.send("data");
    let mut server = side.accept();
    let (header, _) = header(&mut server);
    let source = client.stream.local_addr().expect("bound");
    let (transport, destination) = (Transport::Stream, proxy.address);
    assert_eq!(header.origin, weir_l4::proxy::Origin::Inet { transport, source, destination });
    assert_eq!(server.exactly(4), b"data");
}

#[test]
fn a_header_is_sent_on_with_all_it_says() {
    let side = Backside::new();
    let proxy = proxy(&[side.address], |state, _| app(state).proxy = Some(ProxyMode::Relay));
    let mut client = proxy.connect();
    client.send_bytes(&announcement());
    client.send("data");
    let mut server = side.accept();
    let (header, bytes) = header(&mut server);
    let ids: Vec<_> = header.tlvs(&bytes).filter(|tlv| tlv.kind == kind::UNIQUE_ID).collect();
    assert_eq!(ids.len(), 1);
    assert_eq!(ids[0].value, b"me");
    let weir_l4::proxy::Origin::Inet { source, .. } = header.origin else { panic!("of whom?") };
    assert_eq!(source, SOURCE.parse().expect("an address"));
    assert_eq!(server.exactly(4), b"data");
}

#[test]
fn a_header_that_a_cluster_expects_is_read_and_dropped() {
    let side = Backside::new();
    let proxy = proxy(&[side.address], |state, _| {
        let app = app(state);
        app.proxy = Some(ProxyMode::Expect);
        app.max_connections_per_ip = Some(1);
    });
    let mut clients: Vec<_> = (0..2_u8)
        .map(|at| {
            let mut bytes = Vec::new();
            let source = SocketAddr::from((Ipv4Addr::new(192, 0, 2, at), 1));
            let to = DESTINATION.parse().expect("an address");
            let encoder = Encoder::inet(&mut bytes, Transport::Stream, source, to);
            encoder.finish().expect("written");
            let mut client = proxy.connect();
            client.send_bytes(&bytes);
            client.send("data");
            let mut server = side.accept();
            assert_eq!(server.exactly(4), b"data");
            (client, server)
        })
        .collect();
    for (client, server) in &mut clients {
        server.send("both are served");
        assert_eq!(client.exactly(15), b"both are served");
    }
}

/// One that serves the same listener as another.
fn heir(one: &Proxy, backend: &Backside, change: impl FnOnce(&mut Listener)) -> Proxy {
    Proxy::changed(&[backend.address], |state, address| {
        let mut listener = state.listeners.remove(&address).expect("a listener");
        listener.address = one.address;
        change(&mut listener);
        state.listeners.insert(one.address, listener);
        state.frontends = Default::default();
        state.frontends.push(frontend(one.address));
    })
}

fn retire(proxy: &mut Proxy) {
    proxy.say(&ToWorker::Retire { deadline: Duration::from_secs(30) });
}

#[test]
fn a_pipe_passes_to_another_worker() {
    let backend = Backside::new();
    let mut old = proxy(&[backend.address], |_, _| {});
    let mut new = heir(&old, &backend, |listener| listener.carries = Carries::Tcp);
    let mut client = old.connect();
    let mut server = backend.accept();
    server.send("220 ready\r\n");
    client.until("\r\n");
    retire(&mut old);
    let (passed, descriptors) = old.passed();
    assert_eq!(old.drained(), 0);
    client.send("question\n");
    new.adopt(passed, &descriptors);
    drop(descriptors);
    server.until("question\n");
    server.send("answer\n");
    client.until("answer\n");
    client.close_write();
    assert_eq!(server.rest(), "");
}

#[test]
fn whom_a_header_named_is_known_to_another_worker() {
    let backend = Backside::new();
    let expects = |listener: &mut Listener| listener.expect_proxy = true;
    let mut old = Proxy::changed(&[backend.address], |state, _| expects(only(state)));
    let mut new = heir(&old, &backend, expects);
    let request = "GET / HTTP/1.1\r\nHost: a.example\r\n\r\n";
    let mut silent = old.connect();
    let mut client = old.connect();
    client.send_bytes(&announcement());
    client.send(request);
    let mut server = backend.accept();
    let before = server.head();
    server.send("HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\none");
    client.until("one");
    retire(&mut old);
    let both = [old.passed(), old.passed()];
    assert_eq!(old.drained(), 0);
    for (passed, descriptors) in both {
        new.adopt(passed, &descriptors);
    }
    let source = |head: &str| {
        let mut lines = head.lines();
        lines.find(|line| line.starts_with("X-Forwarded-For: ")).map(str::to_owned)
    };
    let ask = |client: &mut Peer| {
        client.send(request);
        let mut server = backend.accept();
        let after = server.head();
        server.send("HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 3\r\n\r\ntwo");
        client.until("two");
        assert!(source(&before).is_some());
        assert_eq!(source(&after), source(&before));
    };
    ask(&mut client);
    // Of the other one nothing had come.
    silent.send_bytes(&announcement());
    ask(&mut silent);
}
