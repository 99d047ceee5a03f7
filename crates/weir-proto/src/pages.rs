//! Answers that come in pages: which requests ask for them, and what pages make together.
//!
//! A request has an empty `page` for the first one, then the `next` of the one before, until there
//! is none. Whoever does not know pages answers everything at once, without a `next`.

use std::collections::BTreeMap;
use std::mem;

use crate::request::RequestType;
use crate::response_content::ContentType;
use crate::{AggregatedMetrics, ClusterMetrics};

impl RequestType {
    /// The page that is asked for, if answers come in pages.
    pub fn page_mut(&mut self) -> Option<&mut Option<String>> {
        match self {
            Self::QueryMetrics(query) => Some(&mut query.page),
            Self::QueryCertificatesFromTheState(filters) => Some(&mut filters.page),
            Self::QueryHealthChecks(query) => Some(&mut query.page),
            Self::ListFrontends(filters) => Some(&mut filters.page),
            _ => None,
        }
    }
}

impl ContentType {
    /// Which page to ask for next; it is said once.
    pub fn take_next(&mut self) -> Option<String> {
        match self {
            Self::Metrics(metrics) => metrics.next.take(),
            Self::CertificatesWithFingerprints(list) => list.next.take(),
            Self::HealthChecksList(list) => list.next.take(),
            Self::FrontendList(list) => list.next.take(),
            _ => None,
        }
    }

    /// Adds the page that follows. One of another kind is left out.
    pub fn append(&mut self, page: Self) {
        match (self, page) {
            (Self::Metrics(all), Self::Metrics(page)) => all.append(page),
            (Self::CertificatesWithFingerprints(all), Self::CertificatesWithFingerprints(page)) => {
                all.certs.extend(page.certs);
                all.next = page.next;
            }
            (Self::HealthChecksList(all), Self::HealthChecksList(page)) => {
                all.map.extend(page.map);
                all.next = page.next;
            }
            (Self::FrontendList(all), Self::FrontendList(page)) => {
                all.http_frontends.extend(page.http_frontends);
                all.https_frontends.extend(page.https_frontends);
                all.tcp_frontends.extend(page.tcp_frontends);
                all.udp_frontends.extend(page.udp_frontends);
                all.next = page.next;
            }
            _ => {}
        }
    }
}

impl AggregatedMetrics {
    /// Adds the page that follows: a cluster may go on there with other backends.
    pub fn append(&mut self, page: Self) {
        self.main.extend(page.main);
        self.proxying.extend(page.proxying);
        append(&mut self.clusters, page.clusters);
        for (id, of_worker) in page.workers {
            let known = self.workers.entry(id).or_default();
            known.proxy.extend(of_worker.proxy);
            append(&mut known.clusters, of_worker.clusters);
        }
        self.next = page.next;
    }
}

fn append(all: &mut BTreeMap<String, ClusterMetrics>, page: BTreeMap<String, ClusterMetrics>) {
    for (id, mut cluster) in page {
        let known = all.entry(id).or_default();
        known.cluster.append(&mut cluster.cluster);
        known.backends.append(&mut mem::take(&mut cluster.backends));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::filtered_metrics::Inner;
    use crate::{BackendMetrics, FilteredMetrics, WorkerMetrics};

    fn metrics(n: i64) -> BTreeMap<String, FilteredMetrics> {
        [("n".to_owned(), FilteredMetrics { inner: Some(Inner::Count(n)) })].into()
    }

    fn clusters(n: i64, backend: &str) -> BTreeMap<String, ClusterMetrics> {
        let backends = vec![BackendMetrics { backend_id: backend.into(), metrics: metrics(n) }];
        [("a".to_owned(), ClusterMetrics { cluster: metrics(n), backends })].into()
    }

    #[test]
    fn a_cluster_goes_on_on_the_next_page() {
        let first = AggregatedMetrics {
            main: metrics(1),
            clusters: clusters(1, "x"),
            next: Some("2".into()),
            ..AggregatedMetrics::default()
        };
        let mut all = ContentType::Metrics(first);
        assert_eq!(all.take_next().as_deref(), Some("2"));
        assert_eq!(all.take_next(), None);
        let mut second = clusters(1, "y");
        second.insert("b".to_owned(), ClusterMetrics::default());
        for cluster in second.values_mut() {
            cluster.cluster.clear();
        }
        let worker = WorkerMetrics { proxy: metrics(3), clusters: clusters(3, "z") };
        all.append(ContentType::Metrics(AggregatedMetrics {
            clusters: second,
            workers: [("0".to_owned(), worker.clone())].into(),
            ..AggregatedMetrics::default()
        }));
        let ContentType::Metrics(all) = all else { panic!("another kind") };
        let ids = |id: &str| {
            all.clusters[id].backends.iter().map(|of| of.backend_id.clone()).collect::<Vec<_>>()
        };
        assert_eq!(
            (all.main, ids("a"), ids("b").len()),
            (metrics(1), vec!["x".into(), "y".into()], 0)
        );
        assert_eq!(all.clusters["a"].cluster, metrics(1));
        assert_eq!(all.workers["0"], worker);
    }

    #[test]
    fn other_requests_have_no_pages() {
        assert_eq!(RequestType::Status(crate::Status {}).page_mut(), None);
        let mut query = RequestType::QueryMetrics(crate::QueryMetricsOptions::default());
        assert_eq!(query.page_mut(), Some(&mut None));
    }
}
