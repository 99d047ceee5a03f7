//! Backends that are chosen by a key, and the tables for it that are made between requests.
//!
//! Invariant: a cluster whose table is unfinished is on the list of those once.

use weir_balance::{BackendKey, Pick};
use weir_base::{Instant, Key};

use crate::tables::Tables;

/// Steps of a table in one turn of the loop: less than a millisecond.
const STEPS: usize = 4_096;

impl Tables {
    /// The backend of a cluster that its policy chooses for who is known by `hash`.
    pub(crate) fn pick(
        &mut self,
        cluster: Key,
        hash: u64,
        now: Instant,
        random: &mut impl FnMut() -> u64,
        tried: &[BackendKey],
    ) -> Option<Pick> {
        let group = &mut self.clusters.get_mut(cluster)?.group;
        let pick = group.pick_by_hash(now, hash, random, tried);
        if group.is_making_table() && !self.unfinished.contains(&cluster) {
            self.unfinished.push(cluster);
        }
        pick
    }

    /// Goes on with a table.
    pub(crate) fn make_tables(&mut self) {
        let Some(key) = self.unfinished.last() else { return };
        let group = self.clusters.get_mut(*key).map(|cluster| &mut cluster.group);
        let goes_on = group.is_some_and(|group| {
            group.make_table(STEPS);
            group.is_making_table()
        });
        if !goes_on {
            self.unfinished.pop();
        }
    }
}
