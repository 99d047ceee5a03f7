//! What is odd about frontends that a transaction has just added or changed: it is allowed, and
//! rarely meant.
//!
//! Costs a few look-ups for each of them, whatever the size of the state.

use super::{Undo, frontend_name};
use crate::state::{Frontend, FrontendId, PathRule, Position, State};

/// A sentence for each.
pub fn warnings(state: &State, undo: &[Undo]) -> Vec<String> {
    let changed = undo.iter().filter_map(|step| match step {
        Undo::Frontend(id, _) => state.frontends.get(id),
        _ => None,
    });
    let mut all: Vec<_> = changed.flat_map(|frontend| of(state, frontend)).collect();
    all.sort();
    all.dedup();
    all
}

fn of(state: &State, frontend: &Frontend) -> Vec<String> {
    let id = frontend.id();
    let name = frontend_name(&id);
    let mut all = Vec::new();
    if let Some(cluster) = &frontend.cluster {
        if !state.clusters.contains_key(cluster) {
            all.push(format!("{name} leads to cluster {cluster}, which is not there: 503"));
        } else if state.backends_of(cluster).is_empty() {
            all.push(format!("{name} leads to cluster {cluster}, which has no backend: 503"));
        }
    }
    let everything = everything(&id);
    if id == everything {
        all.push(format!(
            "{name} takes every request of its listener, whatever other frontends say"
        ));
    } else if state.frontends.get(&everything).is_some() {
        let winner = frontend_name(&everything);
        all.push(format!("{name} is never reached: {winner} takes every request of its listener"));
    }
    all
}

/// The rule that nothing comes after.
fn everything(id: &FrontendId) -> FrontendId {
    FrontendId {
        address: id.address,
        hostname: "*".to_owned(),
        path: PathRule::Prefix(String::new()),
        method: None,
        position: Position::Pre,
    }
}
