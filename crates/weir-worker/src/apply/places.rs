//! Whether orders find their place: a listener for each frontend, room in the tables.

use std::collections::{HashMap, HashSet};
use std::net::SocketAddr;

use weir_control::order::Order;
use weir_control::state::{Frontend, PathRule, Position};
use weir_route::{Rule, Usage};

use crate::tables::{MAX_CLUSTERS, MAX_LISTENERS, Tables};

/// What the orders that were looked at do to the room in the tables.
#[derive(Default)]
pub(super) struct Places {
    added: HashSet<SocketAddr>,
    removed: HashSet<SocketAddr>,
    /// Listeners of UDP that the tables do not have.
    udp: HashSet<SocketAddr>,
    /// Clusters that the tables do not have.
    clusters: HashSet<String>,
    rooms: HashMap<SocketAddr, Usage>,
}

impl Places {
    /// Looks at the next order: refuses one that could not be put in place after those before it.
    ///
    /// # Errors
    /// A sentence about it.
    pub(super) fn look(&mut self, tables: &Tables, order: &Order) -> Result<(), String> {
        match order {
            Order::Listener(listener) => {
                self.removed.remove(&listener.address);
                self.added.insert(listener.address);
            }
            Order::RemoveListener(address) => {
                self.added.remove(address);
                self.removed.insert(*address);
            }
            Order::UdpListener(listener) => {
                if tables.udp.key(&listener.address).is_none() {
                    self.udp.insert(listener.address);
                }
                if let Some(cluster) = &listener.cluster {
                    self.note_cluster(tables, cluster);
                }
            }
            Order::RemoveUdpListener(address) => _ = self.udp.remove(address),
            Order::Frontend(frontend) => {
                let name = || format!("frontend `{}`", frontend.hostname);
                self.require_listener(tables, &frontend.address, name)?;
                if let Some(cluster) = &frontend.cluster {
                    self.note_cluster(tables, cluster);
                }
                if takes_room(frontend) {
                    self.take_room(tables, frontend)?;
                }
            }
            Order::Certificate(certificate) => {
                let name = || "certificate".to_owned();
                self.require_listener(tables, &certificate.address, name)?;
            }
            Order::Cluster(cluster) => self.note_cluster(tables, &cluster.id),
            Order::Backend(backend) => self.note_cluster(tables, &backend.cluster),
            _ => {}
        }
        Ok(())
    }

    /// Refuses more listeners and clusters than there is room for.
    ///
    /// # Errors
    /// A sentence about it.
    pub(super) fn require_room(&self, tables: &Tables) -> Result<(), String> {
        let new = self.added.iter().filter(|address| !tables.by_address.contains_key(*address));
        let udp = tables.udp.len() + self.udp.len();
        if tables.listeners.len() + new.count() > MAX_LISTENERS || udp > MAX_LISTENERS {
            return Err(format!("a worker has room for {MAX_LISTENERS} listeners"));
        }
        if tables.clusters.len() + self.clusters.len() > MAX_CLUSTERS {
            return Err(format!("a worker has room for {MAX_CLUSTERS} clusters"));
        }
        Ok(())
    }

    fn note_cluster(&mut self, tables: &Tables, id: &str) {
        if !tables.by_id.contains_key(id) && !self.clusters.contains(id) {
            self.clusters.insert(id.to_owned());
        }
    }

    fn require_listener(
        &self,
        tables: &Tables,
        address: &SocketAddr,
        name: impl FnOnce() -> String,
    ) -> Result<(), String> {
        let known = || !self.removed.contains(address) && tables.by_address.contains_key(address);
        if self.added.contains(address) || known() {
            return Ok(());
        }
        Err(format!("{}: there is no listener on {address}", name()))
    }

    /// Counts a route in. What a batch removes makes room for the next batch only.
    fn take_room(&mut self, tables: &Tables, frontend: &Frontend) -> Result<(), String> {
        let address = frontend.address;
        let key = tables.by_address.get(&address);
        let table = key.and_then(|key| tables.listeners.get(*key)).map(|listener| &listener.routes);
        let usage = || table.map(|table| table.usage()).unwrap_or_default();
        let room = self.rooms.entry(address).or_insert_with(usage);
        let rule = Rule::from(frontend.id());
        match room.add(&rule) {
            // It may replace one.
            Err(full) if !table.is_some_and(|table| table.contains(&rule)) => {
                Err(format!("frontend `{}` on {address}: {full}", frontend.hostname))
            }
            _ => Ok(()),
        }
    }
}

/// Whether a route counts against a bound at all: only what is tried one by one does.
fn takes_room(frontend: &Frontend) -> bool {
    let in_tree = frontend.position == Position::Tree && !frontend.hostname.contains('/');
    !in_tree || matches!(frontend.path, PathRule::Regex(_))
}
