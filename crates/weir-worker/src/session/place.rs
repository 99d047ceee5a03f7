//! A session's place among all that share the worker: of what its cluster may have, and of what
//! others are not guaranteed.
//!
//! What counts is what a request or a pipe has reserved and will reserve, from the moment when its
//! cluster is known until it is over.

use std::rc::Rc;

use weir_balance::commons::{Amount, Full};
use weir_control::guarantees::kept;
use weir_telemetry::Counter;

use super::forward::for_backend;
use super::{Active, Session};
use crate::buffers::Reservation;
use crate::context::Context;
use crate::front::Front;

impl Session {
    /// Takes a place of the cluster; why there is none.
    pub(super) fn take_place(&mut self, active: &mut Active, cx: &mut Context) -> Option<Full> {
        if cx.tables.commons.is_empty() {
            return None;
        }
        let key = active.cluster?;
        let settings = Rc::clone(&cx.tables.clusters.get(key)?.settings);
        let more = for_backend(&settings, settings.config.http2 && !active.raw, &cx.buffers);
        let reserved = self.reserved();
        let buffers = reserved.max(self.own_buffers() + more);
        let room = self.room(buffers - reserved, cx);
        let cluster = cx.tables.clusters.get_mut(key)?;
        let entered =
            cx.tables.commons.enter(&mut cluster.tenant, buffers as u64, |owed| owed.fits(room));
        if let Err(full) = entered {
            cx.observe.no_place();
            cx.tables.count(Some(key), None, |scope| scope.add(Counter::NoPlace, 1));
            return Some(full);
        }
        active.place = buffers;
        // What is there now may not be when the backend is chosen; without it, it waits in line.
        let _ = self.reserve_for_backend(more, cx);
        None
    }

    /// A pipe of another worker has its place here.
    pub(super) fn keep_place(&self, active: &mut Active, cx: &mut Context) {
        let cluster = active.cluster.and_then(|key| cx.tables.clusters.get_mut(key));
        let Some(cluster) = cluster.filter(|_| !cx.tables.commons.is_empty()) else { return };
        active.place = self.reserved();
        cx.tables.commons.adopt(&mut cluster.tenant, active.place as u64);
    }

    /// What is free for all who are not known yet and those who are owed, when this one has so many
    /// buffers more. A stream needs no connection.
    fn room(&self, buffers: usize, cx: &Context) -> Amount {
        let limits = &cx.settings.limits;
        let connections = match self.front {
            Front::Stream(_) => u64::MAX,
            _ => limits.sessions.saturating_sub(cx.connections) as u64,
        };
        let buffers = cx.buffers.free().saturating_sub(buffers) as u64;
        Amount {
            places: connections.saturating_sub(kept(limits.sessions)),
            space: buffers.saturating_sub(kept(limits.buffers)),
        }
    }

    fn reserved(&self) -> usize {
        match self.reservation {
            Reservation::Exchange(count) => count,
            Reservation::Handshake | Reservation::None => 0,
        }
    }
}

/// The word of a refusal for the access log.
pub(super) fn word(full: Full) -> &'static str {
    match full {
        Full::Ceiling => "cluster_full",
        Full::Commons => "no_room",
    }
}
