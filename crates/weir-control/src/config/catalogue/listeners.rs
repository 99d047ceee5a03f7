//! Keys of listeners.

use super::words::{ListenerProtocol, words};
use super::{HTTP2, Harmless, Key, Kind, Later, PROXY, Section, TLS, UDP, Without};
use super::{flag, key, optional, required, text};

const fn inherited(name: &'static str, doc: &'static str) -> Key {
    key(name, Kind::Seconds, Without::Other("top level"), doc)
}

const fn legacy(name: &'static str) -> Key {
    optional(name, Kind::Text, "Path of a file with that answer. `answers` is preferred and wins.")
}

/// An entry of `[[listeners]]`.
pub(in super::super) static LISTENER: Section = Section {
    name: "a listener",
    heading: "`[[listeners]]`",
    keys: &[
        required("address", Kind::Address, "Where to accept connections."),
        required("protocol", Kind::Word(words::<ListenerProtocol>), "What clients speak."),
        key("public_address", Kind::Address, Without::Other("`address`"), PUBLIC),
        inherited("front_timeout", "Longest inactivity of a client."),
        inherited("back_timeout", "Longest inactivity of a backend."),
        inherited("connect_timeout", "Longest wait for a connection to a backend."),
        inherited("request_timeout", "Longest wait for a complete request head."),
        text("sticky_name", Kind::Text, "SOZUBALANCEID", "Name of the sticky-session cookie."),
        text("sozu_id_header", Kind::Text, "Sozu-Id", "Name of the field with the request's id."),
        flag("elide_x_real_ip", false, "Remove `X-Real-IP` sent by clients."),
        flag("send_x_real_ip", false, "Add `X-Real-IP` with the client's address."),
        optional("answers", Kind::TextMap, "Answer by status: its text, or `file://` and a path."),
        legacy("answer_301"),
        legacy("answer_400"),
        legacy("answer_401"),
        legacy("answer_404"),
        legacy("answer_408"),
        legacy("answer_413"),
        legacy("answer_421"),
        legacy("answer_429"),
        legacy("answer_502"),
        legacy("answer_503"),
        legacy("answer_504"),
        legacy("answer_507"),
    ],
    later: &[
        Later { names: &["expect_proxy"], remedy: PROXY, harmless: Harmless::False },
        Later {
            names: &[
                "h2_max_rst_stream_per_window",
                "h2_max_ping_per_window",
                "h2_max_settings_per_window",
                "h2_max_empty_data_per_window",
                "h2_max_window_update_stream0_per_window",
                "h2_max_continuation_frames",
                "h2_max_glitch_count",
                "h2_max_rst_stream_lifetime",
                "h2_max_rst_stream_abusive_lifetime",
                "h2_max_rst_stream_emitted_lifetime",
                "h2_max_header_list_size",
                "h2_max_header_table_size",
                "h2_max_header_fields",
                "h2_initial_connection_window",
                "h2_max_concurrent_streams",
                "h2_stream_shrink_ratio",
                "h2_stream_idle_timeout_seconds",
                "h2_graceful_shutdown_deadline_seconds",
            ],
            remedy: HTTP2,
            harmless: Harmless::Never,
        },
        Later {
            names: &[
                "tls_versions",
                "cipher_list",
                "cipher_suites",
                "groups_list",
                "alpn_protocols",
            ],
            remedy: TLS,
            harmless: Harmless::EmptyList,
        },
        Later {
            names: &[
                "certificate",
                "certificate_chain",
                "key",
                "send_tls13_tickets",
                "strict_sni_binding",
                "hsts",
            ],
            remedy: TLS,
            harmless: Harmless::Never,
        },
        Later { names: &["disable_http11"], remedy: TLS, harmless: Harmless::False },
        Later {
            names: &["max_rx_datagram_size", "max_flows"],
            remedy: UDP,
            harmless: Harmless::Never,
        },
    ],
};

const PUBLIC: &str =
    "What clients connect to, when that differs: in `X-Forwarded-Port` and `Forwarded`.";
