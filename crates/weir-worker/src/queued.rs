//! Requests that wait for a connection to a backend that takes no more than so many.
//!
//! A connection that becomes free is promised at once to whoever has waited longest for it, so that
//! nobody who comes later is faster. When what is known of the backends changes, all who wait
//! choose again, in their order.
//!
//! Must not know: when somebody has waited long enough; that is a deadline of its session.

use std::collections::VecDeque;
use std::time::Duration;

use weir_balance::BackendKey;
use weir_base::{Instant, Key};
use weir_control::state::MAX_QUEUED;
use weir_http::exchange::{BackFailure, Cause};
use weir_telemetry::Counter;

use crate::context::Context;
use crate::worker::Worker;

/// All choose again at most so often because of the time.
const PAUSE: Duration = Duration::from_millis(10);

/// A connection that was promised.
struct Offer {
    cluster: Key,
    backend: BackendKey,
    /// `None`: whoever it was waits no more.
    who: Option<Key>,
}

/// What is to be told to sessions that wait.
#[derive(Default)]
pub(crate) struct Offers {
    promised: VecDeque<Offer>,
    /// Clusters whose waiters choose again.
    stirred: Vec<Key>,
    /// How many wait, in all clusters.
    waiting: usize,
    /// When something else is known of their backends though nothing happens; `None`: never.
    until: Option<Instant>,
}

impl Offers {
    /// Nobody is to be told anything.
    pub(crate) fn is_empty(&self) -> bool {
        self.promised.is_empty() && self.stirred.is_empty()
    }

    /// When those who wait choose again.
    pub(crate) fn deadline(&self) -> Instant {
        self.until.unwrap_or(Instant::FAR)
    }

    /// How many wait.
    pub(crate) fn waiting(&self) -> usize {
        self.waiting
    }
}

impl Context {
    /// Puts a session in line for a backend, or for any of the cluster.
    ///
    /// # Errors
    /// When as many wait as may.
    pub(crate) fn join_queue(
        &mut self,
        cluster: Key,
        session: Key,
        wants: Option<BackendKey>,
    ) -> Result<(), BackFailure> {
        let entry = self.tables.clusters.get_mut(cluster).ok_or(BackFailure::NoBackend)?;
        let config = &entry.settings.config;
        let most = config.max_queued.unwrap_or(MAX_QUEUED);
        entry.queue.join(session, wants, most).map_err(|_| BackFailure::QueueFull)?;
        self.offers.waiting += 1;
        let next = entry.group.next_change().max(self.now + PAUSE);
        self.offers.until = Some(self.offers.deadline().min(next));
        Ok(())
    }

    /// A request waits for the first time.
    pub(crate) fn note_queued(&mut self, cluster: Key) {
        self.observe.queued(Counter::Queued);
        self.tables.count(Some(cluster), None, |scope| scope.add(Counter::Queued, 1));
    }

    /// A request is not served since its cluster is too busy.
    pub(crate) fn note_overrun(&mut self, cluster: Option<Key>, failure: BackFailure) {
        let counter = match failure {
            BackFailure::QueueFull => Counter::QueueFull,
            BackFailure::QueueTimeout => Counter::QueueTimeouts,
            _ => return,
        };
        self.observe.queued(counter);
        self.tables.count(cluster, None, |scope| scope.add(counter, 1));
        let entry = cluster.and_then(|key| self.tables.clusters.get(key));
        if let Some(entry) = entry {
            self.observe.overrun(&entry.settings.config.id, Cause::Back(failure));
        }
    }

    /// A session waits no more.
    pub(crate) fn leave_queue(&mut self, cluster: Option<Key>, session: Key) {
        let entry = cluster.and_then(|key| self.tables.clusters.get_mut(key));
        if entry.is_some_and(|entry| entry.queue.leave(session)) {
            self.offers.waiting -= 1;
        }
        let to = |offer: &&mut Offer| offer.who == Some(session);
        if let Some(offer) = self.offers.promised.iter_mut().find(to) {
            offer.who = None;
        }
    }

    /// A connection to a backend may be free: it is promised to whoever waits for it.
    pub(crate) fn offer(&mut self, cluster: Key, backend: BackendKey) {
        let Some(entry) = self.tables.clusters.get_mut(cluster) else { return };
        if entry.queue.is_empty() || !entry.group.has_room(backend) {
            return;
        }
        if !entry.group.promise(backend, self.now) {
            return self.offers.stirred.push(cluster);
        }
        match entry.queue.next(backend) {
            Some(who) => {
                self.offers.waiting -= 1;
                self.offers.promised.push_back(Offer { cluster, backend, who: Some(who) });
            }
            None => drop(entry.group.promise_kept(backend)),
        }
    }

    /// Something else is known of the backends of a cluster.
    pub(crate) fn stir(&mut self, cluster: Key) {
        let entry = self.tables.clusters.get(cluster);
        if entry.is_some_and(|entry| !entry.queue.is_empty()) {
            self.offers.stirred.push(cluster);
        }
    }

    /// Something else may be known of all backends.
    pub(crate) fn stir_all(&mut self) {
        if self.offers.waiting > 0 {
            let clusters = self.tables.clusters.iter();
            let queues = clusters.filter(|(_, entry)| !entry.queue.is_empty());
            self.offers.stirred.extend(queues.map(|(key, _)| key));
        }
    }
}

impl Worker {
    /// Lets sessions go on that waited for a backend.
    pub(crate) fn serve_queues(&mut self) {
        if self.cx.offers.deadline() <= self.cx.now {
            // Those who wait on say until when.
            self.cx.offers.until = None;
            self.cx.stir_all();
        }
        for cluster in std::mem::take(&mut self.cx.offers.stirred) {
            let entry = self.cx.tables.clusters.get(cluster);
            // Those that wait on are in the same order again.
            for _ in 0..entry.map_or(0, |entry| entry.queue.len()) {
                let entry = self.cx.tables.clusters.get_mut(cluster);
                let Some(who) = entry.and_then(|entry| entry.queue.pop()) else { break };
                self.cx.offers.waiting -= 1;
                self.resume(who, None);
            }
        }
        while let Some(Offer { cluster, backend, who }) = self.cx.offers.promised.pop_front() {
            if let Some(entry) = self.cx.tables.clusters.get_mut(cluster) {
                entry.group.promise_kept(backend);
            }
            if let Some(who) = who {
                self.resume(who, Some(backend));
            }
            // Whoever did not make use of it leaves it to the next one.
            self.cx.offer(cluster, backend);
        }
    }

    /// Lets a session go on that waited for a connection.
    pub(crate) fn resume(&mut self, who: Key, backend: Option<BackendKey>) {
        if let Some(session) = self.sessions.get_mut(who) {
            let alive = session.resume(backend, &mut self.cx);
            self.settle(who, alive);
        }
    }
}
