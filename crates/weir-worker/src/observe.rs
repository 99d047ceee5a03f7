//! What the worker tells of itself: events, counters, the access log.
//!
//! Must not know: what follows from what it tells. An event is told once per change of state.

mod record;
mod taps;
mod tls;
mod trouble;
mod udp;

pub(crate) use record::Noted;
pub(crate) use udp::Dropped;

use std::fmt::Display;
use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use weir_balance::breaker::State;
use weir_balance::{Spec, Transition};
use weir_base::{Address, Instant};
use weir_control::channel::{Finding, Happening, Settings};
use weir_control::metrics::Sample;
use weir_control::state::{BackendId, Carries};
use weir_http::exchange::{BackFailure, Cause};
use weir_log::Logs;
use weir_telemetry::{AcceptStop, AccessFormat, Backend, Counter, Counters, Event, Fine, Time};

use crate::session::Session;
use crate::tables::ListenerSettings;
use crate::upstream::Broken;
use taps::Taps;
use trouble::Trouble;

/// Changes of one turn that main is told of; the log has them all.
const MOST_HAPPENINGS: usize = 256;

/// Why nothing is accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Shut {
    /// As many sessions as there may be.
    Sessions,
    /// No descriptor left.
    Descriptors,
}

/// The worker's voice.
pub(crate) struct Observe {
    counters: Counters,
    /// `None` when this process has another logger: then nothing is recorded here.
    logs: Option<&'static Logs>,
    /// Records show round trips.
    round_trips: bool,
    epoch: u64,
    now: Instant,
    /// The time of this turn, in nanoseconds since the Unix epoch.
    unix_ns: u64,
    /// Nothing is accepted, as there are as many sessions as there may be.
    full: Trouble,
    /// Nothing is accepted, as there is no descriptor.
    without_descriptor: Trouble,
    /// Sessions wait for buffers.
    starved: Trouble,
    /// No connection to a backend can be made.
    exhausted: Trouble,
    /// Datagrams are dropped, as there is no room for their flows.
    flows_full: Trouble,
    /// Requests are not served since backends are busy.
    overrun: Trouble,
    times: [Fine; Time::ALL.len()],
    started: Instant,
    /// What main has not been told.
    happened: Vec<Happening>,
    /// Who looks at requests.
    pub(crate) taps: Taps,
}

impl Observe {
    pub(crate) fn start(settings: &Settings) -> io::Result<Self> {
        let logs = &settings.logs;
        let tag = format!("WRK-{:02}", settings.worker);
        let wanted = weir_log::Settings {
            level: &logs.level,
            target: &logs.target,
            colored: logs.colored,
            access_target: logs.access_target.as_deref(),
            access_format: logs.access.compile(),
            access_colored: logs.access_colored,
            access_sampling: logs.access_sampling,
            json: logs.json,
            tag: &tag,
            ring_bytes: settings.limits.log_bytes,
            clock: unix_nanos,
        };
        let (opened, trouble) = match Logs::open(&wanted) {
            Ok(logs) => (Ok(logs), None),
            Err(trouble) => {
                let target = "stdout";
                let safe = weir_log::Settings {
                    target,
                    access_target: None,
                    access_format: AccessFormat::Ascii,
                    ..wanted
                };
                (Logs::open(&safe), Some(trouble))
            }
        };
        let logs = match opened.and_then(Logs::install) {
            Ok(logs) => Some(logs),
            Err(weir_log::Error::Installed) => None,
            Err(error) => return Err(io::Error::other(error)),
        };
        if let Some(trouble) = trouble {
            log::error!("{trouble}; this worker logs to its standard output instead");
        }
        Ok(Self {
            counters: Counters::default(),
            logs,
            round_trips: logs.is_some_and(Logs::shows_round_trips),
            epoch: 0,
            now: weir_sys::now(),
            unix_ns: 0,
            full: Trouble::none(),
            without_descriptor: Trouble::none(),
            starved: Trouble::none(),
            exhausted: Trouble::none(),
            flows_full: Trouble::none(),
            overrun: Trouble::none(),
            times: Default::default(),
            started: weir_sys::now(),
            happened: Vec::with_capacity(MOST_HAPPENINGS),
            taps: Taps::new(&tag),
        })
    }

    /// Something happened.
    pub(crate) fn count(&mut self, counter: Counter) {
        self.counters.add(counter, 1);
    }

    /// Something took so long.
    pub(crate) fn timed(&mut self, time: Time, took: Duration) {
        self.times[time as usize].record(took.as_micros() as u64);
    }

    /// Forgets what was counted.
    pub(crate) fn clear(&mut self) {
        self.counters = Counters::default();
        self.times = Default::default();
    }

    /// Since this worker started.
    pub(crate) fn uptime(&self) -> Duration {
        self.now.since(self.started)
    }

    /// What was counted, and how long what took; so many samples had no place of their own.
    pub(crate) fn samples(&self, refused: u64) -> impl Iterator<Item = Sample> {
        let dropped = self.logs.map_or(0, Logs::dropped);
        let counted = self.counters.iter().map(move |(counter, value)| match counter {
            Counter::ScopesRefused => (counter, refused),
            Counter::LogLinesDropped => (counter, dropped),
            _ => (counter, value),
        });
        let counted = counted.filter(|(_, value)| *value > 0);
        let counted = counted.map(|(counter, value)| Sample::count(counter.name(), value));
        let times = Time::ALL.iter().zip(&self.times).filter(|(_, times)| times.count() > 0);
        counted.chain(times.map(|(time, times)| Sample::times(time.name(), times)))
    }

    /// A turn of the loop begins.
    pub(crate) fn turn(&mut self, now: Instant) {
        self.now = now;
        self.unix_ns = unix_nanos();
        for after in [self.full.poll(now), self.without_descriptor.poll(now)].into_iter().flatten()
        {
            self.counters.add(Counter::AcceptSaturatedSeconds, after.as_secs());
            self.tell(Event::AcceptOpened { after });
        }
        if self.starved.poll(now).is_some() {
            self.tell(Event::BuffersFree {});
        }
        if self.exhausted.poll(now).is_some() {
            self.tell(Event::ConnectsPossible {});
        }
        if self.overrun.poll(now).is_some() {
            self.tell(Event::ClustersSuffice {});
        }
        if let Some(after) = self.flows_full.poll(now) {
            self.tell(Event::UdpFlowsFit { after });
        }
    }

    /// The time of this turn, since the Unix epoch.
    pub(crate) fn unix_millis(&self) -> u64 {
        self.unix_ns / 1_000_000
    }

    /// Writes what waits, as far as sinks take it.
    pub(crate) fn flush(&mut self, now: Instant) {
        if let Some(logs) = self.logs {
            logs.flush(now);
        }
    }

    /// When there is something to tell or to write though nothing happens.
    pub(crate) fn deadline(&self) -> Instant {
        let shortages = [&self.full, &self.without_descriptor, &self.starved, &self.exhausted];
        shortages
            .into_iter()
            .chain([&self.flows_full, &self.overrun])
            .map(Trouble::deadline)
            .fold(self.logs.map_or(Instant::FAR, Logs::deadline), Instant::min)
    }

    /// Somebody is shown round trips, which the kernel is asked for.
    pub(crate) fn shows_round_trips(&self) -> bool {
        self.round_trips || !self.taps.is_empty()
    }

    /// Logs by another filter, which main has checked.
    pub(crate) fn set_filter(&mut self, filter: &str) {
        if let (Some(logs), Ok(filter)) = (self.logs, filter.parse()) {
            logs.set_filter(filter);
        }
    }

    pub(crate) fn reopen(&mut self) {
        if let Some(Err(error)) = self.logs.map(Logs::reopen) {
            self.internal("opening the log files again", &error);
        }
    }

    /// The last lines.
    pub(crate) fn finish(&mut self) {
        if let Some(logs) = self.logs {
            logs.flush_blocking(Duration::from_millis(500));
        }
    }

    /// The configuration in use.
    pub(crate) fn epoch(&self) -> u64 {
        self.epoch
    }

    pub(crate) fn set_epoch(&mut self, epoch: u64, listeners: usize) {
        if self.epoch == 0 {
            self.tell(Event::WorkerStarted { epoch, listeners });
        }
        self.epoch = epoch;
    }

    pub(crate) fn accepted(&mut self, settings: &ListenerSettings) {
        self.counters.add(Counter::Accepted, 1);
        let kind = match settings.config.carries {
            Carries::Tcp => Counter::AcceptedTcp,
            Carries::Http if settings.tls.is_some() => Counter::AcceptedHttps,
            Carries::Http => Counter::AcceptedHttp,
        };
        self.counters.add(kind, 1);
    }

    pub(crate) fn gate_shut(&mut self, cause: Shut) {
        let (trouble, cause) = match cause {
            Shut::Sessions => (&mut self.full, AcceptStop::MaxConnections),
            Shut::Descriptors => (&mut self.without_descriptor, AcceptStop::NoDescriptor),
        };
        if trouble.begins(self.now) {
            self.tell(Event::AcceptClosed { cause });
        }
    }

    pub(crate) fn gate_opened(&mut self) {
        self.full.pauses(self.now);
        self.without_descriptor.pauses(self.now);
    }

    pub(crate) fn accept_queue_timeout(&mut self) {
        self.counters.add(Counter::AcceptQueueTimeout, 1);
    }

    pub(crate) fn evicted(&mut self, session: &Session) {
        let idle = self.now.since(session.active_at);
        let (session, client) = (session.id.as_str(), session.client);
        self.tell(Event::SessionEvicted { session, client, idle });
    }

    pub(crate) fn zombie(&mut self, session: &Session) {
        let idle = self.now.since(session.active_at);
        let (session, client) = (session.id.as_str(), session.client);
        self.tell(Event::ZombieSession { session, client, idle });
    }

    pub(crate) fn deadline_passed(&mut self, session: &Session, deadline: &'static str) {
        let (session, client) = (session.id.as_str(), session.client);
        self.tell(Event::SessionCut { session, client, deadline });
    }

    /// A session waits for buffers.
    pub(crate) fn buffers_exhausted(&mut self) {
        if self.starved.begins(self.now) {
            self.tell(Event::BuffersExhausted {});
        }
    }

    /// No session waits for buffers.
    pub(crate) fn buffers_free(&mut self) {
        self.starved.pauses(self.now);
    }

    /// A request waits for a backend, or is not served for that.
    pub(crate) fn queued(&mut self, counter: Counter) {
        self.counters.add(counter, 1);
    }

    /// A request was not served since the backends of its cluster are busy.
    pub(crate) fn overrun(&mut self, cluster: &str, cause: Cause) {
        if self.overrun.begins(self.now) {
            self.tell(Event::ClusterOverrun { cluster, cause: &cause });
        }
        self.overrun.pauses(self.now);
    }

    /// A connection to a backend could not be made for a lack of descriptors or room.
    pub(crate) fn connects_exhausted(&mut self, error: &io::Error) {
        if self.exhausted.begins(self.now) {
            self.tell(Event::ConnectsExhausted { error });
        }
    }

    /// A connection to a backend was begun.
    pub(crate) fn connects_possible(&mut self) {
        self.exhausted.pauses(self.now);
    }

    pub(crate) fn client_error(&mut self, client: SocketAddr, error: &dyn Display) {
        self.tell(Event::ClientProtocolError { client, error });
    }

    pub(crate) fn backend_error(&mut self, cluster: &str, backend: &Spec, error: &dyn Display) {
        let backend = named(cluster, backend);
        self.tell(Event::BackendProtocolError { backend, error });
    }

    pub(crate) fn backend_untrusted(&mut self, cluster: &str, backend: &Spec, error: &dyn Display) {
        let backend = named(cluster, backend);
        self.tell(Event::BackendHandshakeFailed { backend, error });
    }

    /// A connection to a backend that many streams share was ended for a rule that was broken.
    pub(crate) fn backend_broke(&mut self, broken: &Broken) {
        self.internal(&format!("HTTP/2 with the backend at {}", broken.address), &broken.fault);
    }

    pub(crate) fn handshakes_cut(&mut self, count: usize) {
        self.tell(Event::HandshakesCut { count });
    }

    pub(crate) fn backend_failed(&mut self, cluster: &str, backend: &Spec, failure: BackFailure) {
        let backend = named(cluster, backend);
        let cause = Cause::Back(failure);
        match failure {
            BackFailure::Refused | BackFailure::ConnectTimeout => {
                self.tell(Event::BackendConnectFailed { backend, error: &cause });
            }
            _ => log::debug!("{backend} failed an exchange: {cause}"),
        }
    }

    pub(crate) fn transition(&mut self, cluster: &str, backend: &Spec, change: Transition) {
        let backend = named(cluster, backend);
        match change {
            Transition::BackendDown { last } => {
                self.tell(Event::BackendDown { backend });
                let (id, address) = (backend.id.to_owned(), backend.address.clone());
                self.tell_main(Happening::BackendDown { id, address });
                if last {
                    self.tell(Event::NoAvailableBackend { cluster });
                    self.tell_main(Happening::NoAvailableBackends(cluster.to_owned()));
                }
            }
            Transition::BackendUp { first } => {
                self.tell(Event::BackendUp { backend });
                let (id, address) = (backend.id.to_owned(), backend.address.clone());
                self.tell_main(Happening::BackendUp { id, address });
                if first {
                    self.tell(Event::ClusterRecovered { cluster });
                    self.tell_main(Happening::ClusterRecovered(cluster.to_owned()));
                }
            }
        }
    }

    /// A circuit breaker is in another state now.
    pub(crate) fn breaker(&mut self, cluster: &str, state: State) {
        match state {
            State::Closed => log::info!("cluster `{cluster}` answers well again and is asked"),
            State::Open => log::warn!(
                "too many requests to cluster `{cluster}` failed: it is not asked for a while"
            ),
            State::Trial => log::info!("cluster `{cluster}` is asked a little, as a trial"),
        }
    }

    /// Checks say something else of a backend now.
    pub(crate) fn checked(&mut self, finding: Finding, address: Address) {
        self.count(if finding.healthy { Counter::CheckUp } else { Counter::CheckDown });
        let word = if finding.healthy { "healthy" } else { "unhealthy" };
        let BackendId { cluster, id } = &finding.backend;
        log::info!("checks say that backend `{id}` ({address}) of cluster `{cluster}` is {word}");
        self.tell_main(Happening::Checked { finding, address });
    }

    fn tell_main(&mut self, happening: Happening) {
        if self.happened.len() < MOST_HAPPENINGS {
            self.happened.push(happening);
        }
    }

    /// What main is to be told.
    pub(crate) fn happened(&mut self) -> impl Iterator<Item = Happening> {
        self.happened.drain(..)
    }

    /// A request goes to a backend on a connection that was there, or on one that is made.
    pub(crate) fn reached(&mut self, reused: bool) {
        let counter = if reused { Counter::BackendReused } else { Counter::BackendFresh };
        self.counters.add(counter, 1);
    }

    /// A request is tried again.
    pub(crate) fn retried(&mut self) {
        self.counters.add(Counter::BackendRetries, 1);
    }

    pub(crate) fn no_route(&mut self) {
        self.counters.add(Counter::NoRoute, 1);
    }

    /// A connection that the lists of a listener keep out.
    pub(crate) fn denied(&mut self, client: SocketAddr, settings: &ListenerSettings) {
        self.tell(Event::ConnectionDenied { client, listener: settings.config.address });
    }

    /// A connection of somebody whose PROXY protocol header would not be believed.
    pub(crate) fn untrusted(&mut self, sender: SocketAddr, settings: &ListenerSettings) {
        self.tell(Event::ConnectionUntrusted { sender, listener: settings.config.address });
    }

    /// A request that the lists of a frontend keep out.
    pub(crate) fn denied_request(&mut self) {
        self.counters.add(Counter::RequestsDenied, 1);
    }

    /// A request too many in a while.
    pub(crate) fn rate_limited(&mut self) {
        self.counters.add(Counter::RateLimited, 1);
    }

    pub(crate) fn no_place(&mut self) {
        self.counters.add(Counter::NoPlace, 1);
    }

    pub(crate) fn per_address_limit(&mut self) {
        self.counters.add(Counter::PerAddressLimit, 1);
    }

    /// The proxy answered by itself.
    pub(crate) fn answered(&mut self, status: u16) {
        self.counters.count_answer(status);
    }

    pub(crate) fn drain_began(&mut self, sessions: usize, deadline: Duration) {
        self.tell(Event::DrainBegun { sessions, deadline });
    }

    pub(crate) fn drain_ended(&mut self, cut: usize) {
        self.counters.add(Counter::SessionsCut, cut as u64);
        self.tell(Event::DrainEnded { cut });
    }

    /// Sessions that somebody wanted to end.
    pub(crate) fn dismissed(&mut self, count: u64) {
        self.counters.add(Counter::SessionsDismissed, count);
    }

    /// A connection or request like one that workers died of.
    pub(crate) fn refused(&mut self) {
        self.counters.add(Counter::CulpritsRefused, 1);
    }

    pub(crate) fn retirement_began(&mut self, sessions: usize, deadline: Duration) {
        self.tell(Event::RetirementBegun { sessions, deadline });
    }

    pub(crate) fn retirement_ended(&mut self, passed: usize, finished: usize, cut: usize) {
        self.counters.add(Counter::SessionsPassed, passed as u64);
        self.counters.add(Counter::SessionsCut, cut as u64);
        self.tell(Event::RetirementEnded { passed, finished, cut });
    }

    pub(crate) fn adopted(&mut self) {
        self.counters.add(Counter::SessionsAdopted, 1);
    }

    pub(crate) fn passed_lost(&mut self, client: SocketAddr, cause: &str) {
        self.tell(Event::PassedLost { client, cause });
    }

    pub(crate) fn main_gone(&mut self, error: &io::Error) {
        self.tell(Event::MainGone { error });
    }

    pub(crate) fn main_back(&mut self, after: Duration) {
        self.tell(Event::MainBack { after });
    }

    pub(crate) fn orphan_ends(&mut self, cause: &dyn Display) {
        self.tell(Event::OrphanEnds { cause });
    }

    pub(crate) fn orphan_stops(&mut self, signal: &str) {
        self.tell(Event::OrphanStops { signal });
    }

    /// Something that should not happen.
    pub(crate) fn internal(&mut self, what: &str, error: &dyn Display) {
        log::error!("{what} failed: {error}");
    }

    fn tell(&mut self, event: Event<'_>) {
        event.emit(&mut self.counters);
    }
}

fn named<'a>(cluster: &'a str, spec: &'a Spec) -> Backend<'a> {
    Backend { cluster, id: &spec.id, address: &spec.address }
}

fn unix_nanos() -> u64 {
    weir_sys::unix_time().as_nanos() as u64
}
