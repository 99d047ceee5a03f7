//! Rendezvous hashing, also called highest random weight, with weights.
//!
//! Sources: Thaler and Ravishankar, "Using Name-Based Mappings to Increase Hit Rates", 1998; for
//! the weights, draft-ietf-bess-weighted-hrw §4, whose score this is: the lots are exponentially
//! distributed with the weights as rates, and the smallest of such is each one's with a probability
//! in proportion to its rate.
//! Must not know: health; the caller gives those that may be chosen.
//!
//! Invariant: between two backends a key always prefers the same one, whoever else is there: if one
//! leaves, only its keys move, and if one joins, keys move only to it.

use weir_base::{Key, Slab, mix};

use crate::backend::Backend;
use crate::tier::Tier;

/// The member with the best lot for `hash`.
pub(crate) fn choose(tier: &Tier, backends: &Slab<Backend>, hash: u64) -> Option<Key> {
    let mut best = None;
    for (index, key) in tier.members.iter().enumerate() {
        let Some(backend) = backends.get(*key) else { continue };
        let lot = lot(mix(backend.hash ^ hash)) / f64::from(tier.tree.weight(index));
        if best.is_none_or(|(least, _)| lot < least) {
            best = Some((lot, *key));
        }
    }
    best.map(|(_, key)| key)
}

/// Bits as a number of the exponential distribution with rate 1.
fn lot(bits: u64) -> f64 {
    // 53 bits are exact; the half keeps it from 0.
    let uniform = ((bits >> 11) as f64 + 0.5) / (1_u64 << 53) as f64;
    -uniform.ln()
}
