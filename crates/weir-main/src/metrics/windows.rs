//! Times of the last seconds: what was counted now and then, and what lies between.
//!
//! Must not know: who asks. Workers are asked from time to time whether anybody looks or not, but
//! for clusters and backends only while somebody does.
//!
//! Bounds: [`SNAPSHOTS`] snapshots of at most [`MOST_WINDOWED`] scopes.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use weir_base::Instant;
use weir_control::config::{MOST_WINDOWED, SNAPSHOTS};
use weir_control::metrics::{
    Clusters, Measured, OfCluster, Part, Query, Sample, Value, WINDOWED, WINDOWS,
};
use weir_control::packed::{pack, unpack};

use super::Scope;

/// Time between two snapshots.
const PERIOD: Duration = Duration::from_secs(5);
/// Until workers that start are looked for again.
const STARTING: Duration = Duration::from_millis(100);
/// For how long somebody looks who has asked.
const LOOK: Duration = Duration::from_secs(15);

/// What was counted.
#[derive(Default)]
pub(super) struct Windows {
    /// The newest last.
    snapshots: VecDeque<Snapshot>,
    /// When the next one is due.
    pub(super) next: Instant,
    watched_until: Instant,
}

struct Snapshot {
    at: Instant,
    /// Clusters and backends that are not in it had counted nothing.
    is_whole: bool,
    scopes: Packed,
}

/// Samples, packed, by what they are of.
type Packed = BTreeMap<Scope, Vec<u8>>;

/// A snapshot that passes to another image of main: how old it is, whether it is whole, and what is
/// in it.
pub(super) type HandedSnapshot = (Duration, bool, Packed);

impl Windows {
    /// What another image needs to go on with them.
    pub(super) fn hand_over(&self, now: Instant) -> Vec<(Duration, bool, &Packed)> {
        let snapshots = self.snapshots.iter();
        snapshots.map(|of| (now.since(of.at), of.is_whole, &of.scopes)).collect()
    }

    /// Goes on with what [`Windows::hand_over`] has told.
    pub(super) fn resume(handed: Vec<HandedSnapshot>, now: Instant) -> Self {
        let snapshots = handed.into_iter().take(SNAPSHOTS);
        let snapshots = snapshots.map(|(ago, is_whole, scopes)| {
            let at = now.before(ago);
            Snapshot { at, is_whole, scopes }
        });
        Self { snapshots: snapshots.collect(), ..Self::default() }
    }

    /// What workers are to be asked now, if that is due; `first` says what so many clusters and
    /// backends are, if more are known to have counted: no others have windows then.
    pub(super) fn begins(
        &mut self,
        now: Instant,
        first: impl FnOnce(usize) -> Option<Vec<Part>>,
    ) -> Option<Query> {
        if now < self.next {
            return None;
        }
        self.next = now + PERIOD;
        let names = WINDOWED.iter().map(|time| time.name().to_owned()).collect();
        let is_watched = now < self.watched_until;
        let clusters = match is_watched {
            true => first(MOST_WINDOWED).map_or(Clusters::All, Clusters::These),
            false => Clusters::none(),
        };
        Some(Query { names, clusters, ..Query::default() })
    }

    /// Not yet: workers start.
    pub(super) fn postpone(&mut self, now: Instant) {
        self.next = now + STARTING;
    }

    /// Somebody looks at clusters.
    pub(super) fn watch(&mut self, now: Instant) {
        if self.watched_until <= now {
            self.next = now;
        }
        self.watched_until = now + LOOK;
    }

    /// Takes down what all workers have counted, of these clusters.
    pub(super) fn note(
        &mut self,
        found: &BTreeMap<u16, Measured>,
        clusters: &Clusters,
        now: Instant,
    ) {
        let totals = totals(found);
        let is_whole = *clusters == Clusters::All && totals.len() <= MOST_WINDOWED;
        let scopes = totals.into_iter().take(MOST_WINDOWED);
        let packed = |samples: Vec<Sample>| pack(&samples).ok().map(|bytes| bytes.to_vec());
        let scopes = scopes.filter_map(|(scope, samples)| Some((scope, packed(samples)?)));
        if self.snapshots.len() == SNAPSHOTS {
            self.snapshots.pop_front();
        }
        self.snapshots.push_back(Snapshot { at: now, is_whole, scopes: scopes.collect() });
    }

    /// Counting begins anew.
    pub(super) fn clear(&mut self) {
        self.snapshots.clear();
    }

    /// Times of each window, up to what workers say now. A window that is longer than is known is
    /// as long as that.
    pub(super) fn of(&self, found: &BTreeMap<u16, Measured>, now: Instant) -> Measured {
        let mut all = Measured::default();
        for (scope, samples) in totals(found) {
            let windows = WINDOWS.iter().filter_map(|(suffix, length)| {
                let before = self.before(&scope, *length, now)?;
                let lasts = samples.iter().filter_map(|sample| between(&before, sample, suffix));
                Some(lasts.collect::<Vec<_>>())
            });
            let windows = windows.flatten().collect();
            put(&mut all, scope, windows);
        }
        all
    }

    /// What a scope had counted at the beginning of a window.
    fn before(&self, scope: &Scope, length: Duration, now: Instant) -> Option<Vec<Sample>> {
        // What is older is of the time before somebody looked.
        let is_recent = |of: &&Snapshot| now.since(of.at) <= length + PERIOD * 2;
        let known = self.snapshots.iter().filter(|of| of.knows(scope)).filter(is_recent);
        let mut known = known.peekable();
        let oldest = *known.peek()?;
        let begins = known.rfind(|snapshot| now.since(snapshot.at) >= length);
        match begins.unwrap_or(oldest).scopes.get(scope) {
            Some(packed) => unpack(packed).ok(),
            None => Some(Vec::new()),
        }
    }
}

impl Snapshot {
    /// Whether it says what a scope had counted, be it nothing.
    fn knows(&self, scope: &Scope) -> bool {
        self.is_whole || scope.0.is_empty() || self.scopes.contains_key(scope)
    }
}

/// The times since then; what was not there had counted nothing.
fn between(before: &[Sample], now: &Sample, suffix: &str) -> Option<Sample> {
    let Value::Times(times) = &now.value else { return None };
    let was = before.iter().find(|sample| sample.name == now.name);
    let since = match was.map(|was| &was.value) {
        Some(Value::Times(was)) => times.since(was),
        _ => times.clone(),
    };
    Some(Sample { name: format!("{}{suffix}", now.name).into(), value: Value::Times(since) })
}

fn put(all: &mut Measured, (cluster, backend): Scope, samples: Vec<Sample>) {
    if cluster.is_empty() {
        all.proxy = samples;
        return;
    }
    if all.clusters.last().is_none_or(|of| of.id != cluster) {
        all.clusters.push(OfCluster { id: cluster, ..OfCluster::default() });
    }
    let Some(of) = all.clusters.last_mut() else { return };
    match backend.is_empty() {
        true => of.own = samples,
        false => of.backends.push((backend, samples)),
    }
}

/// The times that have windows, of all workers together.
fn totals(found: &BTreeMap<u16, Measured>) -> BTreeMap<Scope, Vec<Sample>> {
    let mut totals = BTreeMap::<Scope, Vec<Sample>>::new();
    let mut add = |cluster: &str, backend: &str, samples: &[Sample]| {
        let is_windowed = |sample: &&Sample| WINDOWED.iter().any(|time| time.name() == sample.name);
        let times: Vec<_> = samples.iter().filter(is_windowed).cloned().collect();
        if times.is_empty() {
            return;
        }
        let total = totals.entry((cluster.to_owned(), backend.to_owned())).or_default();
        Sample::add_all(total, times);
    };
    for measured in found.values() {
        add("", "", &measured.proxy);
        for of in &measured.clusters {
            add(&of.id, "", &of.own);
            of.backends.iter().for_each(|(backend, samples)| add(&of.id, backend, samples));
        }
    }
    totals
}

#[cfg(test)]
mod tests {
    use weir_control::metrics::Times;

    use super::*;

    fn at(seconds: u64) -> Instant {
        Instant::default() + Duration::from_secs(seconds)
    }

    /// Of two workers: together, that many requests of 1 ms, and as many of 100 ms to a cluster.
    fn found(quick: u64, slow: u64) -> BTreeMap<u16, Measured> {
        let times = |value, n| Sample {
            name: "request_time".into(),
            value: Value::Times(Times { sum: n * value, max: value, buckets: vec![(value, n)] }),
        };
        let of = |quick, slow| Measured {
            proxy: vec![times(1_000, quick), Sample::count("n", 1)],
            clusters: vec![OfCluster {
                id: "a".to_owned(),
                own: vec![times(100_000, slow)],
                backends: Vec::new(),
            }],
        };
        [(0, of(quick - 1, slow)), (1, of(1, 0))].into()
    }

    fn counts(samples: &[Sample]) -> Vec<(String, u64)> {
        let count = |sample: &Sample| match &sample.value {
            Value::Times(times) => (sample.name.clone().into_owned(), times.count()),
            _ => panic!("only times have windows"),
        };
        samples.iter().map(count).collect()
    }

    fn named(ten: u64, minute: u64) -> Vec<(String, u64)> {
        vec![("request_time_10s".to_owned(), ten), ("request_time_1m".to_owned(), minute)]
    }

    #[test]
    fn a_window_has_what_came_since_it_began() {
        let mut windows = Windows::default();
        assert_eq!(counts(&windows.of(&found(7, 0), at(0)).proxy), []);
        for second in (0..=70).step_by(5) {
            windows.note(&found(10 + second, 0), &Clusters::none(), at(second));
        }
        assert_eq!(windows.snapshots.len(), SNAPSHOTS);
        // Since second 60 and second 10.
        let now = windows.of(&found(85, 0), at(72));
        assert_eq!(counts(&now.proxy), named(15, 65));
        let Value::Times(ten) = &now.proxy[0].value else { panic!("times") };
        assert_eq!((ten.sum, ten.max, ten.quantile(0.5)), (15_000, 1_000, 1_000));
        windows.clear();
        assert_eq!(counts(&windows.of(&found(85, 0), at(72)).proxy), []);
    }

    #[test]
    fn a_window_that_is_not_full_is_as_long_as_is_known() {
        let mut windows = Windows::default();
        windows.note(&found(10, 5), &Clusters::none(), at(100));
        let now = windows.of(&found(12, 6), at(103));
        assert_eq!(counts(&now.proxy), named(2, 2));
        assert_eq!(counts(&now.clusters[0].own), named(1, 1));
        // Nobody has looked since.
        let now = windows.of(&found(12, 6), at(300));
        assert_eq!(counts(&now.clusters[0].own), []);
    }

    #[test]
    fn what_had_counted_nothing_is_known_to_have() {
        let mut windows = Windows::default();
        windows.note(&BTreeMap::new(), &Clusters::none(), at(100));
        let now = windows.of(&found(12, 6), at(103));
        assert_eq!(counts(&now.proxy), named(12, 12), "workers are always asked");
        assert_eq!(counts(&now.clusters[0].own), [], "nobody has asked for clusters");
        windows.note(&BTreeMap::new(), &Clusters::All, at(104));
        let now = windows.of(&found(12, 6), at(105));
        assert_eq!(counts(&now.clusters[0].own), named(6, 6));
    }

    #[test]
    fn the_next_image_of_main_goes_on_with_them() {
        let mut windows = Windows::default();
        windows.note(&found(10, 5), &Clusters::All, at(95));
        windows.note(&found(20, 5), &Clusters::All, at(100));
        let packed = pack(&windows.hand_over(at(103))).expect("packed");
        // What an instant is depends on who counts.
        let next = Windows::resume(unpack(&packed).expect("whole"), at(1_003));
        let now = next.of(&found(22, 6), at(1_006));
        assert_eq!(counts(&now.proxy), named(12, 12));
        assert_eq!(counts(&now.clusters[0].own), named(1, 1));
    }

    #[test]
    fn clusters_are_asked_for_while_somebody_looks() {
        let mut windows = Windows::default();
        let asks = |windows: &mut Windows, second| {
            windows.begins(at(second), |_| None).map(|query| query.clusters == Clusters::none())
        };
        assert_eq!(asks(&mut windows, 100), Some(true));
        assert_eq!(asks(&mut windows, 104), None);
        windows.watch(at(104));
        assert_eq!(asks(&mut windows, 104), Some(false), "at once");
        windows.watch(at(108));
        assert_eq!(asks(&mut windows, 108), None);
        assert_eq!(asks(&mut windows, 109), Some(false));
        assert_eq!(asks(&mut windows, 123), Some(true));
        windows.watch(at(124));
        let first = |most: usize| Some(vec![Part::all_of(most.to_string())]);
        let crowded = windows.begins(at(128), first).expect("it is due");
        assert_eq!(crowded.clusters, Clusters::These(first(MOST_WINDOWED).expect("some")));
    }
}
