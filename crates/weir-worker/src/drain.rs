//! Stopping: nothing new is accepted, what there is finishes or is cut.

use std::process::ExitCode;
use std::time::Duration;

use weir_base::Key;
use weir_control::channel::Kinds;

use crate::worker::Worker;

impl Worker {
    /// Stops accepting once the queues are empty; idle sessions close, others finish first.
    pub(crate) fn drain(&mut self, deadline: Duration) {
        if !self.begin_to_stop(deadline) {
            return;
        }
        self.cx.observe.drain_began(self.sessions.len() + self.cx.udp.len(), deadline);
        self.queue_all();
        self.accept();
    }

    /// From now on there is a deadline; false when there was one already.
    pub(crate) fn begin_to_stop(&mut self, deadline: Duration) -> bool {
        if self.cx.draining() {
            return false;
        }
        self.control.hide();
        self.cx.finished = Kinds::default();
        self.cx.drain_until = Some(self.cx.now + deadline);
        self.cx.drain_datagrams();
        true
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
