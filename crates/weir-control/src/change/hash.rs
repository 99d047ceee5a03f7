//! A number that is equal for equal states, whoever computes it.

use serde::Serialize;
use sha2::{Digest, Sha256};

use crate::state::State;

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
