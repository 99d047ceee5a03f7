//! What is odd about frontends and certificates that a transaction has just added or changed: it is
//! allowed, and rarely meant.
//!
//! Costs a few look-ups for each of them, whatever the size of the state.

use weir_tls::certificate::describe;

use super::{Coverage, Undo, certificate_name, frontend_name, tcp_frontend_name};
use crate::state::{
    Certificate, Cluster, Frontend, FrontendId, PathRule, Position, ProxyMode, State,
};

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
    for frontend in changed {
        match state.is_tcp(frontend.address) {
            true => all.extend(of_tcp(state, frontend)),
            false => all.extend(of(state, frontend)),
        }
    }
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
    all.extend(nowhere(state, frontend).map(|what| format!("{name} {what}: 503")));
    let cluster = frontend.cluster.as_ref().and_then(|id| state.clusters.get(id));
    if let Some(Cluster { id, proxy: Some(_), .. }) = cluster {
        all.push(format!("{name} leads to cluster {id}, whose PROXY protocol is only for TCP"));
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

/// That it leads to a cluster that cannot serve.
fn nowhere(state: &State, frontend: &Frontend) -> Option<String> {
    let cluster = frontend.cluster.as_ref()?;
    let lacks = match state.clusters.contains_key(cluster) {
        false => "is not there",
        true if state.backends_of(cluster).is_empty() => "has no backend",
        true => return None,
    };
    Some(format!("leads to cluster {cluster}, which {lacks}"))
}

fn of_tcp(state: &State, frontend: &Frontend) -> Vec<String> {
    let name = tcp_frontend_name(&frontend.id());
    let mut all = Vec::new();
    all.extend(
        nowhere(state, frontend).map(|what| format!("{name} {what}: connections are closed")),
    );
    let cluster = frontend.cluster.as_ref().and_then(|id| state.clusters.get(id));
    let Some(cluster) = cluster else { return all };
    let expects = matches!(cluster.proxy, Some(ProxyMode::Expect | ProxyMode::Relay));
    let listener = state.listeners.get(&frontend.address);
    if listener.is_some_and(|listener| listener.expect_proxy != expects) {
        let (cluster, does) = (&cluster.id, if expects { "expects" } else { "does not expect" });
        all.push(format!(
            "{name} leads to cluster {cluster}, which {does} PROXY protocol headers, unlike the \
             listener"
        ));
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
