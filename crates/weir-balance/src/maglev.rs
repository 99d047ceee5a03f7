//! Maglev hashing, with weights: a table in which every key has a place and every backend a share.
//!
//! Source: Eisenbud et al., "Maglev: A Fast and Reliable Software Network Load Balancer", 2016,
//! §3.4.
//! Must not know: health. A table is of those who belong to the group, so that keys stay where they
//! are while a backend is away; its keys meanwhile go to the next in the table. So a change of
//! health costs nothing here; only where nearly all are away are the rest looked through.
//!
//! Each backend has an order of its own in which it wants the places. Backends take turns, the
//! heavy ones more often, and take the first place in their order that is free. If a backend
//! leaves, most places of the others stay.
//!
//! Making a table costs 6 million instructions up to [`FEW`] backends and 110 million above (3 and
//! 60 ms on a busy machine), once after each change of the group, at the first pick by a key; it
//! has 131 KB, or 1.3 MB.
//!
//! Invariants: the order in which backends joined does not matter, so that workers agree; every
//! place is taken if there is a backend.

use weir_base::{Key, Slab, mix};

use crate::backend::Backend;
use crate::draw::below;
use crate::tier::Rank;

/// Up to so many backends the small table is even to within a percent.
const FEW: usize = 655;
const SMALL: usize = 65_537;
const LARGE: usize = 655_373;

/// How far a key whose backends cannot be tried looks on.
const CANDIDATES: usize = 64;

/// A table of backends.
#[derive(Debug)]
pub(crate) struct Maglev {
    /// Index into `keys`, for each place.
    places: Box<[u16]>,
    keys: Box<[Key]>,
}

/// A backend that wants places.
struct Claim {
    key: Key,
    weight: u64,
    /// The next place that it wants, and how far it is to the one after.
    next: usize,
    skip: usize,
    /// How many rounds of the heaviest it must have seen for its next turn, times its weight.
    due: u64,
}

impl Maglev {
    /// The table of the best-ranked of the backends that are not removed, all of them healthy.
    pub(crate) fn new(backends: &Slab<Backend>) -> Self {
        let members = || backends.iter().filter(|(_, backend)| !backend.removed);
        let best = members().map(|(_, backend)| Rank::at_best(backend)).min();
        let chosen = members().filter(|(_, backend)| Some(Rank::at_best(backend)) == best);
        let mut chosen: Vec<_> = chosen.collect();
        chosen.sort_by_key(|(_, backend)| (backend.hash, &backend.spec.id));
        let size = if chosen.len() <= FEW { SMALL } else { LARGE };
        let claims = chosen.iter().map(|(key, backend)| {
            let weight = u64::from(backend.spec.weight.max(1));
            Claim::new(*key, backend.hash, weight, size)
        });
        let claims: Vec<_> = claims.collect();
        let keys = claims.iter().map(|claim| claim.key).collect();
        Self { places: fill(claims, size), keys }
    }

    /// The backend in the place of `hash`, and those in the places after it.
    pub(crate) fn candidates(&self, hash: u64) -> impl Iterator<Item = Key> {
        let first = below(mix(hash), self.places.len() as u64) as usize;
        let places = self.places[first..].iter().chain(&self.places[..first]);
        places.take(CANDIDATES).filter_map(|index| self.keys.get(usize::from(*index)).copied())
    }
}

impl Claim {
    fn new(key: Key, hash: u64, weight: u64, size: usize) -> Self {
        let next = below(mix(hash), size as u64) as usize;
        let skip = below(mix(!hash), size as u64 - 1) as usize + 1;
        Self { key, weight, next, skip, due: 0 }
    }

    /// Takes the first free place in its order. There must be one: as the size is prime, the order
    /// has all places.
    fn take(&mut self, index: u16, places: &mut [u16]) {
        while places[self.next] != FREE {
            self.next += self.skip;
            if self.next >= places.len() {
                self.next -= places.len();
            }
        }
        places[self.next] = index;
    }
}

const FREE: u16 = u16::MAX;

fn fill(mut claims: Vec<Claim>, size: usize) -> Box<[u16]> {
    let mut places = vec![FREE; if claims.is_empty() { 0 } else { size }];
    let heaviest = claims.iter().map(|claim| claim.weight).max().unwrap_or(1);
    let mut left = places.len();
    let mut round = 0;
    while left > 0 {
        round += 1;
        for (index, claim) in claims.iter_mut().enumerate() {
            if left > 0 && round * claim.weight > claim.due {
                claim.due += heaviest;
                claim.take(index as u16, &mut places);
                left -= 1;
            }
        }
    }
    places.into()
}
