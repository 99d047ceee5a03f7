//! Health checks and what else decides which backends are used.

use super::{Problem, field_name};
use crate::state::{Affinity, HealthCheck, LONGEST_PAYLOAD, Probe};

/// What clients are known by: a field, a cookie, or else their addresses.
pub(crate) fn affinity(field: Option<String>, cookie: Option<String>) -> Result<Affinity, Problem> {
    match (field, cookie) {
        (Some(_), Some(_)) => {
            let message = "clients are known by a field or by a cookie, not by both";
            Err(Problem::new(message).help("remove one of them"))
        }
        (Some(name), None) => {
            field_name("affinity_header", &name)?;
            Ok(Affinity::Field(name))
        }
        (None, Some(name)) => {
            field_name("affinity_cookie", &name)?;
            Ok(Affinity::Cookie(name))
        }
        (None, None) => Ok(Affinity::SourceIp),
    }
}

/// A check that can be made.
pub(crate) fn health(check: &HealthCheck) -> Result<(), Problem> {
    if let Probe::Http { uri, statuses } = &check.probe {
        if !uri.starts_with('/') || !uri.bytes().all(|byte| byte.is_ascii_graphic()) {
            let message = format!("{uri:?} cannot be asked for");
            return Err(Problem::new(message).help("write a path, as `/health`"));
        }
        let possible = |(first, last): &(u16, u16)| (200..=599).contains(first) && first <= last;
        if !statuses.iter().all(possible) {
            return Err(Problem::new("an expected status is a number from 200 to 599"));
        }
    }
    if let Probe::Udp { payload, .. } = &check.probe
        && !(1..=LONGEST_PAYLOAD).contains(&payload.len())
    {
        let message = format!(
            "what a health check sends has 1 to {LONGEST_PAYLOAD} bytes, not {}",
            payload.len()
        );
        return Err(Problem::new(message).help("give a datagram that the backend answers"));
    }
    let parts = [
        ("interval", check.interval.is_zero()),
        ("timeout", check.timeout.is_zero()),
        ("healthy_threshold", check.rise == 0),
        ("unhealthy_threshold", check.fall == 0),
    ];
    match parts.into_iter().find(|(_, is_zero)| *is_zero) {
        Some((name, _)) => Err(Problem::new(format!("the `{name}` of a health check is 0"))),
        None => Ok(()),
    }
}

/// How a cluster is checked whose `health_check` and `udp.health` say so.
pub(crate) fn one_health(
    own: Option<HealthCheck>,
    datagrams: Option<HealthCheck>,
) -> Result<Option<HealthCheck>, Problem> {
    if own.is_some() && datagrams.is_some() {
        let message = "the backends of a cluster are checked in one way: there is a \
                       `health_check` and a `udp.health`";
        return Err(Problem::new(message).help("remove one of them"));
    }
    Ok(own.or(datagrams))
}

/// What `udp.health` asks. `connect`: a connection, besides what is sent, if anything is.
pub(crate) fn datagram_probe(connect: bool, payload: Option<Vec<u8>>) -> Result<Probe, Problem> {
    match payload {
        Some(payload) => Ok(Probe::Udp { payload, connect }),
        None if connect => Ok(Probe::Tcp),
        None => {
            let message = "a check by datagrams needs something to send";
            Err(Problem::new(message).help("say what the backend answers, or check by `tcp`"))
        }
    }
}

/// Whether traffic goes on to backends that all fail their checks: it always does.
pub(crate) fn fail_open(wanted: bool) -> Result<(), Problem> {
    if wanted {
        return Ok(());
    }
    let message = "backends that all fail their checks are all used: `fail_open` cannot be false";
    Err(Problem::new(message).help("remove the key"))
}
