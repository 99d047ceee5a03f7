//! What many clusters have counted is told, in pages, whatever fits in one frame.

#[allow(dead_code, reason = "shared by several test programs, each of which uses a part")]
mod process_support;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::io::{BufRead, BufReader, Write};

use process_support::backend::Backend;
use process_support::control::{bad, good, json};
use process_support::{Config, Proxy, connect, fetch, fetch_from, listening, weir};
use serde_json::Value;
use weir_client::proto::request::RequestType;
use weir_client::proto::response_content::ContentType;
use weir_client::proto::{AggregatedMetrics, QueryMetricsOptions};
use weir_client::{Client, Error, Options};
use weir_testkit::process::{PATIENCE, Process};

/// What every cluster has.
const NAME: &str = "cluster.total_backends";

/// So many clusters, all with that backend, or that redirect; the first `routed` have a host, by
/// their number.
fn configured(clusters: usize, routed: usize, workers: usize, backend: Option<&Backend>) -> String {
    let mut text = format!(
        r#"
command_socket = "control.sock"
ctl_command_timeout = 60000
worker_count = {workers}
worker_timeout = 60
max_connections = 100

[[listeners]]
protocol = "http"
address = "127.0.0.1:0"
"#,
    );
    for number in 0..clusters {
        let id = id(number);
        let _ = writeln!(text, "[clusters.{id}]\nprotocol = \"http\"");
        if number < routed {
            let at = "address = \"127.0.0.1:0\"";
            let _ = writeln!(text, "frontends = [{{ {at}, hostname = \"{id}.example\" }}]");
        } else {
            text.push_str("frontends = []\n");
        }
        let rest = match backend {
            Some(Backend { address, .. }) => format!("backends = [{{ address = \"{address}\" }}]"),
            None => "backends = []\nhttps_redirect = true".to_owned(),
        };
        text.push_str(&rest);
        text.push('\n');
    }
    text
}

fn id(number: usize) -> String {
    format!("c{number:05}")
}

fn ids(clusters: usize) -> BTreeSet<String> {
    (0..clusters).map(id).collect()
}

/// A request to each of these clusters.
fn traffic(proxy: &Proxy, clusters: impl Iterator<Item = usize>) {
    for number in clusters {
        let host = format!("{}.example", id(number));
        assert!(fetch_from(proxy.address, &host, "/").starts_with("HTTP/1.1 200"));
    }
}

fn get(proxy: &Proxy, words: &[&str]) -> Value {
    json(&good(proxy, &[&["metrics", "get", "--json"], words].concat()))
}

fn keys(of: &Value) -> BTreeSet<String> {
    of.as_object().expect("a map").keys().cloned().collect()
}

fn count(of: &Value, name: &str) -> Option<u64> {
    of[name]["inner"]["COUNT"].as_u64()
}

fn client(proxy: &Proxy) -> Client {
    let options = Options { timeout: Some(PATIENCE), ..Options::default() };
    Client::connect(&proxy.config.in_directory("control.sock"), options).expect("connected")
}

/// Asks for one page.
fn page(client: &mut Client, query: &QueryMetricsOptions) -> Result<AggregatedMetrics, Error> {
    match client.request(RequestType::QueryMetrics(query.clone()))?.content {
        Some(ContentType::Metrics(metrics)) => Ok(metrics),
        other => panic!("another answer: {other:?}"),
    }
}

#[test]
fn every_cluster_of_thousands_is_told_once() {
    const CLUSTERS: usize = 6_000;
    const BUSY: usize = 300;
    let backend = Backend::start();
    let text = configured(CLUSTERS, BUSY, 2, Some(&backend));
    let proxy = Proxy::start(Config::new(&text), &[]);
    traffic(&proxy, 0..BUSY);
    let all = get(&proxy, &[]);
    assert_eq!(keys(&all["clusters"]), ids(CLUSTERS));
    let requests = |of: &Value| {
        (0..BUSY).map(|n| count(&of[id(n)]["cluster"], "requests")).sum::<Option<u64>>()
    };
    assert_eq!(requests(&all["clusters"]), Some(BUSY as u64));
    assert_eq!(count(&all["proxying"], "requests"), Some(BUSY as u64));
    let gauge = &all["clusters"][id(CLUSTERS - 1)]["cluster"]["cluster.total_backends"]["inner"];
    assert_eq!((&gauge["GAUGE"], &all["next"]), (&2.into(), &Value::Null));
    let apart = get(&proxy, &["--workers"]);
    for worker in ["0", "1"] {
        assert_eq!(keys(&apart["workers"][worker]["clusters"]), ids(CLUSTERS), "{worker}");
        assert_eq!(apart["workers"][worker]["proxy"]["server.live"]["inner"]["GAUGE"], 1);
    }
    assert_eq!(all["main"]["configuration.clusters"], apart["main"]["configuration.clusters"]);
    text_has_them(&proxy, CLUSTERS);
    pages_are_bounded(&proxy, CLUSTERS);
    pages_go_on_when_clusters_go(&proxy, CLUSTERS);
    others_ask_in_pages(&proxy, CLUSTERS - 2);
}

fn text_has_them(proxy: &Proxy, clusters: usize) {
    let titles = |text: &str| {
        let titles = text.lines().filter_map(|line| line.strip_prefix("cluster c"));
        titles.map(str::to_owned).collect::<BTreeSet<_>>().len()
    };
    let text = good(proxy, &["metrics", "get", "--names", NAME]);
    assert_eq!((titles(&text), text.matches("Success").count()), (clusters, 1));
    let text = good(proxy, &["metrics", "get", "--workers", "--names", NAME]);
    assert_eq!(titles(&text), 2 * clusters, "of each worker");
    assert!(text.contains("cluster c05000 in worker 1\n"));
    let some = get(proxy, &["--clusters", "c05000,c00000,c05999", "--names", NAME]);
    assert_eq!(keys(&some["clusters"]), [id(0), id(5_000), id(5_999)].into());
    assert_eq!((&some["main"], &some["proxying"]), (&json("{}"), &json("{}")));
    assert_eq!(get(proxy, &["--no-clusters"])["clusters"], json("{}"));
    let why = bad(proxy, &["metrics", "get", "--clusters", "c05000,c06000"]);
    assert!(why.contains("there is no cluster `c06000`"), "{why}");
}

fn pages_are_bounded(proxy: &Proxy, clusters: usize) {
    let mut client = client(proxy);
    let whole = QueryMetricsOptions { workers: true, ..QueryMetricsOptions::default() };
    // Each worker by itself: its clusters are less than a frame, both are more.
    let few = page(&mut client, &QueryMetricsOptions { no_clusters: true, ..whole.clone() });
    assert_eq!(few.expect("it fits").next, None);
    let mut query = QueryMetricsOptions { page: Some(String::new()), ..whole };
    let mut told = BTreeMap::<String, usize>::new();
    let mut pages = 0;
    loop {
        let found = page(&mut client, &query).expect("a page");
        pages += 1;
        let wholes = found.workers.values().filter(|worker| !worker.proxy.is_empty()).count();
        assert_eq!(
            (wholes, found.main.is_empty()),
            if pages == 1 { (2, false) } else { (0, true) }
        );
        for id in found.workers["1"].clusters.keys() {
            *told.entry(id.clone()).or_default() += 1;
        }
        let Some(next) = found.next else { break };
        query.page = Some(next);
    }
    assert_eq!((told.len(), told.values().max()), (clusters, Some(&1)));
    assert!((6..30).contains(&pages), "{pages}");
    for text in ["x", "[1,\"a\"]", "[0,\"a\",\"\"]"] {
        query.page = Some(text.to_owned());
        let refused = page(&mut client, &query).expect_err("never given").to_string();
        assert!(refused.contains("is no page of metrics"), "{refused}");
    }
}

/// Clusters without traffic go while a question is under way.
fn pages_go_on_when_clusters_go(proxy: &Proxy, clusters: usize) {
    let mut client = client(proxy);
    let mut query = QueryMetricsOptions { page: Some(String::new()), ..Default::default() };
    let first = page(&mut client, &query).expect("a page");
    let last = first.clusters.keys().next_back().expect("clusters").clone();
    let removed = [last.as_str(), "c05998"];
    for id in removed {
        good(proxy, &["cluster", "remove", "--id", id]);
    }
    let mut all = first;
    while let Some(next) = all.next.take() {
        query.page = Some(next);
        all.append(page(&mut client, &query).expect("a page"));
    }
    let mut wanted = ids(clusters);
    wanted.remove("c05998");
    assert_eq!(all.clusters.into_keys().collect::<BTreeSet<_>>(), wanted);
}

/// An exporter, and what `weir top` asks.
fn others_ask_in_pages(proxy: &Proxy, clusters: usize) {
    let mut command = weir();
    command.args(["exporter", "--listen", "127.0.0.1:0", "-c"]).arg(proxy.config.path());
    let mut exporter = Process::spawn(&mut command);
    let address = listening(&mut exporter);
    let text = fetch(address, "/metrics");
    for worker in [0, 1] {
        let start = format!("weir_cluster_cluster_total_backends{{worker=\"{worker}\",cluster=");
        assert_eq!(text.lines().filter(|line| line.starts_with(&start)).count(), clusters);
    }
    let picture = fetch(address, "/api/picture");
    let (_, picture) = picture.split_once("\r\n\r\n").expect("a head and a body");
    let picture = json(picture);
    let (shown, hidden) = (picture["clusters"].as_array(), picture["hidden"].as_u64());
    let told = shown.expect("a list").len() as u64 + hidden.expect("a number");
    assert_eq!(told, clusters as u64);
}

#[test]
fn a_cluster_of_thousands_of_backends_goes_on_on_other_pages() {
    const BACKENDS: usize = 9_000;
    let backend = |n: usize| {
        let address = format!("127.1.{}.{}:1", n / 250, n % 250 + 1);
        format!("  {{ address = \"{address}\", backend_id = \"b{n:05}\" }},\n")
    };
    let backends: String = (0..BACKENDS).map(backend).collect();
    let text = format!(
        r#"
command_socket = "control.sock"
ctl_command_timeout = 60000
max_command_buffer_size = 200000
worker_count = 2
worker_timeout = 60
max_connections = 100
metrics = {{ address = "127.0.0.1:9", detail = "backend" }}

[[listeners]]
protocol = "http"
address = "127.0.0.1:0"

[clusters.few]
protocol = "http"
frontends = []
backends = [{{ address = "127.0.0.1:1", backend_id = "one" }}]

[clusters.many]
protocol = "http"
frontends = []
backends = [
{backends}]
"#
    );
    let proxy = Proxy::start(Config::new(&text), &[]);
    let ids = |cluster: &Value| {
        let backends = cluster["backends"].as_array().expect("a list").iter();
        let ids = backends.map(|of| of["backend_id"].as_str().expect("a text").to_owned());
        ids.collect::<Vec<_>>()
    };
    let wanted: Vec<String> = (0..BACKENDS).map(|n| format!("b{n:05}")).collect();
    let all = get(&proxy, &[]);
    assert_eq!(ids(&all["clusters"]["many"]), wanted);
    assert_eq!(ids(&all["clusters"]["few"]), ["one"]);
    let gauge = |of: &Value| of["cluster.total_backends"]["inner"]["GAUGE"].as_u64();
    assert_eq!(gauge(&all["clusters"]["many"]["cluster"]), Some(2 * BACKENDS as u64));
    let apart = get(&proxy, &["--workers", "--backends", "b00077"]);
    let many = &apart["workers"]["1"]["clusters"]["many"];
    assert_eq!((ids(many), &many["cluster"]), (wanted, &json("{}")));
    let why = client(&proxy).request(RequestType::QueryMetrics(QueryMetricsOptions {
        workers: true,
        ..QueryMetricsOptions::default()
    }));
    let why = why.map(drop).expect_err("too large").to_string();
    assert!(why.contains("ask for it in pages"), "{why}");
}

/// Clusters that are told apart in a worker, and those beyond that are known by name.
const APART: usize = 16_384;
const HEAVY: usize = 64;

#[test]
fn beyond_what_is_told_apart_the_heaviest_are_known_by_name() {
    const CLUSTERS: usize = 20_000;
    let proxy = Proxy::start(Config::new(&configured(CLUSTERS, CLUSTERS, 1, None)), &[]);
    let listed = json(&good(&proxy, &["frontend", "list", "--json"]));
    assert_eq!(listed["http_frontends"].as_array().map(Vec::len), Some(CLUSTERS), "in pages, too");
    // The first ones have a place each; of the others, three have most of what there is.
    requests(&proxy, (0..APART).collect());
    let beyond: Vec<usize> = (APART..APART + 200).collect();
    let heavy = [(19_997, 300), (19_998, 200), (19_999, 100)];
    let many = heavy.iter().flat_map(|(number, n)| std::iter::repeat_n(*number, *n));
    requests(&proxy, [beyond, many.collect()].concat());
    let all = get(&proxy, &[]);
    let clusters = &all["clusters"];
    let mut wanted = ids(CLUSTERS);
    wanted.insert("(other)".to_owned());
    assert_eq!(keys(clusters), wanted);
    let redirected =
        |id: &str| count(&clusters[id]["cluster"], "http.301.redirection").unwrap_or(0);
    assert_eq!(redirected("(other)"), 800);
    let named: Vec<_> = (0..APART).map(|number| redirected(&id(number))).collect();
    assert!(named.iter().all(|n| *n == 1));
    assert_eq!(count(&all["proxying"], "http.301.redirection"), Some(APART as u64 + 800));
    let gauge = |number, name: &str| {
        let name = format!("metrics.heaviest.{name}");
        clusters[id(number)]["cluster"][&*name]["inner"]["GAUGE"].as_u64()
    };
    let known: Vec<_> = (0..CLUSTERS).filter(|n| gauge(*n, "requests").is_some()).collect();
    assert_eq!(known.len(), HEAVY);
    assert_eq!(known[HEAVY - 3..], [19_997, 19_998, 19_999], "whoever has had much is known");
    for (number, n) in heavy {
        let (most, error) = (gauge(number, "requests"), gauge(number, "error"));
        let (most, error) = (most.expect("known"), error.expect("known"));
        assert!(most >= n as u64 && most - error <= n as u64, "{number}: {most} - {error}");
        assert!(error <= 800 / HEAVY as u64, "{error}");
    }
}

/// Requests to these clusters, many at a time on one connection, which are all redirected.
fn requests(proxy: &Proxy, clusters: Vec<usize>) {
    const AT_ONCE: usize = 100;
    let mut stream = connect(proxy.address);
    let mut reader = BufReader::new(stream.try_clone().expect("the same connection"));
    let mut line = String::new();
    for clusters in clusters.chunks(AT_ONCE) {
        let request = |n: &usize| format!("GET / HTTP/1.1\r\nHost: {}.example\r\n\r\n", id(*n));
        let text: String = clusters.iter().map(request).collect();
        stream.write_all(text.as_bytes()).expect("sent");
        let mut answers = 0;
        while answers < clusters.len() {
            line.clear();
            assert!(reader.read_line(&mut line).expect("answered") > 0, "{answers}");
            answers += usize::from(line.starts_with("HTTP/1.1 301"));
        }
    }
}
