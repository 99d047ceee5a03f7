//! Who may be chosen now: the backends of a group by rank, ready for every policy.
//!
//! Each backend has a seat in the tier of its rank; the best tier that is not empty is chosen from.
//! What changes, or will change by itself (a wait that ends, a share that grows), is a date in the
//! agenda, and the seat is looked at before the next pick. So a change costs what changed,
//! O(log n), and the usual pick costs no more in a large group: O(1) for the power of two, O(log n)
//! for the weighted policies. Only the least loaded and rendezvous hashing look at everybody.
//!
//! The weighted order is that of deadlines: each backend holds a *turn* on a common clock, the
//! earliest goes first and moves on by a stride that is inverse to its weight. So shares are exact
//! over every full round, and the turns of a heavy backend lie between those of the light ones.
//!
//! Invariants: a backend that is not removed has a seat, or a date in the agenda, and no more than
//! one of each.

use std::collections::BTreeSet;
use std::time::Duration;

use weir_base::{Instant, Key, Slab};

use crate::backend::{Backend, Spec};
use crate::check::{Checked, WHOLE};
use crate::draw::below;
use crate::tree::Tree;

/// How far a backend of weight 1 moves on the clock per turn. At 100 000 picks a second the clock
/// lasts for five years of a backend that is alone and of weight 1; others are slower.
const STRIDE: u64 = 1 << 20;

/// How good a choice a backend is; the smaller the better.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Rank {
    standing: Standing,
    /// Of weight 0: only when no other of the same standing is left.
    weightless: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Standing {
    Primary,
    Backup,
    /// No check was over since it joined.
    Unproven,
    /// Waiting after failures: it would be wrong to send anybody there, but worse to send nobody.
    Held,
    /// It has already failed this request.
    Tried,
}

impl Rank {
    /// Of a backend that nothing speaks against.
    pub(crate) fn at_best(backend: &Backend) -> Self {
        let standing = if backend.spec.backup { Standing::Backup } else { Standing::Primary };
        Self { standing, weightless: backend.spec.weight == 0 }
    }

    fn of(backend: &Backend, held: bool) -> Self {
        let best = Self::at_best(backend);
        match (held, backend.check.verdict()) {
            (true, _) => Self { standing: Standing::Held, ..best },
            (false, Checked::Unproven) => Self { standing: Standing::Unproven, ..best },
            (false, _) => best,
        }
    }

    /// Of those that are chosen only because nobody else is there.
    pub(crate) fn fails_open(self) -> bool {
        self.standing >= Standing::Held
    }
}

/// Where a backend is.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Seat {
    rank: Rank,
    /// Its place in the tier of that rank.
    index: usize,
}

/// The backends of one rank. Weights are 1 to 255, in parts of which [`WHOLE`] are one; all are of
/// weight 1 when all are of weight 0.
#[derive(Debug)]
pub(crate) struct Tier {
    pub(crate) rank: Rank,
    pub(crate) members: Vec<Key>,
    /// Weights and turns of the members.
    pub(crate) tree: Tree,
}

impl Tier {
    /// The member whose turn it is.
    pub(crate) fn next_in_turn(&self, backends: &Slab<Backend>) -> Option<Key> {
        backends.first_from(self.tree.first() as usize).map(|(key, _)| key)
    }

    /// How many parts of [`WHOLE`] of its share a member gets; `None`: it is not a member.
    pub(crate) fn share_of(&self, backend: &Backend) -> Option<u32> {
        let seat = backend.seat.filter(|seat| seat.rank == self.rank)?;
        Some(self.tree.weight(seat.index) / u32::from(backend.spec.weight.max(1)))
    }
}

/// The number of a backend in a tree. The order of equal turns follows it, so that it does not
/// change when somebody leaves a tier and comes back.
fn who(key: Key) -> u32 {
    key.index() as u32
}

/// The backends of a group that are not removed.
#[derive(Debug, Default)]
pub(crate) struct Tiers {
    /// By rank, the best first; those that nobody is in any more stay.
    tiers: Vec<Tier>,
    agenda: BTreeSet<(Instant, Key)>,
    /// The turn of the last one picked: nobody's next turn lies before it.
    clock: u64,
}

impl Tiers {
    /// The best-ranked.
    pub(crate) fn best(&self) -> Option<&Tier> {
        self.tiers.iter().find(|tier| !tier.members.is_empty())
    }

    /// When a seat is to be looked at next.
    pub(crate) fn next_change(&self) -> Instant {
        self.agenda.first().map_or(Instant::FAR, |(at, _)| *at)
    }

    /// First turn of a backend that joins now: in the middle of its stride. Other workers than the
    /// first have an order of their own, so that they do not all begin with the same backends.
    pub(crate) fn first_turn(&self, spec: &Spec, worker: u16) -> u64 {
        let stride = STRIDE / u64::from(spec.weight.max(1));
        let own_order = || below(spec.address.hash(worker.into()), stride);
        self.clock + if worker == 0 { stride / 2 } else { own_order() }
    }

    /// The seat of a backend is to be looked at before the next pick.
    pub(crate) fn touch(&mut self, key: Key, backend: &mut Backend) {
        self.schedule(key, backend, Instant::default());
    }

    /// Looks at the seats of all for whom it is time.
    pub(crate) fn settle(
        &mut self,
        backends: &mut Slab<Backend>,
        slow_start: Duration,
        now: Instant,
    ) {
        while let Some((at, key)) = self.agenda.first().copied()
            && at <= now
        {
            self.seat(backends, key, slow_start, now);
        }
    }

    /// Gives a backend the seat that it should have now.
    pub(crate) fn seat(
        &mut self,
        backends: &mut Slab<Backend>,
        key: Key,
        slow_start: Duration,
        now: Instant,
    ) {
        let Some(backend) = backends.get_mut(key).filter(|it| !it.removed) else { return };
        let held = backend.held_until(now);
        let (share, holds) = backend.check.share(slow_start, now);
        self.schedule(key, backend, held.unwrap_or(Instant::FAR).min(holds));
        let rank = Rank::of(backend, held.is_some());
        let weight = u32::from(backend.spec.weight.max(1)) * share;
        match backend.seat {
            Some(seat) if seat.rank == rank => {
                let turn = backend.turn;
                self.tier(rank).tree.set(seat.index, who(key), weight, turn);
            }
            _ => {
                self.unseat(backends, key);
                self.join(backends, key, rank, weight);
            }
        }
    }

    /// Puts a backend behind all others: it has failed the request that is about to be sent again.
    pub(crate) fn set_aside(&mut self, backends: &mut Slab<Backend>, key: Key) {
        let Some(seat) = backends.get(key).and_then(|backend| backend.seat) else { return };
        let weight = self.tier(seat.rank).tree.weight(seat.index);
        self.unseat(backends, key);
        self.join(backends, key, Rank { standing: Standing::Tried, ..seat.rank }, weight);
    }

    /// Takes a backend out.
    pub(crate) fn remove(&mut self, backends: &mut Slab<Backend>, key: Key) {
        self.unseat(backends, key);
        if let Some(backend) = backends.get_mut(key) {
            self.schedule(key, backend, Instant::FAR);
        }
    }

    /// Moves a backend past its turn. `in_turn`: whether the order of turns is used.
    pub(crate) fn take_turn(&mut self, backend: &mut Backend, in_turn: bool) {
        let Some(Seat { rank, index }) = backend.seat else { return };
        self.clock = self.clock.max(backend.turn);
        let clock = self.clock;
        let tree = &mut self.tier(rank).tree;
        backend.turn = clock + STRIDE * u64::from(WHOLE) / u64::from(tree.weight(index).max(1));
        if in_turn {
            tree.set_turn(index, backend.turn);
        }
    }

    fn schedule(&mut self, key: Key, backend: &mut Backend, at: Instant) {
        let before = std::mem::replace(&mut backend.look_at, at);
        if before == at {
            return;
        }
        if before != Instant::FAR {
            self.agenda.remove(&(before, key));
        }
        if at != Instant::FAR {
            self.agenda.insert((at, key));
        }
    }

    fn join(&mut self, backends: &mut Slab<Backend>, key: Key, rank: Rank, weight: u32) {
        let Some(backend) = backends.get_mut(key) else { return };
        let tier = self.tier(rank);
        let index = tier.members.len();
        tier.members.push(key);
        tier.tree.set(index, who(key), weight, backend.turn);
        backend.seat = Some(Seat { rank, index });
    }

    /// The last of the tier takes the place.
    fn unseat(&mut self, backends: &mut Slab<Backend>, key: Key) {
        let Some(backend) = backends.get_mut(key) else { return };
        let Some(Seat { rank, index }) = backend.seat.take() else { return };
        let tier = self.tier(rank);
        tier.members.swap_remove(index);
        let last = tier.members.len();
        if let Some(key) = tier.members.get(index).copied()
            && let Some(moved) = backends.get_mut(key)
        {
            tier.tree.set(index, who(key), tier.tree.weight(last), moved.turn);
            moved.seat = Some(Seat { rank, index });
        }
        tier.tree.clear(last);
    }

    fn tier(&mut self, rank: Rank) -> &mut Tier {
        let at = self.tiers.partition_point(|tier| tier.rank < rank);
        if self.tiers.get(at).is_none_or(|tier| tier.rank != rank) {
            let (members, tree) = Default::default();
            self.tiers.insert(at, Tier { rank, members, tree });
        }
        &mut self.tiers[at]
    }
}
