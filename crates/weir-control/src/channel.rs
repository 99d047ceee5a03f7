//! The messages between main and a worker.
//!
//! Each is a [`crate::packed`] value behind a 4-byte big-endian length.
//! Listening sockets travel as `SCM_RIGHTS` of the first byte of the [`ToWorker::Socket`] that
//! announces them, connections with the [`Passed`] that describes them. The channel is trusted:
//! both ends were built for the same [`VERSION`].

use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use weir_balance::ledger::{Held, Sum};
use weir_base::{Address, Endpoint, Limits};
use weir_telemetry::{AccessFormat, Template};
use weir_tls::{Fingerprint, TicketKey};

use crate::clients::ClientLimits;
use crate::metrics::{Detail, Measured, Query};
use crate::order::{Object, Order};
/// The frame that carries a [`ToWorker`] or [`ToMain`], and back.
pub use crate::packed::{pack as encode, unpack as decode};
use crate::sessions;
use crate::state::BackendId;
use crate::tap::{Tap, Tapped};
pub use passed::{
    Kind, Kinds, Passed, PassedBack, PassedClient, PassedFacts, PassedFlow, PassedPipe,
    PassedServer, PassedStreams, PassedTls,
};

mod passed;

/// The form of the messages. It changes whenever one of them does: main can be replaced by another
/// version while workers go on.
pub const VERSION: u32 = 7;

/// In place of the number of a question, which are from 1.
pub const UNASKED: u64 = 0;

/// How long a session ticket may be used: its key is kept for as long after the last ticket.
pub const TICKET_LIFETIME: Duration = Duration::from_secs(12 * 60 * 60);

/// What main says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum ToWorker {
    /// The first message, once.
    Start(Box<Settings>),
    /// A socket to serve clients of as well: one descriptor is attached. An endpoint can come
    /// more than once: a worker is also lent the sockets of a slot that has no worker.
    Socket(Endpoint),
    /// Changes to apply at the next tick boundary, all at once.
    Apply {
        /// The epoch that holds when they are applied.
        epoch: u64,
        /// In order.
        orders: Vec<Order>,
    },
    /// The beginning of what the next [`ToWorker::Apply`] or [`ToWorker::Prepare`] has: a frame is
    /// bounded, a state is not.
    Orders(Vec<Order>),
    /// Check changes and keep them until [`ToWorker::Commit`] or [`ToWorker::Abort`].
    Prepare {
        /// The epoch that holds when they are applied.
        epoch: u64,
        /// In order.
        orders: Vec<Order>,
    },
    /// Apply what was prepared, at the next tick boundary, all at once.
    Commit {
        /// The epoch that it was prepared for.
        epoch: u64,
    },
    /// Forget what was prepared, and the sockets that were lent for it.
    Abort {
        /// The epoch that it was prepared for.
        epoch: u64,
    },
    /// Answer with [`ToMain::Hashed`], [`ToMain::Explained`], [`ToMain::Counted`],
    /// [`ToMain::CertificatesFound`], [`ToMain::Measured`], [`ToMain::SessionsFound`] or
    /// [`ToMain::SessionsClosed`] of this number.
    Ask {
        /// Tells answers apart.
        number: u64,
        /// What is asked.
        question: Question,
    },
    /// Seal session tickets with the first of these keys, open them with all.
    TicketKeys(Vec<TicketKey>),
    /// Count for each of these from now on, and forget what was counted for others.
    Measure(Detail),
    /// Forget everything that was counted.
    ClearMetrics,
    /// So many workers serve, and share what is for all of them.
    Workers(u16),
    /// What all of them have of limits that some have told of.
    Sums(Vec<Sum>),
    /// How many connections clients may have.
    Clients(ClientLimits),
    /// Write log lines by this filter from now on.
    LogFilter(String),
    /// What checks say of backends.
    Findings(Vec<Finding>),
    /// Stop accepting, finish what is in flight, exit with 0; cut what is left after `deadline`.
    Drain {
        /// From reception.
        deadline: Duration,
    },
    /// Others have the listening sockets: stop accepting at once, give every connection back that
    /// can be passed on, finish the rest as for [`ToWorker::Drain`].
    Retire {
        /// From reception.
        deadline: Duration,
    },
    /// A connection that another worker has passed on: one descriptor is attached.
    Passed(Passed),
    /// The same of a flow of datagrams, with its socket.
    PassedFlow(Box<PassedFlow>),
    /// The same of a connection to a backend that waits for a request.
    PassedBack(Box<PassedBack>),
    /// Take datagrams of clients from now on, or leave them where they are: the worker whose place
    /// you take has flows that come first.
    TakeDatagrams(bool),
    /// Where to leave what you are working on, for the case that you die: one descriptor is
    /// attached, of a file of [`crate::last_words::BYTES`].
    Page,
    /// Serve none of these from now on, and all others.
    Refuse(Vec<Refusal>),
    /// Answer with [`ToMain::Pong`].
    Ping(u64),
    /// Open log files again.
    ReopenLogs,
    /// Tell of requests as they end, in [`ToMain::Tapped`].
    Tap(Tap),
    /// Tell no more for the tap of this number.
    Untap(u64),
}

/// What a worker says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum ToMain {
    /// The orders of this epoch are in use. The first one means: accepting.
    Applied {
        /// The epoch in use.
        epoch: u64,
    },
    /// The orders of this epoch can be applied.
    Prepared {
        /// The epoch they will make.
        epoch: u64,
    },
    /// Orders were refused; nothing of them is in use.
    Refused {
        /// The epoch they would have made.
        epoch: u64,
        /// A sentence.
        reason: String,
    },
    /// Answer to [`Question::Hash`].
    Hashed {
        /// Of the question.
        number: u64,
        /// The epoch in use.
        epoch: u64,
        /// [`crate::change::state_hash`] of what is in use.
        hash: u64,
    },
    /// Answer to [`Question::Explain`].
    Explained {
        /// Of the question.
        number: u64,
        /// What would happen.
        explained: Box<Explained>,
    },
    /// Answer to [`Question::Sessions`].
    Counted {
        /// Of the question.
        number: u64,
        /// Of each object, in the order of the question: for a listener, the sessions that came
        /// from it; for others, those whose request goes through the object now.
        sessions: Vec<u64>,
    },
    /// Answer to [`Question::Certificates`].
    CertificatesFound {
        /// Of the question.
        number: u64,
        /// By listener.
        found: Vec<FoundCertificates>,
    },
    /// Answer to [`Question::Metrics`], or a part of it; or what a worker has counted that retires.
    Measured {
        /// Of the question, or [`UNASKED`].
        number: u64,
        /// What was measured.
        part: Box<Measured>,
        /// Nothing else follows.
        last: bool,
    },
    /// Answer to [`Question::ListSessions`], or a part of it.
    SessionsFound {
        /// Of the question.
        number: u64,
        /// What was found.
        part: sessions::Found,
        /// Nothing else follows.
        last: bool,
    },
    /// Answer to [`Question::CloseSessions`].
    SessionsClosed {
        /// Of the question.
        number: u64,
        /// What became of them.
        closed: sessions::Closed,
    },
    /// Something that whoever listens to events wants to know.
    Happened(Happening),
    /// Requests have ended that somebody looks at.
    Tapped(Tapped),
    /// What it has of limits that are for all workers together.
    Held(Vec<Held>),
    /// A connection for another worker: one descriptor is attached.
    Passed(Passed),
    /// The same of a flow of datagrams, with its socket.
    PassedFlow(Box<PassedFlow>),
    /// The same of a connection to a backend that waits for a request.
    PassedBack(Box<PassedBack>),
    /// No other flow follows.
    FlowsPassed,
    /// Answer to a ping.
    Pong(u64),
    /// Draining goes on: this is left.
    Left(Kinds),
    /// Draining is over: nothing is left. The worker exits now.
    Drained {
        /// What was cut because the deadline passed.
        cut: Kinds,
        /// What has ended by itself meanwhile.
        finished: Kinds,
    },
}

/// What is not served for a while, because workers have died of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Refusal {
    /// Only what comes from there.
    pub client: Option<IpAddr>,
    /// Only requests that the frontend with this hash is chosen for; `None`: whole connections.
    pub route: Option<u64>,
}

impl Refusal {
    /// Whether it is about requests of this client.
    pub fn concerns(&self, client: IpAddr) -> bool {
        self.client.is_none_or(|refused| refused == client)
    }
}

/// A change of what a worker knows of backends.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Happening {
    /// A backend is not chosen any more.
    BackendDown {
        /// Its id.
        id: String,
        /// Where it is.
        address: Address,
    },
    /// A backend is chosen again.
    BackendUp {
        /// Its id.
        id: String,
        /// Where it is.
        address: Address,
    },
    /// No backend of this cluster can be reached.
    NoAvailableBackends(String),
    /// A backend of this cluster can be reached again.
    ClusterRecovered(String),
    /// Checks say something else of a backend now.
    Checked {
        /// What.
        finding: Finding,
        /// Where it is.
        address: Address,
    },
}

/// What checks say of a backend.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Finding {
    /// Which.
    pub backend: BackendId,
    /// It can serve.
    pub healthy: bool,
}

/// What a worker can be asked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Question {
    /// Which state is in use.
    Hash,
    /// What would happen to a request.
    Explain {
        /// The listener.
        address: SocketAddr,
        /// Method of the request.
        method: String,
        /// Its host, without port.
        host: String,
        /// Its path, without query.
        path: String,
    },
    /// How many sessions each of these objects concerns now.
    Sessions(Vec<Object>),
    /// Which certificates are served.
    Certificates {
        /// Those that a client of this name could be shown; `None`: all.
        domain: Option<String>,
    },
    /// What was measured.
    Metrics(Query),
    /// Which sessions there are.
    ListSessions(sessions::Query),
    /// End these sessions.
    CloseSessions(sessions::Filter),
}

/// Certificates that a listener serves.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FoundCertificates {
    /// The listener.
    pub address: SocketAddr,
    /// A name, and a certificate that is chosen for it.
    pub certificates: Vec<(String, Fingerprint)>,
}

/// What would happen to a request, and why.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Explained {
    /// From the listener to the backends, a sentence each.
    pub steps: Vec<String>,
    /// The listener, if there is one.
    pub listener: Option<String>,
    /// The rule that wins.
    pub frontend: Option<String>,
    /// The cluster it leads to.
    pub cluster: Option<String>,
    /// Its backends and what is known of each.
    pub backends: Vec<String>,
    /// Rules that fit too, and why they lose.
    pub lost: Vec<String>,
}

/// What a worker is started with and keeps for its life.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Settings {
    /// Slot, from 0; also the number in the log tag `WRK-00`.
    pub worker: u16,
    /// Core to pin the worker to.
    pub core: Option<usize>,
    /// Bounds.
    pub limits: Limits,
    /// Longest wait of an accepted socket for a session.
    pub accept_queue_timeout: Duration,
    /// At the session limit, close the least recently active instead of waiting.
    pub evict_on_queue_full: bool,
    /// Period of the stuck-session sweep.
    pub zombie_check_interval: Duration,
    /// Largest decoded Basic credentials, in bytes.
    pub basic_auth_max_credential_bytes: usize,
    /// Logging.
    pub logs: LogSettings,
    /// The directory where the next main looks for workers when this one has died; `None`: none
    /// will come.
    pub home: Option<PathBuf>,
    /// How long to serve without main.
    pub orphan_timeout: Option<Duration>,
}

/// Where and how log lines and access-log records are written.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LogSettings {
    /// Filter directive, `level` or `module=level`, comma separated.
    pub level: String,
    /// Target of log lines: `stdout`, `file://…`, `udp://…`, `tcp://…`, `unix://…`,
    /// `unix-stream://…`.
    pub target: String,
    /// ANSI colours; `None`: where lines go to a terminal.
    pub colored: Option<bool>,
    /// Target of access-log records, when not the same.
    pub access_target: Option<String>,
    /// The same for access-log records.
    pub access_colored: Option<bool>,
    /// What they look like.
    #[serde(default)]
    pub access: AccessForm,
    /// Of so many records of exchanges that went well, one is written.
    #[serde(default = "every_one")]
    pub access_sampling: u32,
    /// Log lines are objects of JSON.
    #[serde(default)]
    pub json: bool,
}

fn every_one() -> u32 {
    1
}

/// What access-log records look like.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum AccessForm {
    /// Columns of text.
    #[default]
    Ascii,
    /// An object a line.
    Json,
    /// Delimited messages.
    Protobuf,
    /// A line with this layout.
    Template(String),
}

impl AccessForm {
    /// As it is used. A layout was checked with the file.
    pub fn compile(&self) -> AccessFormat {
        match self {
            Self::Ascii => AccessFormat::Ascii,
            Self::Json => AccessFormat::Json,
            Self::Protobuf => AccessFormat::Protobuf,
            Self::Template(text) => {
                Template::parse(text).map_or(AccessFormat::Ascii, AccessFormat::Template)
            }
        }
    }
}
