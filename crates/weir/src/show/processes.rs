//! Workers, counts, limits.

use weir_client::proto::{RequestCounts, WorkerInfos};

use super::page::{Page, row};

pub(super) fn workers(page: &mut Page, workers: &WorkerInfos) {
    let rows = workers
        .vec
        .iter()
        .map(|worker| row![worker.id, worker.pid, worker.run_state().as_str_name()]);
    page.table("", ["worker id", "pid", "run state"], rows);
}

pub(super) fn request_counts(page: &mut Page, counts: &RequestCounts) {
    let rows = counts.map.iter().map(|(name, count)| row![name, count]);
    page.table("", ["request type", "count"], rows);
}

pub(super) fn limit(page: &mut Page, limit: u64) {
    page.line(match limit {
        0 => "unlimited".to_owned(),
        limit => limit.to_string(),
    });
}
