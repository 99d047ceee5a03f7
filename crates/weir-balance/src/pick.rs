//! Which of the backends that may be chosen is chosen.

use std::cmp::Ordering;
use std::net::SocketAddr;

use weir_base::{Instant, Key};

use crate::backend::{Backend, BackendKey};
use crate::draw::below;
use crate::group::Group;
use crate::maglev::Maglev;
use crate::policy::LoadBalancing;
use crate::rendezvous;

/// How often a policy is asked for one that is not full.
const DRAWS: usize = 4;

/// The backend chosen for a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pick {
    /// Its name for calls.
    pub key: BackendKey,
    /// Where it listens.
    pub address: SocketAddr,
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
        self.settle_tier(now, tried);
        let index = self.choose_free(now, random)?;
        let key = self.tier.members.get(index)?.key;
        let backend = self.backends.get_mut(key)?;
        self.tier.take_turn(index, backend);
        let pick = backend.pick(key, self.tier.fails_open(), Room::NowhereFree);
        if !tried.is_empty() {
            self.tier.expire();
        }
        Some(pick)
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
        self.settle_tier(now, tried);
        let in_table = match self.policy {
            LoadBalancing::Maglev => self.find_in_table(now, hash, tried),
            _ => None,
        };
        let members = &self.tier.members;
        let key = in_table.or_else(|| rendezvous::choose(members, &self.backends, hash))?;
        let pick = self.backends.get(key)?.pick(key, self.tier.fails_open(), Room::NotThere);
        if !tried.is_empty() {
            self.tier.expire();
        }
        Some(pick)
    }

    fn settle_tier(&mut self, now: Instant, tried: &[BackendKey]) {
        if !tried.is_empty() || !self.tier.is_current(now) {
            self.tier.rebuild(&self.backends, self.rules.slow_start, now, tried);
        }
    }

    /// The first backend in the order of the table that may be chosen.
    fn find_in_table(&mut self, now: Instant, hash: u64, tried: &[BackendKey]) -> Option<Key> {
        let (tier, backends) = (&self.tier, &self.backends);
        let table = self.maglev.get_or_insert_with(|| Maglev::new(backends));
        table.candidates(hash).find(|key| {
            backends.get(*key).is_some_and(|backend| tier.admits(*key, backend, now, tried))
        })
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

    /// Index of a member of the tier with a connection free, if one has.
    fn choose_free(&mut self, now: Instant, random: &mut impl FnMut() -> u64) -> Option<usize> {
        for _ in 0..DRAWS {
            let index = self.choose(now, random)?;
            if !self.is_full(index) {
                return Some(index);
            }
            self.pass_over(index);
        }
        // Few are free: whoever comes first from anywhere.
        let count = self.tier.members.len();
        let start = below(random(), count as u64) as usize;
        let free = (start..count).chain(0..start).find(|index| !self.is_full(*index));
        self.tier.expire();
        free.or(Some(start))
    }

    /// A full one whose turn it is loses it.
    fn pass_over(&mut self, index: usize) {
        if self.tier.next_in_turn() == Some(index)
            && let Some(member) = self.tier.members.get(index)
            && let Some(backend) = self.backends.get_mut(member.key)
        {
            self.tier.take_turn(index, backend);
        }
    }

    fn is_full(&self, index: usize) -> bool {
        let member = self.tier.members.get(index);
        member.and_then(|member| self.backends.get(member.key)).is_none_or(Backend::is_full)
    }

    /// Index of a member of the tier.
    fn choose(&self, now: Instant, random: &mut impl FnMut() -> u64) -> Option<usize> {
        let members = &self.tier.members;
        match self.policy {
            LoadBalancing::RoundRobin | LoadBalancing::Rendezvous | LoadBalancing::Maglev => {
                self.tier.next_in_turn()
            }
            LoadBalancing::Random => {
                let draw = below(random(), members.last()?.reach);
                Some(members.partition_point(|member| member.reach <= draw))
            }
            LoadBalancing::LeastLoaded => self.least_burdened(0..members.len(), now),
            LoadBalancing::PowerOfTwo => self.least_burdened(two_of(members.len(), random), now),
        }
    }

    /// The first of the least burdened.
    fn least_burdened(
        &self,
        indices: impl IntoIterator<Item = usize>,
        now: Instant,
    ) -> Option<usize> {
        let burdens = indices.into_iter().filter_map(|i| Some((self.burden(i, now)?, i)));
        burdens.min_by(|(a, _), (b, _)| a.compare(b)).map(|(_, index)| index)
    }

    fn burden(&self, index: usize, now: Instant) -> Option<Burden> {
        let member = self.tier.members.get(index)?;
        let backend = self.backends.get(member.key)?;
        let load = backend.load.cost(self.metric, now);
        Some(Burden { load, weight: member.weight, turn: backend.turn })
    }
}

impl Backend {
    /// `full`: what it means when no connection is free.
    fn pick(&self, key: Key, fail_open: bool, full: Room) -> Pick {
        let room = if self.is_full() { full } else { Room::Free };
        Pick { key: BackendKey(key), address: self.spec.address, fail_open, room }
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
