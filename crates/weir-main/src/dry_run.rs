//! What changes would do: the plan, and how many sessions of all workers it concerns.

use std::collections::BTreeSet;

use weir_base::Instant;
use weir_control::channel::Question;
use weir_control::order::Object;
use weir_proto::response_content::ContentType;
use weir_proto::{ChangeKind, PlannedChange, Response, TransactionResult};

use crate::questions::About;
use crate::slot::Slot;
use crate::supervise::Supervisor;
use crate::transact::Who;

/// Objects that workers are asked about at most: a name takes some kilobytes, a frame is bounded.
const MOST_COUNTED: usize = 10_000;

/// A plan that is told when workers have said how many sessions it concerns.
pub(crate) struct Planned {
    who: Who,
    result: TransactionResult,
    /// Which changes workers were asked about.
    asked: Vec<usize>,
    /// Workers that were asked.
    workers: usize,
    /// Those of them that have not answered.
    silent: usize,
}

impl Planned {
    /// What one worker says.
    pub(crate) fn add(&mut self, sessions: &[u64]) {
        self.silent -= 1;
        for (change, count) in self.asked.iter().zip(sessions) {
            let sum = &mut self.result.changes[*change].sessions;
            *sum = Some(sum.unwrap_or(0) + count);
        }
    }
}

impl Supervisor {
    /// Asks every worker about the objects of a plan, and answers when all have told.
    pub(crate) fn count_sessions(
        &mut self,
        who: Who,
        planned: Vec<(Object, PlannedChange)>,
        warnings: Vec<String>,
        now: Instant,
    ) {
        let (objects, changes): (Vec<_>, Vec<_>) = planned.into_iter().unzip();
        let mut result = TransactionResult { epoch: self.epoch, changes, warnings };
        let changes = &mut result.changes;
        // Nobody uses what is not there yet.
        let (new, known): (Vec<usize>, Vec<usize>) =
            (0..changes.len()).partition(|at| changes[*at].kind() == ChangeKind::ChangeAdded);
        // No session knows its certificate.
        let counted =
            |at: &usize| !matches!(objects[*at], Object::Certificate(_) | Object::List(_));
        let known: Vec<usize> = known.into_iter().filter(counted).collect();
        let asked: Vec<usize> = known.iter().copied().take(MOST_COUNTED).collect();
        for at in new.iter().chain(&asked) {
            changes[*at].sessions = Some(0);
        }
        if known.len() > asked.len() {
            let left_out = known.len() - asked.len();
            result.warnings.push(format!("the sessions of {left_out} changes are not counted"));
        }
        let objects: Vec<_> = asked.iter().map(|at| objects[*at].clone()).collect();
        let waiting: BTreeSet<u16> = self.slots_that(Slot::serves).collect();
        let workers = waiting.len();
        let planned = Planned { who, result, asked, workers, silent: workers };
        if objects.is_empty() || waiting.is_empty() {
            return self.tell_plan(Planned { silent: 0, ..planned });
        }
        let about = About::Sessions(Box::new(planned));
        self.ask(waiting, Question::Sessions(objects), about, now);
    }

    /// Says what would be.
    pub(crate) fn tell_plan(&mut self, mut planned: Planned) {
        if planned.silent > 0 {
            let (silent, workers) = (planned.silent, planned.workers);
            let warning = format!(
                "{silent} of {workers} workers did not answer: their sessions do not count"
            );
            planned.result.warnings.push(warning);
        }
        let content = ContentType::Transaction(planned.result);
        let message = "nothing was changed, this is what would be";
        self.answer(&planned.who.asker, &Response::ok(message, content));
    }
}
