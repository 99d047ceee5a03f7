//! Who may be chosen now: the best-ranked backends of a group, ready for every policy.
//!
//! Building it looks at every backend. It stays valid until the group's membership or a backend's
//! health changes, or a wait ends, so that the usual pick costs no more in a large group: O(1) for
//! the power of two, O(log n) for the weighted policies. Only the least loaded and rendezvous
//! hashing look at everybody. With 10 000 backends (`tests/pick/speed.rs`, Xeon) the power of two
//! takes 31 ns, Maglev 23 ns, at random 46 ns, in turn 59 ns, rendezvous 115 µs, the least loaded
//! 188 µs; building it 130 to 390 µs.
//!
//! The weighted order is that of deadlines: each backend holds a *turn* on a common clock, the
//! earliest goes first and moves on by a stride that is inverse to its weight. So shares are exact
//! over every full round, and the turns of a heavy backend lie between those of the light ones.

use std::cmp::{Ordering, Reverse};
use std::collections::BinaryHeap;

use std::time::Duration;

use weir_base::{Instant, Key, Slab};

use crate::backend::{Backend, BackendKey};
use crate::check::{Checked, WHOLE};

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
    const WORST: Self = Self { standing: Standing::Tried, weightless: true };

    pub(crate) fn of(backend: &Backend, held: bool, tried: bool) -> Self {
        let standing = match (tried, held, backend.spec.backup) {
            (true, _, _) => Standing::Tried,
            (false, true, _) => Standing::Held,
            _ if backend.check.verdict() == Checked::Unproven => Standing::Unproven,
            (false, false, true) => Standing::Backup,
            (false, false, false) => Standing::Primary,
        };
        Self { standing, weightless: backend.spec.weight == 0 }
    }
}

/// A backend that may be chosen.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Member {
    pub(crate) key: Key,
    /// Its weight, 1 to 255, in parts of which [`WHOLE`] are one; all are of weight 1 when all are
    /// of weight 0.
    pub(crate) weight: u32,
    /// Sum of the weights up to and including this one.
    pub(crate) reach: u64,
}

/// The backends that may be chosen until `until`.
#[derive(Debug)]
pub(crate) struct Tier {
    pub(crate) members: Vec<Member>,
    /// Turn and index in `members`, the earliest on top; right as long as only the top is picked.
    turns: BinaryHeap<Reverse<(u64, usize)>>,
    rank: Rank,
    until: Instant,
    /// The turn of the last one picked: nobody's next turn lies before it.
    clock: u64,
}

impl Default for Tier {
    fn default() -> Self {
        Self {
            members: Vec::new(),
            turns: BinaryHeap::new(),
            rank: Rank::WORST,
            until: Instant::default(),
            clock: 0,
        }
    }
}

impl Tier {
    /// Forces the next pick to build it again.
    pub(crate) fn expire(&mut self) {
        self.until = Instant::default();
    }

    pub(crate) fn is_current(&self, now: Instant) -> bool {
        now < self.until
    }

    /// True when the members are there only because nobody else is.
    pub(crate) fn fails_open(&self) -> bool {
        self.rank.standing >= Standing::Held
    }

    /// True if the backend behind `key` is one of the members.
    pub(crate) fn admits(
        &self,
        key: Key,
        backend: &Backend,
        now: Instant,
        tried: &[BackendKey],
    ) -> bool {
        let held = backend.held_until(now).is_some();
        let tried = tried.contains(&BackendKey(key));
        !backend.removed && Rank::of(backend, held, tried) == self.rank
    }

    /// First turn of a backend that joins now: in the middle of its stride.
    pub(crate) fn first_turn(&self, weight: u8) -> u64 {
        self.clock + STRIDE / (2 * u64::from(weight.max(1)))
    }

    /// Collects the best-ranked backends.
    pub(crate) fn rebuild(
        &mut self,
        backends: &Slab<Backend>,
        slow_start: Duration,
        now: Instant,
        tried: &[BackendKey],
    ) {
        self.members.clear();
        self.rank = Rank::WORST;
        self.until = Instant::FAR;
        for (key, backend) in backends.iter().filter(|(_, backend)| !backend.removed) {
            let held = backend.held_until(now);
            let (share, holds) = backend.check.share(slow_start, now);
            self.until = self.until.min(held.unwrap_or(Instant::FAR)).min(holds);
            let tried = tried.contains(&BackendKey(key));
            let weight = u32::from(backend.spec.weight.max(1)) * share;
            self.admit(Rank::of(backend, held.is_some(), tried), key, weight);
        }
        self.add_up(backends);
    }

    fn admit(&mut self, rank: Rank, key: Key, weight: u32) {
        match rank.cmp(&self.rank) {
            Ordering::Greater => return,
            Ordering::Equal => {}
            Ordering::Less => {
                self.members.clear();
                self.rank = rank;
            }
        }
        self.members.push(Member { key, weight, reach: 0 });
    }

    /// Fills in what the weighted policies search in.
    fn add_up(&mut self, backends: &Slab<Backend>) {
        let mut turns = std::mem::take(&mut self.turns).into_vec();
        turns.clear();
        let mut reach = 0;
        for (index, member) in self.members.iter_mut().enumerate() {
            reach += u64::from(member.weight);
            member.reach = reach;
            let turn = backends.get(member.key).map_or(0, |backend| backend.turn);
            turns.push(Reverse((turn, index)));
        }
        self.turns = turns.into();
    }

    /// Index of the member whose turn it is.
    pub(crate) fn next_in_turn(&self) -> Option<usize> {
        self.turns.peek().map(|Reverse((_, index))| *index)
    }

    /// Moves `backend`, the member at `index`, past its turn.
    pub(crate) fn take_turn(&mut self, index: usize, backend: &mut Backend) {
        self.clock = self.clock.max(backend.turn);
        let weight = u64::from(self.members[index].weight);
        backend.turn = self.clock + STRIDE * u64::from(WHOLE) / weight;
        if let Some(mut top) = self.turns.peek_mut()
            && top.0.1 == index
        {
            top.0.0 = backend.turn;
        }
    }
}
