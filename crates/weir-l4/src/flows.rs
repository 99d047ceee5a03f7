//! The UDP flows of a worker: which datagrams belong together, and until when.
//!
//! Must not know: sockets, and what is behind a flow: that is the caller's `T`, which lies in the
//! flow's own entry.
//!
//! A datagram of a client is announced with [`Flows::handle_request`]: it belongs to a flow that
//! there is, or a flow may be [begun](Flows::begin) for it, or there is no room. A datagram of a
//! backend is announced with [`Flows::handle_response`]. The caller passes the datagram on and then
//! [polls](Flows::poll) until nothing comes: a flow whose last datagram this was comes out, and so
//! does one that was idle for too long.
//!
//! Invariants: there are at most [`Limits::flows`] flows, of one address at most
//! [`Limits::per_source`]; no flow ever makes room for another; a flow that is over takes no more
//! datagrams, and comes out of [`Flows::poll`] once. Expiry looks at the flows that may be due, not
//! at all of them: each has one timer, which datagrams do not move.

mod flow;

use std::collections::VecDeque;
use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::ops::Range;
use std::time::Duration;

use hashbrown::HashMap;
use weir_base::{Instant, Key, Slab, Timer, Wheel};

pub use flow::{Affinity, Flow, FlowKey, Rules, Saved};

type Map<K, V> = HashMap<K, V, foldhash::quality::RandomState>;

/// How exactly idle flows end.
const TICK: Duration = Duration::from_millis(100);

/// How many flows there may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// All of them (`max_flows`).
    pub flows: usize,
    /// Those of one client address, over all listeners. 0: as many as there are.
    pub per_source: u32,
}

/// Where a client's datagram belongs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Arrival {
    /// To this flow.
    Known(Key),
    /// To none, and there is room for one: [`Flows::begin`].
    New,
    /// To none, and none can be begun: the datagram is dropped.
    Refused(NoRoom),
}

/// Why there is no room for another flow.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NoRoom {
    /// [`Limits::flows`] is reached.
    #[error("there are as many UDP flows as there may be (`max_flows`)")]
    Flows,
    /// [`Limits::per_source`] is reached.
    #[error("there are as many UDP flows of this client address as there may be")]
    Source,
    /// There is a flow of this key already.
    #[error("there is a UDP flow of this client already")]
    Taken,
}

/// Why a flow is over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cause {
    /// No datagram came for as long as [`Rules::idle`].
    Idle,
    /// [`Rules::requests`] is reached.
    Requests,
    /// [`Rules::responses`] is reached.
    Responses,
    /// The backend cannot be reached: ICMP says so.
    Unreachable,
    /// The caller [closed](Flows::close) it.
    Closed,
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Idle => "nothing came any more",
            Self::Requests => "as many datagrams of the client as there are to be",
            Self::Responses => "as many datagrams of the backend as there are to be",
            Self::Unreachable => "the backend cannot be reached",
            Self::Closed => "it is not served any more",
        })
    }
}

/// A flow that is over.
#[derive(Debug)]
pub struct Ended<T> {
    /// What named it.
    pub id: Key,
    /// The flow itself.
    pub flow: Flow<T>,
    /// Why.
    pub cause: Cause,
}

struct Entry<T> {
    flow: Flow<T>,
    /// `None` once the flow is over.
    timer: Option<Timer>,
}

/// The flows of a worker.
pub struct Flows<T> {
    limits: Limits,
    flows: Slab<Entry<T>>,
    by_key: Map<FlowKey, Key>,
    sources: Map<IpAddr, u32>,
    timers: Wheel<Key>,
    /// Flows that are over and have not come out yet.
    ended: VecDeque<(Key, Cause)>,
}

impl<T> Flows<T> {
    /// Memory for each flow there may be, when all of them are there: the flow, its timer, and its
    /// places in the tables, which may be half empty.
    pub const FLOW_BYTES: usize = Slab::<Entry<T>>::VALUE_BYTES
        + Wheel::<Key>::TIMER_BYTES
        + 3 * size_of::<(FlowKey, Key)>()
        + 3 * size_of::<(IpAddr, u32)>()
        + 2 * size_of::<(Key, Cause)>();

    /// No flows, at `now`.
    ///
    /// # Panics
    /// When there may be more flows than fit 32 bits.
    pub fn new(limits: Limits, now: Instant) -> Self {
        Self {
            limits,
            flows: Slab::new(limits.flows),
            by_key: Map::default(),
            sources: Map::default(),
            timers: Wheel::new(limits.flows, now, TICK),
            ended: VecDeque::new(),
        }
    }

    /// A datagram of `client` has come.
    pub fn handle_request(&mut self, key: &FlowKey, client: SocketAddr, now: Instant) -> Arrival {
        let Some(&id) = self.by_key.get(key) else {
            return match self.room(key) {
                Ok(()) => Arrival::New,
                Err(no_room) => Arrival::Refused(no_room),
            };
        };
        if let Some(entry) = self.flows.get_mut(id) {
            entry.flow.count_request(client, now);
        }
        self.end_at_limit(id);
        Arrival::Known(id)
    }

    /// Begins a flow with the datagram that [`Flows::handle_request`] called [`Arrival::New`].
    pub fn begin(
        &mut self,
        key: FlowKey,
        client: SocketAddr,
        rules: Rules,
        data: T,
        now: Instant,
    ) -> Result<Key, NoRoom> {
        let mut flow = Flow::new(key, rules, data, now);
        flow.count_request(client, now);
        self.insert(flow)
    }

    /// A datagram of the flow's backend has come, for [`Flow::client`]. False if the flow is over.
    pub fn handle_response(&mut self, id: Key, now: Instant) -> bool {
        let Some(entry) = self.flows.get_mut(id).filter(|entry| entry.timer.is_some()) else {
            return false;
        };
        entry.flow.count_response(now);
        self.end_at_limit(id);
        true
    }

    /// ICMP says that the flow's backend cannot be reached.
    pub fn handle_unreachable(&mut self, id: Key) {
        self.end(id, Cause::Unreachable);
    }

    /// Ends a flow, whatever its state.
    pub fn close(&mut self, id: Key) {
        self.end(id, Cause::Closed);
    }

    /// The next flow that is over.
    pub fn poll(&mut self, now: Instant) -> Option<Ended<T>> {
        loop {
            while let Some((id, cause)) = self.ended.pop_front() {
                if let Some(Entry { flow, .. }) = self.flows.remove(id) {
                    return Some(Ended { id, flow, cause });
                }
            }
            let id = self.timers.poll(now)?;
            self.handle_timer(id, now);
        }
    }

    /// When a poll may find something.
    pub fn deadline(&self) -> Option<Instant> {
        if self.ended.is_empty() { self.timers.deadline() } else { Some(Instant::default()) }
    }

    /// There is a flow of that name.
    pub fn has(&self, key: &FlowKey) -> bool {
        self.by_key.contains_key(key)
    }

    /// A flow, until it comes out of [`Flows::poll`].
    pub fn get(&self, id: Key) -> Option<&Flow<T>> {
        self.flows.get(id).map(|entry| &entry.flow)
    }

    /// What the caller keeps with a flow.
    pub fn data_mut(&mut self, id: Key) -> Option<&mut T> {
        self.flows.get_mut(id).map(|entry| &mut entry.flow.data)
    }

    /// Every flow that is not over: to list them, or to hand them to another process.
    pub fn iter(&self) -> impl Iterator<Item = (Key, &Flow<T>)> {
        self.span(0..self.flows.end())
    }

    /// Positions that were ever used, as [`Slab::end`].
    pub fn end_position(&self) -> usize {
        self.flows.end()
    }

    /// The flows in a range of positions, as [`Slab::span`].
    pub fn span(&self, positions: Range<usize>) -> impl Iterator<Item = (Key, &Flow<T>)> {
        let current = self.flows.span(positions).filter(|(_, entry)| entry.timer.is_some());
        current.map(|(id, entry)| (id, &entry.flow))
    }

    /// Takes a flow that is not over out, for another process: it does not come out of
    /// [`Flows::poll`].
    pub fn part(&mut self, id: Key) -> Option<Flow<T>> {
        let timer = self.flows.get_mut(id)?.timer.take()?;
        self.timers.cancel(timer);
        self.unlist(id);
        self.flows.remove(id).map(|entry| entry.flow)
    }

    /// Goes on with a flow of another process. The kernel may have given a client's datagrams to
    /// both: the flow that was used last goes on, as an answer may be on its way there.
    pub fn restore(&mut self, saved: Saved, data: T, now: Instant) -> Result<Key, NoRoom> {
        let flow = Flow::restore(saved, data, now);
        let known = self.by_key.get(&flow.key).copied();
        let is_older = |id: &Key| self.get(*id).is_some_and(|known| known.active < flow.active);
        if let Some(older) = known.filter(is_older) {
            self.close(older);
        }
        self.insert(flow)
    }

    /// Flows that are not over.
    pub fn len(&self) -> usize {
        self.by_key.len()
    }

    /// True without flows.
    pub fn is_empty(&self) -> bool {
        self.by_key.is_empty()
    }

    fn room(&self, key: &FlowKey) -> Result<(), NoRoom> {
        let most = self.limits.per_source;
        let of_source = self.sources.get(&key.client.ip()).copied().unwrap_or(0);
        if self.flows.is_full() {
            Err(NoRoom::Flows)
        } else if most > 0 && of_source >= most {
            Err(NoRoom::Source)
        } else {
            Ok(())
        }
    }

    fn insert(&mut self, flow: Flow<T>) -> Result<Key, NoRoom> {
        self.room(&flow.key)?;
        if self.by_key.contains_key(&flow.key) {
            return Err(NoRoom::Taken);
        }
        let (key, due) = (flow.key, flow.due());
        let entry = Entry { flow, timer: None };
        let id = self.flows.insert(entry).map_err(|_| NoRoom::Flows)?;
        let Ok(timer) = self.timers.insert(due, id) else {
            self.flows.remove(id);
            return Err(NoRoom::Flows);
        };
        if let Some(entry) = self.flows.get_mut(id) {
            entry.timer = Some(timer);
        }
        self.by_key.insert(key, id);
        *self.sources.entry(key.client.ip()).or_insert(0) += 1;
        self.end_at_limit(id);
        Ok(id)
    }

    /// A flow's timer is due; the flow may have seen datagrams since it was set.
    fn handle_timer(&mut self, id: Key, now: Instant) {
        let Some(entry) = self.flows.get_mut(id) else { return };
        let due = entry.flow.due();
        if due > now
            && let Ok(timer) = self.timers.insert(due, id)
        {
            entry.timer = Some(timer);
            return;
        }
        self.forget(id, Cause::Idle);
    }

    fn end_at_limit(&mut self, id: Key) {
        if let Some(cause) = self.get(id).and_then(Flow::limit_reached) {
            self.end(id, cause);
        }
    }

    fn end(&mut self, id: Key, cause: Cause) {
        let timer = self.flows.get_mut(id).and_then(|entry| entry.timer.take());
        if let Some(timer) = timer {
            self.timers.cancel(timer);
            self.forget(id, cause);
        }
    }

    /// Takes a flow without a timer out of the tables, and lets it come out.
    fn forget(&mut self, id: Key, cause: Cause) {
        let Some(entry) = self.flows.get_mut(id) else { return };
        entry.timer = None;
        self.unlist(id);
        self.ended.push_back((id, cause));
    }

    /// Takes a flow's name out of the tables.
    fn unlist(&mut self, id: Key) {
        let Some(key) = self.get(id).map(|flow| flow.key) else { return };
        self.by_key.remove(&key);
        let source = key.client.ip();
        if let Some(count) = self.sources.get_mut(&source) {
            *count -= 1;
            if *count == 0 {
                self.sources.remove(&source);
            }
        }
    }
}

#[cfg(test)]
mod tests;
