use std::collections::BTreeMap;
use std::net::SocketAddr;

use weir_client::Told;
use weir_client::proto::filtered_metrics::Inner;
use weir_client::proto::{
    AddBackend, AggregatedMetrics, Bucket, CertificateAndKey, CertificatesWithFingerprints,
    ChangeKind, ChangedKey, Cluster, ClusterHashes, ClusterInformation, ClusterInformations, Drift,
    Event, EventKind, Explanation, FilteredHistogram, FilteredMetrics, HealthCheckConfig,
    HealthChecksList, History, HistoryEntry, HttpsListenerConfig, ListedFrontends, ListenersList,
    LoadBalancingAlgorithms, MaxConnectionsPerIpLimit, PathRule, Percentiles, PlannedChange,
    RequestHttpFrontend, RequestTcpFrontend, RunState, TcpListenerConfig, TransactionResult,
    WorkerDrift, WorkerInfo, WorkerInfos,
};

use super::*;

const CERTIFICATE: &str = include_str!("../cli/tests/certificate.pem");

fn answer(content: ContentType) -> Answer {
    Answer { message: "done".into(), content: Some(content) }
}

/// What is printed where lines are as long as they like.
fn wide(content: ContentType) -> String {
    text(&answer(content), None)
}

fn shows(content: ContentType, parts: &[&str]) {
    let text = wide(content);
    assert!(text.starts_with("Success: done\n"), "{text}");
    for part in parts {
        assert!(text.contains(part), "no {part:?} in\n{text}");
    }
}

fn address() -> weir_client::proto::SocketAddress {
    "127.0.0.1:80".parse::<SocketAddr>().expect("an address").into()
}

fn workers() -> ContentType {
    let worker = |id, state: RunState| WorkerInfo { id, pid: 40, run_state: state.into() };
    let vec = vec![worker(0, RunState::Running), worker(1, RunState::NotAnswering)];
    ContentType::Workers(WorkerInfos { vec })
}

#[test]
fn an_answer_without_content_says_so() {
    let answer = Answer { message: "done".into(), content: None };
    assert_eq!(text(&answer, None), "Success: done\nNo content");
    assert_eq!(json(&answer), "{}");
}

#[test]
fn json_is_the_content_itself() {
    let value: Value = serde_json::from_str(&json(&answer(workers()))).expect("JSON");
    assert_eq!(value["vec"][1]["run_state"], 3);
    let limit = ContentType::MaxConnectionsPerIpLimit(MaxConnectionsPerIpLimit { limit: 7 });
    assert_eq!(json(&answer(limit)), "{\n  \"limit\": 7\n}");
}

#[test]
fn tables_fit_the_terminal() {
    let hashes = ClusterHashes { map: [("long ".repeat(40), 7)].into() };
    let content = ContentType::ClusterHashes(hashes);
    let text = text(&answer(content.clone()), Some(60));
    assert!(text.lines().all(|line| line.chars().count() <= 60), "{text}");
    let longest = wide(content).lines().map(|line| line.chars().count()).max();
    assert!(longest > Some(200));
}

#[test]
fn nothing_that_is_printed_acts_on_the_terminal() {
    let hashes = ClusterHashes { map: [("a\x1b[2Jb".to_owned(), 7)].into() };
    assert!(!wide(ContentType::ClusterHashes(hashes)).contains('\x1b'));
}

#[test]
fn workers_and_limits_are_shown() {
    shows(workers(), &["worker id", "RUNNING", "NOT_ANSWERING", "40"]);
    let limit = |limit| ContentType::MaxConnectionsPerIpLimit(MaxConnectionsPerIpLimit { limit });
    assert_eq!(wide(limit(0)), "Success: done\nunlimited");
    assert_eq!(wide(limit(9)), "Success: done\n9");
}

#[test]
fn frontends_are_shown_by_protocol() {
    let frontend = RequestHttpFrontend {
        address: address(),
        hostname: "a.org".into(),
        path: PathRule { kind: 0, value: "/a".into() },
        tags: [("k".to_owned(), "v".to_owned())].into(),
        ..RequestHttpFrontend::default()
    };
    let list = ListedFrontends { http_frontends: vec![frontend], ..ListedFrontends::default() };
    shows(ContentType::FrontendList(list), &["HTTP", "Deny", "127.0.0.1:80", "/a*", "k=v", "TREE"]);
    let named = RequestTcpFrontend {
        cluster_id: "db".into(),
        address: address(),
        sni: Some("db.example".into()),
        alpn: vec!["h2".into(), "x".into()],
        ..RequestTcpFrontend::default()
    };
    let list = ListedFrontends { tcp_frontends: vec![named], ..ListedFrontends::default() };
    shows(ContentType::FrontendList(list), &["TCP", "sni", "db.example", "h2, x"]);
    let nothing = wide(ContentType::FrontendList(ListedFrontends::default()));
    assert_eq!(nothing, "Success: done\nNothing to show");
}

#[test]
fn listeners_are_shown_without_their_keys() {
    let https = HttpsListenerConfig {
        address: address(),
        versions: vec![4, 5],
        key: Some("hush".into()),
        ..HttpsListenerConfig::default()
    };
    let list = ListenersList {
        https_listeners: [("127.0.0.1:80".to_owned(), https)].into(),
        tcp_listeners: [("t".to_owned(), TcpListenerConfig::default())].into(),
        ..ListenersList::default()
    };
    let content = ContentType::ListenersList(list);
    assert!(!wide(content.clone()).contains("hush"));
    shows(content.clone(), &["HTTPS 127.0.0.1:80", "TLS_V1_2", "(not shown)", "front timeout"]);
    shows(content, &["TCP", "sni preread timeout", "16384"]);
}

#[test]
fn workers_that_say_the_same_are_shown_once() {
    let cluster = |name: &str| {
        let configuration = Cluster {
            cluster_id: name.into(),
            load_balancing: LoadBalancingAlgorithms::Maglev.into(),
            ..Cluster::default()
        };
        let backend = AddBackend { address: address(), ..AddBackend::default() };
        let information = ClusterInformation {
            configuration: Some(configuration),
            backends: vec![backend],
            ..ClusterInformation::default()
        };
        ContentType::Clusters(ClusterInformations { vec: vec![information] }).into()
    };
    let map = [("0", "a"), ("1", "b"), ("main", "a")];
    let map = map.map(|(who, name)| (who.to_owned(), cluster(name)));
    let content = ContentType::WorkerResponses(WorkerResponses { map: map.into() });
    let text = wide(content.clone());
    shows(content, &["0, main:\n", "\n1:\n", "MAGLEV", "127.0.0.1:80"]);
    assert_eq!(text.matches("backends").count(), 2, "{text}");
}

#[test]
fn hashes_of_workers_are_side_by_side() {
    let hashes = |hash| {
        let hashes = ClusterHashes { map: [("app".to_owned(), hash)].into() };
        ContentType::ClusterHashes(hashes).into()
    };
    let map = [("0".to_owned(), hashes(1)), ("main".to_owned(), hashes(2))];
    let content = ContentType::WorkerResponses(WorkerResponses { map: map.into() });
    let text = wide(content);
    let row = text.lines().find(|line| line.contains("app")).expect("a row");
    assert!(row.contains("0000000000000001") && row.contains("0000000000000002"), "{text}");
}

#[test]
fn health_checks_are_shown() {
    let check = HealthCheckConfig { uri: "/up".into(), ..HealthCheckConfig::default() };
    let list = HealthChecksList { map: [("app".to_owned(), check)].into(), next: None };
    shows(ContentType::HealthChecksList(list), &["app", "/up", "any 2xx"]);
}

#[test]
fn certificates_are_shown_with_their_dates_and_without_their_keys() {
    let certificate = CertificateAndKey {
        certificate: CERTIFICATE.into(),
        key: "hush".into(),
        names: vec!["a.org".into(), "b.org".into()],
        ..CertificateAndKey::default()
    };
    let other = CertificateAndKey { certificate: "nonsense".into(), ..certificate.clone() };
    let certs = [("f1".to_owned(), certificate), ("f2".to_owned(), other)].into();
    let content = ContentType::CertificatesWithFingerprints(CertificatesWithFingerprints {
        certs,
        next: None,
    });
    let mut plain = content.clone();
    super::without_keys(&mut plain);
    assert!(!wide(plain.clone()).contains("hush") && !inner(&plain).to_string().contains("hush"));
    shows(content, &["hush"]);
    shows(plain, &["2026-11-25T14:35:20Z", "2081-08-28T14:35:20Z", "a.org, b.org", "f2"]);
}

#[test]
fn metrics_are_shown_by_kind() {
    let histogram = FilteredHistogram {
        sum: 5,
        count: 3,
        buckets: [(1, 0), (2, 1), (2, 3), (3, 7)].map(|(count, le)| Bucket { count, le }).into(),
    };
    let percentiles = Percentiles { samples: 77, p_99: 88, ..Percentiles::default() };
    let metrics = [
        ("gauge", Inner::Gauge(11)),
        ("count", Inner::Count(-22)),
        ("times", Inner::Percentiles(percentiles)),
        ("times_histogram", Inner::Histogram(histogram)),
    ];
    let metrics: BTreeMap<_, _> = metrics
        .map(|(name, inner)| (name.to_owned(), FilteredMetrics { inner: Some(inner) }))
        .into();
    let content =
        ContentType::Metrics(AggregatedMetrics { proxying: metrics, ..Default::default() });
    shows(content, &["proxying", "11", "-22", "p99.999", "77", "88", "0: 1, 1: 2, 7: 3"]);
}

fn plan() -> Vec<PlannedChange> {
    let changed = PlannedChange {
        kind: ChangeKind::ChangeChanged.into(),
        object: "cluster".into(),
        name: "app".into(),
        keys: vec![ChangedKey { key: "retry_after".into(), old: "60".into(), new: "".into() }],
        sessions: Some(12),
    };
    let added = PlannedChange { kind: 0, keys: Vec::new(), sessions: None, ..changed.clone() };
    let removed = PlannedChange { kind: 2, object: "backend".into(), ..added.clone() };
    vec![changed, added, removed]
}

#[test]
fn a_plan_says_what_is_added_changed_and_removed() {
    let result = TransactionResult { epoch: 7, changes: plan(), warnings: vec!["shadowed".into()] };
    let text = wide(ContentType::Transaction(result));
    let expected = "Success: done\n~ cluster app  (12 sessions)\n    retry_after: 60 → (nothing)\n\
                    + cluster app\n- backend app\nwarning: shadowed\n\
                    1 added, 1 changed, 1 removed; epoch 7";
    assert_eq!(text, expected);
}

#[test]
fn history_tells_when_and_who() {
    let entry = HistoryEntry {
        epoch: 7,
        time_ms: 1_700_000_000_000,
        uid: Some(1000),
        client: Some("weir apply".into()),
        changes: plan(),
        ..HistoryEntry::default()
    };
    let content = ContentType::History(History { entries: vec![entry] });
    shows(content, &["2023-11-14T22:13:20Z", "1000", "weir apply", "epoch 7:\n~ cluster app"]);
}

#[test]
fn explanations_name_what_lost() {
    let explanation = Explanation {
        worker: 1,
        epoch: 7,
        steps: vec!["it came to a listener".into()],
        cluster: Some("app".into()),
        lost: vec!["a rule, for it is later".into()],
        ..Explanation::default()
    };
    let parts = ["1. it came to a listener", "app", "lost: a rule", "asked worker 1, epoch 7"];
    shows(ContentType::Explanation(explanation), &parts);
}

#[test]
fn drift_is_told_for_each_worker() {
    let worker = |id, epoch, hash| WorkerDrift { id, epoch, hash };
    let workers = vec![
        worker(0, Some(7), Some(1)),
        worker(1, Some(6), Some(1)),
        worker(2, Some(7), Some(9)),
        worker(3, None, None),
    ];
    let text = wide(ContentType::Drift(Drift { epoch: 7, hash: 1, workers }));
    for (id, verdict) in
        ["is the same", "is at another epoch", "differs", "did not answer"].iter().enumerate()
    {
        let row = text.lines().find(|line| line.contains(&format!("worker {id}")));
        assert!(row.is_some_and(|row| row.contains(verdict)), "{text}");
    }
}

#[test]
fn an_event_is_a_line() {
    let event = Event {
        kind: EventKind::HealthCheckUnhealthy.into(),
        cluster_id: Some("app".into()),
        address: Some(address()),
        ..Event::default()
    };
    let told = Told { origin: "0".into(), event };
    let line = super::event(&told);
    assert_eq!(line, "0, HEALTH_CHECK_UNHEALTHY cluster=app address=127.0.0.1:80");
    let json = event_json(&told);
    assert_eq!((&json["origin"], &json["event"]["kind"]), (&"0".into(), &28.into()));
    let unknown = Told { event: Event { kind: 99, ..told.event }, ..told };
    assert!(super::event(&unknown).starts_with("0, event 99"));
}
