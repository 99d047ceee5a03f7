use std::fs;
use std::path::Path;

use log::RecordBuilder;

use super::*;

const NS: u64 = 1_764_064_721_000_000_000;

fn logs(directory: &Path, level: &str, ring_bytes: usize) -> Logs {
    Logs::open(&Settings {
        level,
        target: &format!("file://{}", directory.join("lines").display()),
        colored: false,
        access_target: Some(&format!("file://{}", directory.join("records").display())),
        access_colored: false,
        tag: "WRK-00",
        ring_bytes,
        clock: || NS,
    })
    .expect("opened")
}

fn say(logs: &Logs, level: Level, module: &str, text: &str) {
    let mut builder = RecordBuilder::new();
    logs.log(&builder.level(level).target(module).args(format_args!("{text}")).build());
}

/// Everything behind the tab of every line.
fn messages(directory: &Path, name: &str) -> Vec<String> {
    let text = fs::read_to_string(directory.join(name)).expect("read");
    text.lines().map(|line| line.split_once('\t').expect("a tab").1.to_owned()).collect()
}

#[test]
fn lines_and_records_go_where_they_belong() {
    let directory = tempfile::tempdir().expect("a directory");
    let logs = logs(directory.path(), "info,quiet=off", 65_536);
    say(&logs, Level::Info, "weir_main", "hello\nworld");
    say(&logs, Level::Debug, "weir_main", "not wanted");
    say(&logs, Level::Error, "quiet", "not wanted");
    assert!(logs.access(&AccessRecord { epoch: 7, ..AccessRecord::default() }));
    logs.flush(Instant::default());
    assert_eq!(messages(directory.path(), "lines"), [r"hello\x0aworld"]);
    let records = messages(directory.path(), "records");
    assert_eq!(records, ["[- - - -] - - -/-/-/-/- 0 0 [epoch=7] None http - - - -"]);
    assert_eq!(logs.deadline(), Instant::FAR);
}

#[test]
fn the_filter_can_be_changed() {
    let directory = tempfile::tempdir().expect("a directory");
    let logs = logs(directory.path(), "warn", 65_536);
    assert!(!logs.access(&AccessRecord::default()), "records are at info");
    assert!(logs.access(&AccessRecord { error: true, ..AccessRecord::default() }));
    logs.set_filter("debug,access=off".parse().expect("a filter"));
    assert!(!logs.access(&AccessRecord { error: true, ..AccessRecord::default() }));
    say(&logs, Level::Debug, "weir_main", "detail");
    logs.flush(Instant::default());
    assert_eq!(messages(directory.path(), "lines"), ["weir_main detail"]);
    assert_eq!(messages(directory.path(), "records").len(), 1);
}

#[test]
fn dropped_lines_are_told() {
    let directory = tempfile::tempdir().expect("a directory");
    let logs = logs(directory.path(), "info", 512);
    for n in 0..10 {
        say(&logs, Level::Info, "weir_main", &format!("line {n}"));
    }
    logs.flush(Instant::default());
    logs.flush(Instant::default());
    let lines = messages(directory.path(), "lines");
    let told = format!("{} lines were dropped because the sink is slow", logs.dropped());
    assert!(logs.dropped() > 0);
    assert_eq!(lines.last(), Some(&told));
    assert_eq!(lines.len() as u64 - 1 + logs.dropped(), 10);
}

#[test]
fn mistakes_are_named() {
    let settings = Settings {
        level: "info",
        target: "stdout",
        colored: false,
        access_target: None,
        access_colored: false,
        tag: "MAIN",
        ring_bytes: 1_024,
        clock: || NS,
    };
    let error = |settings: &Settings<'_>| Logs::open(settings).err().expect("refused");
    assert!(matches!(error(&Settings { level: "loud", ..settings }), Error::Filter(_)));
    assert!(matches!(error(&Settings { target: "syslog", ..settings }), Error::Target(_)));
    let absent = Settings { access_target: Some("file:///nowhere/log"), ..settings };
    let error = error(&absent);
    assert!(matches!(error, Error::Open(_)));
    assert!(error.to_string().contains("file:///nowhere/log"), "{error}");
}
