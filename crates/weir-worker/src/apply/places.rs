//! Whether orders find their place: a listener for each frontend, room in the tables.

use std::collections::{HashMap, HashSet};
use std::net::SocketAddr;

use weir_control::order::Order;
use weir_control::state::Frontend;
use weir_route::{Rule, Usage};

use crate::tables::{MAX_CLUSTERS, MAX_LISTENERS, Tables};

/// Refuses orders that could not be put in place one after the other.
///
/// # Errors
/// A sentence about the first of them.
pub(super) fn check(tables: &Tables, orders: &[Order]) -> Result<(), String> {
    let mut added = HashSet::new();
    let mut removed = HashSet::new();
    let mut clusters = HashSet::new();
    let mut rooms = HashMap::new();
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
                require_room(tables, &mut rooms, frontend)?;
            }
            Order::Certificate(certificate) => {
                let address = &certificate.address;
                let known = tables.by_address.contains_key(address) && !removed.contains(address);
                if !known && !added.contains(address) {
                    return Err(format!("certificate: there is no listener on {address}"));
                }
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

/// Counts a route in. What a batch removes makes room for the next batch only.
fn require_room(
    tables: &Tables,
    rooms: &mut HashMap<SocketAddr, Usage>,
    frontend: &Frontend,
) -> Result<(), String> {
    let address = frontend.address;
    let key = tables.by_address.get(&address);
    let table = key.and_then(|key| tables.listeners.get(*key)).map(|listener| &listener.routes);
    let room = rooms.entry(address).or_insert_with(|| table.map(|t| t.usage()).unwrap_or_default());
    let rule = Rule::from(frontend.id());
    match room.add(&rule) {
        // It may replace one.
        Err(full) if !table.is_some_and(|table| table.contains(&rule)) => {
            Err(format!("frontend `{}` on {address}: {full}", frontend.hostname))
        }
        _ => Ok(()),
    }
}
