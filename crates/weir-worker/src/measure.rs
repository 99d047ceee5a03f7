//! What is counted for each cluster and backend.
//!
//! Must not know: what is counted. A scope lies beside what it is of, so that counting looks
//! nothing up by name.
//!
//! Invariant: there are never more than [`Limits::scopes`]. Clusters that find no place are counted
//! together, and the heaviest of them are known.

use weir_balance::BackendKey;
use weir_base::{Key, Limits};
use weir_control::metrics::Detail;
use weir_telemetry::{Counter, Heaviest, Scope};

use crate::tables::{Cluster, Tables};

/// The scopes of one cluster.
#[derive(Default)]
pub(crate) struct Scopes {
    own: Option<Box<Scope>>,
    /// At the index of each backend's key.
    backends: Vec<Option<(BackendKey, Box<Scope>)>>,
}

/// How many scopes there are, and for what.
#[derive(Default)]
pub(crate) struct Places {
    pub(crate) detail: Detail,
    /// So many may be used.
    most: usize,
    used: usize,
    /// How often there was no place.
    pub(crate) refused: u64,
    /// Of all clusters without a place.
    other: Option<Box<Scope>>,
    /// Those of them with the most exchanges.
    pub(crate) heaviest: Heaviest<Key>,
}

impl Places {
    pub(crate) fn new(limits: &Limits) -> Self {
        Self { most: limits.scopes, ..Self::default() }
    }

    fn take(&mut self) -> Option<Box<Scope>> {
        if self.used >= self.most {
            self.refused += 1;
            return None;
        }
        self.used += 1;
        Some(Box::default())
    }

    /// Counts something for a cluster without a place.
    fn count_beyond(&mut self, cluster: Key, with: impl Fn(&mut Scope)) {
        let other = self.other.get_or_insert_default();
        let before = other.value(Counter::AccessLogs);
        with(other);
        let ended = other.value(Counter::AccessLogs) - before;
        if ended > 0 {
            self.heaviest.add(cluster, ended);
        }
    }

    /// What was counted for all clusters without a place.
    pub(crate) fn other(&mut self) -> Option<&mut Scope> {
        self.other.as_deref_mut()
    }

    fn forget_others(&mut self) {
        (self.other, self.heaviest) = (None, Heaviest::default());
    }
}

impl Scopes {
    /// Of the cluster as a whole.
    pub(crate) fn own(&self) -> Option<&Scope> {
        self.own.as_deref()
    }

    /// Of a backend.
    pub(crate) fn of(&self, backend: BackendKey) -> Option<&Scope> {
        let (key, scope) = self.backends.get(backend.index())?.as_ref()?;
        (*key == backend).then_some(&**scope)
    }

    fn own_mut(&mut self, places: &mut Places) -> Option<&mut Scope> {
        if self.own.is_none() {
            self.own = places.take();
        }
        self.own.as_deref_mut()
    }

    fn of_mut(&mut self, backend: BackendKey, places: &mut Places) -> Option<&mut Scope> {
        let index = backend.index();
        if self.backends.len() <= index {
            self.backends.resize_with(index + 1, || None);
        }
        let place = &mut self.backends[index];
        match place {
            Some((key, _)) if *key == backend => {}
            // Of a backend that is gone.
            Some(other) => *other = (backend, Box::default()),
            None => *place = Some((backend, places.take()?)),
        }
        place.as_mut().map(|(_, scope)| &mut **scope)
    }

    /// Whether something was counted since this was asked last: what is counted for a backend is
    /// counted for the cluster too.
    pub(crate) fn take_touched(&mut self) -> bool {
        self.own.as_mut().is_some_and(|scope| scope.take_touched())
    }

    /// Forgets all.
    pub(crate) fn clear(&mut self, places: &mut Places) {
        places.used -= usize::from(self.own.is_some());
        self.own = None;
        self.clear_backends(places);
    }

    fn clear_backends(&mut self, places: &mut Places) {
        places.used -= self.backends.iter().flatten().count();
        self.backends = Vec::new();
    }
}

impl Cluster {
    fn count(
        &mut self,
        (key, backend): (Key, Option<BackendKey>),
        places: &mut Places,
        with: impl Fn(&mut Scope),
    ) {
        match self.scopes.own_mut(places) {
            Some(scope) => with(scope),
            None => return places.count_beyond(key, with),
        }
        if let Some(backend) = backend.filter(|_| places.detail == Detail::Backend)
            && let Some(scope) = self.scopes.of_mut(backend, places)
        {
            with(scope);
        }
    }
}

impl Tables {
    /// Counts something for a cluster, and for its backend if they are told apart.
    #[inline]
    pub(crate) fn count(
        &mut self,
        cluster: Option<Key>,
        backend: Option<BackendKey>,
        with: impl Fn(&mut Scope),
    ) {
        if self.places.detail < Detail::Cluster {
            return;
        }
        if let Some(key) = cluster
            && let Some(cluster) = self.clusters.get_mut(key)
        {
            cluster.count((key, backend), &mut self.places, with);
        }
    }

    /// Tells apart only so much from now on.
    pub(crate) fn set_detail(&mut self, detail: Detail) {
        let before = std::mem::replace(&mut self.places.detail, detail);
        if detail >= before {
            return;
        }
        if detail < Detail::Cluster {
            self.places.forget_others();
        }
        for cluster in self.clusters.values_mut() {
            match detail {
                Detail::Process | Detail::Frontend => cluster.scopes.clear(&mut self.places),
                Detail::Cluster => cluster.scopes.clear_backends(&mut self.places),
                Detail::Backend => {}
            }
        }
    }

    /// Forgets what was counted for clusters and backends.
    pub(crate) fn clear_scopes(&mut self) {
        for cluster in self.clusters.values_mut() {
            cluster.scopes.clear(&mut self.places);
        }
        self.places.refused = 0;
        self.places.forget_others();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use weir_balance::{Group, LoadBalancing, LoadMetric, Spec};

    fn backends() -> (Group, [BackendKey; 2]) {
        let mut group = Group::new(LoadBalancing::default(), LoadMetric::default());
        for id in ["a", "b"] {
            let address = "127.0.0.1:1".parse().expect("an address");
            let (id, sticky_id) = (id.into(), None);
            let spec =
                Spec { id, address, weight: 1, sticky_id, backup: false, max_connections: None };
            group.upsert(spec).expect("room");
        }
        let keys = ["a", "b"].map(|id| group.key_of(id).expect("there"));
        (group, keys)
    }

    #[test]
    fn there_are_only_so_many_scopes() {
        let (_, [a, b]) = backends();
        let mut scopes = Scopes::default();
        let mut places = Places { most: 5, used: 3, ..Places::default() };
        assert!(scopes.own_mut(&mut places).is_some());
        assert!(scopes.of_mut(a, &mut places).is_some());
        assert!(scopes.of_mut(b, &mut places).is_none());
        assert_eq!((places.used, places.refused), (5, 1));
        scopes.clear_backends(&mut places);
        assert!(scopes.of_mut(b, &mut places).is_some() && scopes.of(a).is_none());
        scopes.clear(&mut places);
        assert_eq!(places.used, 3);
    }

    #[test]
    fn who_finds_no_place_is_counted_with_others_and_known_if_heavy() {
        let mut keys = weir_base::Slab::new(3);
        let keys = [(); 3].map(|()| keys.insert(()).expect("room"));
        let mut places = Places::default();
        for (key, times) in keys.into_iter().zip([3, 1, 0]) {
            let mut scopes = Scopes::default();
            for _ in 0..times {
                assert!(scopes.own_mut(&mut places).is_none());
                places.count_beyond(key, |scope| scope.add(Counter::AccessLogs, 1));
            }
            places.count_beyond(key, |scope| scope.add(Counter::Queued, 1));
        }
        let other = places.other().expect("counted");
        assert_eq!([Counter::AccessLogs, Counter::Queued].map(|of| other.value(of)), [4, 3]);
        let counts = keys.map(|key| places.heaviest.get(key).map(|heavy| heavy.count));
        assert_eq!(counts, [Some(3), Some(1), None]);
    }

    #[test]
    fn a_backend_does_not_get_what_was_counted_for_another() {
        let (mut group, [a, _]) = backends();
        let (mut scopes, mut places) = (Scopes::default(), Places { most: 9, ..Places::default() });
        scopes.of_mut(a, &mut places).expect("room").add(Counter::Served, 1);
        let spec = group.spec_of("a").expect("there").clone();
        group.remove("a");
        group.upsert(Spec { id: "c".into(), ..spec }).expect("room");
        let c = group.key_of("c").expect("there");
        assert_eq!((c.index(), scopes.of(c).is_none()), (a.index(), true), "the same place");
        assert_eq!(scopes.of_mut(c, &mut places).expect("room").counted().count(), 0);
        assert_eq!(places.used, 1);
    }
}
