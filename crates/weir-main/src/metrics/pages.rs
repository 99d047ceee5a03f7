//! Pages of an answer: each asks workers for a run of scopes in their order, so that neither they
//! nor main ever make more than a page of it, however much there is.
//!
//! Main remembers nothing between two pages: `next` says which scope was the last one, and how many
//! to ask for, which is as many as filled a page the last time. What was removed meanwhile is
//! passed over.
//!
//! Bounds: a page asks for at most [`MOST`] scopes, and has no more bytes than it is given, or one
//! scope. What is of workers as a whole is on the first one, all of it.

use std::collections::BTreeMap;

use prost::Message;
use weir_control::metrics::{Detail, Part};
use weir_control::requests::query::no_page;
use weir_control::state::{BackendId, State};
use weir_proto::{AggregatedMetrics, ClusterMetrics};

use super::selection::Selection;
use super::{Scope, parts};

/// Scopes that the first page asks for, and any other at most.
const FIRST: usize = 250;
const MOST: usize = 1_000;

/// A page that is asked for.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Page {
    pub(super) is_first: bool,
    /// The scope that the one before ended with; before all scopes it is empty.
    after: Scope,
    /// How many scopes are asked for: at first as a bound.
    scopes: usize,
    /// The last of them, if others follow.
    end: Option<Scope>,
}

impl Page {
    /// # Errors
    /// A sentence about something that was never a `next`.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let known = match text {
            "" => Some((FIRST, String::new(), String::new())),
            next => serde_json::from_str(next).ok(),
        };
        let known = known.filter(|(scopes, ..)| (1..=MOST).contains(scopes));
        let (scopes, cluster, backend) = known.ok_or_else(|| no_page(text, "metrics").0)?;
        Ok(Self { is_first: text.is_empty(), after: (cluster, backend), scopes, end: None })
    }

    /// What workers are asked for.
    pub(super) fn begin(
        &mut self,
        selection: &Selection,
        state: &State,
        detail: Detail,
    ) -> Vec<Part> {
        let mut scopes = scopes(&self.after, selection, state, detail);
        let run: Vec<_> = scopes.by_ref().take(self.scopes).collect();
        let end = run.last().filter(|_| scopes.next().is_some());
        let end = end.map(|(cluster, backend)| ((*cluster).to_owned(), (*backend).to_owned()));
        let parts = parts(run.iter().copied());
        drop(scopes);
        (self.scopes, self.end) = (run.len(), end);
        parts
    }

    /// Leaves out of an answer what is too much for so many bytes, and says in it what follows.
    pub(super) fn finish(self, all: &mut AggregatedMetrics, most: usize) {
        let sizes = sizes(all);
        let bytes = sizes.values().sum::<usize>();
        let room = most.saturating_sub(all.encoded_len().saturating_sub(bytes));
        let mut used = 0;
        let fits = sizes.values().take_while(|size| {
            used += **size;
            used <= room
        });
        let fits = fits.count().max(usize::from(!self.is_first));
        let scopes: Vec<Scope> = sizes.into_keys().collect();
        let mut end = self.end;
        if let Some(beyond) = scopes.get(fits) {
            truncate(all, beyond);
            let last = fits.checked_sub(1).and_then(|last| scopes.get(last));
            end = Some(last.unwrap_or(&self.after).clone());
        }
        let scopes = (self.scopes.saturating_mul(most) / bytes.max(1)).clamp(1, MOST);
        let next = |(cluster, backend)| serde_json::to_string(&(scopes, cluster, backend));
        all.next = end.and_then(|end| next(end).ok());
    }
}

/// The scopes behind one, in their order.
fn scopes<'a>(
    (cluster, backend): &'a Scope,
    selection: &'a Selection,
    state: &'a State,
    detail: Detail,
) -> impl Iterator<Item = (&'a str, &'a str)> {
    let ids = selection.from(state, cluster).take_while(move |_| detail >= Detail::Cluster);
    ids.flat_map(move |id| {
        let behind = (id == cluster).then_some(&**backend);
        let own = behind.is_none() && selection.has_own();
        let backends = (detail >= Detail::Backend).then(|| {
            let first = BackendId { cluster: id.to_owned(), id: behind.unwrap_or("").to_owned() };
            let backends = state.backends.from_name(&first).take_while(move |of| of.cluster == id);
            backends.map(|of| &*of.id).filter(move |backend| Some(*backend) != behind)
        });
        let backends = backends.into_iter().flatten().map(move |backend| (id, backend));
        own.then_some((id, "")).into_iter().chain(backends)
    })
}

/// Bytes that each scope takes.
fn sizes(all: &AggregatedMetrics) -> BTreeMap<Scope, usize> {
    /// Around what is said of a scope, besides its names.
    const AROUND: usize = 16;
    let mut sizes = BTreeMap::<Scope, usize>::new();
    let mut add = |cluster: &str, backend: &str, bytes: usize| {
        *sizes.entry((cluster.to_owned(), backend.to_owned())).or_default() += bytes + AROUND;
    };
    for (id, cluster) in maps(all) {
        let mut own = id.len() + cluster.encoded_len();
        for backend in &cluster.backends {
            let bytes = backend.encoded_len();
            own = own.saturating_sub(bytes);
            add(id, &backend.backend_id, bytes);
        }
        if !cluster.cluster.is_empty() {
            add(id, "", own);
        }
    }
    sizes
}

/// Every cluster that an answer tells of, those of each worker if they are apart.
fn maps(all: &AggregatedMetrics) -> impl Iterator<Item = (&String, &ClusterMetrics)> {
    let workers = all.workers.values().flat_map(|worker| &worker.clusters);
    all.clusters.iter().chain(workers)
}

/// Leaves out that scope and those behind it.
fn truncate(all: &mut AggregatedMetrics, (cluster, backend): &Scope) {
    let workers = all.workers.values_mut().map(|worker| &mut worker.clusters);
    for clusters in workers.chain([&mut all.clusters]) {
        let mut rest = clusters.split_off(cluster);
        if let Some(mut of) = rest.remove(cluster).filter(|_| !backend.is_empty()) {
            of.backends.retain(|of| of.backend_id < *backend);
            clusters.insert(cluster.clone(), of);
        }
    }
}

#[cfg(test)]
mod tests;
