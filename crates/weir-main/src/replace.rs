//! The life of workers: started on the sockets of their slot, noticed when they end, replaced.

use std::io;
use std::time::Duration;

use log::{error, info, warn};
use weir_base::{Endpoint, Instant, Wiped};
use weir_control::channel::{Settings, ToWorker};
use weir_proto::EventKind;

use crate::Error;
use crate::slot::Slot;
use crate::supervise::{Stage, Supervisor};
use crate::worker_process::{End, WorkerProcess, order_frames};

impl Supervisor {
    /// Fills the empty slots whose time has come.
    pub(crate) fn start_due_workers(&mut self, now: Instant) {
        // Main's state is not the committed one while a transaction is under way.
        if self.transaction.is_some() {
            return;
        }
        let mut frames = Vec::new();
        for slot in 0..self.plan.worker_count {
            let place = &self.slots[usize::from(slot)];
            let wanted = place.worker.is_none() && place.start_at <= now;
            if !wanted || matches!(self.stage, Stage::Ending { .. }) {
                continue;
            }
            match self.start_worker(slot, &mut frames, now) {
                Ok(pid) => match self.slots[usize::from(slot)].because.take() {
                    None => info!("worker {slot} is starting as pid {pid}"),
                    Some(why) => {
                        warn!("{why}; started again as pid {pid} on the same sockets");
                        self.tell_of_slot(slot, EventKind::WorkerRelaunched);
                    }
                },
                Err(error) => {
                    let what = format!("worker {slot} could not be started: {error}");
                    self.take_leave(slot, what, Duration::ZERO, now);
                }
            }
        }
    }

    fn start_worker(
        &mut self,
        slot: u16,
        frames: &mut Vec<Wiped>,
        now: Instant,
    ) -> io::Result<i32> {
        let worker = self.new_worker(slot, frames, now)?;
        let pid = worker.pid();
        let place = &mut self.slots[usize::from(slot)];
        place.worker = Some(worker);
        place.start_at = Instant::FAR;
        Ok(pid)
    }

    /// Starts a worker, lends it the slot's sockets and tells it all that it needs. `frames` is
    /// empty, or what an earlier one was told of the same state.
    pub(crate) fn new_worker(
        &self,
        slot: u16,
        frames: &mut Vec<Wiped>,
        now: Instant,
    ) -> io::Result<WorkerProcess> {
        let mut worker = WorkerProcess::spawn(slot, &self.epoll, now)?;
        worker.send(&ToWorker::Start(Box::new(self.settings_of(slot))));
        worker.give_page();
        worker.send(&self.suspects.message());
        worker.send(&self.tickets.message());
        worker.send(&self.detail_message());
        self.tap_messages().for_each(|message| worker.send(&message));
        if self.slots.get(usize::from(slot)).is_some_and(Slot::serves) {
            // Whose place it is to take: flows of datagrams come from there.
            worker.send(&ToWorker::TakeDatagrams(false));
        }
        worker.send(&ToWorker::Workers(self.plan.worker_count));
        worker.send(&ToWorker::Clients(self.plan.clients));
        for (at, socket) in self.sockets.of_slot(slot) {
            worker.lend(at, socket);
        }
        if frames.is_empty() {
            let (epoch, orders) = (self.epoch, self.plan.state.orders());
            *frames = order_frames(orders, |orders| ToWorker::Apply { epoch, orders })?;
        }
        worker.send_frames(frames);
        for message in self.findings.messages() {
            worker.send(&message);
        }
        Ok(worker)
    }

    pub(crate) fn settings_of(&self, slot: u16) -> Settings {
        let core = self.cores.iter().cycle().nth(usize::from(slot)).copied();
        Settings { worker: slot, core, ..self.plan.settings.clone() }
    }

    /// The worker of `slot` has ended.
    pub(crate) fn worker_ended(&mut self, slot: u16, end: &End, lifetime: Duration, now: Instant) {
        let Some(worker) = self.slots[usize::from(slot)].worker.take() else { return };
        let what = format!("worker {slot} (pid {}) {}{}", worker.pid(), end.how, self.scene(end));
        if !end.by_itself {
            self.note_crash(slot, end, now);
        }
        if let Some(home) = &self.home {
            home.forget_worker(slot, worker.pid());
        }
        self.note_gone(slot);
        self.note_speechless(worker.pid());
        if self.succeeded_early(slot, &what) {
            return;
        }
        match &self.stage {
            Stage::Ending { .. } if end.by_itself => info!("worker {slot} has finished"),
            Stage::Ending { .. } => self.note_early_end(&what),
            Stage::Starting(_) | Stage::Serving => self.take_leave(slot, what, lifetime, now),
        }
    }

    /// `slot` is empty against our will: decides whether and when it is filled again.
    fn take_leave(&mut self, slot: u16, what: String, lifetime: Duration, now: Instant) {
        match self.stage {
            Stage::Starting(_) if self.found => self.announce(now),
            Stage::Starting(_) => return self.give_up(Error::Worker(what), now),
            Stage::Serving | Stage::Ending { .. } => {}
        }
        let others = self.slots.iter().any(|slot| slot.worker.is_some());
        let place = &mut self.slots[usize::from(slot)];
        if !self.plan.automatic_restart {
            place.start_at = Instant::FAR;
            error!("{what}; not started again: worker_automatic_restart is off");
            if !others {
                self.give_up(Error::NoWorkerLeft, now);
            }
            return;
        }
        let delay = place.backoff.died(lifetime);
        place.start_at = now + delay;
        place.because = Some(if delay.is_zero() {
            what
        } else {
            error!("{what}; workers here keep ending early: the next is started in {delay:?}");
            format!("worker {slot} has waited {delay:?}")
        });
    }

    /// The sockets of a slot that has no worker are lent to a worker that serves, so that no
    /// connection waits for nobody. That worker keeps them for its life, so it gets them once.
    pub(crate) fn lend_orphaned_sockets(&mut self) {
        for slot in 0..self.plan.worker_count {
            let place = &self.slots[usize::from(slot)];
            let hosted = place.host.is_some_and(|pid| self.process(pid));
            if place.worker.is_some() || hosted {
                continue;
            }
            let serving = self.slots.iter_mut().find(|slot| slot.serves());
            let Some(host) = serving.and_then(|slot| slot.worker.as_mut()) else { break };
            for (at, socket) in self.sockets.of_slot(slot) {
                host.lend(at, socket);
            }
            let pid = host.pid();
            self.slots[usize::from(slot)].host = Some(pid);
        }
        self.lend_spare_sockets();
    }

    /// Sockets that there is no slot for, because there were more workers once, are lent to those
    /// that serve, by turns: clients come to them as to all others.
    fn lend_spare_sockets(&mut self) {
        let spare = self.plan.worker_count..self.sockets.slots();
        for (turn, slot) in spare.enumerate() {
            if self.spare_hosts.get(&slot).is_some_and(|pid| self.process(*pid)) {
                continue;
            }
            let serving = self.slots_that(Slot::serves).count();
            let mut hosts = self.slots.iter_mut().filter(|slot| slot.serves());
            let Some(turn) = turn.checked_rem(serving) else { return };
            let Some(host) = hosts.nth(turn).and_then(|slot| slot.worker.as_mut()) else { return };
            for (at, socket) in self.sockets.of_slot(slot) {
                host.lend(at, socket);
            }
            self.spare_hosts.insert(slot, host.pid());
        }
    }

    /// Lends the sockets of listeners that were just bound: those of each slot to its worker, and
    /// to the one that was lent the others of the slot and keeps them.
    pub(crate) fn lend_new_sockets(&mut self, bound: &[Endpoint]) {
        for slot in 0..self.plan.worker_count {
            let host = self.slots[usize::from(slot)].host;
            for (at, socket) in self.sockets.of_slot(slot) {
                if !bound.contains(&at) {
                    continue;
                }
                for (number, place) in (0..).zip(&mut self.slots) {
                    let worker = place.worker.as_mut().filter(|worker| worker.takes_orders());
                    let wanted =
                        |worker: &&mut WorkerProcess| number == slot || host == Some(worker.pid());
                    if let Some(worker) = worker.filter(wanted) {
                        worker.lend(at, socket);
                    }
                }
            }
        }
    }

    /// A worker that listens to us has this process id.
    fn process(&self, pid: i32) -> bool {
        let workers = self.slots.iter().filter_map(|slot| slot.worker.as_ref());
        workers.filter(|worker| worker.listens()).any(|worker| worker.pid() == pid)
    }
}
