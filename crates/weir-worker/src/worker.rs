//! A worker: its sessions, what they share, and the order of one turn.

use std::collections::VecDeque;
use std::io;
use std::net::SocketAddr;
use std::ops::Range;
use std::os::fd::AsFd;
use std::process::ExitCode;
use std::rc::Rc;

use weir_base::{Instant, Key, Slab};
use weir_control::state::Carries;
use weir_http::policy::RequestId;
use weir_sys::{Event, Signal, Signals};
use weir_telemetry::Time;

use crate::accept::{Gate, Waiting};
use crate::buffers::{PER_EXCHANGE, Reservation};
use crate::census;
use crate::context::Context;
use crate::control::{Command, Control};
use crate::departures::Departures;
use crate::errands::Errand;
use crate::front::Front;
use crate::observe::Shut;
use crate::probe::Probes;
use crate::session::{Born, Origin, Session, Stage};
use crate::socket::Socket;
use crate::survey::Survey;
use crate::tables::ListenerSettings;
use crate::token::Token;
use crate::upstream::Wake;

/// While draining: how long until connections that still wait in the kernel are looked at again.
const DRAIN_PAUSE: std::time::Duration = std::time::Duration::from_millis(10);

/// How long connections may finish after a signal.
const SIGNAL_DRAIN: std::time::Duration = std::time::Duration::from_secs(30);

/// Handshakes moved on in one turn: each may cost a signature, and others wait meanwhile.
const HANDSHAKES: usize = 8;

/// When too many handshakes are under way, one that has taken that long is cut.
const SLOW_HANDSHAKE: std::time::Duration = std::time::Duration::from_secs(1);

/// And how often they are looked for.
const CROWD_PAUSE: std::time::Duration = std::time::Duration::from_millis(100);

/// One worker process.
pub(crate) struct Worker {
    pub(crate) cx: Context,
    pub(crate) sessions: Slab<Session>,
    pub(crate) gate: Gate,
    /// Of the worker that makes health checks for all.
    pub(crate) probes: Option<Probes>,
    pub(crate) control: Control,
    signals: Option<Signals>,
    ready: Vec<Key>,
    next_sweep: Instant,
    /// Connections that others have; `None`: nobody takes any.
    pub(crate) passed: Option<usize>,
    /// When slow handshakes may be cut again.
    next_crowd: Instant,
    /// While draining: places of sessions that have not looked yet at what has changed.
    pub(crate) unaware: Range<usize>,
    /// While draining: when main is told what is left.
    pub(crate) tell_at: Instant,
    /// What main wants to know and was not told yet.
    pub(crate) surveys: VecDeque<Survey>,
    /// What is to be done about all sessions.
    pub(crate) errands: VecDeque<Errand>,
    pub(crate) departures: Departures,
}

impl Worker {
    pub(crate) fn new(cx: Context, control: Control, signals: Option<Signals>) -> io::Result<Self> {
        let limits = &cx.settings.limits;
        let (sessions, queue) = (crate::places(limits), limits.accept_queue);
        let next_sweep = cx.now + cx.settings.zombie_check_interval;
        let mut worker = Self {
            sessions: Slab::new(sessions),
            gate: Gate::new(queue),
            probes: (cx.settings.worker == 0).then(Probes::new),
            ready: Vec::with_capacity(sessions),
            cx,
            control,
            signals,
            next_sweep,
            passed: None,
            next_crowd: Instant::default(),
            unaware: 0..0,
            tell_at: Instant::FAR,
            surveys: VecDeque::new(),
            errands: VecDeque::new(),
            departures: Departures::default(),
        };
        worker.control.watch(&worker.cx.epoll)?;
        if let Some(signals) = &worker.signals {
            let token = Token::Signals.to_bits();
            worker.cx.epoll.add_level(signals.as_fd(), token, true, false)?;
        }
        Ok(worker)
    }

    /// The loop. The order is the design: nothing acts inside an event.
    pub(crate) fn run(mut self) -> io::Result<ExitCode> {
        loop {
            let timeout = self.timeout();
            let done = weir_sys::now();
            let events = self.cx.epoll.wait(timeout)?;
            let now = weir_sys::now();
            // The turn that has ended, and the wait for this one.
            self.cx.observe.timed(Time::Turn, done.since(self.cx.now));
            self.cx.observe.timed(Time::Poll, now.since(done));
            self.cx.now = now;
            self.cx.observe.turn(self.cx.now);
            self.cx.handshakes_left = HANDSHAKES;
            self.cx.date.set(self.cx.observe.unix_millis() / 1_000);
            self.note_events(events);
            self.cx.drive_backends();
            self.move_line();
            self.wake_streams();
            self.drive_ready();
            self.serve_streams();
            self.cx.serve_datagrams();
            self.fire_timers();
            self.accept();
            self.feed_starved();
            self.feed_handshakes();
            self.serve_queues();
            self.cx.tables.make_tables();
            self.probe();
            self.obey();
            self.survey();
            self.run_errand();
            self.tell_taps();
            self.tell_held();
            self.send_collected();
            self.go_on_draining();
            self.cx.observe.flush(self.cx.now);
            if self.is_over() {
                return Ok(self.leave());
            }
        }
    }

    /// How long the loop may sleep.
    fn timeout(&self) -> Option<std::time::Duration> {
        let waits = self.gate.len() > 0 && self.gate.is_open();
        let told = self.unaware.is_empty() && !self.has_backs_to_pass();
        let asked = self.control.has_more() || self.can_survey() || self.can_run_errand();
        if !self.cx.is_quiet() || waits || !told || asked || self.cx.moves_line() {
            return Some(std::time::Duration::ZERO);
        }
        if self.cx.draining() && !self.listeners_closed() {
            return Some(DRAIN_PAUSE);
        }
        let timers = self.cx.wheel.deadline().unwrap_or(Instant::FAR);
        let deadline = [
            self.cx.upstream.deadline(),
            self.cx.observe.deadline(),
            // While main does not listen, it says when it does.
            if self.control.is_told() { self.cx.observe.taps.deadline() } else { Instant::FAR },
            self.control.deadline(),
            self.gate.deadline(&self.cx),
            self.next_sweep,
            self.cx.udp.deadline(),
            self.cx.offers.deadline(),
            self.departures.deadline(),
            self.cx.tables.rates.deadline(),
            self.cx.per_address.deadline(),
            self.probes.as_ref().map_or(Instant::FAR, Probes::deadline),
            if self.cx.is_crowded() { self.next_crowd } else { Instant::FAR },
            self.cx.drain_until.map_or(Instant::FAR, |until| until.min(self.tell_at)),
        ]
        .into_iter()
        .fold(timers, Instant::min);
        (deadline != Instant::FAR).then(|| deadline.since(weir_sys::now()))
    }

    fn note_events(&mut self, count: usize) {
        for index in 0..count {
            let event = self.cx.epoll.event(index);
            match Token::from_bits(event.token) {
                Token::Session(key) => self.session_event(key, event),
                Token::Back(key) => {
                    if let Wake::Session(owner) =
                        self.cx.upstream.handle_event(key, event, &mut self.cx.buffers)
                    {
                        self.queue(owner);
                    }
                }
                Token::Listener(key) => self.gate.mark(key),
                Token::Datagrams(key) => self.cx.listener_event(key, event),
                Token::Flow(key) => self.cx.flow_event(key, event),
                Token::Probe(key) => {
                    if let Some(probes) = &mut self.probes {
                        probes.handle_event(key, event);
                    }
                }
                Token::Channel => self.control.mark(),
                // The turn looks after them anyway.
                Token::Meeting | Token::Candidate => {}
                Token::Signals => self.read_signals(),
            }
        }
    }

    fn session_event(&mut self, key: Key, event: Event) {
        if let Some(session) = self.sessions.get_mut(key)
            && session.handle_event(event, &mut self.cx)
        {
            self.cx.queue(session);
        }
    }

    pub(crate) fn queue(&mut self, key: Key) {
        if let Some(session) = self.sessions.get_mut(key) {
            self.cx.queue(session);
        }
    }

    fn drive_ready(&mut self) {
        let mut ready = std::mem::take(&mut self.ready);
        self.cx.take_ready(&mut ready);
        for key in &ready {
            if let Some(session) = self.sessions.get_mut(*key) {
                session.queued = false;
                let alive = session.drive(&mut self.cx);
                self.settle(*key, alive);
            }
        }
        self.ready = ready;
    }

    /// Makes sessions of new streams, and drives who can go on because of others.
    fn serve_streams(&mut self) {
        while let Some(born) = self.cx.born.pop() {
            self.bear(born);
        }
        self.wake_streams();
        self.drive_ready();
    }

    fn wake_streams(&mut self) {
        let next = |cx: &mut Context| {
            let front = cx.multiplexes.woken().or_else(|| cx.multiplexes.carrier());
            front.or_else(|| cx.upstream.woken())
        };
        while let Some(key) = next(&mut self.cx) {
            self.queue(key);
        }
    }

    /// Makes a session of a stream.
    fn bear(&mut self, born: Born) {
        let id: RequestId = self.cx.new_id();
        let (now, stream) = (self.cx.now, born.begun.stream);
        let reservation = Reservation::Exchange(stream.buffers);
        if self.sessions.is_full() {
            self.cx.buffers.give(born.begun.text);
            self.cx.buffers.dismiss(reservation);
            return self.cx.multiplexes.refuse(stream.id);
        }
        let (client, listener, settings) = (born.client, born.listener, born.settings);
        let origin = Origin { client, listener, settings, id };
        let opened = self.sessions.insert_with(|key| {
            let (front, stage) = (Front::Stream(stream), Stage::Head(born.begun.text));
            let (tls, announced) = (born.tls, born.announced);
            let new = Session::new(key, front, origin, stage, now);
            Ok::<_, io::Error>(Session { reservation, tls, announced, ..new })
        });
        let Some(Ok(key)) = opened else { return };
        self.cx.multiplexes.adopt(stream.id, key);
        self.queue(key);
    }

    /// Tells main what is taken of limits that all workers share.
    fn tell_held(&mut self) {
        let held = self.cx.held();
        if !held.is_empty() {
            self.control.held(held);
        }
    }

    /// Sends what streams have written in this turn.
    fn send_collected(&mut self) {
        self.cx.multiplexes.flush(&mut self.cx.buffers);
        self.cx.send_to_backends();
        self.wake_streams();
    }

    /// After a session was driven: it goes, or its timer is armed.
    pub(crate) fn settle(&mut self, key: Key, alive: bool) {
        if !alive {
            if let Some(session) = self.sessions.remove(key) {
                if session.front.stream().is_none() {
                    self.cx.finished.count(session.kind(), session.tls.is_some());
                }
                session.close(&mut self.cx);
            }
            return;
        }
        let Some(session) = self.sessions.get_mut(key) else { return };
        if self.cx.passing && session.can_pass(&mut self.cx) {
            return self.pass(key);
        }
        session.alarm.set(session.deadline(), key, &mut self.cx.wheel);
    }

    fn fire_timers(&mut self) {
        while let Some(key) = self.cx.wheel.poll(self.cx.now) {
            self.session_timer(key);
        }
        self.cx.upstream.expire(self.cx.now, &mut self.cx.buffers);
        self.gate.expire(&mut self.cx);
        self.cx.end_quiet_flows();
        if self.next_sweep <= self.cx.now {
            self.sweep();
        }
    }

    fn session_timer(&mut self, key: Key) {
        let Some(session) = self.sessions.get_mut(key) else { return };
        session.alarm.rang();
        let due = session.deadline() <= self.cx.now;
        let alive = !due || session.expire(&mut self.cx);
        self.settle(key, alive);
    }

    /// Closes sessions that nothing has happened on for longer than any timeout would allow.
    fn sweep(&mut self) {
        let period = self.cx.settings.zombie_check_interval;
        let stuck = |session: &Session| {
            let idle = self.cx.now - session.active_at;
            idle > period && session.deadline() + period < self.cx.now
        };
        let zombies: Vec<Key> = self
            .sessions
            .iter()
            .filter_map(|(key, session)| stuck(session).then_some(key))
            .collect();
        for key in zombies {
            if let Some(session) = self.sessions.get(key) {
                self.cx.observe.zombie(session);
            }
            self.settle(key, false);
        }
        self.next_sweep = self.cx.now + period;
    }

    pub(crate) fn accept(&mut self) {
        let limit = self.cx.settings.limits.sessions;
        self.gate.reopen(self.connections(), limit, &mut self.cx);
        self.gate.fill(&mut self.cx);
        while self.gate.serves(&self.cx) {
            let Some(waiting) = self.gate.next() else { break };
            if self.connections() >= limit && !self.evict() {
                self.gate.put_back(waiting);
                self.gate.shut(Shut::Sessions, &mut self.cx);
                break;
            }
            self.open(waiting);
        }
        self.cx.connections = self.connections();
    }

    /// Sessions that are not streams of others.
    pub(crate) fn connections(&self) -> usize {
        self.sessions.len() - self.cx.multiplexes.streams()
    }

    /// Makes a session of an accepted connection.
    fn open(&mut self, waiting: Waiting) {
        if self.cx.refuses_client(waiting.client.ip()) {
            return self.cx.observe.refused();
        }
        let Some(listener) = self.cx.tables.listeners.get(waiting.listener) else { return };
        let settings = Rc::clone(&listener.settings);
        let stage = match &waiting.past {
            Some(past) if past.tls.is_some() || past.streams.is_some() => Stage::Idle,
            Some(past) if past.id.is_some() => Stage::second(listener),
            _ => Stage::first(listener, &self.cx.tables),
        };
        let returns = waiting.past.is_some();
        let new = waiting.past.as_ref().is_none_or(|past| past.id.is_none());
        if new && !self.lets_in(waiting.client, &stage, &settings) {
            return;
        }
        let known = waiting.past.as_ref().is_some_and(|past| past.tls.is_some());
        let tls = settings.tls.as_ref().filter(|_| !known);
        let tls = tls.map(|tls| tls.connection()).transpose();
        let now = self.cx.now;
        let cx = &mut self.cx;
        cx.observe.timed(Time::AcceptWait, now.since(waiting.since));
        let id: RequestId = cx.new_id();
        let (client, listener) = (waiting.client, waiting.listener);
        let origin = Origin { client, listener, settings: Rc::clone(&settings), id };
        let opened = self.sessions.insert_with(|key| {
            let mut socket = Socket::accepted(waiting.stream, &cx.epoll, Token::Session(key))?;
            let connection = tls.map_err(io::Error::other)?;
            if let Some(connection) = connection {
                socket.start_tls(connection);
            }
            Ok::<_, io::Error>(Session::new(key, Front::Socket(socket), origin, stage, now))
        });
        match opened {
            Some(Ok(key)) => {
                self.cx.observe.accepted(&settings);
                let past = waiting.past.map_or(Ok(()), |past| self.recall(key, *past));
                if let Err(cause) = past {
                    return self.cx.observe.passed_lost(client, cause);
                }
                self.settle(key, true);
                // The server may speak first; something of it may be here already.
                if settings.config.carries == Carries::Tcp || returns {
                    self.queue(key);
                }
            }
            Some(Err(error)) => self.cx.observe.internal("watching a connection", &error),
            None => {}
        }
    }

    /// Whether lists let somebody in. Of those who announce others it is asked whether they may;
    /// who these others are is told by their header.
    fn lets_in(&mut self, peer: SocketAddr, stage: &Stage, settings: &ListenerSettings) -> bool {
        let (config, lists) = (&settings.config, &self.cx.tables.lists);
        if matches!(stage, Stage::Announced) {
            let trusted = lists.trust(&config.proxy_from, peer.ip());
            if !trusted {
                self.cx.observe.untrusted(peer, settings);
            }
            return trusted;
        }
        let admitted = lists.admit(&config.access, peer.ip());
        if !admitted {
            self.cx.observe.denied(peer, settings);
        }
        admitted
    }

    /// Closes the least recently active sessions, one in a hundred, when that is configured.
    pub(crate) fn evict(&mut self) -> bool {
        if !self.cx.settings.evict_on_queue_full || self.cx.draining() {
            return false;
        }
        let count = (self.cx.settings.limits.sessions / 100).max(1);
        let connections = self.sessions.iter().filter(|(_, s)| s.front.stream().is_none());
        let mut by_age: Vec<_> =
            connections.map(|(key, session)| (session.active_at, key)).collect();
        let count = count.min(by_age.len());
        if count == 0 {
            return false;
        }
        by_age.select_nth_unstable(count - 1);
        for (_, key) in &by_age[..count] {
            if let Some(session) = self.sessions.get(*key) {
                self.cx.observe.evicted(session);
            }
            self.settle(*key, false);
        }
        true
    }

    /// Lets sessions try again that found no room for a connection to a backend.
    fn move_line(&mut self) {
        while let Some(key) = self.cx.next_in_line() {
            self.resume(key, None);
        }
    }

    /// Lets sessions go on that waited for buffers.
    fn feed_starved(&mut self) {
        while let Some(key) = self.cx.next_starved() {
            if let Some(session) = self.sessions.get_mut(key) {
                session.starved = false;
                let alive = session.drive(&mut self.cx);
                self.settle(key, alive);
            }
        }
        if self.cx.buffers.has_room(PER_EXCHANGE) {
            self.cx.observe.buffers_free();
        }
    }

    /// Lets sessions begin their handshakes that waited for it. When there are too many, those that
    /// have taken long are cut: a client that wants to be served answers at once.
    fn feed_handshakes(&mut self) {
        if self.cx.is_crowded()
            && !self.cx.buffers.has_handshake_room()
            && self.next_crowd <= self.cx.now
        {
            self.next_crowd = self.cx.now + CROWD_PAUSE;
            self.cut_slow_handshakes();
        }
        while let Some(key) = self.cx.next_shaking() {
            if let Some(session) = self.sessions.get_mut(key) {
                session.starved = false;
                let alive = session.drive(&mut self.cx);
                self.settle(key, alive);
            }
        }
    }

    fn cut_slow_handshakes(&mut self) {
        let slow = |session: &Session| {
            session.reservation == Reservation::Handshake
                && matches!(session.stage, Stage::Handshake)
                && session.since + SLOW_HANDSHAKE <= self.cx.now
        };
        let sessions = self.sessions.iter();
        let keys: Vec<Key> = sessions.filter(|(_, s)| slow(s)).map(|(key, _)| key).collect();
        if !keys.is_empty() {
            self.cx.observe.handshakes_cut(keys.len());
        }
        for key in keys {
            self.settle(key, false);
        }
    }

    /// Tells of requests that somebody looks at, when what was said before has left.
    fn tell_taps(&mut self) {
        if !self.cx.observe.taps.is_empty() && self.control.is_told() {
            for tapped in self.cx.observe.taps.take(self.cx.now) {
                self.control.tapped(tapped);
            }
        }
    }

    /// Carries out what main asks.
    fn obey(&mut self) {
        while let Some(request) = self.control.next(&mut self.cx) {
            match request {
                Command::Drain(deadline) => self.drain(deadline),
                Command::Retire(deadline) => self.retire(deadline),
                Command::CloseIdle => self.stir_all_sessions(),
                Command::Adopt(passed, stream) => self.adopt(passed, stream),
                Command::AdoptPipe(passed, pipe, streams) => {
                    self.adopt_pipe(passed, *pipe, streams)
                }
                Command::Watch(opened) => self.watch(opened),
                Command::Changed { changes, epoch } => {
                    self.watch(changes.opened);
                    for listener in changes.closed {
                        self.gate.close(listener, &mut self.cx);
                    }
                    self.check(changes.checked, changes.joined);
                    self.note_departed(changes.departed);
                    self.control.applied(epoch);
                }
                Command::Findings(findings) => {
                    for finding in findings {
                        self.take_finding(&finding);
                    }
                }
                Command::Survey { number, query } => self.begin_survey(number, query),
                Command::List { number, query } => self.begin_list(number, query),
                Command::Close { number, filter } => self.begin_close(number, &filter),
                Command::Count { number, objects } => {
                    let sessions = self.sessions.iter().map(|(_, session)| session);
                    let counts = census::count(&self.cx, sessions, &objects);
                    self.control.counted(number, counts);
                }
            }
        }
    }

    fn watch(&mut self, opened: Vec<(Key, usize)>) {
        for (key, index) in opened {
            let Some(listener) = self.cx.tables.listeners.get(key) else { continue };
            let Some(socket) = listener.sockets.get(index) else { continue };
            let token = Token::Listener(key).to_bits();
            let open = self.gate.is_open();
            if let Err(error) = self.cx.epoll.add_level(socket.as_fd(), token, open, false) {
                self.cx.observe.internal("watching a listener", &error);
            }
        }
    }

    /// Main alone says when a worker stops, as long as there is one: signals are for the whole
    /// group of processes.
    fn read_signals(&mut self) {
        while let Some(Ok(Some(signal))) = self.signals.as_ref().map(Signals::read) {
            let name = match signal {
                Signal::Terminate => "SIGTERM",
                Signal::Interrupt => "SIGINT",
                Signal::User1 if self.control.is_orphan() => {
                    self.cx.observe.reopen();
                    continue;
                }
                Signal::Hangup | Signal::User1 | Signal::Child => continue,
            };
            if self.control.is_orphan() && !self.cx.draining() {
                self.cx.observe.orphan_stops(name);
                self.drain(SIGNAL_DRAIN);
            }
        }
    }
}
