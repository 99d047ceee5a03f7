//! What is odd about frontends and certificates that a transaction has just added or changed: it is
//! allowed, and rarely meant.
//!
//! Costs a few look-ups for each of them, whatever the size of the state.

use weir_tls::certificate::describe;

use super::{Coverage, Undo, certificate_name, frontend_name};
use crate::state::{Certificate, Frontend, FrontendId, PathRule, Position, State};

/// A sentence for each; `now` is in seconds since 1970.
pub fn warnings(state: &State, undo: &[Undo], now: i64) -> Vec<String> {
    let changed = undo.iter().filter_map(|step| match step {
        Undo::Frontend(id, _) => state.frontends.get(id),
        _ => None,
    });
    let changed: Vec<_> = changed.collect();
    let certificates = undo.iter().filter_map(|step| match step {
        Undo::Certificate(id, _) => state.certificates.get(id),
        _ => None,
    });
    let coverage = Coverage::of(state, changed.iter().map(|frontend| frontend.address));
    let uncovered = changed.iter().filter_map(|frontend| coverage.remark(state, frontend));
    let mut all: Vec<_> = uncovered.collect();
    all.extend(certificates.filter_map(|certificate| validity(certificate, now)));
    all.extend(changed.iter().flat_map(|frontend| of(state, frontend)));
    all.sort();
    all.dedup();
    all
}

/// That it is over, near its end, or has not begun.
fn validity(certificate: &Certificate, now: i64) -> Option<String> {
    let leaf = describe(certificate.identity.chain.first()?.bytes())?;
    let name = certificate_name(&certificate.id(), &certificate.names);
    Some(format!("{name} {}", leaf.remark(now)?))
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
