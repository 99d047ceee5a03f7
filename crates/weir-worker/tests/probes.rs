//! Active health checks: who passes them gets requests, who fails them does not, and main is told.

mod harness;

use std::net::{SocketAddr, UdpSocket};
use std::time::{Duration, Instant};

use harness::h2::Server;
use harness::metrics::{count, measure};
use harness::{Backside, PATIENCE, Peer, Proxy};
use weir_control::channel::{Finding, Happening, ToMain, ToWorker};
use weir_control::metrics::Query;
use weir_control::state::{BackendId, Cluster, EjectionRules, HealthCheck, Probe, State};
use weir_http::h2::frame::Kind;

const ASK: &str = "GET /asked HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n";

fn check(probe: Probe) -> Box<HealthCheck> {
    Box::new(HealthCheck {
        probe,
        port: None,
        interval: Duration::from_millis(20),
        timeout: Duration::from_millis(500),
        rise: 2,
        fall: 2,
    })
}

fn http() -> Probe {
    Probe::Http { uri: "/up".into(), statuses: Vec::new() }
}

fn app(state: &mut State) -> &mut Cluster {
    state.clusters.get_mut("app").expect("there is one")
}

fn checked(backends: &[SocketAddr], check: Box<HealthCheck>) -> Proxy {
    Proxy::changed(backends, |state, _| app(state).health = Some(check))
}

/// Answers a check, or a request with the number of the backend.
fn serve(peer: &mut Peer, side: usize, status: &str) {
    let head = peer.head();
    let answer = if head.starts_with("GET /up ") { status } else { "200 OK" };
    peer.send(&format!(
        "HTTP/1.1 {answer}\r\nContent-Length: 1\r\nConnection: close\r\n\r\n{side}"
    ));
}

/// Serves until main is told something of a backend.
fn until_told(proxy: &mut Proxy, sides: &[&Backside], statuses: &[&str]) -> (String, bool) {
    let deadline = Instant::now() + PATIENCE;
    loop {
        assert!(Instant::now() < deadline, "main is told nothing");
        std::thread::yield_now();
        if let Some((side, mut peer)) = Backside::poll_any(sides) {
            serve(&mut peer, side, statuses[side]);
        }
        if let Some(ToMain::Happened(Happening::Checked { finding, .. })) = proxy.poll() {
            return (finding.backend.id, finding.healthy);
        }
    }
}

/// Serves until a request has its answer; which backend it was.
fn ask(proxy: &Proxy, sides: &[&Backside], statuses: &[&str]) -> String {
    let mut client = proxy.connect();
    client.send(ASK);
    loop {
        let (side, mut peer) = Backside::accept_any(sides);
        let head = peer.until("\r\n\r\n");
        let probe = head.starts_with("GET /up ");
        let answer = if probe { statuses[side] } else { "200 OK" };
        let rest = "Content-Length: 1\r\nConnection: close\r\n\r\n";
        peer.send(&format!("HTTP/1.1 {answer}\r\n{rest}{side}"));
        if !probe {
            let text = client.rest();
            return text.chars().last().expect("an answer").to_string();
        }
    }
}

#[test]
fn who_passes_gets_requests_and_who_fails_does_not() {
    let sides = [Backside::new(), Backside::new()];
    let mut proxy = checked(&sides.each_ref().map(|side| side.address), check(http()));
    let sides = sides.each_ref();
    let mut told = [(); 2].map(|()| until_told(&mut proxy, &sides, &["204 None", "500 Bad"]));
    told.sort();
    assert_eq!(told, [("app-0".into(), true), ("app-1".into(), false)]);
    for _ in 0..4 {
        assert_eq!(ask(&proxy, &sides, &["200 OK", "500 Bad"]), "0");
    }
    let told = until_told(&mut proxy, &sides, &["200 OK", "200 OK"]);
    assert_eq!(told, ("app-1".into(), true));
    let asked: Vec<_> = (0..4).map(|_| ask(&proxy, &sides, &["200 OK"; 2])).collect();
    assert!(asked.contains(&"1".into()), "{asked:?}");
}

#[test]
fn who_joins_gets_requests_after_its_first_success() {
    let sides = [Backside::new(), Backside::new()];
    let addresses = sides.each_ref().map(|side| side.address);
    let mut proxy = checked(&addresses[..1], check(http()));
    let sides = sides.each_ref();
    assert_eq!(until_told(&mut proxy, &sides, &["200 OK"; 2]), ("app-0".into(), true));
    let joined = harness::backend("app-1", addresses[1]);
    proxy.transact(vec![weir_control::order::Order::Backend(joined)]);
    // Its check is under way and not answered.
    let (_, mut pending) = Backside::accept_any(&sides[1..]);
    for _ in 0..4 {
        assert_eq!(ask(&proxy, &sides[..1], &["200 OK"]), "0");
    }
    serve(&mut pending, 1, "200 OK");
    assert_eq!(until_told(&mut proxy, &sides, &["200 OK"; 2]), ("app-1".into(), true));
    let asked: Vec<_> = (0..4).map(|_| ask(&proxy, &sides, &["200 OK"; 2])).collect();
    assert!(asked.contains(&"1".into()), "{asked:?}");
}

#[test]
fn statuses_that_are_wanted_are_good() {
    let side = Backside::new();
    let statuses = vec![(404, 404), (301, 302)];
    let probe = Probe::Http { uri: "/up".into(), statuses };
    let mut proxy = checked(&[side.address], check(probe));
    assert!(until_told(&mut proxy, &[&side], &["404 None"]).1);
    assert!(!until_told(&mut proxy, &[&side], &["200 OK"]).1);
    assert!(until_told(&mut proxy, &[&side], &["302 Found"]).1);
    let all = measure(&mut proxy, Query::default()).remove(0).proxy;
    for name in ["health_check.success", "health_check.failure"] {
        assert!(count(&all, name) > Some(0), "{name}");
    }
    assert_eq!(
        [count(&all, "health_check.up"), count(&all, "health_check.down")],
        [Some(2), Some(1)]
    );
}

#[test]
fn a_backend_that_never_answers_or_talks_nonsense_fails() {
    let side = Backside::new();
    let mut proxy = checked(&[side.address], check(http()));
    // What is never accepted waits in the kernel.
    assert!(!until_told(&mut proxy, &[], &[]).1, "silence");
    assert!(until_told(&mut proxy, &[&side], &["200 OK"]).1);
    assert!(!until_told(&mut proxy, &[&side], &["well"]).1, "nonsense");
}

#[test]
fn a_connection_may_be_enough() {
    let side = Backside::new();
    let address = side.address;
    let mut proxy = checked(&[address], check(Probe::Tcp));
    assert!(until_told(&mut proxy, &[], &[]).1);
    drop(side);
    assert!(!until_told(&mut proxy, &[], &[]).1);
}

/// A socket for the datagrams of checks.
fn datagrams() -> (UdpSocket, SocketAddr) {
    let socket = UdpSocket::bind("127.0.0.1:0").expect("bound");
    socket.set_read_timeout(Some(PATIENCE)).expect("set");
    let address = socket.local_addr().expect("bound");
    (socket, address)
}

/// Answers the next datagram, in which a check asks "up?".
fn answer(socket: &UdpSocket) {
    let mut bytes = [0; 16];
    let (n, from) = socket.recv_from(&mut bytes).expect("a datagram in time");
    assert_eq!(&bytes[..n], b"up?");
    socket.send_to(b"", from).expect("sent");
}

fn datagram(connect: bool) -> Probe {
    Probe::Udp { payload: b"up?".to_vec(), connect }
}

#[test]
fn a_datagram_is_to_be_answered() {
    let (socket, address) = datagrams();
    let once = HealthCheck { fall: 1, ..*check(datagram(false)) };
    let mut proxy = checked(&[address], Box::new(once));
    answer(&socket);
    assert!(until_told(&mut proxy, &[], &[]).1);
    assert!(!until_told(&mut proxy, &[], &[]).1, "silence");
    // What has come meanwhile is asked by nobody any more: the answers may be late.
    for _ in 0..3 {
        answer(&socket);
    }
    assert!(until_told(&mut proxy, &[], &[]).1);
}

#[test]
fn what_the_host_says_by_icmp_is_an_answer() {
    let (socket, address) = datagrams();
    // Nobody waits that long here.
    let timeout = Duration::from_secs(3600);
    let once = HealthCheck { fall: 1, timeout, ..*check(datagram(false)) };
    let mut proxy = checked(&[address], Box::new(once));
    answer(&socket);
    assert!(until_told(&mut proxy, &[], &[]).1);
    drop(socket);
    // The probe that is under way has no answer, nor does its sender get one.
    assert!(!until_told(&mut proxy, &[], &[]).1);
}

#[test]
fn a_connection_and_a_datagram_may_be_wanted() {
    let side = Backside::new();
    let (socket, address) = datagrams();
    let port = Some(side.address.port());
    let both = HealthCheck { port, fall: 1, ..*check(datagram(true)) };
    let mut proxy = checked(&[address], Box::new(both));
    answer(&socket);
    assert!(until_told(&mut proxy, &[], &[]).1);
    drop(side);
    assert!(!until_told(&mut proxy, &[], &[]).1, "there is no connection");
}

#[test]
fn checks_go_to_another_port() {
    let (side, other) = (Backside::new(), Backside::new());
    let elsewhere = HealthCheck { port: Some(other.address.port()), ..*check(http()) };
    let mut proxy = checked(&[side.address], Box::new(elsewhere));
    assert!(until_told(&mut proxy, &[&other], &["200 OK"]).1);
    assert!(side.is_quiet());
}

#[test]
fn streams_are_asked_on_streams() {
    let side = Backside::new();
    let mut proxy = Proxy::changed(&[side.address], |state, _| {
        app(state).http2 = true;
        app(state).health = Some(check(http()));
    });
    let mut server = Server::over(side.accept());
    let asked = server.request();
    assert_eq!(asked.fields[":path"], "/up");
    server.heads(asked.stream, &[(":status", "200")], true);
    assert!(until_told(&mut proxy, &[], &[]).1);
}

#[test]
fn grpc_services_say_how_they_are() {
    for (answer, healthy) in [(&[0, 0, 0, 0, 2, 8, 1][..], true), (&[0, 0, 0, 0, 2, 8, 2], false)] {
        let side = Backside::new();
        let probe = Probe::Grpc { service: "shop".into() };
        let once = HealthCheck { fall: 1, ..*check(probe) };
        let mut proxy = checked(&[side.address], Box::new(once));
        let mut server = Server::over(side.accept());
        let asked = server.request();
        assert_eq!(asked.fields[":path"], "/grpc.health.v1.Health/Check");
        assert_eq!(asked.fields["content-type"], "application/grpc");
        let (body, _) = server.body(asked.stream);
        assert_eq!(body, b"\0\0\0\0\x06\x0a\x04shop");
        server.heads(asked.stream, &[(":status", "200")], false);
        server.0.send(Kind::Data, 0, asked.stream, answer);
        server.heads(asked.stream, &[("grpc-status", "0")], true);
        assert_eq!(until_told(&mut proxy, &[], &[]).1, healthy);
    }
}

#[test]
fn what_main_says_of_a_backend_holds() {
    let sides = [Backside::new(), Backside::new()];
    let slow = HealthCheck { interval: Duration::from_secs(3600), ..*check(http()) };
    let addresses = sides.each_ref().map(|side| side.address);
    let mut proxy = checked(&addresses, Box::new(slow));
    let sides = sides.each_ref();
    for _ in 0..2 {
        until_told(&mut proxy, &sides, &["200 OK"; 2]);
    }
    let backend = BackendId { cluster: "app".into(), id: "app-1".into() };
    proxy.say(&ToWorker::Findings(vec![Finding { backend, healthy: false }]));
    for _ in 0..4 {
        assert_eq!(ask(&proxy, &sides, &["200 OK"; 2]), "0");
    }
}

#[test]
fn a_backend_whose_answers_are_bad_is_left_alone() {
    let sides = [Backside::new(), Backside::new()];
    let base = Duration::from_secs(3600);
    let rules = EjectionRules { consecutive: 3, base, most_percent: 50 };
    let proxy = Proxy::changed(&sides.each_ref().map(|side| side.address), |state, _| {
        app(state).ejection = Some(rules);
    });
    let sides = sides.each_ref();
    let mut seen = [0; 2];
    for _ in 0..16 {
        let mut client = proxy.connect();
        client.send(ASK);
        let (side, mut peer) = Backside::accept_any(&sides);
        peer.head();
        seen[side] += 1;
        let status = ["503 Bad", "200 OK"][side];
        peer.send(&format!("HTTP/1.1 {status}\r\nConnection: close\r\n\r\n"));
        drop(peer);
        client.rest();
    }
    assert_eq!(seen, [3, 13]);
}
