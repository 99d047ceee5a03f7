//! Changing the desired state, one order after the other, so that it can be undone exactly.
//!
//! Must not know: who asked, workers.
//!
//! Invariants: the cost of an order follows what it changes; undoing leaves a state that equals
//! the one before, places in the order of declaration included.

mod coverage;
mod diff;
mod first;
mod hash;
mod lists;
mod names;
mod plan;
mod shown;
mod warnings;

use std::net::SocketAddr;

pub(crate) use coverage::Coverage;
pub use diff::diff;
pub use hash::{StateHash, object_hash, state_hash};
pub use lists::{ListChange, block_hash, list_hash};
pub use names::{certificate_name, frontend_name, tcp_frontend_name};
pub use plan::{plan, plan_by_object};
pub use warnings::warnings;

use serde::{Deserialize, Serialize};
use weir_tls::Fingerprint;

use crate::order::Order;
use crate::state::{
    Backend, BackendId, Certificate, CertificateId, Cluster, Frontend, FrontendId, Listener,
    PathRule, Position, State, UdpListener,
};

/// What an object was before a change; `None`: it was not there.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Undo {
    /// A listener.
    Listener(SocketAddr, Option<Listener>),
    /// A listener of UDP.
    UdpListener(SocketAddr, Option<Box<UdpListener>>),
    /// A cluster, without its backends.
    Cluster(String, Option<Cluster>),
    /// A frontend and its place.
    Frontend(FrontendId, Option<(u64, Frontend)>),
    /// A backend and its place.
    Backend(BackendId, Option<(u64, Backend)>),
    /// A certificate.
    Certificate(CertificateId, Option<Box<Certificate>>),
    /// A list of addresses; by what changed.
    List(ListChange),
}

impl State {
    /// Makes a change and appends what undoes it.
    pub fn apply(&mut self, order: Order, undo: &mut Vec<Undo>) {
        match order {
            Order::Listener(listener) => {
                let address = listener.address;
                undo.push(Undo::Listener(address, self.listeners.insert(address, listener)));
            }
            Order::RemoveListener(address) => {
                for id in self.frontends_of(address) {
                    self.remove_frontend(&id, undo);
                }
                for id in self.certificates_of(address) {
                    self.remove_certificate(id, undo);
                }
                let listener = self.listeners.remove(&address);
                undo.extend(listener.map(|l| Undo::Listener(address, Some(l))));
            }
            Order::UdpListener(listener) => {
                let address = listener.address;
                let before = self.udp.insert(address, *listener);
                undo.push(Undo::UdpListener(address, before.map(Box::new)));
            }
            Order::RemoveUdpListener(address) => {
                let before = self.udp.remove(&address).map(Box::new);
                undo.extend(before.map(|before| Undo::UdpListener(address, Some(before))));
            }
            Order::Cluster(cluster) => {
                let id = cluster.id.clone();
                undo.push(Undo::Cluster(id.clone(), self.clusters.insert(id, cluster)));
            }
            Order::RemoveCluster(id) => {
                for backend in self.backends_of(&id) {
                    self.remove_backend(&backend, undo);
                }
                let cluster = self.clusters.remove(&id);
                undo.extend(cluster.map(|cluster| Undo::Cluster(id, Some(cluster))));
            }
            Order::Frontend(frontend) => {
                let id = frontend.id();
                let before = self.frontends.remove(&id);
                match &before {
                    Some((place, _)) => self.frontends.put_at(*place, *frontend),
                    None => self.frontends.put(*frontend),
                };
                undo.push(Undo::Frontend(id, before));
            }
            Order::RemoveFrontend(id) => self.remove_frontend(&id, undo),
            Order::Backend(backend) => {
                let id = backend.key();
                let before = self.backends.remove(&id);
                match &before {
                    Some((place, _)) => self.backends.put_at(*place, backend),
                    None => self.backends.put(backend),
                };
                undo.push(Undo::Backend(id, before));
            }
            Order::RemoveBackend { cluster, id, .. } => {
                self.remove_backend(&BackendId { cluster, id }, undo);
            }
            Order::Certificate(certificate) => {
                let id = certificate.id();
                let before = self.certificates.insert(id, *certificate);
                undo.push(Undo::Certificate(id, before.map(Box::new)));
            }
            Order::RemoveCertificate(id) => self.remove_certificate(id, undo),
            Order::List(order) => self.change_list(order, undo),
            Order::RemoveList(name) => self.remove_list(name, undo),
        }
    }

    /// Undoes changes, the last one first.
    pub fn undo(&mut self, undo: Vec<Undo>) {
        for step in undo.into_iter().rev() {
            match step {
                Undo::Listener(address, Some(listener)) => {
                    self.listeners.insert(address, listener);
                }
                Undo::Listener(address, None) => _ = self.listeners.remove(&address),
                Undo::UdpListener(address, Some(before)) => {
                    self.udp.insert(address, *before);
                }
                Undo::UdpListener(address, None) => _ = self.udp.remove(&address),
                Undo::Cluster(id, Some(cluster)) => _ = self.clusters.insert(id, cluster),
                Undo::Cluster(id, None) => _ = self.clusters.remove(&id),
                Undo::Frontend(id, before) => {
                    self.frontends.remove(&id);
                    before.map(|(place, frontend)| self.frontends.put_at(place, frontend));
                }
                Undo::Backend(id, before) => {
                    self.backends.remove(&id);
                    before.map(|(place, backend)| self.backends.put_at(place, backend));
                }
                Undo::Certificate(id, Some(before)) => {
                    self.certificates.insert(id, *before);
                }
                Undo::Certificate(id, None) => _ = self.certificates.remove(&id),
                Undo::List(change) => self.undo_list(change),
            }
        }
    }

    /// The frontends of a listener, by name.
    pub fn frontends_of(&self, address: SocketAddr) -> Vec<FrontendId> {
        let first = FrontendId {
            address,
            hostname: String::new(),
            path: PathRule::Prefix(String::new()),
            method: None,
            position: Position::Pre,
        };
        let frontends = self.frontends.from_name(&first);
        frontends.take_while(|frontend| frontend.address == address).map(Frontend::id).collect()
    }

    /// The backends of a cluster, by name.
    pub fn backends_of(&self, cluster: &str) -> Vec<BackendId> {
        let first = BackendId { cluster: cluster.to_owned(), id: String::new() };
        let backends = self.backends.from_name(&first);
        backends.take_while(|backend| backend.cluster == cluster).map(Backend::key).collect()
    }

    /// The certificates of a listener, by fingerprint.
    pub fn certificates_of(&self, address: SocketAddr) -> Vec<CertificateId> {
        let first = CertificateId { address, fingerprint: Fingerprint::FIRST };
        let ids = self.certificates.range(first..).map(|(id, _)| *id);
        ids.take_while(|id| id.address == address).collect()
    }

    fn remove_certificate(&mut self, id: CertificateId, undo: &mut Vec<Undo>) {
        if let Some(before) = self.certificates.remove(&id) {
            undo.push(Undo::Certificate(id, Some(Box::new(before))));
        }
    }

    fn remove_frontend(&mut self, id: &FrontendId, undo: &mut Vec<Undo>) {
        if let Some(before) = self.frontends.remove(id) {
            undo.push(Undo::Frontend(id.clone(), Some(before)));
        }
    }

    fn remove_backend(&mut self, id: &BackendId, undo: &mut Vec<Undo>) {
        if let Some(before) = self.backends.remove(id) {
            undo.push(Undo::Backend(id.clone(), Some(before)));
        }
    }
}

#[cfg(test)]
mod tests;
