//! Clusters, their hashes and their health checks.

use std::collections::BTreeSet;

use weir_client::proto::{
    AddBackend, ClusterHashes, ClusterInformation, ClusterInformations, HealthCheckConfig,
    HealthCheckMode, HealthChecksList,
};

use super::page::{Page, address, optional, row, yes};
use super::{frontends, properties};

pub(super) fn list(page: &mut Page, clusters: &ClusterInformations) {
    for cluster in &clusters.vec {
        information(page, cluster);
    }
}

fn information(page: &mut Page, cluster: &ClusterInformation) {
    if let Some(configuration) = &cluster.configuration {
        properties::table(page, "cluster", configuration);
    }
    frontends::http(page, "HTTP frontends", &cluster.http_frontends);
    frontends::http(page, "HTTPS frontends", &cluster.https_frontends);
    frontends::tcp(page, &cluster.tcp_frontends);
    frontends::udp(page, &cluster.udp_frontends);
    backends(page, &cluster.backends);
}

fn backends(page: &mut Page, backends: &[AddBackend]) {
    let rows = backends.iter().map(|backend| {
        row![
            backend.backend_id,
            place(backend),
            optional(backend.load_balancing_parameters.as_ref().map(|p| p.weight)),
            optional(backend.sticky_id.as_deref()),
            yes(backend.backup()),
            optional(backend.max_connections),
        ]
    });
    let header = ["id", "address", "weight", "sticky id", "backup", "max connections"];
    page.table("backends", header, rows);
}

fn place(backend: &AddBackend) -> String {
    match &backend.unix_path {
        Some(path) => format!("unix:{path}"),
        None => address(&backend.address),
    }
}

/// The hashes of main and workers, side by side.
pub(super) fn hashes<'a>(
    page: &mut Page,
    by_process: impl IntoIterator<Item = (&'a str, &'a ClusterHashes)>,
) {
    let (names, hashes): (Vec<_>, Vec<_>) = by_process.into_iter().unzip();
    let clusters: BTreeSet<_> = hashes.iter().flat_map(|hashes| hashes.map.keys()).collect();
    let rows = clusters.into_iter().map(|cluster| {
        let hash = |hashes: &&ClusterHashes| {
            optional(hashes.map.get(cluster).map(|hash| format!("{hash:016x}")))
        };
        [vec![cluster.clone()], hashes.iter().map(hash).collect()].concat()
    });
    page.table("", ["cluster id"].into_iter().chain(names), rows);
}

/// What a check asks, and where.
fn asked(check: &HealthCheckConfig) -> String {
    let what = match (&check.grpc_service, check.mode()) {
        (Some(service), _) if service.is_empty() => "gRPC".to_owned(),
        (Some(service), _) => format!("gRPC {service}"),
        (None, HealthCheckMode::Tcp) if check.payload.is_some() => "TCP and UDP".to_owned(),
        (None, HealthCheckMode::Tcp) => "TCP".to_owned(),
        (None, HealthCheckMode::Udp) => "UDP".to_owned(),
        (None, HealthCheckMode::Http) => check.uri.clone(),
    };
    check.port.map_or_else(|| what.clone(), |port| format!("{what} on port {port}"))
}

pub(super) fn health_checks(page: &mut Page, list: &HealthChecksList) {
    let header = [
        "cluster",
        "asked",
        "interval",
        "timeout",
        "healthy threshold",
        "unhealthy threshold",
        "expected status",
    ];
    let rows = list.map.iter().map(|(cluster, check)| {
        let ranges = check.accepted_statuses.iter();
        let ranges: Vec<_> = ranges.map(|r| format!("{}-{}", r.start, r.end)).collect();
        let http = check.grpc_service.is_none() && check.mode() == HealthCheckMode::Http;
        let expected = match check.expected_status {
            _ if !http => "-".to_owned(),
            0 if !ranges.is_empty() => ranges.join(", "),
            0 => "any 2xx".to_owned(),
            status => status.to_string(),
        };
        row![
            cluster,
            asked(check),
            check.interval,
            check.timeout,
            check.healthy_threshold,
            check.unhealthy_threshold,
            expected,
        ]
    });
    page.table("", header, rows);
}
