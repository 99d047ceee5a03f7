//! Exchanges through a whole worker: real sockets, scripted peers.

mod harness;

use harness::{Backside, Proxy};

const GET: &str = "GET /a?b=c HTTP/1.1\r\nHost: example.org\r\nUser-Agent: t\r\n\r\n";

#[test]
fn a_request_reaches_the_backend_and_its_response_the_client() {
    let back = Backside::new();
    let proxy = Proxy::to(&[back.address]);
    let mut client = proxy.connect();
    client.send(GET);
    let mut server = back.accept();
    let head = server.head();
    assert!(head.starts_with("GET /a?b=c HTTP/1.1\r\nHost: example.org\r\n"), "{head}");
    assert!(head.contains("\r\nX-Forwarded-For: 127.0.0.1\r\n"), "{head}");
    assert!(head.contains("\r\nX-Forwarded-Proto: http\r\n"), "{head}");
    server.send("HTTP/1.1 200 OK\r\nContent-Length: 5\r\nX-A: b\r\n\r\nhello");
    let head = client.head();
    assert!(head.starts_with("HTTP/1.1 200 OK\r\nX-A: b\r\n"), "{head}");
    assert!(head.contains("\r\nSozu-Id: "), "{head}");
    assert_eq!(client.exactly(5), b"hello");
}

#[test]
fn connections_are_kept_on_both_sides() {
    let back = Backside::new();
    let proxy = Proxy::to(&[back.address]);
    let mut client = proxy.connect();
    let mut server = None;
    for _ in 0..3 {
        client.send(GET);
        let server = server.get_or_insert_with(|| back.accept());
        server.head();
        server.send("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
        client.head();
        assert_eq!(client.exactly(2), b"ok");
    }
    assert!(back.is_quiet(), "one connection serves all");
}

#[test]
fn pipelined_requests_are_answered_in_order() {
    let back = Backside::new();
    let proxy = Proxy::to(&[back.address]);
    let mut client = proxy.connect();
    let pipeline: String = (0..5).map(|n| GET.replace("/a", &format!("/{n}"))).collect();
    client.send(&pipeline);
    let mut server = back.accept();
    for n in 0..5 {
        assert!(server.head().starts_with(&format!("GET /{n}?b=c ")));
        server.send(&format!("HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n{n}"));
    }
    for n in 0..5 {
        client.head();
        assert_eq!(client.exactly(1), n.to_string().as_bytes());
    }
}
