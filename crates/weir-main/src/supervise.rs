//! The loop of main: it hears of what happens and looks after what is due.
//!
//! Must not know: what workers serve.
//!
//! Invariants: a slot has at most one worker; the sockets of every slot are lent to a live worker
//! whenever there is one; the loop ends only when no worker is left.

use std::collections::BTreeMap;
use std::os::fd::AsFd;

use log::info;
use weir_base::Instant;
use weir_control::change::StateHash;
use weir_control::channel::ToMain;
use weir_log::Logs;
use weir_sys::{Epoll, Signals};

use crate::control::{Asker, ControlSocket};
use crate::history::History;
use crate::notify::Notify;
use crate::questions::Ask;
use crate::slot::Slot;
use crate::sockets::Sockets;
use crate::tickets::Tickets;
use crate::token::Token;
use crate::transact::Transaction;
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
    /// The configuration in use.
    pub(crate) epoch: u64,
    /// Of it.
    pub(crate) hash: StateHash,
    /// When workers are asked next whether they have it.
    pub(crate) compare_at: Instant,
    pub(crate) transaction: Option<Transaction>,
    pub(crate) history: History,
    pub(crate) tickets: Tickets,
    pub(crate) control: Option<ControlSocket>,
    /// Requests received, by kind.
    pub(crate) counts: BTreeMap<&'static str, i32>,
    /// Questions that workers have not answered.
    pub(crate) asks: Vec<Ask>,
    /// Number of the last question.
    pub(crate) asked: u64,
    /// Who asked for the end.
    pub(crate) stopper: Option<Asker>,
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
            self.serve_clients(now);
            self.flush_workers();
            self.flush_logs(now);
            if let Stage::Ending { verdict, .. } = &mut self.stage
                && self.slots.iter().all(|slot| slot.worker.is_none())
            {
                let verdict = std::mem::replace(verdict, Ok(Ended::Clean));
                self.answer_stopper();
                return verdict;
            }
            let timeout = self.deadline().since(now);
            let events = self.epoll.wait(Some(timeout)).map_err(Error::Events)?;
            for index in 0..events {
                self.handle(self.epoll.event(index).token.into(), weir_sys::now());
            }
        }
    }

    /// The slots that a question is answered yes for, in order.
    pub(crate) fn slots_that(&self, is: fn(&Slot) -> bool) -> impl Iterator<Item = u16> {
        (0..).zip(&self.slots).filter_map(move |(number, slot)| is(slot).then_some(number))
    }

    /// Sends what waits for workers.
    fn flush_workers(&mut self) {
        for worker in self.slots.iter_mut().filter_map(|slot| slot.worker.as_mut()) {
            worker.flush(&self.epoll);
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
            Token::Control => {
                if let Some(control) = &mut self.control {
                    control.accept(&self.epoll);
                }
            }
            Token::Client(index) => {
                if let Some(control) = &mut self.control {
                    control.read(index);
                }
            }
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
        let transaction = self.transaction.as_ref().map_or(Instant::FAR, |t| t.deadline);
        let asks = self.asks.iter().map(|ask| ask.deadline).fold(transaction, Instant::min);
        let until = until.min(asks).min(self.compare_at).min(self.tickets.next);
        slots.fold(until.min(self.notify.deadline()).min(logs), Instant::min)
    }

    /// Does everything that is due.
    fn attend(&mut self, now: Instant) {
        self.kill_what_is_late(now);
        self.kill_what_holds_up(now);
        self.give_up_asks(now);
        self.compare_workers(now);
        self.attend_tickets(now);
        self.start_due_workers(now);
        self.lend_orphaned_sockets();
        for worker in self.slots.iter_mut().filter_map(|slot| slot.worker.as_mut()) {
            worker.attend(now, self.plan.worker_timeout);
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
                ToMain::Applied { epoch } => {
                    worker.became_ready(now);
                    self.note_applied(slot, epoch);
                    self.announce_when_complete(now);
                }
                ToMain::Prepared { epoch } => self.note_prepared(slot, epoch),
                ToMain::Happened(happening) => self.tell_of_worker(slot, happening),
                ToMain::Hashed { number, epoch, hash } => {
                    self.note_hash(slot, number, epoch, hash);
                }
                ToMain::Explained { number, explained } => {
                    self.note_explained(slot, number, *explained);
                }
                ToMain::Counted { number, sessions } => self.note_counted(slot, number, &sessions),
                ToMain::CertificatesFound { number, found } => {
                    self.note_certificates(slot, number, &found);
                }
                ToMain::Pong(number) => worker.ponged(number, now),
                ToMain::Refused { epoch, reason } => {
                    if !self.note_refused(epoch, &reason)
                        && epoch <= self.epoch
                        && let Some(worker) = &mut self.slots[usize::from(slot)].worker
                    {
                        let what = format!("refused the configuration of epoch {epoch} ({reason})");
                        worker.kill(what);
                    }
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
            let listener = self.plan.state.listeners.get(address);
            let tls = listener.is_some_and(|listener| listener.tls.is_some());
            info!("listening on {}://{address}", if tls { "https" } else { "http" });
        }
        info!("all workers are ready: {}", self.plan.worker_count);
        self.notify.ready(now);
        // What it prints comes after the lines above.
        self.flush_logs(now);
        on_ready(&addresses);
    }
}
