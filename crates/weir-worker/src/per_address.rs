//! How many client connections of one source address have reached each cluster.

use std::collections::HashMap;
use std::net::IpAddr;

use weir_base::Key;

/// Counts by cluster and address; bounded by the sessions that hold them.
pub(crate) struct PerAddress {
    counts: HashMap<(Key, IpAddr), u32>,
}

impl PerAddress {
    /// Memory for each count: a table that has just grown is less than half full.
    pub(crate) const COUNT_BYTES: usize = 3 * size_of::<((Key, IpAddr), u32)>();

    pub(crate) fn new(sessions: usize) -> Self {
        // Most sessions reach no limited cluster: the table grows with those that do.
        Self { counts: HashMap::with_capacity(sessions.min(1024)) }
    }

    /// Counts one more connection, unless there are `limit` already.
    #[must_use]
    pub(crate) fn enter(&mut self, cluster: Key, address: IpAddr, limit: u64) -> bool {
        let count = self.counts.entry((cluster, address)).or_insert(0);
        if u64::from(*count) >= limit {
            return false;
        }
        *count += 1;
        true
    }

    /// A counted connection closed.
    pub(crate) fn leave(&mut self, cluster: Key, address: IpAddr) {
        if let Some(count) = self.counts.get_mut(&(cluster, address)) {
            *count -= 1;
            if *count == 0 {
                self.counts.remove(&(cluster, address));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_limit_counts_connections_and_forgets_closed_ones() {
        let cluster = Key::from_bits(1);
        let address = IpAddr::from([127, 0, 0, 1]);
        let mut counts = PerAddress::new(10);
        assert!(counts.enter(cluster, address, 2) && counts.enter(cluster, address, 2));
        assert!(!counts.enter(cluster, address, 2));
        assert!(counts.enter(Key::from_bits(2), address, 2), "another cluster");
        counts.leave(cluster, address);
        counts.leave(cluster, address);
        counts.leave(Key::from_bits(2), address);
        assert!(counts.counts.is_empty());
    }
}
