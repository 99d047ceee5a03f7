//! The words of the file that stand for a value.

use crate::state::{EditPosition, LoadBalancing, LoadMetric, Position, Redirect, RedirectScheme};

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
#[derive(Clone, Copy)]
pub(super) enum ListenerProtocol {
    Http,
}

impl Words for ListenerProtocol {
    const WORDS: &'static [(&'static str, Option<Self>)] =
        &[("http", Some(Self::Http)), ("https", None), ("tcp", None), ("udp", None)];
}

/// Protocol of a cluster.
#[derive(Clone, Copy)]
pub(super) enum ClusterProtocol {
    Http,
}

impl Words for ClusterProtocol {
    const WORDS: &'static [(&'static str, Option<Self>)] =
        &[("http", Some(Self::Http)), ("tcp", None)];
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
#[derive(Clone, Copy)]
pub(super) enum AccessFormat {
    Ascii,
}

impl Words for AccessFormat {
    const WORDS: &'static [(&'static str, Option<Self>)] =
        &[("ascii", Some(Self::Ascii)), ("protobuf", None)];
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
        ("HRW", None),
        ("MAGLEV", None),
    ];
}

impl Words for LoadMetric {
    const WORDS: &'static [(&'static str, Option<Self>)] = &[
        ("CONNECTIONS", Some(Self::Connections)),
        ("REQUESTS", Some(Self::Requests)),
        ("CONNECTION_TIME", Some(Self::ConnectionTime)),
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
