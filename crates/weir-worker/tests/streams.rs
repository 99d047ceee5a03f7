//! Clients of HTTP/2: their requests reach backends, what they do wrong ends their stream or their
//! connection, and no stream holds up another.

mod harness;

use std::io::Write;
use std::sync::{Arc, mpsc};
use std::time::Duration;

use harness::h2::Client;
use harness::tls::{Authority, TlsPeer, listener_tls};
use harness::{Backside, PATIENCE, Peer, Proxy, limits, settings, state};
use weir_control::state::H2;
use weir_http::h2::frame::{Kind, flag};

const CANCEL: [u8; 4] = [0, 0, 0, 8];

fn answer(peer: &mut Peer, body: &str) {
    let length = body.len();
    peer.send(&format!("HTTP/1.1 200 OK\r\nContent-Length: {length}\r\n\r\n{body}"));
}

fn client(proxy: &Proxy) -> Client<std::net::TcpStream> {
    Client::over(proxy.connect())
}

#[test]
fn requests_of_one_connection_are_answered_in_any_order() {
    let backend = Backside::new();
    let proxy = Proxy::to(&[backend.address]);
    let mut client = client(&proxy);
    let streams = ["/a", "/b", "/c"].map(|path| client.get(path));
    let mut peers: Vec<_> = (0..3)
        .map(|_| {
            let mut peer = backend.accept();
            let head = peer.head();
            assert!(head.contains("\r\nHost: example.org\r\n"), "{head}");
            assert!(head.contains("X-Forwarded-Proto: http\r\n"), "{head}");
            (peer, head.split(' ').nth(1).expect("a path").to_owned())
        })
        .collect();
    for (peer, path) in peers.iter_mut().rev() {
        answer(peer, path);
    }
    let answers = client.answers(&streams);
    for (stream, path) in streams.iter().zip(["/a", "/b", "/c"]) {
        assert_eq!(answers[stream].status(), "200");
        assert_eq!(answers[stream].body, path.as_bytes());
        assert_eq!(answers[stream].fields["content-length"], "2");
        assert!(answers[stream].fields.contains_key("date"));
    }
}

#[test]
fn bodies_pass_both_ways_with_and_without_length() {
    let backend = Backside::new();
    let proxy = Proxy::to(&[backend.address]);
    let mut client = client(&proxy);
    let stream = client.open("POST", "/", &[("content-length", "6")], false);
    client.send(Kind::Data, 0, stream, b"abc");
    client.send(Kind::Data, flag::END_STREAM, stream, b"def");
    let mut peer = backend.accept();
    assert!(peer.head().contains("\r\nContent-Length: 6\r\n"));
    assert_eq!(peer.exactly(6), b"abcdef");
    peer.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nxyz\r\n0\r\n\r\n");
    let whole = client.answer(stream);
    assert_eq!((whole.status(), &whole.body[..]), ("200", &b"xyz"[..]));
    assert!(!whole.fields.contains_key("transfer-encoding"), "{whole:?}");
    let stream = client.open("POST", "/", &[], false);
    client.send(Kind::Data, 0, stream, b"abc");
    assert!(peer.head().contains("\r\nTransfer-Encoding: chunked\r\n"));
    peer.until("3\r\nabc\r\n");
    client.send(Kind::Data, flag::END_STREAM, stream, b"");
    peer.until("0\r\n\r\n");
    peer.send("HTTP/1.1 204 No Content\r\n\r\n");
    assert_eq!(client.answer(stream).status(), "204");
}

#[test]
fn a_large_download_does_not_hold_up_a_small_one() {
    let backend = Backside::new();
    let proxy = Proxy::to(&[backend.address]);
    let mut client = client(&proxy);
    client.send(Kind::WindowUpdate, 0, 0, &1_000_000_u32.to_be_bytes());
    let large = client.get("/large");
    let mut first = backend.accept();
    first.head();
    let length = 3_000_000;
    first.send(&format!("HTTP/1.1 200 OK\r\nContent-Length: {length}\r\n\r\n"));
    let sender = std::thread::spawn(move || {
        first.send_bytes(&vec![b'x'; length]);
        first
    });
    let small = client.get("/small");
    let mut second = backend.accept();
    second.head();
    answer(&mut second, "small");
    // Nothing of the large one beyond its window, which nobody opens yet.
    let mut seen = false;
    while !seen {
        let frame = client.frame().expect("a frame");
        seen = frame.kind == Kind::Data && frame.stream == small;
    }
    client.send(Kind::RstStream, 0, large, &CANCEL);
    drop(client);
    let mut first = sender.join();
    if let Ok(first) = &mut first {
        first.rest();
    }
}

#[test]
fn a_large_body_comes_whole() {
    let backend = Backside::new();
    let proxy = Proxy::to(&[backend.address]);
    let mut client = client(&proxy);
    let stream = client.get("/");
    let mut peer = backend.accept();
    peer.head();
    let body: Vec<u8> = (0..2_000_000_u32).map(|n| (n ^ (n >> 8)) as u8).collect();
    let length = body.len();
    std::thread::scope(|scope| {
        let body = &body;
        scope.spawn(move || {
            peer.send(&format!("HTTP/1.1 200 OK\r\nContent-Length: {length}\r\n\r\n"));
            peer.send_bytes(body);
        });
        assert!(client.answer(stream).body == *body);
    });
}

#[test]
fn many_that_wait_for_windows_all_have_their_turn() {
    const STREAMS: usize = 40;
    let window = |bytes: u32| [&[0, 4][..], &bytes.to_be_bytes()].concat();
    let backend = Backside::new();
    let proxy = Proxy::to(&[backend.address]);
    let mut client = client(&proxy);
    client.send(Kind::Settings, 0, 0, &window(0));
    let streams: Vec<u32> = (0..STREAMS).map(|_| client.get("/")).collect();
    let body = "x".repeat(20_000);
    let _peers: Vec<_> = (0..STREAMS)
        .map(|_| {
            let mut peer = backend.accept();
            peer.head();
            answer(&mut peer, &body);
            peer
        })
        .collect();
    // Heads need no window.
    let mut heads = 0;
    while heads < STREAMS {
        let frame = client.frame().expect("a frame");
        assert_ne!(frame.kind, Kind::Data, "before there is a window");
        heads += usize::from(frame.kind == Kind::Headers);
    }
    client.send(Kind::WindowUpdate, 0, 0, &1_000_000_u32.to_be_bytes());
    client.send(Kind::Settings, 0, 0, &window(65_535));
    let mut bytes = 0;
    while bytes < STREAMS * body.len() {
        let frame = client.frame().expect("a frame");
        bytes += if frame.kind == Kind::Data { frame.payload.len() } else { 0 };
        assert!(streams.contains(&frame.stream) || frame.stream == 0);
    }
}

#[test]
fn a_stream_that_is_given_up_frees_its_backend() {
    let backend = Backside::new();
    let proxy = Proxy::to(&[backend.address]);
    let mut client = client(&proxy);
    let stream = client.get("/");
    let mut peer = backend.accept();
    peer.head();
    client.send(Kind::RstStream, 0, stream, &CANCEL);
    assert_eq!(peer.rest(), "", "the connection to the backend ends");
    let stream = client.get("/next");
    let mut peer = backend.accept();
    peer.head();
    answer(&mut peer, "served");
    assert_eq!(client.answer(stream).body, b"served");
}

#[test]
fn a_response_that_is_cut_is_told_so() {
    let backend = Backside::new();
    let proxy = Proxy::to(&[backend.address]);
    let mut client = client(&proxy);
    let stream = client.get("/");
    let mut peer = backend.accept();
    peer.head();
    peer.send("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf");
    drop(peer);
    let cut = client.answer(stream);
    assert_eq!((cut.status(), cut.reset), ("200", Some(2)), "INTERNAL_ERROR");
}

#[test]
fn what_the_proxy_answers_by_itself_comes_too() {
    let proxy = Proxy::to(&[]);
    let mut client = client(&proxy);
    let stream = client.get("/");
    let unavailable = client.answer(stream);
    assert_eq!(unavailable.status(), "503");
    let text = String::from_utf8_lossy(&unavailable.body).into_owned();
    assert_eq!(unavailable.fields["content-length"], text.len().to_string());
    let stream = client.open("HEAD", "/", &[], true);
    let head = client.answer(stream);
    assert_eq!((head.status(), head.body.len(), head.reset), ("503", 0, None));
}

#[test]
fn an_early_answer_lets_the_rest_of_the_request_go() {
    let proxy = Proxy::to(&[]);
    let mut client = client(&proxy);
    let stream = client.open("POST", "/", &[], false);
    let early = client.answer(stream);
    assert_eq!((early.status(), early.reset), ("503", None));
    client.send(Kind::Data, 0, stream, b"more");
    let stream = client.get("/");
    assert_eq!(client.answer(stream).status(), "503", "the connection goes on");
}

#[test]
fn a_head_that_breaks_a_rule_costs_its_stream_only() {
    let backend = Backside::new();
    let proxy = Proxy::to(&[backend.address]);
    let mut client = client(&proxy);
    let stream = client.open("GET", "/", &[("connection", "close")], true);
    assert_eq!(client.answer(stream).reset, Some(1), "PROTOCOL_ERROR");
    let stream = client.open("GET", "/", &[("x", "a\r\nb: c")], true);
    assert_eq!(client.answer(stream).reset, Some(1));
    let stream = client.get("/");
    let mut peer = backend.accept();
    peer.head();
    answer(&mut peer, "x");
    assert_eq!(client.answer(stream).body, b"x");
}

#[test]
fn who_floods_is_told_to_calm_down() {
    let proxy = Proxy::to(&[]);
    let mut client = client(&proxy);
    for _ in 0..200 {
        client.send(Kind::Ping, 0, 0, &[0; 8]);
    }
    assert_eq!(client.goaway(), 11, "ENHANCE_YOUR_CALM");
    let garbage = proxy.ask("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\nGET / HTTP/1.1\r\n\r\n");
    assert!(garbage.contains('\u{0}'), "settings, then GOAWAY: {garbage:?}");
}

#[test]
fn rapid_resets_end_the_connection() {
    let backend = Backside::new();
    let proxy = Proxy::to(&[backend.address]);
    let mut client = client(&proxy);
    for _ in 0..400 {
        let stream = client.get("/");
        client.send(Kind::RstStream, 0, stream, &CANCEL);
    }
    assert_eq!(client.goaway(), 11);
    let mut next = Client::over(proxy.connect());
    next.send(Kind::Ping, 0, 0, b"12345678");
    let pong = std::iter::from_fn(|| next.frame()).find(|frame| frame.kind == Kind::Ping);
    assert_eq!(pong.expect("others are served").payload, b"12345678");
}

#[test]
fn streams_without_buffers_are_refused_and_may_come_again() {
    let backend = Backside::new();
    let tight = weir_base::Limits { buffers: 8, ..limits() };
    let proxy = Proxy::with(settings(tight), state(&[backend.address]));
    let mut client = client(&proxy);
    let serve = |count: usize| {
        let mut peers: Vec<_> = (0..count).map(|_| backend.accept()).collect();
        for peer in &mut peers {
            peer.head();
            peer.send("HTTP/1.1 200 OK\r\nContent-Length: 1\r\nConnection: close\r\n\r\nx");
        }
    };
    let streams = client.together(|client| [(); 6].map(|()| client.get("/")));
    let refused = client.resets(&streams, 3);
    assert_eq!(refused, [7, 7, 7], "REFUSED_STREAM");
    serve(3);
    client.answers(&streams[..3]);
    let again = client.get("/");
    serve(1);
    assert_eq!(client.answer(again).body, b"x");
}

#[test]
fn a_drain_lets_streams_finish_and_opens_no_more() {
    let backend = Backside::new();
    let mut proxy = Proxy::to(&[backend.address]);
    let mut client = client(&proxy);
    let stream = client.get("/");
    let mut peer = backend.accept();
    peer.head();
    proxy.start_drain(Duration::from_secs(10));
    assert_eq!(client.goaway(), 0, "NO_ERROR");
    answer(&mut peer, "in time");
    assert_eq!(client.answer(stream).body, b"in time");
    assert_eq!(proxy.drained(), 0);
    assert!(std::iter::from_fn(|| client.frame()).all(|frame| frame.kind != Kind::RstStream));
}

#[test]
fn a_request_that_is_under_way_when_the_end_is_announced_is_served() {
    let backend = Backside::new();
    let mut proxy = Proxy::to(&[backend.address]);
    let mut client = client(&proxy);
    client.send(Kind::Ping, 0, 0, &[0; 8]);
    while client.frame().expect("a frame").kind != Kind::Ping {}
    proxy.start_drain(Duration::from_secs(10));
    let goaway = |client: &mut Client<_>| loop {
        let frame = client.frame().expect("a frame, not the end");
        if frame.kind == Kind::GoAway {
            return (frame.payload[..4].to_vec(), frame.payload[4..].to_vec());
        }
    };
    assert_eq!(goaway(&mut client), (vec![0x7f, 0xff, 0xff, 0xff], vec![0; 4]), "a warning");
    let late = client.get("/under-way");
    let ping = client.frame().expect("a frame");
    assert_eq!(ping.kind, Kind::Ping);
    client.send(Kind::Ping, flag::ACK, 0, &ping.payload);
    assert_eq!(goaway(&mut client), (late.to_be_bytes().to_vec(), vec![0; 4]), "the end");
    client.get("/too-late");
    let mut peer = backend.accept();
    assert!(peer.head().starts_with("GET /under-way "));
    answer(&mut peer, "served");
    assert_eq!(client.answer(late).body, b"served");
    assert_eq!(client.frame(), None);
    assert!(backend.is_quiet(), "what comes later is for another connection");
    assert_eq!(proxy.drained(), 0);
}

/// Which of two streams gets the connection's window, again and again, once both want it.
fn takers(priorities: [&str; 2]) -> Vec<usize> {
    const PART: usize = 16_384;
    let backend = Backside::new();
    let proxy = Proxy::to(&[backend.address]);
    let mut client = client(&proxy);
    client.send(Kind::Settings, 0, 0, &[&[0, 4][..], &(1_u32 << 20).to_be_bytes()].concat());
    let streams = priorities.map(|p| client.open("GET", "/", &[("priority", p)], true));
    // All of both is with the kernel before a part is counted: neither waits for its backend.
    let (done, written) = mpsc::channel();
    std::thread::scope(|scope| {
        for _ in streams {
            let (mut peer, done) = (backend.accept(), done.clone());
            scope.spawn(move || {
                peer.head();
                let head = "HTTP/1.1 200 OK\r\nContent-Length: 800000\r\n\r\n";
                let whole = [head.as_bytes(), &[b'x'; 800_000]].concat();
                peer.stream.write_all(&whole).expect("there is room");
                done.send(()).expect("heard");
            });
        }
        for _ in streams {
            written.recv_timeout(PATIENCE).expect("written");
        }
        let mut takes = |part: usize| {
            let mut bytes = [0; 2];
            while bytes.iter().sum::<usize>() < part {
                let frame = client.frame().expect("a frame, not the end");
                let at = streams.iter().position(|stream| *stream == frame.stream);
                if let Some(at) = at.filter(|_| frame.kind == Kind::Data) {
                    bytes[at] += frame.payload.len();
                }
            }
            client.send(Kind::WindowUpdate, 0, 0, &(PART as u32).to_be_bytes());
            usize::from(bytes[1] > bytes[0])
        };
        takes(65_535);
        let parts: Vec<usize> = (0..24).map(|_| takes(PART)).collect();
        drop(client);
        parts[12..].to_vec()
    })
}

#[test]
fn urgent_responses_go_first_and_incremental_ones_share() {
    assert_eq!(takers(["u=3", "u=1"]), [1; 12], "the more urgent one first");
    assert_eq!(takers(["u=3", "u=3"]), [0; 12], "the one that was asked for first");
    let shared = takers(["u=3, i", "u=3, i"]);
    assert!(shared.chunks(4).all(|few| few.contains(&0) && few.contains(&1)), "{shared:?}");
}

/// With these bounds of HTTP/2.
fn bounded(backend: &Backside, change: impl FnOnce(&mut H2)) -> Proxy {
    Proxy::changed(&[backend.address], |state, _| {
        let listener = state.listeners.values_mut().next().expect("there is one");
        change(&mut listener.h2);
    })
}

#[test]
fn a_drain_cuts_streams_that_outlive_their_deadline() {
    let backend = Backside::new();
    let mut proxy = bounded(&backend, |h2| h2.graceful_shutdown_deadline_seconds = 1);
    let mut client = client(&proxy);
    client.get("/");
    let mut peer = backend.accept();
    peer.head();
    proxy.start_drain(Duration::from_secs(3600));
    assert_eq!(proxy.drained(), 0, "long before the hour is over");
    assert_eq!(peer.rest(), "");
}

#[test]
fn a_client_that_stops_sending_loses_its_stream_alone() {
    let backend = Backside::new();
    let proxy = bounded(&backend, |h2| h2.stream_idle_timeout_seconds = 1);
    let mut client = client(&proxy);
    let stream = client.open("POST", "/", &[("content-length", "6")], false);
    client.send(Kind::Data, 0, stream, b"abc");
    assert_eq!(client.answer(stream).status(), "408");
    let mut peer = backend.accept();
    assert!(peer.rest().ends_with("abc"));
    let stream = client.get("/");
    let mut peer = backend.accept();
    peer.head();
    answer(&mut peer, "well");
    assert_eq!(client.answer(stream).body, b"well");
}

#[test]
fn a_connection_counts_once_for_the_limit_of_its_address() {
    let backend = Backside::new();
    let proxy = Proxy::changed(&[backend.address], |state, _| {
        if let Some(cluster) = state.clusters.get_mut("app") {
            cluster.max_connections_per_ip = Some(1);
        }
    });
    let mut one = client(&proxy);
    let streams = [one.get("/a"), one.get("/b")];
    let mut peers = [backend.accept(), backend.accept()];
    let mut other = client(&proxy);
    let refused = other.get("/");
    assert_eq!(other.answer(refused).status(), "429");
    for peer in &mut peers {
        peer.head();
        answer(peer, "x");
    }
    let answers = one.answers(&streams);
    assert!(streams.iter().all(|stream| answers[stream].status() == "200"));
}

#[test]
fn an_idle_connection_is_ended_in_time() {
    let (mut short, socket) = state(&[]);
    for listener in short.listeners.values_mut() {
        listener.front_timeout = Duration::from_millis(300);
    }
    let proxy = Proxy::with(settings(limits()), (short, socket));
    let mut client = client(&proxy);
    let stream = client.get("/");
    assert_eq!(client.answer(stream).status(), "503");
    assert_eq!(client.goaway(), 0);
    assert_eq!(client.frame(), None);
}

#[test]
fn clients_of_tls_agree_on_it() {
    let (authority, backend) = (Authority::new("ca"), Backside::new());
    let proxy = Proxy::changed(&[backend.address], |state, address| {
        let mut tls = listener_tls();
        tls.alpn = vec!["h2".into(), "http/1.1".into()];
        if let Some(listener) = state.listeners.get_mut(&address) {
            listener.tls = Some(Box::new(tls));
        }
        let served = authority.certificate(address, &["example.org"], 1 << 40);
        state.certificates.insert(served.id(), served);
    });
    let mut config = authority.client();
    config.alpn_protocols = vec![b"h2".to_vec()];
    let mut peer = TlsPeer::connect(proxy.address, &Arc::new(config), "example.org");
    peer.shake_hands().expect("agreed");
    assert_eq!(peer.0.conn.alpn_protocol(), Some(&b"h2"[..]));
    let mut client = Client::new(peer.0);
    let stream = client.get("/");
    let mut back = backend.accept();
    assert!(back.head().contains("X-Forwarded-Proto: https\r\n"));
    answer(&mut back, "secret");
    assert_eq!(client.answer(stream).body, b"secret");
}
