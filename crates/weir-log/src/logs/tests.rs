use std::fs;
use std::path::Path;

use log::{Level, RecordBuilder};

use super::*;

const NS: u64 = 1_764_064_721_000_000_000;

fn settings<'a>() -> Settings<'a> {
    Settings {
        level: "info",
        target: "stdout",
        colored: Some(false),
        access_target: None,
        access_format: AccessFormat::Ascii,
        access_colored: Some(false),
        access_sampling: 1,
        json: false,
        tag: "WRK-00",
        ring_bytes: 65_536,
        clock: || NS,
    }
}

/// Lines and records in files of their names.
fn opened(directory: &Path, change: impl FnOnce(&mut Settings<'_>)) -> Logs {
    let target = |name: &str| format!("file://{}", directory.join(name).display());
    let (lines, records) = (target("lines"), target("records"));
    let mut settings = Settings { target: &lines, access_target: Some(&records), ..settings() };
    change(&mut settings);
    Logs::open(&settings).expect("opened")
}

fn logs(directory: &Path, level: &str, ring_bytes: usize) -> Logs {
    let level: &'static str = level.to_owned().leak();
    opened(directory, |settings| {
        settings.level = level;
        settings.ring_bytes = ring_bytes;
    })
}

fn say(logs: &Logs, level: Level, module: &str, text: &str) {
    let mut builder = RecordBuilder::new();
    logs.log(&builder.level(level).target(module).args(format_args!("{text}")).build());
}

/// Records wait for others first.
fn write(logs: &Logs) {
    logs.flush(Instant::default());
    logs.flush(Instant::default() + HOLD);
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
    assert!(logs.access(&AccessRecord { epoch: 7, ..AccessRecord::default() }, NS));
    write(&logs);
    assert_eq!(messages(directory.path(), "lines"), [r"hello\x0aworld"]);
    let records = messages(directory.path(), "records");
    assert_eq!(records, ["[- - - -] - - -/-/-/-/- 0 0 [epoch=7] None http - - - -"]);
    assert_eq!(logs.deadline(), Instant::FAR);
}

#[test]
fn a_value_may_log_something_itself() {
    struct Talker<'a>(&'a Logs);
    impl fmt::Display for Talker<'_> {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            say(self.0, Level::Info, "weir_main", "within");
            f.write_str("around")
        }
    }
    let directory = tempfile::tempdir().expect("a directory");
    let logs = logs(directory.path(), "info", 65_536);
    say(&logs, Level::Info, "weir_main", &"long ".repeat(KEPT));
    let mut builder = RecordBuilder::new();
    let (talker, target) = (Talker(&logs), "weir_main");
    logs.log(&builder.level(Level::Info).target(target).args(format_args!("{talker}")).build());
    write(&logs);
    assert_eq!(messages(directory.path(), "lines")[1..], ["within", "around"]);
}

#[test]
fn the_filter_can_be_changed() {
    let directory = tempfile::tempdir().expect("a directory");
    let logs = logs(directory.path(), "warn", 65_536);
    assert!(!logs.access(&AccessRecord::default(), NS), "records are at info");
    assert!(logs.access(&AccessRecord { error: true, ..AccessRecord::default() }, NS));
    logs.set_filter("debug,access=off".parse().expect("a filter"));
    assert!(!logs.access(&AccessRecord { error: true, ..AccessRecord::default() }, NS));
    say(&logs, Level::Debug, "weir_main", "detail");
    write(&logs);
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
    let error = |settings: &Settings<'_>| Logs::open(settings).err().expect("refused");
    assert!(matches!(error(&Settings { level: "loud", ..settings() }), Error::Filter(_)));
    assert!(matches!(error(&Settings { target: "syslog", ..settings() }), Error::Target(_)));
    let absent = Settings { access_target: Some("file:///nowhere/log"), ..settings() };
    let error = error(&absent);
    assert!(matches!(error, Error::Open(_)));
    assert!(error.to_string().contains("file:///nowhere/log"), "{error}");
}

#[test]
fn of_a_sample_every_failure_is_a_part() {
    let directory = tempfile::tempdir().expect("a directory");
    let logs = opened(directory.path(), |settings| settings.access_sampling = 3);
    let kept = |error| logs.access(&AccessRecord { error, ..AccessRecord::default() }, NS);
    let all: Vec<_> = [false, false, true, false, false, true, false].map(kept).into();
    assert_eq!(all, [true, false, true, false, true, true, false]);
}

#[test]
fn lost_records_are_told_among_lines_when_records_are_no_text() {
    let directory = tempfile::tempdir().expect("a directory");
    let logs = opened(directory.path(), |settings| {
        settings.access_format = AccessFormat::Protobuf;
        settings.json = true;
        settings.ring_bytes = 1_024;
    });
    for _ in 0..20 {
        logs.access(&AccessRecord::default(), NS);
    }
    logs.flush(Instant::default());
    logs.flush(Instant::default());
    let lines = fs::read_to_string(directory.path().join("lines")).expect("read");
    assert!(lines.starts_with('{') && lines.contains("lines were dropped"), "{lines}");
    let records = fs::read(directory.path().join("records")).expect("read");
    assert!(records.ends_with(&[0, 0]) && !records.starts_with(b"{"));
}

#[test]
fn binary_records_do_not_share_a_target() {
    let directory = tempfile::tempdir().expect("a directory");
    let mut settings = settings();
    let lines = format!("file://{}", directory.path().join("lines").display());
    (settings.target, settings.access_format) = (&lines, AccessFormat::Protobuf);
    assert!(matches!(Logs::open(&settings), Err(Error::Mixed)));
}
