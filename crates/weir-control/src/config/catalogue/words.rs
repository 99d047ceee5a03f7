//! The words of the file that stand for a value.

use crate::metrics::Detail;
use crate::state::{
    ClientAuth, EditPosition, LoadBalancing, LoadMetric, Position, Redirect, RedirectScheme,
    TlsVersion, UdpAffinity,
};

/// A type whose values have names in the file; `None` is a value of a later version.
pub(in super::super) trait Words: Copy + 'static {
    /// Names in the order of the reference.
    const WORDS: &'static [(&'static str, Option<Self>)];
}

/// A word, and whether this version knows what to do with it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in super::super) struct Word {
    pub(in super::super) text: &'static str,
    pub(in super::super) supported: bool,
}

/// The words of a type.
pub(in super::super) fn words<T: Words>() -> Vec<Word> {
    let words = T::WORDS.iter();
    words.map(|(text, value)| Word { text, supported: value.is_some() }).collect()
}

/// Protocol of a listener.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(in super::super) enum ListenerProtocol {
    #[default]
    Http,
    Https,
    Tcp,
    Udp,
}

impl Words for ListenerProtocol {
    const WORDS: &'static [(&'static str, Option<Self>)] = &[
        ("http", Some(Self::Http)),
        ("https", Some(Self::Https)),
        ("tcp", Some(Self::Tcp)),
        ("udp", Some(Self::Udp)),
    ];
}

impl Words for UdpAffinity {
    const WORDS: &'static [(&'static str, Option<Self>)] =
        &[("SOURCE_IP", Some(Self::SourceIp)), ("SOURCE_IP_PORT", Some(Self::SourceIpPort))];
}

/// A version of SSL or TLS.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in super::super) enum Version {
    /// It is broken, and not served.
    Old,
    Served(TlsVersion),
}

impl Words for Version {
    const WORDS: &'static [(&'static str, Option<Self>)] = &[
        ("TLS_V12", Some(Self::Served(TlsVersion::V12))),
        ("TLS_V13", Some(Self::Served(TlsVersion::V13))),
        ("TLS_V11", Some(Self::Old)),
        ("TLS_V10", Some(Self::Old)),
        ("SSL_V3", Some(Self::Old)),
        ("SSL_V2", Some(Self::Old)),
    ];
}

impl Words for Detail {
    const WORDS: &'static [(&'static str, Option<Self>)] = &[
        ("process", Some(Self::Process)),
        ("frontend", Some(Self::Frontend)),
        ("cluster", Some(Self::Cluster)),
        ("backend", Some(Self::Backend)),
    ];
}

impl Words for ClientAuth {
    const WORDS: &'static [(&'static str, Option<Self>)] = &[
        ("none", Some(Self::None)),
        ("optional", Some(Self::Optional)),
        ("required", Some(Self::Required)),
    ];
}

/// What a health check asks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(in super::super) enum ProbeMode {
    #[default]
    Http,
    Grpc,
    Tcp,
    Udp,
}

impl Words for ProbeMode {
    const WORDS: &'static [(&'static str, Option<Self>)] = &[
        ("http", Some(Self::Http)),
        ("grpc", Some(Self::Grpc)),
        ("tcp", Some(Self::Tcp)),
        ("udp", Some(Self::Udp)),
    ];
}

/// What a health check of datagrams asks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(in super::super) enum DatagramProbe {
    Off,
    #[default]
    Tcp,
    Udp,
}

impl Words for DatagramProbe {
    const WORDS: &'static [(&'static str, Option<Self>)] = &[
        ("TCP_PROBE", Some(Self::Tcp)),
        ("UDP_PROBE", Some(Self::Udp)),
        ("HEALTH_OFF", Some(Self::Off)),
    ];
}

/// Protocol of a cluster.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(in super::super) enum ClusterProtocol {
    #[default]
    Http,
    Tcp,
}

impl Words for ClusterProtocol {
    const WORDS: &'static [(&'static str, Option<Self>)] =
        &[("http", Some(Self::Http)), ("tcp", Some(Self::Tcp))];
}

/// Which state is served at the start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(in super::super) enum OnStart {
    #[default]
    Stored,
    File,
}

impl Words for OnStart {
    const WORDS: &'static [(&'static str, Option<Self>)] =
        &[("stored", Some(Self::Stored)), ("file", Some(Self::File))];
}

/// Format of access-log records.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(in super::super) enum AccessFormat {
    #[default]
    Ascii,
    Json,
    Protobuf,
}

impl Words for AccessFormat {
    const WORDS: &'static [(&'static str, Option<Self>)] = &[
        ("ascii", Some(Self::Ascii)),
        ("json", Some(Self::Json)),
        ("protobuf", Some(Self::Protobuf)),
    ];
}

/// Format of log lines.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(in super::super) enum LineFormat {
    #[default]
    Text,
    Json,
}

impl Words for LineFormat {
    const WORDS: &'static [(&'static str, Option<Self>)] =
        &[("text", Some(Self::Text)), ("json", Some(Self::Json))];
}

/// How a path is matched.
#[derive(Clone, Copy, Default)]
pub(in super::super) enum PathType {
    #[default]
    Prefix,
    Regex,
    Equals,
}

impl Words for PathType {
    const WORDS: &'static [(&'static str, Option<Self>)] = &[
        ("PREFIX", Some(Self::Prefix)),
        ("REGEX", Some(Self::Regex)),
        ("EQUALS", Some(Self::Equals)),
    ];
}

impl Words for Position {
    const WORDS: &'static [(&'static str, Option<Self>)] =
        &[("PRE", Some(Self::Pre)), ("TREE", Some(Self::Tree)), ("POST", Some(Self::Post))];
}

impl Words for LoadBalancing {
    const WORDS: &'static [(&'static str, Option<Self>)] = &[
        ("ROUND_ROBIN", Some(Self::RoundRobin)),
        ("RANDOM", Some(Self::Random)),
        ("LEAST_LOADED", Some(Self::LeastLoaded)),
        ("POWER_OF_TWO", Some(Self::PowerOfTwo)),
        ("HRW", Some(Self::Rendezvous)),
        ("MAGLEV", Some(Self::Maglev)),
    ];
}

impl Words for LoadMetric {
    const WORDS: &'static [(&'static str, Option<Self>)] = &[
        ("CONNECTIONS", Some(Self::Connections)),
        ("REQUESTS", Some(Self::Requests)),
        ("CONNECTION_TIME", Some(Self::ConnectionTime)),
        ("RESPONSE_TIME", Some(Self::ResponseTime)),
    ];
}

impl Words for Redirect {
    const WORDS: &'static [(&'static str, Option<Self>)] = &[
        ("forward", Some(Self::Forward)),
        ("permanent", Some(Self::Permanent)),
        ("found", Some(Self::Found)),
        ("permanent_redirect", Some(Self::PermanentRedirect)),
        ("unauthorized", Some(Self::Unauthorized)),
    ];
}

impl Words for RedirectScheme {
    const WORDS: &'static [(&'static str, Option<Self>)] = &[
        ("use-same", Some(Self::UseSame)),
        ("use-http", Some(Self::UseHttp)),
        ("use-https", Some(Self::UseHttps)),
        ("use_same", Some(Self::UseSame)),
        ("use_http", Some(Self::UseHttp)),
        ("use_https", Some(Self::UseHttps)),
    ];
}

impl Words for EditPosition {
    const WORDS: &'static [(&'static str, Option<Self>)] = &[
        ("request", Some(Self::Request)),
        ("response", Some(Self::Response)),
        ("both", Some(Self::Both)),
    ];
}
