//! Leading workers on that another main has left.

use std::collections::{BTreeMap, BTreeSet};

use log::{info, warn};
use weir_base::{Endpoint, Instant, Wiped};
use weir_control::change::{diff, state_hash};
use weir_control::channel::ToWorker;
use weir_control::state::State;
use weir_control::takeover::settings_hash;
use weir_sys::BoundSocket;

use super::Orphan;
use crate::slot::Slot;
use crate::supervise::Supervisor;
use crate::worker_process::{WorkerProcess, order_frames};

/// Workers that were left, and their sockets.
#[derive(Default)]
pub(crate) struct Adoption {
    orphans: Vec<Orphan>,
    /// Each once, by listener: whose slot it is first of, if anybody's.
    sockets: BTreeMap<Endpoint, Vec<(u16, BoundSocket)>>,
    /// What was served by them, if it is not what is to be.
    before: Option<(u64, State)>,
}

impl Adoption {
    /// Of those that were found; `before`: a state that may be theirs, and its epoch.
    pub(crate) fn new(mut orphans: Vec<Orphan>, before: Option<(u64, State)>) -> Self {
        let mut seen = BTreeSet::new();
        let mut sockets = BTreeMap::<_, Vec<_>>::new();
        for orphan in &mut orphans {
            for found in &orphan.sockets {
                if seen.insert(found.identity)
                    && let Ok(socket) = found.socket.try_clone()
                {
                    sockets.entry(found.at).or_default().push((orphan.hello.slot, socket));
                }
            }
        }
        Self { orphans, sockets, before }
    }

    /// The sockets of a listener, by slot where that is possible: those of the slots come first,
    /// then places without one are filled, then come those that there is no slot for.
    pub(crate) fn take_sockets(&mut self, at: Endpoint, slots: u16) -> Vec<Option<BoundSocket>> {
        let mut by_slot: Vec<Option<BoundSocket>> = (0..slots).map(|_| None).collect();
        let mut others = Vec::new();
        for (slot, socket) in self.sockets.remove(&at).unwrap_or_default() {
            match by_slot.get_mut(usize::from(slot)) {
                Some(place @ None) => *place = Some(socket),
                _ => others.push(socket),
            }
        }
        let mut others = others.into_iter();
        for place in by_slot.iter_mut().filter(|place| place.is_none()) {
            *place = others.next();
        }
        by_slot.extend(others.map(Some));
        by_slot
    }
}

/// What a worker is to be told so that it has in use what main has.
enum Rest {
    /// Nothing.
    Nothing,
    /// The orders that lead from its state to main's.
    Orders(Vec<Wiped>),
}

impl Supervisor {
    /// Leads those on that can be. The slots of the others stay empty, to be filled at once; they
    /// serve until that is done.
    pub(crate) fn adopt(&mut self, adoption: Adoption, now: Instant) {
        let Adoption { orphans, before, .. } = adoption;
        for orphan in orphans {
            let (slot, pid) = (orphan.hello.slot, orphan.pid());
            let rest = match self.slots.get(usize::from(slot)) {
                None => Err("there are fewer workers now".to_owned()),
                Some(Slot { worker: Some(_), .. }) => Err("another one has its place".to_owned()),
                Some(_) => self.rest_for(&orphan, before.as_ref()),
            };
            match rest {
                Ok(rest) => match self.lead(orphan, rest, now) {
                    Ok(()) => info!("worker {slot} (pid {pid}) was left without main: it goes on"),
                    Err(error) => warn!("worker {slot} (pid {pid}) was left and is lost: {error}"),
                },
                Err(why) => {
                    info!("worker {slot} (pid {pid}) was left without main; it is replaced: {why}");
                    self.retiring.push(orphan);
                }
            }
        }
        if self.slots.iter().any(|slot| slot.worker.is_some()) {
            self.found = true;
            self.announce_when_complete(now);
        }
    }

    /// Others have taken the place of those that could not be led: these may finish.
    pub(crate) fn dismiss_retiring(&mut self) {
        let seconds = self.plan.drain_timeout.as_secs();
        for orphan in self.retiring.drain(..) {
            info!("the worker that was left as pid {} finishes", orphan.pid());
            orphan.dismiss(seconds);
        }
    }

    /// What the worker lacks, or why it cannot be led.
    fn rest_for(&mut self, orphan: &Orphan, before: Option<&(u64, State)>) -> Result<Rest, String> {
        let hello = &orphan.hello;
        if !hello.is_understood() {
            return Err("it is of another version".to_owned());
        }
        if hello.settings != settings_hash(&self.settings_of(hello.slot)) {
            return Err("it was started with other settings".to_owned());
        }
        if (hello.epoch, hello.hash) == (self.epoch, self.hash.value()) {
            return Ok(Rest::Nothing);
        }
        let state = match (hello.epoch, before) {
            (0, _) => State::default(),
            (epoch, Some((of, state))) if *of == epoch => state.clone(),
            (epoch, _) => self.state_at(epoch)?,
        };
        if state_hash(&state) != hello.hash {
            return Err(format!("it has something else in use than epoch {}", hello.epoch));
        }
        let epoch = self.epoch;
        let orders = diff(&state, &self.plan.state);
        let frames = order_frames(orders, |orders| ToWorker::Apply { epoch, orders });
        Ok(Rest::Orders(frames.map_err(|error| error.to_string())?))
    }

    /// The worker is main's from now on.
    fn lead(&mut self, orphan: Orphan, rest: Rest, now: Instant) -> std::io::Result<()> {
        let slot = orphan.hello.slot;
        let (child, channel, used) = orphan.keep()?;
        let serves = matches!(rest, Rest::Nothing);
        let mut worker = WorkerProcess::adopt(slot, (child, channel), serves, &self.epoll, now)?;
        // What it was lent for a change that it does not know of.
        worker.send(&ToWorker::Abort { epoch: 0 });
        worker.send(&ToWorker::LogFilter(self.plan.settings.logs.level.clone()));
        worker.send(&self.tickets.message());
        worker.send(&ToWorker::Clients(self.plan.clients));
        worker.send(&self.detail_message());
        worker.give_page();
        worker.send(&self.suspects.message());
        for (at, socket) in self.sockets.of_slot(slot) {
            if !self.sockets.identity(at, slot).is_some_and(|id| used.contains(&id)) {
                worker.lend(at, socket);
            }
        }
        for spare in self.plan.worker_count..self.sockets.slots() {
            if self.sockets.identities(spare).all(|identity| used.contains(&identity)) {
                self.spare_hosts.insert(spare, worker.pid());
            }
        }
        if let Rest::Orders(frames) = rest {
            worker.send_frames(&frames);
        }
        for message in self.findings.messages() {
            worker.send(&message);
        }
        let place = &mut self.slots[usize::from(slot)];
        place.worker = Some(worker);
        place.start_at = Instant::FAR;
        Ok(())
    }
}
