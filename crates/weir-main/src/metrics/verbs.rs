//! Which counter of main a change or another event is for.

use std::net::SocketAddr;

use weir_control::state::State;
use weir_proto::{EventKind, PlannedChange};
use weir_telemetry::Verb;

/// What a listener serves, as far as names tell it apart.
#[derive(Clone, Copy)]
enum Kind {
    Http,
    Https,
    Tcp,
    Udp,
}

/// The verb of something that main tells of by itself.
pub(super) fn of_event(kind: EventKind) -> Option<Verb> {
    Some(match kind {
        EventKind::ConfigurationReloaded => Verb::ConfigurationReloaded,
        EventKind::StateSaved => Verb::StateSaved,
        EventKind::StateLoaded => Verb::StateLoaded,
        EventKind::LoggingLevelChanged => Verb::LoggingLevelChanged,
        EventKind::MetricsConfigured => Verb::MetricsConfigured,
        EventKind::MetricDetailChanged => Verb::MetricDetailChanged,
        EventKind::EventsSubscribed => Verb::EventsSubscribed,
        EventKind::SozuStopRequested => Verb::SozuStopRequested,
        EventKind::MainUpgraded => Verb::MainUpgraded,
        EventKind::WorkerUpgraded => Verb::WorkerUpgraded,
        _ => return None,
    })
}

/// The verb of a change, of which events tell `kind`.
pub(super) fn of_change(kind: EventKind, change: &PlannedChange, state: &State) -> Option<Verb> {
    use Kind::{Http, Https, Tcp, Udp};
    let served = served(change, state);
    Some(match (kind, served) {
        (EventKind::ClusterAdded, _) => Verb::ClusterAdded,
        (EventKind::ClusterRemoved, _) => Verb::ClusterRemoved,
        (EventKind::FrontendAdded, Http) => Verb::HttpFrontendAdded,
        (EventKind::FrontendAdded, Https) => Verb::HttpsFrontendAdded,
        (EventKind::FrontendAdded, Tcp) => Verb::TcpFrontendAdded,
        (EventKind::FrontendRemoved, Http) => Verb::HttpFrontendRemoved,
        (EventKind::FrontendRemoved, Https) => Verb::HttpsFrontendRemoved,
        (EventKind::FrontendRemoved, Tcp) => Verb::TcpFrontendRemoved,
        (EventKind::CertificateAdded, _) => Verb::CertificateAdded,
        (EventKind::CertificateRemoved, _) => Verb::CertificateRemoved,
        (EventKind::CertificateReplaced, _) => Verb::CertificateReplaced,
        (EventKind::ListenerActivated, _) => Verb::ListenerActivated,
        (EventKind::ListenerDeactivated, _) => Verb::ListenerDeactivated,
        (EventKind::ListenerRemoved, _) => Verb::ListenerRemoved,
        (EventKind::ListenerAdded, Http) => Verb::HttpListenerAdded,
        (EventKind::ListenerAdded, Https) => Verb::HttpsListenerAdded,
        (EventKind::ListenerAdded, Tcp) => Verb::TcpListenerAdded,
        (EventKind::ListenerAdded, Udp) => Verb::UdpListenerAdded,
        (EventKind::ListenerUpdated, Udp) if leads(change, false) => Verb::UdpFrontendAdded,
        (EventKind::ListenerUpdated, Udp) if leads(change, true) => Verb::UdpFrontendRemoved,
        (EventKind::ListenerUpdated, Http) => Verb::HttpListenerUpdated,
        (EventKind::ListenerUpdated, Https) => Verb::HttpsListenerUpdated,
        (EventKind::ListenerUpdated, Tcp) => Verb::TcpListenerUpdated,
        (EventKind::ListenerUpdated, Udp) => Verb::UdpListenerUpdated,
        _ => return None,
    })
}

/// What the listener serves that a change is about, by its name in plans and by the state.
fn served(change: &PlannedChange, state: &State) -> Kind {
    let name = &change.name;
    let address = name.split(' ').filter_map(|word| word.parse::<SocketAddr>().ok()).next_back();
    let listener = address.and_then(|address| state.listeners.get(&address));
    if name.contains("(UDP)") {
        Kind::Udp
    } else if name.contains("(TCP") {
        Kind::Tcp
    } else if listener.is_some_and(|listener| listener.tls.is_some()) {
        Kind::Https
    } else {
        Kind::Http
    }
}

/// A listener of UDP leads to another cluster now, or (`nowhere`) to none.
fn leads(change: &PlannedChange, nowhere: bool) -> bool {
    let cluster = change.keys.iter().find(|key| key.key == "cluster");
    cluster.is_some_and(|key| key.new.is_empty() == nowhere)
}
