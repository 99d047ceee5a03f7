//! Listeners of TCP and their frontends in plans and warnings.

use std::time::Duration;

use super::*;
use crate::state::ProxyMode;

fn tcp(port: u8) -> Listener {
    Listener::of_tcp(address(port))
}

fn route(port: u8, server: &str, protocol: Option<&str>) -> Frontend {
    let id = FrontendId::new(address(port), server, protocol);
    Frontend::new(id, "c0", Default::default())
}

fn cluster(proxy: Option<ProxyMode>) -> Cluster {
    Cluster { id: "c0".into(), proxy, ..Cluster::default() }
}

/// Changes of a state, a line for each object and each key.
fn planned(state: &mut State, orders: Vec<Order>) -> String {
    let mut undo = Vec::new();
    orders.into_iter().for_each(|order| state.apply(order, &mut undo));
    let lines = plan(state, &undo).into_iter().flat_map(|change| {
        let keys = change.keys.into_iter();
        let keys = keys.map(|key| format!("  {}: {} → {}", key.key, key.old, key.new));
        [format!("{} {}", change.object, change.name)].into_iter().chain(keys).collect::<Vec<_>>()
    });
    lines.collect::<Vec<_>>().join("\n")
}

#[test]
fn a_plan_names_what_listeners_of_tcp_have() {
    let (mut state, _) = made(vec![
        Order::Listener(tcp(0)),
        Order::Listener(listener(1, true)),
        Order::Cluster(cluster(None)),
        Order::Frontend(Box::new(route(0, "db.example", Some("h2")))),
    ]);
    let patient = Listener {
        request_timeout: Duration::from_secs(9),
        hello_bytes: 2048,
        expect_proxy: true,
        ..tcp(0)
    };
    let changed = vec![
        Order::Listener(patient),
        Order::Listener(tcp(1)),
        Order::Cluster(cluster(Some(ProxyMode::Relay))),
        Order::Frontend(Box::new(route(0, "*", None))),
    ];
    insta::assert_snapshot!(planned(&mut state, changed));
    let gone = planned(&mut state, vec![Order::RemoveListener(address(0))]);
    assert!(gone.contains("frontend db.example (TCP, h2) on 127.0.0.1:1"), "{gone}");
}

#[test]
fn a_frontend_is_declared_again_when_its_listener_carries_something_else() {
    let same = || Order::Frontend(Box::new(route(0, "a.org", None)));
    let (old, _) = made(vec![Order::Listener(listener(0, true)), same()]);
    let (new, _) = made(vec![Order::Listener(tcp(0)), same()]);
    let id = route(0, "a.org", None).id();
    let expected = vec![Order::RemoveFrontend(id), Order::Listener(tcp(0)), same()];
    assert_eq!(diff(&old, &new), expected);
    assert_eq!(diff(&new, &new), vec![]);
}

#[test]
fn what_is_rarely_meant_of_tcp_is_warned_of() {
    let (mut state, _) = made(vec![Order::Listener(tcp(0)), Order::Listener(listener(1, true))]);
    let mut warned = |frontend: Frontend, more: Option<Order>| {
        let mut undo = Vec::new();
        more.into_iter().for_each(|order| state.apply(order, &mut undo));
        state.apply(Order::Frontend(Box::new(frontend)), &mut undo);
        warnings(&state, &undo, 0).join("\n")
    };
    let all = || route(0, "*", None);
    let lost = warned(all(), None);
    assert!(lost.ends_with("cluster c0, which is not there: connections are closed"), "{lost}");
    warned(all(), Some(Order::Cluster(cluster(Some(ProxyMode::Send)))));
    assert_eq!(warned(all(), Some(Order::Backend(backend(0, 0, 1)))), "");
    let expects = warned(all(), Some(Order::Cluster(cluster(Some(ProxyMode::Expect)))));
    assert!(expects.ends_with("c0, which expects PROXY protocol headers, unlike the listener"));
    let expecting = Listener { expect_proxy: true, ..tcp(0) };
    assert_eq!(warned(all(), Some(Order::Listener(expecting))), "");
    let http = warned(frontend(1, 1, Position::Tree, false), None);
    assert!(http.ends_with("cluster c0, whose PROXY protocol is only for TCP"), "{http}");
}
