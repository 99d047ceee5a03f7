//! What all sessions of a worker share: everything but the sessions themselves.

use std::collections::VecDeque;
use std::fmt::Display;
use std::io;
use std::net::IpAddr;

use weir_balance::breaker::Refused;
use weir_balance::ledger::Held;
use weir_balance::retry::Budget;
use weir_balance::{BackendKey, Share, Transition};
use weir_base::{Instant, Key, Wheel};
use weir_control::channel::{Finding, Kinds, Refusal, Settings, ToWorker};
use weir_control::clients::ClientLimits;
use weir_control::state::BackendId;
use weir_http::exchange::BackFailure;
use weir_http::h1::{HeadLimits, parse_request};
use weir_http::message::{Fields, RequestHead};
use weir_http::policy::RequestId;
use weir_sys::Epoll;
use weir_telemetry::{Counter, Scope, Time};

use crate::alarm::TICK;
use crate::buffers::{Buffer, Buffers};
use crate::date::Date;
use crate::desk::Desk;
use crate::front::Front;
use crate::multiplex::Multiplexes;
use crate::observe::Observe;
use crate::per_address::PerAddress;
use crate::pipes::Pipes;
use crate::probe::Judged;
use crate::queued::Offers;
use crate::session::{Active, Born, Session, Upstreamed};
use crate::tables::Tables;
use crate::turnstile::{Room, Turnstile};
use crate::udp::Udp;
use crate::upstream::{Peer, Upstream};

/// Shared by all sessions of a worker.
pub(crate) struct Context {
    /// The instant of this turn of the loop.
    pub(crate) now: Instant,
    pub(crate) settings: Settings,
    pub(crate) epoll: Epoll,
    pub(crate) buffers: Buffers,
    pub(crate) pipes: Pipes,
    pub(crate) upstream: Upstream,
    pub(crate) multiplexes: Multiplexes,
    pub(crate) udp: Udp,
    /// Connections for sessions that waited for one.
    pub(crate) offers: Offers,
    /// Streams that have no session yet.
    pub(crate) born: Vec<Born>,
    pub(crate) tables: Tables,
    pub(crate) per_address: PerAddress,
    /// Connections of clients, as they were counted last.
    pub(crate) connections: usize,
    /// How many connections clients may have.
    pub(crate) clients: ClientLimits,
    pub(crate) observe: Observe,
    pub(crate) date: Date,
    pub(crate) desk: Desk,
    /// What is not served.
    pub(crate) refusals: Vec<Refusal>,
    /// Deadlines of sessions.
    pub(crate) wheel: Wheel<Key>,
    pub(crate) rng: fastrand::Rng,
    /// Field lines of the request head parsed last.
    pub(crate) request_fields: Fields,
    /// Whose they are: session and its request number.
    fields_of: Option<(Key, u64)>,
    /// Field lines of the response head parsed last.
    pub(crate) response_fields: Fields,
    pub(crate) head_limits: HeadLimits,
    /// Where heads are encoded.
    pub(crate) scratch: Vec<u8>,
    /// Where bytes are looked at that stay in the kernel.
    pub(crate) peeked: Box<[u8]>,
    /// When the drain ends, while draining.
    pub(crate) drain_until: Option<Instant>,
    /// While draining: another worker takes connections that can be passed on.
    pub(crate) passing: bool,
    /// What has ended since the drain began; before, it means nothing.
    pub(crate) finished: Kinds,
    ready: Vec<Key>,
    /// Sessions that wait for buffers, and for how many.
    starved: VecDeque<(Key, usize)>,
    turnstile: Turnstile,
    /// Handshakes that may still be moved on in this turn.
    pub(crate) handshakes_left: usize,
    /// Sessions that wait for a handshake.
    shaking: VecDeque<Key>,
    #[expect(clippy::vec_box, reason = "the boxes themselves are kept for the next sessions")]
    actives: Vec<Box<Active>>,
}

/// Bytes of a ClientHello that are looked at, at most.
const MOST_PEEKED: usize = 1 << 16;

impl Context {
    pub(crate) fn new(settings: Settings, observe: Observe) -> io::Result<Self> {
        let limits = &settings.limits;
        let mut seed = [0; 8];
        weir_sys::fill_random(&mut seed)?;
        let now = weir_sys::now();
        Ok(Self {
            now,
            epoll: Epoll::new(512)?,
            buffers: Buffers::new(limits),
            pipes: Pipes::new(limits.pipes, limits.pipe_bytes),
            upstream: Upstream::new(limits, now),
            multiplexes: Multiplexes::new(limits.sessions),
            udp: Udp::new(limits, now),
            offers: Offers::default(),
            born: Vec::new(),
            tables: Tables::new(limits),
            per_address: PerAddress::new(limits.sessions),
            connections: 0,
            clients: ClientLimits::default(),
            observe,
            date: Date::new(),
            desk: Desk::default(),
            refusals: Vec::new(),
            wheel: Wheel::new(crate::places(limits), now, TICK),
            rng: fastrand::Rng::with_seed(u64::from_ne_bytes(seed)),
            request_fields: Fields::with_capacity(limits.fields),
            fields_of: None,
            response_fields: Fields::with_capacity(limits.fields),
            head_limits: HeadLimits {
                head_bytes: limits.buffer_bytes,
                target_bytes: limits.target_bytes,
            },
            scratch: Vec::with_capacity(2 * limits.buffer_bytes),
            peeked: vec![0; MOST_PEEKED].into(),
            drain_until: None,
            passing: false,
            finished: Kinds::default(),
            ready: Vec::with_capacity(limits.sessions),
            starved: VecDeque::with_capacity(limits.sessions),
            turnstile: Turnstile::default(),
            handshakes_left: 0,
            shaking: VecDeque::new(),
            actives: Vec::with_capacity(limits.buffers / 2),
            settings,
        })
    }

    pub(crate) fn draining(&self) -> bool {
        self.drain_until.is_some()
    }

    /// A connection that has no request under way is to be closed here.
    pub(crate) fn closes_idle(&self, front: &Front) -> bool {
        self.draining() && !(self.passing && front.can_pass())
    }

    /// Connections of this client are not served.
    pub(crate) fn refuses_client(&self, client: IpAddr) -> bool {
        self.refusals.iter().any(|refusal| refusal.route.is_none() && refusal.concerns(client))
    }

    /// Requests of this client for a frontend are not served.
    pub(crate) fn refuses_request(&self, client: IpAddr, route: u64) -> bool {
        let about = |refusal: &Refusal| refusal.route.is_none_or(|refused| refused == route);
        self.refusals.iter().any(|refusal| about(refusal) && refusal.concerns(client))
    }

    /// Main says what is shared by all workers.
    pub(crate) fn handle_shared(&mut self, message: ToWorker) {
        match message {
            ToWorker::Workers(count) => {
                self.tables.set_share(Share { index: self.settings.worker, count });
                self.per_address.workers = count;
                self.stir_all();
            }
            ToWorker::Sums(sums) => sums.iter().for_each(|sum| {
                if !self.tables.rates.share(sum, self.tables.share.count) {
                    self.per_address.share(sum, self.now);
                }
            }),
            ToWorker::Clients(limits) => self.clients = limits,
            _ => {}
        }
    }

    /// What main is to be told of them now.
    pub(crate) fn held(&mut self) -> Vec<Held> {
        let mut held = self.tables.rates.report(self.tables.share.count, self.now);
        self.per_address.report(self.now, &mut held);
        held
    }

    /// A new identity for a session or request.
    pub(crate) fn new_id(&mut self) -> RequestId {
        RequestId::new(self.observe.unix_millis(), self.rng.u128(..))
    }

    /// Has a session driven in this turn, or in the next if it is queued while driven.
    pub(crate) fn queue(&mut self, session: &mut Session) {
        if !std::mem::replace(&mut session.queued, true) {
            self.ready.push(session.key);
        }
    }

    /// The sessions to be driven; those queued meanwhile are for the next turn.
    pub(crate) fn take_ready(&mut self, into: &mut Vec<Key>) {
        into.clear();
        std::mem::swap(&mut self.ready, into);
    }

    /// Nothing waits to be driven.
    pub(crate) fn is_quiet(&self) -> bool {
        let made = self.tables.unfinished.is_empty();
        self.ready.is_empty() && !self.upstream.has_ready() && self.offers.is_empty() && made
    }

    /// Puts a session in line for that many buffers.
    pub(crate) fn starve(&mut self, session: &mut Session, count: usize) {
        session.starved = true;
        self.starved.push_back((session.key, count));
        self.observe.buffers_exhausted();
    }

    /// Puts a session in line for a handshake.
    pub(crate) fn wait_for_handshake(&mut self, session: &mut Session) {
        session.starved = true;
        self.shaking.push_back(session.key);
    }

    /// The session that waits longest for a handshake, when one may begin.
    pub(crate) fn next_shaking(&mut self) -> Option<Key> {
        if !self.buffers.has_handshake_room() {
            return None;
        }
        self.shaking.pop_front()
    }

    /// Some session waits for a handshake.
    pub(crate) fn is_crowded(&self) -> bool {
        !self.shaking.is_empty()
    }

    /// A session that waits for buffers goes. Those that have waited longest go first, so it is
    /// found near the front.
    pub(crate) fn leave_starved(&mut self, session: Key) {
        if let Some(at) = self.starved.iter().position(|(key, _)| *key == session) {
            self.starved.remove(at);
        }
        if let Some(at) = self.shaking.iter().position(|key| *key == session) {
            self.shaking.remove(at);
        }
    }

    /// The session that waits longest for buffers, when there are some.
    pub(crate) fn next_starved(&mut self) -> Option<Key> {
        let (key, _) = self.starved.pop_front_if(|(_, count)| self.buffers.has_room(*count))?;
        Some(key)
    }

    /// Puts a session in line for room for a connection to a backend.
    pub(crate) fn line_up(&mut self, session: Key) {
        let room = self.room();
        self.turnstile.join(session, room);
    }

    /// A session does not want room any more.
    pub(crate) fn leave_line(&mut self, session: Key) {
        self.turnstile.leave(session);
    }

    /// The session that waits longest for room, if there may be some.
    pub(crate) fn next_in_line(&mut self) -> Option<Key> {
        let room = self.room();
        self.turnstile.next(room)
    }

    /// Somebody in line may find room.
    pub(crate) fn moves_line(&self) -> bool {
        self.turnstile.moves(self.room())
    }

    fn room(&self) -> Room {
        let Self { upstream, buffers, .. } = self;
        [upstream.len(), upstream.idle(), upstream.streams(), buffers.in_use()]
    }

    /// An exchange for a head that was just parsed.
    pub(crate) fn new_active(
        &mut self,
        head: RequestHead,
        buffer: Option<Buffer>,
        started: Instant,
    ) -> Box<Active> {
        let id = self.new_id();
        match self.actives.pop() {
            Some(mut active) => {
                active.reset(head, buffer, started, id);
                active
            }
            None => Box::new(Active::new(head, buffer, started, id)),
        }
    }

    /// Takes an exchange apart; returns its request buffer, which may hold the next request.
    pub(crate) fn recycle(&mut self, mut active: Box<Active>) -> Option<Buffer> {
        if let Some(buffer) = active.response.finish(&mut self.buffers, &mut self.pipes) {
            self.buffers.give(buffer);
        }
        let buffer = active.request.finish(&mut self.buffers, &mut self.pipes);
        active.route = None;
        if active.place > 0 {
            self.tables.leave_place(active.cluster, active.place);
        }
        if self.actives.len() < self.actives.capacity() {
            self.actives.push(active);
        }
        buffer
    }

    /// Remembers whose field lines were just parsed.
    pub(crate) fn parsed_for(&mut self, session: Key, request: u64) {
        self.fields_of = Some((session, request));
    }

    /// Makes [`Context::request_fields`] those of this request, whose head was parsed before.
    pub(crate) fn parse_again(&mut self, session: Key, request: u64, head: &[u8]) {
        if self.fields_of != Some((session, request)) {
            let parsed = parse_request(head, &self.head_limits, &mut self.request_fields);
            debug_assert!(matches!(parsed, Ok(Some(_))));
            self.fields_of = Some((session, request));
        }
    }

    /// Starts a connection to a backend.
    pub(crate) fn connect(&mut self, peer: &Peer, owner: Key) -> Result<Key, BackFailure> {
        let connected = self.upstream.connect(peer, owner, &self.epoll, &mut self.buffers);
        if connected.is_ok() {
            self.observe.connects_possible();
        }
        connected.map_err(|error| {
            if error.kind() == io::ErrorKind::InvalidInput {
                return BackFailure::Handshake;
            }
            // A full table is our lack too, and has no number.
            if error.raw_os_error().is_some() && !weir_sys::is_exhaustion(&error) {
                return BackFailure::Refused;
            }
            self.observe.connects_exhausted(&error);
            BackFailure::NoRoom
        })
    }

    /// Reads what came on backend connections that carry streams.
    pub(crate) fn drive_backends(&mut self) {
        let Self { upstream, scratch, buffers, observe, .. } = self;
        upstream.drive_shared(self.now, scratch, buffers, |broken| observe.backend_broke(&broken));
    }

    /// Sends what streams to backends have written in this turn.
    pub(crate) fn send_to_backends(&mut self) {
        self.upstream.flush(self.now, &mut self.buffers);
    }

    /// An exchange begins to use a backend.
    pub(crate) fn bind(&mut self, cluster: Option<Key>, backend: BackendKey) {
        if let Some(cluster) = cluster.and_then(|key| self.tables.clusters.get_mut(key)) {
            cluster.group.connection_opened(backend);
            cluster.group.request_started(backend);
        }
    }

    /// An exchange lets go of a backend.
    pub(crate) fn unbind(&mut self, cluster: Option<Key>, backend: BackendKey) {
        if let Some(cluster) = cluster.and_then(|key| self.tables.clusters.get_mut(key)) {
            cluster.group.request_finished(backend);
            cluster.group.connection_closed(backend);
        }
        if let Some(cluster) = cluster.filter(|_| self.offers.waiting() > 0) {
            self.offer(cluster, backend);
        }
    }

    /// The connection of an exchange can serve no other: one with streams is being closed.
    pub(crate) fn has_ended(&self, back: Option<Upstreamed>) -> bool {
        back.is_some_and(|back| back.stream.is_none() || self.upstream.is_closing(back.key))
    }

    /// A new connection to a backend is being made.
    pub(crate) fn connect_begun(&mut self, cluster: Option<Key>, backend: BackendKey) {
        if let Some(cluster) = cluster.and_then(|key| self.tables.clusters.get_mut(key)) {
            cluster.group.handle_connect_begun(backend, self.now);
        }
    }

    /// A backend accepted a connection.
    pub(crate) fn connect_succeeded(
        &mut self,
        cluster: Option<Key>,
        backend: BackendKey,
        begun: Instant,
    ) {
        let took = self.now - begun;
        self.observe.timed(Time::Connect, took);
        self.tables.count(cluster, Some(backend), |scope| scope.record(Time::Connect, took));
        let Some(entry) = cluster.and_then(|key| self.tables.clusters.get_mut(key)) else { return };
        let change = entry.group.handle_connect_success(backend, begun, self.now);
        self.tell_transition(cluster, backend, change);
    }

    /// A backend failed an exchange.
    pub(crate) fn backend_failed(
        &mut self,
        cluster: Option<Key>,
        backend: BackendKey,
        failure: BackFailure,
        begun: Instant,
    ) {
        let Some(entry) = cluster.and_then(|key| self.tables.clusters.get_mut(key)) else { return };
        if let Some(spec) = entry.group.spec(backend) {
            self.observe.backend_failed(&entry.settings.config.id, spec, failure);
        }
        if matches!(failure, BackFailure::Refused | BackFailure::ConnectTimeout) {
            let random = self.rng.u64(..);
            let change = entry.group.handle_connect_failure(backend, begun, self.now, random);
            let count = |scope: &mut Scope| scope.add(Counter::BackendConnectErrors, 1);
            self.tables.count(cluster, Some(backend), count);
            self.tell_transition(cluster, backend, change);
        }
        let entry = cluster.and_then(|key| self.tables.clusters.get_mut(key));
        if let Some(entry) = entry.filter(|_| failure.speaks_of_backend()) {
            let change = entry.group.handle_outcome(backend, false, self.now);
            self.tell_transition(cluster, backend, change);
        }
    }

    /// Checks say whether a backend can serve.
    pub(crate) fn checked(&mut self, cluster: Key, backend: &str, healthy: bool) {
        let Some(entry) = self.tables.clusters.get_mut(cluster) else { return };
        let change = entry.group.handle_check(backend, healthy, self.now);
        let Some(backend) = entry.group.key_of(backend) else { return };
        self.tell_transition(Some(cluster), backend, change);
        if change == Some(Transition::BackendDown { last: false }) {
            self.leave_backend(cluster, backend);
        }
    }

    /// Main is told what this worker's checks say now.
    pub(crate) fn tell_finding(&mut self, judged: &Judged) {
        let Some(entry) = self.tables.clusters.get(judged.cluster) else { return };
        let id = judged.backend.to_string();
        let backend = BackendId { cluster: entry.settings.config.id.clone(), id };
        self.observe.checked(Finding { backend, healthy: judged.healthy }, judged.address.clone());
    }

    /// A request goes to its cluster, unless too many before it failed.
    pub(crate) fn admit_request(&mut self, active: &mut Active) -> Option<Refused> {
        let cluster = self.tables.clusters.get_mut(active.cluster?)?;
        if let Some(budget) = &mut cluster.retries {
            budget.handle_request(self.now);
        }
        match cluster.breaker.as_mut()?.admit(self.now) {
            Ok(ticket) => {
                active.ticket = Some(ticket);
                None
            }
            Err(refused) => Some(refused),
        }
    }

    /// How a request to a cluster has gone, for its circuit breaker.
    pub(crate) fn request_decided(&mut self, active: &mut Active, good: bool) {
        let Some(ticket) = active.ticket.take() else { return };
        let cluster = active.cluster.and_then(|key| self.tables.clusters.get_mut(key));
        let Some(cluster) = cluster else { return };
        let Some(breaker) = &mut cluster.breaker else { return };
        if let Some(state) = breaker.handle_outcome(ticket, good, self.now) {
            self.observe.breaker(&cluster.settings.config.id, state);
        }
    }

    /// Another attempt is within the cluster's budget.
    pub(crate) fn may_retry(&mut self, cluster: Option<Key>) -> bool {
        let cluster = cluster.and_then(|key| self.tables.clusters.get_mut(key));
        let Some(cluster) = cluster else { return true };
        let limits = cluster.settings.config.retries.unwrap_or_default();
        let budget = || Box::new(Budget::new(limits, self.now));
        cluster.retries.get_or_insert_with(budget).take(self.now)
    }

    /// The backend of a request began to respond, well or not.
    pub(crate) fn responded(&mut self, active: &mut Active, good: bool) {
        self.request_decided(active, good);
        let Some(back) = active.back else { return };
        let cluster = active.cluster.and_then(|key| self.tables.clusters.get_mut(key));
        let Some(cluster) = cluster else { return };
        let took = self.now - active.times.sent;
        cluster.group.handle_response_time(back.backend, took, self.now);
        if !good {
            let change = cluster.group.handle_outcome(back.backend, false, self.now);
            self.tell_transition(active.cluster, back.backend, change);
        }
    }

    /// A response is complete: not before it is known that its backend did well.
    pub(crate) fn completed(&mut self, active: &Active) {
        let Some(back) = active.back.filter(|_| (1..500).contains(&active.status)) else { return };
        let cluster = active.cluster.and_then(|key| self.tables.clusters.get_mut(key));
        let Some(cluster) = cluster else { return };
        let change = cluster.group.handle_outcome(back.backend, true, self.now);
        self.tell_transition(active.cluster, back.backend, change);
    }

    /// A backend's response breaks a rule.
    pub(crate) fn backend_error(
        &mut self,
        cluster: Option<Key>,
        back: Option<Upstreamed>,
        error: &dyn Display,
    ) {
        let Some(entry) = cluster.and_then(|key| self.tables.clusters.get(key)) else { return };
        if let Some(spec) = back.and_then(|back| entry.group.spec(back.backend)) {
            self.observe.backend_error(&entry.settings.config.id, spec, error);
        }
    }

    /// A backend did not agree on keys, or is not who it should be.
    pub(crate) fn backend_untrusted(
        &mut self,
        cluster: Option<Key>,
        back: Option<Upstreamed>,
        error: &dyn Display,
    ) {
        let Some(entry) = cluster.and_then(|key| self.tables.clusters.get(key)) else { return };
        if let Some(spec) = back.and_then(|back| entry.group.spec(back.backend)) {
            self.observe.backend_untrusted(&entry.settings.config.id, spec, error);
        }
    }

    fn tell_transition(
        &mut self,
        cluster: Option<Key>,
        backend: BackendKey,
        change: Option<Transition>,
    ) {
        let (Some(change), Some(key)) = (change, cluster) else { return };
        self.stir(key);
        let Some(entry) = cluster.and_then(|key| self.tables.clusters.get(key)) else { return };
        let Some(spec) = entry.group.spec(backend) else { return };
        self.observe.transition(&entry.settings.config.id, spec, change);
        let (of_backend, of_cluster) = match change {
            Transition::BackendDown { last } => {
                (Counter::BackendDown, last.then_some(Counter::NoAvailableBackends))
            }
            Transition::BackendUp { first } => {
                (Counter::BackendUp, first.then_some(Counter::ClusterRecovered))
            }
        };
        self.tables.count(cluster, Some(backend), |scope| scope.add(of_backend, 1));
        if let Some(counter) = of_cluster {
            self.tables.count(cluster, None, |scope| scope.add(counter, 1));
        }
    }
}
