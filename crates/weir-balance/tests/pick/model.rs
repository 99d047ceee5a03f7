//! Picking against a model that is too simple to be wrong: a list, filtered step by step.

use std::time::Duration;

use proptest::prelude::*;
use weir_balance::{BackendKey, Group, LoadBalancing, LoadMetric, Spec, State};
use weir_base::Instant;

use crate::{key, spec};

#[derive(Clone, Debug)]
enum Step {
    Upsert { id: u8, weight: u8, backup: bool },
    Remove { id: u8 },
    Pick { tried: Vec<u8> },
    Connect { id: u8 },
    Open { id: u8 },
    Close { id: u8 },
    Fail { id: u8 },
    Succeed { id: u8 },
    Wait { millis: u64 },
}

fn step() -> impl Strategy<Value = Step> {
    let id = 0..5_u8;
    prop_oneof![
        (id.clone(), prop_oneof![Just(0), 1..=255_u8], any::<bool>())
            .prop_map(|(id, weight, backup)| Step::Upsert { id, weight, backup }),
        id.clone().prop_map(|id| Step::Remove { id }),
        proptest::collection::vec(id.clone(), 0..3).prop_map(|tried| Step::Pick { tried }),
        id.clone().prop_map(|id| Step::Connect { id }),
        id.clone().prop_map(|id| Step::Open { id }),
        id.clone().prop_map(|id| Step::Close { id }),
        id.clone().prop_map(|id| Step::Fail { id }),
        id.prop_map(|id| Step::Succeed { id }),
        (0..40_000_u64).prop_map(|millis| Step::Wait { millis }),
    ]
}

/// What the model knows of a backend.
struct Known {
    key: BackendKey,
    weight: u8,
    backup: bool,
    failures: u32,
    held_until: Instant,
}

/// A backend of which something is in flight, removed or not.
type Open = (u8, BackendKey);

struct World {
    group: Group,
    known: Vec<(u8, Known)>,
    open: Vec<Open>,
    now: Instant,
    rng: fastrand::Rng,
}

impl World {
    fn new(policy: LoadBalancing) -> Self {
        Self {
            group: Group::new(policy, LoadMetric::Connections),
            known: Vec::new(),
            open: Vec::new(),
            now: Instant::from_micros(1),
            rng: fastrand::Rng::with_seed(4),
        }
    }

    fn known(&mut self, id: u8) -> Option<&mut Known> {
        self.known.iter_mut().find(|(other, _)| *other == id).map(|(_, known)| known)
    }

    fn apply(&mut self, step: Step) {
        match step {
            Step::Upsert { id, weight, backup } => self.upsert(id, weight, backup),
            Step::Remove { id } => self.remove(id),
            Step::Pick { tried } => self.pick(&tried),
            Step::Connect { id } => self.connect(id),
            Step::Open { id } => self.open(id),
            Step::Close { id } => self.close(id),
            Step::Fail { id } => self.fail(id),
            Step::Succeed { id } => self.succeed(id),
            Step::Wait { millis } => self.now = self.now + Duration::from_millis(millis),
        }
    }

    fn upsert(&mut self, id: u8, weight: u8, backup: bool) {
        let name = id.to_string();
        self.group.upsert(Spec { weight, backup, ..spec(&name) }).expect("room");
        let key = key(&self.group, &name);
        match self.known(id) {
            Some(known) => {
                assert_eq!(known.key, key, "a change keeps the key");
                (known.weight, known.backup) = (weight, backup);
            }
            None => {
                let held_until = Instant::default();
                self.known.push((id, Known { key, weight, backup, failures: 0, held_until }));
            }
        }
    }

    fn remove(&mut self, id: u8) {
        let gone = self.group.remove(&id.to_string());
        let Some(known) = self.known(id) else { return assert_eq!(gone, None) };
        let key = known.key;
        assert_eq!(gone.is_none(), self.open.iter().any(|(_, open)| *open == key));
        self.known.retain(|(other, _)| *other != id);
    }

    fn connect(&mut self, id: u8) {
        let now = self.now;
        let Some(known) = self.known(id) else { return };
        if known.failures > 0 && now >= known.held_until {
            known.held_until = now + Duration::from_secs(1 << known.failures.min(6));
        }
        let key = known.key;
        self.group.handle_connect_begun(key, now);
    }

    fn open(&mut self, id: u8) {
        let Some(key) = self.known(id).map(|known| known.key) else { return };
        self.group.connection_opened(key);
        self.open.push((id, key));
    }

    fn close(&mut self, id: u8) {
        let Some(place) = self.open.iter().position(|(other, _)| *other == id) else { return };
        let (_, key) = self.open.swap_remove(place);
        let gone = self.group.connection_closed(key);
        let removed = self.known.iter().all(|(_, known)| known.key != key);
        let last = self.open.iter().all(|(_, open)| *open != key);
        assert_eq!(gone.is_some(), removed && last);
    }

    fn fail(&mut self, id: u8) {
        let (now, random) = (self.now, self.rng.u64(..));
        let Some(known) = self.known(id) else { return };
        let key = known.key;
        self.group.handle_connect_failure(key, now, now, random);
        let view = self.group.iter(now).find(|view| view.key == key).expect("known");
        let held_until = view.held_until.expect("left alone after a failure");
        let known = self.known(id).expect("known");
        known.failures += 1;
        known.held_until = held_until;
        let longest = Duration::from_secs(1 << known.failures.min(6));
        assert!((Duration::from_secs(1)..=longest).contains(&(held_until - now)));
    }

    fn succeed(&mut self, id: u8) {
        let now = self.now;
        let Some(known) = self.known(id) else { return };
        (known.failures, known.held_until) = (0, now);
        let key = known.key;
        self.group.handle_connect_success(key, now, now);
    }

    /// Who may be picked, and whether that is failing open.
    fn eligible(&self, tried: &[BackendKey]) -> (Vec<BackendKey>, bool) {
        let all = || self.known.iter().map(|(_, known)| known);
        let untried = || all().filter(|known| !tried.contains(&known.key));
        let usable = || untried().filter(|known| self.now >= known.held_until);
        let choices: [(Vec<&Known>, bool); 4] = [
            (usable().filter(|known| !known.backup).collect(), false),
            (usable().collect(), false),
            (untried().collect(), true),
            (all().collect(), true),
        ];
        let choice = choices.into_iter().find(|(choice, _)| !choice.is_empty());
        let (mut choice, fail_open) = choice.unwrap_or_default();
        if choice.iter().any(|known| known.weight > 0) {
            choice.retain(|known| known.weight > 0);
        }
        (choice.iter().map(|known| known.key).collect(), fail_open)
    }

    fn pick(&mut self, tried: &[u8]) {
        let tried: Vec<_> = tried.iter().filter_map(|id| Some(self.known(*id)?.key)).collect();
        let (eligible, fail_open) = self.eligible(&tried);
        let hash = self.rng.u64(..);
        let pick = self.group.pick_by_hash(self.now, hash, &mut || self.rng.u64(..), &tried);
        assert_eq!(pick.is_none(), eligible.is_empty());
        let Some(pick) = pick else { return };
        assert!(eligible.contains(&pick.key), "{pick:?} is not one of {eligible:?}");
        assert_eq!(pick.fail_open, fail_open);
    }

    /// The group says of itself what the model knows.
    fn check(&self) {
        for view in self.group.iter(self.now) {
            let open = self.open.iter().filter(|(_, key)| *key == view.key).count();
            assert_eq!(view.connections as usize, open);
            let known = self.known.iter().map(|(_, known)| known).find(|k| k.key == view.key);
            assert_eq!(view.removed, known.is_none());
            let Some(known) = known else { continue };
            let state = match known.failures {
                0 => State::Up,
                n @ 1..6 => State::Suspect(n as u8),
                _ => State::Down,
            };
            assert_eq!(view.state, state);
        }
        assert_eq!(self.group.iter(self.now).filter(|v| !v.removed).count(), self.known.len());
        let down = self.known.iter().filter(|(_, known)| known.failures >= 6).count();
        assert_eq!(self.group.is_out(), !self.known.is_empty() && down == self.known.len());
    }
}

proptest! {
    #[test]
    fn the_group_does_what_the_model_says(
        policy in prop_oneof![
            Just(LoadBalancing::RoundRobin),
            Just(LoadBalancing::Random),
            Just(LoadBalancing::LeastLoaded),
            Just(LoadBalancing::PowerOfTwo),
            Just(LoadBalancing::Rendezvous),
            Just(LoadBalancing::Maglev),
        ],
        steps in proptest::collection::vec(step(), 1..120),
    ) {
        let mut world = World::new(policy);
        for step in steps {
            world.apply(step);
            world.check();
        }
    }
}
