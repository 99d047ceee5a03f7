//! Connections that pass from one worker to another.
//!
//! ```text
//! old worker                      main                        another worker
//!   ◀──────────────────── retire ─┤
//!   ├─ each that waits for a request, with its descriptor ─▶ serves it
//!   ├─ others finish, or become such a one
//!   └─ drained
//! ```
//!
//! Must not know: who takes them.
//!
//! Invariants: only what is a descriptor and a few plain values is passed on: a connection without
//! TLS of which no byte is in our memory; once it is passed on, nothing here can reach it.

use std::time::Duration;

use weir_base::Key;
use weir_control::channel::Passed;
use weir_http::policy::RequestId;
use weir_sys::TcpStream;

use crate::accept::{Past, Waiting};
use crate::context::Context;
use crate::front::Front;
use crate::session::{Session, Stage};
use crate::worker::Worker;

impl Session {
    /// It is between two requests and can be passed on.
    pub(crate) fn can_pass(&self) -> bool {
        matches!(self.stage, Stage::Idle) && self.front.can_pass()
    }

    /// Takes the session apart: what another worker is to know, and the connection. `None`: it was
    /// none that can be passed on, and is closed.
    fn part(self, cx: &mut Context) -> Option<(Passed, TcpStream)> {
        let passed = Passed {
            listener: self.settings.config.address,
            client: self.client,
            requests: self.requests,
            waited: cx.now - self.since,
            id: Some(*self.id.as_bytes()),
        };
        match self.forget(cx) {
            Front::Socket(socket) => Some((passed, socket.part(&cx.epoll).ok()?)),
            Front::Stream(_) | Front::Connection(_) => None,
        }
    }
}

impl Worker {
    /// Others accept now: passes on what can be, lets the rest finish.
    pub(crate) fn retire(&mut self, deadline: Duration) {
        if self.cx.draining() {
            return;
        }
        self.control.hide();
        self.finished = 0;
        self.passed = Some(0);
        self.cx.drain_until = Some(self.cx.now + deadline);
        self.cx.passing = true;
        self.cx.observe.retirement_began(self.sessions.len(), deadline);
        self.gate.leave_listeners(&mut self.cx);
        while let Some(waiting) = self.gate.next() {
            self.pass_waiting(waiting);
        }
        self.queue_all();
    }

    /// Passes a session on.
    pub(crate) fn pass(&mut self, key: Key) {
        let Some(session) = self.sessions.remove(key) else { return };
        if let Some((passed, stream)) = session.part(&mut self.cx) {
            self.give(passed, &stream);
        }
    }

    /// Passes on what was accepted and has no session yet.
    fn pass_waiting(&mut self, waiting: Waiting) {
        let Some(listener) = self.cx.tables.listeners.get(waiting.listener) else { return };
        let passed = Passed {
            listener: listener.settings.config.address,
            client: waiting.client,
            requests: 0,
            waited: Duration::ZERO,
            id: None,
        };
        self.give(passed, &waiting.stream);
    }

    fn give(&mut self, passed: Passed, stream: &TcpStream) {
        let given = self.control.pass(passed, stream);
        if let Some(count) = self.passed.as_mut().filter(|_| given) {
            *count += 1;
        } else {
            self.finished += 1;
        }
    }

    /// Serves a connection of another worker, as one that was accepted here.
    pub(crate) fn adopt(&mut self, passed: Passed, stream: TcpStream) {
        let client = passed.client;
        let Some(listener) = self.cx.tables.by_address.get(&passed.listener).copied() else {
            return self.cx.observe.passed_lost(client, "its listener is gone");
        };
        let now = self.cx.now;
        let past = passed.id.map(|id| Past {
            requests: passed.requests,
            waits_since: now.before(passed.waited),
            id: RequestId::of_text(id),
        });
        match self.gate.add(Waiting { stream, client, listener, since: now, past }) {
            true => self.cx.observe.adopted(),
            false => self.cx.observe.passed_lost(client, "too many connections wait already"),
        }
    }
}
