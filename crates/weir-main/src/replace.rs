//! The life of workers: started on the sockets of their slot, noticed when they end, replaced.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use log::{error, info, warn};
use weir_base::Instant;
use weir_control::channel::{Settings, ToWorker};

use crate::Error;
use crate::supervise::{Stage, Supervisor};
use crate::worker_process::{WorkerProcess, order_frames};

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
                    Some(why) => warn!("{why}; started again as pid {pid} on the same sockets"),
                },
                Err(error) => {
                    let what = format!("worker {slot} could not be started: {error}");
                    self.take_leave(slot, what, Duration::ZERO, now);
                }
            }
        }
    }

    /// Starts a worker, lends it the slot's sockets and tells it all that it needs. `frames` is
    /// empty, or what an earlier one was told of the same state.
    fn start_worker(
        &mut self,
        slot: u16,
        frames: &mut Vec<Vec<u8>>,
        now: Instant,
    ) -> io::Result<i32> {
        let mut worker = WorkerProcess::spawn(slot, &self.epoll, now)?;
        worker.send(&ToWorker::Start(Box::new(self.settings_of(slot))));
        worker.send(&self.tickets.message());
        for (address, socket) in self.sockets.of_slot(slot) {
            worker.lend(address, socket);
        }
        if frames.is_empty() {
            let (epoch, orders) = (self.epoch, self.plan.state.orders());
            *frames = order_frames(orders, |orders| ToWorker::Apply { epoch, orders })?;
        }
        worker.send_frames(frames);
        let pid = worker.pid();
        let place = &mut self.slots[usize::from(slot)];
        place.worker = Some(worker);
        place.start_at = Instant::FAR;
        Ok(pid)
    }

    fn settings_of(&self, slot: u16) -> Settings {
        let core = self.cores.iter().cycle().nth(usize::from(slot)).copied();
        Settings { worker: slot, core, ..self.plan.settings.clone() }
    }

    /// The process of `slot` may have ended.
    pub(crate) fn notice_end(&mut self, slot: u16, now: Instant) {
        // Its last words come first: they may explain its end.
        self.read_messages(slot, now);
        let place = &mut self.slots[usize::from(slot)];
        let Some(worker) = &place.worker else { return };
        let Some(end) = worker.end() else { return };
        let what = format!("worker {slot} (pid {}) {}", worker.pid(), end.how);
        let lifetime = worker.lifetime(now);
        place.worker = None;
        self.note_gone(slot);
        self.note_speechless(slot);
        match &self.stage {
            Stage::Ending { .. } if end.by_itself => info!("worker {slot} has finished"),
            Stage::Ending { .. } => self.note_early_end(&what),
            Stage::Starting(_) | Stage::Serving => self.take_leave(slot, what, lifetime, now),
        }
    }

    /// `slot` is empty against our will: decides whether and when it is filled again.
    fn take_leave(&mut self, slot: u16, what: String, lifetime: Duration, now: Instant) {
        if matches!(self.stage, Stage::Starting(_)) {
            return self.give_up(Error::Worker(what), now);
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
            let Some(host) = serving.and_then(|slot| slot.worker.as_mut()) else { return };
            for (address, socket) in self.sockets.of_slot(slot) {
                host.lend(address, socket);
            }
            let pid = host.pid();
            self.slots[usize::from(slot)].host = Some(pid);
        }
    }

    /// Lends the sockets of addresses that were just bound: those of each slot to its worker, and
    /// to the one that was lent the others of the slot and keeps them.
    pub(crate) fn lend_new_sockets(&mut self, bound: &[SocketAddr]) {
        for slot in 0..self.plan.worker_count {
            let host = self.slots[usize::from(slot)].host;
            for (address, socket) in self.sockets.of_slot(slot) {
                if !bound.contains(&address) {
                    continue;
                }
                for (number, place) in (0..).zip(&mut self.slots) {
                    let worker = place.worker.as_mut().filter(|worker| worker.takes_orders());
                    let wanted =
                        |worker: &&mut WorkerProcess| number == slot || host == Some(worker.pid());
                    if let Some(worker) = worker.filter(wanted) {
                        worker.lend(address, socket);
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
