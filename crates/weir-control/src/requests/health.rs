//! Health checks of clusters, and when backends are ejected.

use std::ops::Bound;
use std::time::Duration;

use weir_proto::{
    Breaker, Cluster as Config, Ejection, HealthCheckConfig, HealthCheckMode, HealthChecksList,
    HttpStatusRange, QueryHealthChecks, RetryBudget, SetHealthCheck, UdpHealthConfig,
    UdpHealthMode, frame,
};

use super::Refusal;
use super::query::PAGE;
use crate::check;
use crate::order::Order;
use crate::state::{
    BreakerSettings, Cluster, EjectionRules, HealthCheck, Probe, RetryLimits, State,
};

pub(super) fn set(state: &State, wanted: &SetHealthCheck) -> Result<Vec<Order>, Refusal> {
    let health = Some(Box::new(health_check(&wanted.config)?));
    Ok(vec![Order::Cluster(Cluster { health, ..known(state, &wanted.cluster_id)?.clone() })])
}

pub(super) fn remove(state: &State, cluster: &str) -> Result<Vec<Order>, Refusal> {
    Ok(vec![Order::Cluster(Cluster { health: None, ..known(state, cluster)?.clone() })])
}

fn known<'a>(state: &'a State, cluster: &str) -> Result<&'a Cluster, Refusal> {
    state.clusters.get(cluster).ok_or_else(|| format!("there is no cluster `{cluster}`").into())
}

/// The checks in force, of one cluster or of all; the whole list, or a page of it, which begins
/// behind a cluster.
pub fn health_checks(state: &State, query: &QueryHealthChecks) -> HealthChecksList {
    health_checks_up_to(state, query, PAGE)
}

/// The same, with pages of so many bytes.
pub(super) fn health_checks_up_to(
    state: &State,
    query: &QueryHealthChecks,
    most: usize,
) -> HealthChecksList {
    let wanted = |id: &str| query.cluster_id.as_ref().is_none_or(|wanted| wanted == id);
    let behind = query.page.as_deref().unwrap_or("");
    let clusters = state.clusters.range::<str, _>((Bound::Excluded(behind), Bound::Unbounded));
    let (mut list, mut bytes) = (HealthChecksList::default(), 0);
    for (id, cluster) in clusters.filter(|(id, _)| wanted(id)) {
        let Some(check) = cluster.health.as_deref().map(health_config) else { continue };
        bytes += id.len() + frame::length(&check);
        list.map.insert(id.clone(), check);
        if query.page.is_some() && bytes >= most {
            list.next = Some(id.clone());
            break;
        }
    }
    list
}

/// How a cluster is checked.
pub(super) fn health_of(config: &Config) -> Result<Option<HealthCheck>, Refusal> {
    let own = config.health_check.as_ref().map(health_check).transpose()?;
    let datagrams = config.udp.as_ref().and_then(|udp| udp.health.as_ref());
    let datagrams = datagrams.map(udp_health).transpose()?.flatten();
    Ok(check::one_health(own, datagrams)?)
}

/// The check that a cluster of datagrams describes.
fn udp_health(config: &UdpHealthConfig) -> Result<Option<HealthCheck>, Refusal> {
    check::fail_open(config.fail_open())?;
    let connect = match config.mode.map(UdpHealthMode::try_from) {
        None | Some(Ok(UdpHealthMode::TcpProbe)) => true,
        Some(Ok(UdpHealthMode::UdpProbe)) => false,
        Some(Ok(UdpHealthMode::HealthOff)) => return Ok(None),
        Some(Err(_)) => return Err("the mode of `udp.health` has no known number".into()),
    };
    let payload = config.udp_probe_payload.clone();
    let check = HealthCheck {
        probe: check::datagram_probe(connect, payload)?,
        port: config.tcp_port.filter(|_| connect).map(port).transpose()?,
        interval: Duration::from_secs(config.probe_interval_seconds().into()),
        timeout: Duration::from_secs(config.probe_timeout_seconds().into()),
        rise: config.rise(),
        fall: config.fall(),
    };
    check::health(&check)?;
    Ok(Some(check))
}

/// The check that a message describes.
fn health_check(config: &HealthCheckConfig) -> Result<HealthCheck, Refusal> {
    if !config.headers.is_empty() {
        return Err("a health check cannot have header fields in this version".into());
    }
    let check = HealthCheck {
        probe: probe(config)?,
        port: config.port.map(port).transpose()?,
        interval: Duration::from_secs(config.interval.into()),
        timeout: Duration::from_secs(config.timeout.into()),
        rise: config.healthy_threshold,
        fall: config.unhealthy_threshold,
    };
    check::health(&check)?;
    Ok(check)
}

fn probe(config: &HealthCheckConfig) -> Result<Probe, Refusal> {
    if let Some(service) = &config.grpc_service {
        return Ok(Probe::Grpc { service: service.clone() });
    }
    match HealthCheckMode::try_from(config.mode) {
        Ok(HealthCheckMode::Tcp) => Ok(check::datagram_probe(true, config.payload.clone())?),
        Ok(HealthCheckMode::Udp) => Ok(check::datagram_probe(false, config.payload.clone())?),
        Ok(HealthCheckMode::Http) => {
            let one = (config.expected_status, config.expected_status);
            let one = Some(one).filter(|(status, _)| *status > 0);
            let more = config.accepted_statuses.iter().map(|range| (range.start, range.end));
            let status = |status| u16::try_from(status).unwrap_or(u16::MAX);
            let statuses = one.into_iter().chain(more);
            let statuses = statuses.map(|(first, last)| (status(first), status(last))).collect();
            Ok(Probe::Http { uri: config.uri.clone(), statuses })
        }
        Err(_) => Err("the mode of the health check has no known number".into()),
    }
}

fn port(port: u32) -> Result<u16, Refusal> {
    let port = u16::try_from(port).ok().filter(|port| *port > 0);
    port.ok_or_else(|| "the port of a health check is a number from 1 to 65535".into())
}

/// A check as the protocol shows it.
pub(super) fn health_config(check: &HealthCheck) -> HealthCheckConfig {
    let mut config = HealthCheckConfig {
        interval: seconds(check.interval),
        timeout: seconds(check.timeout),
        healthy_threshold: check.rise,
        unhealthy_threshold: check.fall,
        port: check.port.map(Into::into),
        ..HealthCheckConfig::default()
    };
    match &check.probe {
        Probe::Http { uri, statuses } => {
            config.uri.clone_from(uri);
            match &statuses[..] {
                [(only, last)] if only == last => config.expected_status = (*only).into(),
                some => {
                    let ranges = some.iter().map(|(first, last)| HttpStatusRange {
                        start: (*first).into(),
                        end: (*last).into(),
                    });
                    config.accepted_statuses = ranges.collect();
                }
            }
        }
        Probe::Grpc { service } => config.grpc_service = Some(service.clone()),
        Probe::Tcp => config.mode = HealthCheckMode::Tcp.into(),
        Probe::Udp { payload, connect } => {
            let mode = if *connect { HealthCheckMode::Tcp } else { HealthCheckMode::Udp };
            config.mode = mode.into();
            config.payload = Some(payload.clone());
        }
    }
    config
}

fn seconds(duration: Duration) -> u32 {
    u32::try_from(duration.as_secs()).unwrap_or(u32::MAX)
}

/// When backends are ejected, as a message says.
pub(super) fn ejection(config: &Ejection) -> Result<EjectionRules, Refusal> {
    let percent = u8::try_from(config.most_percent).ok().filter(|percent| *percent <= 100);
    let Some(most_percent) = percent.filter(|_| config.consecutive > 0 && config.base_seconds > 0)
    else {
        return Err("backends are ejected after at least 1 bad outcome, for at least 1 second, \
                    and at most 100 percent of them"
            .into());
    };
    let base = Duration::from_secs(config.base_seconds.into());
    Ok(EjectionRules { consecutive: config.consecutive, base, most_percent })
}

/// And as the protocol shows it.
pub(super) fn ejection_config(rules: &EjectionRules) -> Ejection {
    Ejection {
        consecutive: rules.consecutive,
        base_seconds: seconds(rules.base),
        most_percent: rules.most_percent.into(),
    }
}

/// How many requests are sent once more, as a message says.
pub(super) fn retries(config: &RetryBudget) -> Result<RetryLimits, Refusal> {
    if config.percent > 100 {
        return Err("a budget of retries is a percentage from 0 to 100".into());
    }
    Ok(RetryLimits { percent: config.percent, at_least: config.at_least })
}

/// And as the protocol shows it.
pub(super) fn retries_config(limits: &RetryLimits) -> RetryBudget {
    RetryBudget { percent: limits.percent, at_least: limits.at_least }
}

/// When a cluster is asked no more, as a message says.
pub(super) fn breaker(config: &Breaker) -> Result<BreakerSettings, Refusal> {
    let numbers =
        [config.at_least, config.wait_seconds, config.longest_wait_seconds, config.trials];
    if !(1..=100).contains(&config.percent) || numbers.contains(&0) {
        return Err("a circuit breaker opens at 1 to 100 percent of at least 1 outcome, for at \
                    least 1 second, and closes after at least 1 trial"
            .into());
    }
    Ok(BreakerSettings {
        percent: config.percent,
        at_least: config.at_least,
        wait: Duration::from_secs(config.wait_seconds.into()),
        longest_wait: Duration::from_secs(config.longest_wait_seconds.into()),
        trials: config.trials,
    })
}

/// And as the protocol shows it.
pub(super) fn breaker_config(settings: &BreakerSettings) -> Breaker {
    Breaker {
        percent: settings.percent,
        at_least: settings.at_least,
        wait_seconds: seconds(settings.wait),
        longest_wait_seconds: seconds(settings.longest_wait),
        trials: settings.trials,
    }
}
