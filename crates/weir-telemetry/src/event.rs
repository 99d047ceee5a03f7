//! What operators are told: every event has one level, one sentence and, mostly, one counter,
//! declared here and nowhere else.
//!
//! An event is a change of state. Whoever emits it emits it once per change; nothing is
//! remembered here. `error`: requests fail because of it. `warn`: they may soon. `debug`: it
//! concerns a single exchange, and the access log tells it too.

use std::fmt;
use std::net::SocketAddr;
use std::time::Duration;

use weir_base::Address;

use log::Level;

use crate::counter::{Counter, Counters};

/// Declares [`Event`]: for each variant its fields, level, counter (if any) and sentence.
macro_rules! events {
    ($(
        $(#[$doc:meta])*
        $name:ident { $($(#[$field_doc:meta])* $field:ident: $type:ty,)* }
        $level:ident $(+ $counter:ident)?: $sentence:literal
    )+) => {
        /// Something that happened in a worker.
        #[derive(Clone, Copy)]
        pub enum Event<'a> {
            $($(#[$doc])* $name { $($(#[$field_doc])* $field: $type,)* },)+
        }

        impl Event<'_> {
            /// How serious it is.
            pub fn level(&self) -> Level {
                match self { $(Self::$name { .. } => Level::$level,)+ }
            }

            /// What counts it. Lines dropped are counted where their number is known.
            pub fn counter(&self) -> Option<Counter> {
                let counters: &[Counter] = match self {
                    $(Self::$name { .. } => &[$(Counter::$counter)?],)+
                };
                counters.first().copied()
            }
        }

        impl fmt::Display for Event<'_> {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                match *self { $(Self::$name { $($field,)* } => write!(f, $sentence),)+ }
            }
        }

        /// Level, counters and sentence of every event, as declared.
        #[cfg(test)]
        const DECLARED: &[(Level, &[Counter], &str)] =
            &[$((Level::$level, &[$(Counter::$counter)?], $sentence),)+];
    };
}

events! {
    /// The worker serves its first configuration.
    WorkerStarted {
        /// That configuration.
        epoch: u64,
        /// Listeners it accepts from.
        listeners: usize,
    }
    Info: "serving configuration {epoch}, addresses listened on: {listeners}"

    /// Nothing is accepted from now on.
    AcceptClosed {
        /// Why.
        cause: AcceptStop,
    }
    Warn + AcceptClosed: "no new connections are accepted: {cause}"

    /// Connections are accepted again.
    AcceptOpened {
        /// How long they were not.
        after: Duration,
    }
    Info: "connections are accepted again, after {after:.1?}"

    /// The lists of a listener keep a client out.
    ConnectionDenied {
        /// Who it is.
        client: SocketAddr,
        /// Where it came.
        listener: SocketAddr,
    }
    Debug + ConnectionsDenied: "a connection of {client} to {listener} was closed: `allow` and \
                                `deny` keep it out"

    /// Somebody connects who may not begin with the PROXY protocol header that is expected.
    ConnectionUntrusted {
        /// Who it is.
        sender: SocketAddr,
        /// Where it came.
        listener: SocketAddr,
    }
    Debug + ConnectionsUntrusted: "a connection of {sender} to {listener} was closed: it is in no \
                                   list of `proxy_from`"

    /// Every buffer is in use: sessions wait.
    BuffersExhausted {}
    Warn + BuffersExhausted: "all of max_buffers are in use: sessions wait for one; raise it if \
                              this happens often"

    /// No session waits for a buffer any more.
    BuffersFree {}
    Info: "buffers are free again"

    /// Requests are answered 503 because all backends that would do are busy.
    ClusterOverrun {
        /// Of which cluster.
        cluster: &'a str,
        /// What happened to the first of them.
        cause: &'a dyn fmt::Display,
    }
    Warn: "cluster `{cluster}`: requests are answered 503: {cause}; add backends, or raise their \
           max_connections, max_queued or queue_timeout"

    /// No request was answered 503 for that in a while.
    ClustersSuffice {}
    Info: "no requests are answered 503 for busy backends any more"

    /// No more connections to backends can be made, for a lack of our own.
    ConnectsExhausted {
        /// Of what.
        error: &'a dyn fmt::Display,
    }
    Warn: "connections to backends cannot be made ({error}): requests that need a new one wait, \
           and are answered 503 after connect_timeout; raise LimitNOFILE or lower max_connections"

    /// Connections to backends can be made again.
    ConnectsPossible {}
    Info: "connections to backends can be made again"

    /// A connection to a backend could not be made.
    BackendConnectFailed {
        /// Which.
        backend: Backend<'a>,
        /// What the kernel said.
        error: &'a dyn fmt::Display,
    }
    Debug + BackendConnectErrors: "no connection to {backend}: {error}"

    /// A backend is not chosen any more.
    BackendDown {
        /// Which.
        backend: Backend<'a>,
    }
    Warn + BackendDown: "{backend} is down: one connection after the other failed; it is tried \
                         again from time to time"

    /// A backend is chosen again.
    BackendUp {
        /// Which.
        backend: Backend<'a>,
    }
    Info + BackendUp: "{backend} is up again"

    /// No backend of a cluster can be chosen.
    NoAvailableBackend {
        /// The cluster.
        cluster: &'a str,
    }
    Error + NoAvailableBackends: "no backend of cluster {cluster} can be reached: its requests \
                                  fail with 503 unless one answers all the same; check that its \
                                  backends run and listen"

    /// A backend of the cluster can be chosen again.
    ClusterRecovered {
        /// The cluster.
        cluster: &'a str,
    }
    Info + ClusterRecovered: "a backend of cluster {cluster} can be reached again"

    /// A request breaks a rule of HTTP.
    ClientProtocolError {
        /// Who sent it.
        client: SocketAddr,
        /// Which rule.
        error: &'a dyn fmt::Display,
    }
    Debug + FrontendParseErrors: "a request of client {client} is refused: {error}"

    /// A response breaks a rule of HTTP.
    BackendProtocolError {
        /// Who sent it.
        backend: Backend<'a>,
        /// Which rule.
        error: &'a dyn fmt::Display,
    }
    Debug + BackendParseErrors: "{backend} sent a response that cannot be passed on: {error}"

    /// No keys were agreed on with a client.
    HandshakeFailed {
        /// With whom.
        client: SocketAddr,
        /// Where it connected to.
        listener: SocketAddr,
        /// Why.
        error: &'a dyn fmt::Display,
    }
    Debug + HandshakeErrors: "no TLS connection with client {client} on {listener}: {error}"

    /// More clients wanted to agree on keys than may at once.
    HandshakesCut {
        /// How many had taken too long.
        count: usize,
    }
    Warn + HandshakesCut: "{count} TLS handshakes are cut because they are slow and others wait: \
                           somebody opens connections and says nothing; raise max_buffers if \
                           these are real clients"

    /// No keys were agreed on with a backend.
    BackendHandshakeFailed {
        /// With which.
        backend: Backend<'a>,
        /// Why.
        error: &'a dyn fmt::Display,
    }
    Warn + BackendHandshakeErrors: "no TLS connection to {backend}: {error}; its requests are \
                                    answered 502 unless another backend takes them"

    /// The proxy answered by itself.
    AnswerGiven {
        /// To whom.
        client: SocketAddr,
        /// With what.
        status: u16,
        /// Why.
        cause: &'a dyn fmt::Display,
    }
    Debug: "client {client} is answered {status}: {cause}"

    /// A session was cut in the middle of something because a deadline passed.
    SessionCut {
        /// Its id.
        session: &'a str,
        /// The other end.
        client: SocketAddr,
        /// Which deadline.
        deadline: &'a str,
    }
    Debug + SessionsCut: "session {session} of client {client} is cut: {deadline} has passed"

    /// A session was closed because nothing had happened to it for very long.
    ZombieSession {
        /// Its id.
        session: &'a str,
        /// The other end.
        client: SocketAddr,
        /// For how long.
        idle: Duration,
    }
    Warn + Zombies: "session {session} of client {client} is stuck and closed: nothing happened to \
                     it for {idle:.0?}; this is a defect of the proxy, please report it"

    /// A session was closed to make room for a new one.
    SessionEvicted {
        /// Its id.
        session: &'a str,
        /// The other end.
        client: SocketAddr,
        /// How long nothing had happened to it.
        idle: Duration,
    }
    Debug + Evicted: "session {session} of client {client} is closed to make room: it was idle for \
                      {idle:.1?} and max_connections is reached"

    /// Datagrams that belonged together do not any more.
    UdpFlowEnded {
        /// Who sent the first ones.
        client: SocketAddr,
        /// Where they came to.
        listener: SocketAddr,
        /// Where they went.
        backend: &'a dyn fmt::Display,
        /// How long it was.
        after: Duration,
        /// Why it is over.
        cause: &'a dyn fmt::Display,
        /// How much there was.
        traffic: &'a dyn fmt::Display,
    }
    Info + UdpFlowsEvicted: "the UDP flow of {client} on {listener} to {backend} is over after \
                             {after:.1?} ({cause}): {traffic}"

    /// Datagrams that belong to no flow are dropped.
    UdpFlowsFull {
        /// What is lacking.
        cause: &'a dyn fmt::Display,
    }
    Warn: "no new UDP flows are begun, their datagrams are dropped: {cause}"

    /// There is room for flows again.
    UdpFlowsFit {
        /// How long there was none.
        after: Duration,
    }
    Info: "new UDP flows are begun again, after {after:.1?}"

    /// The worker accepts no more and finishes what it has.
    DrainBegun {
        /// Sessions it has.
        sessions: usize,
        /// What is left is cut after that.
        deadline: Duration,
    }
    Info: "stopping: no new connections; {sessions} sessions may finish within {deadline:.0?}"

    /// The worker has nothing left.
    DrainEnded {
        /// Sessions that were cut because they had not finished in time.
        cut: usize,
    }
    Info: "stopped: all sessions have ended, {cut} of them cut by the deadline"

    /// Another worker has the listening sockets: this one passes on what it can.
    RetirementBegun {
        /// Sessions it has.
        sessions: usize,
        /// What is left is cut after that.
        deadline: Duration,
    }
    Info: "another worker accepts now: of {sessions} sessions, those between two requests are \
           passed on, others may finish within {deadline:.0?}"

    /// It has nothing left.
    RetirementEnded {
        /// Connections that another worker has.
        passed: usize,
        /// Those that have ended by themselves.
        finished: usize,
        /// Those that had not in time.
        cut: usize,
    }
    Info: "stopped: {passed} connections were passed on, {finished} have ended, {cut} were cut by \
           the deadline"

    /// A connection that another worker has passed on cannot be served.
    PassedLost {
        /// The other end.
        client: SocketAddr,
        /// Why not.
        cause: &'a str,
    }
    Warn + PassedLost: "the connection of client {client}, which another worker has passed on, is \
                        closed: {cause}"

    /// The channel to main has ended.
    MainGone {
        /// How.
        error: &'a dyn fmt::Display,
    }
    Error: "the main process is gone ({error})"

    /// A main process has found this worker.
    MainBack {
        /// How long it was alone.
        after: Duration,
    }
    Info: "a main process is in control again, after {after:.1?}"

    /// A worker without main gives up.
    OrphanEnds {
        /// What it has waited for in vain.
        cause: &'a dyn fmt::Display,
    }
    Error: "no main process is in control ({cause}): this worker finishes its requests and ends"

    /// A worker without main was told to stop.
    OrphanStops {
        /// The name of a signal.
        signal: &'a str,
    }
    Info: "{signal}, and no main process is in control: this worker finishes its requests and ends"

    /// Lines were lost.
    LogLinesDropped {
        /// How many.
        lines: u64,
    }
    Warn: "{lines} lines were dropped because the sink is slow"
}

impl Event<'_> {
    /// The module that filters know events by.
    pub const MODULE: &'static str = "event";

    /// Counts the event and logs it.
    pub fn emit(&self, counters: &mut Counters) {
        if let Some(counter) = self.counter() {
            counters.add(counter, 1);
        }
        log::log!(target: Self::MODULE, self.level(), "{self}");
    }
}

/// Which limit stops accepting.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AcceptStop {
    /// `max_connections`.
    MaxConnections,
    /// The process or the system has no file descriptor left.
    NoDescriptor,
}

impl fmt::Display for AcceptStop {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::MaxConnections => "max_connections is reached; clients wait for a session to end",
            Self::NoDescriptor => {
                "no file descriptor is left; raise LimitNOFILE or lower max_connections"
            }
        })
    }
}

/// How a backend is named in events.
#[derive(Clone, Copy, Debug)]
pub struct Backend<'a> {
    /// Id of its cluster.
    pub cluster: &'a str,
    /// Its id.
    pub id: &'a str,
    /// Where it is.
    pub address: &'a Address,
}

impl fmt::Display for Backend<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "backend {} ({}) of cluster {}", self.id, self.address, self.cluster)
    }
}

#[cfg(test)]
mod tests;
