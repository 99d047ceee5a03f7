//! The limit of connections per cluster and source address.

use weir_telemetry::{Counter, Scope};

use super::answer::Answer;
use super::{Active, Session};
use crate::context::Context;

/// A connection counts for that many clusters: those it reached last.
pub(crate) const MAX_COUNTED: usize = 4;

impl Session {
    /// Counts this connection for the cluster; the answer when the limit is reached.
    pub(super) fn check_address_limit(
        &mut self,
        active: &Active,
        cx: &mut Context,
    ) -> Option<Answer> {
        let key = active.cluster?;
        let config = &cx.tables.clusters.get(key)?.settings.config;
        let limit = config.max_connections_per_ip?;
        let retry_after = config.retry_after.unwrap_or_default();
        // A connection counts once, however many streams it has.
        let counted = match self.front.stream() {
            Some(stream) => &mut cx.multiplexes.get_mut(stream.id.connection)?.counted,
            None => &mut self.counted,
        };
        if counted.contains(&key) {
            return None;
        }
        if !cx.per_address.enter(key, self.client.ip(), limit) {
            cx.observe.per_address_limit();
            let count = |scope: &mut Scope| scope.add(Counter::PerAddressLimit, 1);
            cx.tables.count(Some(key), None, count);
            return Some(Answer::too_many(retry_after));
        }
        if counted.len() == MAX_COUNTED {
            let first = counted.remove(0);
            cx.per_address.leave(first, self.client.ip());
        }
        counted.push(key);
        None
    }
}
