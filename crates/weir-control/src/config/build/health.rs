//! What decides which backends are used.

use super::Builder;
use crate::check;
use crate::config::catalogue::{DatagramProbe, ProbeMode};
use crate::config::read::Reader;
use crate::config::report::Diagnostic;
use crate::state::{BreakerSettings, EjectionRules, HealthCheck, Probe, RetryLimits};

impl Builder<'_> {
    /// How the backends of a cluster are checked.
    pub(super) fn health(&mut self, table: &Reader<'_>) -> Option<HealthCheck> {
        let own = table.section("health_check");
        let own = own.and_then(|table| self.health_check(&table));
        let datagrams = table.section("udp").and_then(|table| table.section("health"));
        let datagrams = datagrams.and_then(|table| self.udp_health(&table));
        let span = table.span_of("health_check");
        self.accept(check::one_health(own, datagrams), span).flatten()
    }

    fn health_check(&mut self, table: &Reader<'_>) -> Option<HealthCheck> {
        let mode: ProbeMode = table.value("mode");
        let elsewhere = match mode {
            ProbeMode::Http => &["service", "payload"][..],
            ProbeMode::Grpc => &["uri", "expected_status", "payload"],
            ProbeMode::Tcp | ProbeMode::Udp => &["uri", "expected_status", "service"],
        };
        self.warn_of_idle(table, elsewhere);
        let probe = match mode {
            ProbeMode::Http => self.http_probe(table)?,
            ProbeMode::Grpc => Probe::Grpc { service: table.read("service").unwrap_or_default() },
            ProbeMode::Tcp => self.datagram_probe(table, "payload", true)?,
            ProbeMode::Udp => self.datagram_probe(table, "payload", false)?,
        };
        let check = HealthCheck {
            probe,
            port: table.read("port"),
            interval: table.value("interval"),
            timeout: table.value("timeout"),
            rise: table.value("healthy_threshold"),
            fall: table.value("unhealthy_threshold"),
        };
        let about = ["uri", "payload"].into_iter().find(|key| table.has(key));
        self.accept(check::health(&check), about.map_or(table.span.clone(), |k| table.span_of(k)));
        Some(check)
    }

    /// `[clusters.<id>.udp.health]`
    fn udp_health(&mut self, table: &Reader<'_>) -> Option<HealthCheck> {
        self.accept(check::fail_open(table.value("fail_open")), table.span_of("fail_open"));
        let connect = match table.value("mode") {
            DatagramProbe::Off => return None,
            DatagramProbe::Tcp => true,
            DatagramProbe::Udp => {
                self.warn_of_idle(table, &["tcp_port"]);
                false
            }
        };
        let check = HealthCheck {
            probe: self.datagram_probe(table, "udp_probe_payload", connect)?,
            port: table.read("tcp_port").filter(|_| connect),
            interval: table.value("probe_interval_seconds"),
            timeout: table.value("probe_timeout_seconds"),
            rise: table.value("rise"),
            fall: table.value("fall"),
        };
        self.accept(check::health(&check), table.span_of("udp_probe_payload"));
        Some(check)
    }

    fn warn_of_idle(&mut self, table: &Reader<'_>, keys: &[&str]) {
        for key in keys.iter().filter(|key| table.has(key)) {
            let message = format!("`{key}` does nothing in this `mode`");
            self.report.push(Diagnostic::warning(table.span_of(key), message));
        }
    }

    fn datagram_probe(&mut self, table: &Reader<'_>, key: &str, connect: bool) -> Option<Probe> {
        let payload: Option<String> = table.read(key);
        let probe = check::datagram_probe(connect, payload.map(String::into_bytes));
        let place = if table.has("mode") { table.span_of("mode") } else { table.span.clone() };
        self.accept(probe, place)
    }

    fn http_probe(&mut self, table: &Reader<'_>) -> Option<Probe> {
        let Some(uri) = table.read("uri") else {
            if !table.has("uri") {
                let message = "a health check of `http` needs a `uri`";
                let diagnostic = Diagnostic::error(table.span.clone(), message);
                self.report.push(diagnostic.help("add `uri = \"/health\"`, or `mode = \"tcp\"`"));
            }
            return None;
        };
        let expected: u64 = table.value("expected_status");
        let expected = u16::try_from(expected).unwrap_or(u16::MAX);
        let statuses = if expected > 0 { vec![(expected, expected)] } else { Vec::new() };
        Some(Probe::Http { uri, statuses })
    }
}

/// When backends are ejected.
pub(super) fn ejection(table: &Reader<'_>) -> Option<EjectionRules> {
    Some(EjectionRules {
        consecutive: table.read("consecutive")?,
        base: table.value("seconds"),
        most_percent: table.value("most_percent"),
    })
}

/// How many requests are sent once more.
pub(super) fn retries(table: &Reader<'_>) -> RetryLimits {
    RetryLimits { percent: table.value("percent"), at_least: table.value("at_least") }
}

/// When a cluster is asked no more for a while.
pub(super) fn breaker(table: &Reader<'_>) -> Option<BreakerSettings> {
    Some(BreakerSettings {
        percent: table.read("percent")?,
        at_least: table.value("at_least"),
        wait: table.value("seconds"),
        longest_wait: table.value("longest_seconds"),
        trials: table.value("trials"),
    })
}
