//! What workers say, and that they have ended.

use weir_base::Instant;
use weir_control::channel::{Happening, ToMain};

use crate::questions::Speaker;
use crate::slot::Slot;
use crate::succession::Leaving;
use crate::supervise::Supervisor;
use crate::worker_process::WorkerProcess;

/// What a worker is to main.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Seat {
    /// The worker of a slot.
    In(u16),
    /// It is to become that.
    Next(u16),
    /// It was that, and finishes; its place among those.
    Leaving(usize),
}

impl Supervisor {
    fn seat(&self, pid: i32) -> Option<Seat> {
        let is = |worker: &WorkerProcess| worker.pid() == pid;
        let by_slot = (0..).zip(&self.slots).find_map(|(number, slot)| {
            let successor = slot.successor.as_ref().filter(|s| is(&s.worker));
            let next = successor.map(|_| Seat::Next(number));
            slot.worker.as_ref().filter(|worker| is(worker)).map(|_| Seat::In(number)).or(next)
        });
        let leaving = || self.leaving.iter().position(|leaving| is(&leaving.worker));
        by_slot.or_else(|| leaving().map(Seat::Leaving))
    }

    /// Reads what a worker says. What it is may change with that.
    pub(crate) fn read_messages(&mut self, pid: i32, now: Instant) {
        while let Some(seat) = self.seat(pid) {
            let Self { slots, leaving, epoll, .. } = self;
            let worker = worker_at(slots, leaving, seat);
            let Some(message) = worker.and_then(|worker| worker.receive(epoll, now)) else {
                return;
            };
            if let ToMain::Held(held) = &message {
                self.note_held(pid, held, now);
                continue;
            }
            match seat {
                Seat::In(slot) => self.hear(slot, message, now),
                Seat::Next(slot) => self.hear_successor(slot, message, now),
                Seat::Leaving(index) => self.hear_leaving(index, message),
            }
        }
    }

    /// The worker of `slot` says something.
    fn hear(&mut self, slot: u16, message: ToMain, now: Instant) {
        let Some(worker) = &mut self.slots[usize::from(slot)].worker else { return };
        match message {
            ToMain::Applied { epoch } => {
                worker.became_ready(now);
                self.note_applied(slot, epoch);
                self.announce_when_complete(now);
            }
            ToMain::Prepared { epoch } => self.note_prepared(slot, epoch),
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
            ToMain::Drained { cut, finished } => {
                if cut.total() == 0 {
                    worker.has_drained();
                } else {
                    self.note_cut(slot, cut);
                }
                self.note_drained(finished, cut);
            }
            ToMain::Happened(Happening::Checked { finding, address }) => {
                self.note_finding(slot, finding, address, now);
            }
            ToMain::Left(left) => worker.note_left(left),
            // It has nobody to pass anything to.
            ToMain::Passed(passed) => drop(worker.take_connection(&passed)),
            ToMain::PassedFlow(_) | ToMain::PassedBack(_) => drop(worker.take_descriptor()),
            answer => {
                let pid = worker.pid();
                self.hear_answer(Speaker { slot, pid }, answer);
            }
        }
    }

    /// A worker answers a question, or tells of something.
    pub(crate) fn hear_answer(&mut self, who: Speaker, message: ToMain) {
        match message {
            ToMain::Happened(happening) => self.tell_of_worker(who.slot, happening),
            ToMain::Hashed { number, epoch, hash } => self.note_hash(who, number, epoch, hash),
            ToMain::Explained { number, explained } => {
                self.note_explained(who, number, *explained);
            }
            ToMain::Counted { number, sessions } => self.note_counted(who, number, &sessions),
            ToMain::CertificatesFound { number, found } => {
                self.note_certificates(who, number, &found);
            }
            ToMain::Measured { number, part, last } => {
                self.note_measured(who, number, *part, last);
            }
            ToMain::Tapped(tapped) => self.note_tapped(who, tapped),
            ToMain::SessionsFound { number, part, last } => {
                self.note_sessions_found(who, number, part, last);
            }
            ToMain::SessionsClosed { number, closed } => {
                self.note_sessions_closed(who, number, closed);
            }
            ToMain::Held(_)
            | ToMain::Applied { .. }
            | ToMain::Prepared { .. }
            | ToMain::Refused { .. }
            | ToMain::Passed(_)
            | ToMain::PassedFlow(_)
            | ToMain::PassedBack(_)
            | ToMain::FlowsPassed
            | ToMain::Pong(_)
            | ToMain::Left(_)
            | ToMain::Drained { .. } => {}
        }
    }

    /// A process may have ended.
    pub(crate) fn notice_end(&mut self, pid: i32, now: Instant) {
        // Its last words come first: they may explain its end.
        self.read_messages(pid, now);
        let Some(seat) = self.seat(pid) else { return };
        let worker = worker_at(&mut self.slots, &mut self.leaving, seat);
        let Some(worker) = worker else { return };
        let Some(end) = worker.end() else { return };
        let lifetime = worker.lifetime(now);
        self.forget_held(pid);
        match seat {
            Seat::In(slot) => self.worker_ended(slot, &end, lifetime, now),
            Seat::Next(slot) => self.successor_ended(slot, &end),
            Seat::Leaving(index) => self.leaving_ended(index, &end),
        }
    }
}

fn worker_at<'a>(
    slots: &'a mut [Slot],
    leaving: &'a mut [Leaving],
    seat: Seat,
) -> Option<&'a mut WorkerProcess> {
    match seat {
        Seat::In(slot) => slots.get_mut(usize::from(slot))?.worker.as_mut(),
        Seat::Next(slot) => {
            let successor = slots.get_mut(usize::from(slot))?.successor.as_mut()?;
            Some(&mut successor.worker)
        }
        Seat::Leaving(index) => Some(&mut leaving.get_mut(index)?.worker),
    }
}
