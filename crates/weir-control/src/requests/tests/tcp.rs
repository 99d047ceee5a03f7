//! TCP listeners, their frontends, and the PROXY protocol.

use weir_proto::{
    ActivateListener, Cluster, ClusterTls, DeactivateListener, HttpListenerConfig,
    ProxyProtocolConfig, QueryClusterByDomain, RemoveListener, RequestTcpFrontend,
    TcpListenerConfig, UpdateHttpListenerConfig, UpdateTcpListenerConfig,
};

use super::*;
use crate::state::{Listener, ProxyMode};

fn tcp(change: impl FnOnce(&mut TcpListenerConfig)) -> RequestType {
    let mut config = TcpListenerConfig { address: at(5432), ..TcpListenerConfig::default() };
    change(&mut config);
    RequestType::AddTcpListener(config)
}

fn update(change: impl FnOnce(&mut UpdateTcpListenerConfig)) -> RequestType {
    let mut patch = UpdateTcpListenerConfig { address: at(5432), ..Default::default() };
    change(&mut patch);
    RequestType::UpdateTcpListener(patch)
}

fn route(sni: Option<&str>, alpn: &[&str]) -> RequestTcpFrontend {
    RequestTcpFrontend {
        cluster_id: "app".into(),
        address: at(5432),
        sni: sni.map(Into::into),
        alpn: alpn.iter().map(|name| (*name).to_owned()).collect(),
        ..RequestTcpFrontend::default()
    }
}

fn add(frontend: RequestTcpFrontend) -> RequestType {
    RequestType::AddTcpFrontend(frontend)
}

fn remove(frontend: RequestTcpFrontend) -> RequestType {
    RequestType::RemoveTcpFrontend(frontend)
}

fn proxying() -> State {
    let mut state = served();
    make(&mut state, &tcp(|_| {})).expect("accepted");
    state
}

fn listener_of(state: &State) -> &Listener {
    &state.listeners[&SocketAddr::from(([127, 0, 0, 1], 5432))]
}

fn refused(state: &mut State, request: &RequestType) -> String {
    make(state, request).expect_err("refused")
}

#[test]
fn a_listener_has_what_the_request_says_and_defaults() {
    let state = proxying();
    let usual = Listener { active: false, ..Listener::of_tcp(listener_of(&state).address) };
    assert_eq!(*listener_of(&state), usual);
    assert_eq!((usual.request_timeout.as_secs(), usual.hello_bytes), (5, 16_384));
    let mut state = State::default();
    let all = tcp(|config| {
        config.public_address = Some(at(1));
        config.front_timeout = 7;
        config.sni_preread_timeout = Some(2);
        config.sni_preread_max_bytes = Some(1024);
    });
    make(&mut state, &all).expect("accepted");
    let listener = listener_of(&state);
    assert_eq!((listener.front_timeout.as_secs(), listener.request_timeout.as_secs()), (7, 2));
    assert_eq!((listener.hello_bytes, listener.public_address.is_some()), (1024, true));
    assert!(listener.is_tcp() && listener.tls.is_none());
}

#[test]
fn a_patch_of_a_listener_changes_what_it_names() {
    let mut state = proxying();
    let patch = update(|patch| {
        patch.expect_proxy = Some(true);
        patch.back_timeout = Some(9);
        patch.sni_preread_timeout = Some(1);
        patch.sni_preread_max_bytes = Some(65_536);
    });
    make(&mut state, &patch).expect("accepted");
    let listener = listener_of(&state);
    assert!(listener.expect_proxy);
    assert_eq!((listener.back_timeout.as_secs(), listener.front_timeout.as_secs()), (9, 60));
    assert_eq!((listener.request_timeout.as_secs(), listener.hello_bytes), (1, 65_536));
    make(&mut state, &update(|patch| patch.expect_proxy = Some(false))).expect("accepted");
    assert!(!listener_of(&state).expect_proxy);
}

#[test]
fn listeners_that_cannot_be_served_are_refused() {
    let mut state = State::default();
    let mut refusals = vec![
        refused(&mut state, &tcp(|c| c.interface = Some("eth0".into()))),
        refused(&mut state, &tcp(|c| c.connect_timeout = 0)),
        refused(&mut state, &tcp(|c| c.sni_preread_timeout = Some(0))),
        refused(&mut state, &tcp(|c| c.sni_preread_max_bytes = Some(1023))),
        refused(&mut state, &tcp(|c| c.sni_preread_max_bytes = Some(65_537))),
        refused(&mut state, &tcp(|c| (c.expect_proxy, c.public_address) = (true, Some(at(1))))),
    ];
    let mut state = proxying();
    make(&mut state, &update(|patch| patch.public_address = Some(at(1)))).expect("accepted");
    let http = UpdateHttpListenerConfig { address: at(5432), ..Default::default() };
    refusals.extend([
        refused(&mut state, &tcp(|_| {})),
        refused(&mut state, &update(|patch| patch.expect_proxy = Some(true))),
        refused(&mut state, &update(|patch| patch.address = at(8080))),
        refused(&mut state, &RequestType::UpdateHttpListener(http)),
        refused(
            &mut state,
            &RequestType::RemoveListener(RemoveListener { proxy: 3, ..Default::default() }),
        ),
    ]);
    insta::assert_snapshot!(refusals.join("\n"));
}

#[test]
fn a_listener_is_activated_and_removed_by_its_protocol() {
    let mut state = proxying();
    let activate = |proxy: ListenerType| {
        let (address, proxy) = (at(5432), proxy.into());
        RequestType::ActivateListener(ActivateListener { address, proxy, ..Default::default() })
    };
    assert!(refused(&mut state, &activate(ListenerType::Http)).contains("speaks TCP, not HTTP"));
    make(&mut state, &activate(ListenerType::Tcp)).expect("accepted");
    assert!(listener_of(&state).active);
    let (address, proxy) = (at(5432), ListenerType::Tcp.into());
    let deactivate = DeactivateListener { address, proxy, ..Default::default() };
    make(&mut state, &RequestType::DeactivateListener(deactivate)).expect("accepted");
    assert!(!listener_of(&state).active);
    let removal = RemoveListener { address, proxy, ..Default::default() };
    make(&mut state, &RequestType::RemoveListener(removal)).expect("accepted");
    assert_eq!(state.listeners.len(), 1);
}

#[test]
fn clients_that_begin_with_a_header_come_to_http_too() {
    let RequestType::AddHttpListener(config) = listener() else { unreachable!() };
    let expecting = HttpListenerConfig { expect_proxy: true, ..config };
    let forwarded = HttpListenerConfig { public_address: Some(at(1)), ..expecting.clone() };
    let mut state = State::default();
    let refusal = refused(&mut state, &RequestType::AddHttpListener(forwarded));
    assert!(refusal.contains("no `public_address` beside it"), "{refusal}");
    make(&mut state, &RequestType::AddHttpListener(expecting)).expect("accepted");
    assert!(state.listeners.values().all(|listener| listener.expect_proxy));
    assert!(query::listeners(&state).http_listeners["127.0.0.1:8080"].expect_proxy);
    let patch = |patch| RequestType::UpdateHttpListener(patch);
    let address = at(8080);
    let forwarded =
        UpdateHttpListenerConfig { address, public_address: Some(at(1)), ..Default::default() };
    refused(&mut state, &patch(forwarded.clone()));
    let both = UpdateHttpListenerConfig { expect_proxy: Some(false), ..forwarded };
    make(&mut state, &patch(both)).expect("accepted");
    assert!(state.listeners.values().all(|listener| !listener.expect_proxy));
}

#[test]
fn there_is_a_frontend_for_each_protocol() {
    let mut state = proxying();
    make(&mut state, &add(route(None, &[]))).expect("accepted");
    make(&mut state, &add(route(Some("DB.Example."), &["h2", "http/1.1", "h2"]))).expect("added");
    let listed = query::frontends(&state, &FrontendFilters { tcp: true, ..Default::default() })
        .expect("no page");
    assert!(listed.http_frontends.is_empty());
    let expected = [
        route(None, &[]),
        route(Some("db.example"), &["h2"]),
        route(Some("db.example"), &["http/1.1"]),
    ];
    assert_eq!(listed.tcp_frontends, expected);
    let again = refused(&mut state, &add(route(Some("db.example"), &["http/1.1", "h2"])));
    assert_eq!(
        again,
        "there is a frontend db.example (TCP, http/1.1) on 127.0.0.1:5432, db.example (TCP, h2) \
         on 127.0.0.1:5432 already"
    );
    make(&mut state, &add(route(Some("db.example"), &["h2", "postgresql"]))).expect("one is new");
    make(&mut state, &remove(route(Some("db.example"), &["http/1.1", "h2"]))).expect("both go");
    let refusal = refused(&mut state, &remove(route(Some("db.example"), &["postgresql", "h2"])));
    assert!(refusal.contains("no frontend db.example (TCP, h2)"), "{refusal}");
    assert_eq!(query::cluster_by_id(&state, "app").vec[0].tcp_frontends.len(), 2);
    let query = QueryClusterByDomain { hostname: "db.example".into(), path: None };
    assert_eq!(query::clusters_by_domain(&state, &query).vec.len(), 1);
}

#[test]
fn the_last_cluster_of_a_server_name_wins() {
    let mut state = proxying();
    make(&mut state, &add(route(None, &[]))).expect("accepted");
    let other = RequestTcpFrontend { cluster_id: "other".into(), ..route(None, &[]) };
    make(&mut state, &add(other.clone())).expect("accepted");
    assert_eq!(state.frontends.iter().last().and_then(|f| f.cluster.as_deref()), Some("other"));
    assert!(refused(&mut state, &remove(route(None, &[]))).contains("to cluster `app`"));
    make(&mut state, &remove(other)).expect("accepted");
}

#[test]
fn frontends_that_cannot_be_are_refused() {
    let mut state = proxying();
    let elsewhere = |port| RequestTcpFrontend { address: at(port), ..route(None, &[]) };
    let long = "a".repeat(256);
    let http = RequestHttpFrontend { address: at(5432), ..frontend("a.org") };
    let unnamed = Cluster { tls: Some(ClusterTls::default()), ..cluster() };
    let named = ClusterTls {
        server_name: Some("b.internal".into()),
        verify: Some(false),
        ..ClusterTls::default()
    };
    let mut refusals = vec![
        refused(&mut state, &add(elsewhere(9))),
        refused(&mut state, &add(elsewhere(8080))),
        refused(&mut state, &RequestType::AddHttpFrontend(http)),
        refused(&mut state, &add(route(Some(""), &[]))),
        refused(&mut state, &add(route(Some("/a+/.org"), &[]))),
        refused(&mut state, &add(route(Some("a.*.org"), &[]))),
        refused(&mut state, &add(route(None, &[""]))),
        refused(&mut state, &add(route(None, &[&long]))),
        refused(
            &mut state,
            &add(RequestTcpFrontend { cluster_id: String::new(), ..route(None, &[]) }),
        ),
        refused(&mut state, &remove(route(None, &[]))),
    ];
    let unchecked = ClusterTls { verify: Some(false), ..ClusterTls::default() };
    let unnamed = Cluster { tls: Some(unchecked), ..unnamed };
    make(&mut state, &RequestType::AddCluster(unnamed.clone())).expect("HTTP can do with it");
    refusals.push(refused(&mut state, &add(route(None, &[]))));
    make(&mut state, &RequestType::AddCluster(Cluster { tls: Some(named), ..cluster() }))
        .expect("good");
    make(&mut state, &add(route(None, &[]))).expect("accepted");
    refusals.push(refused(&mut state, &RequestType::AddCluster(unnamed)));
    insta::assert_snapshot!(refusals.join("\n"));
}

#[test]
fn a_cluster_keeps_its_mode_of_the_proxy_protocol() {
    use ProxyProtocolConfig as Mode;
    let mut state = State::default();
    for (mode, expected) in [
        (Some(Mode::ExpectHeader), Some(ProxyMode::Expect)),
        (Some(Mode::SendHeader), Some(ProxyMode::Send)),
        (Some(Mode::RelayHeader), Some(ProxyMode::Relay)),
        (None, None),
    ] {
        let config = Cluster { proxy_protocol: mode.map(Into::into), ..cluster() };
        make(&mut state, &RequestType::AddCluster(config)).expect("accepted");
        assert_eq!(state.clusters["app"].proxy, expected);
        let listed = query::cluster_by_id(&state, "app").vec.remove(0);
        assert_eq!(listed.configuration.and_then(|c| c.proxy_protocol), mode.map(Into::into));
    }
    let unknown = Cluster { proxy_protocol: Some(3), ..cluster() };
    assert!(refused(&mut state, &RequestType::AddCluster(unknown)).contains("no known number"));
}

#[test]
fn requests_are_in_the_order_of_state_files() {
    let mut state = proxying();
    make(&mut state, &add(route(None, &[]))).expect("accepted");
    let names: Vec<_> = of_state(&state).map(|request| request.name()).collect();
    assert_eq!(
        names,
        [
            "AddHttpListener",
            "ActivateListener",
            "AddTcpListener",
            "AddCluster",
            "AddHttpFrontend",
            "AddTcpFrontend",
            "AddBackend"
        ]
    );
}
