//! Active health checks: every backend of a checked cluster is asked a question from time to time.
//!
//! One worker of the proxy asks, that of slot 0; main tells all workers what came of it. A cluster
//! has rounds, an interval apart; a backend that joins is asked at once. Must not know: what a
//! verdict does to the choice of backends.
//!
//! Invariants: at most [`MOST`] probes are under way, the others wait in line; a backend is in the
//! line at most once; probes take buffers like exchanges, and wait when there are none.

mod connection;
mod running;
mod talk;

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap, HashSet, VecDeque};
use std::rc::Rc;
use std::time::Duration;

use weir_balance::Tally;
use weir_base::{Address, Instant, Key, Slab};
use weir_control::state::Probe;
use weir_sys::Event;
use weir_telemetry::Counter;

use crate::context::Context;
use crate::tables::ClusterSettings;
use crate::upstream::Peer;
use running::{Running, Way};

/// Probes that are under way at once.
const MOST: usize = 64;

/// After that long a probe that found no buffers is tried again.
const PAUSE: Duration = Duration::from_millis(100);

/// A backend by the place of its cluster and its id.
type Target = (Key, Box<str>);

/// A verdict that is another one now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Judged {
    pub(crate) cluster: Key,
    pub(crate) backend: Box<str>,
    pub(crate) address: Address,
    pub(crate) healthy: bool,
}

/// All probes of a worker.
pub(crate) struct Probes {
    /// Rounds to come, with the schedule they belong to.
    rounds: BinaryHeap<Reverse<(Instant, Key, u64)>>,
    schedules: HashMap<Key, Schedule>,
    line: VecDeque<Target>,
    in_line: HashSet<Target>,
    running: Slab<Running>,
    ready: Vec<Key>,
    /// The line does not move before.
    paused_until: Instant,
    count: u64,
}

/// The rounds of a cluster.
struct Schedule {
    number: u64,
    tallies: HashMap<Box<str>, Tally>,
}

impl Probes {
    pub(crate) fn new() -> Self {
        Self {
            rounds: BinaryHeap::new(),
            schedules: HashMap::new(),
            line: VecDeque::new(),
            in_line: HashSet::new(),
            running: Slab::new(MOST),
            ready: Vec::new(),
            paused_until: Instant::default(),
            count: 0,
        }
    }

    /// A cluster is checked in another way, or not any more: its rounds begin anew.
    pub(crate) fn reschedule(&mut self, cluster: Key, cx: &Context) {
        let check = cx.tables.clusters.get(cluster).and_then(|c| c.settings.config.health.as_ref());
        if check.is_none() {
            self.schedules.remove(&cluster);
            return;
        }
        self.count += 1;
        let number = self.count;
        let schedule = self.schedules.entry(cluster);
        schedule.or_insert_with(|| Schedule { number, tallies: HashMap::new() }).number = number;
        self.rounds.push(Reverse((cx.now, cluster, number)));
    }

    /// A backend joined a cluster.
    pub(crate) fn greet(&mut self, cluster: Key, backend: Box<str>) {
        if self.schedules.contains_key(&cluster) {
            self.queue((cluster, backend));
        }
    }

    /// What was known before this worker began.
    pub(crate) fn remember(&mut self, cluster: Key, backend: &str, healthy: bool) {
        if let Some(schedule) = self.schedules.get_mut(&cluster) {
            let tally = schedule.tallies.entry(backend.into());
            tally.or_insert_with(|| Tally::judged(healthy));
        }
    }

    pub(crate) fn handle_event(&mut self, key: Key, event: Event) {
        if let Some(running) = self.running.get_mut(key) {
            running.handle_event(event);
            self.ready.push(key);
        }
    }

    /// When [`Probes::turn`] has something to do.
    pub(crate) fn deadline(&self) -> Instant {
        let round = self.rounds.peek().map_or(Instant::FAR, |Reverse((at, ..))| *at);
        let waits = !self.line.is_empty() && !self.running.is_full();
        let line = if waits { self.paused_until } else { Instant::FAR };
        let probes = self.running.iter().map(|(_, running)| running.deadline);
        probes.fold(round.min(line), Instant::min)
    }

    /// One turn: moves on what can be moved on. The verdicts that are other ones now.
    pub(crate) fn turn(&mut self, cx: &mut Context) -> Vec<Judged> {
        let mut judged = Vec::new();
        for key in std::mem::take(&mut self.ready) {
            self.drive(key, cx, &mut judged);
        }
        self.expire(cx, &mut judged);
        self.begin_rounds(cx);
        self.begin_probes(cx, &mut judged);
        judged
    }

    fn begin_rounds(&mut self, cx: &Context) {
        while let Some(Reverse((at, cluster, number))) = self.rounds.peek().copied()
            && at <= cx.now
        {
            self.rounds.pop();
            let Some(schedule) = self.schedules.get_mut(&cluster) else { continue };
            let known = cx.tables.clusters.get(cluster);
            let check = known.and_then(|known| known.settings.config.health.as_ref());
            let (Some(known), Some(check)) = (known, check) else {
                self.schedules.remove(&cluster);
                continue;
            };
            if schedule.number != number {
                continue;
            }
            let views = known.group.iter(cx.now).filter(|view| !view.removed);
            let ids: Vec<Box<str>> = views.map(|view| view.spec.id.clone()).collect();
            let there: HashSet<&str> = ids.iter().map(|id| &**id).collect();
            schedule.tallies.retain(|id, _| there.contains(&**id));
            self.rounds.push(Reverse((cx.now + check.interval, cluster, number)));
            for id in ids {
                self.queue((cluster, id));
            }
        }
    }

    fn queue(&mut self, target: Target) {
        if self.in_line.insert(target.clone()) {
            self.line.push_back(target);
        }
    }

    fn begin_probes(&mut self, cx: &mut Context, judged: &mut Vec<Judged>) {
        while !self.running.is_full() && self.paused_until <= cx.now {
            let Some(target) = self.line.pop_front() else { return };
            self.in_line.remove(&target);
            let Some((settings, way)) = way_to(&target, cx) else { continue };
            let Some(check) = settings.config.health.as_ref() else { continue };
            let (epoll, pool) = (&cx.epoll, &mut cx.buffers);
            let again = target.clone();
            let begin = |key| match Running::begin(key, target, (way, check), epoll, pool) {
                Ok(begun) => begun.ok_or(Failed::NoBuffers),
                Err(_) => Err(Failed::Io),
            };
            match self.running.insert_with(begin) {
                Some(Ok(key)) => self.drive(key, cx, judged),
                Some(Err(Failed::NoBuffers)) => {
                    self.paused_until = cx.now + PAUSE;
                    self.queue(again);
                }
                Some(Err(Failed::Io)) | None => self.conclude(&again, false, cx, judged),
            }
        }
    }

    fn drive(&mut self, key: Key, cx: &mut Context, judged: &mut Vec<Judged>) {
        let Some(running) = self.running.get_mut(key) else { return };
        let cluster = cx.tables.clusters.get(running.cluster);
        let settings = cluster.map(|cluster| Rc::clone(&cluster.settings));
        let check = settings.as_ref().and_then(|settings| settings.config.health.as_ref());
        let Some(check) = check else { return self.end(key, cx) };
        if let Some(passed) = running.drive(check, &cx.epoll, cx.now, &mut cx.buffers) {
            let target = (running.cluster, running.backend.clone());
            self.end(key, cx);
            self.conclude(&target, passed, cx, judged);
        }
    }

    fn expire(&mut self, cx: &mut Context, judged: &mut Vec<Judged>) {
        let late = self.running.iter().filter(|(_, running)| running.deadline <= cx.now);
        let late: Vec<Key> = late.map(|(key, _)| key).collect();
        for key in late {
            let Some(running) = self.running.get(key) else { continue };
            let target = (running.cluster, running.backend.clone());
            self.end(key, cx);
            self.conclude(&target, false, cx, judged);
        }
    }

    fn end(&mut self, key: Key, cx: &mut Context) {
        if let Some(running) = self.running.remove(key) {
            running.end(&mut cx.buffers);
        }
    }

    fn conclude(
        &mut self,
        target: &Target,
        passed: bool,
        cx: &mut Context,
        judged: &mut Vec<Judged>,
    ) {
        cx.observe.count(if passed { Counter::CheckSuccess } else { Counter::CheckFailure });
        let (cluster, backend) = (target.0, &target.1);
        let Some(known) = cx.tables.clusters.get(cluster) else { return };
        let Some(check) = &known.settings.config.health else { return };
        let Some(spec) = known.group.spec_of(backend) else { return };
        let Some(schedule) = self.schedules.get_mut(&cluster) else { return };
        let tally = schedule.tallies.entry(backend.clone()).or_default();
        if let Some(healthy) = tally.handle(passed, check.rise, check.fall) {
            let (backend, address) = (backend.clone(), spec.address.clone());
            judged.push(Judged { cluster, backend, address, healthy });
        }
    }
}

/// Why a probe was not begun.
enum Failed {
    NoBuffers,
    Io,
}

/// How a backend is asked.
fn way_to((cluster, backend): &Target, cx: &Context) -> Option<(Rc<ClusterSettings>, Way)> {
    let known = cx.tables.clusters.get(*cluster)?;
    let settings = Rc::clone(&known.settings);
    let check = settings.config.health.as_ref()?;
    let own = &known.group.spec_of(backend)?.address;
    let mut address = own.clone();
    if let (Address::Ip(address), Some(port)) = (&mut address, check.port) {
        address.set_port(port);
    }
    let datagrams = match &check.probe {
        Probe::Udp { connect: true, .. } => own.ip(),
        _ => address.ip(),
    };
    let streams = settings.config.http2;
    let peer = match &settings.tls {
        Some(tls) => Peer::tls(address, streams, tls, b""),
        None => Peer::clear(address, streams),
    };
    let deadline = cx.now + check.timeout;
    Some((settings, Way { peer, datagrams, deadline }))
}
