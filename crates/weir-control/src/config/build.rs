//! From a file whose keys are right to settings and state: defaults filled in, files read, what
//! belongs together compared.

use std::collections::{BTreeMap, HashMap};
use std::net::SocketAddr;
use std::ops::Range;
use std::time::Duration;

use weir_base::Limits;
use weir_http::answers::Template;

use super::MainSettings;
use super::catalogue::LEGACY_ANSWERS;
use super::read::Reader;
use super::report::{Diagnostic, Report};
use super::routes::{read_backend, read_frontend};
use crate::channel::{LogSettings, Settings};
use crate::state::{
    Answers, Backend, Cluster, Frontend, Listener, LoadBalancing, LoadMetric, State,
};

/// Bytes of a request target: what servers commonly accept.
const TARGET_BYTES: usize = 8192;
/// Fields of a head: more than any browser or library sends.
const FIELDS: usize = 128;
/// Accepted sockets that may wait in the worker beside those in the kernel.
const ACCEPT_QUEUE: usize = 1024;
/// Bytes of log lines that wait for a slow sink.
const LOG_BYTES: usize = 1 << 20;
const DEFAULT_PIPE_BYTES: usize = 65_536;
const DEFAULT_CREDENTIAL_BYTES: usize = 4096;

/// Timeouts that listeners inherit.
#[derive(Clone, Copy)]
struct Timeouts {
    front: Duration,
    back: Duration,
    connect: Duration,
    request: Duration,
}

/// Where objects are defined, for messages about duplicates.
#[derive(Default)]
pub(super) struct Places {
    pub(super) listeners: HashMap<SocketAddr, Range<usize>>,
    pub(super) frontends: HashMap<crate::state::FrontendId, Range<usize>>,
}

/// What clusters inherit from the top level.
struct Inherited {
    timeouts: Timeouts,
    active: bool,
    max_connections_per_ip: u64,
    retry_after: u64,
}

pub(super) fn build(file: &Reader<'_>, report: &mut Report) -> (MainSettings, State, Settings) {
    let main = MainSettings {
        pid_file: file.text("pid_file_path").map(Into::into),
        worker_count: file.port("worker_count").unwrap_or(2),
        automatic_restart: file.flag("worker_automatic_restart", true),
        worker_timeout: file.seconds("worker_timeout", Duration::from_secs(10)),
        affinity: file.flag("handle_process_affinity", false),
    };
    let settings = worker_settings(file, report);
    let inherited = Inherited {
        timeouts: Timeouts {
            front: file.seconds("front_timeout", Duration::from_secs(60)),
            back: file.seconds("back_timeout", Duration::from_secs(30)),
            connect: file.seconds("connect_timeout", Duration::from_secs(3)),
            request: file.seconds("request_timeout", Duration::from_secs(10)),
        },
        active: file.flag("activate_listeners", true),
        max_connections_per_ip: file.number("max_connections_per_ip").unwrap_or(0),
        retry_after: file.number("retry_after").unwrap_or(60),
    };
    let mut state = State::default();
    let mut places = Places::default();
    for table in file.tables("listeners") {
        read_listener(&table, &inherited, &mut state, &mut places, report);
    }
    for (id, table) in file.table_map("clusters") {
        state.clusters.insert(id.to_owned(), read_cluster(id, &table, &inherited, report));
        for frontend in read_frontends(id, &table, &mut places, report) {
            let address = frontend.address;
            state.listeners.entry(address).or_insert_with(|| default_listener(address, &inherited));
            state.frontends.push(frontend);
        }
        state.backends.extend(read_backends(id, &table, report));
    }
    (main, state, settings)
}

fn worker_settings(file: &Reader<'_>, report: &mut Report) -> Settings {
    let log_target = file.owned("log_target").unwrap_or_else(|| "stdout".into());
    let colored = file.flag("log_colored", false);
    let evict_on_queue_full = file.flag("evict_on_queue_full", false);
    let limits = limits(file);
    if evict_on_queue_full && limits.sessions < 100 {
        let message = "with fewer than 100 connections, evicting one in a hundred evicts one";
        report.push(Diagnostic::warning(file.span_of("evict_on_queue_full"), message));
    }
    let credentials = file.size("basic_auth_max_credential_bytes", 0);
    Settings {
        worker: 0,
        core: None,
        limits,
        accept_queue_timeout: file.seconds("accept_queue_timeout", Duration::from_secs(60)),
        evict_on_queue_full,
        zombie_check_interval: file.seconds("zombie_check_interval", Duration::from_secs(1800)),
        basic_auth_max_credential_bytes: or_default(credentials, DEFAULT_CREDENTIAL_BYTES),
        logs: LogSettings {
            level: file.owned("log_level").unwrap_or_else(|| "info".into()),
            target: log_target,
            colored,
            access_target: file.owned("access_logs_target"),
            access_colored: file.flag("access_logs_colored", colored),
        },
    }
}

fn limits(file: &Reader<'_>) -> Limits {
    let sessions = file.size("max_connections", 10_000);
    let buffers = file.size("max_buffers", 1000);
    let entries = file.size("slab_entries_per_connection", 4).max(2);
    let backend_connections = sessions.saturating_mul(entries - 1);
    Limits {
        sessions,
        backend_connections,
        idle_backend_connections: sessions.min(backend_connections),
        accept_queue: ACCEPT_QUEUE.min(sessions.max(16)),
        buffers,
        buffers_at_start: file.size("min_buffers", 1).min(buffers),
        buffer_bytes: file.size("buffer_size", 16_393),
        target_bytes: TARGET_BYTES.min(file.size("buffer_size", 16_393)),
        fields: FIELDS,
        pipes: (buffers / 2).clamp(1, 256),
        pipe_bytes: or_default(file.size("splice_pipe_capacity_bytes", 0), DEFAULT_PIPE_BYTES),
        log_bytes: LOG_BYTES,
    }
}

fn or_default(value: usize, default: usize) -> usize {
    if value == 0 { default } else { value }
}

fn read_listener(
    table: &Reader<'_>,
    inherited: &Inherited,
    state: &mut State,
    places: &mut Places,
    report: &mut Report,
) {
    let Some(address) = table.address("address") else { return };
    let span = table.span_of("address");
    if let Some(first) = places.listeners.insert(address, span.clone()) {
        let message = format!("there are two listeners on {address}");
        report.push(Diagnostic::error(span, message).label("again").other(first, "first"));
        return;
    }
    let mut listener = default_listener(address, inherited);
    listener.public_address = table.address("public_address");
    listener.front_timeout = table.seconds("front_timeout", listener.front_timeout);
    listener.back_timeout = table.seconds("back_timeout", listener.back_timeout);
    listener.connect_timeout = table.seconds("connect_timeout", listener.connect_timeout);
    listener.request_timeout = table.seconds("request_timeout", listener.request_timeout);
    listener.elide_x_real_ip = table.flag("elide_x_real_ip", false);
    listener.send_x_real_ip = table.flag("send_x_real_ip", false);
    for (key, name) in [
        ("sticky_name", &mut listener.sticky_name),
        ("sozu_id_header", &mut listener.sozu_id_header),
    ] {
        if let Some(text) = token(table, key, report) {
            *name = text;
        }
    }
    listener.answers = answers(table, &LEGACY_ANSWERS, report);
    state.listeners.insert(address, listener);
}

fn default_listener(address: SocketAddr, inherited: &Inherited) -> Listener {
    Listener {
        address,
        public_address: None,
        front_timeout: inherited.timeouts.front,
        back_timeout: inherited.timeouts.back,
        connect_timeout: inherited.timeouts.connect,
        request_timeout: inherited.timeouts.request,
        sticky_name: "SOZUBALANCEID".into(),
        sozu_id_header: "Sozu-Id".into(),
        elide_x_real_ip: false,
        send_x_real_ip: false,
        answers: Answers::new(),
        active: inherited.active,
    }
}

/// A name of a field or cookie.
pub(super) fn token(table: &Reader<'_>, key: &str, report: &mut Report) -> Option<String> {
    let text = table.text(key)?;
    let is_token = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
    if text.is_empty() || !text.bytes().all(is_token) {
        let message = format!("`{key}` is a name of letters, digits and a few signs (RFC 9110)");
        report.push(Diagnostic::error(table.span_of(key), message).label("not a name"));
        return None;
    }
    Some(text.to_owned())
}

/// Templates by status: legacy keys first, then `answers`, which wins.
fn answers(table: &Reader<'_>, legacy: &[(&str, u16)], report: &mut Report) -> Answers {
    let mut answers = BTreeMap::new();
    for (key, status) in legacy {
        if let Some(path) = table.text(key) {
            let text = read_template(path, table.span_of(key), report);
            add_answer(*status, text, table.span_of(key), &mut answers, report);
        }
    }
    for (name, value, span) in table.text_map("answers") {
        if value.is_empty() {
            continue;
        }
        let Some(status) = name.parse().ok().filter(|status| (200..600).contains(status)) else {
            let message = format!("`{name}` is not a status; write one such as `\"503\"`");
            report.push(Diagnostic::error(span, message));
            continue;
        };
        let text = match value.strip_prefix("file://") {
            Some(path) => read_template(path, span.clone(), report),
            None => Some(value.to_owned()),
        };
        add_answer(status, text, span, &mut answers, report);
    }
    answers
}

fn read_template(path: &str, span: Range<usize>, report: &mut Report) -> Option<String> {
    std::fs::read_to_string(path)
        .map_err(|error| {
            let message = format!("the answer file `{path}` cannot be read: {error}");
            let help = "paths are relative to the working directory";
            report.push(Diagnostic::error(span, message).help(help));
        })
        .ok()
}

fn add_answer(
    status: u16,
    text: Option<String>,
    span: Range<usize>,
    answers: &mut Answers,
    report: &mut Report,
) {
    let Some(text) = text else { return };
    if let Err(error) = Template::compile(Some(status), &text) {
        let message = format!("the answer for {status} is not a template");
        report.push(Diagnostic::error(span, message).label(error.to_string()));
    }
    answers.insert(status, text);
}

fn read_cluster(
    id: &str,
    table: &Reader<'_>,
    inherited: &Inherited,
    report: &mut Report,
) -> Cluster {
    let limit = table.number("max_connections_per_ip").unwrap_or(inherited.max_connections_per_ip);
    let retry_after = table.number("retry_after").unwrap_or(inherited.retry_after);
    Cluster {
        id: id.to_owned(),
        load_balancing: load_balancing(table, report),
        load_metric: match table.text("load_metric") {
            Some("REQUESTS") => LoadMetric::Requests,
            Some("CONNECTION_TIME") => LoadMetric::ConnectionTime,
            _ => LoadMetric::Connections,
        },
        sticky_session: table.flag("sticky_session", false),
        https_redirect: table.flag("https_redirect", false),
        https_redirect_port: table.port("https_redirect_port"),
        answers: answers(table, &[("answer_503", 503)], report),
        authorized_hashes: hashes(table, report),
        www_authenticate: field_value(table, "www_authenticate", report),
        max_connections_per_ip: Some(limit).filter(|limit| *limit > 0),
        retry_after: u32::try_from(retry_after).ok().filter(|seconds| *seconds > 0),
    }
}

fn read_frontends(
    cluster: &str,
    table: &Reader<'_>,
    places: &mut Places,
    report: &mut Report,
) -> Vec<Frontend> {
    let tables = table.tables("frontends");
    tables.iter().filter_map(|table| read_frontend(cluster, table, places, report)).collect()
}

fn read_backends(cluster: &str, table: &Reader<'_>, report: &mut Report) -> Vec<Backend> {
    let mut ids = HashMap::new();
    let tables = table.tables("backends");
    let backends = tables.iter().enumerate();
    backends.filter_map(|(index, t)| read_backend(cluster, index, t, &mut ids, report)).collect()
}

fn load_balancing(table: &Reader<'_>, report: &mut Report) -> LoadBalancing {
    match table.text("load_balancing") {
        Some("RANDOM") => LoadBalancing::Random,
        Some("LEAST_LOADED") => LoadBalancing::LeastLoaded,
        Some("POWER_OF_TWO") => LoadBalancing::PowerOfTwo,
        Some(policy @ ("HRW" | "MAGLEV")) => {
            let message = format!("`{policy}` is not supported by this version of Weir");
            let help = "use ROUND_ROBIN, RANDOM, LEAST_LOADED or POWER_OF_TWO";
            report.push(Diagnostic::error(table.span_of("load_balancing"), message).help(help));
            LoadBalancing::RoundRobin
        }
        _ => LoadBalancing::RoundRobin,
    }
}

fn hashes(table: &Reader<'_>, report: &mut Report) -> Vec<String> {
    let is_hash = |text: &str| {
        text.rsplit_once(':').is_some_and(|(user, hash)| {
            let hex = |b: u8| b.is_ascii_digit() || (b'a'..=b'f').contains(&b);
            !user.is_empty() && hash.len() == 64 && hash.bytes().all(hex)
        })
    };
    let texts = table.texts("authorized_hashes");
    for (_, span) in texts.iter().filter(|(text, _)| !is_hash(text)) {
        let message = "an authorized hash is `user:` and 64 lower-case hex digits (SHA-256)";
        report.push(Diagnostic::error(span.clone(), message).label("not a hash"));
    }
    texts.into_iter().map(|(text, _)| text.to_owned()).collect()
}

/// Text that can stand in a field.
pub(super) fn field_value(table: &Reader<'_>, key: &str, report: &mut Report) -> Option<String> {
    let text = table.text(key)?;
    if text.chars().any(|c| c.is_control() && c != '\t') {
        let message = format!("`{key}` has a control character, which no field may hold");
        report.push(Diagnostic::error(table.span_of(key), message));
        return None;
    }
    Some(text.to_owned())
}
