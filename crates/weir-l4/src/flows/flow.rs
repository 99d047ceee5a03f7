//! One flow, and how it is handed to another process.
//!
//! Must not know: other flows.

use std::net::SocketAddr;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use weir_base::{Instant, address_hash};

use super::Cause;

/// What makes datagrams of a listener belong together (`affinity_key`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Affinity {
    /// The address that they come from.
    #[default]
    SourceIp,
    /// The address and port that they come from.
    SourceIpPort,
}

/// Names a flow by what its datagrams have in common. It means the same in every process.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct FlowKey {
    /// Where the listener listens.
    pub listener: SocketAddr,
    /// Where the client sends from; port 0 where it does not matter.
    pub client: SocketAddr,
}

impl FlowKey {
    /// The key of a datagram from `client`.
    pub fn new(listener: SocketAddr, client: SocketAddr, affinity: Affinity) -> Self {
        let port = match affinity {
            Affinity::SourceIp => 0,
            Affinity::SourceIpPort => client.port(),
        };
        Self { listener, client: SocketAddr::new(client.ip(), port) }
    }

    /// Hash of the client, by which a policy with affinity chooses a backend: the same in every
    /// process and for every listener.
    pub fn affinity(&self, seed: u64) -> u64 {
        address_hash(self.client, seed)
    }
}

/// When a flow is over; fixed when it begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rules {
    /// After so long without a datagram: the shorter of `front_timeout` and `back_timeout`.
    pub idle: Duration,
    /// After so many datagrams of the client. 0: any number.
    pub requests: u32,
    /// After so many datagrams of the backend. 0: any number.
    pub responses: u32,
}

/// Datagrams that belong together.
#[derive(Clone, Debug)]
pub struct Flow<T> {
    /// What they have in common.
    pub key: FlowKey,
    /// Where the client's last datagram came from: responses go there.
    pub client: SocketAddr,
    /// When it is over.
    pub rules: Rules,
    /// Datagrams of the client.
    pub requests: u64,
    /// Datagrams of the backend.
    pub responses: u64,
    /// When it began.
    pub begun: Instant,
    /// What the caller keeps with it.
    pub data: T,
    /// When the last datagram came.
    pub(super) active: Instant,
}

/// A flow on its way to another process.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Saved {
    /// As [`Flow::key`].
    pub key: FlowKey,
    /// As [`Flow::client`].
    pub client: SocketAddr,
    /// As [`Flow::rules`].
    pub rules: Rules,
    /// As [`Flow::requests`].
    pub requests: u64,
    /// As [`Flow::responses`].
    pub responses: u64,
    /// How long ago it began.
    pub age: Duration,
    /// How long ago the last datagram came.
    pub idle: Duration,
}

impl<T> Flow<T> {
    pub(super) fn new(key: FlowKey, rules: Rules, data: T, now: Instant) -> Self {
        let client = key.client;
        Self { key, client, rules, requests: 0, responses: 0, begun: now, data, active: now }
    }

    /// What another process must know, besides the caller's data.
    pub fn save(&self, now: Instant) -> Saved {
        let Self { key, client, rules, requests, responses, .. } = *self;
        let (age, idle) = (now - self.begun, now - self.active);
        Saved { key, client, rules, requests, responses, age, idle }
    }

    pub(super) fn restore(saved: Saved, data: T, now: Instant) -> Self {
        let Saved { key, client, rules, requests, responses, age, idle } = saved;
        let (begun, active) = (before(now, age), before(now, idle));
        Self { key, client, rules, requests, responses, begun, data, active }
    }

    pub(super) fn count_request(&mut self, client: SocketAddr, now: Instant) {
        (self.client, self.active) = (client, now);
        self.requests += 1;
    }

    pub(super) fn count_response(&mut self, now: Instant) {
        self.active = now;
        self.responses += 1;
    }

    /// When the last datagram came.
    pub fn active_at(&self) -> Instant {
        self.active
    }

    /// When it is over if no datagram comes.
    pub fn due(&self) -> Instant {
        self.active + self.rules.idle
    }

    pub(super) fn limit_reached(&self) -> Option<Cause> {
        let reached = |count: u64, limit: u32| limit > 0 && count >= limit.into();
        if reached(self.responses, self.rules.responses) {
            return Some(Cause::Responses);
        }
        reached(self.requests, self.rules.requests).then_some(Cause::Requests)
    }
}

/// The instant `age` before `now`, as far as there was one.
fn before(now: Instant, age: Duration) -> Instant {
    let age = u64::try_from(age.as_micros()).unwrap_or(u64::MAX);
    Instant::from_micros(now.as_micros().saturating_sub(age))
}
