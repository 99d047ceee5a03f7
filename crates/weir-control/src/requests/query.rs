//! Questions that the state answers.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Bound;

use weir_proto::{
    AddBackend, CertificateSummary, CertificatesByAddress, CertificatesWithFingerprints,
    ClusterHashes, ClusterInformation, ClusterInformations, FrontendFilters, HttpListenerConfig,
    HttpsListenerConfig, ListOfCertificatesByAddress, ListedFrontends, ListenersList,
    QueryCertificatesFilters, QueryClusterByDomain, RequestUdpFrontend, TcpListenerConfig,
    UdpListenerConfig, frame,
};

use super::{
    Keys, Kind, Refusal, certificate, cluster, frontend, https, listener, tcp_frontend,
    tcp_listener, udp,
};
use crate::change::object_hash;
use crate::channel::FoundCertificates;
use crate::state::{Backend, Certificate, CertificateId, Frontend, PathRule, State, UdpListener};

/// Bytes of what is on a page; the last of it may go beyond.
pub(super) const PAGE: usize = 256 << 10;

/// Frontends by protocol (none named: all), part of the host, and cluster; the whole list, or a
/// page of it. Those of UDP are on the first one.
///
/// # Errors
/// When the page is none that was given.
pub fn frontends(state: &State, filters: &FrontendFilters) -> Result<ListedFrontends, Refusal> {
    frontends_up_to(state, filters, PAGE)
}

/// The same, with pages of so many bytes.
pub(super) fn frontends_up_to(
    state: &State,
    filters: &FrontendFilters,
    most: usize,
) -> Result<ListedFrontends, Refusal> {
    let behind = match filters.page.as_deref() {
        None | Some("") => None,
        Some(page) => Some(page.parse().map_err(|_| no_page(page, "frontends"))?),
    };
    let all = !(filters.http || filters.https || filters.tcp);
    let is_wanted = |frontend: &Frontend| {
        let domain = filters.domain.as_ref().is_none_or(|part| frontend.hostname.contains(part));
        domain && (filters.cluster_id.is_none() || filters.cluster_id == frontend.cluster)
    };
    let mut list = ListedFrontends::default();
    if behind.is_none() && (filters.tcp || all) && filters.domain.is_none() {
        list.udp_frontends = udp_frontends(state, filters.cluster_id.as_deref());
    }
    let mut bytes = frame::length(&list);
    for (place, frontend) in state.frontends.behind(behind).filter(|(_, of)| is_wanted(of)) {
        bytes += match Kind::at(state, frontend.address) {
            Kind::Http if filters.http || all => {
                list.http_frontends.push(frontend::config(frontend));
                list.http_frontends.last().map_or(0, frame::length)
            }
            Kind::Https if filters.https || all => {
                list.https_frontends.push(frontend::config(frontend));
                list.https_frontends.last().map_or(0, frame::length)
            }
            Kind::Tcp if filters.tcp || all => {
                list.tcp_frontends.push(tcp_frontend::config(frontend));
                list.tcp_frontends.last().map_or(0, frame::length)
            }
            _ => 0,
        };
        if filters.page.is_some() && bytes >= most {
            list.next = Some(place.to_string());
            break;
        }
    }
    Ok(list)
}

/// Frontends of UDP, which have no host: all, or those that lead to a cluster.
fn udp_frontends(state: &State, cluster: Option<&str>) -> Vec<RequestUdpFrontend> {
    let leads = |of: &&UdpListener| cluster.is_none() || of.cluster.as_deref() == cluster;
    state.udp.values().filter(leads).filter_map(udp::frontend_config).collect()
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
/// fingerprint, or all; the whole list, or a page of it. A name is one that the certificate is
/// chosen for, letter by letter.
///
/// # Errors
/// When the page is none that was given.
pub fn certificates(
    state: &State,
    filters: &QueryCertificatesFilters,
) -> Result<CertificatesWithFingerprints, Refusal> {
    certificates_up_to(state, filters, PAGE)
}

/// The same, with pages of so many bytes.
pub(super) fn certificates_up_to(
    state: &State,
    filters: &QueryCertificatesFilters,
    most: usize,
) -> Result<CertificatesWithFingerprints, Refusal> {
    let start = filters.page.as_deref().map_or(Ok(Bound::Unbounded), page_start)?;
    let wanted = |certificate: &Certificate| match (&filters.domain, &filters.fingerprint) {
        (Some(domain), _) => certificate.names.contains(domain),
        (None, Some(fingerprint)) => certificate.fingerprint.to_string() == *fingerprint,
        (None, None) => true,
    };
    let (mut list, mut bytes) = (CertificatesWithFingerprints::default(), 0);
    for (id, certificate) in state.certificates.range((start, Bound::Unbounded)) {
        if !wanted(certificate) {
            continue;
        }
        let shown = certificate::with_key(certificate);
        bytes += shown.certificate.len() + shown.key.len();
        bytes += shown.certificate_chain.iter().map(String::len).sum::<usize>();
        list.certs.insert(certificate.fingerprint.to_string(), shown);
        if filters.page.is_some() && bytes >= most {
            list.next = Some(format!("{} {}", id.address, id.fingerprint));
            break;
        }
    }
    Ok(list)
}

/// Behind which certificate a page begins: a listener and a fingerprint.
fn page_start(page: &str) -> Result<Bound<CertificateId>, Refusal> {
    if page.is_empty() {
        return Ok(Bound::Unbounded);
    }
    let id = page.split_once(' ').and_then(|(address, fingerprint)| {
        let (address, fingerprint) = (address.parse().ok()?, fingerprint.parse().ok()?);
        Some(CertificateId { address, fingerprint })
    });
    Ok(Bound::Excluded(id.ok_or_else(|| no_page(page, "certificates"))?))
}

/// Why a page is refused that no answer has named.
pub fn no_page(page: &str, of: &str) -> Refusal {
    format!("`{page}` is no page of {of}: begin with an empty one, go on with `next`").into()
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
