//! Orders about listeners of UDP.

use std::net::SocketAddr;
use std::rc::Rc;

use weir_base::{Endpoint, Key};
use weir_control::change::object_hash;
use weir_control::state;
use weir_sys::UdpSocket;

use super::{Changes, Sockets, cluster_slot, release_cluster};
use crate::tables::Tables;
use crate::udp::listener::UdpSettings;

pub(super) fn settings(config: state::UdpListener) -> UdpSettings {
    let hash = object_hash("udp", &config);
    let tags: Vec<_> = config.tags.iter().map(|(key, value)| format!("{key}={value}")).collect();
    let tags = tags.join(", ").into();
    UdpSettings { config, hash, tags }
}

/// Adds or replaces a listener. Flows that there are keep what they began with.
pub(super) fn put(
    tables: &mut Tables,
    sockets: &mut Sockets,
    settings: UdpSettings,
    changes: &mut Changes,
) {
    let (address, active) = (settings.config.address, settings.config.active);
    // An order that follows may want them if this one does not.
    let lent = if active { sockets.remove(&Endpoint::udp(address)) } else { None };
    let lent = lent.unwrap_or_default();
    let settings = Rc::new(settings);
    let cluster = settings.config.cluster.as_deref().map(|id| cluster_slot(tables, id));
    let known = tables.udp.key(&address);
    let key = known.or_else(|| tables.udp.add(Rc::clone(&settings)));
    let Some((key, listener)) = key.and_then(|key| Some((key, tables.udp.get_mut(key)?))) else {
        return;
    };
    let first = listener.sockets.len();
    listener.sockets.extend(lent.into_iter().map(UdpSocket::from_fd));
    changes.udp_opened.extend((first..listener.sockets.len()).map(|index| (key, index)));
    let hash = settings.hash;
    let before = std::mem::replace(&mut listener.settings, settings);
    let left = std::mem::replace(&mut listener.cluster, cluster);
    if !active {
        changes.udp_closed.push((key, std::mem::take(&mut listener.sockets)));
    }
    if let Some(cluster) = cluster.and_then(|key| tables.clusters.get_mut(key)) {
        cluster.routes += 1;
    }
    tables.add(hash);
    if known.is_some() {
        tables.subtract(before.hash);
        leave(tables, left);
    }
}

pub(super) fn remove(tables: &mut Tables, address: &SocketAddr, changes: &mut Changes) {
    if let Some((key, listener)) = tables.udp.remove(address) {
        tables.subtract(listener.settings.hash);
        leave(tables, listener.cluster);
        changes.udp_closed.push((key, listener.sockets));
    }
}

fn leave(tables: &mut Tables, cluster: Option<Key>) {
    if let Some(key) = cluster {
        release_cluster(tables, key);
    }
}
