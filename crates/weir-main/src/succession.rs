//! One worker in the place of another that is well: nobody loses a connection.
//!
//! ```text
//! started on the same sockets ──▶ serves ──▶ the other one retires ──▶ has finished
//!          │                                      │ connections between two requests
//!          └─ ended, or late: the                 └─────────▶ the one in its place
//!             other one goes on
//! ```
//!
//! Must not know: what is in a connection.
//!
//! Invariants: a worker is told to retire only when another one accepts from all of its sockets; no
//! change of the state begins while a successor is not ready; one that finishes has until a
//! deadline.

use std::os::fd::RawFd;
use std::time::Duration;

use log::{error, info, warn};
use serde::{Deserialize, Serialize};
use weir_base::Instant;
use weir_control::channel::{Kind, Kinds, Passed, PassedBack, PassedFlow, ToMain, ToWorker};
use weir_proto::{EventKind, Response};
use weir_sys::Epoll;

use crate::account::Account;
use crate::control::Asker;
use crate::questions::Speaker;
use crate::slot::Slot;
use crate::supervise::{Stage, Supervisor};
use crate::worker_process::{End, HandedWorker, WorkerProcess};

/// Workers cut what is left when their time is over; this is how long they may take to do it.
const CUT_GRACE: Duration = Duration::from_secs(1);

/// How often whoever waits is told that it is not over.
const TELL_PERIOD: Duration = Duration::from_secs(2);

/// A worker that is to take the place of another.
pub(crate) struct Successor {
    pub(crate) worker: WorkerProcess,
    /// Who asked for it.
    asker: Asker,
}

/// A worker that finishes.
pub(crate) struct Leaving {
    pub(crate) worker: WorkerProcess,
    pub(crate) slot: u16,
    /// The process id of the one in its place.
    heir: Option<i32>,
    /// Who waits for its end.
    asker: Option<Asker>,
    /// It is killed then.
    until: Instant,
    tell_at: Instant,
    account: Account,
}

/// The same as it passes from one image of main to the next.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct HandedLeaving {
    worker: HandedWorker,
    slot: u16,
    heir: Option<i32>,
    asker: Option<Asker>,
    time: Duration,
    account: Account,
}

impl HandedLeaving {
    /// The descriptors in it.
    pub(crate) fn descriptors(&self) -> impl Iterator<Item = RawFd> {
        self.worker.descriptors()
    }
}

impl Leaving {
    /// The one in its place and who waits for its end; when it is killed and when whoever waits is
    /// told more.
    fn new(
        worker: WorkerProcess,
        slot: u16,
        (heir, asker): (Option<i32>, Option<Asker>),
        (until, tell_at): (Instant, Instant),
    ) -> Self {
        Self { worker, slot, heir, asker, until, tell_at, account: Account::default() }
    }

    /// When something is due.
    pub(crate) fn deadline(&self) -> Instant {
        let tell_at = if self.asker.is_some() { self.tell_at } else { Instant::FAR };
        self.until.min(tell_at)
    }

    /// What another image of this process needs to go on with it.
    pub(crate) fn hand_over(&self, now: Instant) -> HandedLeaving {
        HandedLeaving {
            worker: self.worker.hand_over(),
            slot: self.slot,
            heir: self.heir,
            asker: self.asker,
            time: self.until.since(now),
            account: self.account,
        }
    }

    /// Goes on with what [`Leaving::hand_over`] has told.
    pub(crate) fn resume(
        handed: HandedLeaving,
        epoll: &Epoll,
        now: Instant,
    ) -> std::io::Result<Self> {
        let HandedLeaving { worker, slot, heir, asker, time, account } = handed;
        let worker = WorkerProcess::resume(slot, worker, epoll, now)?;
        let times = (now + time, now + TELL_PERIOD);
        Ok(Self { account, ..Self::new(worker, slot, (heir, asker), times) })
    }

    fn name(&self) -> String {
        format!("worker {} (pid {})", self.slot, self.worker.pid())
    }
}

impl Supervisor {
    /// Begins to replace a worker.
    pub(crate) fn upgrade_worker(&mut self, asker: Asker, id: u32, now: Instant) {
        let started = self.replaceable(id).and_then(|slot| {
            let worker = self.new_worker(slot, &mut Vec::new(), now);
            let failed = |error| format!("worker {id} cannot be replaced: {error}");
            Ok((slot, worker.map_err(failed)?))
        });
        match started {
            Ok((slot, worker)) => {
                let sentence = format!("worker {slot}: pid {} is starting", worker.pid());
                info!("{sentence}, to take its place");
                self.answer(&asker, &Response::processing(sentence, None));
                self.slots[usize::from(slot)].successor = Some(Successor { worker, asker });
            }
            Err(sentence) => self.answer(&asker, &Response::failure(sentence)),
        }
    }

    fn replaceable(&self, id: u32) -> Result<u16, String> {
        let slot = u16::try_from(id).ok().filter(|slot| *slot < self.plan.worker_count);
        let slot = slot.ok_or_else(|| {
            let count = self.plan.worker_count;
            format!("there is no worker {id}: there are {count}, from 0 (`weir status`)")
        })?;
        match &self.slots[usize::from(slot)] {
            place if place.serves() => Ok(slot),
            _ => Err(format!("worker {id} does not serve at the moment: try again")),
        }
    }

    /// Some worker has a successor that is not ready.
    pub(crate) fn expects_successor(&self) -> bool {
        self.slots.iter().any(|slot| slot.successor.is_some())
    }

    /// One that is to take the place of the worker of `slot` says something.
    pub(crate) fn hear_successor(&mut self, slot: u16, message: ToMain, now: Instant) {
        let Some(successor) = &mut self.slots[usize::from(slot)].successor else { return };
        match message {
            ToMain::Applied { .. } => {
                successor.worker.became_ready(now);
                self.succeed(slot, now);
            }
            ToMain::Refused { epoch, reason } => {
                let what = format!("refused the configuration of epoch {epoch} ({reason})");
                successor.worker.kill(what);
            }
            message => {
                let pid = successor.worker.pid();
                self.hear_answer(Speaker { slot, pid }, message);
            }
        }
    }

    /// The successor serves: the other one retires.
    fn succeed(&mut self, slot: u16, now: Instant) {
        let place = &mut self.slots[usize::from(slot)];
        let Some(Successor { worker, asker }) = place.successor.take() else { return };
        let heir = worker.pid();
        let Some(old) = place.worker.replace(worker) else { return };
        let sentence = format!("worker {slot}: pid {heir} serves, pid {} finishes", old.pid());
        info!("{sentence}");
        self.answer(&asker, &Response::processing(sentence, None));
        self.let_go(slot, old, Some(heir), Some(asker), now);
    }

    /// A worker that has no slot any more retires, once others accept from all of its sockets.
    pub(crate) fn let_go(
        &mut self,
        slot: u16,
        mut worker: WorkerProcess,
        heir: Option<i32>,
        asker: Option<Asker>,
        now: Instant,
    ) {
        self.lend_orphaned_sockets();
        let time = self.plan.drain_timeout;
        worker.retire(time);
        let times = (now + time + CUT_GRACE, now + TELL_PERIOD);
        self.leaving.push(Leaving::new(worker, slot, (heir, asker), times));
    }

    /// The worker of `slot` has ended before its successor was ready, which is the worker now.
    pub(crate) fn succeeded_early(&mut self, slot: u16, what: &str) -> bool {
        let place = &mut self.slots[usize::from(slot)];
        let Some(Successor { worker, asker }) = place.successor.take() else { return false };
        let heir = worker.pid();
        warn!("{what}; pid {heir} was to take its place and does so now");
        place.worker.insert(worker).send(&ToWorker::TakeDatagrams(true));
        let sentence = format!("{what}; pid {heir} takes its place");
        self.answer(&asker, &Response::failure(sentence));
        true
    }

    /// A successor has ended before it was ready.
    pub(crate) fn successor_ended(&mut self, slot: u16, end: &End) {
        let place = &mut self.slots[usize::from(slot)];
        let Some(Successor { worker, asker }) = place.successor.take() else { return };
        let (pid, how) = (worker.pid(), &end.how);
        if let Some(home) = &self.home {
            home.forget_worker(slot, pid);
        }
        let sentence = format!("worker {slot} was not replaced: pid {pid} {how}");
        error!("{sentence}");
        let message = format!("{sentence}; the running one goes on");
        self.answer(&asker, &Response::failure(message));
    }

    /// One that finishes says something.
    pub(crate) fn hear_leaving(&mut self, index: usize, message: ToMain) {
        let Some(leaving) = self.leaving.get_mut(index) else { return };
        let slot = leaving.slot;
        match message {
            ToMain::Passed(passed) => self.pass_on(index, passed),
            ToMain::PassedFlow(flow) => self.pass_flow_on(index, *flow),
            ToMain::PassedBack(back) => self.pass_back_on(index, *back),
            ToMain::FlowsPassed => self.no_flow_follows(index),
            ToMain::Left(left) => leaving.worker.note_left(left),
            ToMain::Drained { cut, finished } => {
                leaving.worker.has_drained();
                leaving.account.close(finished, cut);
                if cut.total() > 0 {
                    self.note_cut(slot, cut);
                }
            }
            message => {
                let pid = leaving.worker.pid();
                self.hear_answer(Speaker { slot, pid }, message);
            }
        }
    }

    /// Gives a connection to the worker in the place of the one that has passed it on, or to
    /// another.
    fn pass_on(&mut self, index: usize, passed: Passed) {
        let leaving = &mut self.leaving[index];
        let connection = leaving.worker.take_connection(&passed);
        let (slot, turn) = (leaving.slot, leaving.account.given());
        let (kind, tls) = (passed.kind(), passed.tls.is_some());
        match self.taker(slot, turn) {
            Some(taker) => {
                taker.take_over(&ToWorker::Passed(passed), &connection);
                self.leaving[index].account.give(kind, tls);
            }
            None => {
                warn!("the connection of client {} is closed: no worker takes it", passed.client);
                self.leaving[index].account.lose(kind, tls);
            }
        }
    }

    /// The same for a connection to a backend; without anybody to take it, it is closed.
    fn pass_back_on(&mut self, index: usize, back: PassedBack) {
        let leaving = &mut self.leaving[index];
        let connection = leaving.worker.take_descriptor();
        let (slot, turn) = (leaving.slot, leaving.account.backs());
        if let Some((taker, connection)) = self.taker(slot, turn).zip(connection) {
            taker.take_over(&ToWorker::PassedBack(Box::new(back)), &[connection]);
            self.leaving[index].account.give_back();
        }
    }

    /// Gives a flow of datagrams to whoever takes what its client sends next.
    fn pass_flow_on(&mut self, index: usize, flow: PassedFlow) {
        let leaving = &mut self.leaving[index];
        let (slot, socket) = (leaving.slot, leaving.worker.take_descriptor());
        let host = self.spare_hosts.get(&slot).copied();
        let own = self.slots.get(usize::from(slot)).map(|_| slot);
        let is_host = |worker: &WorkerProcess| host == Some(worker.pid());
        let taker = own.or_else(|| {
            let slots = (0..).zip(&self.slots);
            slots.filter(|(_, s)| s.worker.as_ref().is_some_and(is_host)).map(|(at, _)| at).next()
        });
        let taker = taker.and_then(|slot| self.slots.get_mut(usize::from(slot)));
        let taker = taker.filter(|slot| slot.takes_orders()).and_then(|slot| slot.worker.as_mut());
        match taker.zip(socket) {
            Some((taker, socket)) => {
                taker.take_over(&ToWorker::PassedFlow(Box::new(flow)), &[socket]);
                self.leaving[index].account.give(Kind::Flow, false);
            }
            None => {
                warn!("the flow of client {} is over: no worker takes it", flow.saved.client);
                self.leaving[index].account.lose(Kind::Flow, false);
            }
        }
    }

    /// Whoever has the place of one that finishes has its flows of datagrams, or gets none.
    fn no_flow_follows(&mut self, index: usize) {
        let Some(Leaving { slot, heir, .. }) = self.leaving.get(index) else { return };
        let place = self.slots.get_mut(usize::from(*slot));
        let worker = place.and_then(|place| place.worker.as_mut());
        if let Some(worker) = worker.filter(|worker| Some(worker.pid()) == *heir) {
            worker.send(&ToWorker::TakeDatagrams(true));
        }
    }

    /// Who takes what the worker of `slot` has had: the one in its place, else those that serve in
    /// turn.
    fn taker(&mut self, slot: u16, turn: usize) -> Option<&mut WorkerProcess> {
        if matches!(self.stage, Stage::Ending { .. }) {
            return None;
        }
        let own = self.slots.get(usize::from(slot)).is_some_and(Slot::takes_orders);
        let serving: Vec<u16> = self.slots_that(Slot::serves).collect();
        let other = || serving.get(turn.checked_rem(serving.len())?).copied();
        let taker = if own { Some(slot) } else { other() }?;
        self.slots.get_mut(usize::from(taker))?.worker.as_mut()
    }

    /// Tells whoever waits, kills what is late.
    pub(crate) fn attend_leaving(&mut self, now: Instant) {
        for index in 0..self.leaving.len() {
            let leaving = &mut self.leaving[index];
            if leaving.until <= now {
                leaving.until = Instant::FAR;
                leaving.worker.kill("had no time left".to_owned());
            }
            if let Some(asker) = leaving.asker.filter(|_| leaving.tell_at <= now) {
                leaving.tell_at = now + TELL_PERIOD;
                let left = leaving.worker.unfinished();
                let message = format!("{} still finishes{}", leaving.name(), told(left));
                self.answer(&asker, &Response::processing(message, None));
            }
        }
    }

    /// One that was to finish has ended.
    pub(crate) fn leaving_ended(&mut self, index: usize, end: &End) {
        self.no_flow_follows(index);
        let leaving = self.leaving.remove(index);
        self.note_speechless(leaving.worker.pid());
        let (name, how) = (leaving.name(), format!("{}{}", end.how, self.scene(end)));
        if let Some(home) = &self.home {
            home.forget_worker(leaving.slot, leaving.worker.pid());
        }
        let account = leaving.account;
        self.note_left(leaving.worker.pid(), account);
        let place = leaving.heir.map(|pid| format!(", and pid {pid} serves in its place"));
        let place = place.unwrap_or_default();
        let response = if end.by_itself {
            self.tell_of_slot(leaving.slot, EventKind::WorkerUpgraded);
            info!("{name} has finished{place}; {account}");
            Response::ok(format!("{name} has finished{place}; {account}"), None)
        } else {
            self.note_early_end(&format!("{name} {how}"));
            let sentence = format!("{name} {how} before it had finished{place}; {account}");
            Response::failure(sentence)
        };
        if let Some(asker) = leaving.asker {
            self.answer(&asker, &response);
        }
    }

    /// The proxy ends: whoever waits for a worker is told.
    pub(crate) fn stop_succession(&mut self, now: Instant) {
        for slot in 0..self.plan.worker_count {
            let place = &mut self.slots[usize::from(slot)];
            let Some(Successor { mut worker, asker }) = place.successor.take() else { continue };
            worker.kill("was not needed any more".to_owned());
            self.leaving.push(Leaving::new(worker, slot, (None, Some(asker)), (now, Instant::FAR)));
        }
    }
}

/// What is left to finish, behind who finishes it.
pub(crate) fn told(left: Kinds) -> String {
    match left.total() {
        0 => String::new(),
        1 => format!(": 1 connection{left}"),
        count => format!(": {count} connections{left}"),
    }
}
