//! Limits of how many requests are served in a while: which there are, what is left of them here,
//! and what main is told of that.
//!
//! A limit belongs to a route or a cluster. One that stays the same when what it belongs to changes
//! goes on with what is left of it. Must not know: requests, answers.
//!
//! Invariant: a limit costs nothing until something is taken of it; then its memory is bounded
//! ([`Limiter::bytes`]).

use hashbrown::HashMap;
use serde::Serialize;
use weir_balance::ledger::{Held, INTERVAL, Sum};
use weir_balance::limiter::Limiter;
use weir_balance::rate::{Empty, Rate};
use weir_base::{Instant, Key, Slab};
use weir_control::change::object_hash;
use weir_control::state::{Affinity, RateLimit};

/// Limits of one worker.
const MOST: usize = 1 << 18;
/// Keys that main is told of at once.
const MOST_TOLD: usize = 1024;

/// A limit as its route or cluster names it.
#[derive(Debug, PartialEq)]
pub(crate) struct Limit {
    /// The same in every worker.
    id: u64,
    rate: Rate,
    /// What tells requests apart.
    pub(crate) by: Option<Affinity>,
    /// Stale until it is held.
    key: Key,
}

impl Limit {
    /// Those of an owner, whose name no other has.
    pub(crate) fn all(owner: &impl Serialize, limits: &[RateLimit]) -> Vec<Self> {
        let limit = |(index, limit): (usize, &RateLimit)| Self {
            id: object_hash("rate limit", &(owner, index, limit)),
            rate: limit.rate(),
            by: limit.by.clone(),
            key: Key::from_bits(u64::from(u32::MAX)),
        };
        limits.iter().enumerate().map(limit).collect()
    }
}

/// What is left of all limits.
pub(crate) struct Rates {
    limits: Slab<Entry>,
    by_id: HashMap<u64, Key, foldhash::fast::RandomState>,
    /// Of which something was taken.
    taken: Vec<Key>,
    /// When main is told of them.
    report_at: Instant,
}

struct Entry {
    id: u64,
    limiter: Limiter,
    /// How often it is named.
    holders: usize,
}

impl Rates {
    pub(crate) fn new() -> Self {
        Self {
            limits: Slab::growing(MOST),
            by_id: HashMap::default(),
            taken: Vec::new(),
            report_at: Instant::FAR,
        }
    }

    /// There is no limit.
    pub(crate) fn is_empty(&self) -> bool {
        self.by_id.is_empty()
    }

    /// Limits are in use from now on. Beyond as many as there may be, they let everything through.
    pub(crate) fn hold(&mut self, limits: &mut [Limit]) {
        for limit in limits {
            let known = self.by_id.get(&limit.id).copied();
            let key = known.map_or_else(|| self.make(limit), Some);
            let Some((key, entry)) = key.and_then(|key| Some((key, self.limits.get_mut(key)?)))
            else {
                continue;
            };
            entry.holders += 1;
            limit.key = key;
        }
    }

    fn make(&mut self, limit: &Limit) -> Option<Key> {
        let limiter = Limiter::new(limit.rate, limit.by.is_some());
        let key = self.limits.insert(Entry { id: limit.id, limiter, holders: 0 }).ok()?;
        self.by_id.insert(limit.id, key);
        Some(key)
    }

    /// They are not any more.
    pub(crate) fn let_go(&mut self, limits: &[Limit]) {
        for limit in limits {
            let Some(entry) = self.limits.get_mut(limit.key) else { continue };
            entry.holders -= 1;
            if entry.holders == 0 {
                self.by_id.remove(&limit.id);
                self.limits.remove(limit.key);
            }
        }
    }

    /// Takes one request of a limit, of whoever `key` stands for.
    ///
    /// # Errors
    /// When there were too many.
    pub(crate) fn take(&mut self, limit: &Limit, key: u64, now: Instant) -> Result<(), Empty> {
        let Some(entry) = self.limits.get_mut(limit.key) else { return Ok(()) };
        if !entry.limiter.has_taken() {
            self.taken.push(limit.key);
            self.report_at = self.report_at.min(now + INTERVAL);
        }
        // Of all requests together; 0 stands for nobody.
        entry.limiter.take(key.max(1), now)
    }

    /// When main is to be told.
    pub(crate) fn deadline(&self) -> Instant {
        self.report_at
    }

    /// What main is to be told now, as one of so many workers.
    pub(crate) fn report(&mut self, workers: u16, now: Instant) -> Vec<Held> {
        let mut told = Vec::new();
        if now < self.report_at {
            return told;
        }
        let Self { limits, taken, .. } = self;
        let count = taken.len();
        taken.retain(|key| {
            let Some(entry) = limits.get_mut(*key) else { return false };
            let limit = entry.id;
            let room = MOST_TOLD - told.len();
            let tell = |key, amount| told.push(Held { limit, key, amount });
            entry.limiter.report(workers, INTERVAL, room, tell);
            entry.limiter.has_taken()
        });
        // Those that there was no room for come first the next time.
        if told.len() == MOST_TOLD {
            let rotation = taken.len().min(count / 2);
            taken.rotate_left(rotation);
        }
        self.report_at = if self.taken.is_empty() { Instant::FAR } else { now + INTERVAL };
        told
    }

    /// What all workers together have taken of a limit; true if it is one of these.
    pub(crate) fn share(&mut self, sum: &Sum, workers: u16) -> bool {
        let key = self.by_id.get(&sum.limit);
        let entry = key.and_then(|key| self.limits.get_mut(*key));
        let known = entry.is_some();
        if let Some(entry) = entry {
            entry.limiter.share(sum.key, sum.mine, sum.all, workers);
        }
        known
    }
}

#[cfg(test)]
mod tests {
    use std::num::NonZeroU32;

    use super::*;

    fn limits(owner: &str, requests: u32) -> Vec<Limit> {
        let requests = NonZeroU32::new(requests).expect("not zero");
        let limit = RateLimit { requests, seconds: 3600, burst: requests, by: None };
        Limit::all(&owner, &[limit])
    }

    #[test]
    fn what_stays_the_same_goes_on_and_what_is_gone_is_forgotten() {
        let now = Instant::default();
        let mut rates = Rates::new();
        let [mut first, mut again, mut other] = [limits("a", 1), limits("a", 1), limits("a", 2)];
        rates.hold(&mut first);
        assert!(rates.take(&first[0], 0, now).is_ok() && rates.take(&first[0], 0, now).is_err());
        rates.hold(&mut again);
        rates.let_go(&first);
        assert!(rates.take(&again[0], 0, now).is_err(), "it is the same limit");
        rates.hold(&mut other);
        rates.let_go(&again);
        assert!(rates.take(&other[0], 0, now).is_ok(), "this one is another");
        assert!(rates.take(&again[0], 0, now).is_ok(), "nobody has it any more");
        rates.let_go(&other);
        assert!(rates.is_empty() && !rates.share(&Sum { limit: 1, key: 1, mine: 1, all: 1 }, 2));
    }

    #[test]
    fn main_is_told_while_there_is_something_to_tell() {
        let at = |millis: u64| Instant::from_micros(millis * 1000);
        let mut rates = Rates::new();
        let mut held = limits("a", 1);
        rates.hold(&mut held);
        assert_eq!(rates.deadline(), Instant::FAR);
        for _ in 0..3 {
            let _ = rates.take(&held[0], 0, at(0));
        }
        assert_eq!(rates.deadline(), at(250));
        assert_eq!(rates.report(2, at(249)), []);
        let told = rates.report(2, at(250));
        assert_eq!(told.iter().map(|held| (held.key, held.amount)).collect::<Vec<_>>(), [(1, 3)]);
        let sum = Sum { limit: told[0].limit, key: 1, mine: 3, all: 6 };
        assert!(rates.share(&sum, 2));
        assert_eq!(rates.report(2, at(500)).len(), 1);
        assert_eq!(rates.report(2, at(750)), []);
        assert_eq!(rates.deadline(), Instant::FAR);
        let _ = rates.take(&held[0], 0, at(800));
        assert_eq!(rates.report(1, at(2000)), [], "nobody else is there");
        assert_eq!(rates.deadline(), Instant::FAR);
    }
}
