//! TLS with clients and with backends.

use weir_tls::certificate::ReadCertificate;

use super::Builder;
use super::certificates::identity;
use crate::check::{self, Problem};
use crate::config::catalogue::{DAY_SECONDS, TLS_ONLY, Version};
use crate::config::read::Reader;
use crate::config::report::Diagnostic;
use crate::state::{BackendTls, Certificate, ClientAuth, Frontend, Hsts, ListenerTls, TlsVersion};

impl Builder<'_> {
    /// How an `https` listener ends TLS.
    pub(super) fn listener_tls(&mut self, table: &Reader<'_>) -> ListenerTls {
        let default = self.certificate(table);
        let texts = table.texts("alpn_protocols").into_iter();
        let alpn = check::alpn(texts.map(|(name, _)| name));
        let tls = ListenerTls {
            versions: self.versions(table),
            cipher_list: self.names(table, "cipher_list", check::cipher_suite),
            groups_list: self.names(table, "groups_list", check::group),
            alpn: self.accept(alpn, table.span_of("alpn_protocols")).unwrap_or_default(),
            strict_sni_binding: table.value("strict_sni_binding"),
            disable_http11: table.value("disable_http11"),
            tickets: table.value("send_tls13_tickets"),
            default_certificate: default.as_deref().map(identity),
            hsts: self.hsts(table),
            client_auth: table.value("client_auth"),
            client_authorities: self.authorities(table, "client_ca"),
            client_revoked: self.revocations(table, "client_crl"),
        };
        let written = |key: &str| table.texts(key).len();
        let is_read = written("cipher_list") == tls.cipher_list.len()
            && written("groups_list") == tls.groups_list.len()
            && table.has("client_ca") != tls.client_authorities.is_empty();
        if is_read {
            let keys = ["disable_http11", "cipher_list", "client_auth"];
            let about = keys.into_iter().find(|key| table.has(key)).unwrap_or("protocol");
            self.accept(check::listener_tls(&tls), table.span_of(about));
        }
        let unused = ["client_ca", "client_crl"].into_iter().filter(|key| table.has(key));
        for key in unused.filter(|_| tls.client_auth == ClientAuth::None) {
            let message = format!("without `client_auth`, `{key}` does nothing");
            self.report.push(Diagnostic::warning(table.span_of(key), message));
        }
        tls
    }

    /// Says what a listener without TLS does not heed.
    pub(super) fn without_tls(&mut self, table: &Reader<'_>) {
        for key in TLS_ONLY.into_iter().filter(|key| table.has(key)) {
            let message = format!("`{key}` does nothing on a listener of `http`");
            self.report.push(Diagnostic::warning(table.span_of(key), message));
        }
        if table.has("hsts") {
            let message = check::HTTPS_FOR_HSTS;
            self.report.push(Diagnostic::error(table.span_of("hsts"), message));
        }
    }

    fn versions(&mut self, table: &Reader<'_>) -> Vec<TlsVersion> {
        let written: Vec<Version> = table.words("tls_versions");
        let served = written.iter().filter_map(|version| match version {
            Version::Served(version) => Some(*version),
            Version::Old => None,
        });
        let mut versions: Vec<_> = served.collect();
        versions.sort();
        versions.dedup();
        let span = table.span_of("tls_versions");
        if written.is_empty() {
            return ListenerTls::default().versions;
        }
        if versions.is_empty() {
            let message = "TLS before 1.2 is not served: add `TLS_V12` or `TLS_V13`";
            self.report.push(Diagnostic::error(span, message));
        } else if written.contains(&Version::Old) {
            let message = "TLS before 1.2 is not served: such clients are refused";
            self.report.push(Diagnostic::warning(span, message));
        }
        versions
    }

    /// The names of a list that are known.
    fn names(
        &mut self,
        table: &Reader<'_>,
        key: &str,
        check: impl Fn(&str) -> Result<(), Problem>,
    ) -> Vec<String> {
        let mut names = Vec::new();
        for (name, span) in table.texts(key) {
            if self.accept(check(name), span).is_some() {
                names.push(name.to_owned());
            }
        }
        names
    }

    /// The policy of a listener or a frontend.
    pub(super) fn hsts(&mut self, table: &Reader<'_>) -> Option<Hsts> {
        let table = table.section("hsts")?;
        let policy = Hsts {
            enabled: table.value("enabled"),
            max_age: table.value("max_age"),
            include_subdomains: table.value("include_subdomains"),
            preload: table.value("preload"),
            force_replace_backend: table.value("force_replace_backend"),
        };
        if (1..DAY_SECONDS).contains(&policy.max_age.into()) {
            let message = "`max_age` is in seconds: this is less than a day";
            self.report.push(Diagnostic::warning(table.span_of("max_age"), message));
        }
        if policy.preload {
            let message = "`preload` lets browsers be built so; to leave their lists takes months";
            self.report.push(Diagnostic::warning(table.span_of("preload"), message));
        }
        Some(policy)
    }

    /// What of a frontend needs TLS: its policy, and a certificate for its listener.
    pub(super) fn frontend_tls(&mut self, frontend: &mut Frontend, table: &Reader<'_>) {
        frontend.hsts = self.hsts(table);
        let read = self.certificate(table);
        let listener = self.state.listeners.get(&frontend.address);
        if listener.is_none_or(|listener| listener.tls.is_some()) {
            if let Some(read) = read {
                self.add_certificate(frontend, &read, table);
            }
            return;
        }
        let unmet =
            [("hsts", check::HTTPS_FOR_HSTS), ("certificate", check::HTTPS_FOR_CERTIFICATES)];
        for (key, message) in unmet.into_iter().filter(|(key, _)| table.has(key)) {
            let help = "give its listener `protocol = \"https\"`";
            self.report.push(Diagnostic::error(table.span_of(key), message).help(help));
        }
    }

    fn add_certificate(&mut self, frontend: &Frontend, read: &ReadCertificate, table: &Reader<'_>) {
        let description = &read.description;
        if description.names.is_empty() {
            let message = "the certificate names no host, so no client would be shown it";
            let help = "have it made with the host as a subjectAltName";
            let span = table.span_of("certificate");
            return self.report.push(Diagnostic::error(span, message).help(help));
        }
        let certificate = Certificate {
            address: frontend.address,
            fingerprint: description.fingerprint,
            names: description.names.clone(),
            expires: description.not_after,
            identity: identity(read),
        };
        self.state.certificates.insert(certificate.id(), certificate);
    }

    /// How the backends of a cluster are spoken with.
    pub(super) fn backend_tls(&mut self, table: &Reader<'_>) -> Option<BackendTls> {
        let table = table.section("tls").filter(|table| table.value("enabled"))?;
        let read = self.certificate(&table);
        let tls = BackendTls {
            authorities: self.authorities(&table, "ca"),
            server_name: table.read("server_name"),
            identity: read.as_deref().map(identity),
            verify: table.value("verify"),
        };
        if let Some(name) = &tls.server_name {
            self.accept(check::server_name(name), table.span_of("server_name"));
        }
        if !tls.verify {
            let message = "without `verify`, whoever answers at its address passes for a backend";
            self.report.push(Diagnostic::warning(table.span_of("verify"), message));
        }
        self.accept(check::backend_tls(&tls), table.span.clone());
        Some(tls)
    }
}
