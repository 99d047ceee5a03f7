//! Metrics for statsd: once a second, what has changed since the last time, in datagrams.
//!
//! Must not know: what a metric means.
//!
//! Invariant: nothing here waits. What a socket does not take at once is lost and counted; what a
//! sink that is away has missed is not sent later.

mod lines;

use std::collections::{BTreeMap, HashMap};
use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use weir_base::Instant;
use weir_control::metrics::{Measured, OfCluster, Sample, StatsdPlan, Value};
use weir_telemetry::Gauge;

use lines::{Labels, Lines};

/// Time between two rounds.
const PERIOD: Duration = Duration::from_secs(1);

/// What a worker had counted when its first answer comes this early was counted since its start.
const YOUNG: u64 = 5;

/// Where metrics go, and what was sent.
pub(super) struct Statsd {
    plan: StatsdPlan,
    socket: Option<UdpSocket>,
    /// When the next round begins.
    pub(super) next: Instant,
    sent: Sent,
}

/// What was sent: another image of main goes on from there.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(super) struct Sent {
    /// What main had measured.
    main: Known,
    /// What each worker had measured, by process id.
    last: HashMap<i32, Last>,
    /// Datagrams that were not sent.
    dropped: u64,
}

/// Samples by name.
type Known = HashMap<String, Value>;

/// What a worker had measured.
#[derive(Debug, Default, Serialize, Deserialize)]
struct Last {
    proxy: Known,
    clusters: HashMap<String, (Known, HashMap<String, Known>)>,
}

impl Statsd {
    /// Goes on where this much was sent.
    pub(super) fn new(plan: StatsdPlan, sent: Sent, now: Instant) -> Self {
        Self { plan, socket: None, next: now, sent }
    }

    pub(super) fn sent(&self) -> &Sent {
        &self.sent
    }

    /// Datagrams that were not sent.
    pub(super) fn dropped(&self) -> u64 {
        self.sent.dropped
    }

    /// Whether a round begins, and the next one is due later.
    pub(super) fn begins(&mut self, now: Instant) -> bool {
        let due = self.next <= now;
        if due {
            self.next = now + PERIOD;
        }
        due
    }

    /// Everything that a worker has counted is to be asked for, not only what has changed.
    pub(super) fn is_new(&self, pids: &[i32]) -> bool {
        pids.iter().any(|pid| !self.sent.last.contains_key(pid))
    }

    /// Sends what has changed. `found` is by process id and slot; `serves` says what clusters there
    /// still are.
    pub(super) fn send(
        &mut self,
        main: Vec<Sample>,
        found: BTreeMap<(i32, u16), Measured>,
        serves: impl Fn(&str) -> bool,
    ) {
        let plan = self.plan.clone();
        let mut lines = Lines::new(&plan);
        changes(&mut self.sent.main, main, &Labels::process("MAIN"), &mut lines);
        for ((pid, slot), measured) in found {
            let origin = format!("WRK-{slot:02}");
            match self.sent.last.get_mut(&pid) {
                Some(last) => last.changes(&origin, measured, &mut lines),
                None => {
                    let mut last = Last::default();
                    let young = is_young(&measured);
                    let mut unheard = Lines::new(&plan);
                    let to = if young { &mut lines } else { &mut unheard };
                    last.changes(&origin, measured, to);
                    self.sent.last.insert(pid, last);
                }
            }
        }
        self.sent.last.values_mut().for_each(|last| last.clusters.retain(|id, _| serves(id)));
        for datagram in lines.datagrams() {
            if self.send_one(datagram.as_bytes()).is_err() {
                self.sent.dropped += 1;
            }
        }
    }

    /// Forgets workers that have ended.
    pub(super) fn retain(&mut self, lives: impl Fn(i32) -> bool) {
        self.sent.last.retain(|pid, _| lives(*pid));
    }

    fn send_one(&mut self, datagram: &[u8]) -> io::Result<()> {
        if self.socket.is_none() {
            let any: SocketAddr = match self.plan.address {
                SocketAddr::V4(_) => (Ipv4Addr::UNSPECIFIED, 0).into(),
                SocketAddr::V6(_) => (Ipv6Addr::UNSPECIFIED, 0).into(),
            };
            let socket = UdpSocket::bind(any)?;
            socket.set_nonblocking(true)?;
            self.socket = Some(socket);
        }
        let Some(socket) = &self.socket else { return Ok(()) };
        socket.send_to(datagram, self.plan.address).map(|_| ())
    }
}

fn is_young(measured: &Measured) -> bool {
    let uptime = measured.proxy.iter().find(|sample| sample.name == Gauge::Uptime.name());
    uptime.is_some_and(|sample| matches!(sample.value, Value::Gauge(seconds) if seconds < YOUNG))
}

impl Last {
    /// Adds lines for what differs from the last time, which `measured` is from now on.
    fn changes(&mut self, origin: &str, measured: Measured, lines: &mut Lines<'_>) {
        let labels = Labels::process(origin);
        changes(&mut self.proxy, measured.proxy, &labels, lines);
        for OfCluster { id, own, backends } in measured.clusters {
            let labels = Labels { cluster: Some(&id), ..labels };
            let (known, known_backends) = self.clusters.entry(id.clone()).or_default();
            changes(known, own, &labels, lines);
            for (id, samples) in backends {
                let labels = Labels { backend: Some(&id), ..labels };
                let known = known_backends.entry(id.clone()).or_default();
                changes(known, samples, &labels, lines);
            }
        }
    }
}

fn changes(known: &mut Known, samples: Vec<Sample>, labels: &Labels<'_>, lines: &mut Lines<'_>) {
    for Sample { name, value } in samples {
        let before = known.get(&*name);
        if let Some(change) = change(before, &value) {
            lines.add(labels, &name, &change);
        }
        if before != Some(&value) {
            known.insert(name.into_owned(), value);
        }
    }
}

/// What is new; of a gauge, all of it.
fn change(before: Option<&Value>, now: &Value) -> Option<Value> {
    match (before, now) {
        (Some(before), now) if before == now => None,
        // Less than before: it was counted from 0 again.
        (Some(Value::Count(before)), Value::Count(now)) if before < now => {
            Some(Value::Count(now - before))
        }
        (Some(Value::Times(before)), Value::Times(now)) if before.sum <= now.sum => {
            let had = |value| {
                let found = before.buckets.iter().find(|(known, _)| *known == value);
                found.map_or(0, |(_, n)| *n)
            };
            let buckets =
                now.buckets.iter().map(|(value, n)| (*value, n.saturating_sub(had(*value))));
            let buckets = buckets.filter(|(_, n)| *n > 0).collect();
            Some(Value::Times(weir_control::metrics::Times { buckets, ..now.clone() }))
        }
        (_, now) => Some(now.clone()),
    }
}

#[cfg(test)]
mod tests;
