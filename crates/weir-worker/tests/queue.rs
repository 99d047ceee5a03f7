//! Backends that take so many connections and no more, through a whole worker.

mod harness;

use std::time::{Duration, Instant};

use harness::{Backside, Peer, Proxy};
use weir_control::channel::ToWorker;
use weir_control::order::{Object, Order};
use weir_control::state::{Cluster, LoadBalancing, State};

const GET: &str = "GET / HTTP/1.1\r\nHost: h\r\n\r\n";
const OK: &str = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";
const CLOSED_OK: &str = "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok";

fn app(state: &mut State) -> &mut Cluster {
    state.clusters.get_mut("app").expect("there")
}

/// A proxy whose backends take that many connections each.
fn limited(sides: &[&Backside], most: u32, change: impl FnOnce(&mut State)) -> Proxy {
    let addresses: Vec<_> = sides.iter().map(|side| side.address).collect();
    Proxy::changed(&addresses, |state, _| {
        (0..sides.len()).for_each(|at| state.backends.edit(at).max_connections = Some(most));
        app(state).queue_timeout = Some(Duration::from_secs(3600));
        change(state);
    })
}

/// Clients whose requests have come to the proxy, in this order.
fn clients<const N: usize>(proxy: &mut Proxy) -> [Peer; N] {
    std::array::from_fn(|at| {
        let mut client = proxy.connect();
        client.send(&format!("GET /{at} HTTP/1.1\r\nHost: h\r\n\r\n"));
        arrived(proxy, at + 1);
        client
    })
}

/// Waits until that many requests are under way.
fn arrived(proxy: &mut Proxy, count: usize) {
    let deadline = Instant::now() + harness::PATIENCE;
    while proxy.count(vec![Object::Cluster("app".into())]) != [count as u64] {
        assert!(Instant::now() < deadline, "{count} requests do not come");
    }
}

#[test]
fn what_is_more_waits_and_is_served_in_its_order() {
    let back = Backside::new();
    let mut proxy = limited(&[&back], 1, |_| {});
    let mut clients: [Peer; 4] = clients(&mut proxy);
    let mut server = back.accept();
    for (at, client) in clients.iter_mut().enumerate() {
        let head = server.head();
        assert!(head.starts_with(&format!("GET /{at} ")), "{head}");
        assert!(back.is_quiet(), "there is one connection");
        server.send(OK);
        client.until("ok");
    }
}

#[test]
fn a_connection_that_ends_makes_room_as_well() {
    let back = Backside::new();
    let mut proxy = limited(&[&back], 1, |_| {});
    let mut clients: [Peer; 3] = clients(&mut proxy);
    for client in &mut clients {
        let mut server = back.accept();
        server.head();
        server.send(CLOSED_OK);
        client.until("ok");
    }
}

#[test]
fn where_as_many_wait_as_may_the_answer_is_503() {
    let back = Backside::new();
    let mut proxy = limited(&[&back], 1, |state| app(state).max_queued = Some(1));
    let mut clients: [Peer; 2] = clients(&mut proxy);
    let answer = proxy.ask(GET);
    assert!(answer.starts_with("HTTP/1.1 503 "), "{answer}");
    assert!(answer.contains("as many requests wait"), "{answer}");
    let mut server = back.accept();
    for client in &mut clients {
        server.head();
        server.send(OK);
        client.until("ok");
    }
}

#[test]
fn who_has_waited_long_enough_is_answered_503() {
    let back = Backside::new();
    let mut proxy = limited(&[&back], 1, |state| {
        app(state).queue_timeout = Some(Duration::from_millis(50));
    });
    let [mut first] = clients(&mut proxy);
    let answer = proxy.ask(GET);
    assert!(answer.starts_with("HTTP/1.1 503 "), "{answer}");
    assert!(answer.contains("free in time"), "{answer}");
    let mut server = back.accept();
    server.head();
    server.send(OK);
    first.until("ok");
}

#[test]
fn who_goes_away_leaves_the_place_to_the_next() {
    let back = Backside::new();
    let mut proxy = limited(&[&back], 1, |_| {});
    let [mut first, gone, mut last] = clients(&mut proxy);
    let mut server = back.accept();
    server.head();
    // A reset, since bytes of the proxy will find nobody.
    drop(gone);
    server.send(OK);
    first.until("ok");
    // The one that is gone may have been served before that was known.
    let mut head = server.head();
    if head.starts_with("GET /1 ") {
        server.send(OK);
        head = server.head();
    }
    assert!(head.starts_with("GET /2 "), "{head}");
    server.send(OK);
    last.until("ok");
}

#[test]
fn a_full_backend_is_passed_over_while_another_has_room() {
    for policy in [
        LoadBalancing::RoundRobin,
        LoadBalancing::Random,
        LoadBalancing::LeastLoaded,
        LoadBalancing::PowerOfTwo,
    ] {
        let sides = [Backside::new(), Backside::new(), Backside::new()];
        let sides = sides.each_ref();
        let mut proxy = limited(&sides, 2, |state| app(state).load_balancing = policy);
        let mut clients: [Peer; 7] = clients(&mut proxy);
        let mut served = [0; 3];
        let mut servers = Vec::new();
        for _ in 0..6 {
            let (side, mut server) = Backside::accept_any(&sides);
            server.head();
            served[side] += 1;
            servers.push(server);
        }
        assert_eq!(served, [2; 3], "{policy:?}");
        assert!(Backside::poll_any(&sides).is_none(), "the last one waits");
        servers.iter_mut().for_each(|server| server.send(CLOSED_OK));
        let (_, mut server) = Backside::accept_any(&sides);
        server.head();
        server.send(OK);
        clients.iter_mut().for_each(|client| drop(client.until("ok")));
    }
}

#[test]
fn who_belongs_to_a_full_backend_waits_for_that_one() {
    let sides = [Backside::new(), Backside::new()];
    let sides = sides.each_ref();
    let mut proxy = limited(&sides, 1, |state| app(state).sticky_session = true);
    let sticky = "GET /sticky HTTP/1.1\r\nHost: h\r\nCookie: SOZUBALANCEID=app-0\r\n\r\n";
    let mut first = proxy.connect();
    first.send(sticky);
    let mut server = sides[0].accept();
    server.head();
    let mut second = proxy.connect();
    second.send(sticky);
    arrived(&mut proxy, 2);
    let mut free = proxy.connect();
    free.send(GET);
    let mut other = sides[1].accept();
    other.head();
    other.send(OK);
    free.until("ok");
    assert!(Backside::poll_any(&sides).is_none());
    server.send(OK);
    first.until("ok");
    server.head();
    server.send(OK);
    second.until("ok");
}

#[test]
fn a_backend_that_joins_takes_those_who_wait() {
    let [back, new] = [Backside::new(), Backside::new()];
    let mut proxy = limited(&[&back], 1, |_| {});
    let [_first, mut second] = clients(&mut proxy);
    proxy.apply(vec![Order::Backend(harness::backend("new", new.address))]);
    let mut server = new.accept();
    server.head();
    server.send(OK);
    second.until("ok");
}

#[test]
fn a_backend_that_may_be_tried_again_takes_those_who_wait() {
    let [back, away] = [Backside::new(), Backside::refusing()];
    let mut proxy = limited(&[&back, &away], 1, |_| {});
    // One is served, one was refused, and one has not tried anybody.
    let [_first, _refused, mut last] = clients(&mut proxy);
    let _busy = back.accept();
    away.listen();
    let mut server = away.accept();
    assert!(server.head().starts_with("GET /2 "));
    server.send(OK);
    last.until("ok");
}

#[test]
fn workers_share_what_a_backend_takes() {
    let back = Backside::new();
    let mut proxy = limited(&[&back], 4, |_| {});
    proxy.say(&ToWorker::Workers(2));
    let mut clients: [Peer; 3] = clients(&mut proxy);
    let mut servers = [back.accept(), back.accept()];
    assert!(back.is_quiet(), "two of four are for this one of two workers");
    proxy.say(&ToWorker::Workers(1));
    let mut third = back.accept();
    servers.iter_mut().chain([&mut third]).for_each(|server| {
        server.head();
        server.send(OK);
    });
    clients.iter_mut().for_each(|client| drop(client.until("ok")));
}

#[test]
fn connections_of_tcp_wait_as_well() {
    let back = Backside::new();
    let mut proxy = limited(&[&back], 1, |state| {
        let carries = weir_control::state::Carries::Tcp;
        state.listeners.values_mut().for_each(|listener| listener.carries = carries);
    });
    let [mut first, mut second]: [Peer; 2] = clients(&mut proxy);
    let mut server = back.accept();
    server.until("\r\n\r\n");
    assert!(back.is_quiet());
    first.close_write();
    server.rest();
    drop(server);
    first.rest();
    let mut server = back.accept();
    let head = server.head();
    assert!(head.starts_with("GET /1 "), "{head}");
    server.send("ok");
    second.until("ok");
}
