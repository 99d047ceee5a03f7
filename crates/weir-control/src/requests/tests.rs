use weir_proto::{
    AddBackend, Cluster, FrontendFilters, HealthCheckConfig, HealthChecksList, HttpListenerConfig,
    PathRule, PathRuleKind, QueryHealthChecks, RemoveBackend, RequestHttpFrontend,
    RequestUdpFrontend, RulePosition, SetHealthCheck, UpdateHttpListenerConfig,
};

use super::query;
use super::*;

mod round_trip;
mod tcp;
mod tls;
mod udp;

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
fn what_a_request_leaves_out_has_a_default() {
    let state = served();
    assert_eq!(state.backends.iter().next().map(|backend| backend.weight), Some(100));
    assert_eq!(state.clusters["app"].retry_after, Some(60));
    let mut added = State::default();
    let RequestType::AddHttpListener(config) = listener() else { unreachable!() };
    let active = RequestType::AddHttpListener(HttpListenerConfig { active: true, ..config });
    make(&mut added, &active).expect("accepted");
    let listener = added.listeners.values().next().expect("there");
    assert!(!listener.active, "a request of its own activates it");
    assert_eq!(listener.sozu_id_header, "Sozu-Id");
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
    let heavy = AddBackend {
        load_balancing_parameters: Some(weir_proto::LoadBalancingParams { weight: 256 }),
        ..backend()
    };
    for request in [
        RequestType::AddCluster(Cluster::default()),
        RequestType::AddBackend(heavy),
        RequestType::AddUdpFrontend(RequestUdpFrontend::default()),
        RequestType::RemoveHealthCheck("nobody".into()),
    ] {
        let refusal = orders(&state, &request).expect_err("refused").to_string();
        assert!(refusal.contains(' '), "{refusal}");
    }
    assert_eq!(orders(&state, &RequestType::Status(weir_proto::Status {})), Ok(None));
}

#[test]
fn frontends_and_checks_are_listed_page_by_page() {
    let mut state = served();
    for id in ["b", "c"] {
        make(&mut state, &RequestType::AddHttpFrontend(frontend(&format!("{id}.example"))))
            .expect("accepted");
        let cluster_id = id.to_owned();
        let added = Cluster { cluster_id: cluster_id.clone(), ..cluster() };
        make(&mut state, &RequestType::AddCluster(added)).expect("accepted");
        let config = HealthCheckConfig {
            uri: "/".to_owned(),
            interval: 1,
            timeout: 1,
            healthy_threshold: 1,
            unhealthy_threshold: 1,
            expected_status: 200,
            ..HealthCheckConfig::default()
        };
        let set = RequestType::SetHealthCheck(SetHealthCheck { cluster_id, config });
        make(&mut state, &set).expect("accepted");
    }
    let page = |page: &str| {
        let filters = FrontendFilters { page: Some(page.to_owned()), ..Default::default() };
        query::frontends_up_to(&state, &filters, 1)
    };
    let (mut next, mut hosts) = (Some(String::new()), Vec::new());
    while let Some(text) = next {
        let found = page(&text).expect("a page");
        assert!(found.http_frontends.len() < 2);
        hosts.extend(found.http_frontends.into_iter().map(|frontend| frontend.hostname));
        next = found.next;
    }
    assert_eq!(hosts, ["example.org", "b.example", "c.example"]);
    assert!(page("x").expect_err("refused").0.starts_with("`x` is no page of frontends"));
    let checks = |page: &str| {
        let query = QueryHealthChecks { page: Some(page.to_owned()), ..Default::default() };
        health::health_checks_up_to(&state, &query, 1)
    };
    let first = checks("");
    let second = checks(first.next.as_deref().expect("more"));
    let keys = |list: &HealthChecksList| list.map.keys().cloned().collect::<Vec<_>>();
    assert_eq!((keys(&first), keys(&second)), (vec!["b".into()], vec!["c".into()]));
    assert_eq!(checks("c"), HealthChecksList::default());
}

#[test]
fn questions_are_answered_from_the_state() {
    let state = served();
    let filters = |domain: &str| FrontendFilters {
        domain: Some(domain.into()),
        ..FrontendFilters::default()
    };
    assert_eq!(
        query::frontends(&state, &filters("ample")).expect("no page").http_frontends.len(),
        1
    );
    assert!(
        query::frontends(&state, &filters("other")).expect("no page").http_frontends.is_empty()
    );
    let https = FrontendFilters { https: true, ..FrontendFilters::default() };
    assert!(query::frontends(&state, &https).expect("no page").http_frontends.is_empty());
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

/// The refusal of a frontend that is as `change` makes it.
fn wrong_frontend(change: impl FnOnce(&mut RequestHttpFrontend)) -> String {
    let mut config = frontend("wrong.org");
    change(&mut config);
    make(&mut served(), &RequestType::AddHttpFrontend(config)).expect_err("refused")
}

#[test]
fn frontends_are_checked_as_in_the_file() {
    let refusals = [
        wrong_frontend(|f| f.hostname = "a..b".into()),
        wrong_frontend(|f| f.hostname = "/[/.org".into()),
        wrong_frontend(|f| f.path.value = "no-slash".into()),
        wrong_frontend(|f| f.method = Some("NO SPACE".into())),
        wrong_frontend(|f| f.rewrite_path = Some("/$PATH[7]".into())),
        wrong_frontend(|f| f.redirect_template = Some("no template".into())),
        wrong_frontend(|f| f.rewrite_port = Some(0)),
        wrong_frontend(|f| f.cluster_id = Some(String::new())),
        wrong_frontend(|f| f.headers = vec![header("Content-Length", "1")]),
        wrong_frontend(|f| f.headers = vec![header("X-A", "\r\n")]),
        wrong_frontend(|f| f.headers = vec![header("X-A", "1"); 257]),
    ];
    insta::assert_snapshot!(refusals.join("\n"));
}

fn header(key: &str, value: &str) -> weir_proto::Header {
    weir_proto::Header { position: 1, key: key.into(), val: value.into() }
}

#[test]
fn other_objects_are_checked_as_in_the_file() {
    let RequestType::AddHttpListener(config) = listener() else { unreachable!() };
    let config = HttpListenerConfig { address: at(9), ..config };
    let answers = |status: &str, text: &str| [(status.to_owned(), text.to_owned())].into();
    let sticky = AddBackend { sticky_id: Some("a;b".into()), ..backend() };
    let requests = [
        RequestType::AddHttpListener(HttpListenerConfig {
            sticky_name: "a b".into(),
            ..config.clone()
        }),
        RequestType::AddHttpListener(HttpListenerConfig {
            sozu_id_header: Some("Host".into()),
            ..config.clone()
        }),
        RequestType::AddHttpListener(HttpListenerConfig {
            answers: answers("503", "no template"),
            ..config.clone()
        }),
        RequestType::AddHttpListener(HttpListenerConfig {
            answers: answers("none", "HTTP/1.1 503 No\r\n\r\n"),
            ..config.clone()
        }),
        RequestType::AddHttpListener(HttpListenerConfig {
            h2_max_ping_per_window: Some(0),
            ..config
        }),
        RequestType::AddCluster(Cluster { authorized_hashes: vec!["me:1".into()], ..cluster() }),
        RequestType::AddCluster(Cluster { www_authenticate: Some("\n".into()), ..cluster() }),
        RequestType::AddCluster(Cluster { https_redirect_port: Some(70_000), ..cluster() }),
        RequestType::AddBackend(AddBackend { address: at(0), ..backend() }),
        RequestType::AddBackend(sticky),
    ];
    let refusals = requests.map(|request| make(&mut served(), &request).expect_err("refused"));
    insta::assert_snapshot!(refusals.join("\n"));
}

#[test]
fn a_cluster_becomes_sticky_when_its_backends_can() {
    let mut state = served();
    let spaced = AddBackend { backend_id: "a b".into(), ..backend() };
    make(&mut state, &RequestType::AddBackend(spaced.clone())).expect("no cookie names it");
    let sticky = RequestType::AddCluster(Cluster { sticky_session: true, ..cluster() });
    assert!(make(&mut state, &sticky).expect_err("refused").contains("sticky cookie"));
    let named = AddBackend { sticky_id: Some("ab".into()), ..spaced.clone() };
    make(&mut state, &RequestType::AddBackend(named)).expect("accepted");
    make(&mut state, &sticky).expect("accepted");
    assert!(make(&mut state, &RequestType::AddBackend(spaced)).is_err());
}

#[test]
fn names_are_those_of_the_file() {
    let mut state = served();
    let methods = |method: &str, host: &str| RequestHttpFrontend {
        method: Some(method.into()),
        ..frontend(host)
    };
    let add = RequestType::AddHttpFrontend(methods("get", "/[A-Z]\\D/.Example.ORG"));
    make(&mut state, &add).expect("accepted");
    let added = state.frontends.iter().last().expect("there");
    assert_eq!(added.method.as_deref(), Some("GET"));
    assert_eq!(added.hostname, "/[A-Z]\\D/.example.org");
    make(&mut state, &RequestType::RemoveHttpFrontend(methods("GET", "/[A-Z]\\D/.example.org")))
        .expect("it is the same");
}

#[test]
fn what_a_client_says_of_http2_is_kept() {
    let RequestType::AddHttpListener(config) = listener() else { unreachable!() };
    let usual = HttpListenerConfig {
        h2_max_concurrent_streams: Some(100),
        h2_max_rst_stream_lifetime: Some(10_000),
        h2_stream_idle_timeout_seconds: Some(30),
        ..config
    };
    let mut state = State::default();
    make(&mut state, &RequestType::AddHttpListener(usual)).expect("accepted");
    let of = |state: &State| state.listeners.values().next().expect("added").h2.clone();
    assert_eq!(of(&state).stream_idle_timeout_seconds, 30);
    let patch = UpdateHttpListenerConfig {
        address: at(8080),
        h2_stream_idle_timeout_seconds: Some(70),
        h2_graceful_shutdown_deadline_seconds: Some(0),
        h2_stream_shrink_ratio: Some(4),
        ..Default::default()
    };
    let mut state = served();
    make(&mut state, &RequestType::UpdateHttpListener(patch.clone())).expect("accepted");
    assert_eq!(of(&state).stream_idle_timeout_seconds, 70);
    assert_eq!(of(&state).graceful_shutdown_deadline_seconds, 0);
    let other = UpdateHttpListenerConfig { h2_stream_shrink_ratio: Some(1), ..patch };
    assert!(make(&mut served(), &RequestType::UpdateHttpListener(other)).is_err());
}
