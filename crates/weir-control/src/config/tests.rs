//! What is accepted and what is said about mistakes.

use std::path::Path;

use super::*;
use crate::state::{PathRule, Position};

const SMALL: &str = r#"
[[listeners]]
protocol = "http"
address = "127.0.0.1:8080"

[clusters.app]
protocol = "http"
frontends = [{ address = "127.0.0.1:8080", hostname = "Example.ORG", path = "/a" }]
backends = [{ address = "127.0.0.1:9000" }]
"#;

fn good(source: &str) -> Checked {
    check(source, Path::new("weir.toml")).unwrap_or_else(|report| panic!("{report}"))
}

fn bad(source: &str) -> String {
    check(source, Path::new("weir.toml")).expect_err("mistakes").render(false)
}

#[test]
fn a_small_file_is_resolved_with_all_defaults() {
    let checked = good(SMALL);
    assert_eq!((checked.main.worker_count, checked.main.automatic_restart), (2, true));
    let limits = checked.limits();
    assert_eq!((limits.sessions, limits.buffers, limits.buffer_bytes), (10_000, 1000, 16_393));
    assert_eq!(limits.backend_connections, 30_000);
    let frontend = &checked.state.frontends[0];
    assert_eq!((frontend.hostname.as_str(), frontend.position), ("example.org", Position::Tree));
    assert_eq!(frontend.path, PathRule::Prefix("/a".into()));
    assert_eq!(checked.state.backends[0].id, "app-0-127.0.0.1:9000");
    let listener = checked.state.listeners.values().next().expect("one");
    assert_eq!(listener.request_timeout, Duration::from_secs(10));
    assert!(listener.active && checked.warnings.diagnostics().is_empty());
}

#[test]
fn every_mistake_is_reported_with_its_place() {
    let text = bad(include_str!("tests/mistakes.toml"));
    insta::assert_snapshot!(text);
}

#[test]
fn keys_of_later_versions_are_refused_and_their_neutral_values_are_not() {
    let refused = |key: &str| {
        let text = bad(&format!("{key}\n{SMALL}"));
        assert!(text.contains("not supported by this version of Weir"), "{key}: {text}");
    };
    refused("command_socket = \"./weir.sock\"");
    refused("saved_state = \"state.json\"");
    refused("access_logs_format = \"protobuf\"");
    refused("metrics = { address = \"127.0.0.1:8125\" }");
    let neutral = "automatic_state_save = false\naccess_logs_format = \"ascii\"\n";
    good(&format!("{neutral}{SMALL}"));
    let http2 = SMALL.replace("[clusters.app]", "[clusters.app]\nhttp2 = true");
    assert!(bad(&http2).contains("HTTP/2 is not in this version"));
    good(&http2.replace("true", "false"));
    let https = SMALL.replacen("\"http\"", "\"https\"", 1);
    assert!(bad(&https).contains("only `http` listeners"));
}

#[test]
fn a_frontend_without_a_listener_gets_one() {
    let checked =
        good(&SMALL.replace("address = \"127.0.0.1:8080\"\n\n", "address = \"127.0.0.1:1\"\n\n"));
    let ports: Vec<_> = checked.state.listeners.keys().map(|address| address.port()).collect();
    assert_eq!(ports, [1, 8080]);
}

#[test]
fn files_that_cannot_be_read_say_why() {
    let report = load(Path::new("/nonexistent/weir.toml")).expect_err("no such file");
    assert!(report.render(false).contains("cannot be read: No such file"), "{report}");
    let report = load(Path::new("/")).expect_err("a directory");
    assert!(report.render(false).contains("directory"), "{report}");
}

#[test]
fn syntax_errors_have_a_caret() {
    let text = bad("worker_count = = 2\n");
    assert!(text.contains("not TOML") && text.contains("weir.toml:1:") && text.contains('^'));
}

#[test]
fn the_example_fits_the_schema_and_is_accepted_without_a_warning() {
    let source = include_str!("../../../../config/example.toml");
    let checked = good(source);
    assert!(checked.warnings.diagnostics().is_empty());
    let document: serde_json::Value = toml::from_str(source).expect("TOML");
    let schema = json_schema();
    let validator = jsonschema::validator_for(&schema).expect("a schema");
    let errors: Vec<_> = validator.iter_errors(&document).map(|e| e.to_string()).collect();
    assert!(errors.is_empty(), "{errors:?}");
    let wrong: serde_json::Value = toml::from_str("worker_cuont = 2").expect("TOML");
    assert!(!validator.is_valid(&wrong));
}

#[test]
fn the_summary_lists_routes_in_the_order_they_are_tried() {
    let text = good(include_str!("../../../../config/example.toml")).summary();
    let shop = text.find("shop.example.org*").expect("listed");
    let api = text.find("*.example.org/api/*").expect("listed");
    assert!(shop < api, "{text}");
    assert!(text.ends_with("1 listener, 2 clusters, 2 routes, 4 backends, 2 workers\n"), "{text}");
}

#[test]
fn the_reference_is_in_the_documentation() {
    let page = include_str!("../../../../docs/configuration.md");
    assert!(page.ends_with(&reference()), "write this at its end:\n{}", reference());
}

proptest::proptest! {
    #[test]
    fn no_text_makes_the_checker_panic(text in "[a-z_=\\[\\]\"0-9.:{} \\n]{0,200}") {
        if let Err(report) = check(&text, Path::new("f")) {
            report.render(false);
        }
    }
}
