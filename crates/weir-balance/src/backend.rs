//! One backend of a group: what was configured, and what is known.

use weir_base::{Address, Instant, Key};

use crate::check::{Check, Checked};
use crate::ejection::Ejection;
use crate::health::{Health, State};
use crate::load::Load;
use crate::queue::Share;
use crate::tier::Seat;

/// Names a backend of one [`crate::Group`]. Once the backend is removed and released, the key finds
/// nothing: calls with it have no effect.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct BackendKey(pub(crate) Key);

impl BackendKey {
    /// A place of its own among the backends of the group; below [`crate::Group::CAPACITY`].
    pub fn index(self) -> usize {
        self.0.index()
    }
}

/// A backend as the configuration describes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Spec {
    /// Its identity in the group.
    pub id: Box<str>,
    /// Where it listens.
    pub address: Address,
    /// Share of the traffic, relative to the others. 0: only when no other is left.
    pub weight: u8,
    /// Cookie value of sticky sessions; the id when absent.
    pub sticky_id: Option<Box<str>>,
    /// Used only when no primary is usable.
    pub backup: bool,
    /// Connections to it that may be in use, in all workers together.
    pub max_connections: Option<u32>,
}

impl Spec {
    /// The cookie value that keeps a client on this backend.
    pub fn sticky_value(&self) -> &str {
        self.sticky_id.as_deref().unwrap_or(&self.id)
    }
}

/// A backend for display.
#[derive(Clone, Copy, Debug)]
pub struct View<'a> {
    /// Its name for calls.
    pub key: BackendKey,
    /// What was configured.
    pub spec: &'a Spec,
    /// What its connections say of it.
    pub state: State,
    /// What checks say of it.
    pub checked: Checked,
    /// It was ejected for the outcome of its requests.
    pub ejected: bool,
    /// When it is tried again, if it is being left alone.
    pub held_until: Option<Instant>,
    /// Open connections, those being made included.
    pub connections: u32,
    /// Requests in flight.
    pub requests: u32,
    /// Removed; only what is in flight is left.
    pub removed: bool,
}

impl View<'_> {
    /// It does not count as down.
    pub fn is_available(&self) -> bool {
        self.state != State::Down && self.checked != Checked::Unhealthy && !self.ejected
    }
}

/// What the group keeps about a backend.
#[derive(Debug)]
pub(crate) struct Backend {
    pub(crate) spec: Spec,
    pub(crate) health: Health,
    pub(crate) check: Check,
    pub(crate) ejection: Ejection,
    pub(crate) load: Load,
    /// Place in the weighted order, see [`crate::tier`].
    pub(crate) turn: u64,
    /// Where it is among those that may be chosen.
    pub(crate) seat: Option<Seat>,
    /// Its date in the agenda: when its seat is to be looked at.
    pub(crate) look_at: Instant,
    /// Hash of its address: its identity for the policies that go by a key, in every worker and
    /// whatever its id. Backends of one address are one backend to them.
    pub(crate) hash: u64,
    pub(crate) removed: bool,
    /// Connections that may be in use here.
    pub(crate) most: u32,
}

impl Backend {
    pub(crate) fn new(spec: Spec, turn: u64, checked: bool, share: Share) -> Self {
        let (health, load, ejection) = Default::default();
        let most = share.of(spec.max_connections);
        let (check, hash) = (Check::new(checked), spec.address.hash(0));
        let (seat, look_at, removed) = (None, Instant::FAR, false);
        Self { spec, health, check, ejection, load, turn, seat, look_at, hash, removed, most }
    }

    /// No more connections may be in use.
    pub(crate) fn is_full(&self) -> bool {
        self.load.connections + self.load.promised >= self.most
    }

    /// It counts as down: no traffic is meant for it.
    pub(crate) fn is_down(&self) -> bool {
        self.health.state() == State::Down
            || self.check.verdict() == Checked::Unhealthy
            || self.ejection.is_ejected()
    }

    /// Until when it is to be left alone, if it is.
    pub(crate) fn held_until(&self, now: Instant) -> Option<Instant> {
        match self.check.verdict() {
            Checked::Unhealthy => Some(Instant::FAR),
            Checked::Not | Checked::Unproven | Checked::Healthy => {
                self.health.held_until(now).max(self.ejection.held_until(now))
            }
        }
    }

    pub(crate) fn view(&self, key: Key, now: Instant) -> View<'_> {
        View {
            key: BackendKey(key),
            spec: &self.spec,
            state: self.health.state(),
            checked: self.check.verdict(),
            ejected: self.ejection.is_ejected(),
            held_until: self.held_until(now),
            connections: self.load.connections,
            requests: self.load.requests,
            removed: self.removed,
        }
    }
}
