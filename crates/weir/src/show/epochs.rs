//! Transactions, the history of them, explanations, drift.

use jiff::Timestamp;
use weir_client::proto::{
    ChangeKind, Drift, Explanation, History, HistoryEntry, PlannedChange, TransactionResult,
    WorkerDrift,
};

use super::page::{Page, optional, row};

pub(super) fn transaction(page: &mut Page, result: &TransactionResult) {
    changes(page, &result.changes);
    for warning in &result.warnings {
        page.line(format!("warning: {warning}"));
    }
    let count = |kind| result.changes.iter().filter(|change| change.kind() == kind).count();
    page.line(format!(
        "{} added, {} changed, {} removed; epoch {}",
        count(ChangeKind::ChangeAdded),
        count(ChangeKind::ChangeChanged),
        count(ChangeKind::ChangeRemoved),
        result.epoch,
    ));
}

/// A line for each object and each key of it: people read a plan from top to bottom.
fn changes(page: &mut Page, changes: &[PlannedChange]) {
    for change in changes {
        let sign = match change.kind() {
            ChangeKind::ChangeAdded => '+',
            ChangeKind::ChangeChanged => '~',
            ChangeKind::ChangeRemoved => '-',
        };
        let sessions = change.sessions.filter(|sessions| *sessions > 0);
        let sessions = optional(sessions.map(|sessions| format!("  ({sessions} sessions)")));
        page.line(format!("{sign} {} {}{sessions}", change.object, change.name));
        for key in &change.keys {
            page.line(format!(
                "    {}: {} → {}",
                key.key,
                or_nothing(&key.old),
                or_nothing(&key.new)
            ));
        }
    }
}

fn or_nothing(text: &str) -> &str {
    if text.is_empty() { "(nothing)" } else { text }
}

/// A transaction of the past in a line.
pub(crate) fn line(entry: &HistoryEntry) -> String {
    let HistoryEntry { epoch, added, changed, removed, .. } = entry;
    let by = [
        entry.client.as_ref().map(|client| format!(" by {client}")),
        entry.uid.map(|uid| format!(", uid {uid}")),
        entry.pid.map(|pid| format!(", pid {pid}")),
    ];
    let by: String = by.into_iter().flatten().collect();
    let line =
        format!("main, epoch {epoch}: {added} added, {changed} changed, {removed} removed{by}");
    line.replace(char::is_control, "\u{fffd}")
}

pub(super) fn history(page: &mut Page, history: &History) {
    let header = ["epoch", "time", "client", "uid", "pid", "added", "changed", "removed"];
    let rows = history.entries.iter().map(|entry| {
        row![
            entry.epoch,
            time(entry),
            optional(entry.client.as_deref()),
            optional(entry.uid),
            optional(entry.pid),
            entry.added,
            entry.changed,
            entry.removed,
        ]
    });
    page.table("", header, rows);
    for entry in history.entries.iter().filter(|entry| !entry.changes.is_empty()) {
        page.line(format!("epoch {}:", entry.epoch));
        changes(page, &entry.changes);
    }
}

/// In UTC.
fn time(entry: &HistoryEntry) -> String {
    let time = i64::try_from(entry.time_ms).ok().map(Timestamp::from_millisecond);
    optional(time.and_then(Result::ok))
}

pub(super) fn explanation(page: &mut Page, explanation: &Explanation) {
    let rows = [
        ("listener", &explanation.listener),
        ("frontend", &explanation.frontend),
        ("cluster", &explanation.cluster),
    ];
    let rows = rows.into_iter().map(|(what, name)| row![what, name.as_deref().unwrap_or("none")]);
    let backends = row!["backends", explanation.backends.join("\n")];
    page.table("", ["what", "which"], rows.chain([backends]));
    for (number, step) in (1..).zip(&explanation.steps) {
        page.line(format!("{number}. {step}"));
    }
    for lost in &explanation.lost {
        page.line(format!("lost: {lost}"));
    }
    page.line(format!("asked worker {}, epoch {}", explanation.worker, explanation.epoch));
}

pub(super) fn drift(page: &mut Page, drift: &Drift) {
    let main = row!["main", drift.epoch, hash(drift.hash), ""];
    let workers = drift.workers.iter().map(|worker| {
        let hash = optional(worker.hash.map(hash));
        row![format!("worker {}", worker.id), optional(worker.epoch), hash, verdict(drift, worker)]
    });
    page.table("", ["process", "epoch", "hash", ""], [main].into_iter().chain(workers));
}

fn hash(hash: u64) -> String {
    format!("{hash:016x}")
}

fn verdict(drift: &Drift, worker: &WorkerDrift) -> &'static str {
    match (worker.epoch, worker.hash) {
        (None, _) | (_, None) => "did not answer",
        (Some(epoch), _) if epoch != drift.epoch => "is at another epoch",
        (_, Some(hash)) if hash != drift.hash => "differs",
        _ => "is the same",
    }
}
