//! Changes at run time, through a whole worker: whatever the way, the same state is served.

mod harness;

use std::net::SocketAddr;

use harness::{Proxy, backend, frontend, limits, listener, settings};
use weir_control::change::{diff, state_hash};
use weir_control::channel::Explained;
use weir_control::order::Order;
use weir_control::state::{Cluster, Frontend, Listener, PathRule, Position, State};

/// A small generator; the seed is in the message of a failure.
struct Random(u64);

impl Random {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 =
            self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % bound
    }

    fn order(&mut self, address: SocketAddr) -> Order {
        let cluster = format!("c{}", self.below(4));
        match self.below(7) {
            0 => Order::Cluster(Cluster {
                id: cluster,
                sticky_session: self.below(2) == 0,
                ..Cluster::default()
            }),
            1 => Order::RemoveCluster(cluster),
            2 | 3 => {
                let id = format!("b{}", self.below(3));
                let at = SocketAddr::from(([127, 0, 0, 1], 1 + self.below(5) as u16));
                let backend = backend(&id, at);
                Order::Backend(weir_control::state::Backend { cluster, ..backend })
            }
            4 => Order::RemoveBackend {
                cluster,
                id: format!("b{}", self.below(3)),
                close_after: None,
            },
            5 => Order::RemoveFrontend(self.frontend(address, cluster).id()),
            _ => Order::Frontend(Box::new(self.frontend(address, cluster))),
        }
    }

    fn frontend(&mut self, address: SocketAddr, cluster: String) -> Frontend {
        let hosts = ["a.org", "*.org", "*", "/[a-c]+/.org", "b.a.org"];
        let positions = [Position::Pre, Position::Tree, Position::Tree, Position::Post];
        Frontend {
            hsts: None,
            hostname: hosts[self.below(5) as usize].into(),
            path: match self.below(3) {
                0 => PathRule::Prefix(String::new()),
                1 => PathRule::Prefix("/x".into()),
                _ => PathRule::Equals("/x/y".into()),
            },
            position: positions[self.below(4) as usize],
            cluster: Some(cluster),
            ..frontend(address)
        }
    }
}

/// A worker that serves a state that it was told at once.
fn loaded(state: &State) -> (Proxy, SocketAddr) {
    let any = SocketAddr::from(([127, 0, 0, 1], 0));
    let socket = weir_sys::TcpListener::bind(any, 128).expect("bind");
    let address = socket.local_addr().expect("bound");
    let mut state = state.clone();
    state.listeners.clear();
    state.listeners.insert(address, listener(address));
    state.frontends.change_all(|frontend| frontend.address = address);
    (Proxy::with(settings(limits()), (state, socket)), address)
}

/// What a worker says of requests, without the address that differs.
fn answers(proxy: &mut Proxy, address: SocketAddr) -> Vec<Explained> {
    let mut all = Vec::new();
    for host in ["a.org", "b.a.org", "c.org", "x.net"] {
        for path in ["/", "/x", "/x/y", "/x/y/z"] {
            let mut explained = proxy.explain(address, host, path);
            explained.backends.sort();
            explained.lost.sort();
            let text = serde_json::to_string(&explained).expect("JSON");
            let text = text.replace(&address.to_string(), "LISTENER");
            all.push(serde_json::from_str(&text).expect("JSON"));
        }
    }
    all
}

#[test]
fn any_sequence_of_changes_serves_what_its_result_serves() {
    for seed in 0..20 {
        let mut random = Random(seed);
        let (mut proxy, address) = loaded(&State::default());
        let mut state = State::default();
        let mut undo = Vec::new();
        state.apply(Order::Listener(listener(address)), &mut undo);
        for _ in 0..30 {
            let count = 1 + random.below(5);
            let orders: Vec<_> = (0..count).map(|_| random.order(address)).collect();
            for order in &orders {
                state.apply(order.clone(), &mut undo);
            }
            proxy.transact(orders);
        }
        assert_eq!(proxy.hash(), state_hash(&state), "seed {seed}");
        let (mut other, there) = loaded(&state);
        assert_eq!(answers(&mut proxy, address), answers(&mut other, there), "seed {seed}");
        let mut empty = State::default();
        empty.listeners.insert(address, listener(address));
        proxy.transact(diff(&state, &empty));
        assert_eq!(proxy.hash(), state_hash(&empty), "seed {seed}: nothing is left");
    }
}

#[test]
fn what_is_prepared_and_forgotten_leaves_no_trace() {
    let (mut proxy, address) = loaded(&State::default());
    let before = proxy.hash();
    let route = Order::Frontend(Box::new(frontend(address)));
    proxy.prepare_and_abort(vec![route.clone()]);
    assert_eq!(proxy.hash(), before);
    assert!(proxy.ask("GET / HTTP/1.1\r\nHost: h\r\n\r\n").starts_with("HTTP/1.1 404 "));
    proxy.transact(vec![route]);
    assert_ne!(proxy.hash(), before);
    assert!(proxy.ask("GET / HTTP/1.1\r\nHost: h\r\n\r\n").starts_with("HTTP/1.1 503 "));
}

#[test]
fn a_frontend_without_its_listener_is_refused() {
    let (mut proxy, _) = loaded(&State::default());
    let elsewhere = frontend(SocketAddr::from(([127, 0, 0, 1], 1)));
    let before = proxy.hash();
    for position in 0..3 {
        let mut orders = vec![Order::Cluster(Cluster { id: "c".into(), ..Cluster::default() }); 2];
        orders.insert(position, Order::Frontend(Box::new(elsewhere.clone())));
        let refusal = proxy.refused(orders);
        assert!(refusal.contains("there is no listener on 127.0.0.1:1"), "{refusal}");
        assert_eq!(proxy.hash(), before);
    }
}

#[test]
fn the_hash_follows_the_order_of_rules_before_and_after_the_tree() {
    let (mut proxy, address) = loaded(&State::default());
    let empty = proxy.hash();
    for position in [Position::Pre, Position::Post] {
        let rule = |host: &str| Frontend { hostname: host.into(), position, ..frontend(address) };
        let add = |host: &str| Order::Frontend(Box::new(rule(host)));
        proxy.transact(vec![add("a"), add("b"), add("c")]);
        let first = proxy.hash();
        proxy.transact(vec![add("b")]);
        assert_eq!(proxy.hash(), first, "what is replaced keeps its place");
        proxy.transact(vec![Order::RemoveFrontend(rule("b").id()), add("b")]);
        assert_ne!(proxy.hash(), first);
        proxy.transact(vec![Order::RemoveFrontend(rule("c").id()), add("c")]);
        assert_eq!(proxy.hash(), first, "the order is the first one again");
    }
    for host in ["a", "b", "c"] {
        for position in [Position::Pre, Position::Post] {
            let rule = Frontend { hostname: host.into(), position, ..frontend(address) };
            proxy.transact(vec![Order::RemoveFrontend(rule.id())]);
        }
    }
    assert_eq!(proxy.hash(), empty);
}

#[test]
fn the_order_of_rules_goes_with_their_listener() {
    let (mut proxy, _) = loaded(&State::default());
    let before = proxy.hash();
    let address = SocketAddr::from(([127, 0, 0, 1], 1));
    let closed = Listener { active: false, ..listener(address) };
    let mut orders = vec![Order::Listener(closed)];
    for position in [Position::Pre, Position::Post, Position::Tree] {
        for host in ["a", "b", "c"] {
            let hostname = host.into();
            let rule = Frontend { hostname, position, ..frontend(address) };
            orders.push(Order::Frontend(Box::new(rule)));
        }
    }
    proxy.transact(orders);
    proxy.transact(vec![Order::RemoveListener(address)]);
    assert_eq!(proxy.hash(), before);
}
