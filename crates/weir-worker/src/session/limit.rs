//! Limits of clients: of their connections to a cluster, and of requests in a while.

use std::net::{IpAddr, SocketAddr};
use std::rc::Rc;

use weir_balance::rate::Empty;
use weir_base::Key;
use weir_telemetry::{Counter, Scope};

use super::answer::Answer;
use super::forward::affinity_hash;
use super::{Active, Session};
use crate::context::Context;
use crate::per_address::Source;
use crate::rates::Limit;
use crate::tables::Route;

/// A connection counts for that many clusters: those it reached last.
pub(crate) const MAX_COUNTED: usize = 4;

/// A connection counts for a cluster: its address, its subnet, where these are limited.
pub(crate) struct Counted {
    cluster: Key,
    sources: [Option<Source>; 2],
}

impl Counted {
    /// It does not count any more.
    pub(crate) fn leave(&self, cx: &mut Context) {
        self.sources.iter().flatten().for_each(|source| cx.per_address.leave(*source));
    }
}

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
        let per_ip = config.max_connections_per_ip.unwrap_or(cx.clients.per_ip);
        let per_subnet = config.max_connections_per_subnet.unwrap_or(cx.clients.per_subnet);
        if per_ip == 0 && per_subnet == 0 {
            return None;
        }
        // A connection counts once, however many streams it has.
        let counted = match self.front.stream() {
            Some(stream) => &mut cx.multiplexes.get_mut(stream.id.connection)?.counted,
            None => &mut self.counted,
        };
        if counted.iter().any(|counted| counted.cluster == key) {
            return None;
        }
        let address = self.client.ip();
        let sources = [(per_ip, address, 0), (per_subnet, cx.clients.subnet(address), 1)];
        let sources = sources.map(|(limit, address, kind)| {
            (limit > 0).then(|| (Source::new(&config.id, address, kind), limit))
        });
        if !sources.iter().flatten().all(|(source, limit)| cx.per_address.has_room(*source, *limit))
        {
            let retry_after = config.retry_after.unwrap_or_default();
            cx.observe.per_address_limit();
            let count = |scope: &mut Scope| scope.add(Counter::PerAddressLimit, 1);
            cx.tables.count(Some(key), None, count);
            return Some(Answer::too_many("too_many_connections", retry_after));
        }
        let first = (counted.len() == MAX_COUNTED).then(|| counted.remove(0));
        counted
            .push(Counted { cluster: key, sources: sources.map(|s| s.map(|(source, _)| source)) });
        for (source, limit) in sources.into_iter().flatten() {
            cx.per_address.enter(source, limit, cx.now);
        }
        if let Some(first) = first {
            first.leave(cx);
        }
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
