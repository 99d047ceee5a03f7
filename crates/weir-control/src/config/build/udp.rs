//! What is said of datagrams.

use std::net::SocketAddr;
use std::ops::Range;

use super::Builder;
use super::frontends::tags;
use crate::check;
use crate::config::catalogue::{LISTENER, ONLY_UDP, UDP_LISTENER};
use crate::config::read::Reader;
use crate::config::report::Diagnostic;
use crate::state::{Cluster, UdpListener, UdpRules};

impl Builder<'_> {
    pub(super) fn add_udp_listener(&mut self, table: &Reader<'_>) {
        self.check_udp_keys(table);
        let Some(address) = table.read("address") else { return };
        let usual = UdpListener::new(address);
        let listener = UdpListener {
            public_address: table.read("public_address"),
            front_timeout: table.read("front_timeout").unwrap_or(usual.front_timeout),
            back_timeout: table.read("back_timeout").unwrap_or(usual.back_timeout),
            max_rx_datagram_size: table.value("max_rx_datagram_size"),
            max_flows: table.value("max_flows"),
            active: self.inherited.active,
            access: self.access(table),
            ..usual
        };
        let span = table.span_of("address");
        if let Some(first) = self.places.udp.insert(address, span.clone()) {
            let message = format!("there are two UDP listeners on {address}");
            let diagnostic = Diagnostic::error(span, message).label("again");
            self.report.push(diagnostic.other(first, "first"));
        }
        self.state.udp.insert(address, listener);
    }

    fn check_udp_keys(&mut self, table: &Reader<'_>) {
        let keys = LISTENER.keys.iter().map(|key| key.name);
        for key in keys.filter(|key| table.has(key) && !table.asks_nothing(key)) {
            if !UDP_LISTENER.contains(&key) {
                let message = format!("`{key}` is not for a listener of `udp`");
                let help = "datagrams are passed on as they are: remove the key";
                self.report.push(Diagnostic::error(table.span_of(key), message).help(help));
            }
        }
    }

    /// Reports keys that only listeners of UDP may have.
    pub(super) fn without_udp(&mut self, table: &Reader<'_>) {
        for key in ONLY_UDP.iter().filter(|key| table.has(key)) {
            let message = format!("`{key}` is only for a listener of `udp`");
            let help = "remove the key";
            self.report.push(Diagnostic::error(table.span_of(key), message).help(help));
        }
    }

    /// Refuses a frontend of HTTP where there is a listener of UDP and no other.
    pub(super) fn is_only_udp(
        &mut self,
        cluster: &Cluster,
        address: SocketAddr,
        span: Range<usize>,
    ) -> bool {
        let state = &self.state;
        if state.listeners.contains_key(&address) || !state.udp.contains_key(&address) {
            return false;
        }
        let message = format!("`{}` is of `http`, the listener on {address} of `udp`", cluster.id);
        let help = "datagrams go to a cluster of `tcp`; for HTTP, add a listener of `http`";
        self.report.push(Diagnostic::error(span, message).help(help));
        true
    }

    /// Leads the listener of UDP at an address to a cluster.
    pub(super) fn lead_udp(&mut self, cluster: &Cluster, address: SocketAddr, table: &Reader<'_>) {
        self.accept(check::for_udp(cluster), table.span_of("address"));
        let span = table.span_of("address");
        let alone = !self.state.listeners.contains_key(&address);
        for key in ["sni", "alpn"].into_iter().filter(|key| alone && table.has(key)) {
            let message = format!("`{key}` is not for a listener of `udp`");
            let help = "all of its datagrams go to one cluster: remove the key";
            self.report.push(Diagnostic::error(table.span_of(key), message).help(help));
        }
        let Some(listener) = self.state.udp.get_mut(&address) else { return };
        if table.has("sni") || table.has("alpn") {
            return;
        }
        if listener.cluster.is_some() {
            let message = format!("the UDP listener on {address} leads to a cluster already");
            let help = "a listener of `udp` has one cluster: give the other another address";
            return self.report.push(Diagnostic::error(span, message).help(help));
        }
        listener.cluster = Some(cluster.id.clone());
        listener.tags = tags(table);
    }

    /// Says which listeners drop all that comes.
    pub(super) fn warn_of_clusterless(&mut self) {
        for (address, span) in &self.places.udp {
            let listener = self.state.udp.get(address);
            if listener.is_some_and(|listener| listener.cluster.is_none()) {
                let message = format!("no frontend is on {address} (UDP): it drops every datagram");
                self.report.push(Diagnostic::warning(span.clone(), message));
            }
        }
    }

    /// `[clusters.<id>.udp]`
    pub(super) fn udp_rules(&mut self, table: &Reader<'_>) -> Option<UdpRules> {
        let table = table.section("udp")?;
        let send = table.value("send_proxy_protocol");
        let every = table.value("proxy_protocol_every_datagram");
        let span = table.span_of("proxy_protocol_every_datagram");
        Some(UdpRules {
            affinity: table.value("affinity_key"),
            requests: table.value("requests"),
            responses: table.value("responses"),
            proxy: self.accept(check::proxy_datagrams(send, every), span).flatten(),
        })
    }
}
