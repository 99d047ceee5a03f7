//! Picking, as the worker uses it: who gets a request.

mod distribution;
mod keyed;
mod model;
mod sticky;

use weir_balance::{BackendKey, Group, LoadBalancing, LoadMetric, Spec};
use weir_base::Instant;

/// The backend `id` at weight 100.
fn spec(id: &str) -> Spec {
    let address = std::net::SocketAddr::from(([127, 0, 0, 1], 80)).into();
    Spec {
        id: id.into(),
        address,
        weight: 100,
        sticky_id: None,
        backup: false,
        max_connections: None,
    }
}

/// A group that counts connections, with backends named `0`, `1`… of these weights.
fn weighted(policy: LoadBalancing, weights: &[u8]) -> Group {
    let mut group = Group::new(policy, LoadMetric::Connections);
    for (id, weight) in weights.iter().enumerate() {
        group.upsert(Spec { weight: *weight, ..spec(&id.to_string()) }).expect("room");
    }
    group
}

/// The key of the backend `id`.
fn key(group: &Group, id: &str) -> BackendKey {
    let view = group.iter(at(0)).find(|view| !view.removed && *view.spec.id == *id);
    view.expect("a backend of that id").key
}

/// So many seconds after the origin.
fn at(seconds: u64) -> Instant {
    Instant::from_micros(seconds * 1_000_000)
}
