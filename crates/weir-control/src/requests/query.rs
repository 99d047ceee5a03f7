//! Questions that the state answers.

use std::collections::{BTreeMap, BTreeSet};

use weir_proto::{
    AddBackend, ClusterHashes, ClusterInformation, ClusterInformations, FrontendFilters,
    HttpListenerConfig, ListedFrontends, ListenersList, QueryClusterByDomain,
};

use super::{cluster, frontend, listener};
use crate::change::object_hash;
use crate::state::{Backend, Frontend, PathRule, State};

/// Frontends by protocol (none named: all), part of the host, and cluster.
pub fn frontends(state: &State, filters: &FrontendFilters) -> ListedFrontends {
    let all = !(filters.http || filters.https || filters.tcp);
    let wanted = |frontend: &&Frontend| {
        let domain = filters.domain.as_ref().is_none_or(|part| frontend.hostname.contains(part));
        let cluster = filters.cluster_id.is_none() || filters.cluster_id == frontend.cluster;
        (filters.http || all) && domain && cluster
    };
    let http_frontends = state.frontends.iter().filter(wanted).map(frontend::config).collect();
    ListedFrontends { http_frontends, ..ListedFrontends::default() }
}

/// Every listener by its address.
pub fn listeners(state: &State) -> ListenersList {
    let listeners = state.listeners.values().map(|listener| {
        let config = listener::config(listener);
        (listener.address.to_string(), HttpListenerConfig { active: listener.active, ..config })
    });
    ListenersList { http_listeners: listeners.collect(), ..ListenersList::default() }
}

/// What is known of a cluster; nothing when nothing names it.
pub fn cluster_by_id(state: &State, id: &str) -> ClusterInformations {
    let information = ClusterInformation {
        configuration: state.clusters.get(id).map(cluster::config),
        http_frontends: frontends_to(state, id),
        backends: backends(state, id),
        ..ClusterInformation::default()
    };
    let known = information != ClusterInformation::default();
    ClusterInformations { vec: known.then_some(information).into_iter().collect() }
}

/// The clusters that a host's rules lead to, and a path's if one is given.
pub fn clusters_by_domain(state: &State, query: &QueryClusterByDomain) -> ClusterInformations {
    let leads = |frontend: &&Frontend| {
        let (PathRule::Prefix(path) | PathRule::Equals(path) | PathRule::Regex(path)) =
            &frontend.path;
        frontend.hostname.eq_ignore_ascii_case(&query.hostname)
            && query.path.as_ref().is_none_or(|p| p == path)
    };
    let frontends = state.frontends.iter().filter(leads);
    let ids: BTreeSet<_> = frontends.filter_map(|frontend| frontend.cluster.as_deref()).collect();
    ClusterInformations { vec: ids.iter().flat_map(|id| cluster_by_id(state, id).vec).collect() }
}

/// A number for each cluster that changes with its configuration, frontends and backends.
pub fn cluster_hashes(state: &State) -> ClusterHashes {
    let mut map: BTreeMap<String, u64> = BTreeMap::new();
    let mut add = |id: &str, hash: u64| {
        let sum = map.entry(id.to_owned()).or_default();
        *sum = sum.wrapping_add(hash);
    };
    for cluster in state.clusters.values() {
        add(&cluster.id, object_hash("cluster", cluster));
    }
    for frontend in state.frontends.iter() {
        if let Some(cluster) = &frontend.cluster {
            add(cluster, object_hash("frontend", frontend));
        }
    }
    for backend in state.backends.iter() {
        add(&backend.cluster, object_hash("backend", backend));
    }
    ClusterHashes { map }
}

fn frontends_to(state: &State, id: &str) -> Vec<weir_proto::RequestHttpFrontend> {
    let frontends = state.frontends.iter().filter(|f| f.cluster.as_deref() == Some(id));
    frontends.map(frontend::config).collect()
}

fn backends(state: &State, id: &str) -> Vec<AddBackend> {
    let keys = state.backends_of(id);
    let backends: Vec<&Backend> = keys.iter().filter_map(|key| state.backends.get(key)).collect();
    backends.into_iter().map(cluster::backend_config).collect()
}
