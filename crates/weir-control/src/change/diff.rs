//! The orders that turn one state into another and touch nothing else.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;

use crate::order::Order;
use crate::state::{Frontend, FrontendId, Position, State};

/// What is removed comes first, so that nothing dangles: frontends, backends, clusters, listeners;
/// then what is new or different, in the opposite order.
pub fn diff(old: &State, new: &State) -> Vec<Order> {
    let mut orders = Vec::new();
    let moved = moved(old, new);
    let gone = old.frontends.iter().map(Frontend::id);
    let gone = gone.filter(|id| new.frontends.get(id).is_none() || moved.contains(id));
    orders.extend(gone.map(Order::RemoveFrontend));
    // A cluster that is removed takes its backends along.
    let kept =
        |cluster: &str| new.clusters.contains_key(cluster) || !old.clusters.contains_key(cluster);
    let backends = old.backends.iter().filter(|backend| kept(&backend.cluster));
    orders.extend(backends.filter(|b| new.backends.get(&b.key()).is_none()).map(|backend| {
        Order::RemoveBackend { cluster: backend.cluster.clone(), id: backend.id.clone() }
    }));
    let clusters = old.clusters.keys().filter(|id| !new.clusters.contains_key(*id));
    orders.extend(clusters.cloned().map(Order::RemoveCluster));
    let listeners = old.listeners.keys().filter(|address| !new.listeners.contains_key(address));
    orders.extend(listeners.copied().map(Order::RemoveListener));

    let listeners = new.listeners.values().filter(|l| old.listeners.get(&l.address) != Some(l));
    orders.extend(listeners.cloned().map(Order::Listener));
    let clusters = new.clusters.values().filter(|c| old.clusters.get(&c.id) != Some(c));
    orders.extend(clusters.cloned().map(Order::Cluster));
    let backends = new.backends.iter().filter(|backend| {
        old.backends.get(&backend.key()) != Some(backend) || !kept(&backend.cluster)
    });
    orders.extend(backends.cloned().map(Order::Backend));
    let frontends = new.frontends.iter().filter(|frontend| {
        let id = frontend.id();
        old.frontends.get(&id) != Some(frontend) || moved.contains(&id)
    });
    orders.extend(frontends.cloned().map(|frontend| Order::Frontend(Box::new(frontend))));
    orders
}

/// Frontends that must be declared again because their order counts: those of a list from the
/// first one on that stands elsewhere.
fn moved(old: &State, new: &State) -> BTreeSet<FrontendId> {
    let (old, new) = (lists(old), lists(new));
    let mut moved = BTreeSet::new();
    for (key, after) in new {
        let before = old.get(&key).map(Vec::as_slice).unwrap_or_default();
        let wanted: BTreeSet<_> = after.iter().collect();
        let staying: Vec<_> = before.iter().filter(|id| wanted.contains(id)).collect();
        let same = staying.iter().zip(&after).take_while(|(a, b)| **a == *b).count();
        moved.extend(staying[same..].iter().map(|id| (*id).clone()));
    }
    moved
}

/// The names of the frontends whose order counts, by listener and list.
fn lists(state: &State) -> BTreeMap<(SocketAddr, Position), Vec<FrontendId>> {
    let mut lists = BTreeMap::<_, Vec<_>>::new();
    for frontend in state.frontends.iter().filter(|f| f.position != Position::Tree) {
        lists.entry((frontend.address, frontend.position)).or_default().push(frontend.id());
    }
    lists
}
