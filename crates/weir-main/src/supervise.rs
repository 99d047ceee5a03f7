//! The loop of main: it hears of what happens and looks after what is due.
//!
//! Must not know: what workers serve.
//!
//! Invariants: a slot has at most one worker; the sockets of every slot are lent to a live worker
//! whenever there is one; the loop ends only when no worker is left.

use std::os::fd::AsFd;

use log::info;
use weir_base::Instant;
use weir_control::channel::ToMain;
use weir_log::Logs;
use weir_sys::{Epoll, Signals};

use crate::notify::Notify;
use crate::slot::Slot;
use crate::sockets::Sockets;
use crate::token::Token;
use crate::{Ended, Error, OnReady, Plan};

/// Main, once its sockets are bound.
pub(crate) struct Supervisor {
    pub(crate) plan: Plan,
    pub(crate) sockets: Sockets,
    /// The cores that workers are spread over; none to let the kernel choose.
    pub(crate) cores: Vec<usize>,
    pub(crate) epoll: Epoll,
    pub(crate) signals: Signals,
    /// Where the lines of this process wait to be written.
    pub(crate) logs: Option<&'static Logs>,
    pub(crate) notify: Notify,
    pub(crate) slots: Vec<Slot>,
    pub(crate) stage: Stage,
}

/// Where the proxy as a whole is in its life.
pub(crate) enum Stage {
    /// Until every worker serves, which the function is told. What goes wrong now ends the start.
    Starting(OnReady),
    /// Workers that end are replaced.
    Serving,
    /// Workers that end are not replaced; those that are left at `until` are killed.
    Ending { until: Instant, verdict: Result<Ended, Error> },
}

impl Supervisor {
    /// Starts the workers and looks after them until the last one has ended.
    pub(crate) fn run(mut self) -> Result<Ended, Error> {
        let signals = self.signals.as_fd();
        self.epoll.add_level(signals, Token::Signals.into(), true, false).map_err(Error::Events)?;
        loop {
            let now = weir_sys::now();
            self.attend(now);
            self.flush_logs(now);
            if let Stage::Ending { verdict, .. } = &mut self.stage
                && self.slots.iter().all(|slot| slot.worker.is_none())
            {
                return std::mem::replace(verdict, Ok(Ended::Clean));
            }
            let timeout = self.deadline().since(now);
            let events = self.epoll.wait(Some(timeout)).map_err(Error::Events)?;
            for index in 0..events {
                self.handle(self.epoll.event(index).token.into(), weir_sys::now());
            }
        }
    }

    fn flush_logs(&self, now: Instant) {
        if let Some(logs) = self.logs {
            logs.flush(now);
        }
    }

    /// A descriptor is ready.
    fn handle(&mut self, token: Token, now: Instant) {
        match token {
            Token::Signals => self.read_signals(now),
            Token::Channel(slot) => self.read_messages(slot, now),
            Token::Process(slot) => self.notice_end(slot, now),
        }
    }

    /// When [`Supervisor::attend`] has something to do.
    fn deadline(&self) -> Instant {
        let slots = self.slots.iter().map(|slot| match &slot.worker {
            Some(worker) => worker.deadline(self.plan.worker_timeout),
            None => slot.start_at,
        });
        let until = match self.stage {
            Stage::Ending { until, .. } => until,
            Stage::Starting(_) | Stage::Serving => Instant::FAR,
        };
        let logs = self.logs.map_or(Instant::FAR, Logs::deadline);
        slots.fold(until.min(self.notify.deadline()).min(logs), Instant::min)
    }

    /// Does everything that is due.
    fn attend(&mut self, now: Instant) {
        self.kill_what_is_late(now);
        self.start_due_workers(now);
        self.lend_orphaned_sockets();
        for worker in self.slots.iter_mut().filter_map(|slot| slot.worker.as_mut()) {
            worker.attend(now, self.plan.worker_timeout);
            worker.flush(&self.epoll);
        }
        let ending = matches!(self.stage, Stage::Ending { .. });
        self.notify.alive(ending || self.slots.iter().any(Slot::serves), now);
    }

    /// Reads what the worker of `slot` says.
    pub(crate) fn read_messages(&mut self, slot: u16, now: Instant) {
        while let Some(worker) = &mut self.slots[usize::from(slot)].worker
            && let Some(message) = worker.receive(&self.epoll, now)
        {
            match message {
                ToMain::Applied { .. } => {
                    worker.became_ready(now);
                    self.announce_when_complete(now);
                }
                ToMain::Prepared { .. } => {}
                ToMain::Pong(number) => worker.ponged(number, now),
                ToMain::Refused { epoch, reason } => {
                    worker.kill(format!("refused the configuration of epoch {epoch} ({reason})"));
                }
                ToMain::Drained { cut: 0 } => {}
                ToMain::Drained { cut } => self.note_cut(slot, cut),
            }
        }
    }

    /// The start is over when every worker serves.
    fn announce_when_complete(&mut self, now: Instant) {
        if !self.slots.iter().all(Slot::serves) {
            return;
        }
        let Stage::Starting(on_ready) = &mut self.stage else { return };
        let on_ready = std::mem::replace(on_ready, Box::new(|_| ()));
        self.stage = Stage::Serving;
        let addresses: Vec<_> = self.sockets.addresses().collect();
        for address in &addresses {
            info!("listening on http://{address}");
        }
        info!("all workers are ready: {}", self.plan.worker_count);
        self.notify.ready(now);
        // What it prints comes after the lines above.
        self.flush_logs(now);
        on_ready(&addresses);
    }
}
