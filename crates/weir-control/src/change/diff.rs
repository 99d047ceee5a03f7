//! The orders that turn one state into another and touch nothing else.
//!
//! Invariant: what an order takes along (frontends and certificates of a listener, backends of a
//! cluster) and the new state still has is declared again; no frontend is on a listener that
//! carries something else.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;

use super::lists;
use crate::order::Order;
use crate::state::{
    Backend, BackendId, Certificate, CertificateId, Frontend, FrontendId, Position, State,
};

/// What is removed comes first, so that nothing dangles: frontends, backends, clusters, listeners;
/// then what is new or different, in the opposite order, and at last lists that nobody names.
pub fn diff(old: &State, new: &State) -> Vec<Order> {
    let between = Between { old, new, moved: moved(old, new) };
    let mut orders = Vec::new();
    orders.extend(between.frontends_gone().map(Order::RemoveFrontend));
    orders.extend(between.backends_gone());
    orders.extend(between.certificates_gone().map(Order::RemoveCertificate));
    let clusters = old.clusters.keys().filter(|id| between.drops_cluster(id));
    orders.extend(clusters.cloned().map(Order::RemoveCluster));
    let listeners = old.listeners.keys().filter(|address| between.drops_listener(address));
    orders.extend(listeners.copied().map(Order::RemoveListener));
    let udp = old.udp.keys().filter(|address| !new.udp.contains_key(address));
    orders.extend(udp.copied().map(Order::RemoveUdpListener));

    orders.extend(lists::diff(old, new));
    let listeners = new.listeners.values().filter(|l| old.listeners.get(&l.address) != Some(l));
    orders.extend(listeners.cloned().map(Order::Listener));
    let udp = new.udp.values().filter(|l| old.udp.get(&l.address) != Some(l));
    orders.extend(udp.cloned().map(|l| Order::UdpListener(Box::new(l))));
    let certificates = new.certificates.values();
    let certificates = certificates.filter(|certificate| !between.keeps_certificate(certificate));
    orders.extend(certificates.cloned().map(|c| Order::Certificate(Box::new(c))));
    let clusters = new.clusters.values().filter(|c| old.clusters.get(&c.id) != Some(c));
    orders.extend(clusters.cloned().map(Order::Cluster));
    let backends = new.backends.iter().filter(|backend| !between.keeps_backend(backend));
    orders.extend(backends.cloned().map(Order::Backend));
    let frontends = new.frontends.iter().filter(|frontend| !between.keeps_frontend(frontend));
    orders.extend(frontends.cloned().map(|frontend| Order::Frontend(Box::new(frontend))));
    // Objects that are still there name them no more.
    let lists = old.lists.keys().filter(|name| !new.lists.contains_key(*name));
    orders.extend(lists.cloned().map(Order::RemoveList));
    orders
}

/// Two states, and what has to be declared again because of its place.
struct Between<'a> {
    old: &'a State,
    new: &'a State,
    moved: BTreeSet<FrontendId>,
}

impl Between<'_> {
    /// An order removes this cluster, and its backends with it.
    fn drops_cluster(&self, id: &str) -> bool {
        self.old.clusters.contains_key(id) && !self.new.clusters.contains_key(id)
    }

    /// An order removes this listener, and its frontends with it.
    fn drops_listener(&self, address: &SocketAddr) -> bool {
        self.old.listeners.contains_key(address) && !self.new.listeners.contains_key(address)
    }

    /// This listener stays, and carries something else: a frontend of what it carried means nothing
    /// there, be it written the same.
    fn changes_hands(&self, address: &SocketAddr) -> bool {
        let carries = |state: &State| state.listeners.get(address).map(|l| l.carries);
        matches!((carries(self.old), carries(self.new)), (Some(old), Some(new)) if old != new)
    }

    /// Frontends that an order of their own removes.
    fn frontends_gone(&self) -> impl Iterator<Item = FrontendId> {
        let alone = self.old.frontends.iter().filter(|f| !self.drops_listener(&f.address));
        let ids = alone.map(Frontend::id);
        ids.filter(|id| {
            self.new.frontends.get(id).is_none()
                || self.moved.contains(id)
                || self.changes_hands(&id.address)
        })
    }

    /// Certificates that an order of their own removes.
    fn certificates_gone(&self) -> impl Iterator<Item = CertificateId> {
        let alone = self.old.certificates.keys().filter(|id| !self.drops_listener(&id.address));
        alone.filter(|id| !self.new.certificates.contains_key(id)).copied()
    }

    /// Removals of backends that do not go with their cluster.
    fn backends_gone(&self) -> impl Iterator<Item = Order> {
        let alone = self.old.backends.iter().filter(|b| !self.drops_cluster(&b.cluster));
        let gone = alone.map(Backend::key).filter(|key| self.new.backends.get(key).is_none());
        gone.map(|BackendId { cluster, id }| Order::RemoveBackend {
            cluster,
            id,
            close_after: None,
        })
    }

    /// Nothing is to be done for a backend of the new state.
    fn keeps_backend(&self, backend: &Backend) -> bool {
        self.old.backends.get(&backend.key()) == Some(backend)
            && !self.drops_cluster(&backend.cluster)
    }

    /// Nothing is to be done for a certificate of the new state.
    fn keeps_certificate(&self, certificate: &Certificate) -> bool {
        self.old.certificates.get(&certificate.id()) == Some(certificate)
            && !self.drops_listener(&certificate.address)
    }

    /// Nothing is to be done for a frontend of the new state.
    fn keeps_frontend(&self, frontend: &Frontend) -> bool {
        let id = frontend.id();
        self.old.frontends.get(&id) == Some(frontend)
            && !self.drops_listener(&id.address)
            && !self.moved.contains(&id)
            && !self.changes_hands(&id.address)
    }
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
