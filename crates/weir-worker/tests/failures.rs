//! What clients see when backends, other clients or the proxy's own limits fail.

mod harness;

use std::net::SocketAddr;
use std::time::Duration;

use harness::{Backside, Proxy, limits, settings, state};

const GET: &str = "GET / HTTP/1.1\r\nHost: h\r\n\r\n";
const CLOSING: &str = "GET / HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n";
const OK: &str = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";

const CLOSED_OK: &str = "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok";

/// An address on which nobody listens.
fn nobody() -> SocketAddr {
    Backside::new().address
}

#[test]
fn a_refused_connection_goes_to_another_backend() {
    let back = Backside::new();
    let proxy = Proxy::to(&[nobody(), back.address]);
    for _ in 0..4 {
        let mut client = proxy.connect();
        client.send(CLOSING);
        let mut server = back.accept();
        server.head();
        server.send("HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok");
        assert!(client.rest().starts_with("HTTP/1.1 200 OK\r\n"));
    }
}

#[test]
fn without_a_backend_the_answer_is_503() {
    let proxy = Proxy::to(&[nobody()]);
    let answer = proxy.ask(GET);
    assert!(answer.starts_with("HTTP/1.1 503 Service Unavailable\r\n"), "{answer}");
    let proxy = Proxy::to(&[]);
    assert!(proxy.ask(GET).starts_with("HTTP/1.1 503 Service Unavailable\r\n"));
}

#[test]
fn a_stale_connection_is_never_seen_by_the_client() {
    let back = Backside::new();
    let proxy = Proxy::to(&[back.address]);
    let mut client = proxy.connect();
    for method in ["GET", "POST", "POST", "DELETE"] {
        client.send(&format!("{method} / HTTP/1.1\r\nHost: h\r\nContent-Length: 1\r\n\r\nx"));
        let mut server = back.accept();
        server.head();
        assert_eq!(server.exactly(1), b"x");
        server.send(OK);
        client.head();
        assert_eq!(client.exactly(2), b"ok");
        drop(server);
    }
}

#[test]
fn a_backend_that_closes_instead_of_answering_is_502() {
    let back = Backside::new();
    let proxy = Proxy::to(&[back.address]);
    let mut client = proxy.connect();
    client.send("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 1\r\n\r\nx");
    let mut server = back.accept();
    server.head();
    server.exactly(1);
    drop(server);
    assert!(client.rest().starts_with("HTTP/1.1 502 Bad Gateway\r\n"));
}

#[test]
fn a_malformed_response_is_502_and_its_connection_is_not_used_again() {
    let back = Backside::new();
    let proxy = Proxy::to(&[back.address]);
    for bad in [
        "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
        "HTTP/1.1 200 OK\r\nA : b\r\n\r\n",
        "HTTP/1.1 200 OK\nA: b\n\n",
        "ICY 200 OK\r\n\r\n",
    ] {
        let mut client = proxy.connect();
        client.send(GET);
        let mut server = back.accept();
        server.head();
        server.send(bad);
        let answer = client.rest();
        assert!(answer.starts_with("HTTP/1.1 502 Bad Gateway\r\n"), "{bad:?}: {answer}");
        assert_eq!(server.rest(), "");
    }
}

#[test]
fn bytes_behind_a_response_poison_the_connection() {
    let back = Backside::new();
    let proxy = Proxy::to(&[back.address]);
    let mut client = proxy.connect();
    client.send(GET);
    let mut server = back.accept();
    server.head();
    server.send(&format!("{OK}HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil"));
    client.head();
    assert_eq!(client.exactly(2), b"ok");
    client.send(GET);
    let mut fresh = back.accept();
    fresh.head();
    fresh.send(OK);
    client.head();
    assert_eq!(client.exactly(2), b"ok");
}

#[test]
fn refused_requests_say_why_and_close() {
    let proxy = Proxy::to(&[nobody()]);
    for (request, status) in [
        ("GET / HTTP/1.1\r\n\r\n", 400),
        ("GET / HTTP/1.1\r\nHost: h\r\nHost: h\r\n\r\n", 400),
        (
            "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
            400,
        ),
        ("GET / HTTP/2.0\r\nHost: h\r\n\r\n", 505),
        ("CONNECT h:1 HTTP/1.1\r\nHost: h:1\r\n\r\n", 400),
        ("\0\0\0\0", 400),
    ] {
        let answer = proxy.ask(request);
        assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")), "{request:?}: {answer}");
        assert!(answer.contains("\r\nConnection: close\r\n"), "{answer}");
    }
    let long = format!("GET /{} HTTP/1.1\r\nHost: h\r\n\r\n", "a".repeat(9000));
    assert!(proxy.ask(&long).starts_with("HTTP/1.1 414 "));
    let large = format!("GET / HTTP/1.1\r\nHost: h\r\nA: {}\r\n\r\n", "a".repeat(20_000));
    assert!(proxy.ask(&large).starts_with("HTTP/1.1 431 "));
}

#[test]
fn an_unknown_host_is_404_and_the_connection_closes() {
    let (mut state, socket) = state(&[nobody()]);
    state.frontends.edit(0).hostname = "known.example".into();
    let proxy = Proxy::with(settings(limits()), (state, socket));
    assert!(proxy.ask(GET).starts_with("HTTP/1.1 404 Not Found\r\n"));
}

/// Deadlines are shortened; what is asserted is what happens, not when.
fn impatient(back: &[SocketAddr], change: impl Fn(&mut weir_control::state::Listener)) -> Proxy {
    let (mut state, socket) = state(back);
    state.listeners.values_mut().for_each(change);
    Proxy::with(settings(limits()), (state, socket))
}

const SOON: Duration = Duration::from_millis(200);

#[test]
fn a_head_that_trickles_is_cut_with_408() {
    let proxy = impatient(&[nobody()], |l| l.request_timeout = SOON);
    let mut client = proxy.connect();
    client.send("GET / HT");
    assert!(client.rest().starts_with("HTTP/1.1 408 Request Timeout\r\n"));
}

#[test]
fn a_silent_backend_is_504() {
    let back = Backside::new();
    let proxy = impatient(&[back.address], |l| l.back_timeout = SOON);
    let mut client = proxy.connect();
    client.send(GET);
    let mut server = back.accept();
    server.head();
    assert!(client.rest().starts_with("HTTP/1.1 504 Gateway Timeout\r\n"));
}

#[test]
fn a_body_that_does_not_come_is_cut() {
    let back = Backside::new();
    let proxy = impatient(&[back.address], |l| l.front_timeout = SOON);
    let mut client = proxy.connect();
    client.send("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 9\r\n\r\nabc");
    let mut server = back.accept();
    server.head();
    let answer = client.rest();
    assert!(answer.starts_with("HTTP/1.1 408 "), "{answer}");
}

#[test]
fn an_idle_client_is_closed_without_a_word() {
    let back = Backside::new();
    let proxy = impatient(&[back.address], |l| l.front_timeout = SOON);
    let mut client = proxy.connect();
    client.send(GET);
    let mut server = back.accept();
    server.head();
    server.send(OK);
    client.until("ok");
    assert_eq!(client.rest(), "");
}

#[test]
fn at_the_session_limit_clients_wait_and_are_served_later() {
    let back = Backside::new();
    let small = weir_base::Limits { sessions: 2, ..limits() };
    let proxy = Proxy::with(settings(small), state(&[back.address]));
    let holders = [proxy.connect(), proxy.connect()];
    let mut third = proxy.connect();
    third.send(CLOSING);
    drop(holders);
    let mut server = back.accept();
    server.head();
    server.send(OK);
    assert!(third.rest().ends_with("ok"));
}

#[test]
fn without_buffers_requests_wait_and_are_served_later() {
    let back = Backside::new();
    let small = weir_base::Limits { buffers: 2, ..limits() };
    let proxy = Proxy::with(settings(small), state(&[back.address]));
    let mut first = proxy.connect();
    first.send(GET);
    let mut server = back.accept();
    server.head();
    let mut second = proxy.connect();
    second.send(GET);
    server.send(OK);
    first.until("ok");
    server.head();
    server.send(OK);
    second.until("ok");
}

#[test]
fn without_room_for_a_connection_requests_wait_for_one() {
    let back = Backside::new();
    let tight = weir_base::Limits { backend_connections: 1, ..limits() };
    let mut proxy = Proxy::with(settings(tight), state(&[back.address]));
    let (mut one, mut two, mut three) = (proxy.connect(), proxy.connect(), proxy.connect());
    one.send("GET /1 HTTP/1.1\r\nHost: example.org\r\n\r\n");
    let mut server = back.accept();
    assert!(server.head().starts_with("GET /1 "));
    for (client, path) in [(&mut two, "/2"), (&mut three, "/3")] {
        client.send(&format!("GET {path} HTTP/1.1\r\nHost: example.org\r\n\r\n"));
        proxy.explain(proxy.address, "example.org", path);
        proxy.explain(proxy.address, "example.org", path);
    }
    server.send("HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n1");
    one.until("\r\n\r\n1");
    assert!(server.head().starts_with("GET /2 "), "who has waited longest, on what is free");
    server.send("HTTP/1.1 200 OK\r\nContent-Length: 1\r\nConnection: close\r\n\r\n2");
    two.until("\r\n\r\n2");
    let mut server = back.accept();
    assert!(server.head().starts_with("GET /3 "));
    server.send("HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n3");
    three.until("\r\n\r\n3");
}

#[test]
fn draining_finishes_what_is_in_flight_and_closes_the_rest() {
    let back = Backside::new();
    let mut proxy = Proxy::to(&[back.address]);
    let mut idle = proxy.connect();
    idle.send(GET);
    let mut server = back.accept();
    server.head();
    server.send(OK);
    idle.until("ok");
    let mut busy = proxy.connect();
    busy.send(GET);
    server.head();
    proxy.start_drain(Duration::from_secs(30));
    assert_eq!(idle.rest(), "");
    server.send(OK);
    let response = busy.rest();
    assert!(response.contains("\r\nConnection: close\r\n") && response.ends_with("ok"));
    assert_eq!(proxy.drained(), 0);
}

#[test]
fn a_drain_deadline_cuts_what_is_left() {
    let back = Backside::new();
    let mut proxy = Proxy::to(&[back.address]);
    let mut client = proxy.connect();
    client.send(GET);
    let mut server = back.accept();
    server.head();
    proxy.start_drain(SOON);
    assert_eq!(client.rest(), "");
    assert_eq!(proxy.drained(), 1);
}

#[test]
fn a_quiet_worker_drains_at_once() {
    let mut proxy = Proxy::to(&[]);
    proxy.start_drain(Duration::from_secs(3600));
    assert_eq!(proxy.drained(), 0);
}

#[test]
fn without_a_budget_the_first_failure_is_the_answer() {
    use weir_control::state::RetryLimits;
    let gone = Backside::new().address;
    let back = Backside::new();
    let proxy = Proxy::changed(&[gone, back.address], |state, _| {
        let app = state.clusters.get_mut("app").expect("there is one");
        app.retries = Some(RetryLimits { percent: 0, at_least: 0 });
        app.sticky_session = true;
    });
    let ask = "GET / HTTP/1.1\r\nHost: a\r\nCookie: SOZUBALANCEID=app-0\r\n\r\n";
    let mut client = proxy.connect();
    client.send(ask);
    assert!(client.rest().starts_with("HTTP/1.1 503 "));
    assert!(back.is_quiet());
}

/// Backends close kept connections while requests come for them: where one meets the other is up
/// to chance, and clients must see none of it.
#[test]
fn connections_that_end_between_requests_cost_no_retry_and_eject_nobody() {
    use weir_balance::EjectionRules;
    use weir_control::state::RetryLimits;
    const CLIENTS: usize = 32;
    let back = Backside::new();
    // Who is led to the second one finds nobody: the first one was ejected.
    let proxy = Proxy::changed(&[back.address, nobody()], |state, _| {
        state.backends.edit(1).backup = true;
        let app = state.clusters.get_mut("app").expect("there is one");
        app.retries = Some(RetryLimits { percent: 0, at_least: 0 });
        let base = Duration::from_secs(3600);
        app.ejection = Some(EjectionRules { consecutive: 1, base, most_percent: 100 });
    });
    let mut clients: Vec<_> = (0..CLIENTS).map(|_| proxy.connect()).collect();
    for round in 0..12 {
        clients.iter_mut().for_each(|client| client.send(GET));
        let mut servers: Vec<_> = clients.iter().map(|_| back.accept()).collect();
        servers.iter_mut().for_each(|server| drop(server.head()));
        servers.iter_mut().for_each(|server| server.send(OK));
        clients.iter_mut().for_each(|client| drop(client.until("ok")));
        // Each wakes the worker, which meets the connections one after the other.
        let closing = std::thread::spawn(move || servers.into_iter().rev().for_each(drop));
        clients.iter_mut().for_each(|client| client.send(GET));
        closing.join().expect("closed");
        let mut fresh: Vec<_> = clients.iter().map(|_| back.accept()).collect();
        fresh.iter_mut().for_each(|server| drop(server.head()));
        fresh.iter_mut().for_each(|server| server.send(CLOSED_OK));
        for client in &mut clients {
            assert!(client.head().starts_with("HTTP/1.1 200 "), "round {round}");
            client.exactly(2);
        }
    }
}

#[test]
fn a_cluster_whose_requests_fail_is_asked_no_more() {
    use weir_control::state::BreakerSettings;
    let back = Backside::new();
    let proxy = Proxy::changed(&[back.address], |state, _| {
        let app = state.clusters.get_mut("app").expect("there is one");
        let (wait, longest_wait) = (Duration::from_secs(600), Duration::from_secs(600));
        let (percent, at_least, trials) = (50, 4, 1);
        app.breaker = Some(BreakerSettings { percent, at_least, wait, longest_wait, trials });
    });
    for _ in 0..4 {
        let mut client = proxy.connect();
        client.send(GET);
        let mut server = back.accept();
        server.head();
        server.send("HTTP/1.1 500 Broken\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
        assert!(client.head().starts_with("HTTP/1.1 500 "));
    }
    let mut client = proxy.connect();
    client.send(GET);
    let answer = client.rest();
    assert!(answer.starts_with("HTTP/1.1 503 ") && answer.contains("too many"), "{answer}");
    assert!(back.is_quiet());
}
