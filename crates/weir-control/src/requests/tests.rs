use weir_proto::{
    AddBackend, Cluster, FrontendFilters, HttpListenerConfig, PathRule, PathRuleKind,
    RemoveBackend, RequestHttpFrontend, RequestTcpFrontend, RulePosition, UpdateHttpListenerConfig,
};

use super::query;
use super::*;

fn at(port: u16) -> SocketAddress {
    SocketAddr::from(([127, 0, 0, 1], port)).into()
}

fn listener() -> RequestType {
    RequestType::AddHttpListener(HttpListenerConfig {
        address: at(8080),
        sticky_name: "S".into(),
        front_timeout: 60,
        back_timeout: 30,
        connect_timeout: 3,
        request_timeout: 10,
        ..HttpListenerConfig::default()
    })
}

fn frontend(host: &str) -> RequestHttpFrontend {
    RequestHttpFrontend {
        cluster_id: Some("app".into()),
        address: at(8080),
        hostname: host.into(),
        path: PathRule { kind: PathRuleKind::Prefix.into(), value: "/".into() },
        position: RulePosition::Tree.into(),
        ..RequestHttpFrontend::default()
    }
}

fn cluster() -> Cluster {
    Cluster { cluster_id: "app".into(), ..Cluster::default() }
}

fn backend() -> AddBackend {
    AddBackend {
        cluster_id: "app".into(),
        backend_id: "app-0".into(),
        address: at(1),
        ..AddBackend::default()
    }
}

fn make(state: &mut State, request: &RequestType) -> Result<(), String> {
    let orders = orders(state, request).map_err(|refusal| refusal.to_string())?;
    let mut undo = Vec::new();
    for order in orders.expect("it changes the state") {
        state.apply(order, &mut undo);
    }
    Ok(())
}

fn served() -> State {
    let mut state = State::default();
    let activation = weir_proto::ActivateListener { address: at(8080), ..Default::default() };
    for request in [
        listener(),
        RequestType::ActivateListener(activation),
        RequestType::AddCluster(cluster()),
        RequestType::AddHttpFrontend(frontend("example.org")),
        RequestType::AddBackend(backend()),
    ] {
        make(&mut state, &request).expect("accepted");
    }
    state
}

#[test]
fn a_state_is_made_again_by_its_requests() {
    let state = served();
    let mut again = State::default();
    for request in of_state(&state) {
        make(&mut again, &request).expect("accepted");
    }
    assert_eq!(again, state);
    assert_eq!(state.backends.iter().next().map(|backend| backend.weight), Some(100));
    assert!(state.listeners.values().all(|listener| listener.active));
}

#[test]
fn what_is_there_or_not_there_decides() {
    let mut state = served();
    let mut refused = |request| make(&mut state, &request).expect_err("refused");
    assert!(refused(listener()).contains("a listener on 127.0.0.1:8080 already"));
    let twice = refused(RequestType::AddHttpFrontend(frontend("EXAMPLE.org.")));
    assert_eq!(
        twice,
        "there is a frontend example.org/ (PREFIX) on 127.0.0.1:8080 already: remove it first"
    );
    let elsewhere = RequestHttpFrontend { address: at(9), ..frontend("a") };
    assert!(refused(RequestType::AddHttpFrontend(elsewhere)).contains("add it first"));
    let unknown = RemoveBackend { address: at(2), ..RemoveBackend::default() };
    assert!(refused(RequestType::RemoveBackend(unknown)).contains("has no backend"));
    assert!(refused(RequestType::RemoveCluster("b".into())).contains("no cluster `b`"));
    let patch = UpdateHttpListenerConfig { address: at(9), ..Default::default() };
    assert!(refused(RequestType::UpdateHttpListener(patch)).contains("no listener"));
}

#[test]
fn a_patch_changes_what_it_names() {
    let mut state = served();
    let patch = UpdateHttpListenerConfig {
        address: at(8080),
        back_timeout: Some(7),
        send_x_real_ip: Some(true),
        answers: [("503".to_owned(), "HTTP/1.1 503 No\r\n\r\n".to_owned())].into(),
        ..Default::default()
    };
    make(&mut state, &RequestType::UpdateHttpListener(patch)).expect("accepted");
    let listener = state.listeners.values().next().expect("there");
    assert_eq!((listener.back_timeout.as_secs(), listener.front_timeout.as_secs()), (7, 60));
    assert!(listener.send_x_real_ip && listener.active && listener.answers.contains_key(&503));
    let zero = UpdateHttpListenerConfig {
        address: at(8080),
        front_timeout: Some(0),
        ..Default::default()
    };
    assert!(make(&mut state, &RequestType::UpdateHttpListener(zero)).is_err());
}

#[test]
fn what_cannot_be_carried_out_is_refused_with_a_sentence() {
    let state = State::default();
    let hrw = Cluster { load_balancing: 4, ..cluster() };
    let http2 = Cluster { http2: Some(true), ..cluster() };
    let heavy = AddBackend {
        load_balancing_parameters: Some(weir_proto::LoadBalancingParams { weight: 256 }),
        ..backend()
    };
    for request in [
        RequestType::AddCluster(hrw),
        RequestType::AddCluster(http2),
        RequestType::AddCluster(Cluster::default()),
        RequestType::AddBackend(heavy),
        RequestType::AddTcpFrontend(RequestTcpFrontend::default()),
        RequestType::RemoveHealthCheck("app".into()),
    ] {
        let refusal = orders(&state, &request).expect_err("refused").to_string();
        assert!(refusal.contains(' '), "{refusal}");
    }
    assert_eq!(orders(&state, &RequestType::Status(weir_proto::Status {})), Ok(None));
}

#[test]
fn questions_are_answered_from_the_state() {
    let state = served();
    let filters = |domain: &str| FrontendFilters {
        domain: Some(domain.into()),
        ..FrontendFilters::default()
    };
    assert_eq!(query::frontends(&state, &filters("ample")).http_frontends.len(), 1);
    assert!(query::frontends(&state, &filters("other")).http_frontends.is_empty());
    let https = FrontendFilters { https: true, ..FrontendFilters::default() };
    assert!(query::frontends(&state, &https).http_frontends.is_empty());
    assert!(query::listeners(&state).http_listeners["127.0.0.1:8080"].active);
    let known = query::cluster_by_id(&state, "app").vec;
    assert_eq!((known[0].backends.len(), known[0].http_frontends.len()), (1, 1));
    assert!(query::cluster_by_id(&state, "other").vec.is_empty());
    let domain = |hostname: &str, path: Option<&str>| weir_proto::QueryClusterByDomain {
        hostname: hostname.into(),
        path: path.map(Into::into),
    };
    assert_eq!(query::clusters_by_domain(&state, &domain("example.org", Some("/"))).vec.len(), 1);
    assert!(query::clusters_by_domain(&state, &domain("example.org", Some("/a"))).vec.is_empty());
    let before = query::cluster_hashes(&state);
    let mut changed = state;
    let other = AddBackend { address: at(2), ..backend() };
    make(&mut changed, &RequestType::AddBackend(other)).expect("accepted");
    assert_ne!(query::cluster_hashes(&changed), before);
}
