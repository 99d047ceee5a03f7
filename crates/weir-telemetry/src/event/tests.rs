use std::fmt::Write as _;

use super::*;

const BACKEND: Backend<'static> = Backend {
    cluster: "api",
    id: "api-1",
    address: &Address::Ip(SocketAddr::new(
        std::net::IpAddr::V4(std::net::Ipv4Addr::LOCALHOST),
        8080,
    )),
};

#[test]
fn sentences_name_place_cause_and_remedy() {
    let down = Event::BackendDown { backend: BACKEND };
    assert_eq!(
        down.to_string(),
        "backend api-1 (127.0.0.1:8080) of cluster api is down: one connection after the other \
         failed; it is tried again from time to time"
    );
    let refused = Event::BackendConnectFailed { backend: BACKEND, error: &"connection refused" };
    assert_eq!(
        refused.to_string(),
        "no connection to backend api-1 (127.0.0.1:8080) of cluster api: connection refused"
    );
    let closed = Event::AcceptClosed { cause: AcceptStop::NoDescriptor };
    assert_eq!(
        closed.to_string(),
        "no new connections are accepted: no file descriptor is left; raise LimitNOFILE or lower \
         max_connections"
    );
}

#[test]
fn an_event_is_counted_once() {
    let mut counters = Counters::default();
    Event::BackendUp { backend: BACKEND }.emit(&mut counters);
    Event::BackendUp { backend: BACKEND }.emit(&mut counters);
    Event::AcceptOpened { after: Duration::ZERO }.emit(&mut counters);
    assert_eq!(counters.value(Counter::BackendUp), 2);
    assert_eq!(counters.iter().map(|(_, value)| value).sum::<u64>(), 2);
}

/// The table of messages in the users' documentation is what is declared here. On a difference, the
/// failure prints the table to put there.
#[test]
fn the_documentation_lists_every_event() {
    let mut table = String::from("| level | message | counter |\n|---|---|---|\n");
    for (level, counters, sentence) in DECLARED {
        let sentence = sentence.replace(":.1?", "").replace(":.0?", "");
        let level = level.as_str().to_lowercase();
        let counter = counters.first().map_or(String::new(), |c| format!("`{}`", c.name()));
        writeln!(table, "| {level} | {sentence} | {counter} |").expect("a String");
    }
    let documentation = include_str!("../../../../docs/logs.md");
    assert!(documentation.contains(&table), "docs/logs.md should contain:\n\n{table}");
}
