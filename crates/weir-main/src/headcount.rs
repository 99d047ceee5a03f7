//! The number of workers, changed while they serve.
//!
//! More: sockets are bound for them, and they are started as at the beginning. Fewer: the last ones
//! retire, and others take their connections. The sockets of those stay open and are lent to
//! workers that go on: the kernel gives connections to each socket of an address, and one that were
//! closed could lose what came since its queue was emptied.
//!
//! Must not know: what workers serve.
//!
//! Invariants: one change at a time; some worker serves at any time.

use std::collections::BTreeSet;
use std::time::Duration;

use log::info;
use serde::{Deserialize, Serialize};
use weir_base::Instant;
use weir_control::channel::ToWorker;
use weir_proto::Response;

use crate::account::Account;
use crate::control::Asker;
use crate::slot::Slot;
use crate::supervise::{Stage, Supervisor};
use crate::{Plan, limits};

/// More would be a mistake: it is what the configuration file allows.
const MOST: u16 = 1024;

/// A change under way.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Resize {
    asker: Asker,
    /// Workers that finish; none: some start.
    waits_for: BTreeSet<i32>,
    account: Account,
    /// Those that start serve by then, or whoever asked is told that they do not.
    #[serde(skip)]
    until: Instant,
}

impl Resize {
    pub(crate) fn deadline(&self) -> Instant {
        if self.waits_for.is_empty() { self.until } else { Instant::FAR }
    }

    /// In another image of this process.
    pub(crate) fn resumed(self, plan: &Plan, now: Instant) -> Self {
        Self { until: now + patience(plan), ..self }
    }
}

/// A worker that is late is killed and started once more.
fn patience(plan: &Plan) -> Duration {
    2 * plan.worker_timeout
}

impl Supervisor {
    /// That many workers serve from now on.
    pub(crate) fn set_worker_count(&mut self, asker: Asker, wanted: u32, now: Instant) {
        let before = self.plan.worker_count;
        let begun = self.allowed(wanted).and_then(|wanted| match wanted {
            wanted if wanted > before => self.add_workers(wanted, now),
            wanted if wanted < before => self.remove_workers(wanted, now),
            _ => Ok(None),
        });
        match begun {
            Err(sentence) => self.answer(&asker, &Response::failure(sentence)),
            Ok(None) => {
                let sentence = format!("the number of workers is {before} already");
                self.answer(&asker, &Response::ok(sentence, None));
            }
            Ok(Some(waits_for)) => {
                let sentence = format!("the number of workers becomes {wanted}, after {before}");
                info!("{sentence}, as uid {} (pid {}) asked", asker.uid, asker.pid);
                self.answer(&asker, &Response::processing(sentence, None));
                let until = now + patience(&self.plan);
                let account = Account::default();
                self.resize = Some(Resize { asker, waits_for, account, until });
            }
        }
    }

    fn allowed(&self, wanted: u32) -> Result<u16, String> {
        if self.resize.is_some() {
            return Err("the number of workers is being changed already: try again".to_owned());
        }
        let fits = u16::try_from(wanted).ok().filter(|wanted| (1..=MOST).contains(wanted));
        let wanted =
            fits.ok_or_else(|| format!("there can be 1 to {MOST} workers, not {wanted}"))?;
        limits::guarantee(&self.plan, wanted).map(|()| wanted)
    }

    /// Makes places, which are filled in this turn.
    fn add_workers(&mut self, wanted: u16, now: Instant) -> Result<Option<BTreeSet<i32>>, String> {
        let sockets = self.sockets.count_with(wanted);
        limits::allow(&self.plan.settings.limits, sockets, wanted)
            .and_then(|()| self.sockets.grow(wanted))
            .map_err(|error| error.to_string())?;
        for slot in self.plan.worker_count..wanted {
            // Whoever accepts from its sockets goes on with that.
            let host = self.spare_hosts.remove(&slot);
            self.slots.push(Slot { host, ..Slot::new(now) });
        }
        self.plan.worker_count = wanted;
        self.send_to_all(&ToWorker::Workers(wanted));
        Ok(Some(BTreeSet::new()))
    }

    /// The last workers retire; their process ids.
    fn remove_workers(
        &mut self,
        wanted: u16,
        now: Instant,
    ) -> Result<Option<BTreeSet<i32>>, String> {
        if !self.slots.iter().take(wanted.into()).any(Slot::serves) {
            let sentence = "none of the workers that would be left serves at the moment: try again";
            return Err(sentence.to_owned());
        }
        let removed = self.slots.split_off(wanted.into());
        self.plan.worker_count = wanted;
        self.send_to_all(&ToWorker::Workers(wanted));
        let mut waits_for = BTreeSet::new();
        for (slot, place) in (wanted..).zip(removed) {
            self.spare_hosts.extend(place.host.map(|host| (slot, host)));
            if let Some(worker) = place.worker {
                waits_for.insert(worker.pid());
                self.let_go(slot, worker, None, None, now);
            }
        }
        Ok(Some(waits_for))
    }

    /// A worker that was to finish has ended.
    pub(crate) fn note_left(&mut self, pid: i32, account: Account) {
        let Some(resize) = &mut self.resize else { return };
        if !resize.waits_for.remove(&pid) {
            return;
        }
        resize.account.add(account);
        let (asker, account, left) = (resize.asker, resize.account, resize.waits_for.len());
        let count = self.plan.worker_count;
        if left > 0 {
            let sentence = format!("{left} workers still finish");
            return self.answer(&asker, &Response::processing(sentence, None));
        }
        self.resize = None;
        let sentence = format!("the number of workers is {count}; {account}");
        info!("{sentence}");
        self.answer(&asker, &Response::ok(sentence, None));
    }

    /// Looks whether those that start serve.
    pub(crate) fn attend_resize(&mut self, now: Instant) {
        let Some(resize) = self.resize.as_ref().filter(|resize| resize.waits_for.is_empty()) else {
            return;
        };
        let asker = resize.asker;
        let (ready, count) = (self.slots_that(Slot::serves).count(), self.slots.len());
        let ends = matches!(self.stage, Stage::Ending { .. });
        if ready == count {
            self.resize = None;
            let sentence = format!("the number of workers is {count}");
            info!("{sentence}");
            self.answer(&asker, &Response::ok(sentence, None));
        } else if ends || resize.until <= now {
            self.resize = None;
            let sentence = format!("{ready} of {count} workers serve: the log says why");
            self.answer(&asker, &Response::failure(sentence));
        }
    }
}
