//! Connections that pass from one worker to another.
//!
//! ```text
//! old worker                      main                        another worker
//!   ◀──────────────────── retire ─┤
//!   ├─ each to a backend that waits for a request ──────▶ keeps it for the next
//!   ├─ each that waits for a request, or is a pipe, with its descriptors ─▶ serves it
//!   ├─ others finish, or become such a one
//!   └─ drained
//! ```
//!
//! Must not know: who takes them.
//!
//! Invariants: only what is descriptors and plain values is passed on: a connection between two
//! requests, or a byte pipe, with the bytes of it that are in our memory and the keys of its TLS;
//! once it is passed on, nothing here can reach it. A turn passes a part of them on, so that those
//! that are served meanwhile do not wait for all.

use std::os::fd::AsFd;
use std::rc::Rc;
use std::time::Duration;

use weir_base::Key;
use weir_control::channel::{Kind, Passed, PassedPipe, ToMain, UNASKED};
use weir_control::metrics::Query;
use weir_sys::TcpStream;

use crate::accept::Waiting;
use crate::buffers::{PER_EXCHANGE, PER_TLS, Reservation};
use crate::front::Front;
use crate::session::{Origin, Session, Stage};
use crate::socket::Socket;
use crate::token::Token;
use crate::worker::Worker;

/// Connections to backends that are passed on in one turn.
const BACKS: usize = 64;

impl Worker {
    /// Others accept now: passes on what can be, lets the rest finish.
    pub(crate) fn retire(&mut self, deadline: Duration) {
        if !self.begin_to_stop(deadline) {
            return;
        }
        self.passed = Some(0);
        self.cx.passing = true;
        self.cx.observe.retirement_began(self.sessions.len() + self.cx.udp.len(), deadline);
        self.gate.leave_listeners(&mut self.cx);
        self.pass_flows();
        // Before the clients, so that they are there when the first of them asks.
        self.pass_backs();
        while let Some(waiting) = self.gate.next() {
            self.pass_waiting(waiting);
        }
        self.stir_all_sessions();
        // What others are told of this slot goes on from there, while the rest finishes here.
        self.begin_survey(UNASKED, Query::default());
    }

    /// Passes all flows of datagrams on, with what waits for their backends.
    fn pass_flows(&mut self) {
        for id in self.cx.flow_keys() {
            let Some((flow, socket)) = self.cx.part_flow(id) else { continue };
            let message = ToMain::PassedFlow(Box::new(flow));
            let given = self.control.pass(&message, [socket.as_fd()]);
            self.count_passed(given, Kind::Flow, false);
        }
        self.control.flows_passed();
    }

    /// Connections to backends wait for a request, and others take them.
    pub(crate) fn has_backs_to_pass(&self) -> bool {
        self.cx.passing && self.cx.upstream.idle() > 0
    }

    /// Passes some of them on.
    pub(crate) fn pass_backs(&mut self) {
        for _ in 0..BACKS {
            if !self.has_backs_to_pass() {
                return;
            }
            let Some((back, stream)) = self.cx.part_back() else { return };
            let message = ToMain::PassedBack(Box::new(back));
            // One that there is no way for is closed.
            let _given = self.control.pass(&message, [stream.as_fd()]);
        }
    }

    /// Passes a session on.
    pub(crate) fn pass(&mut self, key: Key) {
        let Some(session) = self.sessions.remove(key) else { return };
        if let Some((passed, streams)) = session.part(&mut self.cx) {
            self.give(passed, &streams);
        }
    }

    /// Passes on what has no session yet.
    fn pass_waiting(&mut self, waiting: Waiting) {
        let Some(listener) = self.cx.tables.listeners.get(waiting.listener) else { return };
        let listener = listener.settings.config.address;
        let fresh = || Box::new(Passed::fresh(listener, waiting.client));
        self.give(*waiting.past.unwrap_or_else(fresh), &[waiting.stream]);
    }

    fn give(&mut self, passed: Passed, streams: &[TcpStream]) {
        let (kind, tls) = (passed.kind(), passed.tls.is_some());
        let given = self.control.pass(&ToMain::Passed(passed), streams.iter().map(AsFd::as_fd));
        self.count_passed(given, kind, tls);
    }

    /// What could not be given has ended here.
    fn count_passed(&mut self, given: bool, kind: Kind, tls: bool) {
        if let Some(count) = self.passed.as_mut().filter(|_| given) {
            *count += 1;
        } else {
            self.cx.finished.count(kind, tls);
        }
    }

    /// Serves a connection of another worker, as one that was accepted here.
    pub(crate) fn adopt(&mut self, passed: Passed, stream: TcpStream) {
        let client = passed.client;
        let Some(listener) = self.cx.tables.by_address.get(&passed.listener).copied() else {
            return self.cx.observe.passed_lost(client, "its listener is gone");
        };
        if self.gate.is_full() {
            self.accept();
        }
        let (since, past) = (self.cx.now, Some(Box::new(passed)));
        match self.gate.add(Waiting { stream, client, listener, since, past }) {
            true => self.cx.observe.adopted(),
            false => self.cx.observe.passed_lost(client, "too many connections wait already"),
        }
    }

    /// Goes on with a byte pipe of another worker.
    pub(crate) fn adopt_pipe(
        &mut self,
        passed: Passed,
        pipe: PassedPipe,
        [front, back]: [TcpStream; 2],
    ) {
        let client = passed.client;
        let resumed = self.session_of(passed, &pipe, front).and_then(|key| {
            let session = self.sessions.get_mut(key).ok_or("there is no place for it")?;
            let resumed = session.resume_pipe(pipe, back, &mut self.cx);
            self.settle(key, resumed.is_ok());
            resumed.map(|()| key)
        });
        match resumed {
            Ok(key) => {
                self.cx.observe.adopted();
                self.queue(key);
            }
            Err(cause) => self.cx.observe.passed_lost(client, cause),
        }
    }

    /// A session for a pipe, with the buffers that it may need.
    fn session_of(
        &mut self,
        passed: Passed,
        pipe: &PassedPipe,
        front: TcpStream,
    ) -> Result<Key, &'static str> {
        let listener = self.cx.tables.by_address.get(&passed.listener).copied();
        let listener = listener.ok_or("its listener is gone")?;
        let settings = self.cx.tables.listeners.get(listener).ok_or("its listener is gone")?;
        let settings = Rc::clone(&settings.settings);
        if self.connections() >= self.cx.settings.limits.sessions && !self.evict() {
            return Err("there are too many connections");
        }
        let sides = usize::from(passed.tls.is_some()) + usize::from(pipe.tls.is_some());
        let buffers = PER_EXCHANGE + PER_TLS * sides;
        if !self.cx.buffers.admit(buffers) {
            return Err("there are no buffers for it");
        }
        let (now, id) = (self.cx.now, self.cx.new_id());
        let epoll = &self.cx.epoll;
        let origin = Origin { client: passed.client, listener, settings, id };
        let opened = self.sessions.insert_with(|key| {
            let socket = Socket::accepted(front, epoll, Token::Session(key))?;
            let new = Session::new(key, Front::Socket(socket), origin, Stage::Idle, now);
            let reservation = Reservation::Exchange(buffers);
            Ok::<_, std::io::Error>(Session { reservation, ..new })
        });
        let Some(key) = opened.and_then(Result::ok) else {
            self.cx.buffers.dismiss(Reservation::Exchange(buffers));
            return Err("its connection cannot be watched");
        };
        self.recall(key, passed).map(|()| key)
    }

    /// Tells a session what was before; one that cannot go on is closed.
    pub(crate) fn recall(&mut self, key: Key, passed: Passed) -> Result<(), &'static str> {
        let session = self.sessions.get_mut(key).ok_or("there is no place for it")?;
        let recalled = session.recall(passed, &mut self.cx);
        if recalled.is_err() {
            self.settle(key, false);
        }
        recalled
    }
}
