//! Listeners and clusters of TCP, and the PROXY protocol.

use std::net::SocketAddr;
use std::time::Duration;

use super::{TCP, bad, good, small_with};
use crate::state::{Frontend, FrontendId, Listener, ProxyMode};

fn address() -> SocketAddr {
    SocketAddr::from(([127, 0, 0, 1], 5432))
}

/// The file about TCP with a text in the place of another.
fn tcp_with(from: &str, to: &str) -> String {
    assert!(TCP.contains(from), "{from}");
    TCP.replace(from, to)
}

/// The mode of the cluster of a file.
fn mode(source: &str) -> Option<ProxyMode> {
    good(source).state.clusters["db"].proxy
}

#[test]
fn a_listener_of_tcp_and_its_frontends_are_resolved() {
    let checked = good(TCP);
    assert!(checked.warnings.diagnostics().is_empty(), "{}", checked.warnings);
    let expected = Listener {
        expect_proxy: true,
        front_timeout: Duration::from_secs(7),
        request_timeout: Duration::from_secs(2),
        hello_bytes: 2048,
        ..Listener::of_tcp(address())
    };
    assert_eq!(checked.state.listeners[&address()], expected);
    let tags = [("team".to_owned(), "data".to_owned())];
    let named = |protocol| {
        let id = FrontendId::new(address(), "db.example", Some(protocol));
        Frontend::new(id, "db", tags.clone().into())
    };
    let all = Frontend::new(FrontendId::new(address(), "*", None), "db", [].into());
    let frontends: Vec<_> = checked.state.frontends.iter().cloned().collect();
    assert_eq!(frontends, [named("h2"), named("postgresql"), all]);
    insta::assert_snapshot!("summary_tcp", checked.summary());
}

#[test]
fn a_frontend_without_a_listener_gets_one_of_tcp() {
    let at = TCP.find("[clusters").expect("there");
    let checked = good(&TCP[at..]);
    assert_eq!(checked.state.listeners[&address()], Listener::of_tcp(address()));
    assert_eq!(checked.state.clusters["db"].proxy, Some(ProxyMode::Send));
}

#[test]
fn the_mode_of_the_proxy_protocol_follows_from_listener_and_cluster() {
    assert_eq!(mode(TCP), Some(ProxyMode::Relay));
    let reading = tcp_with("send_proxy = true", "");
    assert_eq!(mode(&reading), Some(ProxyMode::Expect));
    assert_eq!(mode(&tcp_with("expect_proxy = true", "")), Some(ProxyMode::Send));
    assert_eq!(mode(&reading.replace("expect_proxy = true", "expect_proxy = false")), None);
    let other = format!("{TCP}[[clusters.db.frontends]]\naddress = \"127.0.0.1:5433\"\n");
    let text = bad(&other);
    assert!(text.contains("`expect_proxy` of the listeners of one cluster is the same"), "{text}");
}

#[test]
fn listeners_of_http_expect_the_proxy_protocol_too() {
    let source = small_with("").replace("[[listeners]]", "[[listeners]]\nexpect_proxy = true");
    assert!(good(&source).state.listeners.values().all(|listener| listener.expect_proxy));
    let text = bad(&source.replace("expect", "public_address = \"192.0.2.1:80\"\nexpect"));
    assert!(text.contains("no `public_address` beside it"), "{text}");
}

#[test]
fn who_may_send_proxy_headers_is_said_by_lists_that_are_there() {
    let list = "[lists.balancers]\naddresses = [\"192.0.2.0/24\"]\n";
    let with =
        |keys: &str| small_with(list).replace("[[listeners]]", &format!("[[listeners]]\n{keys}"));
    let source = with("expect_proxy = true\nproxy_from = [\"balancers\"]");
    assert!(good(&source).state.listeners.values().all(|l| l.proxy_from == ["balancers"]));
    let text = bad(&source.replace("true", "false"));
    assert!(text.contains("headers, which the listener does not expect"), "{text}");
    let text = bad(&source.replace("[\"balancers", "[\"others"));
    assert!(text.contains("there is no list `others`"), "{text}");
}

#[test]
fn flags_that_ask_for_nothing_are_no_mistakes() {
    good(&tcp_with("send_proxy", "sticky_session = false\nhttps_redirect = false\nsend_proxy"));
    good(&tcp_with("expect_proxy", "send_x_real_ip = false\nexpect_proxy"));
    good(&small_with("").replace("[clusters.app]", "[clusters.app]\nsend_proxy = false"));
}

#[test]
fn what_serves_nobody_is_warned_of() {
    let at = TCP.find("[clusters").expect("there");
    let alone = good(&TCP[..at]).warnings.to_string();
    assert!(alone.contains("it closes every connection"), "{alone}");
    let empty = good(&tcp_with("[{ address = \"127.0.0.1:9000\" }]", "[]")).warnings.to_string();
    assert!(empty.contains("has no backend: connections to it are closed"), "{empty}");
}
