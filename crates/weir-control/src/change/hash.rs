//! A number that is equal for equal states, whoever computes it.
//!
//! Invariant: [`hash_after`] the hash of a state is [`state_hash`] of the changed one, and costs what
//! the changes cost.

use serde::Serialize;
use sha2::{Digest, Sha256};

use super::Undo;
use super::first::first_of_each;
use crate::state::{Backend, Frontend, State};

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
    let frontends = state.frontends.iter().map(of_frontend);
    let backends = state.backends.iter().map(of_backend);
    listeners.chain(clusters).chain(frontends).chain(backends).fold(0, u64::wrapping_add)
}

/// The hash of `state`, which had the hash `before` until the changes that `undo` undoes.
pub fn hash_after(before: u64, state: &State, undo: &[Undo]) -> u64 {
    let differences = first_of_each(undo).map(|step| match step {
        Undo::Listener(address, old) => {
            difference(old.as_ref(), state.listeners.get(address), |l| object_hash("listener", l))
        }
        Undo::Cluster(id, old) => {
            difference(old.as_ref(), state.clusters.get(id), |c| object_hash("cluster", c))
        }
        Undo::Frontend(id, old) => {
            difference(old.as_ref().map(|(_, f)| f), state.frontends.get(id), of_frontend)
        }
        Undo::Backend(id, old) => {
            difference(old.as_ref().map(|(_, b)| b), state.backends.get(id), of_backend)
        }
    });
    differences.fold(before, u64::wrapping_add)
}

fn of_frontend(frontend: &Frontend) -> u64 {
    object_hash("frontend", frontend)
}

fn of_backend(backend: &Backend) -> u64 {
    object_hash("backend", backend)
}

fn difference<T: PartialEq>(old: Option<&T>, new: Option<&T>, hash: impl Fn(&T) -> u64) -> u64 {
    if old == new {
        return 0;
    }
    let of = |object: Option<&T>| object.map(&hash).unwrap_or_default();
    of(new).wrapping_sub(of(old))
}
