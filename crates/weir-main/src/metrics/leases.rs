//! Who wants more to be told apart, and for how long.

use std::collections::BTreeMap;
use std::time::Duration;

use weir_base::Instant;
use weir_control::metrics::Detail;
use weir_proto::{MetricDetail, SetMetricDetail};

use crate::control::Asker;

/// Bytes of an id.
const LONGEST_ID: usize = 64;
/// Seconds of a lease, at most, and when nothing is said.
const LONGEST: u32 = 300;
const USUAL: u32 = 60;
/// Leases at a time.
const MOST: usize = 64;

/// By id.
#[derive(Default)]
pub(super) struct Leases(BTreeMap<String, Lease>);

struct Lease {
    detail: Detail,
    until: Instant,
    /// Nobody else can change it.
    owner: Asker,
}

/// A lease that passes to another image of main: its id, what is left of it, and whose it is.
pub(super) type HandedLease = (String, Detail, Duration, Asker);

impl Leases {
    /// What another image needs to go on with them.
    pub(super) fn hand_over(&self, now: Instant) -> Vec<HandedLease> {
        let leases = self.0.iter();
        let handed = leases
            .map(|(id, lease)| (id.clone(), lease.detail, lease.until.since(now), lease.owner));
        handed.collect()
    }

    /// Goes on with what [`Leases::hand_over`] has told: clients pass to that image, too.
    pub(super) fn resume(handed: Vec<HandedLease>, now: Instant) -> Self {
        let leases = handed
            .into_iter()
            .take(MOST)
            .map(|(id, detail, left, owner)| (id, Lease { detail, until: now + left, owner }));
        Self(leases.collect())
    }

    /// How many there are.
    pub(super) fn len(&self) -> u32 {
        self.0.len() as u32
    }

    /// The most that somebody wants.
    pub(super) fn most(&self) -> Option<Detail> {
        self.0.values().map(|lease| lease.detail).max()
    }

    /// When the next one is over.
    pub(super) fn deadline(&self) -> Instant {
        self.0.values().map(|lease| lease.until).fold(Instant::FAR, Instant::min)
    }

    /// Forgets those that are over; whose one of them was.
    pub(super) fn expire(&mut self, now: Instant) -> Option<String> {
        self.0.extract_if(.., |_, lease| lease.until <= now).map(|(id, _)| id).last()
    }

    /// Makes, renews or gives up a lease.
    ///
    /// # Errors
    /// A sentence.
    pub(super) fn change(
        &mut self,
        asker: &Asker,
        wanted: &SetMetricDetail,
        now: Instant,
    ) -> Result<(), String> {
        self.expire(now);
        let id = &wanted.client_id;
        if id.len() > LONGEST_ID {
            return Err(format!("the client id has more than {LONGEST_ID} bytes"));
        }
        let seconds = wanted.ttl_seconds.filter(|seconds| *seconds > 0).unwrap_or(USUAL);
        if seconds > LONGEST {
            return Err(format!("a lease lasts {LONGEST} seconds at most: renew it"));
        }
        let known = self.0.get(id);
        if known.is_some_and(|lease| lease.owner != *asker) {
            return Err(format!("the lease `{id}` is of another client"));
        }
        if wanted.clear() {
            self.0.remove(id);
            return Ok(());
        }
        let detail = match wanted.detail.map(MetricDetail::try_from) {
            Some(Ok(MetricDetail::DetailProcess)) => Detail::Process,
            Some(Ok(MetricDetail::DetailFrontend)) => Detail::Frontend,
            Some(Ok(MetricDetail::DetailCluster)) => Detail::Cluster,
            Some(Ok(MetricDetail::DetailBackend)) => Detail::Backend,
            Some(Err(_)) => return Err("the detail has no known number".to_owned()),
            None => return Err("say which detail is wanted".to_owned()),
        };
        if known.is_none() && self.0.len() == MOST {
            return Err(format!("there are {MOST} leases already: wait until one is over"));
        }
        let until = now + Duration::from_secs(seconds.into());
        self.0.insert(id.clone(), Lease { detail, until, owner: *asker });
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wanted(id: &str, detail: MetricDetail, ttl: Option<u32>) -> SetMetricDetail {
        SetMetricDetail {
            client_id: id.to_owned(),
            detail: Some(detail.into()),
            ttl_seconds: ttl,
            ..SetMetricDetail::default()
        }
    }

    fn at(seconds: u64) -> Instant {
        Instant::default() + Duration::from_secs(seconds)
    }

    #[test]
    fn the_most_that_is_wanted_holds_until_its_lease_is_over() {
        let (mut leases, asker) = (Leases::default(), Asker::numbered(1));
        let backend = wanted("a", MetricDetail::DetailBackend, Some(10));
        assert_eq!(leases.change(&asker, &backend, at(0)), Ok(()));
        let process = wanted("b", MetricDetail::DetailProcess, None);
        assert_eq!(leases.change(&asker, &process, at(0)), Ok(()));
        assert_eq!((leases.most(), leases.deadline()), (Some(Detail::Backend), at(10)));
        assert_eq!(leases.expire(at(10)).as_deref(), Some("a"));
        assert_eq!((leases.most(), leases.deadline()), (Some(Detail::Process), at(60)));
        let clear = SetMetricDetail { clear: Some(true), ..wanted("b", Default::default(), None) };
        assert_eq!(leases.change(&asker, &clear, at(11)), Ok(()));
        assert_eq!((leases.most(), leases.len()), (None, 0));
    }

    #[test]
    fn what_is_too_much_or_of_others_is_refused() {
        let (mut leases, asker) = (Leases::default(), Asker::numbered(1));
        let mut change = |asker, wanted: SetMetricDetail| leases.change(&asker, &wanted, at(0));
        let backend = |id: &str| wanted(id, MetricDetail::DetailBackend, None);
        assert!(change(asker, backend(&"x".repeat(65))).is_err());
        assert!(change(asker, wanted("a", MetricDetail::DetailBackend, Some(301))).is_err());
        assert!(change(asker, SetMetricDetail { detail: None, ..backend("a") }).is_err());
        assert!(change(asker, SetMetricDetail { detail: Some(9), ..backend("a") }).is_err());
        for number in 0..MOST {
            assert_eq!(change(asker, backend(&number.to_string())), Ok(()));
        }
        assert!(change(asker, backend("one more")).is_err());
        assert_eq!(change(asker, backend("0")), Ok(()));
        assert!(change(Asker::numbered(2), backend("0")).is_err());
    }

    #[test]
    fn the_next_image_of_main_goes_on_with_them() {
        let (asker, other) = (Asker::numbered(1), Asker::numbered(2));
        let mut leases = Leases::default();
        let wish = wanted("top", MetricDetail::DetailBackend, Some(30));
        leases.change(&asker, &wish, at(100)).expect("granted");
        // What an instant is depends on who counts.
        let mut next = Leases::resume(leases.hand_over(at(110)), at(1_000));
        assert_eq!((next.most(), next.deadline()), (Some(Detail::Backend), at(1_020)));
        next.change(&other, &wish, at(1_001)).expect_err("it is of another client");
        next.change(&asker, &wish, at(1_001)).expect("renewed");
    }
}
