//! Datagrams: to a backend and back, flow by flow, within bounds.

mod harness;

use std::net::{IpAddr, SocketAddr, UdpSocket};
use std::time::{Duration, Instant};

use harness::{PATIENCE, Proxy, backend, cluster, limits, settings, state};
use weir_base::Endpoint;
use weir_control::change::state_hash;
use weir_control::channel::{Finding, Happening, ToMain, ToWorker};
use weir_control::order::{Object, Order};
use weir_control::state::{
    BackendId, Cluster, HealthCheck, Probe, ProxyDatagrams, State, UdpAffinity as Affinity,
    UdpListener, UdpRules,
};
use weir_l4::proxy::{Origin, Parsed, Transport, parse};

/// One end of a scripted conversation.
struct Peer(UdpSocket);

impl Peer {
    fn on(ip: impl Into<IpAddr>) -> Self {
        let socket = UdpSocket::bind(SocketAddr::new(ip.into(), 0)).expect("bound");
        socket.set_read_timeout(Some(PATIENCE)).expect("set");
        Self(socket)
    }

    fn new() -> Self {
        Self::on([127, 0, 0, 1])
    }

    fn address(&self) -> SocketAddr {
        self.0.local_addr().expect("bound")
    }

    fn send(&self, to: SocketAddr, text: impl AsRef<[u8]>) {
        self.0.send_to(text.as_ref(), to).expect("sent");
    }

    /// The next datagram, and who sent it.
    fn hear_bytes(&self) -> (SocketAddr, Vec<u8>) {
        let mut bytes = vec![0; 65_536];
        let (n, from) = self.0.recv_from(&mut bytes).expect("a datagram in time");
        bytes.truncate(n);
        (from, bytes)
    }

    fn hear(&self) -> (SocketAddr, String) {
        let (from, bytes) = self.hear_bytes();
        (from, String::from_utf8_lossy(&bytes).into_owned())
    }

    fn is_quiet(&self) -> bool {
        self.0.set_nonblocking(true).expect("set");
        let quiet = self.0.recv_from(&mut [0; 16]).is_err();
        self.0.set_nonblocking(false).expect("set");
        quiet
    }
}

/// A worker with a listener of UDP.
struct Flows {
    proxy: Proxy,
    state: State,
    at: SocketAddr,
}

impl Flows {
    /// In front of these backends, with what `change` makes of listener and rules.
    fn to(
        backends: &[&Peer],
        change: impl FnOnce(&mut UdpListener, &mut UdpRules, &mut Cluster),
    ) -> Self {
        Self::on([127, 0, 0, 1].into(), backends, change)
    }

    fn on(
        ip: IpAddr,
        backends: &[&Peer],
        change: impl FnOnce(&mut UdpListener, &mut UdpRules, &mut Cluster),
    ) -> Self {
        let socket = weir_sys::UdpSocket::bind(SocketAddr::new(ip, 0)).expect("bound");
        let at = socket.local_addr().expect("bound");
        let addresses: Vec<_> = backends.iter().map(|peer| peer.address()).collect();
        let (mut state, tcp) = state(&addresses);
        let mut listener = UdpListener { cluster: Some("app".into()), ..UdpListener::new(at) };
        let mut rules = UdpRules { affinity: Affinity::SourceIpPort, ..UdpRules::default() };
        let mut app = cluster();
        change(&mut listener, &mut rules, &mut app);
        state.clusters.insert("app".into(), Cluster { udp: Some(Box::new(rules)), ..app });
        state.udp.insert(at, listener);
        let mut proxy = Proxy::untold(settings(limits()), tcp);
        proxy.lend(Endpoint::udp(at), &socket);
        proxy.apply(state.orders().collect());
        Self { proxy, state, at }
    }

    /// Waits until the listener has that many flows.
    fn has(&mut self, wanted: u64) {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let count = self.proxy.count(vec![Object::UdpListener(self.at)])[0];
            if count == wanted {
                return;
            }
            assert!(Instant::now() < deadline, "{count} flows, not {wanted}");
            std::thread::yield_now();
        }
    }

    /// Carries orders out, here and there.
    fn transact(&mut self, orders: Vec<Order>) {
        for order in orders.clone() {
            self.state.apply(order, &mut Vec::new());
        }
        self.proxy.transact(orders);
        assert_eq!(self.proxy.hash(), state_hash(&self.state), "both have the same");
    }

    fn change(&mut self, change: impl FnOnce(&mut UdpListener)) {
        let mut listener = self.state.udp[&self.at].clone();
        change(&mut listener);
        self.transact(vec![Order::UdpListener(Box::new(listener))]);
    }
}

/// What a backend hears next, and how it would answer.
fn heard(backend: &Peer, text: &str) -> SocketAddr {
    let (from, said) = backend.hear();
    assert_eq!(said, text);
    from
}

#[test]
fn datagrams_pass_both_ways() {
    let (backend, client) = (Peer::new(), Peer::new());
    let mut flows = Flows::to(&[&backend], |_, _, _| {});
    client.send(flows.at, "question");
    let way = heard(&backend, "question");
    backend.send(way, "answer");
    backend.send(way, "and more");
    assert_eq!(client.hear(), (flows.at, "answer".into()));
    assert_eq!(client.hear(), (flows.at, "and more".into()));
    client.send(flows.at, "another");
    assert_eq!(heard(&backend, "another"), way, "of the same flow");
    backend.send(way, "");
    assert_eq!(client.hear(), (flows.at, String::new()), "servers may send nothing");
    flows.has(1);
    let name = |id: &str| weir_control::state::BackendId { cluster: "app".into(), id: id.into() };
    let objects = vec![Object::Cluster("app".into()), Object::Backend(name("app-0"))];
    assert_eq!(flows.proxy.count(objects), [1, 1]);
    assert_eq!(flows.proxy.hash(), state_hash(&flows.state));
}

#[test]
fn many_datagrams_come_whole_and_in_order() {
    let (backend, client) = (Peer::new(), Peer::new());
    let flows = Flows::to(&[&backend], |_, _, _| {});
    for round in 0..40u32 {
        let sent = (0..50u32).map(|n| format!("{round}.{n} {}", "x".repeat(n as usize)));
        let sent: Vec<_> = sent.collect();
        sent.iter().for_each(|text| client.send(flows.at, text));
        let mut way = None;
        for text in &sent {
            way = Some(heard(&backend, text));
        }
        let way = way.expect("some were sent");
        sent.iter().for_each(|text| backend.send(way, text));
        for text in &sent {
            assert_eq!(client.hear().1, *text);
        }
    }
}

#[test]
fn the_longest_datagram_passes() {
    let (backend, client) = (Peer::new(), Peer::new());
    let flows = Flows::to(&[&backend], |listener, _, _| listener.max_rx_datagram_size = 65_535);
    let bytes: Vec<u8> = (0..65_507u32).map(|n| n as u8).collect();
    client.send(flows.at, &bytes);
    let (way, said) = backend.hear_bytes();
    assert!(said == bytes);
    backend.send(way, &bytes);
    assert!(client.hear_bytes().1 == bytes);
}

#[test]
fn clients_are_told_apart_by_address_and_port_or_by_address() {
    let backends = [Peer::new(), Peer::new()];
    let clients = [Peer::new(), Peer::new()];
    let flows = Flows::to(&[&backends[0], &backends[1]], |_, _, _| {});
    for (client, backend) in clients.iter().zip(&backends) {
        client.send(flows.at, "hello");
        let way = heard(backend, "hello");
        backend.send(way, "you");
        assert_eq!(client.hear().1, "you");
    }

    let mut flows = Flows::to(&[&backends[0], &backends[1]], |_, rules, _| {
        rules.affinity = Affinity::SourceIp;
    });
    clients[0].send(flows.at, "one");
    let way = heard(&backends[0], "one");
    clients[1].send(flows.at, "two");
    assert_eq!(heard(&backends[0], "two"), way);
    backends[0].send(way, "to whom?");
    assert_eq!(clients[1].hear().1, "to whom?", "who has sent last");
    let other = Peer::on([127, 0, 0, 9]);
    other.send(flows.at, "three");
    heard(&backends[1], "three");
    flows.has(2);
}

#[test]
fn a_flow_is_over_after_so_many_datagrams() {
    let (backend, client) = (Peer::new(), Peer::new());
    let mut flows = Flows::to(&[&backend], |_, rules, _| rules.responses = 1);
    client.send(flows.at, "one");
    let first = heard(&backend, "one");
    backend.send(first, "first");
    assert_eq!(client.hear().1, "first");
    flows.has(0);
    client.send(flows.at, "two");
    let second = heard(&backend, "two");
    backend.send(second, "second");
    assert_eq!(client.hear().1, "second");

    let mut flows = Flows::to(&[&backend], |_, rules, _| rules.requests = 2);
    for text in ["one", "two"] {
        client.send(flows.at, text);
        heard(&backend, text);
    }
    flows.has(0);
}

#[test]
fn a_flow_is_over_when_nothing_comes() {
    let (backend, client) = (Peer::new(), Peer::new());
    let mut flows = Flows::to(&[&backend], |listener, _, _| {
        listener.back_timeout = Duration::from_millis(200);
    });
    client.send(flows.at, "one");
    heard(&backend, "one");
    flows.has(0);
    client.send(flows.at, "two");
    heard(&backend, "two");
}

#[test]
fn datagrams_without_bytes_or_with_too_many_are_dropped() {
    let (backend, client) = (Peer::new(), Peer::new());
    let mut flows = Flows::to(&[&backend], |listener, _, _| listener.max_rx_datagram_size = 10);
    client.send(flows.at, "");
    client.send(flows.at, "eleven byte");
    client.send(flows.at, "ten bytes.");
    let way = heard(&backend, "ten bytes.");
    backend.send(way, "answers may be as long as they like");
    assert_eq!(client.hear().1, "answers may be as long as they like");
    flows.has(1);
}

#[test]
fn there_are_as_many_flows_as_may_be() {
    let (backend, clients) = (Peer::new(), [Peer::new(), Peer::new(), Peer::new()]);
    let mut flows = Flows::to(&[&backend], |listener, _, _| listener.max_flows = 2);
    let ways: Vec<_> = clients[..2]
        .iter()
        .map(|client| {
            client.send(flows.at, "in");
            heard(&backend, "in")
        })
        .collect();
    clients[2].send(flows.at, "out");
    clients[0].send(flows.at, "still in");
    assert_eq!(heard(&backend, "still in"), ways[0], "it was the next after the one dropped");
    flows.change(|listener| listener.max_flows = 3);
    clients[2].send(flows.at, "in too");
    heard(&backend, "in too");
    flows.has(3);
}

#[test]
fn a_backend_that_is_not_there_ends_its_flow_and_is_passed_over() {
    let gone = Peer::new();
    let backend = Peer::new();
    let mut flows = Flows::to(&[&gone, &backend], |_, _, _| {});
    drop(gone);
    let client = Peer::new();
    client.send(flows.at, "lost");
    flows.has(0);
    for n in 0..4 {
        let client = Peer::new();
        client.send(flows.at, n.to_string());
        let way = heard(&backend, &n.to_string());
        backend.send(way, "here");
        assert_eq!(client.hear().1, "here");
    }
}

#[test]
fn without_cluster_or_backend_datagrams_are_dropped() {
    let (backend, client) = (Peer::new(), Peer::new());
    let mut flows = Flows::to(&[&backend], |listener, _, _| listener.cluster = None);
    client.send(flows.at, "nobody");
    flows.change(|listener| listener.cluster = Some("nothing".into()));
    client.send(flows.at, "nobody");
    flows.change(|listener| listener.cluster = Some("app".into()));
    client.send(flows.at, "somebody");
    let (_, mut said) = backend.hear();
    if said == "nobody" {
        // It waited in the kernel until there was a cluster.
        said = backend.hear().1;
    }
    assert_eq!(said, "somebody");
}

/// A header and what follows it.
fn announced(bytes: &[u8]) -> (Origin, &[u8]) {
    let Parsed::Header(header) = parse(bytes, 256) else { panic!("no header: {bytes:?}") };
    (header.origin, &bytes[header.len..])
}

#[test]
fn backends_are_told_whose_datagrams_they_get() {
    for mode in [ProxyDatagrams::First, ProxyDatagrams::Every] {
        let (backend, client) = (Peer::new(), Peer::new());
        let flows = Flows::to(&[&backend], |_, rules, _| rules.proxy = Some(mode));
        let origin = Origin::Inet {
            transport: Transport::Datagram,
            source: client.address(),
            destination: flows.at,
        };
        // Together, perhaps.
        ["one", "two", "six"].iter().for_each(|text| client.send(flows.at, text));
        let all: Vec<_> = (0..3).map(|_| backend.hear_bytes().1).collect();
        assert_eq!(announced(&all[0]), (origin, &b"one"[..]));
        let rest = [(&all[1], b"two"), (&all[2], b"six")];
        for (bytes, text) in rest {
            match mode {
                ProxyDatagrams::First => assert_eq!(bytes, text),
                ProxyDatagrams::Every => assert_eq!(announced(bytes), (origin, &text[..])),
            }
        }
    }
}

#[test]
fn backends_are_told_where_clients_send_to() {
    let (backend, client) = (Peer::new(), Peer::new());
    let public: SocketAddr = "192.0.2.1:53".parse().expect("an address");
    let mut flows = Flows::on([0, 0, 0, 0].into(), &[&backend], |listener, rules, _| {
        rules.proxy = Some(ProxyDatagrams::Every);
        listener.public_address = None;
    });
    let port = flows.at.port();
    let to = |ip: [u8; 4]| SocketAddr::new(ip.into(), port);
    let destination = |bytes: &[u8]| match announced(bytes).0 {
        Origin::Inet { destination, .. } => destination,
        other => panic!("{other:?}"),
    };
    client.send(to([127, 0, 0, 7]), "?");
    let (way, bytes) = backend.hear_bytes();
    assert_eq!(destination(&bytes), to([127, 0, 0, 7]));
    backend.send(way, "!");
    assert_eq!(client.hear(), (to([127, 0, 0, 7]), "!".into()), "from where it was asked");
    flows.change(|listener| listener.public_address = Some(public));
    let other = Peer::new();
    other.send(to([127, 0, 0, 7]), "?");
    assert_eq!(destination(&backend.hear_bytes().1), public);
}

#[test]
fn clients_of_both_families_come_to_one_listener() {
    let backend = Peer::new();
    let any = "::".parse().expect("an address");
    let flows =
        Flows::on(any, &[&backend], |_, rules, _| rules.proxy = Some(ProxyDatagrams::First));
    let clients = [Peer::new(), Peer::on("::1".parse::<IpAddr>().expect("an address"))];
    for client in clients {
        let meant = SocketAddr::new(client.address().ip(), flows.at.port());
        client.send(meant, "?");
        let (way, bytes) = backend.hear_bytes();
        let (origin, rest) = announced(&bytes);
        assert_eq!(rest, b"?");
        let Origin::Inet { source, destination, .. } = origin else { panic!("of whom?") };
        assert_eq!((source, destination), (client.address(), meant));
        backend.send(way, "!");
        assert_eq!(client.hear(), (meant, "!".into()));
    }
}

#[test]
fn another_cluster_is_for_new_flows() {
    let (old, new, client) = (Peer::new(), Peer::new(), Peer::new());
    let mut flows = Flows::to(&[&old], |_, _, _| {});
    client.send(flows.at, "one");
    let way = heard(&old, "one");
    let mut server = backend("new", new.address());
    server.cluster = "new".into();
    let cluster = Cluster { id: "new".into(), ..cluster() };
    flows.transact(vec![Order::Cluster(cluster), Order::Backend(server)]);
    flows.change(|listener| listener.cluster = Some("new".into()));
    client.send(flows.at, "two");
    assert_eq!(heard(&old, "two"), way);
    let late = Peer::on([127, 0, 0, 2]);
    late.send(flows.at, "three");
    heard(&new, "three");
    flows.transact(vec![Order::RemoveCluster("app".into())]);
    client.send(flows.at, "four");
    assert_eq!(heard(&old, "four"), way, "what has begun goes on");
    old.send(way, "bye");
    assert_eq!(client.hear().1, "bye");
}

#[test]
fn a_listener_that_goes_takes_its_flows_along() {
    let (backend, client) = (Peer::new(), Peer::new());
    let mut flows = Flows::to(&[&backend], |_, _, _| {});
    client.send(flows.at, "one");
    heard(&backend, "one");
    flows.has(1);
    flows.change(|listener| listener.active = false);
    flows.has(0);
    let app = vec![Object::Cluster("app".into())];
    assert_eq!(flows.proxy.count(app), [0]);
    let socket = weir_sys::UdpSocket::bind(flows.at).expect("it is free");
    flows.proxy.lend(Endpoint::udp(flows.at), &socket);
    flows.change(|listener| listener.active = true);
    client.send(flows.at, "two");
    heard(&backend, "two");
    let at = flows.at;
    flows.transact(vec![Order::RemoveUdpListener(at)]);
    flows.has(0);
    drop(socket);
    assert!(!weir_sys::is_bound(Endpoint::udp(at)).expect("known"));
}

#[test]
fn a_listener_may_stop_and_begin_again_in_one_change() {
    let (backend, client) = (Peer::new(), Peer::new());
    let mut flows = Flows::to(&[&backend], |_, _, _| {});
    let listener = flows.state.udp[&flows.at].clone();
    let of = |active| Order::UdpListener(Box::new(UdpListener { active, ..listener.clone() }));
    flows.transact(vec![of(false), of(true)]);
    client.send(flows.at, "one");
    heard(&backend, "one");
    flows.transact(vec![Order::RemoveUdpListener(flows.at), of(false), of(true)]);
    client.send(flows.at, "two");
    heard(&backend, "two");

    let socket = weir_sys::UdpSocket::bind(([127, 0, 0, 1], 0).into()).expect("bound");
    let address = socket.local_addr().expect("bound");
    flows.proxy.lend(Endpoint::udp(address), &socket);
    let of = |active| UdpListener { address, active, ..listener.clone() };
    let orders = [of(false), of(true)].map(|l| Order::UdpListener(Box::new(l)));
    flows.transact(orders.to_vec());
    client.send(address, "three");
    heard(&backend, "three");
}

#[test]
fn a_drain_lets_flows_finish() {
    let (backend, client) = (Peer::new(), Peer::new());
    let mut flows = Flows::to(&[&backend], |_, rules, _| rules.responses = 2);
    client.send(flows.at, "question");
    let way = heard(&backend, "question");
    flows.has(1);
    flows.proxy.start_drain(Duration::from_secs(3600));
    backend.send(way, "one");
    assert_eq!(client.hear().1, "one");
    backend.send(way, "two");
    assert_eq!(client.hear().1, "two");
    assert_eq!(flows.proxy.drained(), 0);
    assert!(backend.is_quiet());
}

#[test]
fn a_drain_leaves_datagrams_to_the_next_worker_and_cuts_what_is_left() {
    let (backend, client) = (Peer::new(), Peer::new());
    let mut flows = Flows::to(&[&backend], |_, _, _| {});
    client.send(flows.at, "question");
    heard(&backend, "question");
    flows.has(1);
    flows.proxy.start_drain(Duration::ZERO);
    assert_eq!(flows.proxy.drained(), 1);
    assert!(backend.is_quiet());
}

/// Waits until main is told that a backend is down.
fn until_down(flows: &mut Flows) {
    let deadline = Instant::now() + PATIENCE;
    loop {
        assert!(Instant::now() < deadline, "main is told nothing");
        if let Some(ToMain::Happened(Happening::BackendDown { .. })) = flows.proxy.poll() {
            return;
        }
        std::thread::yield_now();
    }
}

#[test]
fn flows_leave_a_backend_that_fails_its_checks() {
    let backends = [Peer::new(), Peer::new()];
    // One that finds nothing in the time of this test: main says what holds.
    let check = HealthCheck {
        probe: Probe::Tcp,
        port: None,
        interval: Duration::from_secs(3600),
        timeout: Duration::from_secs(3600),
        rise: 9,
        fall: 9,
    };
    let mut flows = Flows::to(&backends.each_ref(), |_, _, app| app.health = Some(Box::new(check)));
    let client = Peer::new();
    let hears = |backend: &Peer| !backend.is_quiet();
    let found = |number: usize, healthy| {
        let backend = BackendId { cluster: "app".into(), id: format!("app-{number}") };
        ToWorker::Findings(vec![Finding { backend, healthy }])
    };
    flows.proxy.say(&found(0, true));
    flows.proxy.say(&found(1, true));
    client.send(flows.at, "one");
    flows.has(1);
    let first = usize::from(hears(&backends[1]));
    flows.proxy.say(&found(first, false));
    until_down(&mut flows);
    client.send(flows.at, "two");
    let flow = heard(&backends[1 - first], "two");
    // Where all fail, flows stay where they are.
    flows.proxy.say(&found(1 - first, false));
    until_down(&mut flows);
    client.send(flows.at, "three");
    assert_eq!(heard(&backends[1 - first], "three"), flow);
}
