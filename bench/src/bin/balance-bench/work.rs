//! A cluster, and what is done with it.

use std::net::SocketAddr;
use std::time::Duration;

use fastrand::Rng;
use weir_balance::{BackendKey, Group, LoadBalancing, LoadMetric, Spec};
use weir_base::Instant;

use crate::Result;

/// A policy, and whether it looks at all backends each time.
pub(crate) struct Policy {
    pub(crate) name: &'static str,
    policy: LoadBalancing,
    pub(crate) looks_at_all: bool,
}

/// What is measured, in the order of the tables.
pub(crate) const POLICIES: [Policy; 6] = [
    policy("in turn", LoadBalancing::RoundRobin, false),
    policy("at random", LoadBalancing::Random, false),
    policy("power of two", LoadBalancing::PowerOfTwo, false),
    policy("Maglev", LoadBalancing::Maglev, false),
    policy("rendezvous", LoadBalancing::Rendezvous, true),
    policy("least loaded", LoadBalancing::LeastLoaded, true),
];

const fn policy(name: &'static str, policy: LoadBalancing, looks_at_all: bool) -> Policy {
    Policy { name, policy, looks_at_all }
}

/// A kind of work.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Pick,
    Flap,
    Join,
    Rejoin,
}

impl Kind {
    pub(crate) const ALL: [Self; 4] = [Self::Pick, Self::Flap, Self::Join, Self::Rejoin];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Pick => "pick",
            Self::Flap => "flap",
            Self::Join => "join",
            Self::Rejoin => "rejoin",
        }
    }

    pub(crate) fn named(name: &str) -> Result<Self> {
        let kind = Self::ALL.into_iter().find(|kind| kind.name() == name);
        kind.ok_or_else(|| format!("unknown: {name}").into())
    }

    pub(crate) fn title(self) -> &'static str {
        match self {
            Self::Pick => "A choice",
            Self::Flap => "A change of health",
            Self::Join => "A backend that joins or leaves",
            Self::Rejoin => "A backend that joins or leaves, and the next choice",
        }
    }

    pub(crate) fn notes(self) -> &'static str {
        match self {
            Self::Pick => {
                "All backends are healthy, of one weight; load is the average time to a response, \
                 different for each."
            }
            Self::Flap => {
                "A connection to a backend at random fails, or another succeeds; what the seat in \
                 the order of choice costs is included, the choice itself is not."
            }
            Self::Join => {
                "A new backend, or the removal of one; seats are included, choices are not. Lists \
                 are moved, in blocks; callgrind counts some of these by the byte."
            }
            Self::Rejoin => {
                "The same with a choice after each, and all of the table that Maglev makes then."
            }
        }
    }
}

/// A group in which something is done.
pub(crate) struct Bench {
    group: Group,
    keys: Vec<BackendKey>,
    rng: Rng,
    now: Instant,
}

impl Bench {
    /// With the policy of that number among [`POLICIES`].
    pub(crate) fn new(policy: usize, backends: usize) -> Self {
        let group = Group::new(POLICIES[policy].policy, LoadMetric::ResponseTime);
        let (keys, rng, now) = (Vec::new(), Rng::with_seed(1), Instant::from_micros(1_000_000));
        let mut bench = Self { group, keys, rng, now };
        for id in 0..backends {
            bench.add(id);
        }
        bench.keys = bench.group.iter(now).map(|view| view.key).collect();
        for (key, micros) in bench.keys.iter().zip(1..) {
            bench.group.handle_response_time(*key, Duration::from_micros(micros), now);
        }
        bench.pick();
        bench.group.make_table(usize::MAX);
        bench
    }

    /// Does one kind of work so many times.
    pub(crate) fn run(&mut self, kind: Kind, times: usize) {
        for time in 0..times {
            match kind {
                Kind::Pick => self.pick(),
                Kind::Flap => self.flap(time),
                Kind::Join => self.join_or_leave(time),
                Kind::Rejoin => {
                    self.join_or_leave(time);
                    self.pick();
                    self.group.make_table(usize::MAX);
                }
            }
        }
    }

    fn pick(&mut self) {
        let (hash, rng) = (self.rng.u64(..), &mut self.rng);
        let pick = self.group.pick_by_hash(self.now, hash, &mut || rng.u64(..), &[]);
        assert!(pick.is_some());
    }

    /// Every other time a connection to somebody fails, which is forgiven the next time.
    fn flap(&mut self, time: usize) {
        let at = self.rng.usize(..self.keys.len());
        if time.is_multiple_of(2) {
            self.keys.swap(0, at);
            self.group.handle_connect_failure(self.keys[0], self.now, self.now, 1 << 63);
        } else {
            self.group.handle_connect_success(self.keys[0], self.now, self.now);
        }
        self.settle();
        self.now = self.now + Duration::from_micros(1);
    }

    /// Every other time somebody joins, who leaves the next time.
    fn join_or_leave(&mut self, time: usize) {
        if time.is_multiple_of(2) {
            self.add(self.keys.len());
        } else {
            let id = self.keys.len().to_string();
            assert!(self.group.remove(&id).is_some());
        }
        self.settle();
    }

    /// Whatever was put off until the next choice is done; nothing is promised.
    fn settle(&mut self) {
        let key = self.keys[0];
        if self.group.promise(key, self.now) {
            self.group.promise_kept(key);
        }
    }

    fn add(&mut self, id: usize) {
        let [.., a, b] = id.to_be_bytes();
        let address = SocketAddr::from(([10, 0, a, b], 80)).into();
        let id = id.to_string().into();
        let (weight, sticky_id, backup, max_connections) = (100, None, false, None);
        let spec = Spec { id, address, weight, sticky_id, backup, max_connections };
        assert!(self.group.upsert(spec).is_ok());
    }
}
