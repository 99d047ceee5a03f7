//! Every key of the file, defined once: the checker, the defaults, the JSON Schema and the
//! reference are made from these tables.
//!
//! Must not know: how a file is read, and what its values lead to.

mod access;
mod clusters;
mod health;
mod listeners;
mod rates;
mod scope;
mod tls;
mod top;
mod udp;
mod words;

use clusters::{BACKEND, CLUSTER, FRONTEND};
pub(super) use listeners::LISTENER;
pub(super) use scope::{BACKEND_SCOPE, CLUSTER_SCOPE, FRONTEND_SCOPE, LISTENER_SCOPE, Scope};
pub(super) use tls::TLS_ONLY;
pub(super) use top::FILE;
pub(super) use udp::{ONLY_UDP, UDP_LISTENER};
pub(super) use words::{
    AccessFormat, ClusterProtocol, DatagramProbe, LineFormat, ListenerProtocol, OnStart, PathType,
    ProbeMode, Version, Word, Words,
};

/// A table of the file.
#[derive(Debug)]
pub(super) struct Section {
    /// How messages name it.
    pub(super) name: &'static str,
    /// How it is written, for the reference.
    pub(super) heading: &'static str,
    pub(super) keys: &'static [Key],
    pub(super) later: &'static [Later],
}

/// A key of a table.
#[derive(Debug)]
pub(super) struct Key {
    pub(super) name: &'static str,
    pub(super) kind: Kind,
    pub(super) without: Without,
    pub(super) doc: &'static str,
}

/// What a value looks like.
#[derive(Debug)]
pub(super) enum Kind {
    Flag,
    /// Between these bounds, both included.
    Number(u64, u64),
    /// A duration.
    Seconds,
    Text,
    /// `ip:port`
    Address,
    /// The same, or `unix:` and a path.
    Place,
    /// One of these.
    Word(fn() -> Vec<Word>),
    /// A list of these.
    Words(fn() -> Vec<Word>),
    Texts,
    /// A list of numbers between these bounds, both included.
    Numbers(u64, u64),
    /// Keys of the user's choice, text values.
    TextMap,
    Table(&'static Section),
    Tables(&'static Section),
    /// Keys of the user's choice, tables of one kind.
    TableMap(&'static Section),
}

/// What holds without the key.
#[derive(Clone, Copy, Debug)]
pub(super) enum Without {
    /// The file is refused.
    Refused,
    /// Nothing is set.
    Nothing,
    /// What these words say.
    Other(&'static str),
    /// The same as with this value.
    Default(Scalar<'static>),
}

/// A value that is not made of others.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Scalar<'a> {
    Flag(bool),
    Number(u64),
    Text(&'a str),
}

/// Keys of a later version: known and refused, never ignored.
#[derive(Debug)]
pub(super) struct Later {
    pub(super) names: &'static [&'static str],
    pub(super) remedy: &'static str,
}

/// The longest duration, a year: beyond, it is a mistake.
pub(crate) const LONGEST_SECONDS: u64 = 365 * DAY_SECONDS;
/// Longer durations are accepted with a warning.
pub(super) const DAY_SECONDS: u64 = 86_400;

impl Section {
    pub(super) fn key(&self, name: &str) -> Option<&'static Key> {
        self.keys.iter().find(|key| key.name == name)
    }

    pub(super) fn later(&self, name: &str) -> Option<&'static Later> {
        self.later.iter().find(|later| later.names.contains(&name))
    }

    /// This section and those under it, in the order of the reference.
    pub(super) fn all(&'static self) -> Vec<&'static Section> {
        let inner = self.keys.iter().filter_map(|key| match key.kind {
            Kind::Table(section) | Kind::Tables(section) | Kind::TableMap(section) => {
                Some(section.all())
            }
            _ => None,
        });
        let mut all: Vec<&Section> = vec![self];
        for section in inner.flatten() {
            if !all.iter().any(|known| std::ptr::eq(*known, section)) {
                all.push(section);
            }
        }
        all
    }
}

const fn key(name: &'static str, kind: Kind, without: Without, doc: &'static str) -> Key {
    Key { name, kind, without, doc }
}

const fn required(name: &'static str, kind: Kind, doc: &'static str) -> Key {
    key(name, kind, Without::Refused, doc)
}

const fn optional(name: &'static str, kind: Kind, doc: &'static str) -> Key {
    key(name, kind, Without::Nothing, doc)
}

const fn flag(name: &'static str, default: bool, doc: &'static str) -> Key {
    key(name, Kind::Flag, Without::Default(Scalar::Flag(default)), doc)
}

const fn number(name: &'static str, kind: Kind, default: u64, doc: &'static str) -> Key {
    key(name, kind, Without::Default(Scalar::Number(default)), doc)
}

const fn text(name: &'static str, kind: Kind, default: &'static str, doc: &'static str) -> Key {
    key(name, kind, Without::Default(Scalar::Text(default)), doc)
}

const PORT: Kind = Kind::Number(1, 65_535);
const PER_IP: Kind = Kind::Number(0, u32::MAX as u64);
const RETRY_AFTER: Kind = Kind::Number(0, i32::MAX as u64);
