//! A number that is equal for equal states, whoever computes it.
//!
//! Invariant: [`StateHash::follow`] leads from the hash of a state to that of the changed one, and
//! costs what the changes cost.

use serde::Serialize;
use sha2::{Digest, Sha256};

use super::Undo;
use super::first::first_of_each;
use super::lists;
use crate::packed::pack;
use crate::state::State;

/// Of one object and its kind; the same in every process of this binary.
pub fn object_hash(kind: &str, object: &impl Serialize) -> u64 {
    let mut hasher = Sha256::new();
    hasher.update(kind);
    // Objects of the state have nothing that cannot be packed.
    hasher.update(pack(object).unwrap_or_default());
    let digest: [u8; 32] = hasher.finalize().into();
    digest.first_chunk().map_or(0, |bytes| u64::from_le_bytes(*bytes))
}

/// The hash of a state as it changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StateHash {
    /// Sum of the hashes of all objects.
    objects: u64,
    /// [`crate::declared::Declared::order`] of the frontends.
    order: u64,
}

impl StateHash {
    /// Of a whole state, object by object.
    pub fn of(state: &State) -> Self {
        let listeners = state.listeners.values().map(|object| object_hash("listener", object));
        let clusters = state.clusters.values().map(|object| object_hash("cluster", object));
        let frontends = state.frontends.iter().map(|object| object_hash("frontend", object));
        let backends = state.backends.iter().map(|object| object_hash("backend", object));
        let certificates = state.certificates.values().map(|c| object_hash("certificate", c));
        let udp = state.udp.values().map(|object| object_hash("udp", object));
        let all = certificates.chain(listeners).chain(udp);
        let all = all.chain(clusters).chain(frontends).chain(backends);
        let objects = all.fold(lists::hash(state), u64::wrapping_add);
        Self { objects, order: state.frontends.order() }
    }

    /// Follows changes that were just made to the state; `undo` is what undoes them.
    pub fn follow(&mut self, state: &State, undo: &[Undo]) {
        self.objects = self.objects.wrapping_add(objects_change(state, undo));
        self.order = state.frontends.order();
    }

    /// What is compared.
    pub fn value(self) -> u64 {
        self.objects.wrapping_add(self.order)
    }
}

/// The sum of the hashes of all objects, and of the order of frontends where it counts; otherwise
/// the order of declaration does not matter.
pub fn state_hash(state: &State) -> u64 {
    StateHash::of(state).value()
}

fn objects_change(state: &State, undo: &[Undo]) -> u64 {
    let differences = first_of_each(undo).map(|step| match step {
        Undo::Listener(address, before) => {
            difference("listener", before.as_ref(), state.listeners.get(address))
        }
        Undo::UdpListener(address, before) => {
            difference("udp", before.as_deref(), state.udp.get(address))
        }
        Undo::Cluster(id, before) => difference("cluster", before.as_ref(), state.clusters.get(id)),
        Undo::Frontend(id, before) => {
            let before = before.as_ref().map(|(_, frontend)| frontend);
            difference("frontend", before, state.frontends.get(id))
        }
        Undo::Backend(id, before) => {
            let before = before.as_ref().map(|(_, backend)| backend);
            difference("backend", before, state.backends.get(id))
        }
        Undo::Certificate(id, before) => {
            difference("certificate", before.as_deref(), state.certificates.get(id))
        }
        // Each step says what it changed, not what was before all.
        Undo::List(_) => 0,
    });
    differences.fold(lists::hash_change(undo), u64::wrapping_add)
}

fn difference<T: Serialize>(kind: &str, before: Option<&T>, after: Option<&T>) -> u64 {
    let of = |object: Option<&T>| object.map_or(0, |object| object_hash(kind, object));
    of(after).wrapping_sub(of(before))
}
