//! A cluster in virtual time: what happens when, and what comes of it.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::time::Duration;

use fastrand::Rng;
use weir_balance::breaker::{State, Ticket};
use weir_balance::{BackendKey, LoadBalancing, LoadMetric, Pick, Room, Share, Transition};
use weir_base::{Instant, Key, Slab};

use crate::look;
use crate::server::{Condition, Outcome, Seen, Server};
use crate::worker::{EJECTION, MOST_QUEUED, PATIENCE, SLOW_START, Worker};

pub(crate) const WORKERS: usize = 3;
pub(crate) const SERVERS: usize = 16;
/// So many of them fail only when all do.
pub(crate) const STEADY: usize = 4;
/// So many of them leave the cluster and join it again.
const COMERS: usize = 4;

/// Virtual time in which servers fail, and in which, when all are back, shares are counted.
const TROUBLE: Duration = Duration::from_secs(3600);
const PEACE: Duration = Duration::from_secs(600);

pub(crate) const CHECK_INTERVAL: Duration = Duration::from_secs(5);
pub(crate) const RISE: u32 = 2;
const FALL: u32 = 3;
const ATTEMPTS: usize = 3;
/// Nobody is sent to who has been gone for so long, and after so long somebody can be tried.
const NOTICED: Duration = Duration::from_secs(5 * FALL as u64 + 1);
pub(crate) const TRIED_AGAIN: Duration = Duration::from_secs(64);
pub(crate) const LONGEST_OPEN: Duration = Duration::from_secs(30);

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Event {
    Arrival,
    Check(usize),
    /// A worker hears what checks say of a server that has joined for the n-th time.
    Verdict {
        worker: usize,
        server: usize,
        times: u32,
        healthy: bool,
    },
    Change(usize),
    /// A server leaves, or joins.
    Membership(usize),
    /// All servers are gone, or back.
    Blackout(bool),
    /// All but the steady ones answer badly, or well again.
    Epidemic(bool),
    /// Many requests come, each of which takes long; or it is over.
    Rush(bool),
    /// A request to a server ends.
    End(Key),
    /// A request has waited for as long as it may.
    Deadline(Key),
    /// Nothing fails any more.
    Peace,
    /// Whether all are back.
    Settle,
}

struct Request {
    worker: usize,
    hash: u64,
    ticket: Ticket,
    tried: Vec<BackendKey>,
    /// Since when it has waited, or had to wait.
    waits: Option<Instant>,
    at: Option<At>,
}

/// A request that was sent.
#[derive(Clone, Copy)]
struct At {
    key: BackendKey,
    begun: Instant,
    outcome: Outcome,
}

/// What happened in a run.
#[derive(Debug, Default)]
pub(crate) struct Account {
    pub(crate) requests: u64,
    pub(crate) served: u64,
    pub(crate) failed: u64,
    pub(crate) refused: u64,
    pub(crate) overrun: u64,
    pub(crate) retries: u64,
    pub(crate) waited: u64,
    pub(crate) failed_open: u64,
    pub(crate) opened: u64,
    pub(crate) changes: u64,
    pub(crate) joined: u64,
    pub(crate) transitions: u64,
    pub(crate) recoveries: u64,
    /// Picks of those that came back, and what they would get if all were alike: early in their
    /// slow start, and after it.
    picks: [f64; 2],
    fair: [f64; 2],
}

impl Account {
    pub(crate) fn early_and_late(&self) -> [f64; 2] {
        [self.picks[0] / self.fair[0], self.picks[1] / self.fair[1]]
    }
}

pub(crate) struct World {
    policy: LoadBalancing,
    pub(crate) rng: Rng,
    pub(crate) now: Instant,
    /// Known when all are back.
    end: Instant,
    pub(crate) workers: Vec<Worker>,
    pub(crate) servers: Vec<Server>,
    requests: Slab<Request>,
    events: BinaryHeap<Reverse<(Instant, u64, Event)>>,
    next: u64,
    pub(crate) peace: bool,
    /// All servers are gone, or were a moment ago.
    pub(crate) dark: bool,
    pub(crate) dark_until: Instant,
    /// Many answer badly.
    pub(crate) ill: bool,
    pub(crate) busy: bool,
    /// Picks in the time when shares are counted.
    shares: [[u64; SERVERS]; WORKERS],
    pub(crate) account: Account,
}

impl World {
    pub(crate) fn new(seed: u64, policy: LoadBalancing, metric: LoadMetric) -> Self {
        let now = Instant::from_micros(1_000_000);
        let share = |index| Share { index, count: WORKERS as u16 };
        let worker = |index| Worker::new(policy, metric, share(index), now);
        let mut world = Self {
            policy,
            rng: Rng::with_seed(seed),
            now,
            end: Instant::FAR,
            workers: (0..WORKERS as u16).map(worker).collect(),
            servers: (0..SERVERS).map(|id| Server::new(id, WORKERS, now)).collect(),
            requests: Slab::growing(100_000),
            events: BinaryHeap::new(),
            next: 0,
            peace: false,
            dark: false,
            dark_until: now,
            ill: false,
            busy: false,
            shares: [[0; SERVERS]; WORKERS],
            account: Account::default(),
        };
        world.begin();
        world
    }

    fn begin(&mut self) {
        for id in 0..SERVERS {
            for worker in &mut self.workers {
                worker.group.upsert(self.servers[id].spec.clone()).expect("room");
            }
            self.after(Duration::from_millis(100 * id as u64), Event::Check(id));
            if id >= STEADY {
                self.after(Duration::from_secs(60 + 20 * id as u64), Event::Change(id));
            }
            if id >= SERVERS - COMERS {
                self.after(Duration::from_secs(30 * id as u64), Event::Membership(id));
            }
        }
        self.after(Duration::from_secs(5), Event::Arrival);
        self.after(Duration::from_secs(600), Event::Rush(true));
        self.after(Duration::from_secs(900), Event::Blackout(true));
        self.after(Duration::from_secs(1_500), Event::Epidemic(true));
        self.after(TROUBLE, Event::Peace);
    }

    /// Until nothing happens any more.
    pub(crate) fn run(&mut self) {
        while let Some(Reverse((at, _, event))) = self.events.pop() {
            self.now = at;
            match event {
                Event::Arrival => self.arrive(),
                Event::Check(id) => self.check(id),
                Event::Verdict { worker, server, times, healthy } => {
                    self.hear(worker, server, times, healthy);
                }
                Event::Change(id) => self.change(id),
                Event::Membership(id) => self.change_membership(id),
                Event::Blackout(begins) => self.black_out(begins),
                Event::Epidemic(begins) => self.break_out(begins),
                Event::Rush(begins) => self.rush(begins),
                Event::End(request) => self.finish(request),
                Event::Deadline(request) => self.give_up(request),
                Event::Peace => self.make_peace(),
                Event::Settle => self.settle(),
            }
        }
    }

    pub(crate) fn after(&mut self, wait: Duration, event: Event) {
        self.events.push(Reverse((self.now + wait, self.next, event)));
        self.next += 1;
    }

    pub(crate) fn after_seconds(&mut self, range: std::ops::Range<u64>, event: Event) {
        let wait = Duration::from_secs(self.rng.u64(range));
        self.after(wait, event);
    }

    /// A request comes; the next one at a random distance.
    fn arrive(&mut self) {
        if self.now >= self.end {
            return;
        }
        let most = if self.busy { 5_000 } else { 200_000 };
        let wait = Duration::from_micros(self.rng.u64(0..most));
        self.after(wait, Event::Arrival);
        self.account.requests += 1;
        let index = self.rng.usize(0..WORKERS);
        let Some(ticket) = self.workers[index].admit(self.now) else {
            self.account.refused += 1;
            return;
        };
        let (hash, tried) = (self.rng.u64(..), Vec::new());
        let request = Request { worker: index, hash, ticket, tried, waits: None, at: None };
        let id = self.requests.insert(request).ok().expect("room for requests");
        self.choose(id);
    }

    fn choose(&mut self, id: Key) {
        let request = self.requests.get(id).expect("a request");
        let (index, now, rng) = (request.worker, self.now, &mut self.rng);
        let group = &mut self.workers[index].group;
        let mut random = || rng.u64(..);
        let pick = group.pick_by_hash(now, request.hash, &mut random, &request.tried);
        group.make_table(10_000);
        let pick = pick.expect("there are backends");
        self.look_at_pick(id, &pick);
        match pick.room {
            Room::Free => self.send(id, pick.key),
            Room::NowhereFree => self.wait(id, None),
            Room::NotThere => self.wait(id, Some(pick.key)),
        }
    }

    fn look_at_pick(&mut self, id: Key, pick: &Pick) {
        let request = self.requests.get(id).expect("a request");
        let (index, server) = (request.worker, self.server_of(request.worker, pick.key));
        let gone =
            !self.servers[server].passes() && self.now > self.servers[server].since + NOTICED;
        self.account.failed_open += u64::from(pick.fail_open);
        if !self.dark && self.now > self.dark_until + TRIED_AGAIN {
            assert!(!pick.fail_open, "there are those that never fail");
            assert!(!gone, "everybody knows that {server} is gone");
        }
        let sampled = self.account.requests.is_multiple_of(4);
        if sampled {
            look::at_pick(&self.workers[index].group, self.now, pick, &request.tried);
        }
        // When all begin anew, nobody has less than the others.
        if sampled && self.now > self.dark_until + 2 * SLOW_START {
            self.count_shares(index, server);
        }
        if self.is_settled() {
            self.shares[index][server] += 1;
        }
        let (now, server) = (self.now, &mut self.servers[server]);
        if server.condition == Condition::Good && !server.seen[index].served && !pick.fail_open {
            server.look_at_recovery(index, now);
            server.seen[index].served = true;
            self.account.recoveries += 1;
        }
    }

    fn server_of(&self, worker: usize, key: BackendKey) -> usize {
        let spec = self.workers[worker].group.spec(key).expect("a backend");
        spec.id.parse().expect("a number")
    }

    /// What those that have come back get of this request, and what they would if all were alike.
    fn count_shares(&mut self, index: usize, picked: usize) {
        let usable: Vec<usize> = self.workers[index]
            .group
            .iter(self.now)
            .filter(|view| view.is_available() && view.held_until.is_none() && !view.removed)
            .map(|view| view.spec.id.parse().expect("a number"))
            .collect();
        let weight = |id: &usize| f64::from(self.servers[*id].spec.weight);
        let all: f64 = usable.iter().map(weight).sum();
        for id in &usable {
            let Some(phase) = self.servers[*id].phase(index, self.now) else { continue };
            self.account.fair[phase] += weight(id) / all;
            self.account.picks[phase] += f64::from(u8::from(*id == picked));
        }
    }

    fn send(&mut self, id: Key, key: BackendKey) {
        let now = self.now;
        let request = self.requests.get(id).expect("a request");
        let (index, waited) = (request.worker, request.waits);
        let server = self.server_of(index, key);
        let worker = &mut self.workers[index];
        worker.group.connection_opened(key);
        worker.group.request_started(key);
        worker.look_at_room(key, Share { index: index as u16, count: WORKERS as u16 }, now);
        worker.group.handle_connect_begun(key, now);
        let (outcome, wait) = self.servers[server].answer(&mut self.rng, self.busy);
        if outcome != Outcome::NotConnected {
            let change = worker.group.handle_connect_success(key, now, now);
            self.note(change, index);
        }
        if let Some(since) = waited {
            assert!(now <= since + PATIENCE, "it has waited for too long");
        }
        let request = self.requests.get_mut(id).expect("a request");
        request.at = Some(At { key, begun: now, outcome });
        self.after(wait, Event::End(id));
    }

    fn wait(&mut self, id: Key, wants: Option<BackendKey>) {
        let request = self.requests.get_mut(id).expect("a request");
        let queue = &mut self.workers[request.worker].queue;
        if queue.join(id, wants, MOST_QUEUED).is_err() {
            return self.leave(id, |account| &mut account.overrun, false);
        }
        assert!(queue.len() <= MOST_QUEUED as usize);
        if request.waits.is_none() {
            request.waits = Some(self.now);
            self.after(PATIENCE, Event::Deadline(id));
        }
    }

    /// It has waited for long enough, if it still does.
    fn give_up(&mut self, id: Key) {
        let Some(request) = self.requests.get(id) else { return };
        let worker = &mut self.workers[request.worker];
        if !worker.queue.leave(id) {
            assert!(request.at.is_some(), "it neither waits nor was sent");
            return;
        }
        self.leave(id, |account| &mut account.overrun, false);
    }

    /// A request that was sent is over: well, or badly, or it is sent again.
    fn finish(&mut self, id: Key) {
        let now = self.now;
        let request = self.requests.get_mut(id).expect("a request");
        let At { key, begun, outcome } = request.at.take().expect("it was sent");
        let index = request.worker;
        let random = self.rng.u64(..);
        let worker = &mut self.workers[index];
        let change = match outcome {
            Outcome::NotConnected => worker.group.handle_connect_failure(key, begun, now, random),
            Outcome::Good | Outcome::Bad => {
                worker.group.handle_response_time(key, now - begun, now);
                None
            }
        };
        let good = outcome == Outcome::Good;
        let ejected = worker.group.handle_outcome(key, good, now);
        if let Some(Transition::BackendDown { .. }) = ejected {
            look::at_ejection(&worker.group, now, EJECTION.most_percent);
        }
        worker.group.request_finished(key);
        worker.group.connection_closed(key);
        self.note_risen(ejected, index, key);
        self.note(change, index);
        self.note(ejected, index);
        self.offer(index, key);
        match outcome {
            Outcome::Good if self.requests.get(id).is_some_and(|it| it.waits.is_some()) => {
                self.account.waited += 1;
                self.leave(id, |account| &mut account.served, true);
            }
            Outcome::Good => self.leave(id, |account| &mut account.served, true),
            // A bad answer is passed on: nothing is sent again.
            Outcome::Bad => self.leave(id, |account| &mut account.failed, false),
            Outcome::NotConnected => self.send_again(id, key),
        }
    }

    fn send_again(&mut self, id: Key, failed: BackendKey) {
        let request = self.requests.get_mut(id).expect("a request");
        request.tried.push(failed);
        let worker = &mut self.workers[request.worker];
        // Whoever was patient once has no time left.
        let in_time = request.waits.is_none_or(|since| self.now < since + PATIENCE);
        if request.tried.len() < ATTEMPTS && in_time && worker.may_retry(self.now) {
            self.account.retries += 1;
            return self.choose(id);
        }
        self.leave(id, |account| &mut account.failed, false);
    }

    fn leave(&mut self, id: Key, end: impl Fn(&mut Account) -> &mut u64, good: bool) {
        let request = self.requests.remove(id).expect("a request");
        *end(&mut self.account) += 1;
        let opens = self.workers[request.worker].handle_end(request.ticket, good, self.now);
        self.account.opened += u64::from(opens);
        if self.is_settled() {
            assert!(good, "nothing fails any more");
        }
    }

    /// A connection has become free: it is for whoever has waited longest.
    fn offer(&mut self, index: usize, key: BackendKey) {
        let worker = &mut self.workers[index];
        if worker.queue.is_empty() || !worker.group.has_room(key) {
            return;
        }
        if !worker.group.promise(key, self.now) {
            return self.stir(index);
        }
        let next = worker.queue.next(key);
        worker.group.promise_kept(key);
        if let Some(id) = next {
            self.send(id, key);
        }
    }

    /// All who wait choose again, in their order.
    pub(crate) fn stir(&mut self, index: usize) {
        let queue = &mut self.workers[index].queue;
        let waiting: Vec<Key> = std::iter::from_fn(|| queue.pop()).collect();
        for id in waiting {
            self.choose(id);
        }
    }

    fn note(&mut self, change: Option<Transition>, index: usize) {
        if change.is_some() {
            self.account.transitions += 1;
            look::at_group(&self.workers[index].group, self.now);
            self.stir(index);
        }
    }

    /// An ejection begins or ends.
    fn note_risen(&mut self, change: Option<Transition>, index: usize, key: BackendKey) {
        let Some(change) = change else { return };
        let up = matches!(change, Transition::BackendUp { .. });
        let server = self.server_of(index, key);
        self.servers[server].seen[index].risen = up.then_some(self.now);
    }

    fn check(&mut self, id: usize) {
        if self.now >= self.end {
            return;
        }
        self.after(CHECK_INTERVAL, Event::Check(id));
        let server = &mut self.servers[id];
        if !server.member {
            return;
        }
        let (passed, times) = (server.passes(), server.times);
        if let Some(healthy) = server.tally.handle(passed, RISE, FALL) {
            for worker in 0..WORKERS {
                let wait = Duration::from_micros(self.rng.u64(0..50_000));
                self.after(wait, Event::Verdict { worker, server: id, times, healthy });
            }
        }
    }

    fn hear(&mut self, index: usize, id: usize, times: u32, healthy: bool) {
        let server = &mut self.servers[id];
        if !server.member || server.times != times {
            return;
        }
        server.seen[index].risen = healthy.then_some(self.now);
        let group = &mut self.workers[index].group;
        let change = group.handle_check(&server.spec.id, healthy, self.now);
        self.note(change, index);
    }

    fn is_settled(&self) -> bool {
        self.end != Instant::FAR
    }

    fn settle(&mut self) {
        self.servers.iter().for_each(|server| server.look_at_recoveries(self.now));
        let now = self.now;
        let back = |worker: &Worker| {
            worker.group.iter(now).all(|view| view.is_available() && view.held_until.is_none())
        };
        let whole = |seen: &Seen| {
            seen.served && seen.risen.is_none_or(|since| now > since + 2 * SLOW_START)
        };
        let mut seen = self.servers.iter().flat_map(|server| &server.seen);
        if self.workers.iter().all(back) && seen.all(whole) {
            self.end = now + PEACE;
        } else {
            self.after(Duration::from_secs(10), Event::Settle);
        }
    }

    /// Nothing is left over at the end.
    pub(crate) fn look_at_rest(&self) {
        assert_eq!(self.requests.len(), 0);
        for worker in &self.workers {
            assert!(worker.queue.is_empty());
            assert_eq!(worker.breaker(), State::Closed);
            assert_eq!(worker.group.len(), SERVERS);
            look::at_group(&worker.group, self.now);
            for view in worker.group.iter(self.now) {
                assert_eq!((view.connections, view.requests), (0, 0), "{view:?}");
                assert!(view.is_available() && view.held_until.is_none(), "{view:?}");
            }
        }
        self.servers.iter().for_each(|server| server.look_at_recoveries(self.now));
    }

    /// In peace, shares are as the weights are.
    pub(crate) fn look_at_shares(&self) {
        let weights: Vec<f64> = self.servers.iter().map(|it| it.spec.weight.into()).collect();
        let whole: f64 = weights.iter().sum();
        let mut chi_square = 0.0;
        for (index, shares) in self.shares.iter().enumerate() {
            let picks = shares.iter().sum::<u64>() as f64;
            for (share, weight) in shares.iter().zip(&weights) {
                let (share, fair) = (*share as f64, picks * weight / whole);
                chi_square += (share - fair).powi(2) / fair;
                let off = match self.policy {
                    // Each may be one before its turn or behind it.
                    LoadBalancing::RoundRobin => 1.0 + weight / whole * SERVERS as f64,
                    LoadBalancing::LeastLoaded => fair * 0.1,
                    LoadBalancing::PowerOfTwo => fair * 0.75,
                    _ => fair,
                };
                assert!((share - fair).abs() <= off, "worker {index}: {share} of {fair}");
            }
        }
        // All but one in a million fair draws stay below 105 with 3 times 15 degrees of freedom.
        let loads = [LoadBalancing::PowerOfTwo, LoadBalancing::LeastLoaded];
        assert!(loads.contains(&self.policy) || chi_square < 105.0, "{chi_square}");
    }
}
