//! Which clusters somebody asks for.
//!
//! Must not know: pages. What is named has to be there when the question begins, and is passed
//! over when it goes on.

use std::collections::BTreeSet;
use std::iter;
use std::ops::Bound;

use weir_control::metrics::{Clusters, OTHER, Part};
use weir_control::state::{BackendId, State};
use weir_proto::QueryMetricsOptions;

use super::has_cluster;

/// Clusters.
#[derive(Debug)]
pub(super) enum Selection {
    /// All, and what is counted together.
    All,
    None,
    /// Of these ids.
    Named(BTreeSet<String>),
    /// The backends of those that have a backend of these ids, without what is of the cluster.
    Owners(BTreeSet<String>),
}

impl Selection {
    pub(super) fn of(query: &QueryMetricsOptions) -> Self {
        let set = |ids: &[String]| ids.iter().cloned().collect();
        if !query.cluster_ids.is_empty() {
            Self::Named(set(&query.cluster_ids))
        } else if !query.backend_ids.is_empty() {
            Self::Owners(set(&query.backend_ids))
        } else if query.no_clusters {
            Self::None
        } else {
            Self::All
        }
    }

    /// Nothing of workers as a whole is asked for.
    pub(super) fn is_narrow(&self) -> bool {
        matches!(self, Self::Named(_) | Self::Owners(_))
    }

    /// What is of clusters themselves is asked for.
    pub(super) fn has_own(&self) -> bool {
        !matches!(self, Self::Owners(_))
    }

    /// # Errors
    /// A sentence about what is named and is not there.
    pub(super) fn check(&self, state: &State) -> Result<(), String> {
        match self {
            Self::All | Self::None => Ok(()),
            Self::Named(ids) => {
                let unknown = ids.iter().find(|id| !has_cluster(state, id));
                unknown.map_or(Ok(()), |id| Err(format!("there is no cluster `{id}`")))
            }
            Self::Owners(ids) => {
                let known: BTreeSet<_> = state.backends.iter().map(|backend| &backend.id).collect();
                let unknown = ids.iter().find(|id| !known.contains(id));
                unknown.map_or(Ok(()), |id| Err(format!("there is no backend `{id}`")))
            }
        }
    }

    /// All at once.
    pub(super) fn all(&self, state: &State) -> Clusters {
        if let Self::All = self {
            return Clusters::All;
        }
        let own = self.has_own();
        let part = |id: &str| Part { own, ..Part::all_of(id.to_owned()) };
        Clusters::These(self.from(state, "").map(part).collect())
    }

    /// Their ids, in order, from `start` on.
    pub(super) fn from<'a>(
        &'a self,
        state: &'a State,
        start: &'a str,
    ) -> Box<dyn Iterator<Item = &'a str> + 'a> {
        match self {
            Self::All => Box::new(all(state, start)),
            Self::None => Box::new(iter::empty()),
            Self::Named(ids) => {
                let ids = ids.range::<str, _>((Bound::Included(start), Bound::Unbounded));
                Box::new(ids.map(String::as_str).filter(|id| has_cluster(state, id)))
            }
            Self::Owners(ids) => {
                let first = BackendId { cluster: start.to_owned(), id: String::new() };
                let backends = state.backends.from_name(&first);
                let owners = backends.filter(|of| ids.contains(&of.id)).map(|of| &*of.cluster);
                let mut last = None;
                Box::new(owners.filter(move |owner| last.replace(*owner) != Some(*owner)))
            }
        }
    }
}

/// What is counted together has its place among clusters.
fn all<'a>(state: &'a State, start: &'a str) -> impl Iterator<Item = &'a str> {
    let from = |start: &'a str| {
        let clusters = state.clusters.range::<str, _>((Bound::Included(start), Bound::Unbounded));
        clusters.map(|(id, _)| id.as_str()).filter(|id| *id != OTHER)
    };
    let other = (start <= OTHER).then_some(OTHER);
    from(start).take_while(|id| *id < OTHER).chain(other).chain(from(start.max(OTHER)))
}
