//! What a request is about, in short.
//!
//! Invariant: names only; nothing that could be a secret.

use std::fmt::Display;

use sha2::{Digest, Sha256};
use weir_proto::request::RequestType;
use weir_proto::{MetricsConfiguration, SocketAddress};

/// Texts are empty when a request has no such thing.
#[derive(Default)]
pub(super) struct About {
    /// What the client calls itself.
    pub(super) client: String,
    pub(super) cluster: String,
    pub(super) backend: String,
    pub(super) target: String,
    /// Whose lease on the detail of metrics it is, and what for.
    pub(super) lease: String,
    pub(super) lease_reason: String,
}

/// The first 16 digits of the SHA-256 of the request as it is encoded.
pub(super) fn hash(request: &RequestType) -> String {
    let mut bytes = Vec::with_capacity(request.encoded_len());
    request.encode(&mut bytes);
    let digest = Sha256::digest(&bytes);
    digest.iter().take(8).map(|byte| format!("{byte:02x}")).collect()
}

impl About {
    pub(super) fn of(request: &RequestType) -> Self {
        Self::of_state(request).or_else(|| Self::of_rest(request)).unwrap_or_default()
    }

    /// Of what changes the state.
    fn of_state(request: &RequestType) -> Option<Self> {
        use RequestType as R;
        Some(match request {
            R::AddCluster(cluster) => Self::of_cluster(&cluster.cluster_id),
            R::RemoveCluster(id) | R::RemoveHealthCheck(id) => Self::of_cluster(id),
            R::SetHealthCheck(check) => Self::of_cluster(&check.cluster_id),
            R::AddHttpFrontend(frontend)
            | R::RemoveHttpFrontend(frontend)
            | R::AddHttpsFrontend(frontend)
            | R::RemoveHttpsFrontend(frontend) => Self {
                cluster: frontend.cluster_id.clone().unwrap_or_default(),
                target: format!("{} on {}", frontend.hostname, shown(&frontend.address)),
                ..Self::default()
            },
            R::AddTcpFrontend(f) | R::RemoveTcpFrontend(f) => {
                Self { cluster: f.cluster_id.clone(), ..Self::at(&f.address) }
            }
            R::AddUdpFrontend(f) | R::RemoveUdpFrontend(f) => {
                Self { cluster: f.cluster_id.clone(), ..Self::at(&f.address) }
            }
            R::AddBackend(b) | R::AddUnixBackend(b) => {
                Self::of_backend(&b.cluster_id, &b.backend_id)
            }
            R::RemoveBackend(b) => Self::of_backend(&b.cluster_id, &b.backend_id),
            R::AddCertificate(added) => Self::at(&added.address),
            R::ReplaceCertificate(replaced) => Self::at(&replaced.address),
            R::RemoveCertificate(removed) => Self::at(&removed.address),
            R::AddHttpListener(config) => Self::at(&config.address),
            R::AddHttpsListener(config) => Self::at(&config.address),
            R::AddTcpListener(config) => Self::at(&config.address),
            R::AddUdpListener(config) => Self::at(&config.address),
            R::UpdateHttpListener(config) => Self::at(&config.address),
            R::UpdateHttpsListener(config) => Self::at(&config.address),
            R::UpdateTcpListener(config) => Self::at(&config.address),
            R::UpdateUdpListener(config) => Self::at(&config.address),
            R::RemoveListener(listener) => Self::at(&listener.address),
            R::ActivateListener(listener) => Self::at(&listener.address),
            R::DeactivateListener(listener) => Self::at(&listener.address),
            R::ChangeAddressList(change) => Self::target(format!("list {}", change.name)),
            R::RemoveAddressList(name) => Self::target(format!("list {name}")),
            R::Transact(wanted) => {
                let changes = format!("{} changes", wanted.changes.len());
                Self { client: wanted.client.clone().unwrap_or_default(), ..Self::target(changes) }
            }
            R::ApplyConfiguration(wanted) => {
                let origin = wanted.origin.clone().unwrap_or_default();
                Self { client: wanted.client.clone().unwrap_or_default(), ..Self::target(origin) }
            }
            R::Rollback(wanted) => {
                let epoch = format!("epoch {}", wanted.epoch);
                Self { client: wanted.client.clone().unwrap_or_default(), ..Self::target(epoch) }
            }
            _ => return None,
        })
    }

    /// Of commands and questions.
    fn of_rest(request: &RequestType) -> Option<Self> {
        use RequestType as R;
        Some(match request {
            R::QueryClusterById(id) => Self::of_cluster(id),
            R::QueryClustersByDomain(query) => Self::target(&query.hostname),
            R::SaveState(path) | R::LoadState(path) | R::ReloadConfiguration(path) => {
                Self::target(path)
            }
            R::Logging(filter) => Self::target(filter),
            R::ConfigureMetrics(wanted) => {
                let known = MetricsConfiguration::try_from(*wanted);
                Self::target(known.map_or("", |known| known.as_str_name()).to_lowercase())
            }
            R::SetMetricDetail(wanted) => Self {
                lease: wanted.client_id.clone(),
                lease_reason: wanted.reason.clone().unwrap_or_default(),
                ..Self::default()
            },
            R::CloseSessions(wanted) => Self {
                backend: wanted.backend_id.clone().unwrap_or_default(),
                ..Self::of_cluster(&wanted.cluster_id)
            },
            R::Explain(wanted) => Self::target(format!("{} {}", wanted.method, wanted.url)),
            R::ShowEpoch(epoch) => Self::target(format!("epoch {epoch}")),
            R::QueryAddressLists(query) => {
                let name = query.name.as_ref();
                Self::target(name.map_or_else(String::new, |name| format!("list {name}")))
            }
            R::SetWorkerCount(count) => Self::target(format!("{count} workers")),
            R::SetMaxConnectionsPerIp(limit) | R::SetMaxConnectionsPerSubnet(limit) => {
                Self::target(limit)
            }
            R::UpgradeWorker(id) => Self::target(format!("worker {id}")),
            _ => return None,
        })
    }

    fn of_cluster(id: &str) -> Self {
        Self { cluster: id.to_owned(), ..Self::target(format!("cluster {id}")) }
    }

    fn of_backend(cluster: &str, id: &str) -> Self {
        Self { cluster: cluster.to_owned(), backend: id.to_owned(), ..Self::target(id) }
    }

    fn at(address: &SocketAddress) -> Self {
        Self::target(shown(address))
    }

    fn target(target: impl Display) -> Self {
        Self { target: target.to_string(), ..Self::default() }
    }
}

fn shown(address: &SocketAddress) -> String {
    match std::net::SocketAddr::try_from(*address) {
        Ok(address) => address.to_string(),
        Err(error) => error.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use weir_proto::{Cluster, RemoveBackend, Request, SetMetricDetail};

    use super::*;

    #[test]
    fn a_request_is_named_by_what_it_changes() {
        let remove = RemoveBackend {
            cluster_id: "shop".into(),
            backend_id: "shop-1".into(),
            ..RemoveBackend::default()
        };
        let about = About::of(&RequestType::RemoveBackend(remove));
        assert_eq!(
            (&*about.cluster, &*about.backend, &*about.target),
            ("shop", "shop-1", "shop-1")
        );
        let clear = RequestType::ConfigureMetrics(MetricsConfiguration::Clear.into());
        assert_eq!(About::of(&clear).target, "clear");
        let lease = SetMetricDetail {
            client_id: "top".into(),
            reason: Some("an incident".into()),
            ..SetMetricDetail::default()
        };
        let about = About::of(&RequestType::SetMetricDetail(lease));
        assert_eq!((&*about.lease, &*about.lease_reason), ("top", "an incident"));
    }

    #[test]
    fn the_hash_is_of_the_request_as_it_is_sent() {
        use prost::Message as _;

        let request = RequestType::AddCluster(Cluster::default());
        let sent = Request::from(request.clone()).encode_to_vec();
        let expected: String =
            Sha256::digest(sent).iter().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!(hash(&request), expected[..16]);
    }
}
