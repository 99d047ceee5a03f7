//! What is said of TCP, and what is said of HTTP in its place.

use std::net::SocketAddr;
use std::ops::Range;

use super::Builder;
use super::frontends::tags;
use crate::check;
use crate::config::catalogue::{ClusterProtocol, FRONTEND_SCOPE, ListenerProtocol, Scope};
use crate::config::read::Reader;
use crate::config::report::Diagnostic;
use crate::state::{Carries, Cluster, Frontend, FrontendId, Listener, ProxyMode};

impl Builder<'_> {
    /// Reports the keys of a table that are not for its protocol. Flags that ask for nothing are
    /// none of them.
    pub(super) fn check_scope(&mut self, scope: &Scope, carries: Carries, table: &Reader<'_>) {
        let keys = scope.section.keys.iter().map(|key| key.name);
        let name = scope.section.name;
        for key in keys.filter(|key| table.has(key) && !table.asks_nothing(key)) {
            let (message, help) = match carries {
                Carries::Tcp if !scope.tcp.contains(&key) => {
                    (format!("`{key}` is not for {name} of `tcp`"), scope.instead(key))
                }
                Carries::Http if scope.only_tcp.contains(&key) => {
                    (format!("`{key}` is only for {name} of `tcp`"), scope.without_tcp(key))
                }
                Carries::Tcp | Carries::Http => continue,
            };
            self.report.push(Diagnostic::error(table.span_of(key), message).help(help));
        }
    }

    /// Whether the listener of a frontend carries what its cluster is for.
    pub(super) fn is_on(
        &mut self,
        cluster: &str,
        carries: Carries,
        address: SocketAddr,
        span: Range<usize>,
    ) -> bool {
        let listener = self.state.listeners.get(&address);
        if listener.is_none_or(|listener| listener.carries == carries) {
            return true;
        }
        let message = match carries {
            Carries::Http => {
                format!("`{cluster}` is of `http`, the listener on {address} of `tcp`")
            }
            Carries::Tcp => format!("`{cluster}` is of `tcp`, the listener on {address} is not"),
        };
        let help = "give the two the same `protocol`, or the frontend another address";
        let mut diagnostic = Diagnostic::error(span, message).help(help);
        if let Some(place) = self.places.listeners.get(&address) {
            diagnostic = diagnostic.other(place.clone(), "the listener");
        }
        self.report.push(diagnostic);
        false
    }

    pub(super) fn add_tcp_frontend(&mut self, cluster: &Cluster, table: &Reader<'_>) {
        self.check_scope(&FRONTEND_SCOPE, Carries::Tcp, table);
        let Some(address) = table.read("address") else { return };
        if self.state.udp.contains_key(&address) {
            self.lead_udp(cluster, address, table);
            if !self.state.listeners.contains_key(&address) {
                return;
            }
        }
        self.ensure_listener(address, ListenerProtocol::Tcp);
        if !self.is_on(&cluster.id, Carries::Tcp, address, table.span_of("address")) {
            return;
        }
        let server = self.accept(check::sni(table.read("sni")), table.span_of("sni"));
        let names = table.texts("alpn");
        let protocols = check::protocols(names.iter().map(|(name, _)| *name));
        let protocols = self.accept(protocols, table.span_of("alpn")).unwrap_or_default();
        let Some(server) = server else { return };
        let (access, rate_limits) = (self.access(table), self.rate_limits(table));
        let span = table.span_of(if table.has("sni") { "sni" } else { "address" });
        for protocol in protocols {
            let id = FrontendId::new(address, &server, protocol);
            if let Some(first) = self.places.frontends.insert(id.clone(), span.clone()) {
                let message = "there are two frontends for the same server name and protocol";
                let diagnostic = Diagnostic::error(span.clone(), message).label("again");
                self.report.push(diagnostic.other(first, "first"));
            }
            let frontend = Frontend {
                access: access.clone(),
                rate_limits: rate_limits.clone(),
                ..Frontend::new(id, &cluster.id, tags(table))
            };
            self.frontends.push((table.span.start, frontend));
        }
    }

    /// The mode of a cluster of TCP, which all its listeners agree on.
    pub(super) fn proxy_mode(&mut self, table: &Reader<'_>) -> Option<ProxyMode> {
        let mut first: Option<(bool, Range<usize>)> = None;
        for frontend in table.tables("frontends") {
            let address: Option<SocketAddr> = frontend.read("address");
            let listener = address.and_then(|address| self.state.listeners.get(&address));
            let Some(listener) = listener.filter(|listener| listener.is_tcp()) else { continue };
            let expects = listener.expect_proxy;
            let span = frontend.span_of("address");
            match &first {
                None => first = Some((expects, span)),
                Some((same, _)) if *same == expects => {}
                Some((_, other)) => {
                    let message = "`expect_proxy` of the listeners of one cluster is the same";
                    let diagnostic = Diagnostic::error(span, message).label("unlike this one");
                    self.report.push(diagnostic.other(other.clone(), "on another listener"));
                }
            }
        }
        let expects = first.is_some_and(|(expects, _)| expects);
        match (expects, table.value("send_proxy")) {
            (true, true) => Some(ProxyMode::Relay),
            (true, false) => Some(ProxyMode::Expect),
            (false, true) => Some(ProxyMode::Send),
            (false, false) => None,
        }
    }
}

/// Makes a listener one of TCP.
pub(super) fn carry_tcp(listener: &mut Listener, table: &Reader<'_>) {
    listener.carries = Carries::Tcp;
    listener.request_timeout = table.value("sni_preread_timeout");
    listener.hello_bytes = table.value("sni_preread_max_bytes");
}

impl ListenerProtocol {
    pub(super) fn carries(self) -> Carries {
        match self {
            Self::Http | Self::Https => Carries::Http,
            Self::Tcp | Self::Udp => Carries::Tcp,
        }
    }
}

impl ClusterProtocol {
    pub(super) fn carries(self) -> Carries {
        match self {
            Self::Http => Carries::Http,
            Self::Tcp => Carries::Tcp,
        }
    }
}
