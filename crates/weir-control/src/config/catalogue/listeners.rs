//! Keys of listeners.

use super::tls::{CHAIN, HSTS, KEY};
use super::words::{ListenerProtocol, Version, words};
use super::{HTTP2, Harmless, Key, Kind, Later, PROXY, Section, UDP, Without};
use super::{flag, key, number, optional, required, text};
use crate::state::ClientAuth;

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
        key("tls_versions", VERSIONS, Without::Other("both"), "Served: `TLS_V12`, `TLS_V13`."),
        key("cipher_list", Kind::Texts, Without::Other("the usual ones"), CIPHERS),
        optional(
            "cipher_suites",
            Kind::Texts,
            "Without effect; `cipher_list` is for all versions.",
        ),
        key("groups_list", Kind::Texts, Without::Other("the usual ones"), GROUPS),
        optional("certificate", Kind::Text, DEFAULT_CERTIFICATE),
        CHAIN,
        KEY,
        number("send_tls13_tickets", Kind::Number(0, 16), 4, "Session tickets for each client."),
        key("alpn_protocols", Kind::Texts, Without::Other("`h2`, `http/1.1`"), ALPN),
        flag("strict_sni_binding", true, STRICT),
        flag(
            "disable_http11",
            false,
            "Close connections on which `h2` was not agreed on; `alpn_protocols` must be `[\"h2\"]` then.",
        ),
        optional("hsts", Kind::Table(&HSTS), "`Strict-Transport-Security` of responses."),
        text("client_auth", Kind::Word(words::<ClientAuth>), "none", CLIENT_AUTH),
        optional("client_ca", Kind::Text, "PEM file with the authorities of client certificates."),
        optional("client_crl", Kind::Text, "PEM file with the revocation lists of these."),
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
            names: &["max_rx_datagram_size", "max_flows"],
            remedy: UDP,
            harmless: Harmless::Never,
        },
    ],
};

const PUBLIC: &str =
    "What clients connect to, when that differs: in `X-Forwarded-Port` and `Forwarded`.";

const VERSIONS: Kind = Kind::Words(words::<Version>);
const CIPHERS: &str = "Cipher suites, most wanted first, as `TLS13_AES_256_GCM_SHA384`.";
const GROUPS: &str = "Groups of the key exchange, most wanted first, as `X25519MLKEM768`.";
const DEFAULT_CERTIFICATE: &str =
    "PEM file with the certificate for clients that name no host, or one without a certificate.";
const ALPN: &str = "Protocols of the application, most wanted first.";
const STRICT: &str = "Answer 421 to hosts that the certificate of the connection does not cover.";
const CLIENT_AUTH: &str = "Whether clients are asked for a certificate.";
