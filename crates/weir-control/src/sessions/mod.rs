//! Live sessions: which are asked for, what workers tell of them, and what clients are told.
//!
//! Must not know: how a session is served.
//!
//! * `words`: what a session speaks, does and waits for, in a word each.
//! * `wire`: the same in the control protocol.
//!
//! Invariant: a list has at most [`Query::limit`] sessions, whose texts are bounded; of the others
//! only how many there are is known.

mod wire;
mod words;

use std::net::SocketAddr;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use weir_base::{Address, Cidr};

pub use wire::{filter, of_cluster, query, tell};
pub use words::{Protocol, State, Wait};

/// Sessions that are listed when no number is asked for.
pub const LISTED: usize = 100;
/// And at most, so that the list fits into a frame.
pub const MOST_LISTED: usize = 2_000;
/// Bytes of a host, and of a path, that are shown.
pub const MOST_TEXT: usize = 128;
/// Entries of each list of a filter.
pub const MOST_WANTED: usize = 256;

/// Which sessions: those that each list has something for; an empty one has all.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Filter {
    /// Names of sessions, as [`Live::id`].
    pub ids: Vec<String>,
    /// Ids of clusters.
    pub clusters: Vec<String>,
    /// Where clients come from.
    pub clients: Vec<Cidr>,
    /// Where they have connected to.
    pub listeners: Vec<SocketAddr>,
    /// What they are doing.
    pub states: Vec<State>,
    /// At least so old.
    pub older_than: Duration,
    /// Only those that use this backend.
    pub backend: Option<String>,
    /// Only those that use a backend at this address.
    pub backend_address: Option<Address>,
}

/// What is asked for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Query {
    /// Which sessions.
    pub filter: Filter,
    /// At most so many, the first ones of the order.
    pub limit: usize,
    /// Which ones come first.
    pub order: Order,
}

/// What comes first in a list.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Order {
    /// What has been there for longest.
    #[default]
    Oldest,
    /// What has moved nothing for longest.
    Idlest,
    /// What has received most bytes of its client.
    MostIn,
    /// What has sent most bytes to its client.
    MostOut,
}

/// A session, as it is now.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Live {
    /// Its name in logs, which no other session of any worker has; a flow of datagrams has one that
    /// begins with `udp-`.
    pub id: String,
    /// What it speaks.
    pub protocol: Protocol,
    /// The client's connection is encrypted.
    pub tls: bool,
    /// What it is doing.
    pub state: State,
    /// The other end.
    pub client: SocketAddr,
    /// The listener it came from.
    pub listener: SocketAddr,
    /// The cluster that serves it now.
    pub cluster: Option<String>,
    /// The backend there.
    pub backend: Option<String>,
    /// Where that is.
    pub backend_address: Option<Address>,
    /// Since it began.
    pub age: Duration,
    /// Since bytes last moved.
    pub idle: Duration,
    /// Bytes from the client: of a connection as they came, of a stream and a pipe without TLS.
    pub bytes_in: u64,
    /// And to it.
    pub bytes_out: u64,
    /// Requests that it has brought; of a connection of HTTP/2, 0: streams have brought them.
    pub requests: u64,
    /// Streams that are open on the connection.
    pub streams: usize,
    /// The session of the connection that it is a stream of.
    pub connection: Option<String>,
    /// Method, host and path of the request under way, without its query.
    pub request: Option<String>,
    /// What ends it if nothing happens.
    pub waits_for: Wait,
    /// When; `None`: never.
    pub ends_in: Option<Duration>,
}

/// What a worker found.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Found {
    /// Sessions, or a part of them.
    pub sessions: Vec<Live>,
    /// How many match the filter; said with the last part.
    pub matching: u64,
}

/// What became of sessions that were to end.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Closed {
    /// They are gone.
    pub closed: u64,
    /// They are answered, or told of their end, and go then.
    pub draining: u64,
}

impl Filter {
    /// Every session matches.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

impl Order {
    /// By what a session stands in the list, the largest number first: since it began, since it
    /// moved something, bytes from and to its client.
    pub fn rank(self, age: Duration, idle: Duration, bytes: (u64, u64)) -> u64 {
        match self {
            Self::Oldest => micros(age),
            Self::Idlest => micros(idle),
            Self::MostIn => bytes.0,
            Self::MostOut => bytes.1,
        }
    }
}

impl Live {
    /// As [`Order::rank`].
    pub fn rank(&self, order: Order) -> u64 {
        order.rank(self.age, self.idle, (self.bytes_in, self.bytes_out))
    }
}

/// Whole microseconds.
fn micros(time: Duration) -> u64 {
    u64::try_from(time.as_micros()).unwrap_or(u64::MAX)
}
