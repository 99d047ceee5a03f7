//! What Weir is asked to change.

use std::net::{Ipv4Addr, SocketAddr};

use weir_client::proto::request::RequestType;
use weir_client::proto::{AddBackend, Cluster, PathRule, RemoveBackend, RequestHttpFrontend};
use weir_client::{Client, Transaction};

use crate::Result;
use crate::proxy::address;

/// Changes of one transaction when much is changed and the time of each does not count.
pub(crate) const MANY: usize = 10_000;

/// Adds cluster `number`, or leaves it as it is.
pub(crate) fn add_cluster(number: usize) -> RequestType {
    RequestType::AddCluster(Cluster { cluster_id: cluster(number), ..Cluster::default() })
}

/// Adds or moves a backend of a cluster; `place` is where it is.
pub(crate) fn add_backend(number: usize, backend: &str, place: u32) -> RequestType {
    RequestType::AddBackend(AddBackend {
        cluster_id: cluster(number),
        backend_id: backend.to_owned(),
        address: at(place).into(),
        ..AddBackend::default()
    })
}

/// Removes a backend that was added with the same arguments.
pub(crate) fn remove_backend(number: usize, backend: &str, place: u32) -> RequestType {
    RequestType::RemoveBackend(RemoveBackend {
        cluster_id: cluster(number),
        backend_id: backend.to_owned(),
        address: at(place).into(),
        ..RemoveBackend::default()
    })
}

/// A route: all of a host, or a path of one.
pub(crate) fn route(host: String, path: String, number: usize) -> RequestHttpFrontend {
    RequestHttpFrontend {
        cluster_id: Some(cluster(number)),
        address: address().into(),
        hostname: host,
        path: PathRule { kind: 0, value: path },
        ..RequestHttpFrontend::default()
    }
}

/// The host that belongs to cluster `number`.
pub(crate) fn host(number: usize) -> String {
    format!("host-{number:07}.example")
}

/// The id of cluster `number`.
pub(crate) fn cluster(number: usize) -> String {
    format!("cluster-{number:07}")
}

/// Transactions of at most `size` changes each.
pub(crate) fn transactions(
    changes: impl IntoIterator<Item = RequestType>,
    size: usize,
) -> Vec<Transaction> {
    let mut all = Vec::new();
    let mut changes = changes.into_iter().peekable();
    while changes.peek().is_some() {
        let some = changes.by_ref().take(size);
        all.push(some.fold(Transaction::new(), Transaction::change));
    }
    all
}

/// Makes transactions, one after the other.
pub(crate) fn commit(client: &mut Client, transactions: Vec<Transaction>) -> Result<()> {
    for transaction in transactions {
        transaction.commit(client)?;
    }
    Ok(())
}

/// A place of a private network, which is never connected to.
fn at(place: u32) -> SocketAddr {
    (Ipv4Addr::from_bits(0x0a00_0000 | (place >> 4 & 0x00ff_ffff)), 8000 + (place & 15) as u16)
        .into()
}
