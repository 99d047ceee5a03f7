//! Clusters and their backends.

use weir_proto::{
    AddBackend, Cluster as Config, LoadBalancingAlgorithms, LoadBalancingParams,
    LoadMetric as Metric, RemoveBackend,
};

use super::{Refusal, address, id};
use crate::order::Order;
use crate::state::{Answers, Backend, BackendId, Cluster, LoadBalancing, LoadMetric, State};

/// Weight of a backend that is given none.
const WEIGHT: u8 = 100;

pub(super) fn add(config: &Config) -> Result<Vec<Order>, Refusal> {
    refuse_what_is_missing(config)?;
    let port = |port: u32| u16::try_from(port).map_err(|_| format!("{port} is not a port"));
    let cluster = Cluster {
        id: id("a cluster", &config.cluster_id)?,
        load_balancing: match LoadBalancingAlgorithms::try_from(config.load_balancing) {
            Ok(LoadBalancingAlgorithms::RoundRobin) => LoadBalancing::RoundRobin,
            Ok(LoadBalancingAlgorithms::Random) => LoadBalancing::Random,
            Ok(LoadBalancingAlgorithms::LeastLoaded) => LoadBalancing::LeastLoaded,
            Ok(LoadBalancingAlgorithms::PowerOfTwo) => LoadBalancing::PowerOfTwo,
            Ok(LoadBalancingAlgorithms::Hrw | LoadBalancingAlgorithms::Maglev) => {
                return Err("HRW and MAGLEV are for UDP, which this version does not proxy: \
                            choose ROUND_ROBIN, RANDOM, LEAST_LOADED or POWER_OF_TWO"
                    .into());
            }
            Err(_) => return Err("the load-balancing policy has no known number".into()),
        },
        load_metric: match config.load_metric.map(Metric::try_from) {
            None | Some(Ok(Metric::Connections)) => LoadMetric::Connections,
            Some(Ok(Metric::Requests)) => LoadMetric::Requests,
            Some(Ok(Metric::ConnectionTime)) => LoadMetric::ConnectionTime,
            Some(Err(_)) => return Err("the load metric has no known number".into()),
        },
        sticky_session: config.sticky_session,
        https_redirect: config.https_redirect,
        https_redirect_port: config.https_redirect_port.map(port).transpose()?,
        answers: answers(&config.answers, config.answer_503.as_ref())?,
        authorized_hashes: config.authorized_hashes.clone(),
        www_authenticate: config.www_authenticate.clone(),
        max_connections_per_ip: config.max_connections_per_ip.filter(|limit| *limit > 0),
        retry_after: config.retry_after,
    };
    Ok(vec![Order::Cluster(cluster)])
}

fn refuse_what_is_missing(config: &Config) -> Result<(), Refusal> {
    let lacks = [
        (config.proxy_protocol.is_some(), "the PROXY protocol"),
        (config.http2 == Some(true), "HTTP/2 to backends"),
        (config.health_check.is_some(), "active health checks"),
        (config.udp.is_some(), "UDP"),
        (config.max_connections_per_subnet.is_some_and(|n| n > 0), "limits per subnet"),
        (config.affinity_header.is_some(), "affinity by header"),
        (config.affinity_cookie.is_some(), "affinity by a cookie of the backend"),
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

/// Templates by status.
pub(super) fn answers<'a>(
    answers: impl IntoIterator<Item = (&'a String, &'a String)>,
    answer_503: Option<&String>,
) -> Result<Answers, Refusal> {
    let mut all = Answers::new();
    all.extend(answer_503.map(|text| (503, text.clone())));
    for (status, text) in answers {
        let status = status.parse().ok().filter(|status| (100..600).contains(status));
        let status = status.ok_or("the key of an answer is a status such as 503")?;
        all.insert(status, text.clone());
    }
    Ok(all)
}

pub(super) fn remove(state: &State, id: &str) -> Result<Vec<Order>, Refusal> {
    if !state.clusters.contains_key(id) {
        return Err(format!("there is no cluster `{id}`").into());
    }
    Ok(vec![Order::RemoveCluster(id.to_owned())])
}

pub(super) fn add_backend(backend: &AddBackend) -> Result<Vec<Order>, Refusal> {
    if backend.unix_path.is_some() {
        return Err("backends on unix sockets are not reached by this version".into());
    }
    let weight = match backend.load_balancing_parameters {
        None => WEIGHT,
        Some(LoadBalancingParams { weight }) => {
            let weight = u8::try_from(weight);
            weight.map_err(|_| "the weight of a backend is a number from 0 to 255")?
        }
    };
    Ok(vec![Order::Backend(Backend {
        cluster: id("a cluster", &backend.cluster_id)?,
        id: id("a backend", &backend.backend_id)?,
        address: address(&backend.address)?,
        weight,
        sticky_id: backend.sticky_id.clone(),
        backup: backend.backup.unwrap_or_default(),
    })])
}

pub(super) fn remove_backend(
    state: &State,
    backend: &RemoveBackend,
) -> Result<Vec<Order>, Refusal> {
    let id = BackendId { cluster: backend.cluster_id.clone(), id: backend.backend_id.clone() };
    let wanted = address(&backend.address)?;
    if state.backends.get(&id).is_none_or(|known| known.address != wanted) {
        let (cluster, id) = (&id.cluster, &id.id);
        return Err(format!("cluster `{cluster}` has no backend `{id}` at {wanted}").into());
    }
    Ok(vec![Order::RemoveBackend { cluster: id.cluster, id: id.id }])
}

/// A cluster as the protocol shows it.
pub(super) fn config(cluster: &Cluster) -> Config {
    let answers = cluster.answers.iter().map(|(status, text)| (status.to_string(), text.clone()));
    let load_balancing = match cluster.load_balancing {
        LoadBalancing::RoundRobin => LoadBalancingAlgorithms::RoundRobin,
        LoadBalancing::Random => LoadBalancingAlgorithms::Random,
        LoadBalancing::LeastLoaded => LoadBalancingAlgorithms::LeastLoaded,
        LoadBalancing::PowerOfTwo => LoadBalancingAlgorithms::PowerOfTwo,
    };
    let load_metric = match cluster.load_metric {
        LoadMetric::Connections => Metric::Connections,
        LoadMetric::Requests => Metric::Requests,
        LoadMetric::ConnectionTime => Metric::ConnectionTime,
    };
    Config {
        cluster_id: cluster.id.clone(),
        sticky_session: cluster.sticky_session,
        https_redirect: cluster.https_redirect,
        load_balancing: load_balancing.into(),
        load_metric: Some(load_metric.into()),
        answers: answers.collect(),
        https_redirect_port: cluster.https_redirect_port.map(Into::into),
        authorized_hashes: cluster.authorized_hashes.clone(),
        www_authenticate: cluster.www_authenticate.clone(),
        max_connections_per_ip: cluster.max_connections_per_ip,
        retry_after: cluster.retry_after,
        ..Config::default()
    }
}

/// A backend as the protocol shows it.
pub(super) fn backend_config(backend: &Backend) -> AddBackend {
    AddBackend {
        cluster_id: backend.cluster.clone(),
        backend_id: backend.id.clone(),
        address: backend.address.into(),
        sticky_id: backend.sticky_id.clone(),
        load_balancing_parameters: Some(LoadBalancingParams { weight: backend.weight.into() }),
        backup: Some(backend.backup),
        unix_path: None,
    }
}
