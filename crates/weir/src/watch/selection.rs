//! Which clusters of a picture are shown to somebody who cannot be shown all.
//!
//! Bounds: [`CLUSTERS`], and [`BACKENDS`] of each.

use serde::Deserialize;

use super::picture::{Cluster, Picture};

const CLUSTERS: usize = 100;
const BACKENDS: usize = 50;

/// What somebody wants to see.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Wanted {
    /// A part of the ids of clusters.
    cluster: String,
    sort: Sort,
}

/// Which come first.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Sort {
    /// The busiest are chosen, and stand in the order of their ids.
    #[default]
    Name,
    Requests,
    Failed,
    Errors,
    P99,
}

impl Picture {
    /// The same with what is wanted of its clusters, and without what is measured of HTTP/2.
    pub(crate) fn of_wanted(&self, wanted: &Wanted) -> Self {
        let Self { epoch, workers, connections, accepted, waiting, buffers, .. } = *self;
        let part = wanted.cluster.to_lowercase();
        let matching = self.clusters.iter().filter(|of| of.id.to_lowercase().contains(&part));
        let (clusters, hidden) = wanted.sort.first(matching, CLUSTERS);
        let clusters = clusters.into_iter().map(|cluster| wanted.sort.short(cluster)).collect();
        let (total, http2) = (self.total.clone(), Vec::new());
        Self {
            epoch,
            workers,
            total,
            connections,
            accepted,
            waiting,
            buffers,
            clusters,
            hidden,
            http2,
        }
    }
}

impl Sort {
    /// At most `most` of all, and how many are left out.
    fn first<'a>(
        self,
        all: impl Iterator<Item = &'a Cluster>,
        most: usize,
    ) -> (Vec<&'a Cluster>, usize) {
        let mut all: Vec<_> = all.collect();
        all.sort_by(|a, b| self.rank(b).total_cmp(&self.rank(a)));
        let hidden = all.len().saturating_sub(most);
        all.truncate(most);
        if self == Self::Name {
            all.sort_by(|a, b| a.id.cmp(&b.id));
        }
        (all, hidden)
    }

    fn rank(self, of: &Cluster) -> f64 {
        let traffic = &of.traffic;
        let rank = match self {
            Self::Name | Self::Requests => traffic.requests,
            Self::Failed => traffic.failed,
            Self::Errors => traffic.errors,
            Self::P99 => traffic.p99.map(|ms| ms as f64),
        };
        rank.unwrap_or(-1.0)
    }

    /// The cluster with the first of its backends.
    fn short(self, of: &Cluster) -> Cluster {
        let (backends, hidden) = self.first(of.backends.iter(), BACKENDS);
        let backends = backends.into_iter().cloned().collect();
        let (id, traffic) = (of.id.clone(), of.traffic.clone());
        Cluster { id, traffic, backends, hidden, ..*of }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::watch::Traffic;

    fn cluster(id: String, requests: f64, p99: Option<u64>) -> Cluster {
        let traffic = Traffic { requests: Some(requests), p99, ..Traffic::default() };
        Cluster { id, traffic, ..Cluster::default() }
    }

    /// 300 clusters, the later the busier; the first is the slowest and has 60 backends.
    fn picture() -> Picture {
        let mut clusters: Vec<_> =
            (0..300).map(|n| cluster(format!("c{n:03}"), f64::from(n), None)).collect();
        let backend = |n: u32| cluster(format!("b{n:02}"), f64::from(60 - n), None);
        clusters[0].traffic.p99 = Some(9);
        clusters[0].backends = (0..60).map(backend).collect();
        Picture { epoch: 7, clusters, ..Picture::default() }
    }

    fn ids(of: &[Cluster]) -> (&str, &str, usize) {
        (&of[0].id, &of[of.len() - 1].id, of.len())
    }

    #[test]
    fn the_busiest_are_shown_and_the_others_counted() {
        let shown = picture().of_wanted(&Wanted::default());
        assert_eq!((ids(&shown.clusters), shown.hidden), (("c200", "c299", 100), 200));
        assert_eq!(shown.epoch, 7);
        let wanted = Wanted { sort: Sort::Requests, ..Wanted::default() };
        assert_eq!(ids(&picture().of_wanted(&wanted).clusters), ("c299", "c200", 100));
    }

    #[test]
    fn who_is_looked_for_is_found() {
        let wanted = Wanted { cluster: "C00".to_owned(), sort: Sort::P99 };
        let shown = picture().of_wanted(&wanted);
        assert_eq!((ids(&shown.clusters), shown.hidden), (("c000", "c009", 10), 0));
        let slowest = &shown.clusters[0];
        assert_eq!((ids(&slowest.backends).2, slowest.hidden), (50, 10));
        let none = Wanted { cluster: "other".to_owned(), ..Wanted::default() };
        assert!(picture().of_wanted(&none).clusters.is_empty());
    }
}
