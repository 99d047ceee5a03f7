//! Frontends: routes and what is done to their requests.

use weir_route::Rule;

use super::Builder;
use crate::check;
use crate::config::catalogue::{FRONTEND_SCOPE, ListenerProtocol, PathType};
use crate::config::read::Reader;
use crate::config::report::Diagnostic;
use crate::state::{Carries, Cluster, Frontend, HeaderEdit, PathRule};

impl Builder<'_> {
    pub(super) fn add_frontend(&mut self, cluster: &Cluster, table: &Reader<'_>) {
        self.check_scope(&FRONTEND_SCOPE, Carries::Http, table);
        if !table.has("hostname") {
            let message = "a frontend of `http` needs the key `hostname`";
            let help = "add `hostname = \"…\"`";
            self.report.push(Diagnostic::error(table.span.clone(), message).help(help));
        }
        let Some(mut frontend) = self.frontend(cluster, table) else { return };
        let protocol = match table.has("certificate") {
            true => ListenerProtocol::Https,
            false => ListenerProtocol::Http,
        };
        if self.is_only_udp(cluster, frontend.address, table.span_of("address")) {
            return;
        }
        self.ensure_listener(frontend.address, protocol);
        if !self.is_on(&cluster.id, Carries::Http, frontend.address, table.span_of("address")) {
            return;
        }
        self.frontend_tls(&mut frontend, table);
        for (key, problem) in check::frontend(&frontend) {
            self.accept(Err::<(), _>(problem), table.span_of(key));
        }
        self.check_room(&frontend, table);
        let span = table.span_of("hostname");
        if let Some(first) = self.places.frontends.insert(frontend.id(), span.clone()) {
            let message = "there are two frontends for the same host, path, method and position";
            let diagnostic = Diagnostic::error(span, message).label("again");
            self.report.push(diagnostic.other(first, "first"));
        }
        if frontend.required_auth && cluster.authorized_hashes.is_empty() {
            let message = format!("nobody can pass: `{}` has no `authorized_hashes`", cluster.id);
            let span = table.span_of("required_auth");
            self.report.push(Diagnostic::warning(span, message));
        }
        self.frontends.push((table.span.start, frontend));
    }

    fn frontend(&mut self, cluster: &Cluster, table: &Reader<'_>) -> Option<Frontend> {
        let address = table.read("address")?;
        let path = table.read("path").unwrap_or_default();
        let rule = Rule {
            host: table.read("hostname")?,
            path: match table.value("path_type") {
                PathType::Prefix => PathRule::Prefix(path),
                PathType::Regex => PathRule::Regex(path),
                PathType::Equals => PathRule::Equals(path),
            },
            method: table.read("method"),
            position: table.value("position"),
        };
        let rule = rule.canonical();
        Some(Frontend {
            address,
            hostname: rule.host,
            path: rule.path,
            method: rule.method,
            position: rule.position,
            cluster: Some(cluster.id.clone()),
            tags: tags(table),
            redirect: table.value("redirect"),
            redirect_scheme: table.value("redirect_scheme"),
            redirect_template: table.read("redirect_template"),
            rewrite_host: table.read("rewrite_host"),
            rewrite_path: table.read("rewrite_path"),
            rewrite_port: table.read("rewrite_port"),
            required_auth: table.value("required_auth"),
            headers: table.tables("headers").iter().filter_map(|edit| self.edit(edit)).collect(),
            hsts: None,
            access: self.access(table),
            rate_limits: self.rate_limits(table),
        })
    }

    fn edit(&mut self, table: &Reader<'_>) -> Option<HeaderEdit> {
        let key = self.field_name(table, "key");
        let value = self.field_value(table, "value");
        let (key, value) = (key?, value?);
        self.accept(check::edit(&key, &value), table.span_of("key"));
        Some(HeaderEdit { position: table.read("position")?, key, value })
    }

    fn check_room(&mut self, frontend: &Frontend, table: &Reader<'_>) {
        let rule = Rule::from(frontend.id());
        let usage = self.places.tables.entry(frontend.address).or_default();
        if let Err(error) = usage.add(&rule) {
            let span = table.span_of(check::key_of(&error, &rule));
            self.report.push(Diagnostic::error(span, error.to_string()));
        }
    }
}

/// What access-log records show.
pub(super) fn tags(table: &Reader<'_>) -> std::collections::BTreeMap<String, String> {
    let tags = table.text_map("tags").into_iter();
    tags.map(|tag| (tag.name.to_owned(), tag.value.0.to_owned())).collect()
}
