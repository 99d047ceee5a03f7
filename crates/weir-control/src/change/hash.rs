//! A number that is equal for equal states, whoever computes it.

use std::collections::HashSet;
use std::net::SocketAddr;

use serde::Serialize;
use sha2::{Digest, Sha256};

use super::Undo;
use crate::state::{BackendId, FrontendId, State};

/// Of one object and its kind; the same in every process and version that knows the same keys.
pub fn object_hash(kind: &str, object: &impl Serialize) -> u64 {
    let mut hasher = Sha256::new();
    hasher.update(kind);
    // Objects of the state have nothing that JSON cannot say.
    hasher.update(serde_json::to_vec(object).unwrap_or_default());
    let digest: [u8; 32] = hasher.finalize().into();
    digest.first_chunk().map_or(0, |bytes| u64::from_le_bytes(*bytes))
}

/// The sum of the hashes of all objects: whatever the order of declaration.
pub fn state_hash(state: &State) -> u64 {
    let listeners = state.listeners.values().map(|object| object_hash("listener", object));
    let clusters = state.clusters.values().map(|object| object_hash("cluster", object));
    let frontends = state.frontends.iter().map(|object| object_hash("frontend", object));
    let backends = state.backends.iter().map(|object| object_hash("backend", object));
    listeners.chain(clusters).chain(frontends).chain(backends).fold(0, u64::wrapping_add)
}

/// How changes that were just made to `state` have moved its hash: add it with wrapping.
pub fn hash_change(state: &State, undo: &[Undo]) -> u64 {
    let mut seen = HashSet::new();
    let mut sum = 0u64;
    for step in undo {
        let (name, before, after) = match step {
            Undo::Listener(address, before) => (
                Name::Listener(address),
                of("listener", before.as_ref()),
                of("listener", state.listeners.get(address)),
            ),
            Undo::Cluster(id, before) => (
                Name::Cluster(id),
                of("cluster", before.as_ref()),
                of("cluster", state.clusters.get(id)),
            ),
            Undo::Frontend(id, before) => (
                Name::Frontend(id),
                of("frontend", before.as_ref().map(|(_, frontend)| frontend)),
                of("frontend", state.frontends.get(id)),
            ),
            Undo::Backend(id, before) => (
                Name::Backend(id),
                of("backend", before.as_ref().map(|(_, backend)| backend)),
                of("backend", state.backends.get(id)),
            ),
        };
        // The first step of an object has what was there before all of them.
        if seen.insert(name) {
            sum = sum.wrapping_add(after).wrapping_sub(before);
        }
    }
    sum
}

#[derive(PartialEq, Eq, Hash)]
enum Name<'a> {
    Listener(&'a SocketAddr),
    Cluster(&'a str),
    Frontend(&'a FrontendId),
    Backend(&'a BackendId),
}

fn of(kind: &str, object: Option<&impl Serialize>) -> u64 {
    object.map_or(0, |object| object_hash(kind, object))
}
