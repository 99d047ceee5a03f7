//! The command line: what is printed where, and the exit codes.

#[allow(dead_code, reason = "shared by several test programs, each of which uses a part")]
mod process_support;

use std::process::Output;

use process_support::{Config, PLAIN, weir};

/// Exit code of a command line or configuration that cannot be used.
const UNUSABLE: i32 = 2;

fn run(args: &[&str]) -> Output {
    weir().args(args).output().expect("the program starts")
}

fn check(text: &str) -> Output {
    let config = Config::new(text);
    weir().arg("-c").arg(config.path()).arg("check").output().expect("the program starts")
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

#[test]
fn the_version_is_printed() {
    let output = run(&["--version"]);
    assert_eq!(text(&output.stdout), concat!("weir ", env!("CARGO_PKG_VERSION"), "\n"));
    assert!(output.status.success());
}

#[test]
fn a_command_that_needs_a_file_says_how_to_name_it() {
    for command in ["check", "start"] {
        let output = run(&[command]);
        assert!(text(&output.stderr).contains("-c FILE"), "{output:?}");
        assert_eq!(output.status.code(), Some(UNUSABLE));
    }
}

#[test]
fn a_file_that_is_not_there_is_named() {
    for command in ["check", "start"] {
        let output = run(&[command, "-c", "/nowhere/weir.toml"]);
        assert!(text(&output.stderr).contains("/nowhere/weir.toml"), "{output:?}");
        assert_eq!(output.status.code(), Some(UNUSABLE));
    }
}

#[test]
fn a_good_file_is_summed_up() {
    let output = check(PLAIN);
    let summary = text(&output.stdout);
    assert!(output.status.success(), "{output:?}");
    for part in ["1 listener", "1 cluster", "2 workers", "MiB"] {
        assert!(summary.contains(part), "no {part:?} in:\n{summary}");
    }
}

#[test]
fn every_mistake_of_a_bad_file_is_reported() {
    let bad = PLAIN.replace("worker_count", "wroker_count").replace("\"http\"", "\"htpt\"");
    let output = check(&bad);
    let report = text(&output.stderr);
    assert!(report.contains("wroker_count"), "{report}");
    assert!(report.contains("htpt"), "{report}");
    assert!(report.contains("weir.toml:"), "{report}");
    assert_eq!(output.status.code(), Some(UNUSABLE));
    assert!(output.stdout.is_empty());
}

#[test]
fn the_schema_is_json() {
    let output = run(&["schema"]);
    let schema: serde_json::Value = serde_json::from_slice(&output.stdout).expect("JSON");
    assert!(schema["properties"]["listeners"].is_object(), "{schema:#}");
    assert!(output.status.success());
}

#[test]
fn a_worker_cannot_be_started_by_hand() {
    let output = run(&["worker", "--id", "0", "--fd", "77"]);
    assert!(text(&output.stderr).contains("`weir start`"), "{output:?}");
    assert_eq!(output.status.code(), Some(1));
}
