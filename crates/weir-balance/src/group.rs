//! The backends of one cluster, as one worker sees them: who belongs to it and what happened.

use std::time::Duration;

use weir_base::{Instant, Key, Slab};

use crate::backend::{Backend, BackendKey, Spec, View};
use crate::check::Checked;
use crate::ejection::EjectionRules;
use crate::health::State;
use crate::index::Index;
use crate::maglev::Maglev;
use crate::policy::{LoadBalancing, LoadMetric};
use crate::queue::Share;
use crate::tier::Tiers;

/// The backends of one cluster.
#[derive(Debug)]
pub struct Group {
    pub(crate) policy: LoadBalancing,
    pub(crate) metric: LoadMetric,
    /// Removed ones stay until their last release.
    pub(crate) backends: Slab<Backend>,
    ids: Index,
    pub(crate) sticky: Index,
    pub(crate) tiers: Tiers,
    counts: Counts,
    pub(crate) maglev: Maglev,
    pub(crate) rules: Rules,
    pub(crate) share: Share,
}

/// How many backends of a group there are that are not removed, and how many of them are so.
#[derive(Debug, Default)]
struct Counts {
    all: usize,
    down: usize,
    ejected: usize,
}

impl Counts {
    fn add(&mut self, backend: &Backend) {
        self.all += 1;
        self.down += usize::from(backend.is_down());
        self.ejected += usize::from(backend.ejection.is_ejected());
    }

    fn subtract(&mut self, backend: &Backend) {
        self.all -= 1;
        self.down -= usize::from(backend.is_down());
        self.ejected -= usize::from(backend.ejection.is_ejected());
    }
}

/// What holds for all backends of a group.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Rules {
    /// Checks are made: who joins has to pass one.
    pub checked: bool,
    /// How long a backend that comes back takes to get its whole share.
    pub slow_start: Duration,
    /// When backends are ejected for the outcome of their requests; `None`: never.
    pub ejection: Option<EjectionRules>,
}

/// A backend was refused: the group holds [`Group::CAPACITY`] already, removed ones that still
/// have something in flight included.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "the cluster has {} backends already, the most that it can have: remove one first",
    Group::CAPACITY
)]
pub struct GroupFull;

/// A change of health that is worth an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Transition {
    /// The backend counts as down from now on.
    BackendDown {
        /// It was the last one: every backend of the group is down.
        last: bool,
    },
    /// The backend was down and answers again.
    BackendUp {
        /// It is the first one: every backend of the group was down.
        first: bool,
    },
}

impl Group {
    /// The most backends a group can hold.
    pub const CAPACITY: usize = 16_384;

    /// A group without backends.
    pub fn new(policy: LoadBalancing, metric: LoadMetric) -> Self {
        Self {
            policy,
            metric,
            backends: Slab::growing(Self::CAPACITY),
            ids: Index::by(|spec| &spec.id),
            sticky: Index::by(Spec::sticky_value),
            tiers: Tiers::default(),
            counts: Counts::default(),
            rules: Rules::default(),
            share: Share::default(),
            maglev: Maglev::default(),
        }
    }

    /// Changes what holds for all backends, those that are there included.
    pub fn set_rules(&mut self, rules: Rules) {
        if std::mem::replace(&mut self.rules, rules) == rules {
            return;
        }
        self.change_all(|backend| {
            backend.check.switch(rules.checked);
            if rules.ejection.is_none() {
                backend.ejection.forgive();
            }
        });
    }

    /// Changes which part of what backends take is taken here.
    pub fn set_share(&mut self, share: Share) {
        let another = std::mem::replace(&mut self.share, share).index != share.index;
        for backend in self.backends.values_mut() {
            backend.most = share.of(backend.spec.max_connections);
            if another {
                backend.turn = self.tiers.first_turn(&backend.spec, share.index);
            }
        }
        if another {
            self.change_all(|_| {});
        }
    }

    /// Changes how backends are chosen from the next pick on.
    pub fn set_policy(&mut self, policy: LoadBalancing, metric: LoadMetric) {
        self.policy = policy;
        self.metric = metric;
        // Turns are in order only while the policy needs them.
        self.change_all(|_| {});
        self.maglev = Maglev::default();
        self.maglev.handle_change();
    }

    /// A table of keys is being made, by [`Group::make_table`].
    pub fn is_making_table(&self) -> bool {
        self.maglev.is_making()
    }

    /// Goes on with the table of keys, by so many steps of some 100 ns. Keys are where they were
    /// until it is there.
    pub fn make_table(&mut self, steps: usize) {
        self.maglev.go_on(steps);
    }

    /// When picks may find something else though nothing is told: a wait ends, or a share grows.
    pub fn next_change(&self) -> Instant {
        self.tiers.next_change()
    }

    /// Adds a backend, or changes the one of the same id.
    ///
    /// What is known of a backend survives a change of everything but its address: at another
    /// address it is another backend, and the old one is removed.
    pub fn upsert(&mut self, spec: Spec) -> Result<(), GroupFull> {
        match self.find(&spec.id) {
            Some((_, old)) if old.spec == spec => Ok(()),
            Some((key, old)) if old.spec.address == spec.address => {
                self.update(key, spec);
                Ok(())
            }
            Some((key, _)) => self.insert(spec).map(|()| drop(self.retire(key))),
            None => self.insert(spec),
        }
    }

    /// Removes a backend: it gets no more requests, what is in flight goes on.
    ///
    /// Gives its description back when nothing is in flight; otherwise the last release does.
    pub fn remove(&mut self, id: &str) -> Option<Spec> {
        let (key, _) = self.find(id)?;
        self.retire(key)
    }

    /// A connection to the backend is in use or being made. It counts until
    /// [`Group::connection_closed`].
    pub fn connection_opened(&mut self, key: BackendKey) {
        if let Some(backend) = self.backends.get_mut(key.0) {
            backend.load.connections += 1;
        }
    }

    /// A connection to the backend is gone. The description of a removed backend comes back with
    /// its last release: the key is stale from then on.
    pub fn connection_closed(&mut self, key: BackendKey) -> Option<Spec> {
        let connections = &mut self.backends.get_mut(key.0)?.load.connections;
        debug_assert!(*connections > 0, "a connection was closed that had not been opened");
        *connections = connections.saturating_sub(1);
        self.release(key.0)
    }

    /// One more connection to the backend may be in use.
    pub fn has_room(&self, key: BackendKey) -> bool {
        self.backends.get(key.0).is_some_and(|backend| !backend.removed && !backend.is_full())
    }

    /// Keeps a connection to the backend free for somebody who has waited for one, until
    /// [`Group::promise_kept`]. False when there is none, or when nobody may be sent there now.
    #[must_use]
    pub fn promise(&mut self, key: BackendKey, now: Instant) -> bool {
        self.settle(now);
        let fails_open = self.tiers.best().is_some_and(|tier| tier.rank.fails_open());
        let Some(backend) = self.backends.get_mut(key.0) else { return false };
        let held = backend.held_until(now).is_some() && !fails_open;
        let free = !backend.removed && !held && !backend.is_full();
        backend.load.promised += u32::from(free);
        free
    }

    /// Whoever was promised a connection makes it now, or is gone.
    pub fn promise_kept(&mut self, key: BackendKey) -> Option<Spec> {
        let promised = &mut self.backends.get_mut(key.0)?.load.promised;
        *promised = promised.saturating_sub(1);
        self.release(key.0)
    }

    /// A request was given to the backend. It counts until [`Group::request_finished`].
    pub fn request_started(&mut self, key: BackendKey) {
        if let Some(backend) = self.backends.get_mut(key.0) {
            backend.load.requests += 1;
        }
    }

    /// A request to the backend is over. As in [`Group::connection_closed`], the last release gives
    /// the description of a removed backend back.
    pub fn request_finished(&mut self, key: BackendKey) -> Option<Spec> {
        let requests = &mut self.backends.get_mut(key.0)?.load.requests;
        debug_assert!(*requests > 0, "a request was finished that had not been started");
        *requests = requests.saturating_sub(1);
        self.release(key.0)
    }

    /// A request to the backend took so long until its response began.
    pub fn handle_response_time(&mut self, key: BackendKey, took: Duration, now: Instant) {
        if let Some(backend) = self.backends.get_mut(key.0) {
            backend.load.handle_response_time(took, now);
        }
    }

    /// A new connection is being made. Nobody else makes one to a backend that failed before,
    /// until the outcome is known or another wait is over.
    pub fn handle_connect_begun(&mut self, key: BackendKey, now: Instant) {
        let Some(backend) = self.backends.get_mut(key.0) else { return };
        if backend.health.handle_attempt(now) {
            self.tiers.touch(key.0, backend);
        }
    }

    /// The connection begun at `begun` was established.
    pub fn handle_connect_success(
        &mut self,
        key: BackendKey,
        begun: Instant,
        now: Instant,
    ) -> Option<Transition> {
        let backend = self.backends.get_mut(key.0)?;
        backend.load.handle_connect_time(now - begun, now);
        if backend.health.state() == State::Up {
            return None;
        }
        self.change(key, |backend| backend.health.handle_success())
    }

    /// The connection begun at `begun` could not be established. `random` chooses for how long the
    /// backend is left alone.
    pub fn handle_connect_failure(
        &mut self,
        key: BackendKey,
        begun: Instant,
        now: Instant,
        random: u64,
    ) -> Option<Transition> {
        self.change(key, |backend| backend.health.handle_failure(begun, now, random))
    }

    /// Checks say whether the backend of that id can serve.
    pub fn handle_check(&mut self, id: &str, healthy: bool, now: Instant) -> Option<Transition> {
        let (key, backend) = self.find(id)?;
        let verdict = if healthy { Checked::Healthy } else { Checked::Unhealthy };
        if backend.check.verdict() == verdict {
            return None;
        }
        self.change(BackendKey(key), |backend| backend.check.handle(healthy, now))
    }

    /// A request to the backend was answered well, or not: a server error, a connection that broke,
    /// silence.
    pub fn handle_outcome(
        &mut self,
        key: BackendKey,
        good: bool,
        now: Instant,
    ) -> Option<Transition> {
        let rules = self.rules.ejection?;
        let can_spare_one = self.can_spare_one(&rules);
        let ejection = &mut self.backends.get_mut(key.0)?.ejection;
        let was_ejected = ejection.is_ejected();
        if good {
            return match ejection.handle_good(now) {
                true => self.change(key, |backend| {
                    backend.ejection.forgive();
                    backend.check.rise(now);
                }),
                false => None,
            };
        }
        if !ejection.handle_bad(&rules, now) || !(was_ejected || can_spare_one) {
            return None;
        }
        self.change(key, |backend| backend.ejection.eject(&rules, now))
    }

    /// One more may be ejected.
    fn can_spare_one(&self, rules: &EjectionRules) -> bool {
        let Counts { all, ejected, .. } = self.counts;
        (ejected + 1) * 100 <= all * usize::from(rules.most_percent)
    }

    /// What was configured for a backend.
    pub fn spec(&self, key: BackendKey) -> Option<&Spec> {
        self.backends.get(key.0).map(|backend| &backend.spec)
    }

    /// True when a backend was removed: its idle connections are of no use any more.
    pub fn is_removed(&self, key: BackendKey) -> bool {
        self.backends.get(key.0).is_none_or(|backend| backend.removed)
    }

    /// True when there are backends and all of them are down.
    pub fn is_out(&self) -> bool {
        self.counts.all > 0 && self.counts.down == self.counts.all
    }

    /// How many backends there are, removed ones with something in flight included.
    pub fn len(&self) -> usize {
        self.backends.len()
    }

    /// True when there are none.
    pub fn is_empty(&self) -> bool {
        self.backends.is_empty()
    }

    /// Every backend, removed ones with something in flight included.
    pub fn iter(&self, now: Instant) -> impl Iterator<Item = View<'_>> {
        self.backends.iter().map(move |(key, backend)| backend.view(key, now))
    }

    /// The backend of that id, unless it was removed.
    pub fn view_of(&self, id: &str, now: Instant) -> Option<View<'_>> {
        self.find(id).map(|(key, backend)| backend.view(key, now))
    }

    /// The description of the backend of that id, unless it was removed.
    pub fn spec_of(&self, id: &str) -> Option<&Spec> {
        self.find(id).map(|(_, backend)| &backend.spec)
    }

    /// The backend of that id, unless it was removed.
    pub fn key_of(&self, id: &str) -> Option<BackendKey> {
        self.find(id).map(|(key, _)| BackendKey(key))
    }

    fn find(&self, id: &str) -> Option<(Key, &Backend)> {
        self.ids.matching(&self.backends, id.as_bytes()).next()
    }

    /// Gives those their seats whose seats have changed.
    pub(crate) fn settle(&mut self, now: Instant) {
        self.tiers.settle(&mut self.backends, self.rules.slow_start, now);
    }

    fn insert(&mut self, spec: Spec) -> Result<(), GroupFull> {
        let turn = self.tiers.first_turn(&spec, self.share.index);
        let backend = Backend::new(spec, turn, self.rules.checked, self.share);
        let key = self.backends.insert(backend).map_err(|_| GroupFull)?;
        self.joined(key);
        Ok(())
    }

    fn update(&mut self, key: Key, spec: Spec) {
        self.left(key);
        if let Some(backend) = self.backends.get_mut(key) {
            backend.most = self.share.of(spec.max_connections);
            backend.spec = spec;
        }
        self.joined(key);
    }

    fn retire(&mut self, key: Key) -> Option<Spec> {
        self.left(key);
        self.tiers.remove(&mut self.backends, key);
        self.backends.get_mut(key)?.removed = true;
        self.release(key)
    }

    /// Finds and counts a backend.
    fn joined(&mut self, key: Key) {
        self.maglev.handle_change();
        self.ids.insert(&self.backends, key);
        self.sticky.insert(&self.backends, key);
        if let Some(backend) = self.backends.get_mut(key) {
            self.counts.add(backend);
            self.tiers.touch(key, backend);
        }
    }

    /// Undoes [`Group::joined`], except for the seat.
    fn left(&mut self, key: Key) {
        self.maglev.handle_change();
        self.ids.remove(&self.backends, key);
        self.sticky.remove(&self.backends, key);
        if let Some(backend) = self.backends.get(key) {
            self.counts.subtract(backend);
        }
    }

    /// Forgets a removed backend once nothing is in flight.
    fn release(&mut self, key: Key) -> Option<Spec> {
        let backend = self.backends.get(key)?;
        if backend.removed && backend.load.is_idle() {
            return self.backends.remove(key).map(|backend| backend.spec);
        }
        None
    }

    /// Applies `change` and says what it meant for the backend and for the group.
    fn change(&mut self, key: BackendKey, change: impl FnOnce(&mut Backend)) -> Option<Transition> {
        let was_out = self.is_out();
        let backend = self.backends.get_mut(key.0).filter(|backend| !backend.removed)?;
        let before = backend.is_down();
        self.counts.subtract(backend);
        change(backend);
        self.counts.add(backend);
        self.tiers.touch(key.0, backend);
        match (before, backend.is_down()) {
            (false, true) => Some(Transition::BackendDown { last: self.is_out() }),
            (true, false) => Some(Transition::BackendUp { first: was_out }),
            (true, true) | (false, false) => None,
        }
    }

    /// Applies `change` to all.
    fn change_all(&mut self, change: impl Fn(&mut Backend)) {
        self.counts = Counts::default();
        let keys: Vec<Key> = self.backends.iter().map(|(key, _)| key).collect();
        for key in keys {
            let Some(backend) = self.backends.get_mut(key) else { continue };
            change(backend);
            if !backend.removed {
                self.counts.add(backend);
                self.tiers.touch(key, backend);
            }
        }
    }
}

#[cfg(test)]
mod tests;
