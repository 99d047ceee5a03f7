//! Every key of the file, defined once: the checker, the JSON Schema and the documentation are made
//! from these tables.

/// A table of the file.
#[derive(Debug)]
pub(super) struct Section {
    /// How messages name it.
    pub(super) title: &'static str,
    pub(super) keys: &'static [Key],
}

/// A key of a table.
#[derive(Debug)]
pub(super) struct Key {
    pub(super) name: &'static str,
    pub(super) kind: Kind,
    pub(super) need: Need,
    /// The default in words; empty for none.
    pub(super) default: &'static str,
    pub(super) doc: &'static str,
    pub(super) support: Support,
}

/// Whether a key must be there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Need {
    Required,
    Optional,
}

/// What a value looks like.
#[derive(Debug)]
pub(super) enum Kind {
    Bool,
    /// Between these bounds, both included.
    Integer(u64, u64),
    Text,
    /// `ip:port`
    Address,
    /// One of these words.
    Word(&'static [&'static str]),
    Texts,
    /// Keys of the user's choice, text values.
    TextMap,
    Table(&'static Section),
    Tables(&'static Section),
    /// Keys of the user's choice, tables of one kind.
    TableMap(&'static Section),
    /// Not looked into: belongs to a later version.
    Anything,
}

/// Whether this version carries a key out.
#[derive(Debug)]
pub(super) enum Support {
    Now,
    /// Refused, with what to do; unless the value asks for nothing.
    Later(&'static str, Neutral),
}

/// A value that asks for nothing.
#[derive(Debug)]
pub(super) enum Neutral {
    Never,
    False,
    Word(&'static str),
}

const fn key(name: &'static str, kind: Kind, default: &'static str, doc: &'static str) -> Key {
    Key { name, kind, need: Need::Optional, default, doc, support: Support::Now }
}

const fn required(name: &'static str, kind: Kind, doc: &'static str) -> Key {
    Key { name, kind, need: Need::Required, default: "", doc, support: Support::Now }
}

const fn later(name: &'static str, remedy: &'static str) -> Key {
    let support = Support::Later(remedy, Neutral::Never);
    Key { name, kind: Kind::Anything, need: Need::Optional, default: "", doc: remedy, support }
}

const fn later_flag(name: &'static str, remedy: &'static str) -> Key {
    let support = Support::Later(remedy, Neutral::False);
    Key { name, kind: Kind::Bool, need: Need::Optional, default: "false", doc: remedy, support }
}

const SECONDS: Kind = Kind::Integer(1, 86_400 * 365);
const PORT: Kind = Kind::Integer(1, 65_535);

const CONTROL: &str = "the control socket is not in this version; remove the key";
const METRICS: &str = "metrics are not exported by this version; remove the key";
const AUDIT: &str = "there is nothing to audit without a control socket; remove the key";
const TLS: &str = "TLS is not in this version; remove the key";
const HTTP2: &str = "HTTP/2 is not in this version; remove the key";
const TCP: &str = "TCP and UDP are not in this version; remove the key";
const CHECKS: &str = "active health checks are not in this version; remove the table";
const PROXY: &str = "the PROXY protocol is not in this version; remove the key";

/// The top level.
pub(super) static FILE: Section = Section {
    title: "the file",
    keys: &[
        key("worker_count", Kind::Integer(1, 1024), "2", "Worker processes."),
        key("worker_automatic_restart", Kind::Bool, "true", "Replace workers that die."),
        key("worker_timeout", SECONDS, "10", "Seconds main waits for an answer of a worker."),
        key(
            "handle_process_affinity",
            Kind::Bool,
            "false",
            "Keep each worker on a core of its own.",
        ),
        key("pid_file_path", Kind::Text, "", "File for the process id of main."),
        key("activate_listeners", Kind::Bool, "true", "Accept on the listeners of the file."),
        key(
            "max_connections",
            Kind::Integer(1, 10_000_000),
            "10000",
            "Client connections of one worker.",
        ),
        key(
            "min_buffers",
            Kind::Integer(0, 10_000_000),
            "1",
            "Buffers of one worker at its start.",
        ),
        key(
            "max_buffers",
            Kind::Integer(2, 10_000_000),
            "1000",
            "Buffers of one worker; an exchange takes 2.",
        ),
        key(
            "buffer_size",
            Kind::Integer(4096, 16 << 20),
            "16393",
            "Bytes of a buffer: the largest message head.",
        ),
        key(
            "slab_entries_per_connection",
            Kind::Integer(2, 32),
            "4",
            "One for the client connection, the others for connections to backends.",
        ),
        key("front_timeout", SECONDS, "60", "Seconds of inactivity of a client."),
        key("back_timeout", SECONDS, "30", "Seconds of inactivity of a backend."),
        key("connect_timeout", SECONDS, "3", "Seconds to connect to a backend."),
        key("request_timeout", SECONDS, "10", "Seconds to receive a request head."),
        key("zombie_check_interval", SECONDS, "1800", "Seconds between sweeps for stuck sessions."),
        key(
            "accept_queue_timeout",
            SECONDS,
            "60",
            "Seconds an accepted connection waits for a session.",
        ),
        key(
            "evict_on_queue_full",
            Kind::Bool,
            "false",
            "At `max_connections`, close the least recently active sessions.",
        ),
        key(
            "max_connections_per_ip",
            Kind::Integer(0, 1 << 32),
            "0",
            "Connections of one source address that may reach one cluster, per worker; 0 for no \
             limit.",
        ),
        key(
            "retry_after",
            Kind::Integer(0, 1 << 31),
            "60",
            "Seconds in `Retry-After` of a 429; 0 for none.",
        ),
        key(
            "basic_auth_max_credential_bytes",
            Kind::Integer(0, 1 << 20),
            "4096",
            "Largest decoded Basic credentials; 0 for the default.",
        ),
        key(
            "splice_pipe_capacity_bytes",
            Kind::Integer(0, 1 << 20),
            "65536",
            "Bytes of a pipe that moves bodies inside the kernel; 0 for the default.",
        ),
        key("log_level", Kind::Text, "info", "Filter: `level` or `module=level`, comma separated."),
        key(
            "log_target",
            Kind::Text,
            "stdout",
            "`stdout`, `file://…`, `udp://…`, `tcp://…` or `unix://…`.",
        ),
        key("log_colored", Kind::Bool, "false", "Colours in log lines."),
        key("access_logs_target", Kind::Text, "`log_target`", "Where access-log records go."),
        Key {
            support: Support::Later(
                "only the format `ascii` is in this version",
                Neutral::Word("ascii"),
            ),
            ..key(
                "access_logs_format",
                Kind::Word(&["ascii", "protobuf"]),
                "ascii",
                "Format of access-log records.",
            )
        },
        key("access_logs_colored", Kind::Bool, "`log_colored`", "Colours in access-log records."),
        key("listeners", Kind::Tables(&LISTENER), "", "Addresses to accept on."),
        key("clusters", Kind::TableMap(&CLUSTER), "", "Groups of backends, by id."),
        later("command_socket", CONTROL),
        later("command_buffer_size", CONTROL),
        later("max_command_buffer_size", CONTROL),
        later("command_allowed_uids", CONTROL),
        later("ctl_command_timeout", CONTROL),
        later("saved_state", CONTROL),
        later_flag("automatic_state_save", CONTROL),
        later("audit_logs_target", AUDIT),
        later("audit_logs_json_target", AUDIT),
        later("metrics", METRICS),
        later_flag("disable_cluster_metrics", METRICS),
    ],
};

/// Statuses with a legacy template key.
pub(super) const LEGACY_ANSWERS: [(&str, u16); 12] = [
    ("answer_301", 301),
    ("answer_400", 400),
    ("answer_401", 401),
    ("answer_404", 404),
    ("answer_408", 408),
    ("answer_413", 413),
    ("answer_421", 421),
    ("answer_429", 429),
    ("answer_502", 502),
    ("answer_503", 503),
    ("answer_504", 504),
    ("answer_507", 507),
];

const fn legacy(at: usize) -> Key {
    key(LEGACY_ANSWERS[at].0, Kind::Text, "", "File with the answer; prefer `answers`.")
}

/// An entry of `[[listeners]]`.
pub(super) static LISTENER: Section = Section {
    title: "a listener",
    keys: &[
        required("address", Kind::Address, "Where to bind; `ip:port`."),
        Key {
            support: Support::Later(
                "only `http` listeners are in this version",
                Neutral::Word("http"),
            ),
            ..required(
                "protocol",
                Kind::Word(&["http", "https", "tcp", "udp"]),
                "Protocol of clients.",
            )
        },
        key(
            "public_address",
            Kind::Address,
            "`address`",
            "What clients connect to, when that differs.",
        ),
        later_flag("expect_proxy", PROXY),
        key("front_timeout", SECONDS, "global", "Seconds of inactivity of a client."),
        key("back_timeout", SECONDS, "global", "Seconds of inactivity of a backend."),
        key("connect_timeout", SECONDS, "global", "Seconds to connect to a backend."),
        key("request_timeout", SECONDS, "global", "Seconds to receive a request head."),
        key("sticky_name", Kind::Text, "SOZUBALANCEID", "Name of the sticky-session cookie."),
        key("sozu_id_header", Kind::Text, "Sozu-Id", "Name of the correlation field."),
        key("elide_x_real_ip", Kind::Bool, "false", "Remove `X-Real-IP` sent by clients."),
        key("send_x_real_ip", Kind::Bool, "false", "Add `X-Real-IP`."),
        key(
            "answers",
            Kind::TextMap,
            "",
            "Answer templates by status: text, or `file://` and a path.",
        ),
        legacy(0),
        legacy(1),
        legacy(2),
        legacy(3),
        legacy(4),
        legacy(5),
        legacy(6),
        legacy(7),
        legacy(8),
        legacy(9),
        legacy(10),
        legacy(11),
        later("h2_max_rst_stream_per_window", HTTP2),
        later("h2_max_ping_per_window", HTTP2),
        later("h2_max_settings_per_window", HTTP2),
        later("h2_max_empty_data_per_window", HTTP2),
        later("h2_max_window_update_stream0_per_window", HTTP2),
        later("h2_max_continuation_frames", HTTP2),
        later("h2_max_glitch_count", HTTP2),
        later("h2_max_rst_stream_lifetime", HTTP2),
        later("h2_max_rst_stream_abusive_lifetime", HTTP2),
        later("h2_max_rst_stream_emitted_lifetime", HTTP2),
        later("h2_max_header_list_size", HTTP2),
        later("h2_max_header_table_size", HTTP2),
        later("h2_max_header_fields", HTTP2),
        later("h2_initial_connection_window", HTTP2),
        later("h2_max_concurrent_streams", HTTP2),
        later("h2_stream_shrink_ratio", HTTP2),
        later("h2_stream_idle_timeout_seconds", HTTP2),
        later("h2_graceful_shutdown_deadline_seconds", HTTP2),
        later("tls_versions", TLS),
        later("cipher_list", TLS),
        later("cipher_suites", TLS),
        later("groups_list", TLS),
        later("certificate", TLS),
        later("certificate_chain", TLS),
        later("key", TLS),
        later("send_tls13_tickets", TLS),
        later("alpn_protocols", TLS),
        later("strict_sni_binding", TLS),
        later_flag("disable_http11", TLS),
        later("hsts", TLS),
        later("max_rx_datagram_size", TCP),
        later("max_flows", TCP),
    ],
};

/// A table of `[clusters]`.
pub(super) static CLUSTER: Section = Section {
    title: "a cluster",
    keys: &[
        Key {
            support: Support::Later(
                "only `http` clusters are in this version",
                Neutral::Word("http"),
            ),
            ..required("protocol", Kind::Word(&["http", "tcp"]), "Protocol of backends.")
        },
        required("frontends", Kind::Tables(&FRONTEND), "Which requests come here."),
        required("backends", Kind::Tables(&BACKEND), "Servers."),
        key("load_balancing", Kind::Word(&BALANCING), "ROUND_ROBIN", "How a backend is chosen."),
        key("load_metric", Kind::Word(&METRIC), "CONNECTIONS", "What load counts."),
        key("sticky_session", Kind::Bool, "false", "Keep a client on one backend with a cookie."),
        key("https_redirect", Kind::Bool, "false", "Redirect to https."),
        key("https_redirect_port", PORT, "443", "Port of that redirect."),
        later_flag("http2", HTTP2),
        key("answer_503", Kind::Text, "", "File with the answer; prefer `answers`."),
        key("answers", Kind::TextMap, "", "Answer templates by status, before the listener's."),
        key("authorized_hashes", Kind::Texts, "", "`user:` and the hex SHA-256 of the password."),
        key("www_authenticate", Kind::Text, "", "Challenge of a 401."),
        key(
            "max_connections_per_ip",
            Kind::Integer(0, 1 << 32),
            "global",
            "Connections of one source address, per worker; 0 for no limit.",
        ),
        key(
            "retry_after",
            Kind::Integer(0, 1 << 31),
            "global",
            "Seconds in `Retry-After` of a 429; 0 for none.",
        ),
        later_flag("send_proxy", PROXY),
        later("health_check", CHECKS),
        later("udp", TCP),
    ],
};

/// Policies, the last two of a later version.
pub(super) const BALANCING: [&str; 6] =
    ["ROUND_ROBIN", "RANDOM", "LEAST_LOADED", "POWER_OF_TWO", "HRW", "MAGLEV"];

/// Load metrics.
pub(super) const METRIC: [&str; 3] = ["CONNECTIONS", "REQUESTS", "CONNECTION_TIME"];

/// An entry of `frontends`.
pub(super) static FRONTEND: Section = Section {
    title: "a frontend",
    keys: &[
        required("address", Kind::Address, "The listener."),
        required("hostname", Kind::Text, "A name, `*.suffix`, `*`, or labels with `/regex/`."),
        key("path", Kind::Text, "everything", "Path, matched without the query."),
        key(
            "path_type",
            Kind::Word(&["PREFIX", "REGEX", "EQUALS"]),
            "PREFIX",
            "How the path is matched.",
        ),
        key("method", Kind::Text, "any", "Method."),
        key(
            "position",
            Kind::Word(&["PRE", "TREE", "POST"]),
            "TREE",
            "Section of the routing table.",
        ),
        key("tags", Kind::TextMap, "", "Tags for the access log."),
        key("redirect", Kind::Word(&REDIRECT), "forward", "What to do instead of forwarding."),
        key("redirect_scheme", Kind::Word(&SCHEME), "use-same", "Scheme of the location."),
        key("redirect_template", Kind::Text, "", "Template of the redirect answer."),
        key(
            "rewrite_host",
            Kind::Text,
            "",
            "Template of the host, with `$HOST[n]` and `$PATH[n]`.",
        ),
        key("rewrite_path", Kind::Text, "", "Template of path and query."),
        key("rewrite_port", PORT, "", "Port of the location."),
        key("required_auth", Kind::Bool, "false", "Basic authentication needed."),
        key("headers", Kind::Tables(&HEADER), "", "Field edits."),
        later("certificate", TLS),
        later("key", TLS),
        later("certificate_chain", TLS),
        later("tls_versions", TLS),
        later("hsts", TLS),
    ],
};

/// Redirect policies.
pub(super) const REDIRECT: [&str; 5] =
    ["forward", "permanent", "found", "permanent_redirect", "unauthorized"];

/// Schemes, in both spellings.
pub(super) const SCHEME: [&str; 6] =
    ["use-same", "use-http", "use-https", "use_same", "use_http", "use_https"];

/// An entry of `backends`.
pub(super) static BACKEND: Section = Section {
    title: "a backend",
    keys: &[
        required("address", Kind::Address, "Where it listens."),
        key("backend_id", Kind::Text, "`<cluster>-<index>-<address>`", "Its id."),
        key("weight", Kind::Integer(0, 255), "100", "Share of the traffic."),
        key("sticky_id", Kind::Text, "`backend_id`", "Value of the sticky cookie."),
        key("backup", Kind::Bool, "false", "Used only when no other is usable."),
    ],
};

/// An entry of `headers`.
pub(super) static HEADER: Section = Section {
    title: "a header edit",
    keys: &[
        required("position", Kind::Word(&["request", "response", "both"]), "Which messages."),
        required("key", Kind::Text, "Field name."),
        required("value", Kind::Text, "Field value; empty deletes."),
    ],
};
