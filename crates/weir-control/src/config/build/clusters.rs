//! Clusters and their backends.

use std::collections::HashMap;
use std::ops::Range;

use weir_base::Address;

use super::Builder;
use super::health::{breaker, ejection, retries};
use crate::check;
use crate::config::catalogue::{BACKEND_SCOPE, CLUSTER_SCOPE, ClusterProtocol};
use crate::config::read::{Named, Reader};
use crate::config::report::Diagnostic;
use crate::state::{Affinity, Backend, Carries, Cluster};

impl Builder<'_> {
    pub(super) fn add_cluster(&mut self, named: &Named<'_, Reader<'_>>) {
        let (id, table) = (named.name, &named.value);
        self.accept(check::id("a cluster", id), named.span.clone());
        let protocol: Option<ClusterProtocol> = table.read("protocol");
        if let Some(protocol) = protocol {
            self.check_scope(&CLUSTER_SCOPE, protocol.carries(), table);
        }
        let mut cluster = self.cluster(id, table);
        self.accept(check::sessions(&cluster), table.span_of("min_sessions"));
        if cluster.min_sessions.is_some() {
            self.places.guaranteed = Some(table.span_of("min_sessions"));
        }
        let is_tcp = protocol == Some(ClusterProtocol::Tcp);
        for frontend in table.tables("frontends") {
            match is_tcp {
                true => self.add_tcp_frontend(&cluster, &frontend),
                false => self.add_frontend(&cluster, &frontend),
            }
        }
        if is_tcp {
            cluster.proxy = self.proxy_mode(table);
            self.accept(check::for_tcp(&cluster), table.span_of("tls"));
        }
        let backends = table.tables("backends");
        if backends.is_empty() && table.has("backends") {
            let then = match is_tcp {
                true => "connections to it are closed",
                false => "its requests are answered 503",
            };
            let message = format!("cluster `{id}` has no backend: {then}");
            self.report.push(Diagnostic::warning(named.span.clone(), message));
        }
        let mut ids = HashMap::new();
        for (index, backend) in backends.iter().enumerate() {
            if is_tcp {
                self.check_scope(&BACKEND_SCOPE, Carries::Tcp, backend);
            }
            self.add_backend(&cluster, index, backend, &mut ids);
        }
        self.state.clusters.insert(id.to_owned(), cluster);
    }

    fn cluster(&mut self, id: &str, table: &Reader<'_>) -> Cluster {
        let retry_after = table.read("retry_after").unwrap_or(self.inherited.retry_after);
        Cluster {
            id: id.to_owned(),
            load_balancing: table.value("load_balancing"),
            load_metric: table.value("load_metric"),
            sticky_session: table.value("sticky_session"),
            https_redirect: table.value("https_redirect"),
            https_redirect_port: table.read("https_redirect_port"),
            answers: self.answers(table),
            authorized_hashes: self.hashes(table),
            www_authenticate: self.field_value(table, "www_authenticate"),
            max_connections_per_ip: table.read("max_connections_per_ip"),
            max_connections_per_subnet: table.read("max_connections_per_subnet"),
            retry_after: Some(retry_after).filter(|seconds| *seconds > 0),
            http2: table.value("http2"),
            tls: self.backend_tls(table).map(Box::new),
            proxy: None,
            udp: self.udp_rules(table).map(Box::new),
            affinity: self.affinity(table),
            health: self.health(table).map(Box::new),
            ejection: table.section("ejection").and_then(|table| ejection(&table)),
            retries: table.section("retry_budget").map(|table| retries(&table)),
            breaker: table.section("breaker").and_then(|table| breaker(&table)),
            slow_start: table.read("slow_start").unwrap_or_default(),
            max_queued: table.read("max_queued"),
            queue_timeout: table.read("queue_timeout"),
            no_access_log: !table.value::<bool>("access_log"),
            rate_limits: self.rate_limits(table),
            min_sessions: table.read("min_sessions"),
            max_sessions: table.read("max_sessions"),
        }
    }

    fn affinity(&mut self, table: &Reader<'_>) -> Affinity {
        let field: Option<String> = table.read("affinity_header");
        let cookie: Option<String> = table.read("affinity_cookie");
        let key = if field.is_some() { "affinity_header" } else { "affinity_cookie" };
        let affinity = check::affinity(field, cookie);
        self.accept(affinity, table.span_of(key)).unwrap_or_default()
    }

    fn hashes(&mut self, table: &Reader<'_>) -> Vec<String> {
        let texts = table.texts("authorized_hashes");
        for (text, span) in &texts {
            self.accept(check::authorized_hash(text), span.clone());
        }
        texts.into_iter().map(|(text, _)| text.to_owned()).collect()
    }

    fn add_backend(
        &mut self,
        cluster: &Cluster,
        index: usize,
        table: &Reader<'_>,
        ids: &mut HashMap<String, Range<usize>>,
    ) {
        let Some(backend) = self.backend(cluster, index, table) else { return };
        let span = table.span_of(if table.has("backend_id") { "backend_id" } else { "address" });
        self.accept(check::id("a backend", &backend.id), span.clone());
        if let Some(first) = ids.insert(backend.id.clone(), span.clone()) {
            let message = format!("cluster `{}` has two backends `{}`", cluster.id, backend.id);
            let diagnostic = Diagnostic::error(span, message).label("again");
            self.report.push(diagnostic.other(first, "first"));
        }
        self.state.backends.push(backend);
    }

    fn backend(&mut self, cluster: &Cluster, index: usize, table: &Reader<'_>) -> Option<Backend> {
        let address: Address = table.read("address")?;
        self.accept(check::backend_address(&address), table.span_of("address"));
        let id = table.read("backend_id");
        let id = id.unwrap_or_else(|| format!("{}-{index}-{address}", cluster.id));
        let backend = Backend {
            cluster: cluster.id.clone(),
            id,
            address,
            weight: table.value("weight"),
            sticky_id: table.read("sticky_id"),
            backup: table.value("backup"),
            max_connections: table.read("max_connections"),
        };
        if backend.sticky_id.is_some() || cluster.sticky_session {
            self.accept(check::cookie(&backend), table.span_of("sticky_id"));
        }
        Some(backend)
    }
}
