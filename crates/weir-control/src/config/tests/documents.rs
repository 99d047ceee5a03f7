//! The catalogue, and what is made of it: schema, reference, example.

use std::collections::HashSet;

use super::{EXAMPLE, SMALL, TCP, bad, cluster_with, frontend_with, good, https_with, small_with};
use crate::config::catalogue::{FILE, Kind, LONGEST_SECONDS, Scalar, Without};
use crate::config::{check, json_schema, reference};

fn document(source: &str) -> serde_json::Value {
    toml::from_str(source).expect("TOML")
}

#[test]
fn defaults_are_values_that_the_file_could_have() {
    for key in FILE.all().into_iter().flat_map(|section| section.keys) {
        let Without::Default(default) = key.without else { continue };
        let fits = match (&key.kind, default) {
            (Kind::Flag, Scalar::Flag(_)) | (Kind::Text, Scalar::Text(_)) => true,
            (Kind::Number(low, high), Scalar::Number(number)) => (low..=high).contains(&&number),
            (Kind::Seconds, Scalar::Number(number)) => (1..=LONGEST_SECONDS).contains(&number),
            (Kind::Word(words), Scalar::Text(text)) => {
                words().iter().any(|word| word.text == text && word.supported)
            }
            _ => false,
        };
        assert!(fits, "{key:?}");
    }
}

#[test]
fn a_key_is_defined_once_in_its_table() {
    for section in FILE.all() {
        let later = section.later.iter().flat_map(|later| later.names.iter().copied());
        let mut seen = HashSet::new();
        for name in section.keys.iter().map(|key| key.name).chain(later) {
            assert!(seen.insert(name), "{} has `{name}` twice", section.name);
        }
    }
}

#[test]
fn schema_and_checker_agree() {
    let schema = json_schema();
    let validator = jsonschema::validator_for(&schema).expect("a schema");
    let accepted = [
        SMALL.to_owned(),
        EXAMPLE.to_owned(),
        small_with(
            "worker_count = 1024\naccess_logs_format = \"ascii\"\ndisable_cluster_metrics = false",
        ),
        cluster_with("http2 = false\nload_metric = \"REQUESTS\"\nanswers = { 503 = \"\" }"),
        frontend_with("tls_versions = [], rewrite_port = 443, position = \"POST\""),
        https_with("tls_versions = [\"TLS_V13\"]\nhsts = { enabled = true, max_age = 0 }"),
        small_with("[tls]\nticket_rotation = 3600"),
        TCP.to_owned(),
    ];
    for source in &accepted {
        good(source);
        let errors: Vec<_> =
            validator.iter_errors(&document(source)).map(|e| e.to_string()).collect();
        assert!(errors.is_empty(), "{errors:?} in\n{source}");
    }
    let refused = [
        small_with("worker_cuont = 2"),
        small_with("audit_logs_target = true"),
        small_with("worker_count = 0"),
        small_with("worker_count = \"2\""),
        small_with("back_timeout = 0"),
        small_with("access_logs_format = \"xml\""),
        small_with("access_logs_sampling = 0"),
        small_with("command_allowed_uids = [-1]"),
        cluster_with("load_balancing = \"MAGLEF\""),
        cluster_with("health_check = { mode = \"ping\" }"),
        frontend_with("certificate = 1"),
        https_with("tls_versions = [\"TLS_V14\"]"),
        https_with("client_auth = \"maybe\""),
        https_with("hsts = { max_age = 0 }"),
        https_with("send_tls13_tickets = 17"),
        TCP.replace("sni_preread_max_bytes = 2048", "sni_preread_max_bytes = 1023"),
        TCP.replace("alpn = [\"h2\", \"postgresql\"]", "alpn = \"h2\""),
        SMALL.replace("protocol = \"http\"", ""),
        SMALL.replace("127.0.0.1:9000", "localhost"),
    ];
    for source in &refused {
        bad(source);
        assert!(!validator.is_valid(&document(source)), "{source}");
    }
}

#[test]
fn the_example_is_accepted_without_a_warning() {
    assert!(good(EXAMPLE).warnings.diagnostics().is_empty());
}

/// With each line that begins with `#` and a key uncommented.
fn uncommented() -> String {
    let line = |line: &str| match line.strip_prefix('#') {
        Some(setting) if setting.starts_with(|c: char| c.is_ascii_lowercase()) => {
            format!("{setting}\n")
        }
        _ => format!("{line}\n"),
    };
    EXAMPLE.lines().map(line).collect()
}

#[test]
fn the_settings_that_the_example_shows_are_accepted() {
    assert!(good(&uncommented()).warnings.diagnostics().is_empty());
}

#[test]
fn the_example_shows_every_key_but_those_it_advises_against() {
    let text = uncommented();
    for section in FILE.all() {
        for key in section.keys.iter().filter(|key| !key.name.starts_with("answer_")) {
            let shown =
                [format!("{} = ", key.name), format!("[{}", key.name), format!(".{}", key.name)];
            assert!(shown.iter().any(|shown| text.contains(shown)), "{} is not shown", key.name);
        }
    }
}

#[test]
fn the_defaults_that_the_example_shows_are_the_defaults() {
    let mut shown = EXAMPLE.lines().filter_map(|line| line.strip_prefix('#')?.split_once(" = "));
    let top = FILE.keys.iter();
    let default = |name: &str| top.clone().find(|key| key.name == name).map(|key| key.without);
    let mut compared = 0;
    for (name, value) in shown.by_ref().take_while(|(name, _)| *name != "public_address") {
        let value = value.split('#').next().unwrap_or_default().trim();
        let default = match default(name) {
            Some(Without::Default(Scalar::Flag(flag))) => flag.to_string(),
            Some(Without::Default(Scalar::Number(number))) => number.to_string(),
            Some(Without::Default(Scalar::Text(text))) => format!("\"{text}\""),
            _ => continue,
        };
        assert_eq!(value, default, "{name}");
        compared += 1;
    }
    assert!(compared > 10, "only {compared} settings were compared");
}

/// `UPDATE_DOCS=1 cargo test -p weir-control` writes it.
#[test]
fn the_reference_is_in_the_documentation() {
    const HEADING: &str = "## Every key\n\n";
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/configuration.md");
    let page = std::fs::read_to_string(path).expect("the page");
    let (before, written) = page.split_once(HEADING).expect("the heading");
    if std::env::var_os("UPDATE_DOCS").is_some() {
        std::fs::write(path, format!("{before}{HEADING}{}", reference())).expect("written");
    } else {
        assert!(written == reference(), "run UPDATE_DOCS=1 cargo test -p weir-control");
    }
}

/// The TOML examples of the page are files that can be used.
#[test]
fn the_examples_of_the_documentation_are_accepted() {
    let page = include_str!("../../../../../docs/configuration.md");
    let examples: Vec<_> =
        page.split("```toml\n").skip(1).filter_map(|rest| rest.split("```").next()).collect();
    assert!(!examples.is_empty());
    for example in examples {
        if let Err(report) = check(example, std::path::Path::new("docs/configuration.md")) {
            panic!("{report}\nin\n{example}");
        }
    }
}
