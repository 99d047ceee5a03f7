//! Changes to the desired state, in the form main sends them and a worker applies them.

use std::net::SocketAddr;

use serde::{Deserialize, Serialize};

use crate::state::{
    Backend, BackendId, Certificate, CertificateId, Cluster, Frontend, FrontendId, Listener, State,
    UdpListener,
};

/// What names an object of the state.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Object {
    /// A listener.
    Listener(SocketAddr),
    /// A listener of UDP.
    UdpListener(SocketAddr),
    /// A cluster.
    Cluster(String),
    /// A frontend.
    Frontend(FrontendId),
    /// A backend.
    Backend(BackendId),
    /// A certificate.
    Certificate(CertificateId),
}

/// One change. Adding something that exists replaces it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Order {
    /// Add or replace a listener. Its socket travels beside the order when it is new.
    Listener(Listener),
    /// Stop accepting on an address and forget its routes and certificates.
    RemoveListener(SocketAddr),
    /// Add or replace a listener of UDP. Its socket travels beside the order when it is new.
    UdpListener(Box<UdpListener>),
    /// Take no more datagrams at an address, and end its flows.
    RemoveUdpListener(SocketAddr),
    /// Add or replace a cluster.
    Cluster(Cluster),
    /// Remove a cluster and its backends.
    RemoveCluster(String),
    /// Add or replace a frontend.
    Frontend(Box<Frontend>),
    /// Remove a frontend.
    RemoveFrontend(FrontendId),
    /// Add or replace a backend.
    Backend(Backend),
    /// Remove a backend; its requests in flight finish.
    RemoveBackend {
        /// Cluster id.
        cluster: String,
        /// Backend id.
        id: String,
    },
    /// Add or replace a certificate of a listener.
    Certificate(Box<Certificate>),
    /// Remove a certificate; connections that use it go on.
    RemoveCertificate(CertificateId),
}

impl State {
    /// The orders that build this state from nothing.
    pub fn orders(&self) -> impl Iterator<Item = Order> {
        let listeners = self.listeners.values().cloned().map(Order::Listener);
        let udp = self.udp.values().cloned().map(|l| Order::UdpListener(Box::new(l)));
        let clusters = self.clusters.values().cloned().map(Order::Cluster);
        let frontends = self.frontends.iter().cloned().map(|f| Order::Frontend(Box::new(f)));
        let backends = self.backends.iter().cloned().map(Order::Backend);
        let certificates = self.certificates.values().cloned();
        let certificates = certificates.map(|c| Order::Certificate(Box::new(c)));
        let listeners = listeners.chain(udp);
        listeners.chain(certificates).chain(clusters).chain(backends).chain(frontends)
    }
}
