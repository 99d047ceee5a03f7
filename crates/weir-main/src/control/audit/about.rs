//! What a request is about, in short.
//!
//! Invariant: names only; nothing that could be a secret.

use std::fmt::Display;

use sha2::{Digest, Sha256};
use weir_proto::request::RequestType;
use weir_proto::{MetricsConfiguration, SessionFilter, SocketAddress};

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
        let found = Self::of_object(request).or_else(|| Self::of_listener(request));
        found
            .or_else(|| Self::of_many(request))
            .or_else(|| Self::of_rest(request))
            .unwrap_or_default()
    }

    /// Of what changes a cluster, its backends and frontends, or asks for one.
    fn of_object(request: &RequestType) -> Option<Self> {
        use RequestType as R;
        Some(match request {
            R::AddCluster(cluster) => Self::of_cluster(&cluster.cluster_id),
            R::RemoveCluster(id) | R::RemoveHealthCheck(id) | R::QueryClusterById(id) => {
                Self::of_cluster(id)
            }
            R::SetHealthCheck(check) => Self::of_cluster(&check.cluster_id),
            R::SetProtectedHealthCheck(check) => Self::of_cluster(&check.cluster_id),
            R::QueryHealthChecks(query) => Self::of_cluster(query.cluster_id.as_ref()?),
            R::AddHttpFrontend(frontend)
            | R::RemoveHttpFrontend(frontend)
            | R::AddHttpsFrontend(frontend)
            | R::RemoveHttpsFrontend(frontend)
            | R::AddHttpFrontendWithHeaderPredicates(frontend)
            | R::RemoveHttpFrontendWithHeaderPredicates(frontend)
            | R::AddHttpsFrontendWithHeaderPredicates(frontend)
            | R::RemoveHttpsFrontendWithHeaderPredicates(frontend)
            | R::AddHttpFrontendWithSilentClose(frontend)
            | R::AddHttpsFrontendWithSilentClose(frontend) => Self {
                cluster: frontend.cluster_id.clone().unwrap_or_default(),
                ..Self::target(format!("{} on {}", frontend.hostname, shown(&frontend.address)))
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
            R::CloseSessions(wanted) => Self {
                backend: wanted.backend_id.clone().unwrap_or_default(),
                ..Self::of_cluster(&wanted.cluster_id)
            },
            _ => return None,
        })
    }

    /// Of what changes a listener, or its certificates.
    fn of_listener(request: &RequestType) -> Option<Self> {
        use RequestType as R;
        Some(match request {
            R::AddCertificate(added) => Self::at(&added.address),
            R::ReplaceCertificate(replaced) => Self::at(&replaced.address),
            R::RemoveCertificate(removed) => Self::at(&removed.address),
            R::AddHttpListener(config) => Self::at(&config.address),
            R::AddHttpsListener(config) | R::AddHttpsListenerWithClientAuth(config) => {
                Self::at(&config.address)
            }
            R::AddTcpListener(config) => Self::at(&config.address),
            R::AddUdpListener(config) => Self::at(&config.address),
            R::UpdateHttpListener(config) => Self::at(&config.address),
            R::UpdateHttpsListener(config) | R::UpdateHttpsListenerWithClientAuth(config) => {
                Self::at(&config.address)
            }
            R::UpdateTcpListener(config) => Self::at(&config.address),
            R::UpdateUdpListener(config) => Self::at(&config.address),
            R::RemoveListener(listener) => Self::at(&listener.address),
            R::ActivateListener(listener) => Self::at(&listener.address),
            R::DeactivateListener(listener) => Self::at(&listener.address),
            _ => return None,
        })
    }

    /// Of what is about many things, or about those that fit.
    fn of_many(request: &RequestType) -> Option<Self> {
        use RequestType as R;
        let from = |client: &Option<String>, target: String| Self {
            client: client.clone().unwrap_or_default(),
            ..Self::target(target)
        };
        Some(match request {
            R::Transact(wanted) => {
                from(&wanted.client, format!("{} changes", wanted.changes.len()))
            }
            R::ApplyConfiguration(wanted) => {
                from(&wanted.client, wanted.origin.clone().unwrap_or_default())
            }
            R::Rollback(wanted) => from(&wanted.client, format!("epoch {}", wanted.epoch)),
            R::QuerySessions(wanted) => Self::target(sessions(wanted.filter.as_ref())),
            R::CloseLiveSessions(wanted) => {
                let which = sessions(wanted.filter.as_ref());
                let is_all = wanted.all() && which.is_empty();
                Self::target(if is_all { "all" } else { &which })
            }
            R::Tap(wanted) => Self::target(words(&[
                ("cluster", &wanted.clusters),
                ("host", &wanted.hosts),
                ("client", &wanted.clients),
                ("status", &wanted.statuses),
            ])),
            R::QueryMetrics(wanted) => Self::target(words(&[
                ("name", &wanted.metric_names),
                ("cluster", &wanted.cluster_ids),
                ("backend", &wanted.backend_ids),
            ])),
            _ => return None,
        })
    }

    /// Of other commands and questions.
    fn of_rest(request: &RequestType) -> Option<Self> {
        use RequestType as R;
        let list = |name: &String| Self::target(format!("list {name}"));
        Some(match request {
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
                ..Self::target(match wanted.clear() {
                    true => "clear".to_owned(),
                    false => wanted.detail().as_str_name().to_lowercase(),
                })
            },
            R::Explain(wanted) => Self::target(format!("{} {}", wanted.method, wanted.url)),
            R::ShowEpoch(epoch) => Self::target(format!("epoch {epoch}")),
            R::ChangeAddressList(change) => list(&change.name),
            R::RemoveAddressList(name) => list(name),
            R::QueryAddressLists(query) => list(query.name.as_ref()?),
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

/// Which sessions are meant.
fn sessions(filter: Option<&SessionFilter>) -> String {
    let Some(filter) = filter else { return String::new() };
    let listeners: Vec<_> = filter.listeners.iter().map(shown).collect();
    let workers: Vec<_> = filter.workers.iter().map(u32::to_string).collect();
    let age = filter.older_than_ms.map(|age| format!("{age} ms"));
    words(&[
        ("session", &filter.ids),
        ("cluster", &filter.clusters),
        ("client", &filter.clients),
        ("listener", &listeners),
        ("state", &filter.states),
        ("older", age.as_slice()),
        ("worker", &workers),
    ])
}

/// What is asked for, and nothing of what is not.
fn words(lists: &[(&str, &[String])]) -> String {
    let lists = lists.iter().filter(|(_, list)| !list.is_empty());
    lists.map(|(name, list)| format!("{name} {}", list.join(","))).collect::<Vec<_>>().join("; ")
}

fn shown(address: &SocketAddress) -> String {
    match std::net::SocketAddr::try_from(*address) {
        Ok(address) => address.to_string(),
        Err(error) => error.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use weir_proto::{CloseLiveSessions, Cluster, RemoveBackend, Request, SetMetricDetail, Tap};

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
    fn a_selection_is_named_by_what_it_selects() {
        let filter = SessionFilter {
            clusters: vec!["shop".into(), "api".into()],
            clients: vec!["192.0.2.0/24".into()],
            older_than_ms: Some(5_000),
            ..SessionFilter::default()
        };
        let close = |filter, all| {
            let wanted = CloseLiveSessions { filter, all };
            About::of(&RequestType::CloseLiveSessions(wanted)).target
        };
        let named = "cluster shop,api; client 192.0.2.0/24; older 5000 ms";
        assert_eq!(close(Some(filter), None), named);
        assert_eq!(close(None, Some(true)), "all");
        let tap = Tap { statuses: vec!["5xx".into()], ..Tap::default() };
        assert_eq!(About::of(&RequestType::Tap(tap)).target, "status 5xx");
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
