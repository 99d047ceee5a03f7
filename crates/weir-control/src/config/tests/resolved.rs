//! What files come to.

use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;
use weir_telemetry::{Fine, Scope, Time};

use weir_route::{REGEX_MEMORY, Request, Rule, Table};

use super::{EXAMPLE, SMALL, cluster_with, frontend_with, good, small_with};
use crate::clients::ClientLimits;
use crate::config::ACCOUNT;
use crate::config::Sizes;
use crate::config::summary::precedence;
use crate::config::{ControlSettings, check};
use crate::state::{Frontend, LoadBalancing, PathRule, Position, Redirect};

#[test]
fn a_small_file_is_resolved_with_all_defaults() {
    let checked = good(SMALL);
    assert_eq!((checked.main.worker_count, checked.main.automatic_restart), (2, true));
    let limits = checked.limits();
    assert_eq!((limits.sessions, limits.buffers, limits.buffer_bytes), (10_000, 1000, 16_393));
    assert_eq!((limits.backend_connections, limits.idle_backend_connections), (30_000, 10_000));
    assert_eq!((limits.pipes, limits.pipe_bytes), (256, 65_536));
    let logs = checked.logs();
    assert_eq!((&*logs.level, &*logs.target, &logs.access_target), ("info", "stdout", &None));
    let frontend = &checked.state.frontends[0];
    assert_eq!((frontend.hostname.as_str(), frontend.position), ("example.org", Position::Tree));
    assert_eq!(frontend.path, PathRule::Prefix("/a".into()));
    let backend = &checked.state.backends[0];
    assert_eq!((backend.id.as_str(), backend.weight), ("app-0-127.0.0.1:9000", 100));
    let cluster = &checked.state.clusters["app"];
    assert_eq!((cluster.max_connections_per_ip, cluster.retry_after), (None, Some(60)));
    let listener = checked.state.listeners.values().next().expect("one");
    assert_eq!(listener.request_timeout, Duration::from_secs(10));
    assert_eq!((&*listener.sticky_name, &*listener.sozu_id_header), ("SOZUBALANCEID", "Sozu-Id"));
    assert!(listener.active && checked.warnings.diagnostics().is_empty());
}

#[test]
fn what_is_said_nearer_wins_over_the_top_level() {
    let top = "back_timeout = 7\nmax_connections_per_ip = 5\nretry_after = 0\nlog_colored = true";
    let checked = good(&small_with(top));
    let listener = checked.state.listeners.values().next().expect("one");
    assert_eq!(listener.back_timeout, Duration::from_secs(7));
    let cluster = &checked.state.clusters["app"];
    assert_eq!((cluster.max_connections_per_ip, cluster.retry_after), (None, None));
    let clients = ClientLimits { per_ip: 5, ..ClientLimits::default() };
    assert_eq!(checked.main.clients, clients);
    assert_eq!(checked.logs().access_colored, Some(true));
    let nearer =
        cluster_with("max_connections_per_ip = 0\nretry_after = 9\nload_balancing = \"RANDOM\"");
    let nearer = nearer.replace("[[listeners]]", "[[listeners]]\nback_timeout = 0x10");
    let checked = good(&format!("{top}\n{nearer}"));
    let cluster = &checked.state.clusters["app"];
    assert_eq!((cluster.max_connections_per_ip, cluster.retry_after), (Some(0), Some(9)));
    assert_eq!(cluster.load_balancing, LoadBalancing::Random);
    let listener = checked.state.listeners.values().next().expect("one");
    assert_eq!(listener.back_timeout, Duration::from_secs(16));
}

#[test]
fn sizes_of_zero_are_the_defaults_and_listeners_can_stay_inactive() {
    let checked = good(&small_with(
        "splice_pipe_capacity_bytes = 0\nbasic_auth_max_credential_bytes = 0\nmin_buffers = 9\n\
         max_buffers = 4\nactivate_listeners = false\nmax_connections = 1_000",
    ));
    let limits = checked.limits();
    assert_eq!((limits.pipe_bytes, limits.pipes, limits.buffers_at_start), (65_536, 2, 4));
    assert_eq!(limits.sessions, 1000);
    assert_eq!(checked.settings.basic_auth_max_credential_bytes, 4096);
    assert!(checked.state.listeners.values().all(|listener| !listener.active));
}

#[test]
fn a_frontend_without_a_listener_gets_one() {
    let checked = good(&SMALL.replacen("8080", "1", 1));
    let ports: Vec<_> = checked.state.listeners.keys().map(SocketAddr::port).collect();
    assert_eq!(ports, [1, 8080]);
    let warning = checked.warnings.render(false);
    assert!(warning.contains("no frontend is on 127.0.0.1:1"), "{warning}");
}

#[test]
fn frontends_keep_the_order_of_the_file_across_clusters() {
    let frontend = |cluster: &str, host: &str| {
        format!(
            "[[clusters.{cluster}.frontends]]\naddress = \"127.0.0.1:80\"\nposition = \"PRE\"\n\
             hostname = \"{host}\"\n"
        )
    };
    let cluster = |id: &str| format!("[clusters.{id}]\nprotocol = \"http\"\nbackends = []\n");
    let file = [
        cluster("zebra") + &frontend("zebra", "1.org"),
        cluster("ape") + &frontend("ape", "2.org"),
        frontend("zebra", "3.org"),
    ];
    let state = good(&file.concat()).state;
    let hosts: Vec<_> = state.frontends.iter().map(|f| f.hostname.as_str()).collect();
    assert_eq!(hosts, ["1.org", "2.org", "3.org"]);
}

#[test]
fn redirects_that_are_documented_are_understood() {
    let redirect = |word: &str| {
        let more = format!("redirect = \"{word}\", redirect_scheme = \"use_https\"");
        good(&frontend_with(&more)).state.frontends[0].redirect
    };
    assert_eq!(redirect("found"), Redirect::Found);
    assert_eq!(redirect("permanent_redirect"), Redirect::PermanentRedirect);
}

#[test]
fn answers_come_from_files_and_texts_and_texts_win() {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("answer.http");
    std::fs::write(&path, "HTTP/1.1 404 Not Found\n\nfrom a file").expect("written");
    let legacy = format!("[[listeners]]\nanswer_404 = \"{}\"", path.display());
    let answer = |source: &str| {
        let checked = good(source);
        checked.state.listeners.values().next().expect("one").answers[&404].clone()
    };
    let from_file = SMALL.replace("[[listeners]]", &legacy);
    assert!(answer(&from_file).ends_with("from a file"));
    let map =
        format!("{legacy}\nanswers = {{ 404 = \"HTTP/1.1 404 No\\n\\nfrom a text\", 503 = \"\" }}");
    assert!(answer(&SMALL.replace("[[listeners]]", &map)).ends_with("from a text"));
    let url = format!("[[listeners]]\nanswers = {{ 404 = \"file://{}\" }}", path.display());
    assert!(answer(&SMALL.replace("[[listeners]]", &url)).ends_with("from a file"));
}

#[test]
fn a_byte_order_mark_does_not_matter() {
    good(&format!("\u{feff}{SMALL}"));
}

#[test]
fn the_summary_says_what_is_served() {
    insta::assert_snapshot!("summary", good(EXAMPLE).summary());
}

/// Frontends of all shapes: hosts × paths × methods in the tree, some in the lists.
fn frontends() -> Vec<Frontend> {
    let base = good(SMALL).state.frontends[0].clone();
    let hosts = ["a.org", "*.org", "/[a-z]/.org", "/[a-z]+/.org", "*"];
    let paths = [
        PathRule::Prefix(String::new()),
        PathRule::Prefix("/x".into()),
        PathRule::Prefix("/x/y".into()),
        PathRule::Equals("/x/y/z".into()),
        PathRule::Regex("/x/.*".into()),
    ];
    let mut frontends = Vec::new();
    for host in hosts {
        for path in &paths {
            for method in [None, Some("POST".to_owned())] {
                let (hostname, path) = (host.to_owned(), path.clone());
                frontends.push(Frontend { hostname, path, method, ..base.clone() });
            }
        }
    }
    let pre = Frontend { position: Position::Pre, ..frontends[3].clone() };
    let post = Frontend { position: Position::Post, ..frontends[40].clone() };
    frontends.extend([pre, post]);
    frontends
}

fn rule(frontend: &Frontend) -> Rule {
    let id = frontend.id();
    Rule { host: id.hostname, path: id.path, method: id.method, position: id.position }
}

#[test]
fn the_summary_lists_routes_in_the_order_in_which_the_table_prefers_them() {
    let mut listed = frontends();
    let mut table = Table::new();
    for frontend in &listed {
        table.insert(rule(frontend), ()).expect("a rule");
    }
    listed.sort_by_cached_key(precedence);
    for host in ["a.org", "b.org", "bb.org", "b.c.org", "net"] {
        for path in ["/", "/x", "/x/y", "/x/y/z", "/x/y/z/a"] {
            for method in ["GET", "POST"] {
                let request = Request {
                    host: host.as_bytes(),
                    path: path.as_bytes(),
                    method: method.as_bytes(),
                };
                let first = listed.iter().map(rule).find(|rule| {
                    let mut alone = Table::new();
                    alone.insert(rule.clone(), ()).expect("a rule");
                    alone.lookup(&request).is_some()
                });
                let found = table.lookup(&request).map(|found| found.rule().clone());
                assert_eq!(first, found, "{method} {host}{path}");
            }
        }
    }
}

#[test]
fn the_worst_case_is_the_sum_of_its_parts() {
    let checked = good(&small_with(
        "worker_count = 3\nmax_connections = 10\nmax_buffers = 5\nbuffer_size = 5000\n\
         slab_entries_per_connection = 3\nsplice_pipe_capacity_bytes = 4096",
    ));
    let sizes = Sizes {
        session: 100,
        exchange: 1000,
        backend_connection: 200,
        buffer_extra: 24,
        spare_buffers: 1,
        handshake_buffers: 0,
        udp_flow: 0,
        udp_shared: 0,
        fixed: 7,
    };
    let memory = checked.worst_case_memory(&sizes);
    assert_eq!((memory.buffers, memory.sessions, memory.exchanges), (6 * 5024, 1000, 3000));
    assert_eq!((memory.backend_connections, memory.logs), (20 * 200, 1 << 20));
    assert_eq!(memory.pipes, 2 * 4096);
    let streams = memory.multiplexes;
    assert_eq!((streams > 10 * 16_384, memory.links), (true, 0));
    let (cluster, backend) = (Scope::BYTES, Scope::BYTES);
    assert_eq!(memory.metrics, Time::ALL.len() * Fine::BYTES + cluster + backend);
    let (metrics, logs) = (memory.metrics, 1 << 20);
    let metrics = metrics + 2 * 2 * ACCOUNT;
    let workers = 3 * (6 * 5024 + 1000 + 3000 + 4000 + logs + streams + metrics + 7);
    assert_eq!(memory.total(), workers + memory.windows);
    assert!(memory.to_string().contains("30 KiB  buffers"), "{memory}");

    let frontend = |host: &str, more: &str| {
        format!(
            "[[clusters.b.frontends]]\naddress = \"127.0.0.1:1\"\nhostname = \"{host}\"\n{more}\n"
        )
    };
    let file = [
        "[clusters.b]\nprotocol = \"http\"\nbackends = []\n".to_owned(),
        frontend("/a+/./b+/.org", ""),
        frontend("a.org", "path = \"^/a.b$\"\npath_type = \"REGEX\""),
        frontend("a.org", "path = \"/a/b\""),
    ];
    let with_regexes = good(&file.concat()).worst_case_memory(&sizes);
    assert_eq!(with_regexes.regexes, 3 * REGEX_MEMORY);
    assert_eq!(memory.regexes, 0);
    let text = with_regexes.to_string();
    assert!(text.contains("2304 KiB  regular expressions"), "{text}");
    assert_eq!((memory.lists, memory.rates), (0, 0));
    let limited = "[lists.bad]\naddresses = [\"192.0.2.0/24\", \"2001:db8::/32\"]\n\
                   [[clusters.b.rate_limits]]\nrequests = 5\nby_source_ip = true\n";
    let limited = good(&(file.concat() + limited)).worst_case_memory(&sizes);
    assert!((64..1024).contains(&limited.lists) && limited.rates > 200_000);
    assert_eq!(limited.per_worker(), with_regexes.per_worker() + limited.lists + limited.rates);
    assert!(limited.to_string().contains("limits of requests"), "{limited}");
    assert!(with_regexes.per_worker() > with_regexes.regexes + with_regexes.logs);
}

#[test]
fn a_control_socket_is_beside_the_file() {
    assert_eq!(good(SMALL).main.control, None);
    let source = small_with("command_socket = \"run/weir.sock\"");
    let checked = check(&source, Path::new("/etc/weir/weir.toml")).expect("no mistakes");
    let expected = ControlSettings {
        store: "/etc/weir/run/weir.sock.state".into(),
        from_file: false,
        audit_target: None,
        audit_json_target: None,
        path: "/etc/weir/run/weir.sock".into(),
        max_frame_bytes: 2_000_000,
        first_buffer_bytes: 1_000_000,
        allowed_uids: Vec::new(),
        client_timeout: Duration::from_secs(1),
        saved_state: None,
        automatic_state_save: false,
    };
    assert_eq!(checked.main.control, Some(expected));
    let control = good(&small_with(
        "command_socket = \"/run/weir.sock\"\ncommand_buffer_size = 9999\n\
         max_command_buffer_size = 5000\nctl_command_timeout = 0\nsaved_state = \"/state\"\n\
         automatic_state_save = true\ncommand_allowed_uids = [0, 1000]",
    ));
    let expected = ControlSettings {
        store: "/run/weir.sock.state".into(),
        from_file: false,
        audit_target: None,
        audit_json_target: None,
        path: "/run/weir.sock".into(),
        max_frame_bytes: 5000,
        first_buffer_bytes: 5000,
        allowed_uids: vec![0, 1000],
        client_timeout: Duration::ZERO,
        saved_state: Some("/state".into()),
        automatic_state_save: true,
    };
    assert_eq!(control.main.control, Some(expected));
    let source = small_with("command_socket = \"s\"");
    let control = good(&source).main.control.expect("a socket");
    assert!(control.path.is_absolute());
}

#[test]
fn where_metrics_go_is_resolved() {
    use crate::metrics::{Detail, MetricsPlan, StatsdPlan};

    assert_eq!(good(SMALL).main.metrics, MetricsPlan::default());
    let plan = |lines: &str| good(&small_with(lines)).main.metrics;
    let address = "127.0.0.1:8125".parse().expect("an address");
    let statsd = |tagged, prefix: &str| StatsdPlan { address, tagged, prefix: prefix.to_owned() };
    let short = plan("metrics = { address = \"127.0.0.1:8125\" }");
    assert_eq!(short, MetricsPlan { statsd: Some(statsd(false, "sozu")), ..Default::default() });
    assert_eq!(plan("metrics = { max_scopes = 7 }"), MetricsPlan::default());
    let scopes = |lines: &str| good(&small_with(lines)).settings.limits.scopes;
    assert_eq!((scopes(""), scopes("metrics = { max_scopes = 7 }")), (16_384, 7));
    let all = "disable_cluster_metrics = true\nmetrics = { address = \"127.0.0.1:8125\", \
               tagged_metrics = true, prefix = \"edge\", detail = \"backend\" }";
    let statsd = Some(statsd(true, "edge"));
    assert_eq!(plan(all), MetricsPlan { detail: Detail::Backend, clusters: false, statsd });
}
