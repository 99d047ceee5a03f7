//! The exporter of a real proxy, and who reads what it serves.

#[allow(dead_code, reason = "shared by several test programs, each of which uses a part")]
mod process_support;

use std::io::{Read, Write};
use std::net::SocketAddr;
use std::os::unix::net::UnixListener;
use std::path::Path;
use std::process::{Command, Stdio};

use process_support::backend::Backend;
use process_support::certificates::{Authority, Wish};
use process_support::control::{good, json};
use process_support::counted::{start, traffic};
use process_support::crowd::{Crowd, response};
use process_support::tools::{python, run, script, text, tool};
use process_support::{Config, Proxy, connect, fetch, fetch_from, listening, weir};
use weir_testkit::process::{Process, Signal, eventually};

/// An exporter whose proxy may not be there, and its address.
fn alone(config: &Config) -> (Process, SocketAddr) {
    let mut command = weir();
    command.arg("exporter").args(["--listen", "127.0.0.1:0", "-c"]).arg(config.path());
    let mut exporter = Process::spawn(&mut command);
    let address = listening(&mut exporter);
    (exporter, address)
}

/// An exporter of that proxy, and its address.
fn exporter(proxy: &Proxy) -> (Process, SocketAddr) {
    let mut command = weir();
    command.arg("exporter").args(["--listen", "127.0.0.1:0", "--backends"]);
    let mut exporter = Process::spawn(command.arg("-c").arg(proxy.config.path()));
    let address = listening(&mut exporter);
    (exporter, address)
}

#[test]
fn an_exporter_serves_prometheus_and_people_and_can_be_killed() {
    let backend = Backend::start();
    let proxy = start(&backend, "");
    traffic(&proxy);
    let (exporter, address) = exporter(&proxy);
    let get = |path: &str| fetch(address, path);
    assert!(get("/health").starts_with("HTTP/1.1 200"));
    assert!(get("/ready").starts_with("HTTP/1.1 200"));
    assert!(get("/else").starts_with("HTTP/1.1 404"));
    let page = get("/");
    assert!(page.contains("content-security-policy: default-src 'none'"), "{page}");
    assert!(!page.contains("src=") && !page.contains("href="), "nothing is fetched from elsewhere");
    // The page and the scrape that follow the lease have what backends have counted since.
    traffic(&proxy);
    let has = |text: &str| {
        eventually(text, || get("/metrics").contains(text));
    };
    has("weir_up 1\n");
    has("# TYPE weir_proxy_http_requests_total counter\n");
    has("weir_cluster_request_time_seconds_bucket{worker=\"");
    has("cluster=\"good\",backend=\"one\"} ");
    assert!(get("/api/picture").contains("\"id\":\"good\""));
    assert!(get("/api/certificates").ends_with("\r\n\r\n[]"));
    exporter.signal(Signal::KILL);
    traffic(&proxy);
}

#[test]
fn a_connection_is_kept_and_only_asking_is_answered() {
    let (_exporter, address) = alone(&Config::new("command_socket = \"control.sock\"\n"));
    let mut kept = connect(address);
    let mut ask = |line: &str, more: &str| {
        let request = format!("{line} HTTP/1.1\r\nHost: a.example\r\n{more}\r\n");
        kept.write_all(request.as_bytes()).expect("sent");
        response(&mut kept)
    };
    let (head, body) = ask("GET /health?a=b", "");
    assert!(head.starts_with("HTTP/1.1 200") && body == b"the exporter runs\n", "{head}");
    let (head, body) = ask("POST /health", "Content-Length: 0\r\n");
    assert!(head.starts_with("HTTP/1.1 405") && body == b"only GET is answered here\n", "{head}");
    let request = "HEAD /health HTTP/1.1\r\nHost: a.example\r\nConnection: close\r\n\r\n";
    kept.write_all(request.as_bytes()).expect("sent");
    let mut rest = String::new();
    kept.read_to_string(&mut rest).expect("an answer, then the end");
    assert!(rest.starts_with("HTTP/1.1 200") && rest.ends_with("\r\n\r\n"), "{rest}");
}

#[test]
fn what_is_begun_is_answered_before_the_exporter_ends() {
    let config = Config::new("command_socket = \"control.sock\"\n");
    let weir = UnixListener::bind(config.in_directory("control.sock")).expect("bound");
    let (mut exporter, address) = alone(&config);
    let mut client = connect(address);
    client.write_all(b"GET /ready HTTP/1.1\r\nHost: a.example\r\n\r\n").expect("sent");
    // One listens to events, one asks.
    let connections = [(); 2].map(|()| weir.accept().expect("a connection"));
    exporter.signal(Signal::TERM);
    drop(connections);
    let mut answer = String::new();
    client.read_to_string(&mut answer).expect("an answer, then the end");
    assert!(answer.starts_with("HTTP/1.1 503"), "{answer}");
    assert!(exporter.wait().success());
}

#[test]
fn clients_that_say_nothing_hold_up_nobody() {
    let (_exporter, address) = alone(&Config::new("command_socket = \"control.sock\"\n"));
    let mut silent = Crowd::connect(address, 150);
    silent.say(b"GET / HT");
    assert!(fetch(address, "/health").starts_with("HTTP/1.1 200"));
}

#[test]
fn a_weir_that_does_not_answer_holds_up_nothing_else() {
    let config = Config::new("command_socket = \"control.sock\"\nctl_command_timeout = 0\n");
    // Connections wait to be accepted for ever.
    let _deaf = UnixListener::bind(config.in_directory("control.sock")).expect("bound");
    let (_exporter, address) = alone(&config);
    let mut clients = Crowd::connect(address, 100);
    clients.say(b"GET /ready HTTP/1.1\r\nHost: a.example\r\n\r\n");
    assert!(fetch(address, "/health").starts_with("HTTP/1.1 200"));
    // There is no place for the last one.
    let mut refused = String::new();
    clients.split_off(99).each(|stream| refused = response(stream).0);
    assert!(refused.starts_with("HTTP/1.1 503"), "{refused}");
}

#[test]
fn a_reader_of_openmetrics_gets_them_compressed() {
    let Some(mut python) = python("prometheus_client") else { return };
    let backend = Backend::start();
    let proxy = start(&backend, "");
    let (_exporter, address) = exporter(&proxy);
    traffic(&proxy);
    let output = run(python.arg(script("openmetrics.py")).arg(address.to_string()));
    let found = text(&output.stdout);
    let samples = [
        "counter weir_proxy_http_requests 7",
        "counter weir_cluster_requests 7",
        "histogram weir_cluster_request_time_seconds",
        "gauge weir_up 1",
    ];
    for sample in samples {
        assert!(found.contains(sample), "{sample} in {found}");
    }
}

#[test]
fn transactions_are_among_the_events_those_of_before_too() {
    let backend = Backend::start();
    let proxy = start(&backend, "");
    good(&proxy, &["cluster", "add", "--id", "late", "--load-balancing-policy", "random"]);
    let (_exporter, address) = exporter(&proxy);
    let shows = |text: &str| eventually(text, || fetch(address, "/api/events").contains(text));
    shows("main, epoch 2: 1 added, 0 changed, 0 removed, uid ");
    good(&proxy, &["cluster", "remove", "--id", "late"]);
    shows("main, CLUSTER_REMOVED cluster=late");
    shows("main, epoch 3: 0 added, 0 changed, 1 removed, uid ");
}

#[test]
fn a_browser_shows_what_changes() {
    let (Some(_), Some(mut python)) = (tool("chromium", "chromium"), python("playwright")) else {
        return;
    };
    let backend = Backend::start();
    let idle = |n: u32| {
        let backend = "backends = [{ address = \"127.0.0.1:1\" }]";
        let frontend = format!("address = \"127.0.0.1:0\", hostname = \"idle-{n}.example\"");
        let frontends = format!("frontends = [{{ {frontend} }}]");
        format!("[clusters.idle-{n}]\nprotocol = \"http\"\n{backend}\n{frontends}\n")
    };
    let proxy = start(&backend, &(0..120).map(idle).collect::<String>());
    let more = ["--id", "idle-0", "--backend-id", "more", "--address", "127.0.0.1:1"];
    good(&proxy, &[&["backend", "add"][..], &more].concat());
    let (_exporter, address) = exporter(&proxy);
    python.arg(script("dashboard.py")).args([address, proxy.address].map(|a| a.to_string()));
    // Somebody may want to look at it.
    let output = run(python.args(std::env::var_os("WEIR_SCREENSHOTS")));
    assert_eq!(text(&output.stdout), "all is well\n");
}

/// A collector, and its port.
fn collector(python: &mut Command, arguments: &[&str]) -> (Process, String) {
    let script = script("otlp_collector.py");
    let mut collector = Process::spawn(python.arg(script).args(arguments));
    let line = collector.line_with("port ");
    let (_, port) = line.split_once(' ').expect("the number follows");
    (collector, port.to_owned())
}

/// An exporter of that proxy, but where it sends what.
fn sending(proxy: &Proxy) -> Command {
    let mut command = weir();
    command.args(["exporter", "--listen", "127.0.0.1:0", "-c"]).arg(proxy.config.path());
    command
}

/// How many requests have become that.
fn outcome(exporter: SocketAddr, name: &str) -> u64 {
    let text = fetch(exporter, "/metrics");
    let start = format!("weir_exporter_spans_total{{outcome=\"{name}\"}} ");
    let count = text.lines().find_map(|line| line.strip_prefix(&start));
    count.and_then(|count| count.parse().ok()).expect("a count")
}

#[test]
fn a_collector_may_have_traces_wait() {
    let Some(mut python) = python("opentelemetry.proto") else { return };
    let backend = Backend::start();
    let proxy = start(&backend, "");
    let (mut collector, port) = collector(&mut python, &["--busy", "3"]);
    let to = ["--otlp-traces", "--otlp", &format!("http://127.0.0.1:{port}")];
    let mut exporter = Process::spawn(sending(&proxy).args(to));
    let address = listening(&mut exporter);
    eventually("traces are sent", || {
        traffic(&proxy);
        outcome(address, "sent") > 0
    });
    assert_eq!(["refused", "queue_full"].map(|name| outcome(address, name)), [0; 2]);
    collector.signal(Signal::KILL);
    let said = collector.output();
    assert!(said.contains("busy") && !said.contains("too early"), "{said}");
}

#[test]
fn a_collector_may_speak_tls_and_want_to_know_who_sends() {
    let Some(mut python) = python("opentelemetry.proto") else { return };
    let backend = Backend::start();
    let proxy = start(&backend, "");
    let authority = Authority::new("of the collector");
    authority.issue("collector", &["127.0.0.1"], &Wish::default());
    let identity = ["collector.pem", "collector.key"].map(|name| authority.text(name));
    let (mut collector, port) = collector(&mut python, &["--tls", &identity[0], &identity[1]]);
    let sending = || {
        let mut command = sending(&proxy);
        command.env("OTEL_EXPORTER_OTLP_ENDPOINT", format!("https://127.0.0.1:{port}"));
        command
    };
    let other = Authority::new("of others");
    let mut stranger = Process::spawn(sending().args(["--otlp-ca", &other.text("ca.pem")]));
    stranger.line_with("UnknownIssuer");
    let arguments = ["--otlp-period", "1", "--otlp-ca", &authority.text("ca.pem")];
    let known = "OTEL_EXPORTER_OTLP_HEADERS";
    let _exporter = Process::spawn(sending().args(arguments).env(known, "tenant=edge%201"));
    let reports = [(); 2].map(|()| collector.line_with("report edge 1 "));
    assert_eq!(reports[0], reports[1], "on one connection");
}

#[test]
fn a_collector_of_opentelemetry_is_sent_what_was_measured() {
    let Some(mut python) = python("opentelemetry.proto") else { return };
    let backend = Backend::start();
    let proxy = start(&backend, "");
    traffic(&proxy);
    let (mut collector, port) = collector(&mut python, &[]);
    let to = ["--otlp-period", "1", "--otlp", &format!("http://127.0.0.1:{port}")];
    let mut exporter = Process::spawn(sending(&proxy).args(to));
    collector.line_with("weir.main.configuration.clusters gauge=2");
    collector.line_with("report");
    // Both workers together have counted all.
    let count = |line: &str| {
        let (_, value) = line.split_once("sum=").expect("a sum");
        value.split(' ').next().and_then(|value| value.parse::<u64>().ok()).expect("a number")
    };
    let mut sum = 0;
    while sum < 5 {
        let line = collector.line_with("weir.cluster.requests sum=");
        if line.contains("cluster=good") {
            sum += count(&line);
        }
    }
    assert_eq!(sum, 5, "each report has all that was counted so far");
    collector.line_with("weir.cluster.request_time count=");
    collector.signal(Signal::KILL);
    exporter.line_with("metrics for http://127.0.0.1");
}

#[test]
fn a_collector_of_opentelemetry_is_sent_traces() {
    let Some(mut python) = python("opentelemetry.proto") else { return };
    let backend = Backend::start();
    let proxy = start(&backend, "");
    let (mut collector, port) = collector(&mut python, &[]);
    let to = ["--otlp-traces", "--otlp", &format!("http://127.0.0.1:{port}")];
    let mut exporter = Process::spawn(sending(&proxy).args(to));
    let address = listening(&mut exporter);
    let outcome = |name: &str| outcome(address, name);
    eventually("requests are told", || {
        traffic(&proxy);
        outcome("sent") > 0
    });
    let own = collector.line_with("span GET");
    assert!(own.contains(" - "), "nobody has named a parent: {own}");
    let (trace, parent) = ("4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7");
    let field = format!("good.example\r\nTraceparent: 00-{trace}-{parent}-01");
    assert!(fetch_from(proxy.address, &field, "/traced?x=y").starts_with("HTTP/1.1 200"));
    let span = collector.line_with(trace);
    assert!(span.starts_with(&format!("span GET {trace} {parent} 0 ")), "{span}");
    let attributes = [
        "http.request.method=GET",
        "url.path=/traced",
        "url.query=x=y",
        "http.response.status_code=200",
        "weir.cluster=good",
        "weir.backend=one",
    ];
    for attribute in attributes {
        assert!(span.contains(attribute), "{attribute} in {span}");
    }
    let lost = ["rate", "slow_reader", "queue_full", "refused", "garbled", "sampled_out"];
    assert_eq!(lost.map(outcome), [0; 6]);
}

#[test]
fn prometheus_has_nothing_against_the_text() {
    let Some(mut promtool) = tool("promtool", "prometheus") else { return };
    let backend = Backend::start();
    let proxy = start(&backend, "");
    let (_exporter, address) = exporter(&proxy);
    traffic(&proxy);
    let served = fetch(address, "/metrics");
    let (_, body) = served.split_once("\r\n\r\n").expect("a head and a body");
    assert!(body.contains("weir_cluster_requests_total"), "{body}");
    let mut child = promtool
        .args(["check", "metrics"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("it starts");
    child.stdin.take().expect("piped").write_all(body.as_bytes()).expect("written");
    let output = child.wait_with_output().expect("it ends");
    // Its advice (a text for each metric) is not about the format.
    let complaints = text(&output.stderr);
    let complaints: Vec<_> =
        complaints.lines().filter(|line| !line.contains("no help text")).collect();
    assert!(complaints.is_empty(), "{complaints:#?}");
}

#[test]
fn prometheus_takes_the_rules() {
    let packaging = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../packaging/prometheus");
    for (verb, file) in [("check", "weir.rules.yml"), ("test", "weir.rules.test.yml")] {
        let Some(mut promtool) = tool("promtool", "prometheus") else { return };
        run(promtool.args([verb, "rules"]).arg(packaging.join(file)));
    }
}

#[test]
fn prometheus_scrapes_the_exporter() {
    let Some(mut prometheus) = tool("prometheus", "prometheus") else { return };
    let backend = Backend::start();
    let proxy = start(&backend, "");
    let (_exporter, address) = exporter(&proxy);
    traffic(&proxy);
    let config = proxy.config.in_directory("prometheus.yml");
    let text = format!(
        "global: {{ scrape_interval: 1s }}\n\
         scrape_configs: [{{ job_name: weir, static_configs: [{{ targets: ['{address}'] }}] }}]\n"
    );
    std::fs::write(&config, text).expect("written");
    let free = std::net::TcpListener::bind("127.0.0.1:0").and_then(|free| free.local_addr());
    let listen = free.expect("an address");
    prometheus.arg(format!("--config.file={}", config.display()));
    prometheus.arg(format!("--web.listen-address={listen}"));
    let storage = proxy.config.in_directory("prometheus");
    prometheus.arg(format!("--storage.tsdb.path={}", storage.display()));
    let mut prometheus = Process::spawn(&mut prometheus);
    prometheus.line_with("ready to receive web requests");
    // What a rule or a graph would ask.
    let value = |query: &str| {
        let answer = fetch(listen, &format!("/api/v1/query?query={query}"));
        let (_, body) = answer.split_once("\r\n\r\n").expect("a head and a body");
        let start = body.find('{').unwrap_or_default();
        let end = body.rfind('}').map_or(body.len(), |end| end + 1);
        let answer = json(&body[start..end]);
        let value = &answer["data"]["result"][0]["value"][1];
        value.as_str().and_then(|value| value.parse::<f64>().ok())
    };
    eventually("it has scraped", || value("sum(weir_proxy_http_requests_total)") == Some(7.0));
    assert_eq!(value("weir_up"), Some(1.0));
    let cluster = "sum(weir_cluster_request_time_seconds_count%7Bcluster=%22good%22%7D)";
    assert_eq!(value(cluster), Some(5.0));
    prometheus.signal(Signal::TERM);
    assert!(prometheus.wait().success());
}

#[test]
fn an_exporter_whose_weir_is_away_says_so() {
    let (_exporter, address) = alone(&Config::new("command_socket = \"control.sock\"\n"));
    assert!(fetch(address, "/metrics").contains("\r\n\r\n# TYPE weir_up gauge\nweir_up 0\n"));
    assert!(fetch(address, "/ready").starts_with("HTTP/1.1 503"));
    assert!(fetch(address, "/health").starts_with("HTTP/1.1 200"));
}
