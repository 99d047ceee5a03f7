//! Questions that the state answers.

use std::collections::{BTreeMap, BTreeSet};

use weir_proto::{
    AddBackend, CertificateSummary, CertificatesByAddress, CertificatesWithFingerprints,
    ClusterHashes, ClusterInformation, ClusterInformations, FrontendFilters, HttpListenerConfig,
    HttpsListenerConfig, ListOfCertificatesByAddress, ListedFrontends, ListenersList,
    QueryCertificatesFilters, QueryClusterByDomain, TcpListenerConfig, UdpListenerConfig,
};

use super::{
    Keys, Kind, certificate, cluster, frontend, https, listener, tcp_frontend, tcp_listener, udp,
};
use crate::change::object_hash;
use crate::channel::FoundCertificates;
use crate::state::{Backend, Certificate, Frontend, PathRule, State, UdpListener};

/// Frontends by protocol (none named: all), part of the host, and cluster.
pub fn frontends(state: &State, filters: &FrontendFilters) -> ListedFrontends {
    let all = !(filters.http || filters.https || filters.tcp);
    let wanted = |frontend: &&Frontend| {
        let domain = filters.domain.as_ref().is_none_or(|part| frontend.hostname.contains(part));
        let cluster = filters.cluster_id.is_none() || filters.cluster_id == frontend.cluster;
        domain && cluster
    };
    let of = |asked: bool, kind| {
        let frontends = state.frontends.iter().filter(move |_| asked || all).filter(wanted);
        frontends.filter(move |frontend| Kind::at(state, frontend.address) == kind)
    };
    // They have no host, and no flag of their own.
    let udp = state.udp.values().filter(|_| (filters.tcp || all) && filters.domain.is_none());
    let wanted = |l: &&UdpListener| filters.cluster_id.is_none() || filters.cluster_id == l.cluster;
    let udp = udp.filter(wanted).filter_map(udp::frontend_config);
    ListedFrontends {
        http_frontends: of(filters.http, Kind::Http).map(frontend::config).collect(),
        https_frontends: of(filters.https, Kind::Https).map(frontend::config).collect(),
        tcp_frontends: of(filters.tcp, Kind::Tcp).map(tcp_frontend::config).collect(),
        udp_frontends: udp.collect(),
    }
}

/// Every listener by its address, without private keys.
pub fn listeners(state: &State) -> ListenersList {
    let mut list = ListenersList::default();
    for listener in state.listeners.values() {
        let (address, active) = (listener.address.to_string(), listener.active);
        match &listener.tls {
            None if listener.is_tcp() => {
                let config = tcp_listener::config(listener);
                list.tcp_listeners.insert(address, TcpListenerConfig { active, ..config });
            }
            None => {
                let config = listener::config(listener);
                list.http_listeners.insert(address, HttpListenerConfig { active, ..config });
            }
            Some(tls) => {
                let config = https::config(listener, tls, Keys::LeftOut);
                list.https_listeners.insert(address, HttpsListenerConfig { active, ..config });
            }
        }
    }
    for listener in state.udp.values() {
        let (address, active) = (listener.address.to_string(), listener.active);
        let config = UdpListenerConfig { active, ..udp::config(listener) };
        list.udp_listeners.insert(address, config);
    }
    list
}

/// Certificates by their fingerprints, with their keys: those of a name, or the one of a
/// fingerprint, or all. A name is one that the certificate is chosen for, letter by letter.
pub fn certificates(
    state: &State,
    filters: &QueryCertificatesFilters,
) -> CertificatesWithFingerprints {
    let wanted = |certificate: &&Certificate| match (&filters.domain, &filters.fingerprint) {
        (Some(domain), _) => certificate.names.contains(domain),
        (None, Some(fingerprint)) => certificate.fingerprint.to_string() == *fingerprint,
        (None, None) => true,
    };
    let found = state.certificates.values().filter(wanted);
    let certs = found.map(|c| (c.fingerprint.to_string(), certificate::with_key(c)));
    CertificatesWithFingerprints { certs: certs.collect() }
}

/// What a worker found of certificates, as the protocol shows it.
pub fn certificates_found(found: &[FoundCertificates]) -> ListOfCertificatesByAddress {
    let by_address = found.iter().map(|found| {
        let summaries = found.certificates.iter().map(|(domain, fingerprint)| CertificateSummary {
            domain: domain.clone(),
            fingerprint: fingerprint.to_string(),
        });
        CertificatesByAddress {
            address: found.address.into(),
            certificate_summaries: summaries.collect(),
        }
    });
    ListOfCertificatesByAddress { certificates: by_address.collect() }
}

/// What is known of a cluster; nothing when nothing names it.
pub fn cluster_by_id(state: &State, id: &str) -> ClusterInformations {
    let information = ClusterInformation {
        configuration: state.clusters.get(id).map(|c| cluster::config(c, Keys::LeftOut)),
        http_frontends: frontends_to(state, id, Kind::Http).map(frontend::config).collect(),
        https_frontends: frontends_to(state, id, Kind::Https).map(frontend::config).collect(),
        tcp_frontends: frontends_to(state, id, Kind::Tcp).map(tcp_frontend::config).collect(),
        udp_frontends: state
            .udp
            .values()
            .filter(|listener| listener.cluster.as_deref() == Some(id))
            .filter_map(udp::frontend_config)
            .collect(),
        backends: backends(state, id),
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
    for listener in state.udp.values() {
        if let Some(cluster) = &listener.cluster {
            add(cluster, object_hash("frontend", &(listener.address, &listener.tags)));
        }
    }
    for backend in state.backends.iter() {
        add(&backend.cluster, object_hash("backend", backend));
    }
    ClusterHashes { map }
}

fn frontends_to<'a>(
    state: &'a State,
    id: &'a str,
    kind: Kind,
) -> impl Iterator<Item = &'a Frontend> {
    let frontends = state.frontends.iter().filter(move |f| f.cluster.as_deref() == Some(id));
    frontends.filter(move |frontend| Kind::at(state, frontend.address) == kind)
}

fn backends(state: &State, id: &str) -> Vec<AddBackend> {
    let keys = state.backends_of(id);
    let backends: Vec<&Backend> = keys.iter().filter_map(|key| state.backends.get(key)).collect();
    backends.into_iter().map(cluster::backend_config).collect()
}
