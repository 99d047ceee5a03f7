//! Keys of the top level.

use weir_base::Limits;

use super::access::LIST;
use super::tls::TLS;
use super::words::{AccessFormat, LineFormat, OnStart, words};
use super::{CLUSTER, DAY_SECONDS, Key, Kind, LISTENER, Section, Without};
use super::{PER_IP, RETRY_AFTER, flag, key, number, optional, text};
use crate::metrics::Detail;

const fn seconds(name: &'static str, default: u64, doc: &'static str) -> Key {
    number(name, Kind::Seconds, default, doc)
}

const FRAME: Kind = Kind::Number(4096, 1 << 30);
const UIDS: Kind = Kind::Numbers(0, u32::MAX as u64);

/// The top level.
pub(in super::super) static FILE: Section = Section {
    name: "the file",
    heading: "Top level",
    keys: &[
        number("worker_count", Kind::Number(1, 1024), 2, "Worker processes, each with one thread."),
        flag("worker_automatic_restart", true, "Replace workers that die."),
        seconds("worker_timeout", 10, "How long main waits for an answer of a worker."),
        key("orphan_timeout", Kind::Seconds, Without::Other("for ever"), ORPHANS),
        flag("handle_process_affinity", false, "Keep each worker on a core of its own."),
        optional("pid_file_path", Kind::Text, "File that main writes its process id to."),
        key("command_socket", Kind::Text, Without::Other("no control socket"), SOCKET),
        number("command_buffer_size", FRAME, 1_000_000, "Bytes of a buffer of a client at first."),
        number("max_command_buffer_size", FRAME, 2_000_000, LONGEST_FRAME),
        key("command_allowed_uids", UIDS, Without::Other("who can open the socket"), ALLOWED),
        number("ctl_command_timeout", Kind::Number(0, DAY_SECONDS * 1000), 1000, CLIENT_TIMEOUT),
        optional("saved_state", Kind::Text, SAVED_STATE),
        flag("automatic_state_save", false, "Save to `saved_state` after each change."),
        flag("activate_listeners", true, "Accept connections on the listeners of the file."),
        number("max_connections", Kind::Number(1, 10_000_000), 10_000, CONNECTIONS),
        number("slab_entries_per_connection", Kind::Number(2, 32), 4, SLAB),
        number("min_buffers", Kind::Number(0, 10_000_000), 1, "Buffers of a worker at its start."),
        number("max_buffers", Kind::Number(2, 10_000_000), 1000, BUFFERS),
        number("buffer_size", Kind::Number(4096, 16 << 20), 16_393, BUFFER),
        seconds("front_timeout", 60, "Longest inactivity of a client."),
        seconds("back_timeout", 30, "Longest inactivity of a backend."),
        seconds("connect_timeout", 3, "Longest wait for a connection to a backend."),
        seconds("request_timeout", 10, "Longest wait for a complete request head."),
        seconds("zombie_check_interval", 1800, "Period of the sweep for stuck sessions."),
        seconds("accept_queue_timeout", 60, ACCEPT_QUEUE),
        flag("evict_on_queue_full", false, EVICT),
        number("max_connections_per_ip", PER_IP, 0, CONNECTIONS_PER_IP),
        number("max_connections_per_subnet", PER_IP, 0, CONNECTIONS_PER_SUBNET),
        number("subnet_ipv4_prefix", Kind::Number(0, 32), 32, "Bits that a subnet shares."),
        number("subnet_ipv6_prefix", Kind::Number(0, 128), 128, "The same with IPv6."),
        number(
            "retry_after",
            RETRY_AFTER,
            60,
            "Seconds in `Retry-After` of a 429; 0: no such field.",
        ),
        number("basic_auth_max_credential_bytes", Kind::Number(0, 1 << 20), 4096, CREDENTIALS),
        number("splice_pipe_capacity_bytes", Kind::Number(0, 1 << 20), 65_536, PIPE),
        text(
            "log_level",
            Kind::Text,
            "info",
            "What is logged: `level` or `module=level`, by commas.",
        ),
        text("log_target", Kind::Text, "stdout", TARGET),
        text("log_format", Kind::Word(words::<LineFormat>), "text", LINE_FORMAT),
        key("log_colored", Kind::Flag, Without::Other("where they go to a terminal"), COLORED),
        key("access_logs_target", Kind::Text, Without::Other("`log_target`"), ACCESS_TARGET),
        text("access_logs_format", Kind::Word(words::<AccessFormat>), "ascii", ACCESS_FORMAT),
        optional("access_logs_template", Kind::Text, ACCESS_TEMPLATE),
        number("access_logs_sampling", Kind::Number(1, 1_000_000), 1, ACCESS_SAMPLING),
        key("access_logs_colored", Kind::Flag, Without::Other("`log_colored`"), ACCESS_COLORED),
        flag("disable_cluster_metrics", false, "Count nothing for clusters and backends."),
        optional("metrics", Kind::Table(&METRICS), "Where metrics are sent to."),
        optional("audit_logs_target", Kind::Text, AUDIT),
        optional("audit_logs_json_target", Kind::Text, AUDIT_JSON),
        optional("state", Kind::Table(&STATE), "Where the state is stored, and what it is for."),
        optional("tls", Kind::Table(&TLS), "What holds for TLS everywhere."),
        optional("lists", Kind::TableMap(&LIST), "Lists of addresses, by a name of your choice."),
        optional("listeners", Kind::Tables(&LISTENER), "Addresses to accept connections on."),
        optional(
            "clusters",
            Kind::TableMap(&CLUSTER),
            "Groups of backends, by an id of your choice.",
        ),
    ],
    later: &[],
};

/// Metrics.
static METRICS: Section = Section {
    name: "the metrics",
    heading: "`[metrics]`",
    keys: &[
        optional("address", Kind::Address, STATSD),
        flag("tagged_metrics", false, "Labels are tags (InfluxDB), not parts of names."),
        text("prefix", Kind::Text, "sozu", "The first part of names."),
        text("detail", Kind::Word(words::<Detail>), "cluster", DETAIL),
        number("max_scopes", Kind::Number(1, 1 << 18), Limits::SCOPES as u64, SCOPES),
    ],
    later: &[],
};

/// The stored state.
static STATE: Section = Section {
    name: "the state",
    heading: "`[state]`",
    keys: &[
        key("path", Kind::Text, Without::Other("`command_socket` and `.state`"), STORE),
        text("on_start", Kind::Word(words::<OnStart>), "stored", ON_START),
    ],
    later: &[],
};

const STATSD: &str =
    "Where metrics are sent to once a second, by UDP; without it, they are sent nowhere.";
const SCOPES: &str = "Clusters and backends that each worker tells apart; what is beyond is \
                      counted together, the heaviest by name.";
const DETAIL: &str = "What is told apart, in answers of Weir too; `frontend` is the same as \
                      `process`.";
const ORPHANS: &str =
    "How long workers serve without main, if it dies, before they finish and end.";
const STORE: &str = "File that every change is stored in; if relative, beside this file.";
const ON_START: &str = "What is served at the start: what was `stored` last, or the `file` again.";
const SOCKET: &str = "Path of the control socket; if relative, beside the file.";
const LONGEST_FRAME: &str = "Bytes of the longest request or answer on the control socket.";
const ALLOWED: &str = "Numbers of the users that may ask for something on the control socket.";
const CLIENT_TIMEOUT: &str =
    "**Milliseconds** that commands wait for each answer of Weir; 0: for ever.";
const SAVED_STATE: &str =
    "State file whose requests follow those of this file at the start; if relative, beside it.";
const CONNECTIONS: &str = "Client connections of a worker. Those beyond wait.";
const SLAB: &str = "One for a client connection, the others for connections to backends: a worker \
                    has at most this less one, times `max_connections`, of these.";
const BUFFERS: &str = "Buffers of a worker; an exchange takes two. Those without wait.";
const BUFFER: &str = "Bytes of a buffer: the largest message head.";
const ACCEPT_QUEUE: &str = "Longest wait of an accepted connection for a place.";
const EVICT: &str =
    "At `max_connections`, close the least recently active connections instead of waiting.";
const CONNECTIONS_PER_IP: &str = "Connections of one source address that may reach a cluster, in \
                                  all workers together; 0: any number.";
const CONNECTIONS_PER_SUBNET: &str = "The same of the addresses of one subnet.";
const CREDENTIALS: &str = "Largest decoded Basic credentials, in bytes; 0: the default.";
const PIPE: &str =
    "Bytes of a pipe that moves large bodies inside the kernel; 0: the default. See below.";
const TARGET: &str = "`stdout`, `file://<path>`, `udp://<ip:port>`, `tcp://<ip:port>`, \
                      `unix://<path>` (datagrams) or `unix-stream://<path>`.";
const ACCESS_TARGET: &str = "Where access-log records go, as `log_target`.";
const ACCESS_FORMAT: &str = "Format of access-log records.";
const ACCESS_TEMPLATE: &str =
    "A line of your own instead of `ascii`, with names of fields in braces.";
const ACCESS_SAMPLING: &str =
    "Of so many requests that went well, one has a record; all that failed have.";
const LINE_FORMAT: &str = "Log lines as text, or each as an object of JSON.";
const AUDIT: &str = "Where a line of text goes for each request of the control socket.";
const AUDIT_JSON: &str = "Where an object of JSON goes for each, in a line.";
const COLORED: &str = "Colours in log lines.";
const ACCESS_COLORED: &str = "Colours in access-log records.";
