//! How many client connections of one source, an address or a subnet, have reached each cluster, in
//! all workers together.
//!
//! Each worker counts its own. Those that could come to too many with others are told to main, and
//! what main says that others have counts here too. What is told is half a second old at most: in
//! that time each worker may let through as many as the limit. Must not know: sessions.
//!
//! Invariant: what others have is forgotten when nobody tells it any more.

use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use weir_balance::ledger::{Held, INTERVAL, Ledger, Sum};
use weir_base::{Instant, address_hash, stable_hash};

/// Stands for all these counts where main adds amounts up.
const LIMIT: u64 = 0x636f_6e6e_6563_7473;
/// Counts that main is told of at once.
const MOST_TOLD: usize = 1024;
/// How long what others have counts without being told again.
const PATIENCE: Duration = Duration::from_secs(1);

/// Who is counted for what: the same in every worker.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Source(u64);

impl Source {
    /// Somebody's connections to a cluster; `kind` tells an address from a subnet that begins so.
    pub(crate) fn new(cluster: &str, address: IpAddr, kind: u64) -> Self {
        let cluster = stable_hash(cluster.as_bytes(), kind);
        Self(address_hash(SocketAddr::new(address, 0), cluster))
    }
}

/// Counts by source; bounded by the sessions that hold them, and by what main tells.
pub(crate) struct PerAddress {
    counts: HashMap<Source, Count>,
    /// Those that main is told of.
    listed: Vec<Source>,
    report_at: Instant,
    /// Who count for the same limits, this one included.
    pub(crate) workers: u16,
}

#[derive(Clone, Copy, Default)]
struct Count {
    mine: u32,
    others: u32,
    /// When others were told of.
    told: Instant,
    limit: u64,
    listed: bool,
}

impl Count {
    /// All workers with as many as this one could come to more than half of the limit.
    fn matters(&self, workers: u16) -> bool {
        2 * u64::from(self.mine) * u64::from(workers) > self.limit
    }
}

impl PerAddress {
    /// Memory for each count: a table that has just grown is less than half full.
    pub(crate) const COUNT_BYTES: usize = 3 * (size_of::<Source>() + size_of::<Count>());
    /// Memory for what main tells.
    pub(crate) const TOLD_BYTES: usize = Ledger::MOST * Self::COUNT_BYTES;

    pub(crate) fn new(sessions: usize) -> Self {
        // Most sessions reach no limited cluster: the table grows with those that do.
        let counts = HashMap::with_capacity(sessions.min(1024));
        Self { counts, listed: Vec::new(), report_at: Instant::FAR, workers: 1 }
    }

    /// There are fewer than `limit` connections.
    pub(crate) fn has_room(&self, source: Source, limit: u64) -> bool {
        let count = self.counts.get(&source);
        count.is_none_or(|count| u64::from(count.mine) + u64::from(count.others) < limit)
    }

    /// Counts one more connection.
    pub(crate) fn enter(&mut self, source: Source, limit: u64, now: Instant) {
        let count = self.counts.entry(source).or_default();
        count.mine += 1;
        count.limit = limit;
        if self.workers > 1 && !count.listed && count.matters(self.workers) {
            count.listed = true;
            self.list(source, now);
        }
    }

    fn list(&mut self, source: Source, now: Instant) {
        self.listed.push(source);
        self.report_at = self.report_at.min(now + INTERVAL);
    }

    /// A counted connection closed.
    pub(crate) fn leave(&mut self, source: Source) {
        if let Some(count) = self.counts.get_mut(&source) {
            count.mine -= 1;
            if count.mine == 0 && !count.listed {
                self.counts.remove(&source);
            }
        }
    }

    /// When main is to be told.
    pub(crate) fn deadline(&self) -> Instant {
        self.report_at
    }

    /// Adds what main is to be told now.
    pub(crate) fn report(&mut self, now: Instant, told: &mut Vec<Held>) {
        if now < self.report_at {
            return;
        }
        let Self { counts, listed, workers, .. } = self;
        let most = told.len() + MOST_TOLD;
        let before = listed.len();
        listed.retain(|source| {
            let Some(count) = counts.get_mut(source) else { return false };
            if count.told + PATIENCE <= now {
                count.others = 0;
            }
            if told.len() < most {
                told.push(Held { limit: LIMIT, key: source.0, amount: count.mine });
            }
            count.listed = *workers > 1 && (count.others > 0 || count.matters(*workers));
            let listed = count.listed;
            if !listed && count.mine == 0 {
                counts.remove(source);
            }
            listed
        });
        if before > MOST_TOLD {
            // Those that were not told of come first the next time.
            let rotation = MOST_TOLD.min(listed.len());
            listed.rotate_left(rotation);
        }
        self.report_at = if self.listed.is_empty() { Instant::FAR } else { now + INTERVAL };
    }

    /// What all workers have of a source; that of other limits is passed by.
    pub(crate) fn share(&mut self, sum: &Sum, now: Instant) {
        let source = Source(sum.key);
        let others = sum.all.saturating_sub(sum.mine);
        if sum.limit != LIMIT || (others == 0 && !self.counts.contains_key(&source)) {
            return;
        }
        let count = self.counts.entry(source).or_default();
        (count.others, count.told) = (others, now);
        if others > 0 && !std::mem::replace(&mut count.listed, true) {
            self.list(source, now);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(millis: u64) -> Instant {
        Instant::from_micros(millis * 1000)
    }

    fn source(cluster: &str) -> Source {
        Source::new(cluster, IpAddr::from([127, 0, 0, 1]), 0)
    }

    /// True if there was room.
    fn come(counts: &mut PerAddress, source: Source, limit: u64) -> bool {
        let room = counts.has_room(source, limit);
        if room {
            counts.enter(source, limit, at(0));
        }
        room
    }

    fn told(counts: &mut PerAddress, now: Instant) -> Vec<u32> {
        let mut told = Vec::new();
        counts.report(now, &mut told);
        told.iter().map(|held| held.amount).collect()
    }

    #[test]
    fn a_limit_counts_connections_and_forgets_closed_ones() {
        let (one, other) = (source("one"), source("other"));
        let mut counts = PerAddress::new(10);
        let limit = |counts: &mut PerAddress| come(counts, one, 2);
        assert_eq!(
            [limit(&mut counts), limit(&mut counts), limit(&mut counts)],
            [true, true, false]
        );
        assert!(come(&mut counts, other, 2), "another cluster");
        [one, one, other].into_iter().for_each(|source| counts.leave(source));
        assert!(counts.counts.is_empty() && counts.deadline() == Instant::FAR);
    }

    #[test]
    fn what_others_have_counts_until_nobody_tells_it_any_more() {
        let mut counts = PerAddress::new(10);
        counts.workers = 2;
        let key = source("one");
        assert!(come(&mut counts, key, 8) && come(&mut counts, key, 8));
        assert_eq!(counts.deadline(), Instant::FAR, "a quarter of the limit is no matter");
        assert!(come(&mut counts, key, 8));
        assert_eq!(told(&mut counts, at(250)), [3]);
        counts.share(&Sum { limit: LIMIT, key: key.0, mine: 3, all: 8 }, at(300));
        assert!(!come(&mut counts, key, 8));
        counts.leave(key);
        assert!(come(&mut counts, key, 8) && !come(&mut counts, key, 8));
        (0..3).for_each(|_| counts.leave(key));
        assert_eq!(told(&mut counts, at(500)), [0], "main is told that it has none any more");
        assert!(!counts.has_room(key, 5) && counts.has_room(key, 6));
        assert_eq!(told(&mut counts, at(1300)), [0]);
        assert!(counts.has_room(key, 1) && counts.counts.is_empty());
        assert_eq!(counts.deadline(), Instant::FAR);
    }

    #[test]
    fn what_others_have_counts_for_somebody_new() {
        let mut counts = PerAddress::new(10);
        counts.workers = 2;
        let key = source("one");
        counts.share(&Sum { limit: LIMIT, key: key.0, mine: 0, all: 4 }, at(0));
        counts.share(&Sum { limit: 7, key: 8, mine: 0, all: 4 }, at(0));
        assert_eq!(counts.counts.len(), 1);
        assert!(!counts.has_room(key, 4) && come(&mut counts, key, 5));
        assert_eq!(told(&mut counts, at(250)), [1]);
    }
}
