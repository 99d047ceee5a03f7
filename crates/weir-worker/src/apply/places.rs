//! Whether orders find their place: a listener for each frontend, room in the tables.

use std::collections::HashSet;
use std::net::SocketAddr;

use weir_control::order::Order;

use crate::tables::{MAX_CLUSTERS, MAX_LISTENERS, Tables};

/// Refuses orders that could not be put in place one after the other.
///
/// # Errors
/// A sentence about the first of them.
pub(super) fn check(tables: &Tables, orders: &[Order]) -> Result<(), String> {
    let mut added = HashSet::new();
    let mut removed = HashSet::new();
    let mut clusters = HashSet::new();
    for order in orders {
        match order {
            Order::Listener(listener) => {
                removed.remove(&listener.address);
                added.insert(listener.address);
            }
            Order::RemoveListener(address) => {
                added.remove(address);
                removed.insert(*address);
            }
            Order::Frontend(frontend) => {
                let known = |address: &SocketAddr| tables.by_address.contains_key(address);
                let address = &frontend.address;
                if !added.contains(address) && (removed.contains(address) || !known(address)) {
                    let host = &frontend.hostname;
                    return Err(format!("frontend `{host}`: there is no listener on {address}"));
                }
                clusters.extend(frontend.cluster.as_deref());
            }
            Order::Cluster(cluster) => _ = clusters.insert(&*cluster.id),
            Order::Backend(backend) => _ = clusters.insert(&*backend.cluster),
            _ => {}
        }
    }
    let new = added.iter().filter(|address| !tables.by_address.contains_key(address)).count();
    if tables.listeners.len() + new > MAX_LISTENERS {
        return Err(format!("a worker has room for {MAX_LISTENERS} listeners"));
    }
    let new = clusters.iter().filter(|id| !tables.by_id.contains_key(**id)).count();
    if tables.clusters.len() + new > MAX_CLUSTERS {
        return Err(format!("a worker has room for {MAX_CLUSTERS} clusters"));
    }
    Ok(())
}
