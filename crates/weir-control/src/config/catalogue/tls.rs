//! Keys of TLS, where they are the same in several tables.

use super::{DAY_SECONDS, Key, Kind, Section, Without};
use super::{flag, key, number, optional, required};

/// A file with a certificate, of a frontend.
pub(super) const CERTIFICATE: Key =
    optional("certificate", Kind::Text, "PEM file with a certificate for its `https` listener.");
/// A file with the issuers of a certificate.
pub(super) const CHAIN: Key = optional(
    "certificate_chain",
    Kind::Text,
    "PEM file with its issuers, each behind what it issued.",
);
/// A file with the key of a certificate.
pub(super) const KEY: Key = optional("key", Kind::Text, "PEM file with its private key.");

/// Keys of a listener that say nothing on one without TLS.
pub(in super::super) const TLS_ONLY: [&str; 14] = [
    "tls_versions",
    "cipher_list",
    "cipher_suites",
    "groups_list",
    "certificate",
    "certificate_chain",
    "key",
    "send_tls13_tickets",
    "alpn_protocols",
    "strict_sni_binding",
    "disable_http11",
    "client_auth",
    "client_ca",
    "client_crl",
];

/// `Strict-Transport-Security`, RFC 6797.
pub(super) static HSTS: Section = Section {
    name: "a policy of HSTS",
    heading: "`hsts` of a listener or a frontend",
    keys: &[
        required("enabled", Kind::Flag, "False on a frontend: not even the listener's policy."),
        number("max_age", Kind::Number(0, u32::MAX as u64), YEAR, "Seconds; 0: forget it."),
        flag("include_subdomains", false, "For all names below, too."),
        flag("preload", false, "May be built into browsers."),
        flag("force_replace_backend", false, "Instead of the field of a backend."),
    ],
    later: &[],
};

const YEAR: u64 = 365 * DAY_SECONDS;

/// TLS towards the backends of a cluster.
pub(super) static CLUSTER_TLS: Section = Section {
    name: "the TLS of a cluster",
    heading: "`[clusters.<id>.tls]`",
    keys: &[
        flag("enabled", true, "False: as without the table."),
        key("ca", Kind::Text, Without::Other("whom the system trusts"), CA),
        key("server_name", Kind::Text, Without::Other("the host of the request"), SERVER_NAME),
        flag("verify", true, "False: any certificate will do."),
        optional("certificate", Kind::Text, "PEM file with what a backend that asks is shown."),
        CHAIN,
        KEY,
    ],
    later: &[],
};

const CA: &str = "PEM file with the authorities of the certificates of backends.";
const SERVER_NAME: &str = "The name that their certificates must have.";

/// What holds for TLS everywhere.
pub(super) static TLS: Section = Section {
    name: "the table `tls`",
    heading: "`[tls]`",
    keys: &[
        optional("ticket_key_file", Kind::Text, TICKET_KEYS),
        number("ticket_rotation", Kind::Seconds, 21_600, "How long a ticket key seals tickets."),
    ],
    later: &[],
};

const TICKET_KEYS: &str = "File with the keys of session tickets, shared by several hosts; if \
                           relative, beside this file.";
