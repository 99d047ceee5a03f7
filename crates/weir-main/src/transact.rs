//! Transactions: changes that every worker uses, or none.
//!
//! ```text
//!            checked, applied to main's state     all prepared, stored     all applied
//! requests ─────────────────────────────▶ Preparing ──────────▶ Committing ──────────▶ answered
//!                                             │ one refuses
//!                                             └──▶ undone everywhere
//! ```
//!
//! Invariants: one transaction at a time; no worker is started while one is under way, so whoever
//! missed it is started with main's state, which is the committed one; a worker that is late is
//! killed, and what it was to do its successor finds done.

use std::collections::BTreeSet;

use log::info;
use weir_base::Instant;
use weir_control::change::{Undo, plan, plan_by_object, warnings};
use weir_control::channel::ToWorker;
use weir_control::order::Order;
use weir_control::state::State;
use weir_proto::response_content::ContentType;
use weir_proto::{ChangeKind, PlannedChange, Response, TransactionResult, frame};
use weir_telemetry::Fanout;

use crate::control::Asker;
use crate::history::{Record, now_millis};
use crate::limits;
use crate::listeners::Listeners;
use crate::slot::Slot;
use crate::supervise::Supervisor;
use crate::worker_process::order_frames;

/// A transaction under way.
pub(crate) struct Transaction {
    who: Who,
    epoch: u64,
    undo: Vec<Undo>,
    changes: Vec<PlannedChange>,
    warnings: Vec<String>,
    listeners: Listeners,
    step: Step,
    /// Slots whose workers have not said yes to this step.
    waiting: BTreeSet<u16>,
    /// What workers have said to it.
    part: Fanout,
    pub(crate) deadline: Instant,
}

/// Orders that the state has, and what undoes them.
#[derive(Default)]
pub(crate) struct Made {
    pub(crate) orders: Vec<Order>,
    pub(crate) undo: Vec<Undo>,
}

impl Made {
    /// Applies further orders.
    pub(crate) fn add(&mut self, state: &mut State, orders: Vec<Order>) {
        for order in &orders {
            state.apply(order.clone(), &mut self.undo);
        }
        self.orders.extend(orders);
    }
}

/// Who asked, and what the answer is to say.
#[derive(Clone, Debug)]
pub(crate) struct Who {
    pub(crate) asker: Asker,
    pub(crate) client: Option<String>,
    /// The sentence of success.
    pub(crate) done: String,
    /// The answer lists the changes.
    pub(crate) detailed: bool,
    pub(crate) dry_run: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Step {
    Preparing,
    Committing,
}

impl Supervisor {
    /// Applies orders to the state.
    pub(crate) fn make(&mut self, orders: Vec<Order>) -> Made {
        let mut made = Made::default();
        made.add(&mut self.plan.state, orders);
        made
    }

    /// Begins a transaction of what was just made of the state.
    pub(crate) fn transact(&mut self, who: Who, Made { orders, undo }: Made, now: Instant) {
        if let Err(sentence) = self.check_guarantees(&orders) {
            self.plan.state.undo(undo);
            return self.fail(&who, &sentence);
        }
        let seconds = weir_sys::unix_time().as_secs().cast_signed();
        let warnings = warnings(&self.plan.state, &undo, seconds);
        if who.dry_run {
            let planned = plan_by_object(&self.plan.state, &undo);
            self.plan.state.undo(undo);
            return self.count_sessions(who, planned, warnings, now);
        }
        let changes = plan(&self.plan.state, &undo);
        if changes.is_empty() {
            self.plan.state.undo(undo);
            return self.answer_done(&who, &changes, warnings);
        }
        let waiting: BTreeSet<_> = self.slots_that(Slot::takes_orders).collect();
        if waiting.is_empty() {
            self.plan.state.undo(undo);
            let sentence = "no worker is there to check the change: try again in a moment";
            return self.fail(&who, sentence);
        }
        let epoch = self.epoch + 1;
        let frames = order_frames(orders, |orders| ToWorker::Prepare { epoch, orders });
        let Ok(frames) = frames else {
            self.plan.state.undo(undo);
            return self.fail(&who, "the change cannot be told to workers");
        };
        let listeners = match self.open_listeners(&undo) {
            Ok(listeners) => listeners,
            Err(sentence) => {
                self.plan.state.undo(undo);
                return self.fail(&who, &sentence);
            }
        };
        for slot in &waiting {
            if let Some(worker) = &mut self.slots[usize::from(*slot)].worker {
                worker.send_frames(&frames);
            }
        }
        // To check many changes takes main its time: the workers' begins now.
        let deadline = weir_sys::now() + self.plan.worker_timeout;
        let (step, part) = (Step::Preparing, Fanout::to(waiting.len()));
        self.transaction = Some(Transaction {
            who,
            epoch,
            undo,
            changes,
            warnings,
            listeners,
            step,
            waiting,
            part,
            deadline,
        });
    }

    /// Workers must be able to keep what orders guarantee.
    fn check_guarantees(&self, orders: &[Order]) -> Result<(), String> {
        let guarantees =
            |order: &Order| matches!(order, Order::Cluster(c) if c.min_sessions.is_some());
        if !orders.iter().any(guarantees) {
            return Ok(());
        }
        limits::guarantee(&self.plan, self.plan.worker_count)
    }

    /// A worker can apply what was prepared.
    pub(crate) fn note_prepared(&mut self, slot: u16, epoch: u64) {
        self.advance(slot, epoch, Step::Preparing, 1);
    }

    /// A worker has applied an epoch.
    pub(crate) fn note_applied(&mut self, slot: u16, epoch: u64) {
        self.advance(slot, epoch, Step::Committing, 1);
    }

    /// A worker is gone: nobody waits for it.
    pub(crate) fn note_gone(&mut self, slot: u16) {
        if let Some((epoch, step)) = self.transaction.as_ref().map(|t| (t.epoch, t.step)) {
            self.advance(slot, epoch, step, 0);
        }
    }

    /// The worker of a slot has said `yes` so many times to a step, and is not waited for.
    fn advance(&mut self, slot: u16, epoch: u64, step: Step, yes: u32) {
        let Some(transaction) = &mut self.transaction else { return };
        if transaction.epoch != epoch || transaction.step != step {
            return;
        }
        if transaction.waiting.remove(&slot) {
            transaction.part.ok += yes;
        }
        if !transaction.waiting.is_empty() {
            return;
        }
        match step {
            // What no worker has looked at could keep the next ones from starting.
            Step::Preparing if transaction.part.ok == 0 => {
                if let Some(transaction) = self.transaction.take() {
                    self.abandon(transaction, "every worker ended while it checked the change");
                }
            }
            Step::Preparing => self.commit(),
            Step::Committing => self.finish_transaction(),
        }
    }

    /// A worker refuses what another may have prepared: nothing is changed. `false`: this was not
    /// about a transaction.
    pub(crate) fn note_refused(&mut self, epoch: u64, reason: &str) -> bool {
        let preparing = |t: &mut Transaction| t.epoch == epoch && t.step == Step::Preparing;
        let Some(mut transaction) = self.transaction.take_if(preparing) else { return false };
        transaction.part.err += 1;
        self.abandon(transaction, reason);
        true
    }

    fn abandon(&mut self, transaction: Transaction, reason: &str) {
        self.send_to_all(&ToWorker::Abort { epoch: transaction.epoch });
        self.undo_listeners(&transaction.listeners);
        self.plan.state.undo(transaction.undo);
        self.note_part(Some(transaction.part));
        self.fail(&transaction.who, reason);
    }

    /// Every worker has prepared: stores the transaction, then makes it true.
    fn commit(&mut self) {
        let Some(mut transaction) = self.transaction.take() else { return };
        let record = Record {
            time_ms: now_millis(),
            uid: transaction.who.asker.uid,
            pid: transaction.who.asker.pid,
            client: transaction.who.client.clone(),
            undo: std::mem::take(&mut transaction.undo),
            changes: std::mem::take(&mut transaction.changes),
        };
        let stored = self.history.add(transaction.epoch, &record, &self.plan.state);
        (transaction.undo, transaction.changes) = (record.undo, record.changes);
        if let Err(error) = stored {
            let reason = format!("the change cannot be stored, so it was not made: {error}");
            return self.abandon(transaction, &reason);
        }
        self.epoch = transaction.epoch;
        self.hash.follow(&self.plan.state, &transaction.undo);
        self.commit_listeners(&transaction.listeners);
        self.send_to_all(&ToWorker::Commit { epoch: self.epoch });
        transaction.step = Step::Committing;
        transaction.deadline = weir_sys::now() + self.plan.worker_timeout;
        transaction.waiting = self.slots_that(Slot::takes_orders).collect();
        transaction.part = Fanout::to(transaction.waiting.len());
        let alone = transaction.waiting.is_empty();
        self.transaction = Some(transaction);
        if alone {
            self.finish_transaction();
        }
    }

    /// Every worker uses it.
    fn finish_transaction(&mut self) {
        let Some(transaction) = self.transaction.take() else { return };
        self.settle_listeners(&transaction.listeners);
        let who = &transaction.who;
        let (added, changed, removed) = counts(&transaction.changes);
        info!(
            "epoch {}: {added} added, {changed} changed, {removed} removed by uid {} (pid {})",
            self.epoch, who.asker.uid, who.asker.pid
        );
        self.note_part(Some(transaction.part));
        self.answer_done(who, &transaction.changes, transaction.warnings);
        self.tell_of_changes(&transaction.changes);
        self.save_automatically();
    }

    fn answer_done(&mut self, who: &Who, changes: &[PlannedChange], warnings: Vec<String>) {
        let beware = if who.detailed { String::new() } else { beware(&warnings) };
        let content = who.detailed.then(|| {
            let changes = changes.to_vec();
            ContentType::Transaction(TransactionResult { epoch: self.epoch, changes, warnings })
        });
        let mut response = Response::ok(format!("{}{beware}", who.done), content);
        // The change is made, whether or not there is room to say all of it.
        if !frame::fits(&response, self.longest_frame()) {
            let count = changes.len();
            let unlisted = format!("{count} changes are too many to list: see `weir history`");
            let (changes, warnings) = (Vec::new(), vec![unlisted]);
            let result = TransactionResult { epoch: self.epoch, changes, warnings };
            response = Response::ok(who.done.clone(), ContentType::Transaction(result));
        }
        self.answer(&who.asker, &response);
    }

    fn fail(&mut self, who: &Who, sentence: &str) {
        info!("a change by uid {} is refused: {sentence}", who.asker.uid);
        self.answer(&who.asker, &Response::failure(sentence));
    }

    /// Kills the workers that are late with their yes.
    pub(crate) fn kill_what_holds_up(&mut self, now: Instant) {
        let Some(transaction) = &mut self.transaction else { return };
        if now < transaction.deadline {
            return;
        }
        transaction.deadline = Instant::FAR;
        let what = match transaction.step {
            Step::Preparing => "prepare",
            Step::Committing => "apply",
        };
        for slot in &transaction.waiting {
            if let Some(worker) = &mut self.slots[usize::from(*slot)].worker {
                worker.kill(format!("did not {what} epoch {} in time", transaction.epoch));
            }
        }
    }
}

/// The first warnings, behind the sentence of success.
fn beware(warnings: &[String]) -> String {
    const TOLD: usize = 3;
    let told = warnings.iter().take(TOLD).map(String::as_str).collect::<Vec<_>>().join("; ");
    match warnings.len() {
        0 => String::new(),
        1..=TOLD => format!("; beware: {told}"),
        count => format!("; beware: {told}; and {} more", count - TOLD),
    }
}

/// Objects added, changed and removed.
pub(crate) fn counts(changes: &[PlannedChange]) -> (u32, u32, u32) {
    let count = |kind: ChangeKind| changes.iter().filter(|c| c.kind() == kind).count() as u32;
    (
        count(ChangeKind::ChangeAdded),
        count(ChangeKind::ChangeChanged),
        count(ChangeKind::ChangeRemoved),
    )
}
