//! Keys of clusters and of what is in them.

use super::access::{ALLOW, DENY};
use super::health::{ANY, BREAKER, EJECTION, HEALTH_CHECK, RETRY_BUDGET, TIMES};
use super::rates::RATE_LIMITS;
use super::tls::{CERTIFICATE, CHAIN, CLUSTER_TLS, HSTS, KEY};
use super::udp::CLUSTER_UDP;
use super::words::{ClusterProtocol, PathType, Version, words};
use super::{Kind, Section, Without};
use super::{PER_IP, PORT, RETRY_AFTER, flag, key, number, optional, required, text};
use crate::state::{
    EditPosition, LoadBalancing, LoadMetric, MAX_QUEUED, Position, Redirect, RedirectScheme,
};

/// A table of `[clusters]`.
pub(in super::super) static CLUSTER: Section = Section {
    name: "a cluster",
    heading: "`[clusters.<id>]`",
    keys: &[
        required("protocol", Kind::Word(words::<ClusterProtocol>), "What its listeners carry."),
        required("frontends", Kind::Tables(&FRONTEND), "Which requests go to this cluster."),
        required("backends", Kind::Tables(&BACKEND), "The servers."),
        text("load_balancing", Kind::Word(words::<LoadBalancing>), "ROUND_ROBIN", BALANCING),
        text("load_metric", Kind::Word(words::<LoadMetric>), "CONNECTIONS", METRIC),
        key("affinity_header", Kind::Text, Without::Other("the address"), AFFINITY_HEADER),
        key("affinity_cookie", Kind::Text, Without::Other("the address"), AFFINITY_COOKIE),
        flag("sticky_session", false, "Keep a client on one backend with a cookie."),
        flag("https_redirect", false, "Answer with a redirect to `https`."),
        key("https_redirect_port", PORT, Without::Other("443"), "Port of that redirect."),
        optional("answers", Kind::TextMap, "Answers that win over those of the listener."),
        optional("answer_503", Kind::Text, "Path of a file with that answer. `answers` wins."),
        optional("authorized_hashes", Kind::Texts, HASHES),
        optional("www_authenticate", Kind::Text, "`WWW-Authenticate` of a 401."),
        key("max_connections_per_ip", PER_IP, Without::Other("top level"), CONNECTIONS_PER_IP),
        key("max_connections_per_subnet", PER_IP, Without::Other("top level"), PER_SUBNET),
        key("retry_after", RETRY_AFTER, Without::Other("top level"), "`Retry-After` of a 429."),
        RATE_LIMITS,
        key("min_sessions", TIMES, Without::Other("none"), GUARANTEED),
        key("max_sessions", TIMES, Without::Other("any number"), CEILING),
        flag("http2", false, HTTP2),
        flag("send_proxy", false, SEND_PROXY),
        optional("tls", Kind::Table(&CLUSTER_TLS), "Backends speak TLS."),
        optional("udp", Kind::Table(&CLUSTER_UDP), "On `tcp`, what holds for datagrams."),
        optional("health_check", Kind::Table(&HEALTH_CHECK), "Backends are asked how they are."),
        optional("ejection", Kind::Table(&EJECTION), "Backends that answer badly are left alone."),
        optional("retry_budget", Kind::Table(&RETRY_BUDGET), RETRIES),
        optional("breaker", Kind::Table(&BREAKER), "Nobody is asked while too many requests fail."),
        key("slow_start", Kind::Seconds, Without::Other("at once"), SLOW_START),
        number("max_queued", ANY, MAX_QUEUED as _, QUEUED),
        key("queue_timeout", Kind::Seconds, Without::Other("`connect_timeout`"), QUEUE_TIMEOUT),
        flag("access_log", true, "Its requests have records in the access log."),
    ],
    later: &[],
};

const GUARANTEED: &str = "Requests, or connections of TCP, that have room whatever other clusters \
                          do; in all workers together.";
const CEILING: &str = "Requests, or connections of TCP, that may be under way, in all workers \
                       together; others get 503.";
const AFFINITY_HEADER: &str = "For `HRW` and `MAGLEV`, a field that clients are known by.";
const AFFINITY_COOKIE: &str = "For `HRW` and `MAGLEV`, a cookie that clients are known by.";
const RETRIES: &str = "How many requests are sent once more, in each worker.";
const SLOW_START: &str = "How long a backend that comes back takes to get its whole share.";
const QUEUED: &str =
    "Requests that may wait for backends with `max_connections`, in each worker; 0: none.";
const QUEUE_TIMEOUT: &str = "How long one waits before it is answered 503.";
const CONNECTIONS: &str = "Connections to it that may be in use, in all workers together; a \
                           stream of HTTP/2 counts as one. What is more waits.";
const SEND_PROXY: &str = "On `tcp`, begin connections to backends with a header of the PROXY \
                          protocol: the client's, if its listener has `expect_proxy`.";
const HTTP2: &str =
    "Ask backends for HTTP/2, over TLS by ALPN. Streams of many clients share a connection.";
const BALANCING: &str = "How a backend is chosen.";
const METRIC: &str = "What load counts, for policies that compare loads.";
const HASHES: &str =
    "Who may pass `required_auth`: `user:` and the SHA-256 of the password, 64 hex digits.";
const CONNECTIONS_PER_IP: &str =
    "Connections of one source address that may reach it, in all workers together; 0: any number.";
const PER_SUBNET: &str = "The same of the addresses of one subnet.";

/// An entry of `frontends`.
pub(in super::super) static FRONTEND: Section = Section {
    name: "a frontend",
    heading: "`[[clusters.<id>.frontends]]`",
    keys: &[
        required("address", Kind::Address, "The listener; one is made if there is none."),
        key("hostname", Kind::Text, Without::Other("**required** on `http`"), HOSTNAME),
        key("sni", Kind::Text, Without::Other("any, or none"), SNI),
        key("alpn", Kind::Texts, Without::Other("any, or none"), PROTOCOLS),
        key("path", Kind::Text, Without::Other("any"), "Compared without the query."),
        text("path_type", Kind::Word(words::<PathType>), "PREFIX", "How `path` is compared."),
        key("method", Kind::Text, Without::Other("any"), "The method."),
        ALLOW,
        DENY,
        RATE_LIMITS,
        text("position", Kind::Word(words::<Position>), "TREE", "Section of the routing table."),
        optional("tags", Kind::TextMap, "What access-log records show."),
        text("redirect", Kind::Word(words::<Redirect>), "forward", REDIRECT),
        text("redirect_scheme", Kind::Word(words::<RedirectScheme>), "use-same", SCHEME),
        optional("redirect_template", Kind::Text, "The redirect's answer."),
        optional("rewrite_host", Kind::Text, "New host, with `$HOST[n]` and `$PATH[n]`."),
        optional("rewrite_path", Kind::Text, "New path and query, with the same."),
        optional("rewrite_port", PORT, "Port of a redirect's `Location`."),
        flag("required_auth", false, "Basic authentication with `authorized_hashes`."),
        optional("headers", Kind::Tables(&HEADER), "Fields to add or to delete."),
        CERTIFICATE,
        CHAIN,
        KEY,
        optional("tls_versions", Kind::Words(words::<Version>), "Without effect."),
        key("hsts", Kind::Table(&HSTS), Without::Other("the listener's"), "Instead of it."),
    ],
    later: &[],
};

const HOSTNAME: &str = "A name, `*.suffix`, `*`, or labels with `/regex/`.";
const SNI: &str = "On `tcp`, the server that clients ask for in TLS: a name, `*.suffix` or `*`.";
const PROTOCOLS: &str = "On `tcp`, protocols of which clients offer one in TLS, as `h2`.";
const REDIRECT: &str = "What to do instead: 301, 302, 308 or 401.";
const SCHEME: &str = "Scheme of a redirect's `Location`.";

/// An entry of `headers`.
pub(in super::super) static HEADER: Section = Section {
    name: "a header edit",
    heading: "`[[clusters.<id>.frontends.headers]]`",
    keys: &[
        required("position", Kind::Word(words::<EditPosition>), "Which messages."),
        required("key", Kind::Text, "Field name."),
        required("value", Kind::Text, "Field value; an empty one deletes the field."),
    ],
    later: &[],
};

/// An entry of `backends`.
pub(in super::super) static BACKEND: Section = Section {
    name: "a backend",
    heading: "`[[clusters.<id>.backends]]`",
    keys: &[
        required("address", Kind::Place, "Where it listens."),
        key("backend_id", Kind::Text, Without::Other("`<cluster>-<index>-<address>`"), "Its id."),
        number("weight", Kind::Number(0, 255), 100, "Its share of the traffic."),
        key("sticky_id", Kind::Text, Without::Other("`backend_id`"), "Its sticky-cookie value."),
        flag("backup", false, "Used only while no other is usable."),
        key("max_connections", TIMES, Without::Other("any number"), CONNECTIONS),
    ],
    later: &[],
};
