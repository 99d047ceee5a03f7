//! Sessions that have room whatever other clusters do, and those that a cluster may have at most,
//! through a whole worker.

mod harness;

use std::time::Instant;

use harness::h2::Client;
use harness::{Backside, PATIENCE, Peer, Proxy, backend, settings, state};
use weir_base::Limits;
use weir_control::channel::ToWorker;
use weir_control::order::Order;
use weir_control::state::{Backend, Carries, Cluster, Frontend, FrontendId};

const OK: &str = "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok";
/// Sessions that `vip` is guaranteed in [`two`].
const GUARANTEED: usize = 5;

fn cluster(id: &str, min_sessions: Option<u32>, max_sessions: Option<u32>) -> Cluster {
    Cluster { id: id.into(), min_sessions, max_sessions, ..Cluster::default() }
}

fn guaranteed(sessions: usize) -> Order {
    Order::Cluster(cluster("vip", Some(sessions as u32), None))
}

fn limited(sessions: u32) -> Order {
    Order::Cluster(cluster("app", None, Some(sessions)))
}

/// A proxy whose cluster `vip` is for the host of that name, and `app` for all others; `back` is
/// the backend of both.
fn two(back: &Backside, limits: Limits) -> Proxy {
    let (mut state, socket) = state(&[back.address]);
    let address = socket.local_addr().expect("bound");
    let id = FrontendId::new(address, "vip", None);
    state.frontends.push(Frontend::new(id, "vip", Default::default()));
    state.clusters.insert("vip".into(), cluster("vip", Some(GUARANTEED as u32), None));
    state.backends.push(Backend { cluster: "vip".into(), ..backend("vip-0", back.address) });
    Proxy::with(settings(limits), (state, socket))
}

/// A proxy whose cluster takes so many sessions.
fn full_at(back: &Backside, most: u32) -> Proxy {
    let mut proxy = Proxy::to(&[back.address]);
    proxy.transact(vec![limited(most)]);
    proxy
}

/// A request for `host`: its client, and the backend's end of it if it is not refused.
fn ask(proxy: &Proxy, back: &Backside, host: &str) -> (Peer, Option<Peer>) {
    let mut client = proxy.connect();
    client.send(&format!("GET / HTTP/1.1\r\nHost: {host}\r\n\r\n"));
    let deadline = Instant::now() + PATIENCE;
    while !client.has_come() {
        if let Some((_, server)) = Backside::poll_any(&[back]) {
            return (client, Some(server));
        }
        assert!(Instant::now() < deadline, "neither served nor refused");
        std::thread::yield_now();
    }
    (client, None)
}

/// One that is served and waits for its answer.
fn enter(proxy: &Proxy, back: &Backside, host: &str) -> [Peer; 2] {
    let (client, server) = ask(proxy, back, host);
    let mut server = server.expect("it is served");
    server.head();
    [client, server]
}

/// The head of the answer to one that is refused.
fn refused(proxy: &Proxy, back: &Backside, host: &str) -> String {
    let (mut client, server) = ask(proxy, back, host);
    assert!(server.is_none(), "it is served");
    let head = client.head();
    assert!(head.starts_with("HTTP/1.1 503 "), "{head}");
    head
}

fn answer([client, server]: &mut [Peer; 2]) {
    server.send(OK);
    client.until("ok");
}

/// Requests of `app`, until one is refused.
fn flood(proxy: &Proxy, back: &Backside) -> Vec<[Peer; 2]> {
    let mut inside = Vec::new();
    loop {
        match ask(proxy, back, "app") {
            (client, Some(server)) => inside.push([client, server]),
            (mut client, None) => {
                let answer = client.rest();
                assert!(answer.contains("kept for others"), "closed after {answer}");
                return inside;
            }
        }
    }
}

#[test]
fn a_flood_takes_no_buffers_of_what_is_guaranteed() {
    let back = Backside::new();
    let proxy = two(&back, harness::limits());
    let mut inside = flood(&proxy, &back);
    // A sixteenth of the 100 buffers is for heads, four are guaranteed for each session.
    assert_eq!(inside.len(), (100 - 7 - 4 * GUARANTEED) / 2);
    for _ in 0..2 {
        let mut clients: Vec<_> = (0..GUARANTEED).map(|_| proxy.connect()).collect();
        clients.iter_mut().for_each(|client| client.send("GET / HTTP/1.1\r\nHost: vip\r\n\r\n"));
        let servers = clients.iter().map(|_| back.accept());
        let mut servers: Vec<_> = servers.collect();
        servers.iter_mut().for_each(|server| {
            assert!(server.head().contains("\r\nHost: vip\r\n"));
            server.send(OK);
        });
        clients.iter_mut().for_each(|client| drop(client.until("ok")));
        refused(&proxy, &back, "app");
    }
    answer(&mut inside.remove(0));
    enter(&proxy, &back, "app");
}

#[test]
fn a_flood_takes_no_connections_of_what_is_guaranteed() {
    let back = Backside::new();
    let proxy = two(&back, Limits { sessions: 20, buffers: 1000, ..harness::limits() });
    let inside = flood(&proxy, &back);
    // Two are for clients whose cluster is not known.
    assert_eq!(inside.len(), 20 - 2 - GUARANTEED);
    let vips: Vec<_> = (0..GUARANTEED).map(|_| enter(&proxy, &back, "vip")).collect();
    assert_eq!(vips.len(), GUARANTEED);
}

#[test]
fn a_ceiling_holds_and_who_goes_makes_room() {
    let back = Backside::new();
    let proxy = full_at(&back, 2);
    let [mut one, mut two] = [enter(&proxy, &back, "a"), enter(&proxy, &back, "a")];
    let (mut client, _) = ask(&proxy, &back, "a");
    assert!(client.rest().contains("as many sessions"));
    answer(&mut one);
    let mut three = enter(&proxy, &back, "a");
    refused(&proxy, &back, "a");
    answer(&mut two);
    answer(&mut three);
    // One that the client leaves counts no more, either.
    drop(enter(&proxy, &back, "a"));
    let deadline = Instant::now() + PATIENCE;
    while ask(&proxy, &back, "a").1.is_none() {
        assert!(Instant::now() < deadline, "the place is lost");
    }
}

#[test]
fn streams_count_as_other_requests() {
    let back = Backside::new();
    let proxy = full_at(&back, 2);
    let mut client = Client::over(proxy.connect());
    let streams = [client.get("/"), client.get("/")];
    let mut servers = [back.accept(), back.accept()];
    let third = client.get("/");
    assert_eq!(client.answer(third).status(), "503");
    refused(&proxy, &back, "a");
    servers.iter_mut().for_each(|server| {
        server.head();
        server.send(OK);
    });
    let answers = client.answers(&streams);
    assert!(streams.iter().all(|stream| answers[stream].status() == "200"));
    enter(&proxy, &back, "a");
}

#[test]
fn connections_of_tcp_are_closed_where_there_is_no_place() {
    let back = Backside::new();
    let proxy = Proxy::changed(&[back.address], |state, _| {
        state.listeners.values_mut().for_each(|listener| listener.carries = Carries::Tcp);
        state.clusters.insert("app".into(), cluster("app", None, Some(1)));
    });
    let mut first = proxy.connect();
    let server = back.accept();
    assert_eq!(proxy.connect().rest(), "");
    drop(server);
    assert_eq!(first.rest(), "");
    drop(first);
    let mut last = proxy.connect();
    back.accept().send("hello");
    last.until("hello");
}

#[test]
fn what_is_guaranteed_changes_while_sessions_are_under_way() {
    let back = Backside::new();
    let mut proxy = two(&back, harness::limits());
    proxy.transact(vec![Order::Cluster(cluster("vip", None, None))]);
    let mut before = [enter(&proxy, &back, "app"), enter(&proxy, &back, "app")];
    proxy.transact(vec![limited(1)]);
    // Nothing was counted before.
    let mut one = enter(&proxy, &back, "app");
    refused(&proxy, &back, "app");
    before.iter_mut().for_each(answer);
    refused(&proxy, &back, "app");
    proxy.transact(vec![limited(2)]);
    let mut two = enter(&proxy, &back, "app");
    proxy.transact(vec![limited(1)]);
    answer(&mut one);
    refused(&proxy, &back, "app");
    proxy.transact(vec![limited(10_000), guaranteed(20)]);
    // One is left of those before.
    let inside = flood(&proxy, &back);
    assert_eq!(inside.len() + 1, (100 - 7 - 4 * 20) / 2);
    answer(&mut two);
    enter(&proxy, &back, "app");
    proxy.transact(vec![Order::RemoveCluster("vip".into())]);
    (0..20).for_each(|_| drop(enter(&proxy, &back, "app")));
}

#[test]
fn each_worker_has_its_part() {
    let back = Backside::new();
    let mut proxy = full_at(&back, 4);
    proxy.say(&ToWorker::Workers(2));
    let mut inside = [enter(&proxy, &back, "a"), enter(&proxy, &back, "a")];
    refused(&proxy, &back, "a");
    inside.iter_mut().for_each(answer);
    let address = proxy.address;
    let explained = proxy.explain(address, "a", "/");
    let told = |step: &String| step.contains("has at most 4 sessions, in all workers together");
    assert!(explained.steps.iter().any(told), "{explained:?}");
}
