//! Stopping: nothing new is accepted, what there is finishes or is cut.

use std::process::ExitCode;
use std::time::Duration;

use weir_base::Key;
use weir_control::channel::{Kind, Kinds};

use crate::errands::cut_off;
use crate::worker::Worker;

/// Sessions that look in one turn at what has changed for all.
const STIRRED: usize = 64;

/// How often main is told what is left.
const TELL_PERIOD: Duration = Duration::from_secs(1);

impl Worker {
    /// Stops accepting once the queues are empty; idle sessions close, others finish first.
    pub(crate) fn drain(&mut self, deadline: Duration) {
        if !self.begin_to_stop(deadline) {
            return;
        }
        self.cx.observe.drain_began(self.sessions.len() + self.cx.udp.len(), deadline);
        self.stir_all_sessions();
        self.accept();
    }

    /// From now on there is a deadline; false when there was one already.
    pub(crate) fn begin_to_stop(&mut self, deadline: Duration) -> bool {
        if self.cx.draining() {
            return false;
        }
        self.control.hide();
        self.cx.finished = Kinds::default();
        self.tell_at = self.cx.now + TELL_PERIOD;
        self.cx.drain_until = Some(self.cx.now + deadline);
        self.cx.drain_datagrams();
        true
    }

    /// Has every session look at what has changed, some in each turn: others are served meanwhile.
    pub(crate) fn stir_all_sessions(&mut self) {
        self.unaware = 0..self.sessions.end();
    }

    /// While draining: the part of a turn.
    pub(crate) fn go_on_draining(&mut self) {
        let part = cut_off(&mut self.unaware, STIRRED);
        let keys: Vec<Key> = self.sessions.span(part).map(|(key, _)| key).collect();
        for key in keys {
            self.queue(key);
        }
        self.pass_backs();
        if self.cx.draining() && self.tell_at <= self.cx.now {
            self.tell_at = self.cx.now + TELL_PERIOD;
            self.control.tell_left(self.left());
        }
    }

    /// What has not ended.
    fn left(&self) -> Kinds {
        let mut left = Kinds::default();
        let connections = self.sessions.iter().filter(|(_, s)| s.front.stream().is_none());
        connections.for_each(|(_, session)| left.count(session.kind(), session.tls.is_some()));
        (0..self.cx.udp.len()).for_each(|_| left.count(Kind::Flow, false));
        left
    }

    pub(crate) fn listeners_closed(&self) -> bool {
        self.cx.tables.listeners.iter().all(|(_, listener)| listener.sockets.is_empty())
    }

    pub(crate) fn is_over(&self) -> bool {
        let Some(until) = self.cx.drain_until else { return false };
        let closed = self.listeners_closed();
        let empty = closed && self.is_idle();
        until <= self.cx.now || empty && self.control.is_told()
    }

    fn is_idle(&self) -> bool {
        self.sessions.is_empty() && self.gate.len() == 0 && self.cx.udp.len() == 0
    }

    /// The drain is over: cuts what is left and says so.
    pub(crate) fn leave(mut self) -> ExitCode {
        let finished = std::mem::take(&mut self.cx.finished);
        let keys: Vec<Key> = self.sessions.iter().map(|(key, _)| key).collect();
        for key in keys {
            self.settle(key, false);
        }
        self.cx.cut_flows();
        let cut = self.cx.finished;
        match self.passed {
            None => self.cx.observe.drain_ended(cut.total()),
            Some(passed) => {
                self.cx.observe.retirement_ended(passed, finished.total(), cut.total());
                self.say_last_count();
            }
        }
        self.control.drained(cut, finished);
        self.cx.observe.finish();
        ExitCode::SUCCESS
    }
}
