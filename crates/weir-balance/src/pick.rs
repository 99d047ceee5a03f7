//! Which of the backends that may be chosen is chosen.

use std::cmp::Ordering;

use weir_base::{Address, Instant, Key, mix};

use crate::backend::{Backend, BackendKey};
use crate::check::WHOLE;
use crate::draw::below;
use crate::group::Group;
use crate::policy::LoadBalancing;
use crate::rendezvous;
use crate::tier::Tier;

/// How often a policy is asked for one that is not full.
const DRAWS: usize = 4;

/// The backend chosen for a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pick {
    /// Its name for calls.
    pub key: BackendKey,
    /// Where it listens.
    pub address: Address,
    /// No backend could be tried, so one of those that cannot was chosen.
    pub fail_open: bool,
    /// Whether a connection to it is free.
    pub room: Room,
}

/// Whether a connection may be used at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Room {
    /// It may.
    Free,
    /// Not to any backend that would do: the first that becomes free is the right one.
    NowhereFree,
    /// Not to this one, and only this one is right.
    NotThere,
}

impl Group {
    /// Chooses a backend for a request that the backends in `tried` have failed already.
    ///
    /// Primaries that are not being left alone come first, then backups, then anybody who was not
    /// tried, then anybody. `None` only without backends. `random` gives 64 random bits per call.
    pub fn pick(
        &mut self,
        now: Instant,
        random: &mut impl FnMut() -> u64,
        tried: &[BackendKey],
    ) -> Option<Pick> {
        self.settle(now);
        self.apart_from(tried, now, |group| {
            let key = group.choose_free(now, random)?;
            group.pass_on(key);
            group.picked(key, Room::NowhereFree)
        })
    }

    /// As [`Group::pick`], for a client that is known by `hash`: a policy that goes by a key sends
    /// all requests of one hash to one backend, as long as it can be tried. Whoever has the same
    /// backends chooses the same. Other policies do not care.
    pub fn pick_by_hash(
        &mut self,
        now: Instant,
        hash: u64,
        random: &mut impl FnMut() -> u64,
        tried: &[BackendKey],
    ) -> Option<Pick> {
        if !matches!(self.policy, LoadBalancing::Rendezvous | LoadBalancing::Maglev) {
            return self.pick(now, random, tried);
        }
        self.settle(now);
        self.apart_from(tried, now, |group| {
            let key = group.choose_by_hash(hash)?;
            group.picked(key, Room::NotThere)
        })
    }

    /// Chooses while those that were tried are behind all others.
    fn apart_from(
        &mut self,
        tried: &[BackendKey],
        now: Instant,
        choose: impl FnOnce(&mut Self) -> Option<Pick>,
    ) -> Option<Pick> {
        for key in tried {
            self.tiers.set_aside(&mut self.backends, key.0);
        }
        let pick = choose(self);
        let slow_start = self.rules.slow_start;
        for key in tried {
            self.tiers.seat(&mut self.backends, key.0, slow_start, now);
        }
        pick
    }

    /// `full`: what it means when no connection is free.
    fn picked(&self, key: Key, full: Room) -> Option<Pick> {
        let fails_open = self.tiers.best()?.rank.fails_open();
        Some(self.backends.get(key)?.pick(key, fails_open, full))
    }

    fn choose_by_hash(&mut self, hash: u64) -> Option<Key> {
        let in_table = match self.policy {
            LoadBalancing::Maglev => self.find_in_table(hash),
            _ => None,
        };
        in_table.or_else(|| rendezvous::choose(self.tiers.best()?, &self.backends, hash))
    }

    /// The first backend in the order of the table that may be chosen.
    fn find_in_table(&mut self, hash: u64) -> Option<Key> {
        let (tier, backends) = (self.tiers.best()?, &self.backends);
        self.maglev.begin(backends);
        let takes = |backend: &Backend| {
            // Of a backend whose share grows, the keys come back one after the other.
            let lot = below(mix(backend.hash ^ hash), WHOLE.into()) as u32;
            tier.share_of(backend).is_some_and(|share| lot < share)
        };
        self.maglev.candidates(hash).find(|key| backends.get(*key).is_some_and(takes))
    }

    /// A backend that was chosen before, unless it was removed.
    pub fn pick_known(&self, key: BackendKey) -> Option<Pick> {
        let backend = self.backends.get(key.0).filter(|backend| !backend.removed)?;
        Some(backend.pick(key.0, false, Room::NotThere))
    }

    /// The backend that a client's sticky-session cookie names, if it can be tried.
    pub fn pick_sticky(&self, now: Instant, cookie: &[u8]) -> Option<Pick> {
        self.sticky
            .matching(&self.backends, cookie)
            .find(|(_, backend)| backend.held_until(now).is_none())
            .map(|(key, backend)| backend.pick(key, false, Room::NotThere))
    }

    /// One of the best with a connection free, if one has.
    fn choose_free(&mut self, now: Instant, random: &mut impl FnMut() -> u64) -> Option<Key> {
        for _ in 0..DRAWS {
            let key = self.choose(now, random)?;
            if !self.is_full(key) {
                return Some(key);
            }
            if self.policy.goes_in_turn() {
                self.pass_on(key);
            }
        }
        // Few are free: whoever comes first from anywhere.
        let members = &self.tiers.best()?.members;
        let start = below(random(), members.len() as u64) as usize;
        let mut from_there = members[start..].iter().chain(&members[..start]);
        from_there.find(|key| !self.is_full(**key)).or(members.get(start)).copied()
    }

    /// The next turn is another's.
    fn pass_on(&mut self, key: Key) {
        if let Some(backend) = self.backends.get_mut(key) {
            self.tiers.take_turn(backend, self.policy.goes_in_turn());
        }
    }

    fn is_full(&self, key: Key) -> bool {
        self.backends.get(key).is_none_or(Backend::is_full)
    }

    /// One of the best-ranked.
    fn choose(&self, now: Instant, random: &mut impl FnMut() -> u64) -> Option<Key> {
        let tier = self.tiers.best()?;
        let index = match self.policy {
            LoadBalancing::RoundRobin | LoadBalancing::Rendezvous | LoadBalancing::Maglev => {
                return tier.next_in_turn(&self.backends);
            }
            LoadBalancing::Random => tier.tree.find(below(random(), tier.tree.sum().into()) as u32),
            LoadBalancing::LeastLoaded => self.least_burdened(tier, 0..tier.members.len(), now)?,
            LoadBalancing::PowerOfTwo => {
                self.least_burdened(tier, two_of(tier.members.len(), random), now)?
            }
        };
        tier.members.get(index).copied()
    }

    /// The first of the least burdened.
    fn least_burdened(
        &self,
        tier: &Tier,
        indices: impl IntoIterator<Item = usize>,
        now: Instant,
    ) -> Option<usize> {
        let burden = |index| Some((self.burden(tier, index, now)?, index));
        let burdens = indices.into_iter().filter_map(burden);
        burdens.min_by(|(a, _), (b, _)| a.compare(b)).map(|(_, index)| index)
    }

    fn burden(&self, tier: &Tier, index: usize, now: Instant) -> Option<Burden> {
        let backend = self.backends.get(*tier.members.get(index)?)?;
        let load = backend.load.cost(self.metric, now);
        Some(Burden { load, weight: tier.tree.weight(index), turn: backend.turn })
    }
}

impl Backend {
    /// `full`: what it means when no connection is free.
    fn pick(&self, key: Key, fail_open: bool, full: Room) -> Pick {
        let room = if self.is_full() { full } else { Room::Free };
        Pick { key: BackendKey(key), address: self.spec.address.clone(), fail_open, room }
    }
}

/// Two distinct indices below `len`; without two of them, some lie beyond.
fn two_of(len: usize, random: &mut impl FnMut() -> u64) -> [usize; 2] {
    let len = len as u64;
    let first = below(random(), len);
    let second = below(random(), len.saturating_sub(1));
    [first as usize, (second + u64::from(second >= first)) as usize]
}

/// How much a backend carries.
struct Burden {
    load: u64,
    weight: u32,
    turn: u64,
}

impl Burden {
    /// By load per weight; equals take turns.
    fn compare(&self, other: &Self) -> Ordering {
        let scaled = u128::from(self.load) * u128::from(other.weight);
        let other_scaled = u128::from(other.load) * u128::from(self.weight);
        scaled.cmp(&other_scaled).then(self.turn.cmp(&other.turn))
    }
}
