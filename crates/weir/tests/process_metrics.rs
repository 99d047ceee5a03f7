//! What a real proxy measures of its traffic, and how it is asked.

#[allow(dead_code, reason = "shared by several test programs, each of which uses a part")]
mod process_support;

use std::collections::BTreeMap;
use std::net::UdpSocket;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;

use process_support::backend::Backend;
use process_support::control::{bad, good, json};
use process_support::counted::{start, traffic};
use process_support::installed::Installed;
use process_support::tools::{python, script};
use process_support::{Config, Proxy, weir};
use serde_json::Value;
use weir_client::proto::filtered_metrics::Inner;
use weir_client::proto::request::RequestType;
use weir_client::proto::response_content::ContentType;
use weir_client::proto::{
    AggregatedMetrics, ClusterMetrics, FilteredMetrics, MetricDetail, QueryMetricsOptions,
    SetMetricDetail,
};
use weir_client::{Client, Options};
use weir_testkit::process::{PATIENCE, Process, Signal, eventually, send_signal};

/// Waits for datagrams until all of these texts were in one.
fn receive(sink: &UdpSocket, mut wanted: Vec<&str>) {
    sink.set_read_timeout(Some(PATIENCE)).expect("a timeout");
    let mut datagram = [0; 2000];
    while !wanted.is_empty() {
        let length = sink.recv(&mut datagram).unwrap_or_else(|e| panic!("{e}, not {wanted:?}"));
        let text = String::from_utf8_lossy(&datagram[..length]);
        wanted.retain(|wanted| !text.lines().any(|line| line.contains(wanted)));
    }
}

fn get(proxy: &Proxy, words: &[&str]) -> Value {
    json(&good(proxy, &[&["metrics", "get", "--json"], words].concat()))
}

fn count(metrics: &Value, name: &str) -> Option<u64> {
    metrics[name]["inner"]["COUNT"].as_u64()
}

fn samples(metrics: &Value, name: &str) -> Option<u64> {
    metrics[name]["inner"]["PERCENTILES"]["samples"].as_u64()
}

#[test]
fn requests_are_counted_as_a_whole_and_by_cluster() {
    let backend = Backend::start();
    let proxy = start(&backend, "");
    traffic(&proxy);
    let all = get(&proxy, &[]);
    assert_eq!(all["main"]["configuration.clusters"]["inner"]["GAUGE"], 2, "{all}");
    let proxying = &all["proxying"];
    assert_eq!(count(proxying, "http.requests"), Some(7), "{all}");
    assert_eq!(count(proxying, "http.status.200"), Some(5));
    assert_eq!(count(proxying, "http.503.errors"), Some(2));
    assert_eq!(samples(proxying, "request_time"), Some(7));
    assert_eq!(proxying["server.live"]["inner"]["GAUGE"], 2);
    let [served, broken] = ["good", "broken"].map(|id| &all["clusters"][id]["cluster"]);
    assert_eq!((count(served, "requests"), count(served, "http.status.2xx")), (Some(5), Some(5)));
    assert_eq!(samples(served, "backend_response_time"), Some(5));
    let histogram = &served["backend_response_time_histogram"]["inner"]["HISTOGRAM"];
    assert_eq!(histogram["count"], 5, "{all}");
    assert!(count(served, "bytes_out") > Some(100), "{all}");
    assert_eq!(count(broken, "http.errors"), Some(2));
    assert!(count(broken, "backend.connections.error") > Some(0), "{all}");
    assert_eq!(all["clusters"]["good"]["backends"], json("[]"), "not told apart: {all}");
    let apart = get(&proxy, &["--workers"]);
    let of = |id: &str| count(&apart["workers"][id]["proxy"], "http.requests").unwrap_or(0);
    assert_eq!((of("0") + of("1"), &apart["proxying"]), (7, &json("{}")), "{apart}");
}

#[test]
fn attempts_in_vain_are_counted() {
    let backend = Backend::start();
    let proxy = start(&backend, "");
    for host in 2..=4 {
        let (id, address) = (format!("none-{host}"), format!("127.0.0.{host}:1"));
        let words = ["backend", "add", "--id", "broken", "--backend-id", &id, "-a", &address];
        good(&proxy, &words);
    }
    eventually("nobody is left to be tried", || {
        traffic(&proxy);
        count(&get(&proxy, &[])["proxying"], "backends.fail_open").is_some()
    });
    let all = get(&proxy, &[]);
    let vain = [
        &all["proxying"],
        &all["clusters"]["broken"]["cluster"],
        &all["clusters"]["good"]["cluster"],
    ]
    .map(|of| count(of, "backend.connect.retries_exhausted"));
    assert!(vain[0].is_some() && vain[0] == vain[1] && vain[2].is_none(), "{vain:?}");
}

#[test]
fn main_counts_what_is_changed_and_goes_on_after_an_upgrade() {
    let backend = Backend::start();
    let proxy = start(&backend, "");
    let address = proxy.address.to_string();
    good(&proxy, &["cluster", "add", "--id", "late", "--load-balancing-policy", "random"]);
    let frontend = ["frontend", "http", "add", "-a", &address, "--hostname", "late.example"];
    good(&proxy, &[&frontend[..], &["id", "late"]].concat());
    good(&proxy, &["cluster", "remove", "--id", "late"]);
    good(&proxy, &["listener", "http", "deactivate", "--address", &address]);
    good(&proxy, &["logging", "info"]);
    good(&proxy, &["listener", "udp", "add", "--address", "127.0.0.1:53535"]);
    good(&proxy, &["frontend", "udp", "add", "--address", "127.0.0.1:53535", "--id", "good"]);
    good(&proxy, &["upgrade", "--main", "-t", "60000"]);
    let main = get(&proxy, &[])["main"].clone();
    let verbs = [
        "cluster_added",
        "http_frontend_added",
        "cluster_removed",
        "listener_deactivated",
        "logging_level_changed",
        "udp_listener_added",
        "udp_frontend_added",
        "main_upgraded",
    ];
    for verb in verbs {
        assert_eq!(count(&main, &format!("config.{verb}")), Some(1), "{verb}: {main}");
    }
    assert_eq!(count(&main, "config.https_frontend_added"), None, "{main}");
    let listed = get(&proxy, &["--list"])["proxy_metrics"].to_string();
    assert!(listed.contains("config.certificate_replaced"), "{listed}");
    good(&proxy, &["metrics", "clear"]);
    let main = get(&proxy, &[])["main"].clone();
    assert_eq!(count(&main, "config.cluster_added"), None, "{main}");
}

/// How much, by what it is of and its name.
type Counts = BTreeMap<String, u64>;

/// Takes down all that counts.
fn note(counts: &mut Counts, of: &str, metrics: &BTreeMap<String, FilteredMetrics>) {
    // What is of the last seconds comes and goes.
    let lasting = |name: &&String| !name.ends_with("_10s") && !name.ends_with("_1m");
    for (name, metric) in metrics.iter().filter(|(name, _)| lasting(name)) {
        let count = match &metric.inner {
            Some(Inner::Count(count)) => u64::try_from(*count).expect("it is not negative"),
            Some(Inner::Percentiles(times)) => times.samples,
            _ => continue,
        };
        counts.insert(format!("{of} {name}"), count);
    }
}

fn note_clusters(counts: &mut Counts, of: &str, clusters: &BTreeMap<String, ClusterMetrics>) {
    for (id, cluster) in clusters {
        note(counts, &format!("{of} {id}"), &cluster.cluster);
        for backend in &cluster.backends {
            note(counts, &format!("{of} {id} {}", backend.backend_id), &backend.metrics);
        }
    }
}

fn counts(all: &AggregatedMetrics) -> Counts {
    let mut counts = Counts::new();
    note(&mut counts, "all", &all.proxying);
    note_clusters(&mut counts, "all", &all.clusters);
    for (id, worker) in &all.workers {
        note(&mut counts, id, &worker.proxy);
        note_clusters(&mut counts, id, &worker.clusters);
    }
    counts
}

/// Asks again and again, all together and each by itself, until told to end; what went back.
fn watch(proxy: &Proxy, over: Arc<AtomicBool>) -> JoinHandle<Vec<String>> {
    let socket = proxy.config.in_directory("control.sock");
    let options = Options { timeout: Some(PATIENCE), ..Options::default() };
    let mut client = Client::connect(&socket, options).expect("connected");
    let mut ask = move |workers| {
        let query = QueryMetricsOptions { workers, ..QueryMetricsOptions::default() };
        match client.request(RequestType::QueryMetrics(query)).expect("answered").content {
            Some(ContentType::Metrics(all)) => counts(&all),
            _ => panic!("another answer"),
        }
    };
    std::thread::spawn(move || {
        let (mut seen, mut wrong) = ([Counts::new(), Counts::new()], Vec::new());
        while !over.load(Ordering::SeqCst) {
            for workers in [false, true] {
                let now = ask(workers);
                let before = std::mem::replace(&mut seen[usize::from(workers)], now.clone());
                for (name, before) in before {
                    let count = now.get(&name).copied().unwrap_or_default();
                    if count < before {
                        wrong.push(format!("{name}: {count} after {before}"));
                    }
                }
            }
        }
        wrong
    })
}

#[test]
fn no_count_goes_back_while_processes_are_replaced() {
    let keys = "metrics = { address = \"127.0.0.1:9\", \
                detail = \"backend\" }";
    let installed = Installed::start_with(keys, 20);
    let proxy = &installed.proxy;
    let traffic = installed.traffic();
    let over = Arc::<AtomicBool>::default();
    let watching = watch(proxy, Arc::clone(&over));
    traffic.goes_on(20);
    for worker in ["0", "1"] {
        good(proxy, &["upgrade", "--worker", worker]);
        traffic.goes_on(20);
    }
    good(proxy, &["upgrade", "--main", "-t", "60000"]);
    traffic.goes_on(20);
    let requests = traffic.finish() as u64;
    let asked = |words: &[&str]| {
        let all = get(proxy, words);
        let cluster = &all["clusters"]["first"];
        let backend = &cluster["backends"][0]["metrics"];
        let counts =
            [&all["proxying"], &cluster["cluster"], backend].map(|of| count(of, "requests"));
        (counts, samples(&all["proxying"], "request_time"))
    };
    eventually("nothing was lost", || asked(&[]) == ([Some(requests); 3], Some(requests)));
    over.store(true, Ordering::SeqCst);
    let wrong = watching.join().expect("it does not panic");
    assert!(wrong.is_empty(), "{wrong:#?}");
}

/// What comes for counters of processes as a whole, added up by their names.
fn sums(sink: UdpSocket) -> Arc<Mutex<Counts>> {
    let sums = Arc::<Mutex<Counts>>::default();
    let ours = Arc::clone(&sums);
    std::thread::spawn(move || {
        let mut datagram = [0; 2000];
        while let Ok(length) = sink.recv(&mut datagram) {
            let text = String::from_utf8_lossy(&datagram[..length]);
            for (name, value) in text.lines().filter_map(|line| line.rsplit_once(':')) {
                let count = value.strip_suffix("|c").and_then(|count| count.parse::<u64>().ok());
                let name = name.splitn(3, '.').nth(2).expect("behind the prefix and the process");
                let mut sums = ours.lock().expect("no panic");
                *sums.entry(name.to_owned()).or_default() += count.unwrap_or_default();
            }
        }
    });
    sums
}

#[test]
fn statsd_is_told_once_what_is_counted_while_processes_are_replaced() {
    let sink = UdpSocket::bind("127.0.0.1:0").expect("bound");
    let keys = format!("metrics = {{ address = \"{}\" }}", sink.local_addr().expect("bound"));
    let sums = sums(sink);
    let sum = |name: &str| sums.lock().expect("no panic").get(name).copied();
    let installed = Installed::start_with(&keys, 20);
    let traffic = installed.traffic();
    traffic.goes_on(20);
    for words in [&["upgrade", "--main", "-t", "60000"][..], &["upgrade", "--worker", "0"]] {
        good(&installed.proxy, words);
        traffic.goes_on(20);
    }
    let requests = traffic.finish() as u64;
    eventually("all are told", || sum("http.requests") >= Some(requests));
    eventually("main's, too", || sum("config.worker_upgraded").is_some());
    let told = ["http.requests", "config.main_upgraded", "config.worker_upgraded"].map(sum);
    assert_eq!(told, [requests, 1, 1].map(Some));
}

#[test]
fn what_was_told_of_a_worker_that_dies_stays() {
    let backend = Backend::start();
    let proxy = start(&backend, "");
    traffic(&proxy);
    let told = get(&proxy, &[]);
    for pid in proxy.workers() {
        send_signal(pid, Signal::KILL);
    }
    eventually("others serve", || {
        get(&proxy, &[])["proxying"]["server.live"]["inner"]["GAUGE"] == 2
    });
    let all = get(&proxy, &[]);
    for name in ["http.requests", "http.status.200", "http.503.errors"] {
        assert_eq!(count(&all["proxying"], name), count(&told["proxying"], name), "{name}");
    }
    let times = |of: &Value| samples(&of["clusters"]["good"]["cluster"], "request_time");
    assert_eq!((times(&all), times(&told)), (Some(5), Some(5)));
    traffic(&proxy);
    assert_eq!(count(&get(&proxy, &[])["proxying"], "http.requests"), Some(14));
}

#[test]
fn times_are_told_of_the_last_seconds_too() {
    let backend = Backend::start();
    let proxy = start(&backend, "");
    traffic(&proxy);
    let window = |of: &Value, name: &str| samples(of, &format!("request_time_{name}"));
    let asked = || {
        let all = get(&proxy, &[]);
        let cluster = &all["clusters"]["good"]["cluster"];
        let lately =
            ["10s", "1m"].map(|name| [&all["proxying"], cluster].map(|of| window(of, name)));
        (lately, samples(&all["proxying"], "request_time"))
    };
    // Whoever asks has clusters looked at.
    eventually("a window has begun", || asked().0[0].iter().all(Option::is_some));
    let (before, _) = asked();
    assert_eq!(before[1][0], Some(7), "nothing was served before");
    traffic(&proxy);
    let (after, all) = asked();
    let more = [0, 1].map(|of| Some(after[1][of]? - before[1][of]?));
    assert_eq!(more, [Some(7), Some(5)], "{before:?} {after:?}");
    assert!(after[0].iter().all(Option::is_some), "{after:?}");
    assert_eq!(all, Some(14));
    let only = get(&proxy, &["--names", "request_time_1m", "--no-clusters"]);
    let names: Vec<_> = only["proxying"].as_object().expect("a map").keys().collect();
    assert_eq!(names, ["request_time_1m"]);
}

#[test]
fn a_query_can_be_narrow() {
    let backend = Backend::start();
    let proxy = start(&backend, "");
    traffic(&proxy);
    let all = get(&proxy, &["--clusters", "good", "--names", "requests"]);
    assert_eq!((&all["proxying"], &all["main"]), (&json("{}"), &json("{}")), "{all}");
    let clusters = all["clusters"].as_object().expect("a map");
    assert_eq!(clusters.keys().collect::<Vec<_>>(), ["good"]);
    let names = all["clusters"]["good"]["cluster"].as_object().expect("a map");
    assert_eq!(names.keys().collect::<Vec<_>>(), ["requests"]);
    assert_eq!(get(&proxy, &["--no-clusters"])["clusters"], json("{}"));
    let why = bad(&proxy, &["metrics", "get", "--clusters", "other"]);
    assert!(why.contains("there is no cluster `other`"), "{why}");
    let why = bad(&proxy, &["metrics", "get", "--backends", "other"]);
    assert!(why.contains("there is no backend `other`"), "{why}");
    let listed = get(&proxy, &["--list"]);
    let has = |of: &str, name: &str| listed[of].as_array().expect("a list").contains(&name.into());
    assert!(has("proxy_metrics", "http.requests") && has("cluster_metrics", "requests"));
}

#[test]
fn counting_can_be_stopped_and_begun_anew() {
    let backend = Backend::start();
    let proxy = start(&backend, "");
    traffic(&proxy);
    good(&proxy, &["metrics", "clear"]);
    let all = get(&proxy, &[]);
    assert_eq!(count(&all["proxying"], "http.requests"), None, "{all}");
    assert_eq!(count(&all["clusters"]["good"]["cluster"], "requests"), None);
    good(&proxy, &["metrics", "disable"]);
    traffic(&proxy);
    let all = get(&proxy, &[]);
    assert_eq!(
        (count(&all["proxying"], "http.requests"), &all["clusters"]),
        (Some(7), &json("{}"))
    );
    good(&proxy, &["metrics", "enable"]);
    traffic(&proxy);
    let all = get(&proxy, &[]);
    assert_eq!(count(&all["proxying"], "http.requests"), Some(14));
    assert_eq!(count(&all["clusters"]["good"]["cluster"], "requests"), Some(5), "{all}");
}

#[test]
fn changes_are_sent_to_statsd_whose_absence_changes_nothing() {
    let backend = Backend::start();
    let sink = UdpSocket::bind("127.0.0.1:0").expect("bound");
    let address = sink.local_addr().expect("bound");
    let table = format!(
        "metrics = {{ address = \"{address}\", tagged_metrics = true, prefix = \"edge\", \
         detail = \"backend\" }}"
    );
    let proxy = start(&backend, &table);
    traffic(&proxy);
    let cluster = "cluster_id=good:";
    let requests = "edge.cluster.requests,origin=WRK-0";
    receive(
        &sink,
        vec![
            "edge.configuration.clusters,origin=MAIN,version=",
            "edge.http.requests,origin=WRK-0",
            requests,
            cluster,
            "cluster_id=good,backend_id=one:",
            "|ms",
        ],
    );
    drop(sink);
    traffic(&proxy);
    // Whatever the socket says of a sink that is away, traffic and queries go on.
    let all = get(&proxy, &[]);
    assert_eq!(count(&all["proxying"], "http.requests"), Some(14), "{all}");
    let one = &all["clusters"]["good"]["backends"][0];
    assert_eq!((&one["backend_id"], count(&one["metrics"], "requests")), (&"one".into(), Some(10)));
}

#[test]
fn a_client_has_backends_told_apart_for_as_long_as_its_lease() {
    let backend = Backend::start();
    let proxy = start(&backend, "");
    let connect = || {
        let timeout = Some(PATIENCE);
        let options = Options { timeout, ..Options::default() };
        Client::connect(&proxy.config.in_directory("control.sock"), options).expect("connected")
    };
    let wanted = |clear| {
        RequestType::SetMetricDetail(SetMetricDetail {
            client_id: "test".to_owned(),
            detail: Some(MetricDetail::DetailBackend.into()),
            clear: Some(clear),
            ..SetMetricDetail::default()
        })
    };
    let (mut first, mut second) = (connect(), connect());
    let Some(ContentType::MetricDetailStatus(status)) =
        first.request(wanted(false)).expect("granted").content
    else {
        panic!("another answer")
    };
    assert_eq!(status.previous_effective(), MetricDetail::DetailCluster);
    assert_eq!(status.effective(), MetricDetail::DetailBackend);
    let leases: Vec<_> = status.workers.values().map(|of| of.active_lease_count).collect();
    assert_eq!(leases, [1, 1]);
    traffic(&proxy);
    let backends = || get(&proxy, &[])["clusters"]["good"]["backends"].clone();
    assert_eq!(count(&backends()[0]["metrics"], "requests"), Some(5));
    good(&proxy, &["upgrade", "--main", "-t", "60000"]);
    assert_eq!(count(&backends()[0]["metrics"], "requests"), Some(5), "it goes on");
    let refused = second.request(wanted(true)).expect_err("it is of another client").to_string();
    assert!(refused.contains("of another client"), "{refused}");
    first.request(wanted(true)).expect("given up");
    assert_eq!(backends(), json("[]"));
}

#[test]
fn top_shows_on_a_terminal_what_happens() {
    let Some(mut python) = python("pyte") else { return };
    let backend = Backend::start();
    let proxy = start(&backend, "");
    good(&proxy, &["cluster", "add", "--id", "late", "--load-balancing-policy", "random"]);
    let Proxy { main, address, config } = proxy;
    python.arg(script("top.py")).arg(env!("CARGO_BIN_EXE_weir"));
    let mut top = Process::spawn(python.arg(config.path()).arg(address.to_string()));
    top.line_with("numbers have changed");
    drop(main);
    top.line_with("absence is seen");
    let _again = Proxy::start(config, &[]);
    top.line_with("all is well");
    assert!(top.wait().success());
}

#[test]
fn top_needs_a_terminal() {
    let config = Config::new("command_socket = \"control.sock\"\n");
    let mut top = Process::spawn(weir().args(["top", "-c"]).arg(config.path()));
    top.line_with("this needs a terminal");
    assert_eq!(top.wait().code(), Some(1));
}
