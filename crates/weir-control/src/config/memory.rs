//! The most memory that a configuration can come to use.
//!
//! A function of [`Limits`], of the sizes of what a worker keeps and of the number of regular
//! expressions; `docs/configuration.md` has the formula. Not in it: what else routes are made of,
//! which is as large as the file makes it, and socket buffers, which are the kernel's.

use weir_balance::limiter::Limiter;
use weir_base::{CidrSet, Limits};
use weir_route::{REGEX_MEMORY, Rule};
use weir_telemetry::{Fine, Scope, Time};

use super::Checked;
use crate::state::RateLimit;

/// Bytes of a connection with TLS beside its session: keys, and what an idle one has allocated.
const TLS_CONNECTION: usize = 12 << 10;
/// Bytes of a connection that carries streams: its tables of fields (RFC 7541), what it knows of
/// each stream, and frames that a client does not read.
const MULTIPLEX: usize = 40 << 10;
/// Bytes of a certificate with its key, parsed; its issuers are kept once.
const CERTIFICATE: usize = 4 << 10;

/// Bytes of what main keeps of one of them for one worker: what it has told, or what those before
/// it in its slot had counted.
pub const ACCOUNT: usize = 8 << 10;

/// Clusters and backends whose times main keeps for windows, at most, and how often.
pub const MOST_WINDOWED: usize = 1 << 10;
/// How many times of the past are kept of each.
pub const SNAPSHOTS: usize = 13;
/// Bytes of one.
const SNAPSHOT: usize = 3 << 10;

/// Bytes of the things a worker keeps, which only the worker knows.
#[derive(Clone, Copy, Debug)]
pub struct Sizes {
    /// A session, its timers and queue places included.
    pub session: usize,
    /// An exchange under way.
    pub exchange: usize,
    /// A connection to a backend, its timers included.
    pub backend_connection: usize,
    /// What a buffer takes beyond `buffer_size`.
    pub buffer_extra: usize,
    /// A flow of datagrams.
    pub udp_flow: usize,
    /// What flows of datagrams share.
    pub udp_shared: usize,
    /// Buffers beside `max_buffers` for a given `max_buffers`.
    pub spare_buffers: usize,
    /// Buffers of TLS handshakes for a given `max_buffers`.
    pub handshake_buffers: usize,
    /// The program itself, without any connection.
    pub fixed: usize,
}

/// Bytes by what holds them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Memory {
    /// Message buffers.
    pub buffers: usize,
    /// Client connections.
    pub sessions: usize,
    /// Exchanges under way.
    pub exchanges: usize,
    /// Connections to backends.
    pub backend_connections: usize,
    /// Lines that wait for a log sink.
    pub logs: usize,
    /// Regular expressions of routes, compiled.
    pub regexes: usize,
    /// HTTP/2 of client connections.
    pub multiplexes: usize,
    /// TLS of client connections.
    pub tls: usize,
    /// Certificates and their keys.
    pub certificates: usize,
    /// Metrics of the worker, its clusters and backends.
    pub metrics: usize,
    /// What main keeps of the metrics of a worker, and of those before it.
    pub accounts: usize,
    /// What main keeps of the times of all, for windows.
    pub windows: usize,
    /// Of backend connections that carry streams.
    pub links: usize,
    /// Flows of datagrams.
    pub datagrams: usize,
    /// Lists of addresses, as they are in the file.
    pub lists: usize,
    /// What is left of limits of requests.
    pub rates: usize,
    /// The program itself.
    pub fixed: usize,
    /// Pipes, whose bytes are the kernel's: not in the sums.
    pub pipes: usize,
    /// Number of workers.
    pub workers: u16,
}

impl Memory {
    /// The worst case of a file.
    pub(super) fn worst_case(checked: &Checked, sizes: &Sizes) -> Self {
        let limits: &Limits = &checked.settings.limits;
        let handshakes = if ends_tls(checked) { sizes.handshake_buffers } else { 0 };
        let buffers = limits.buffers + sizes.spare_buffers + handshakes;
        Self {
            buffers: buffers * (limits.buffer_bytes + sizes.buffer_extra),
            sessions: limits.sessions * sizes.session,
            exchanges: limits.buffers.div_ceil(2) * sizes.exchange,
            backend_connections: limits.backend_connections * sizes.backend_connection,
            logs: limits.log_bytes,
            regexes: regexes(checked) * REGEX_MEMORY,
            multiplexes: limits.sessions * MULTIPLEX,
            links: if asks_http2(checked) { limits.backend_connections * MULTIPLEX } else { 0 },
            tls: if ends_tls(checked) { limits.sessions * TLS_CONNECTION } else { 0 },
            certificates: checked.state.certificates.len() * CERTIFICATE,
            datagrams: match checked.state.udp.is_empty() {
                true => 0,
                false => limits.sessions * sizes.udp_flow + sizes.udp_shared,
            },
            lists: checked.state.lists.values().flatten().map(CidrSet::bytes_of).sum(),
            rates: rates(checked),
            metrics: Time::ALL.len() * Fine::BYTES + scopes(checked) * Scope::BYTES,
            accounts: 2 * scopes(checked) * ACCOUNT,
            windows: SNAPSHOTS * scopes(checked).min(MOST_WINDOWED) * SNAPSHOT,
            fixed: sizes.fixed,
            pipes: limits.pipes * limits.pipe_bytes,
            workers: checked.main.worker_count,
        }
    }

    /// Of one worker.
    pub fn per_worker(&self) -> usize {
        self.buffers
            + self.sessions
            + self.exchanges
            + self.backend_connections
            + self.logs
            + self.regexes
            + self.multiplexes
            + self.links
            + self.tls
            + self.certificates
            + self.datagrams
            + self.lists
            + self.rates
            + self.metrics
            + self.fixed
    }

    /// Of all workers, and of main for them.
    pub fn total(&self) -> usize {
        (self.per_worker() + self.accounts) * usize::from(self.workers) + self.windows
    }
}

/// Lines that are left out where there is nothing.
const OPTIONAL: [&str; 6] = [
    "HTTP/2 of backend connections",
    "TLS of client connections",
    "certificates",
    "flows of datagrams",
    "lists of addresses",
    "limits of requests",
];

impl std::fmt::Display for Memory {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        writeln!(
            f,
            "worst-case memory of a worker, without kernel buffers and the text of routes:"
        )?;
        for (bytes, what) in [
            (self.buffers, "buffers"),
            (self.sessions, "client connections"),
            (self.exchanges, "exchanges"),
            (self.backend_connections, "backend connections"),
            (self.logs, "log lines"),
            (self.regexes, "regular expressions"),
            (self.multiplexes, "HTTP/2 of client connections"),
            (self.links, "HTTP/2 of backend connections"),
            (self.tls, "TLS of client connections"),
            (self.certificates, "certificates"),
            (self.datagrams, "flows of datagrams"),
            (self.lists, "lists of addresses"),
            (self.rates, "limits of requests"),
            (self.metrics, "metrics"),
            (self.fixed, "the program"),
        ] {
            if bytes == 0 && OPTIONAL.contains(&what) {
                continue;
            }
            writeln!(f, "  {:>10}  {what}", human(bytes))?;
        }
        writeln!(f, "  {:>10}  together", human(self.per_worker()))?;
        let accounts = human(self.accounts * usize::from(self.workers) + self.windows);
        writeln!(f, "  {accounts:>10}  metrics of all workers, which main keeps")?;
        writeln!(f, "  {:>10}  in all, workers: {}", human(self.total()), self.workers)?;
        write!(f, "  {:>10}  of the kernel besides: pipes of a worker", human(self.pipes))
    }
}

fn ends_tls(checked: &Checked) -> bool {
    checked.state.listeners.values().any(|listener| listener.tls.is_some())
}

fn asks_http2(checked: &Checked) -> bool {
    checked.state.clusters.values().any(|cluster| cluster.http2)
}

fn rates(checked: &Checked) -> usize {
    let of_clusters = checked.state.clusters.values().flat_map(|cluster| &cluster.rate_limits);
    let of_frontends = checked.state.frontends.iter().flat_map(|frontend| &frontend.rate_limits);
    let bytes = |limit: &RateLimit| Limiter::bytes(limit.by.is_some());
    of_clusters.chain(of_frontends).map(bytes).sum()
}

fn scopes(checked: &Checked) -> usize {
    // One more is for all others together.
    (checked.state.clusters.len() + checked.state.backends.len())
        .min(checked.settings.limits.scopes + 1)
}

fn regexes(checked: &Checked) -> usize {
    checked.state.frontends.iter().map(|frontend| Rule::from(frontend.id()).regexes()).sum()
}

fn human(bytes: usize) -> String {
    match bytes {
        0..=9_999 => format!("{bytes} B"),
        10_000..=10_238_976 => format!("{} KiB", bytes.div_ceil(1 << 10)),
        _ => format!("{} MiB", bytes.div_ceil(1 << 20)),
    }
}
