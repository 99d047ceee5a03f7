//! The desired state as plain data: what main keeps, what workers are told.
//!
//! Everything here is resolved: defaults are filled in, files have been read, names are checked.
//! Invariants (kept by whoever builds it): one listener per address, cluster ids unique, every
//! frontend on a known listener and, unless it denies, of a known cluster, every backend of a known
//! cluster; every list of addresses that is named is there.

mod access;
mod h2;
mod health;
mod rates;
mod tcp;
mod tls;
mod udp;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::Duration;

use serde::{Deserialize, Serialize};
pub use weir_balance::breaker::Settings as BreakerSettings;
pub use weir_balance::retry::Limits as RetryLimits;
pub use weir_balance::{EjectionRules, LoadBalancing, LoadMetric};
use weir_base::Address;
use weir_route::Rule;

use crate::change::object_hash;
use crate::declared::{Declared, Named};
pub use access::{Access, AddressList, BLOCKS_AT_ONCE, MOST_BLOCKS, MOST_LISTS};
pub use h2::{H2, H2Key};
pub use health::{HealthCheck, LONGEST_PAYLOAD, Probe};
pub use rates::{LONGEST_RATE, MOST_RATE_LIMITS, RateLimit};
pub use tcp::ANY_NAME;
pub use tls::{
    BackendTls, Certificate, CertificateId, ClientAuth, Hsts, Identity, ListenerTls, TlsVersion,
};
pub use udp::{
    DATAGRAM_BYTES, LONGEST_DATAGRAM, ProxyDatagrams, UdpAffinity, UdpListener, UdpRules,
};
pub use weir_route::{PathRule, Position};

/// Full text of an answer template by status.
pub type Answers = BTreeMap<u16, String>;

/// What the connections of a listener carry.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Carries {
    /// HTTP, over TLS when the listener has it.
    #[default]
    Http,
    /// Bytes that are passed on as they are.
    Tcp,
}

/// PROXY protocol headers on connections of TCP.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum ProxyMode {
    /// Read from clients and dropped.
    Expect,
    /// Made and sent to backends.
    Send,
    /// Read from clients and sent on to backends.
    Relay,
}

/// An address the proxy accepts connections on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Listener {
    /// Where it is bound; its identity.
    pub address: SocketAddr,
    /// What clients connect to, when that differs (`Forwarded: by=`, `X-Forwarded-Port`).
    pub public_address: Option<SocketAddr>,
    /// Longest inactivity of a client.
    pub front_timeout: Duration,
    /// Longest inactivity of a backend.
    pub back_timeout: Duration,
    /// Longest wait for a connection to a backend.
    pub connect_timeout: Duration,
    /// Longest wait for a complete request head.
    pub request_timeout: Duration,
    /// Name of the sticky-session cookie.
    pub sticky_name: String,
    /// Name of the correlation field.
    pub sozu_id_header: String,
    /// Remove `X-Real-IP` sent by the client.
    pub elide_x_real_ip: bool,
    /// Add `X-Real-IP`.
    pub send_x_real_ip: bool,
    /// Templates that replace the built-in answers.
    pub answers: Answers,
    /// Whether connections are accepted.
    pub active: bool,
    /// What its connections carry.
    pub carries: Carries,
    /// Connections begin with a PROXY protocol header.
    pub expect_proxy: bool,
    /// Lists of those who may begin with one; none: everybody. Only with `expect_proxy`.
    pub proxy_from: Vec<String>,
    /// Most bytes of a ClientHello that connections of TCP are told apart by; `request_timeout` is
    /// the longest wait for it.
    pub hello_bytes: u32,
    /// Clients speak TLS.
    pub tls: Option<Box<ListenerTls>>,
    /// Bounds of HTTP/2.
    pub h2: Box<H2>,
    /// Whose connections are served.
    pub access: Access,
    /// Clients may speak MPTCP (RFC 8684). Sockets are made for it, or not.
    pub mptcp: bool,
}

impl Listener {
    /// One of HTTP that accepts, with what holds when nothing else is said.
    pub fn new(address: SocketAddr) -> Self {
        Self {
            address,
            public_address: None,
            front_timeout: Duration::from_secs(60),
            back_timeout: Duration::from_secs(30),
            connect_timeout: Duration::from_secs(3),
            request_timeout: Duration::from_secs(10),
            sticky_name: "SOZUBALANCEID".to_owned(),
            sozu_id_header: "Sozu-Id".to_owned(),
            elide_x_real_ip: false,
            send_x_real_ip: false,
            answers: Answers::new(),
            active: true,
            carries: Carries::Http,
            expect_proxy: false,
            proxy_from: Vec::new(),
            hello_bytes: HELLO_BYTES,
            tls: None,
            h2: Box::default(),
            access: Access::default(),
            mptcp: false,
        }
    }

    /// All lists that it names.
    pub fn lists(&self) -> impl Iterator<Item = &str> {
        self.access.names().chain(self.proxy_from.iter().map(String::as_str))
    }
}

/// Bytes of a ClientHello that are looked at when nothing else is said.
pub const HELLO_BYTES: u32 = 16_384;

/// Requests that may wait for the backends of a cluster when nothing else is said.
pub const MAX_QUEUED: u32 = 1_000;

/// What a client is known by where a policy goes by a key.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Affinity {
    /// Its address.
    #[default]
    SourceIp,
    /// The value of this field; without it, its address.
    Field(String),
    /// The value of this cookie; without it, its address.
    Cookie(String),
}

/// A group of backends that serve the same.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cluster {
    /// Its identity.
    pub id: String,
    /// Policy.
    pub load_balancing: LoadBalancing,
    /// Metric of the policies that need one.
    pub load_metric: LoadMetric,
    /// Keep a client on one backend with a cookie.
    pub sticky_session: bool,
    /// Redirect requests on clear-text listeners to https.
    pub https_redirect: bool,
    /// Port in the redirect's location, when not 443.
    pub https_redirect_port: Option<u16>,
    /// Templates that replace the listener's.
    pub answers: Answers,
    /// `user:hex(sha256(password))` entries allowed by `required_auth`.
    pub authorized_hashes: Vec<String>,
    /// Value of `WWW-Authenticate` in a 401.
    pub www_authenticate: Option<String>,
    /// Connections of one source address that may reach it; 0: any number, `None`: as many as of
    /// other clusters.
    pub max_connections_per_ip: Option<u64>,
    /// The same of one subnet.
    pub max_connections_per_subnet: Option<u64>,
    /// Seconds in `Retry-After` of a 429; `None` or 0: no field.
    pub retry_after: Option<u32>,
    /// Its backends are asked for HTTP/2.
    pub http2: bool,
    /// Its backends speak TLS.
    pub tls: Option<Box<BackendTls>>,
    /// PROXY protocol headers on its connections of TCP.
    pub proxy: Option<ProxyMode>,
    /// What holds for its datagrams, where something was said.
    pub udp: Option<Box<UdpRules>>,
    /// What clients are told apart by, for policies that go by a key.
    pub affinity: Affinity,
    /// How its backends are checked.
    pub health: Option<Box<HealthCheck>>,
    /// When its backends are ejected for the outcome of requests.
    pub ejection: Option<EjectionRules>,
    /// How many requests are sent once more; `None`: [`RetryLimits::default`].
    pub retries: Option<RetryLimits>,
    /// When nobody is asked because too many requests fail.
    pub breaker: Option<BreakerSettings>,
    /// How long a backend that comes back takes to get its whole share.
    pub slow_start: Duration,
    /// Its requests have no access-log records.
    pub no_access_log: bool,
    /// Requests that may wait for a connection to a backend, in each worker; [`MAX_QUEUED`] when
    /// absent.
    pub max_queued: Option<u32>,
    /// How long one waits; the listener's `connect_timeout` when absent.
    pub queue_timeout: Option<Duration>,
    /// How many requests it is sent in a while.
    pub rate_limits: Vec<RateLimit>,
    /// Sessions, in all workers together, whose room no other cluster takes.
    pub min_sessions: Option<u32>,
    /// Sessions that may be under way, in all workers together; any number when absent.
    pub max_sessions: Option<u32>,
}

/// What a matched frontend does instead of forwarding.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Redirect {
    /// Forward the request.
    #[default]
    Forward,
    /// 301
    Permanent,
    /// 302
    Found,
    /// 308
    PermanentRedirect,
    /// 401
    Unauthorized,
}

/// The scheme of a redirect's location.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum RedirectScheme {
    /// As the request came.
    #[default]
    UseSame,
    /// `http`
    UseHttp,
    /// `https`
    UseHttps,
}

/// Which messages an edit applies to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum EditPosition {
    /// Requests.
    Request,
    /// Responses.
    Response,
    /// Both.
    Both,
}

/// One field to add, or to delete when the value is empty.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct HeaderEdit {
    /// Which messages.
    pub position: EditPosition,
    /// Field name, an RFC 9110 token.
    pub key: String,
    /// Field value.
    pub value: String,
}

/// A route: which requests of a listener go to which cluster, and what is done to them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Frontend {
    /// The listener.
    pub address: SocketAddr,
    /// Literal, `*.suffix`, `*`, or labels with `/regex/`; lower case. On a listener of TCP, the
    /// server name that clients ask for in their ClientHello; `*` is for clients without one, too.
    pub hostname: String,
    /// Path rule; on a listener of TCP, the one that everything fits.
    pub path: PathRule,
    /// Method, or any. On a listener of TCP, a protocol that clients offer by ALPN.
    pub method: Option<String>,
    /// Section of the routing table.
    pub position: Position,
    /// The cluster; `None` denies with 401.
    pub cluster: Option<String>,
    /// Access-log tags.
    pub tags: BTreeMap<String, String>,
    /// Redirect policy.
    pub redirect: Redirect,
    /// Scheme of the location.
    pub redirect_scheme: RedirectScheme,
    /// Template of the redirect answer.
    pub redirect_template: Option<String>,
    /// Template of the new host.
    pub rewrite_host: Option<String>,
    /// Template of the new path and query.
    pub rewrite_path: Option<String>,
    /// Port of a redirect's location.
    pub rewrite_port: Option<u16>,
    /// Basic authentication needed.
    pub required_auth: bool,
    /// Field edits.
    pub headers: Vec<HeaderEdit>,
    /// Instead of the listener's policy.
    pub hsts: Option<Hsts>,
    /// Whose requests are served; others get a 403, those of TCP are closed.
    pub access: Access,
    /// How many requests it has in a while.
    pub rate_limits: Vec<RateLimit>,
}

/// The identity of a frontend.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct FrontendId {
    /// The listener.
    pub address: SocketAddr,
    /// Host pattern.
    pub hostname: String,
    /// Path rule.
    pub path: PathRule,
    /// Method, or any.
    pub method: Option<String>,
    /// Section of the routing table.
    pub position: Position,
}

impl FrontendId {
    /// Of a frontend in the tree for all that a host has and, if one is named, a method; on a
    /// listener of TCP, a server name and a protocol.
    pub fn new(address: SocketAddr, hostname: &str, method: Option<&str>) -> Self {
        Self {
            address,
            hostname: hostname.to_owned(),
            path: PathRule::Prefix(String::new()),
            method: method.map(str::to_owned),
            position: Position::Tree,
        }
    }
}

impl Frontend {
    /// One that leads to a cluster and does nothing else.
    pub fn new(id: FrontendId, cluster: &str, tags: BTreeMap<String, String>) -> Self {
        Self {
            address: id.address,
            hostname: id.hostname,
            path: id.path,
            method: id.method,
            position: id.position,
            cluster: Some(cluster.to_owned()),
            tags,
            redirect: Redirect::Forward,
            redirect_scheme: RedirectScheme::UseSame,
            redirect_template: None,
            rewrite_host: None,
            rewrite_path: None,
            rewrite_port: None,
            required_auth: false,
            headers: Vec::new(),
            hsts: None,
            access: Access::default(),
            rate_limits: Vec::new(),
        }
    }

    /// What names this frontend.
    pub fn id(&self) -> FrontendId {
        FrontendId {
            address: self.address,
            hostname: self.hostname.clone(),
            path: self.path.clone(),
            method: self.method.clone(),
            position: self.position,
        }
    }
}

impl From<FrontendId> for Rule {
    fn from(id: FrontendId) -> Self {
        Self { host: id.hostname, path: id.path, method: id.method, position: id.position }
    }
}

/// A server of a cluster.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Backend {
    /// Its cluster.
    pub cluster: String,
    /// Its identity in the cluster.
    pub id: String,
    /// Where it listens.
    pub address: Address,
    /// Share under the weighted policies, 0..=255.
    pub weight: u8,
    /// Cookie value of sticky sessions; the id when absent.
    pub sticky_id: Option<String>,
    /// Used only when no primary is usable.
    pub backup: bool,
    /// Connections to it that may be in use, in all workers together.
    pub max_connections: Option<u32>,
}

/// The identity of a backend.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct BackendId {
    /// Its cluster.
    pub cluster: String,
    /// Its identity in the cluster.
    pub id: String,
}

impl Backend {
    /// What names this backend.
    pub fn key(&self) -> BackendId {
        BackendId { cluster: self.cluster.clone(), id: self.id.clone() }
    }
}

impl Named for Frontend {
    type Name = FrontendId;
    type List = (SocketAddr, Position);

    fn name(&self) -> FrontendId {
        self.id()
    }

    /// Those before and after the tree: the first that fits wins.
    fn list(&self) -> Option<Self::List> {
        (self.position != Position::Tree).then_some((self.address, self.position))
    }

    fn link(&self, next: &Self) -> u64 {
        object_hash("order", &(self.id(), next.id()))
    }
}

impl Named for Backend {
    type Name = BackendId;
    type List = ();

    fn name(&self) -> BackendId {
        self.key()
    }

    fn list(&self) -> Option<()> {
        None
    }

    fn link(&self, _: &Self) -> u64 {
        0
    }
}

/// Everything that workers are to serve.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct State {
    /// Lists of addresses, by name.
    pub lists: BTreeMap<String, AddressList>,
    /// By address.
    pub listeners: BTreeMap<SocketAddr, Listener>,
    /// Listeners of UDP, by address.
    pub udp: BTreeMap<SocketAddr, UdpListener>,
    /// By id.
    pub clusters: BTreeMap<String, Cluster>,
    /// In order of declaration.
    pub frontends: Declared<Frontend>,
    /// In order of declaration.
    pub backends: Declared<Backend>,
    /// By listener and fingerprint.
    #[serde(with = "tls::list")]
    pub certificates: BTreeMap<CertificateId, Certificate>,
}
