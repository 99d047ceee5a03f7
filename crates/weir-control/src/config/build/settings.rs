//! Settings of main and of workers.

use weir_base::Limits;
use weir_telemetry::{Filter, Target, Template, TemplateError};

use super::super::catalogue::{AccessFormat, LineFormat};
use super::super::read::Reader;
use super::super::report::{Diagnostic, Report};
use super::super::suggest::nearest;
use super::super::{MainSettings, TlsPlan};
use super::control::{control, path_of};
use crate::channel::{AccessForm, LogSettings, Settings};
use crate::clients::ClientLimits;
use crate::metrics::{MetricsPlan, StatsdPlan};

/// Bytes of a request target: what servers commonly accept.
const TARGET_BYTES: usize = 8192;
/// Fields of a head: more than any browser or library sends.
const FIELDS: usize = 128;
/// Accepted sockets that may wait in the worker beside those in the kernel.
const ACCEPT_QUEUE: usize = 1024;
/// Bytes of log lines that wait for a slow sink.
const LOG_BYTES: usize = 1 << 20;
/// Pipes: each takes two descriptors and memory of the kernel.
const PIPES: usize = 256;
/// When the file says 0.
const PIPE_BYTES: usize = 65_536;
/// When the file says 0.
const CREDENTIAL_BYTES: usize = 4096;

pub(super) fn main(file: &Reader<'_>, report: &mut Report) -> MainSettings {
    MainSettings {
        pid_file: file.read("pid_file_path"),
        worker_count: file.value("worker_count"),
        automatic_restart: file.value("worker_automatic_restart"),
        worker_timeout: file.value("worker_timeout"),
        affinity: file.value("handle_process_affinity"),
        control: control(file, report),
        tls: tls(file, report),
        metrics: metrics(file),
        clients: ClientLimits {
            per_ip: file.value("max_connections_per_ip"),
            per_subnet: file.value("max_connections_per_subnet"),
            v4_prefix: file.value("subnet_ipv4_prefix"),
            v6_prefix: file.value("subnet_ipv6_prefix"),
        },
    }
}

fn tls(file: &Reader<'_>, report: &mut Report) -> TlsPlan {
    let Some(table) = file.section("tls") else { return TlsPlan::default() };
    TlsPlan {
        ticket_key_file: path_of(&table, "ticket_key_file", report),
        ticket_rotation: table.value("ticket_rotation"),
    }
}

fn metrics(file: &Reader<'_>) -> MetricsPlan {
    let clusters = !file.value::<bool>("disable_cluster_metrics");
    let Some(table) = file.section("metrics") else {
        return MetricsPlan { clusters, ..MetricsPlan::default() };
    };
    let statsd = table.read("address").map(|address| StatsdPlan {
        address,
        tagged: table.value("tagged_metrics"),
        prefix: table.value("prefix"),
    });
    MetricsPlan { detail: table.value("detail"), clusters, statsd }
}

pub(super) fn worker(file: &Reader<'_>, report: &mut Report) -> Settings {
    let settings = Settings {
        worker: 0,
        core: None,
        limits: limits(file),
        accept_queue_timeout: file.value("accept_queue_timeout"),
        evict_on_queue_full: file.value("evict_on_queue_full"),
        zombie_check_interval: file.value("zombie_check_interval"),
        basic_auth_max_credential_bytes: or_if_zero(
            file.value("basic_auth_max_credential_bytes"),
            CREDENTIAL_BYTES,
        ),
        logs: logs(file, report),
        // Main knows where it is.
        home: None,
        orphan_timeout: file.read("orphan_timeout"),
    };
    warn(file, &settings, report);
    settings
}

/// The bounds of a worker; `docs/configuration.md` says how they follow from the file.
fn limits(file: &Reader<'_>) -> Limits {
    let sessions: usize = file.value("max_connections");
    let buffers: usize = file.value("max_buffers");
    let buffer_bytes: usize = file.value("buffer_size");
    let entries: usize = file.value("slab_entries_per_connection");
    let backend_connections = sessions.saturating_mul(entries.saturating_sub(1).max(1));
    let metrics = file.section("metrics");
    Limits {
        sessions,
        backend_connections,
        idle_backend_connections: sessions,
        accept_queue: sessions.clamp(16, ACCEPT_QUEUE),
        buffers,
        buffers_at_start: file.value::<usize>("min_buffers").min(buffers),
        buffer_bytes,
        target_bytes: TARGET_BYTES.min(buffer_bytes),
        fields: FIELDS,
        pipes: (buffers / 2).clamp(1, PIPES),
        pipe_bytes: or_if_zero(file.value("splice_pipe_capacity_bytes"), PIPE_BYTES),
        log_bytes: LOG_BYTES,
        scopes: metrics.map_or(Limits::SCOPES, |metrics| metrics.value("max_scopes")),
    }
}

fn or_if_zero(value: usize, default: usize) -> usize {
    if value == 0 { default } else { value }
}

fn logs(file: &Reader<'_>, report: &mut Report) -> LogSettings {
    let level: String = file.value("log_level");
    if let Err(error) = level.parse::<Filter>() {
        report.push(Diagnostic::error(file.span_of("log_level"), error.to_string()));
    }
    for key in ["log_target", "access_logs_target"] {
        let target = file.read::<&str>(key).map(str::parse::<Target>);
        if let Some(Err(error)) = target {
            report.push(Diagnostic::error(file.span_of(key), error.to_string()));
        }
    }
    let colored = file.read("log_colored");
    LogSettings {
        level,
        target: file.value("log_target"),
        colored,
        access_target: file.read("access_logs_target"),
        access_colored: file.read("access_logs_colored").or(colored),
        access: access_form(file, report),
        access_sampling: file.value("access_logs_sampling"),
        json: file.value::<LineFormat>("log_format") == LineFormat::Json,
    }
}

fn access_form(file: &Reader<'_>, report: &mut Report) -> AccessForm {
    let format = file.value::<AccessFormat>("access_logs_format");
    if let Some(text) = file.read::<String>("access_logs_template") {
        check_template(&text, file, report);
        if format != AccessFormat::Ascii {
            let span = file.span_of("access_logs_format");
            let both = "`access_logs_template` lays out lines of `ascii`: remove one of the keys";
            report.push(Diagnostic::error(span, both));
        }
        return AccessForm::Template(text);
    }
    let lines = file.value::<&str>("log_target");
    let shared = file.read("access_logs_target").is_none_or(|target: &str| target == lines);
    if format == AccessFormat::Protobuf && shared {
        let alone = "records of `protobuf` cannot stand between log lines: set \
                     `access_logs_target` to a target of their own";
        report.push(Diagnostic::error(file.span_of("access_logs_format"), alone));
    }
    match format {
        AccessFormat::Ascii => AccessForm::Ascii,
        AccessFormat::Json => AccessForm::Json,
        AccessFormat::Protobuf => AccessForm::Protobuf,
    }
}

/// Points at what is wrong in a layout, where its text stands in the file as it is.
fn check_template(text: &str, file: &Reader<'_>, report: &mut Report) {
    let Err(error) = Template::parse(text) else { return };
    let mut span = file.span_of("access_logs_template");
    let width = match &error {
        TemplateError::Unknown { name, .. } => name.len(),
        TemplateError::Brace { .. } => 1,
        _ => 0,
    };
    if width > 0 && span.len() == text.len() + 2 {
        let start = span.start + 1 + error.at();
        span = start..start + width;
    }
    let mut diagnostic = Diagnostic::error(span, error.to_string());
    if let TemplateError::Unknown { name, .. } = &error {
        diagnostic = diagnostic.help(match nearest(name, Template::names()) {
            Some(near) => format!("did you mean `{near}`?"),
            None => format!("there are {}", Template::names().collect::<Vec<_>>().join(", ")),
        });
    }
    report.push(diagnostic);
}

/// What is allowed and hardly meant.
fn warn(file: &Reader<'_>, settings: &Settings, report: &mut Report) {
    let limits = &settings.limits;
    let mut warn = |holds: bool, key: &str, message: &str| {
        if holds {
            report.push(Diagnostic::warning(file.span_of(key), message));
        }
    };
    warn(
        settings.evict_on_queue_full && limits.sessions < 100,
        "evict_on_queue_full",
        "with `max_connections` under 100, connections are evicted as soon as a few clients come",
    );
    warn(
        file.value::<usize>("min_buffers") > limits.buffers,
        "min_buffers",
        "`min_buffers` is more than `max_buffers`, which is used instead",
    );
    warn(
        settings.basic_auth_max_credential_bytes >= limits.buffer_bytes / 3
            && file.has("basic_auth_max_credential_bytes"),
        "basic_auth_max_credential_bytes",
        "credentials of that size take a large part of `buffer_size`, which bounds the whole head",
    );
}
