//! Listeners of UDP, their clusters, and what these say of datagrams.

use std::net::SocketAddr;
use std::time::Duration;

use super::{bad, good};
use crate::state::{HealthCheck, Probe, ProxyDatagrams, UdpAffinity, UdpListener, UdpRules};

const UDP: &str = r#"
[[listeners]]
protocol = "udp"
address = "127.0.0.1:53"
public_address = "192.0.2.1:53"
back_timeout = 5
max_rx_datagram_size = 4096
max_flows = 100

[clusters.dns]
protocol = "tcp"
frontends = [{ address = "127.0.0.1:53", tags = { team = "net" } }]
backends = [{ address = "127.0.0.1:5300" }]
udp = { affinity_key = "SOURCE_IP_PORT", responses = 1, requests = 2, send_proxy_protocol = true }
"#;

fn address() -> SocketAddr {
    SocketAddr::from(([127, 0, 0, 1], 53))
}

/// The file with a text in the place of another.
fn udp_with(from: &str, to: &str) -> String {
    assert!(UDP.contains(from), "{from}");
    UDP.replace(from, to)
}

#[test]
fn a_listener_of_udp_and_its_cluster_are_resolved() {
    let checked = good(UDP);
    assert!(checked.warnings.diagnostics().is_empty(), "{}", checked.warnings);
    let expected = UdpListener {
        public_address: Some("192.0.2.1:53".parse().expect("an address")),
        back_timeout: Duration::from_secs(5),
        max_rx_datagram_size: 4096,
        max_flows: 100,
        cluster: Some("dns".into()),
        tags: [("team".to_owned(), "net".to_owned())].into(),
        ..UdpListener::new(address())
    };
    assert_eq!(checked.state.udp[&address()], expected);
    assert!(checked.state.listeners.is_empty() && checked.state.frontends.is_empty());
    let rules = UdpRules {
        affinity: UdpAffinity::SourceIpPort,
        responses: 1,
        requests: 2,
        proxy: Some(ProxyDatagrams::First),
    };
    assert_eq!(checked.state.clusters["dns"].udp.as_deref(), Some(&rules));
    insta::assert_snapshot!("summary_udp", checked.summary());
}

#[test]
fn one_frontend_can_be_for_connections_and_datagrams() {
    let both = format!("{UDP}\n[[listeners]]\nprotocol = \"tcp\"\naddress = \"127.0.0.1:53\"\n");
    let checked = good(&both);
    assert_eq!(checked.state.udp[&address()].cluster.as_deref(), Some("dns"));
    assert!(checked.state.is_tcp(address()));
    assert_eq!(checked.state.frontends.iter().count(), 1);
}

#[test]
fn the_memory_of_flows_counts_where_there_are_some() {
    let sizes = crate::config::Sizes {
        session: 0,
        exchange: 0,
        backend_connection: 0,
        buffer_extra: 0,
        spare_buffers: 0,
        handshake_buffers: 0,
        udp_flow: 3,
        udp_shared: 7,
        fixed: 0,
    };
    let checked = good(UDP);
    let flows = checked.settings.limits.sessions;
    assert_eq!(checked.worst_case_memory(&sizes).datagrams, 3 * flows + 7);
}

#[test]
fn backends_of_datagrams_are_checked() {
    let with = |keys: &str| udp_with("responses = 1", &format!("health = {{ {keys} }}"));
    let check = |keys: &str| {
        let checked = good(&with(keys));
        let check = checked.state.clusters["dns"].health.as_deref().cloned();
        (check, checked.warnings.to_string())
    };
    let seconds = Duration::from_secs;
    let usual = HealthCheck {
        probe: Probe::Tcp,
        port: None,
        interval: seconds(5),
        timeout: seconds(2),
        rise: 2,
        fall: 3,
    };
    assert_eq!(check("").0.as_ref(), Some(&usual));
    assert_eq!(check("mode = \"HEALTH_OFF\"").0, None);
    let probe = |connect| Probe::Udp { payload: b"up?".to_vec(), connect };
    let sent = "udp_probe_payload = \"up?\"";
    let both =
        HealthCheck { probe: probe(true), port: Some(54), rise: 1, fall: 9, ..usual.clone() };
    let keys = "tcp_port = 54, rise = 1, fall = 9, fail_open = true";
    assert_eq!(check(&format!("{sent}, {keys}")).0, Some(both));
    let (alone, warnings) = check(&format!("{sent}, mode = \"UDP_PROBE\", tcp_port = 54"));
    assert_eq!(alone, Some(HealthCheck { probe: probe(false), ..usual }));
    assert!(warnings.contains("`tcp_port` does nothing"), "{warnings}");
    let same = format!(
        "{UDP}health_check = {{ mode = \"udp\", payload = \"up?\", interval = 5, timeout = 2, \
         healthy_threshold = 2 }}\n"
    );
    assert_eq!(good(&same).state.clusters["dns"].health.as_deref(), alone.as_ref());
    for (source, why) in [
        (with("mode = \"UDP_PROBE\""), "needs something to send"),
        (with("mode = \"UDP_PROBE\", udp_probe_payload = \"\""), "1 to 1200 bytes, not 0"),
        (with("fail_open = false"), "`fail_open` cannot be false"),
        (with("rise = 0"), "between"),
        (with("") + "health_check = { mode = \"tcp\" }\n", "checked in one way"),
    ] {
        let text = bad(&source);
        assert!(text.contains(why), "{text}");
    }
}

#[test]
fn what_cannot_be_is_refused() {
    let says = |source: &str, why: &str| {
        let text = bad(source);
        assert!(text.contains(why), "{text}");
    };
    let more = |line: &str| udp_with("max_flows = 100", line);
    says(&more("connect_timeout = 3"), "`connect_timeout` is not for a listener of `udp`");
    says(&more("expect_proxy = true"), "`expect_proxy` is not for a listener of `udp`");
    good(&more("expect_proxy = false"));
    says(&more("max_rx_datagram_size = 0").replace("max_rx_datagram_size = 4096", ""), "between");
    says(
        &udp_with("\"udp\"", "\"http\"").replace("protocol = \"tcp\"", "protocol = \"http\""),
        "`max_flows` is only for a listener of `udp`",
    );
    says(&udp_with("tags = { team = \"net\" }", "sni = \"a.example\""), "`sni` is not for");
    says(&udp_with("send_proxy_protocol", "proxy_protocol_every_datagram"), "set both");
    says(&format!("{UDP}tls = {{ enabled = true }}\n"), "datagrams are not encrypted");
    let twice = "frontends = [{ address = \"127.0.0.1:53\" }, { address = \"127.0.0.1:53\" }]";
    let one = "frontends = [{ address = \"127.0.0.1:53\", tags = { team = \"net\" } }]";
    says(&udp_with(one, twice), "leads to a cluster already");
    let http =
        "protocol = \"http\"\nfrontends = [{ address = \"127.0.0.1:53\", hostname = \"a\" }]";
    let of_http = UDP.replace(one, "").replace("protocol = \"tcp\"\n", http);
    says(&of_http, "the listener on 127.0.0.1:53 of `udp`");
    let alone = UDP.split("[clusters").next().expect("some");
    let warnings = good(alone).warnings.to_string();
    assert!(warnings.contains("it drops every datagram"), "{warnings}");
    says(&format!("{alone}{UDP}"), "there are two UDP listeners on 127.0.0.1:53");
}
