//! Keys of listeners.

use super::access::{ALLOW, DENY, PROXY_FROM};
use super::tls::{CHAIN, HSTS, KEY};
use super::words::{ListenerProtocol, Version, words};
use super::{Key, Kind, Section, Without};
use super::{flag, key, number, optional, required, text};
use crate::check::{LEAST_HELLO_BYTES, MOST_HELLO_BYTES};
use crate::state::{ClientAuth, DATAGRAM_BYTES, H2, HELLO_BYTES, LONGEST_DATAGRAM};

const fn inherited(name: &'static str, doc: &'static str) -> Key {
    key(name, Kind::Seconds, Without::Other("top level"), doc)
}

const fn legacy(name: &'static str) -> Key {
    optional(name, Kind::Text, "Path of a file with that answer. `answers` is preferred and wins.")
}

/// A bound of HTTP/2, as it is declared for the state.
const fn h2(name: &'static str, doc: &'static str) -> Key {
    let (_, bare) = name.as_bytes().split_at(3);
    let mut at = 0;
    while at < H2::KEYS.len() {
        let known = &H2::KEYS[at];
        if same(known.name.as_bytes(), bare) {
            return number(name, Kind::Number(known.least, known.most), known.default, doc);
        }
        at += 1;
    }
    panic!("the state has no such bound")
}

const fn same(a: &[u8], b: &[u8]) -> bool {
    let mut at = 0;
    while at < a.len() && at < b.len() && a[at] == b[at] {
        at += 1;
    }
    at == a.len() && at == b.len()
}

/// An entry of `[[listeners]]`.
pub(in super::super) static LISTENER: Section = Section {
    name: "a listener",
    heading: "`[[listeners]]`",
    keys: &[
        required("address", Kind::Address, "Where to accept connections."),
        required("protocol", Kind::Word(words::<ListenerProtocol>), "What clients speak."),
        key("public_address", Kind::Address, Without::Other("`address`"), PUBLIC),
        flag("expect_proxy", false, EXPECT_PROXY),
        PROXY_FROM,
        flag("mptcp", false, MPTCP),
        ALLOW,
        DENY,
        inherited("front_timeout", "Longest inactivity of a client; on `udp`, 30 without it."),
        inherited("back_timeout", "Longest inactivity of a backend; on `udp`, 30 without it."),
        inherited("connect_timeout", "Longest wait for a connection to a backend."),
        inherited("request_timeout", "Longest wait for a complete request head."),
        number("sni_preread_timeout", Kind::Seconds, 5, HELLO_TIMEOUT),
        number("sni_preread_max_bytes", HELLO, HELLO_BYTES as u64, HELLO_SIZE),
        number("max_rx_datagram_size", DATAGRAM, DATAGRAM_BYTES as u64, DATAGRAM_SIZE),
        number("max_flows", FLOWS, 0, MOST_FLOWS),
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
        flag("disable_http11", false, ONLY_H2),
        h2("h2_max_rst_stream_per_window", "RST_STREAM from a client in a second."),
        h2("h2_max_ping_per_window", "PING from a client in a second."),
        h2("h2_max_settings_per_window", "SETTINGS from a client in a second."),
        h2("h2_max_empty_data_per_window", "DATA without content or end in a second."),
        h2("h2_max_window_update_stream0_per_window", "WINDOW_UPDATE by a few bytes in a second."),
        h2("h2_max_continuation_frames", "CONTINUATION frames of one header block."),
        h2("h2_max_glitch_count", "Other frames without use in a second."),
        h2("h2_max_rst_stream_lifetime", "RST_STREAM from a client on a connection."),
        h2("h2_max_rst_stream_abusive_lifetime", "The same, before a response began."),
        h2("h2_max_rst_stream_emitted_lifetime", "RST_STREAM that a client made the proxy send."),
        h2("h2_max_header_list_size", "Bytes of a head, and 32 for each field."),
        h2("h2_max_header_table_size", "Bytes of the client's header table that are used."),
        h2("h2_max_header_fields", "Fields of a head, pieces of a cookie counted."),
        h2("h2_initial_connection_window", "Bytes under way from a client, of all streams."),
        h2("h2_max_concurrent_streams", "Streams of a connection at once."),
        h2("h2_stream_shrink_ratio", "Without effect: streams hold no memory that could shrink."),
        h2("h2_stream_idle_timeout_seconds", STREAM_IDLE),
        h2("h2_graceful_shutdown_deadline_seconds", GRACEFUL),
        optional("hsts", Kind::Table(&HSTS), "`Strict-Transport-Security` of responses."),
        text("client_auth", Kind::Word(words::<ClientAuth>), "none", CLIENT_AUTH),
        optional("client_ca", Kind::Text, "PEM file with the authorities of client certificates."),
        optional("client_crl", Kind::Text, "PEM file with the revocation lists of these."),
    ],
    later: &[],
};

const DATAGRAM: Kind = Kind::Number(1, LONGEST_DATAGRAM as u64);
const FLOWS: Kind = Kind::Number(0, u32::MAX as u64);
const DATAGRAM_SIZE: &str = "On `udp`, bytes of a client's datagram; longer ones are dropped.";
const MOST_FLOWS: &str =
    "On `udp`, flows in each worker; 0: as many as it has descriptors and connections for.";
const EXPECT_PROXY: &str =
    "Connections begin with a header of the PROXY protocol. Not beside `public_address`.";
const MPTCP: &str = "Clients may use several paths at once (RFC 8684); others have TCP as ever. It \
                     needs `net.mptcp.enabled`.";
const HELLO: Kind = Kind::Number(LEAST_HELLO_BYTES as u64, MOST_HELLO_BYTES as u64);
const HELLO_TIMEOUT: &str = "On `tcp`, longest wait for the ClientHello that says where to go.";
const HELLO_SIZE: &str = "On `tcp`, bytes of a ClientHello that are looked at.";
const STREAM_IDLE: &str =
    "Seconds that a client may keep a stream waiting; 0: `back_timeout`, and 30 at least.";
const GRACEFUL: &str =
    "Seconds that streams may go on when the worker stops; 0: as long as it takes.";
const PUBLIC: &str =
    "What clients connect to, when that differs: in `X-Forwarded-Port` and `Forwarded`.";

const VERSIONS: Kind = Kind::Words(words::<Version>);
const CIPHERS: &str = "Cipher suites, most wanted first, as `TLS13_AES_256_GCM_SHA384`.";
const GROUPS: &str = "Groups of the key exchange, most wanted first, as `X25519MLKEM768`.";
const DEFAULT_CERTIFICATE: &str =
    "PEM file with the certificate for clients that name no host, or one without a certificate.";
const ONLY_H2: &str =
    "Close connections that did not agree on `h2`; `alpn_protocols` must be `[\"h2\"]` then.";
const ALPN: &str = "Protocols of the application, most wanted first.";
const STRICT: &str = "Answer 421 to hosts that the certificate of the connection does not cover.";
const CLIENT_AUTH: &str = "Whether clients are asked for a certificate.";
