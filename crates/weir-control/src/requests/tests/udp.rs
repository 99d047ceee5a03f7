//! Listeners of UDP, where they lead, and what clusters say of datagrams.

use weir_proto::{
    ActivateListener, Cluster, ClusterTls, FrontendFilters, RemoveListener, RequestUdpFrontend,
    UdpClusterConfig, UdpHealthConfig, UdpListenerConfig, UpdateUdpListenerConfig,
};

use super::*;
use crate::state::{Probe, ProxyDatagrams, UdpListener};

/// Where HTTP is served, too.
fn here() -> SocketAddr {
    SocketAddr::from(([127, 0, 0, 1], 8080))
}

fn udp(change: impl FnOnce(&mut UdpListenerConfig)) -> RequestType {
    let mut config = UdpListenerConfig {
        address: here().into(),
        front_timeout: 30,
        back_timeout: 30,
        max_rx_datagram_size: 1500,
        ..UdpListenerConfig::default()
    };
    change(&mut config);
    RequestType::AddUdpListener(config)
}

fn update(change: impl FnOnce(&mut UpdateUdpListenerConfig)) -> RequestType {
    let mut patch = UpdateUdpListenerConfig { address: here().into(), ..Default::default() };
    change(&mut patch);
    RequestType::UpdateUdpListener(patch)
}

fn to(cluster: &str) -> RequestUdpFrontend {
    RequestUdpFrontend { cluster_id: cluster.into(), address: here().into(), tags: [].into() }
}

fn cluster(udp: UdpClusterConfig) -> RequestType {
    let cluster_id = "app".into();
    RequestType::AddCluster(Cluster { cluster_id, udp: Some(udp), ..Cluster::default() })
}

fn serving() -> State {
    let mut state = served();
    make(&mut state, &udp(|_| {})).expect("accepted");
    state
}

fn refused(state: &mut State, request: &RequestType) -> String {
    make(state, request).expect_err("refused")
}

#[test]
fn a_listener_is_added_changed_activated_and_removed() {
    let mut state = serving();
    let usual = UdpListener { active: false, ..UdpListener::new(here()) };
    assert_eq!(state.udp[&here()], usual);
    let patch = update(|patch| {
        patch.back_timeout = Some(3);
        patch.max_rx_datagram_size = Some(9000);
        patch.max_flows = Some(5);
    });
    make(&mut state, &patch).expect("accepted");
    let activate = ActivateListener { address: here().into(), proxy: 3, ..Default::default() };
    make(&mut state, &RequestType::ActivateListener(activate)).expect("accepted");
    let listener = &state.udp[&here()];
    let numbers = (listener.max_rx_datagram_size, listener.max_flows, listener.active);
    assert_eq!((listener.back_timeout.as_secs(), numbers), (3, (9000, 5, true)));
    let tcp = state.listeners.clone();
    let remove = RemoveListener { address: here().into(), proxy: 3, ..Default::default() };
    make(&mut state, &RequestType::RemoveListener(remove)).expect("accepted");
    assert!(state.udp.is_empty());
    assert_eq!(state.listeners, tcp, "another is at the same address");
}

#[test]
fn a_listener_leads_to_the_cluster_that_was_named_last() {
    let mut state = serving();
    let tags = [("a".to_owned(), "b".to_owned())].into();
    let first = RequestUdpFrontend { tags, ..to("app") };
    make(&mut state, &RequestType::AddUdpFrontend(first)).expect("accepted");
    assert_eq!(state.udp[&here()].tags.len(), 1);
    make(&mut state, &RequestType::AddUdpFrontend(to("other"))).expect("accepted");
    assert_eq!(state.udp[&here()].cluster.as_deref(), Some("other"));
    let listed =
        query::frontends(&state, &FrontendFilters::default()).expect("no page").udp_frontends;
    assert_eq!(listed, [to("other")]);
    assert_eq!(query::cluster_by_id(&state, "other").vec[0].udp_frontends, [to("other")]);
    assert_eq!(query::listeners(&state).udp_listeners.len(), 1);
    make(&mut state, &RequestType::RemoveUdpFrontend(to("other"))).expect("accepted");
    assert_eq!(state.udp[&here()].cluster, None);
}

#[test]
fn a_cluster_has_rules_for_datagrams() {
    let mut state = serving();
    let rules = UdpClusterConfig {
        affinity_key: Some(1),
        responses: Some(1),
        send_proxy_protocol: Some(true),
        proxy_protocol_every_datagram: Some(true),
        health: Some(UdpHealthConfig { mode: Some(0), ..UdpHealthConfig::default() }),
        ..UdpClusterConfig::default()
    };
    make(&mut state, &cluster(rules)).expect("accepted: nothing is to be probed");
    let rules = state.clusters["app"].udp.as_deref().expect("there are");
    assert_eq!((rules.responses, rules.proxy), (1, Some(ProxyDatagrams::Every)));
}

fn unset() -> UdpHealthConfig {
    UdpHealthConfig::default()
}

#[test]
fn a_cluster_of_datagrams_says_how_it_is_checked() {
    let mut state = serving();
    let mut make_and_see = |health: UdpHealthConfig| {
        let udp = UdpClusterConfig { health: Some(health), ..Default::default() };
        make(&mut state, &cluster(udp)).expect("accepted");
        state.clusters["app"].health.as_deref().expect("checked").clone()
    };
    let usual = make_and_see(unset());
    assert_eq!((&usual.probe, usual.rise, usual.fall), (&Probe::Tcp, 2, 3));
    assert_eq!((usual.interval.as_secs(), usual.timeout.as_secs()), (5, 2));
    let payload = Some(vec![0, 255]);
    let asked = UdpHealthConfig { udp_probe_payload: payload, tcp_port: Some(9), ..unset() };
    let both = make_and_see(asked.clone());
    assert_eq!(both.probe, Probe::Udp { payload: vec![0, 255], connect: true });
    assert_eq!(both.port, Some(9));
    let alone = make_and_see(UdpHealthConfig { mode: Some(2), ..asked });
    assert_eq!(alone.probe, Probe::Udp { payload: vec![0, 255], connect: false });
    assert_eq!(alone.port, None);
}

#[test]
fn what_cannot_be_carried_out_is_refused() {
    let mut state = served();
    let mut refusals = vec![
        refused(&mut state, &RequestType::AddUdpFrontend(to("app"))),
        refused(&mut state, &RequestType::RemoveUdpFrontend(to("app"))),
        refused(&mut state, &update(|_| {})),
        refused(&mut state, &udp(|config| config.interface = Some("eth0".into()))),
        refused(&mut state, &udp(|config| config.front_timeout = 0)),
        refused(&mut state, &udp(|config| config.max_rx_datagram_size = 0)),
        refused(&mut state, &udp(|config| config.max_rx_datagram_size = 65_536)),
        refused(&mut state, &udp(|config| config.address = at(0))),
    ];
    let mut state = serving();
    make(&mut state, &RequestType::AddUdpFrontend(to("app"))).expect("accepted");
    let probed = |health| UdpClusterConfig { health: Some(health), ..Default::default() };
    let headless =
        UdpClusterConfig { proxy_protocol_every_datagram: Some(true), ..Default::default() };
    let tls = Some(ClusterTls { server_name: Some("b.example".into()), ..Default::default() });
    let secure = Cluster { cluster_id: "app".into(), tls, ..Cluster::default() };
    refusals.extend([
        refused(&mut state, &udp(|_| {})),
        refused(&mut state, &RequestType::AddUdpFrontend(to("app"))),
        refused(&mut state, &RequestType::AddUdpFrontend(to(""))),
        refused(&mut state, &RequestType::RemoveUdpFrontend(to("other"))),
        refused(&mut state, &cluster(probed(UdpHealthConfig { mode: Some(2), ..unset() }))),
        refused(&mut state, &cluster(probed(UdpHealthConfig { mode: Some(7), ..unset() }))),
        refused(
            &mut state,
            &cluster(probed(UdpHealthConfig { fail_open: Some(false), ..unset() })),
        ),
        refused(&mut state, &cluster(probed(UdpHealthConfig { tcp_port: Some(0), ..unset() }))),
        refused(&mut state, &cluster(headless)),
        refused(
            &mut state,
            &cluster(UdpClusterConfig { affinity_key: Some(7), ..Default::default() }),
        ),
        refused(&mut state, &RequestType::AddCluster(secure)),
    ]);
    insta::assert_snapshot!(refusals.join("\n"));
}
