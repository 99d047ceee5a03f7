//! Limits of clients: of their connections to a cluster, and of requests in a while.

use std::net::{IpAddr, SocketAddr};
use std::rc::Rc;

use weir_balance::rate::Empty;
use weir_telemetry::{Counter, Scope};

use super::answer::Answer;
use super::forward::affinity_hash;
use super::{Active, Session};
use crate::context::Context;
use crate::rates::Limit;
use crate::tables::Route;

/// A connection counts for that many clusters: those it reached last.
pub(crate) const MAX_COUNTED: usize = 4;

/// `Retry-After` when nobody comes through for longer than this, in seconds.
const LONGEST_WAIT: u64 = 3600;

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
            return Some(Answer::too_many("too_many_connections", retry_after));
        }
        if counted.len() == MAX_COUNTED {
            let first = counted.remove(0);
            cx.per_address.leave(first, self.client.ip());
        }
        counted.push(key);
        None
    }

    /// Takes a request of every limit of a route and its cluster; the answer when one has no more.
    pub(super) fn check_rates(
        &self,
        active: &Active,
        route: &Route,
        cx: &mut Context,
    ) -> Option<Answer> {
        if cx.tables.rates.is_empty() {
            return None;
        }
        let cluster = route.cluster.and_then(|key| cx.tables.clusters.get(key));
        let settings = cluster.map(|cluster| Rc::clone(&cluster.settings));
        let of_cluster = settings.as_ref().map_or(&[][..], |settings| &settings.rates);
        let limits = route.rates().iter().chain(of_cluster);
        let mut refused = limits.filter_map(|limit| self.take(limit, active, cx).err());
        let wait = seconds(&refused.next()?);
        drop(refused);
        cx.observe.rate_limited();
        cx.tables.count(route.cluster, None, |scope| scope.add(Counter::RateLimited, 1));
        let tells = settings.is_none_or(|settings| settings.config.retry_after.is_some());
        Some(Answer::too_many("rate_limited", if tells { wait } else { 0 }))
    }

    fn take(&self, limit: &Limit, active: &Active, cx: &mut Context) -> Result<(), Empty> {
        let key = match &limit.by {
            None => 0,
            Some(by) => {
                let client = SocketAddr::new(subscriber(self.client.ip()), 0);
                affinity_hash(by, client, active, &cx.request_fields)
            }
        };
        cx.tables.rates.take(limit, key, cx.now)
    }
}

/// Whom an address belongs to: with IPv6, everybody has a block of 64 bits.
fn subscriber(address: IpAddr) -> IpAddr {
    match address {
        IpAddr::V6(ip) if ip.to_ipv4_mapped().is_none() => {
            IpAddr::V6((ip.to_bits() >> 64 << 64).into())
        }
        _ => address,
    }
}

/// A wait in whole seconds.
fn seconds(empty: &Empty) -> u32 {
    let longest = LONGEST_WAIT;
    let wait = match empty {
        Empty::For(wait) => wait.as_micros().div_ceil(1_000_000).try_into().unwrap_or(longest),
        Empty::Forever => longest,
    };
    wait.clamp(1, longest) as u32
}
