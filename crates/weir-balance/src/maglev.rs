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
//! 60 ms on a busy machine), once after each change of the group; it has 131 KB, or 1.3 MB. It is
//! made piece by piece, as whoever has the group finds time, and keys are found in the one before
//! until it is there. Only the first one is made at once if it is small; until there is a large
//! one, keys are not found here. While one is made, another change waits.
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

/// The table of a group, and the next one.
#[derive(Debug, Default)]
pub(crate) struct Maglev {
    table: Table,
    making: Option<Making>,
    /// The group is another than the one of the newest table.
    is_stale: bool,
}

/// A table of backends.
#[derive(Debug, Default)]
struct Table {
    /// Index into `keys`, for each place.
    places: Box<[u16]>,
    keys: Box<[Key]>,
}

/// A table in the making.
#[derive(Debug)]
struct Making {
    claims: Vec<Claim>,
    places: Box<[u16]>,
    /// Places that are free.
    left: usize,
    heaviest: u64,
    round: u64,
    /// Whose turn it is.
    turn: usize,
}

/// A backend that wants places.
#[derive(Debug)]
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
    /// Others belong to the group now.
    pub(crate) fn handle_change(&mut self) {
        self.is_stale = true;
    }

    /// Begins the table of the group as it is now, if there is none and none is made.
    pub(crate) fn begin(&mut self, backends: &Slab<Backend>) {
        if !self.is_stale || self.making.is_some() {
            return;
        }
        self.is_stale = false;
        let making = Making::of(backends);
        let at_once = self.table.places.is_empty() && making.places.len() <= SMALL;
        let steps = if at_once { usize::MAX } else { 0 };
        self.making = Some(making);
        self.go_on(steps);
    }

    /// There is a table in the making.
    pub(crate) fn is_making(&self) -> bool {
        self.making.is_some()
    }

    /// Goes on with it, by so many steps; most steps fill a place.
    pub(crate) fn go_on(&mut self, steps: usize) {
        if let Some(making) = self.making.take_if(|making| making.go_on(steps)) {
            let keys = making.claims.iter().map(|claim| claim.key).collect();
            self.table = Table { places: making.places, keys };
        }
    }

    /// The backend in the place of `hash`, and those in the places after it. Some may have left
    /// the group.
    pub(crate) fn candidates(&self, hash: u64) -> impl Iterator<Item = Key> {
        let Table { places, keys } = &self.table;
        let first = below(mix(hash), places.len() as u64) as usize;
        let places = places[first..].iter().chain(&places[..first]);
        places.take(CANDIDATES).filter_map(|index| keys.get(usize::from(*index)).copied())
    }
}

impl Making {
    /// The table of the best-ranked of the backends that are not removed, all of them healthy.
    fn of(backends: &Slab<Backend>) -> Self {
        let members = || backends.iter().filter(|(_, backend)| !backend.removed);
        let best = members().map(|(_, backend)| Rank::at_best(backend)).min();
        let chosen = members().filter(|(_, backend)| Some(Rank::at_best(backend)) == best);
        let mut chosen: Vec<_> = chosen.collect();
        chosen.sort_by_key(|(_, backend)| (backend.hash, &backend.spec.id));
        let size = match chosen.len() {
            0 => 0,
            1..=FEW => SMALL,
            _ => LARGE,
        };
        let claims = chosen.iter().map(|(key, backend)| {
            let weight = u64::from(backend.spec.weight.max(1));
            Claim::new(*key, backend.hash, weight, size)
        });
        let claims: Vec<_> = claims.collect();
        let heaviest = claims.iter().map(|claim| claim.weight).max().unwrap_or(1);
        let places = vec![FREE; size].into();
        Self { claims, places, left: size, heaviest, round: 1, turn: 0 }
    }

    /// Whether it is complete after so many more steps.
    fn go_on(&mut self, steps: usize) -> bool {
        for _ in 0..steps {
            let Some(claim) = self.claims.get_mut(self.turn).filter(|_| self.left > 0) else {
                break;
            };
            if self.round * claim.weight > claim.due {
                if !claim.takes(self.turn as u16, &mut self.places) {
                    continue;
                }
                claim.due += self.heaviest;
                self.left -= 1;
            }
            self.turn += 1;
            if self.turn == self.claims.len() {
                (self.turn, self.round) = (0, self.round + 1);
            }
        }
        self.left == 0
    }
}

impl Claim {
    fn new(key: Key, hash: u64, weight: u64, size: usize) -> Self {
        let next = below(mix(hash), size as u64) as usize;
        let skip = below(mix(!hash), size as u64 - 1) as usize + 1;
        Self { key, weight, next, skip, due: 0 }
    }

    /// Takes the next place in its order, if it is free. As the size is prime, the order has all
    /// places.
    fn takes(&mut self, index: u16, places: &mut [u16]) -> bool {
        let is_free = places[self.next] == FREE;
        if is_free {
            places[self.next] = index;
        } else {
            self.next += self.skip;
            if self.next >= places.len() {
                self.next -= places.len();
            }
        }
        is_free
    }
}

const FREE: u16 = u16::MAX;
