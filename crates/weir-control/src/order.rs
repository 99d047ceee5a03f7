//! Changes to the desired state, in the form main sends them and a worker applies them.

use std::net::SocketAddr;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use weir_base::Cidr;

use crate::state::{
    BLOCKS_AT_ONCE, Backend, BackendId, Certificate, CertificateId, Cluster, Frontend, FrontendId,
    Listener, State, UdpListener,
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
    /// A list of addresses.
    List(String),
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
        /// When the sessions end that use it still; `None`: by themselves.
        close_after: Option<Duration>,
    },
    /// Add or replace a certificate of a listener.
    Certificate(Box<Certificate>),
    /// Remove a certificate; connections that use it go on.
    RemoveCertificate(CertificateId),
    /// Add blocks to a list of addresses and remove others; it is made if there is none.
    List(ListOrder),
    /// Remove a list of addresses.
    RemoveList(String),
}

/// How a list of addresses changes.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ListOrder {
    /// Its name.
    pub name: String,
    /// Blocks that it has afterwards.
    pub add: Vec<Cidr>,
    /// Blocks that it does not have afterwards.
    pub remove: Vec<Cidr>,
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
        let lists = self.lists.iter().flat_map(|(name, blocks)| added(name, blocks.iter()));
        let listeners = lists.chain(listeners).chain(udp);
        listeners.chain(certificates).chain(clusters).chain(backends).chain(frontends)
    }
}

/// The orders that add blocks to a list; one at least, which makes it.
pub(crate) fn added<'a>(name: &str, blocks: impl Iterator<Item = &'a Cidr>) -> Vec<Order> {
    let blocks: Vec<_> = blocks.copied().collect();
    let order = |add: &[Cidr]| {
        Order::List(ListOrder { name: name.to_owned(), add: add.to_vec(), remove: Vec::new() })
    };
    match blocks.is_empty() {
        true => vec![order(&[])],
        false => blocks.chunks(BLOCKS_AT_ONCE).map(order).collect(),
    }
}

/// The orders that remove blocks from a list.
pub(crate) fn removed<'a>(name: &str, blocks: impl Iterator<Item = &'a Cidr>) -> Vec<Order> {
    let blocks: Vec<_> = blocks.copied().collect();
    let order = |remove: &[Cidr]| {
        let (name, remove) = (name.to_owned(), remove.to_vec());
        Order::List(ListOrder { name, add: Vec::new(), remove })
    };
    blocks.chunks(BLOCKS_AT_ONCE).map(order).collect()
}
