//! The loop of main: it hears of what happens and looks after what is due.
//!
//! Must not know: what workers serve.
//!
//! Invariants: a slot has at most one worker; the sockets of every slot are lent to a live worker
//! whenever there is one; the loop ends only when no worker is left.

use std::collections::BTreeMap;
use std::fs::File;
use std::os::fd::AsFd;

use log::info;
use weir_base::{Endpoint, Instant, Transport};
use weir_control::change::StateHash;
use weir_control::state::Listener;
use weir_log::Logs;
use weir_sys::{Epoll, Signals};

use crate::control::ControlSocket;
use crate::findings::Findings;
use crate::headcount::Resize;
use crate::history::History;
use crate::home::Home;
use crate::metrics::Metrics;
use crate::notify::Notify;
use crate::orphans::Orphan;
use crate::questions::Ask;
use crate::shares::Shares;
use crate::slot::Slot;
use crate::sockets::Sockets;
use crate::stop::Stopper;
use crate::succession::Leaving;
use crate::suspects::Suspects;
use crate::taps::Tapping;
use crate::tickets::Tickets;
use crate::token::Token;
use crate::transact::Transaction;
use crate::upgrade::Upgrade;
use crate::worker_process::WorkerProcess;
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
    /// What this process executes, whatever is at its path.
    pub(crate) image: File,
    pub(crate) slots: Vec<Slot>,
    /// Workers that finish, because others serve in their place.
    pub(crate) leaving: Vec<Leaving>,
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
    pub(crate) findings: Findings,
    pub(crate) shares: Shares,
    pub(crate) control: Option<ControlSocket>,
    /// Requests received, by kind.
    pub(crate) counts: BTreeMap<String, i32>,
    /// Questions that workers have not answered.
    pub(crate) asks: Vec<Ask>,
    /// Number of the last question.
    pub(crate) asked: u64,
    /// Who asked for the end.
    pub(crate) stopper: Option<Stopper>,
    /// Another image that is to take the place of this one.
    pub(crate) upgrade: Option<Upgrade>,
    /// Where the next main finds the workers.
    pub(crate) home: Option<Home>,
    /// Workers were there at the start: what goes wrong with others does not end it.
    pub(crate) found: bool,
    /// Workers that another main has left, until others serve in their place.
    pub(crate) retiring: Vec<Orphan>,
    /// Who accepts from sockets that there is no slot for: process ids, by number of the slot that
    /// there was once.
    pub(crate) spare_hosts: BTreeMap<u16, i32>,
    /// What workers have died of.
    pub(crate) suspects: Suspects,
    /// The number of workers changes.
    pub(crate) resize: Option<Resize>,
    pub(crate) metrics: Metrics,
    /// Clients that look at requests.
    pub(crate) taps: Vec<Tapping>,
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
        let ended = self.supervise();
        if let Some(control) = &mut self.control {
            control.audit.finish();
        }
        if matches!(ended, Err(Error::Events(_))) && self.home.is_some() {
            // The next main finds them.
            self.workers_mut().for_each(WorkerProcess::leave);
        }
        ended
    }

    fn supervise(&mut self) -> Result<Ended, Error> {
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
                && self.leaving.is_empty()
            {
                let verdict = std::mem::replace(verdict, Ok(Ended::Clean));
                self.answer_stopper();
                return verdict;
            }
            let timeout = self.deadline().since(now);
            let events = self.epoll.wait(Some(timeout)).map_err(Error::Events)?;
            for index in 0..events {
                let event = self.epoll.event(index);
                self.handle(event.token.into(), event.hangup || event.error, weir_sys::now());
            }
        }
    }

    /// The slots that a question is answered yes for, in order.
    pub(crate) fn slots_that(&self, is: fn(&Slot) -> bool) -> impl Iterator<Item = u16> {
        (0..).zip(&self.slots).filter_map(move |(number, slot)| is(slot).then_some(number))
    }

    /// Every worker, whatever it is doing.
    pub(crate) fn workers(&self) -> impl Iterator<Item = &WorkerProcess> {
        let leaving = self.leaving.iter().map(|leaving| &leaving.worker);
        let successors = self.slots.iter().filter_map(|slot| slot.successor.as_ref());
        let workers = self.slots.iter().filter_map(|slot| slot.worker.as_ref());
        workers.chain(successors.map(|successor| &successor.worker)).chain(leaving)
    }

    /// Every worker, whatever it is doing.
    pub(crate) fn workers_mut(&mut self) -> impl Iterator<Item = &mut WorkerProcess> {
        every(&mut self.slots, &mut self.leaving)
    }

    /// Sends what waits for workers.
    fn flush_workers(&mut self) {
        let Self { slots, leaving, epoll, .. } = self;
        for worker in every(slots, leaving) {
            worker.flush(epoll);
        }
    }

    fn flush_logs(&mut self, now: Instant) {
        if let Some(control) = &mut self.control {
            control.audit.flush(now);
        }
        if let Some(logs) = self.logs {
            logs.flush(now);
        }
    }

    /// A descriptor is ready; `over`: nobody is at the other end any more.
    fn handle(&mut self, token: Token, over: bool, now: Instant) {
        match token {
            Token::Signals => self.read_signals(now),
            Token::Channel(pid) => self.read_messages(pid, now),
            Token::Process(pid) => self.notice_end(pid, now),
            Token::Report => self.read_report(),
            Token::Rehearsal => self.end_rehearsal(now),
            Token::Control => {
                if let Some(control) = &mut self.control {
                    control.accept(&self.epoll);
                }
            }
            Token::Client(index) => {
                if let Some(control) = &mut self.control {
                    control.read(index, over);
                }
            }
        }
    }

    /// When [`Supervisor::attend`] has something to do.
    fn deadline(&self) -> Instant {
        let empty = self.slots.iter().filter(|slot| slot.worker.is_none());
        let starts = empty.map(|slot| slot.start_at);
        let workers = self.workers().map(|worker| worker.deadline(self.plan.worker_timeout));
        let leaving = self.leaving.iter().map(Leaving::deadline);
        let resize = self.resize.iter().map(Resize::deadline);
        let own = [self.suspects.deadline()].into_iter().chain(resize);
        let slots = starts.chain(workers).chain(leaving).chain(own);
        let until = match self.stage {
            Stage::Ending { until, .. } => self.stopper.as_ref().map_or(until, |s| s.due(until)),
            Stage::Starting(_) | Stage::Serving => Instant::FAR,
        };
        let logs = self.logs.map_or(Instant::FAR, Logs::deadline);
        let logs = self.control.as_ref().map_or(logs, |c| logs.min(c.audit.deadline()));
        let transaction = self.transaction.as_ref().map_or(Instant::FAR, |t| t.deadline);
        let asks = self.asks.iter().map(|ask| ask.deadline).fold(transaction, Instant::min);
        let upgrade = self.upgrade.as_ref().map_or(Instant::FAR, Upgrade::deadline);
        let periodic = if self.upgrade.is_some() { upgrade } else { self.periodic() };
        let until = until.min(asks).min(periodic);
        slots.fold(until.min(self.notify.deadline()).min(logs), Instant::min)
    }

    /// When something is due that is from time to time, and not while the image is replaced.
    fn periodic(&self) -> Instant {
        let told = self.findings.next.min(self.shares.next);
        self.compare_at.min(self.tickets.next).min(told).min(self.metrics.deadline())
    }

    /// Does everything that is due.
    fn attend(&mut self, now: Instant) {
        self.kill_what_is_late(now);
        self.tell_stopper(now);
        self.kill_what_holds_up(now);
        self.give_up_asks(now);
        if self.upgrade.is_none() {
            self.compare_workers(now);
            self.attend_tickets(now);
            self.attend_findings(now);
            self.attend_shares(now);
            self.attend_metrics(now);
        }
        self.attend_upgrade(now);
        self.start_due_workers(now);
        self.lend_orphaned_sockets();
        self.attend_leaving(now);
        self.attend_suspects(now);
        self.attend_resize(now);
        let patience = self.plan.worker_timeout;
        self.workers_mut().for_each(|worker| worker.attend(now, patience));
        let ending = matches!(self.stage, Stage::Ending { .. });
        self.notify.alive(ending || self.slots.iter().any(Slot::serves), now);
    }

    /// The start is over when every worker serves.
    pub(crate) fn announce_when_complete(&mut self, now: Instant) {
        if self.slots.iter().all(Slot::serves) {
            self.dismiss_retiring();
            self.announce(now);
        }
    }

    /// The start is over.
    pub(crate) fn announce(&mut self, now: Instant) {
        let Stage::Starting(on_ready) = &mut self.stage else { return };
        let on_ready = std::mem::replace(on_ready, Box::new(|_| ()));
        self.stage = Stage::Serving;
        let mut addresses = Vec::new();
        for Endpoint { transport, address } in self.sockets.endpoints() {
            if transport == Transport::Udp {
                info!("listening on udp://{address}");
                continue;
            }
            addresses.push(address);
            let scheme = self.plan.state.listeners.get(&address).map_or("tcp", scheme);
            info!("listening on {scheme}://{address}");
        }
        let (ready, wanted) = (self.slots_that(Slot::serves).count(), self.slots.len());
        match ready == wanted {
            true => info!("all workers are ready: {wanted}"),
            false => info!("{ready} of {wanted} workers are ready"),
        }
        self.notify.ready(now);
        // What it prints comes after the lines above.
        self.flush_logs(now);
        on_ready(&addresses);
    }
}

/// What clients of a listener speak.
fn scheme(listener: &Listener) -> &'static str {
    match listener.tls {
        _ if listener.is_tcp() => "tcp",
        Some(_) => "https",
        None => "http",
    }
}

fn every<'a>(
    slots: &'a mut [Slot],
    leaving: &'a mut [Leaving],
) -> impl Iterator<Item = &'a mut WorkerProcess> {
    let in_slot = |slot: &'a mut Slot| {
        let successor = slot.successor.as_mut().map(|successor| &mut successor.worker);
        [slot.worker.as_mut(), successor].into_iter().flatten()
    };
    let leaving = leaving.iter_mut().map(|leaving| &mut leaving.worker);
    slots.iter_mut().flat_map(in_slot).chain(leaving)
}
