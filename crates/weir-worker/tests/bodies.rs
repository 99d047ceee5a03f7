//! Bodies in both directions, however they are delimited.

mod harness;

use harness::{Backside, Proxy};

const GET: &str = "GET / HTTP/1.1\r\nHost: h\r\n\r\n";

#[test]
fn a_chunked_upload_is_framed_anew_with_its_trailers() {
    let back = Backside::new();
    let proxy = Proxy::to(&[back.address]);
    let mut client = proxy.connect();
    client.send("POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n3;x=y\r\nabc\r\n");
    let mut server = back.accept();
    assert!(server.head().contains("\r\nTransfer-Encoding: chunked\r\n"));
    assert_eq!(server.until("abc"), "3\r\nabc");
    client.send("2\r\nde\r\n0\r\nX-Sum: 1\r\n\r\n");
    assert_eq!(server.until("\r\n\r\n"), "\r\n2\r\nde\r\n0\r\nX-Sum: 1\r\n\r\n");
    server.send("HTTP/1.1 204 No Content\r\n\r\n");
    assert!(client.head().starts_with("HTTP/1.1 204 No Content\r\n"));
}

#[test]
fn large_bodies_arrive_whole_in_both_directions() {
    let body: Vec<u8> = (0..3_000_000u32).map(|n| (n * 7 % 251) as u8).collect();
    let back = Backside::new();
    let proxy = Proxy::to(&[back.address]);
    let mut client = proxy.connect();
    let mut sender = harness::Peer::new(client.stream.try_clone().expect("clone"));
    let upload = body.clone();
    let uploading = std::thread::spawn(move || {
        sender.send(&format!(
            "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: {}\r\n\r\n",
            upload.len()
        ));
        sender.send_bytes(&upload);
    });
    let mut server = back.accept();
    server.head();
    let received = server.exactly(body.len());
    uploading.join().expect("sent");
    assert!(received == body, "the upload arrives as it was sent");
    let download = body.clone();
    let serving = std::thread::spawn(move || {
        server.send(&format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", download.len()));
        server.send_bytes(&download);
        server
    });
    client.head();
    assert!(client.exactly(body.len()) == body, "the download arrives as it was sent");
    serving.join().expect("served");
}

#[test]
fn a_response_that_ends_with_the_connection_becomes_chunked() {
    let back = Backside::new();
    let proxy = Proxy::to(&[back.address]);
    let mut client = proxy.connect();
    client.send(GET);
    let mut server = back.accept();
    server.head();
    server.send("HTTP/1.0 200 OK\r\n\r\nabc");
    let head = client.head();
    assert!(head.contains("\r\nTransfer-Encoding: chunked\r\n"), "{head}");
    assert_eq!(client.until("abc"), "3\r\nabc");
    drop(server);
    assert_eq!(client.until("0\r\n\r\n"), "\r\n0\r\n\r\n");
    client.send(GET);
    let mut server = back.accept();
    server.head();
    server.send("HTTP/1.1 204 No Content\r\n\r\n");
    client.head();
}

#[test]
fn an_old_client_gets_no_chunks_and_its_connection_closes() {
    let back = Backside::new();
    let proxy = Proxy::to(&[back.address]);
    let mut client = proxy.connect();
    client.send("GET / HTTP/1.0\r\nHost: h\r\n\r\n");
    let mut server = back.accept();
    assert!(server.head().starts_with("GET / HTTP/1.1\r\n"));
    server.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n");
    let all = client.rest();
    assert!(all.ends_with("\r\nConnection: close\r\n\r\nabc"), "{all}");
}

#[test]
fn a_truncated_response_is_never_taken_for_a_whole_one() {
    let back = Backside::new();
    let proxy = Proxy::to(&[back.address]);
    for (version, response) in [
        ("1.1", "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc"),
        ("1.1", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n9\r\nabc"),
    ] {
        let mut client = proxy.connect();
        client.send(&format!("GET / HTTP/{version}\r\nHost: h\r\n\r\n"));
        let mut server = back.accept();
        server.head();
        server.send(response);
        client.until("abc");
        drop(server);
        assert_eq!(client.rest(), "", "the connection closes without an end of the message");
    }
}

#[test]
fn interim_responses_are_passed_on() {
    let back = Backside::new();
    let proxy = Proxy::to(&[back.address]);
    let mut client = proxy.connect();
    client.send("PUT / HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\nContent-Length: 3\r\n\r\n");
    let mut server = back.accept();
    assert!(server.head().contains("\r\nExpect: 100-continue\r\n"));
    server.send("HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\nHTTP/1.1 100 Continue\r\n\r\n");
    assert_eq!(client.head(), "HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n");
    assert_eq!(client.head(), "HTTP/1.1 100 Continue\r\n\r\n");
    client.send("abc");
    assert_eq!(server.exactly(3), b"abc");
    server.send("HTTP/1.1 201 Created\r\nContent-Length: 0\r\n\r\n");
    assert!(client.head().starts_with("HTTP/1.1 201 Created\r\n"));
}

#[test]
fn head_and_not_modified_have_lengths_and_no_bodies() {
    let back = Backside::new();
    let proxy = Proxy::to(&[back.address]);
    let mut client = proxy.connect();
    client.send("HEAD / HTTP/1.1\r\nHost: h\r\n\r\n");
    let mut server = back.accept();
    server.head();
    server.send("HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n");
    assert!(client.head().contains("\r\nContent-Length: 1000\r\n"));
    client.send(GET);
    server.head();
    server.send("HTTP/1.1 304 Not Modified\r\nContent-Length: 7\r\n\r\n");
    assert!(client.head().starts_with("HTTP/1.1 304 Not Modified\r\n"));
    client.send(GET);
    server.head();
}

#[test]
fn an_early_response_reaches_a_client_that_is_still_sending() {
    let back = Backside::new();
    let proxy = Proxy::to(&[back.address]);
    let mut client = proxy.connect();
    client.send("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 1000000\r\n\r\nabc");
    let mut server = back.accept();
    server.head();
    server
        .send("HTTP/1.1 413 Content Too Large\r\nConnection: close\r\nContent-Length: 2\r\n\r\nno");
    drop(server);
    let all = client.rest();
    assert!(all.starts_with("HTTP/1.1 413 Content Too Large\r\n"), "{all}");
    assert!(all.ends_with("\r\n\r\nno") && all.contains("\r\nConnection: close\r\n"), "{all}");
}

#[test]
fn both_directions_of_an_exchange_may_run_at_once() {
    let back = Backside::new();
    let proxy = Proxy::to(&[back.address]);
    let mut client = proxy.connect();
    client.send("POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n");
    let mut server = back.accept();
    server.head();
    server.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n");
    client.head();
    for byte in ["b", "c", "d"] {
        client.send(&format!("1\r\n{byte}\r\n"));
        server.until(byte);
        server.send(&format!("1\r\n{byte}\r\n"));
        client.until(byte);
    }
    server.send("0\r\n\r\n");
    client.until("0\r\n\r\n");
    client.send("0\r\n\r\n");
    server.until("0\r\n\r\n");
    client.send(GET);
    server.head();
}

#[test]
fn an_upgrade_becomes_a_pipe_and_loses_no_byte() {
    let back = Backside::new();
    let proxy = Proxy::to(&[back.address]);
    let mut client = proxy.connect();
    client.send(
        "GET /ws HTTP/1.1\r\nHost: h\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\nearly",
    );
    let mut server = back.accept();
    let head = server.head();
    assert!(head.contains("\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"), "{head}");
    server.send(
        "HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\nhi",
    );
    let head = client.head();
    assert!(head.contains("\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"), "{head}");
    assert_eq!(client.exactly(2), b"hi");
    assert_eq!(server.exactly(5), b"early");
    client.send("ping");
    assert_eq!(server.exactly(4), b"ping");
    let big: Vec<u8> = (0..500_000u32).map(|n| n as u8).collect();
    let sent = big.clone();
    let sending = std::thread::spawn(move || {
        server.send_bytes(&sent);
        server
    });
    assert!(client.exactly(big.len()) == big);
    let mut server = sending.join().expect("sent");
    client.close_write();
    assert_eq!(server.rest(), "", "half-close is passed on");
    server.send("bye");
    drop(server);
    assert_eq!(client.rest(), "bye");
}
