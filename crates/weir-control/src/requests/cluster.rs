//! Clusters and their backends.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::Duration;

use weir_proto::request::RequestType;
use weir_proto::{
    AddBackend, CertificateAndKey, Cluster as Config, ClusterTls, LoadBalancingAlgorithms,
    LoadBalancingParams, LoadMetric as Metric, ProxyProtocolConfig, RemoveBackend, SocketAddress,
};

use weir_base::{Address, UnixPath};
use weir_tls::certificate::{certificate_pem, key_pem};

use super::health::{
    breaker, breaker_config, ejection, ejection_config, health_config, health_of, retries,
    retries_config,
};
use super::{Keys, Refusal, address, certificate, https, port, rates, udp};
use crate::check;
use crate::order::Order;
use crate::state::{
    Affinity, Answers, Backend, BackendId, BackendTls, Cluster, Identity, LoadBalancing,
    LoadMetric, ProxyMode, State,
};

/// Weight of a backend that is given none.
const WEIGHT: u8 = 100;
/// Seconds in `Retry-After` of a cluster that names none: the default of the configuration file.
const RETRY_AFTER: u32 = 60;

pub(super) fn add(state: &State, config: &Config) -> Result<Vec<Order>, Refusal> {
    refuse_what_is_missing(config)?;
    check::id("a cluster", &config.cluster_id)?;
    config.authorized_hashes.iter().try_for_each(|hash| check::authorized_hash(hash))?;
    if let Some(value) = &config.www_authenticate {
        check::field_value("www_authenticate", value)?;
    }
    if config.sticky_session {
        let backends = state.backends_of(&config.cluster_id);
        let mut backends = backends.iter().filter_map(|key| state.backends.get(key));
        backends.try_for_each(check::cookie)?;
    }
    let retry_after = config.retry_after.unwrap_or(RETRY_AFTER);
    let cluster = Cluster {
        id: config.cluster_id.clone(),
        load_balancing: load_balancing(config.load_balancing)?,
        load_metric: load_metric(config.load_metric)?,
        sticky_session: config.sticky_session,
        https_redirect: config.https_redirect,
        https_redirect_port: port("https_redirect_port", config.https_redirect_port)?,
        answers: answers(&config.answers, config.answer_503.as_ref())?,
        authorized_hashes: config.authorized_hashes.clone(),
        www_authenticate: config.www_authenticate.clone(),
        max_connections_per_ip: config.max_connections_per_ip,
        max_connections_per_subnet: config.max_connections_per_subnet,
        retry_after: Some(retry_after).filter(|seconds| *seconds > 0),
        http2: config.http2.unwrap_or_default(),
        tls: config.tls.as_ref().map(|tls| tls_of(state, &config.cluster_id, tls)).transpose()?,
        affinity: check::affinity(config.affinity_header.clone(), config.affinity_cookie.clone())?,
        proxy: proxy(config.proxy_protocol)?,
        udp: config.udp.as_ref().map(udp::rules).transpose()?.map(Box::new),
        health: health_of(config)?.map(Box::new),
        ejection: config.ejection.as_ref().map(ejection).transpose()?,
        retries: config.retry_budget.as_ref().map(retries).transpose()?,
        breaker: config.breaker.as_ref().map(breaker).transpose()?,
        slow_start: Duration::from_secs(config.slow_start.unwrap_or_default().into()),
        max_queued: config.max_queued,
        queue_timeout: config.queue_timeout.map(|seconds| Duration::from_secs(seconds.into())),
        no_access_log: config.access_log == Some(false),
        rate_limits: rates::rate_limits(&config.rate_limits)?,
        min_sessions: config.min_sessions,
        max_sessions: config.max_sessions,
    };
    check::sessions(&cluster)?;
    if check::for_tcp(&cluster).is_err() && leads_tcp(state, &cluster.id) {
        check::for_tcp(&cluster)?;
    }
    if state.udp.values().any(|listener| listener.cluster.as_ref() == Some(&cluster.id)) {
        check::for_udp(&cluster)?;
    }
    Ok(vec![Order::Cluster(cluster)])
}

/// Clients of TCP come to the cluster.
fn leads_tcp(state: &State, cluster: &str) -> bool {
    let mut frontends = state.frontends.iter().filter(|f| f.cluster.as_deref() == Some(cluster));
    frontends.any(|frontend| state.is_tcp(frontend.address))
}

fn proxy(number: Option<i32>) -> Result<Option<ProxyMode>, Refusal> {
    Ok(match number.map(ProxyProtocolConfig::try_from) {
        None => None,
        Some(Ok(ProxyProtocolConfig::ExpectHeader)) => Some(ProxyMode::Expect),
        Some(Ok(ProxyProtocolConfig::SendHeader)) => Some(ProxyMode::Send),
        Some(Ok(ProxyProtocolConfig::RelayHeader)) => Some(ProxyMode::Relay),
        Some(Err(_)) => return Err("the mode of the PROXY protocol has no known number".into()),
    })
}

fn tls_of(state: &State, cluster: &str, config: &ClusterTls) -> Result<Box<BackendTls>, Refusal> {
    let known = state.clusters.get(cluster).and_then(|known| known.tls.as_deref());
    let tls = BackendTls {
        authorities: https::authorities(&config.authorities)?,
        server_name: config.server_name.clone(),
        identity: config.identity.as_ref().map(|shown| identity(known, shown)).transpose()?,
        verify: config.verify.unwrap_or(true),
    };
    if let Some(name) = &tls.server_name {
        check::server_name(name)?;
    }
    check::backend_tls(&tls)?;
    Ok(Box::new(tls))
}

/// An answer about a cluster leaves the key out, and must be good for asking with.
fn identity(known: Option<&BackendTls>, shown: &CertificateAndKey) -> Result<Identity, Refusal> {
    let known = known.and_then(|tls| tls.identity.as_ref());
    match known {
        Some(known) if shown.key.is_empty() && certificate::without_key(known) == *shown => {
            Ok(known.clone())
        }
        _ => certificate::identity(shown),
    }
}

fn load_balancing(number: i32) -> Result<LoadBalancing, Refusal> {
    Ok(match LoadBalancingAlgorithms::try_from(number) {
        Ok(LoadBalancingAlgorithms::RoundRobin) => LoadBalancing::RoundRobin,
        Ok(LoadBalancingAlgorithms::Random) => LoadBalancing::Random,
        Ok(LoadBalancingAlgorithms::LeastLoaded) => LoadBalancing::LeastLoaded,
        Ok(LoadBalancingAlgorithms::PowerOfTwo) => LoadBalancing::PowerOfTwo,
        Ok(LoadBalancingAlgorithms::Hrw) => LoadBalancing::Rendezvous,
        Ok(LoadBalancingAlgorithms::Maglev) => LoadBalancing::Maglev,
        Err(_) => return Err("the load-balancing policy has no known number".into()),
    })
}

fn load_metric(number: Option<i32>) -> Result<LoadMetric, Refusal> {
    match number.map(Metric::try_from) {
        None | Some(Ok(Metric::Connections)) => Ok(LoadMetric::Connections),
        Some(Ok(Metric::Requests)) => Ok(LoadMetric::Requests),
        Some(Ok(Metric::ConnectionTime)) => Ok(LoadMetric::ConnectionTime),
        Some(Ok(Metric::ResponseTime)) => Ok(LoadMetric::ResponseTime),
        Some(Err(_)) => Err("the load metric has no known number".into()),
    }
}

fn refuse_what_is_missing(config: &Config) -> Result<(), Refusal> {
    let lacks = [
        (config.shard_percent.is_some() || config.shard_mode.is_some(), "shards"),
        (config.shard_min_backends.is_some(), "shards"),
        (config.max_connection_attempts.is_some(), "another number of connection attempts"),
    ];
    match lacks.iter().find(|(asked, _)| *asked) {
        Some((_, what)) => {
            Err(format!("this version does not have {what}: leave that out of the cluster").into())
        }
        None => Ok(()),
    }
}

/// Templates by status; empty ones are left out, as in the configuration file.
pub(super) fn answers<'a>(
    answers: impl IntoIterator<Item = (&'a String, &'a String)>,
    answer_503: Option<&String>,
) -> Result<Answers, Refusal> {
    let mut all = Answers::new();
    all.extend(answer_503.map(|text| (503, text.clone())));
    for (status, text) in answers {
        all.insert(check::status(status)?, text.clone());
    }
    checked(all)
}

/// Answers that are templates; empty ones are left out.
pub(super) fn checked(mut answers: Answers) -> Result<Answers, Refusal> {
    answers.retain(|_, text| !text.is_empty());
    answers.iter().try_for_each(|(status, text)| check::answer(*status, text))?;
    Ok(answers)
}

pub(super) fn remove(state: &State, id: &str) -> Result<Vec<Order>, Refusal> {
    if !state.clusters.contains_key(id) {
        return Err(format!("there is no cluster `{id}`").into());
    }
    Ok(vec![Order::RemoveCluster(id.to_owned())])
}

pub(super) fn add_unix_backend(state: &State, backend: &AddBackend) -> Result<Vec<Order>, Refusal> {
    match backend.unix_path {
        Some(_) => add_backend(state, backend),
        None => Err("a backend on a Unix socket needs a `unix_path`".into()),
    }
}

pub(super) fn add_backend(state: &State, backend: &AddBackend) -> Result<Vec<Order>, Refusal> {
    check::id("a cluster", &backend.cluster_id)?;
    check::id("a backend", &backend.backend_id)?;
    let backend = Backend {
        cluster: backend.cluster_id.clone(),
        id: backend.backend_id.clone(),
        address: place(&backend.address, backend.unix_path.as_deref())?,
        weight: weight(backend.load_balancing_parameters)?,
        sticky_id: backend.sticky_id.clone(),
        backup: backend.backup.unwrap_or_default(),
        max_connections: backend.max_connections,
    };
    check::backend_address(&backend.address)?;
    check::max_connections(backend.max_connections)?;
    let cluster = state.clusters.get(&backend.cluster);
    if backend.sticky_id.is_some() || cluster.is_some_and(|cluster| cluster.sticky_session) {
        check::cookie(&backend)?;
    }
    Ok(vec![Order::Backend(backend)])
}

/// What stands where an address must, for a backend that has none.
const NOWHERE: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::UNSPECIFIED), 0);

/// Where a backend listens, as messages say it.
fn place(wanted: &SocketAddress, path: Option<&str>) -> Result<Address, Refusal> {
    match path {
        None => Ok(Address::Ip(address(wanted)?)),
        Some(path) => match UnixPath::new(path) {
            Ok(path) => Ok(Address::Unix(path)),
            Err(error) => Err(format!("`unix_path`: {error}").into()),
        },
    }
}

fn weight(parameters: Option<LoadBalancingParams>) -> Result<u8, Refusal> {
    let Some(LoadBalancingParams { weight }) = parameters else { return Ok(WEIGHT) };
    let weight = u8::try_from(weight);
    weight.map_err(|_| "the weight of a backend is a number from 0 to 255".into())
}

pub(super) fn remove_backend(
    state: &State,
    backend: &RemoveBackend,
) -> Result<Vec<Order>, Refusal> {
    let id = BackendId { cluster: backend.cluster_id.clone(), id: backend.backend_id.clone() };
    let wanted = place(&backend.address, backend.unix_path.as_deref())?;
    if state.backends.get(&id).is_none_or(|known| known.address != wanted) {
        let (cluster, id) = (&id.cluster, &id.id);
        return Err(format!("cluster `{cluster}` has no backend `{id}` at {wanted}").into());
    }
    let patience = backend.close_sessions_after.map(|seconds| Duration::from_secs(seconds.into()));
    let BackendId { cluster, id } = id;
    Ok(vec![Order::RemoveBackend { cluster, id, close_after: patience }])
}

/// A cluster as the protocol shows it.
pub(super) fn config(cluster: &Cluster, keys: Keys) -> Config {
    let answers = cluster.answers.iter().map(|(status, text)| (status.to_string(), text.clone()));
    let load_balancing = match cluster.load_balancing {
        LoadBalancing::RoundRobin => LoadBalancingAlgorithms::RoundRobin,
        LoadBalancing::Random => LoadBalancingAlgorithms::Random,
        LoadBalancing::LeastLoaded => LoadBalancingAlgorithms::LeastLoaded,
        LoadBalancing::PowerOfTwo => LoadBalancingAlgorithms::PowerOfTwo,
        LoadBalancing::Rendezvous => LoadBalancingAlgorithms::Hrw,
        LoadBalancing::Maglev => LoadBalancingAlgorithms::Maglev,
    };
    let load_metric = match cluster.load_metric {
        LoadMetric::Connections => Metric::Connections,
        LoadMetric::Requests => Metric::Requests,
        LoadMetric::ConnectionTime => Metric::ConnectionTime,
        LoadMetric::ResponseTime => Metric::ResponseTime,
    };
    let proxy = cluster.proxy.map(|mode| match mode {
        ProxyMode::Expect => ProxyProtocolConfig::ExpectHeader,
        ProxyMode::Send => ProxyProtocolConfig::SendHeader,
        ProxyMode::Relay => ProxyProtocolConfig::RelayHeader,
    });
    Config {
        cluster_id: cluster.id.clone(),
        sticky_session: cluster.sticky_session,
        https_redirect: cluster.https_redirect,
        proxy_protocol: proxy.map(Into::into),
        load_balancing: load_balancing.into(),
        load_metric: Some(load_metric.into()),
        answers: answers.collect(),
        https_redirect_port: cluster.https_redirect_port.map(Into::into),
        authorized_hashes: cluster.authorized_hashes.clone(),
        www_authenticate: cluster.www_authenticate.clone(),
        max_connections_per_ip: cluster.max_connections_per_ip,
        max_connections_per_subnet: cluster.max_connections_per_subnet,
        retry_after: Some(cluster.retry_after.unwrap_or_default()),
        http2: Some(cluster.http2),
        tls: cluster.tls.as_deref().map(|tls| tls_config(tls, keys)),
        udp: cluster.udp.as_deref().map(udp::rules_config),
        affinity_header: match &cluster.affinity {
            Affinity::Field(name) => Some(name.clone()),
            _ => None,
        },
        affinity_cookie: match &cluster.affinity {
            Affinity::Cookie(name) => Some(name.clone()),
            _ => None,
        },
        health_check: cluster.health.as_deref().map(health_config),
        ejection: cluster.ejection.as_ref().map(ejection_config),
        retry_budget: cluster.retries.as_ref().map(retries_config),
        breaker: cluster.breaker.as_ref().map(breaker_config),
        slow_start: Some(cluster.slow_start.as_secs() as u32).filter(|seconds| *seconds > 0),
        max_queued: cluster.max_queued,
        queue_timeout: cluster.queue_timeout.map(|timeout| timeout.as_secs() as u32),
        access_log: cluster.no_access_log.then_some(false),
        rate_limits: rates::shown(&cluster.rate_limits),
        min_sessions: cluster.min_sessions,
        max_sessions: cluster.max_sessions,
        ..Config::default()
    }
}

fn tls_config(tls: &BackendTls, keys: Keys) -> ClusterTls {
    let identity = tls.identity.as_ref().map(|identity| CertificateAndKey {
        key: match keys {
            Keys::Shown => key_pem(&identity.key).to_string(),
            Keys::LeftOut => String::new(),
        },
        ..certificate::without_key(identity)
    });
    ClusterTls {
        authorities: tls.authorities.iter().map(certificate_pem).collect(),
        server_name: tls.server_name.clone(),
        identity,
        verify: Some(tls.verify),
    }
}

/// The request that adds a backend.
pub(super) fn backend_request(backend: &Backend) -> RequestType {
    let config = backend_config(backend);
    match backend.address {
        Address::Ip(_) => RequestType::AddBackend(config),
        Address::Unix(_) => RequestType::AddUnixBackend(config),
    }
}

/// A backend as the protocol shows it.
pub(super) fn backend_config(backend: &Backend) -> AddBackend {
    AddBackend {
        cluster_id: backend.cluster.clone(),
        backend_id: backend.id.clone(),
        // A field that must be there; the path says more.
        address: backend.address.ip().unwrap_or(NOWHERE).into(),
        sticky_id: backend.sticky_id.clone(),
        load_balancing_parameters: Some(LoadBalancingParams { weight: backend.weight.into() }),
        backup: Some(backend.backup),
        max_connections: backend.max_connections,
        unix_path: backend.address.path().map(str::to_owned),
    }
}
