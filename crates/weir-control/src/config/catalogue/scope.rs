//! Keys that are not for every protocol.

use super::{BACKEND, CLUSTER, FRONTEND, LISTENER, Section};

/// A table that may be of `http` or of `tcp`.
pub(in super::super) struct Scope {
    pub(in super::super) section: &'static Section,
    /// Keys that one of `tcp` may have.
    pub(in super::super) tcp: &'static [&'static str],
    /// Those of them that no other may have.
    pub(in super::super) only_tcp: &'static [&'static str],
}

/// Of listeners.
pub(in super::super) static LISTENER_SCOPE: Scope = Scope {
    section: &LISTENER,
    tcp: &[
        "address",
        "protocol",
        "public_address",
        "expect_proxy",
        "mptcp",
        "proxy_from",
        "allow",
        "deny",
        "front_timeout",
        "back_timeout",
        "connect_timeout",
        "sni_preread_timeout",
        "sni_preread_max_bytes",
    ],
    only_tcp: &["sni_preread_timeout", "sni_preread_max_bytes"],
};

/// Of clusters.
pub(in super::super) static CLUSTER_SCOPE: Scope = Scope {
    section: &CLUSTER,
    tcp: &[
        "protocol",
        "frontends",
        "backends",
        "load_balancing",
        "load_metric",
        "max_connections_per_ip",
        "max_connections_per_subnet",
        "rate_limits",
        "min_sessions",
        "max_sessions",
        "send_proxy",
        "udp",
        "tls",
        "health_check",
        "ejection",
        "slow_start",
        "retry_budget",
        "breaker",
        "access_log",
    ],
    only_tcp: &["send_proxy", "udp"],
};

/// Of frontends.
pub(in super::super) static FRONTEND_SCOPE: Scope = Scope {
    section: &FRONTEND,
    tcp: &["address", "sni", "alpn", "tags", "allow", "deny", "rate_limits"],
    only_tcp: &["sni", "alpn"],
};

/// Of backends.
pub(in super::super) static BACKEND_SCOPE: Scope =
    Scope { section: &BACKEND, tcp: &["address", "backend_id", "weight", "backup"], only_tcp: &[] };

impl Scope {
    /// What to do about a key of `http` where there is `tcp`.
    pub(in super::super) fn instead(&self, key: &str) -> &'static str {
        match key {
            "hostname" => "write `sni`: the name of the server that clients ask for in TLS",
            "request_timeout" => "`sni_preread_timeout` is the wait for a ClientHello",
            "certificate" | "certificate_chain" | "key" | "tls_versions" | "hsts" => {
                "TLS of clients is passed on unopened: an `https` listener ends it"
            }
            "max_rx_datagram_size" | "max_flows" => {
                "only listeners of `udp` have it: remove the key"
            }
            "http2" => "bytes are passed on as they are, HTTP/2 among them: remove the key",
            _ => "bytes are passed on as they are: remove the key",
        }
    }

    /// What to do about a key of `tcp` where there is another protocol.
    pub(in super::super) fn without_tcp(&self, key: &str) -> &'static str {
        match key {
            "sni" => "write `hostname`",
            "send_proxy" => "backends learn of clients by `X-Forwarded-For` and `Forwarded`",
            "udp" => "listeners of `udp` lead to a cluster of `tcp`: give it that protocol",
            "alpn" => "`alpn_protocols` of an `https` listener says what is agreed on",
            _ => "remove the key",
        }
    }
}
