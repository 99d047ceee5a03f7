//! The logger of a process, used through the macros of the `log` crate.

use weir_base::Instant;
use weir_log::{Error, Logs, Settings};
use weir_telemetry::{AccessFormat, Counter, Counters, Event};

#[test]
fn macros_and_events_reach_the_target() {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("log");
    let target = format!("file://{}", path.display());
    let settings = Settings {
        level: "info",
        target: &target,
        colored: Some(false),
        access_target: None,
        access_format: AccessFormat::Ascii,
        access_colored: Some(false),
        access_sampling: 1,
        json: false,
        tag: "MAIN",
        ring_bytes: 65_536,
        clock: || 1_764_064_721_123_456_789,
    };
    let logs = Logs::open(&settings).expect("opened").install().expect("installed");
    let again = Logs::open(&settings).expect("opened").install();
    assert!(matches!(again, Err(Error::Installed)));

    log::info!("started");
    log::debug!("not wanted");
    let mut counters = Counters::default();
    Event::ClusterRecovered { cluster: "api" }.emit(&mut counters);
    logs.set_filter("debug".parse().expect("a filter"));
    log::debug!("wanted now");
    logs.flush(Instant::default());

    let prefix = format!("2025-11-25T09:58:41.123456Z 1764064721123456789 {}", std::process::id());
    assert_eq!(
        std::fs::read_to_string(&path).expect("read"),
        format!(
            "{prefix} INFO  MAIN\tstarted\n\
             {prefix} INFO  MAIN\ta backend of cluster api can be reached again\n\
             {prefix} DEBUG MAIN\tinstalled wanted now\n"
        )
    );
    assert_eq!(counters.value(Counter::ClusterRecovered), 1);
}
