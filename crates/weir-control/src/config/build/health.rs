//! What decides which backends are used.

use super::Builder;
use crate::check;
use crate::config::catalogue::ProbeMode;
use crate::config::read::Reader;
use crate::config::report::Diagnostic;
use crate::state::{BreakerSettings, EjectionRules, HealthCheck, Probe, RetryLimits};

impl Builder<'_> {
    /// How the backends of a cluster are checked.
    pub(super) fn health_check(&mut self, table: &Reader<'_>) -> Option<HealthCheck> {
        let table = table.section("health_check")?;
        let mode: ProbeMode = table.value("mode");
        let elsewhere = match mode {
            ProbeMode::Http => &["service"][..],
            ProbeMode::Grpc => &["uri", "expected_status"],
            ProbeMode::Tcp => &["uri", "expected_status", "service"],
        };
        for key in elsewhere.iter().filter(|key| table.has(key)) {
            let message = format!("`{key}` does nothing in this `mode`");
            self.report.push(Diagnostic::warning(table.span_of(key), message));
        }
        let probe = match mode {
            ProbeMode::Http => self.http_probe(&table)?,
            ProbeMode::Grpc => Probe::Grpc { service: table.read("service").unwrap_or_default() },
            ProbeMode::Tcp => Probe::Tcp,
        };
        let check = HealthCheck {
            probe,
            port: table.read("port"),
            interval: table.value("interval"),
            timeout: table.value("timeout"),
            rise: table.value("healthy_threshold"),
            fall: table.value("unhealthy_threshold"),
        };
        let about = if table.has("uri") { table.span_of("uri") } else { table.span.clone() };
        self.accept(check::health(&check), about);
        Some(check)
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
