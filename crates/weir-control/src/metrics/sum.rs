//! What several have counted, together: counters and times add up, gauges do not.

use std::collections::HashMap;

use super::{Measured, OfCluster, Sample, Times, Value};

impl Times {
    /// Adds those of another.
    pub fn add(&mut self, other: &Self) {
        self.sum = self.sum.saturating_add(other.sum);
        self.max = self.max.max(other.max);
        let mut buckets = Vec::with_capacity(self.buckets.len().max(other.buckets.len()));
        let (mut ours, mut theirs) = (self.buckets.iter().peekable(), other.buckets.iter());
        let mut next = theirs.next();
        loop {
            let ours_first = match (ours.peek(), next) {
                (None, None) => break,
                (Some((a, _)), Some((b, n))) if a == b => {
                    buckets.extend(ours.next().map(|(value, m)| (*value, m + n)));
                    next = theirs.next();
                    continue;
                }
                (Some((a, _)), Some((b, _))) => a < b,
                (ours, _) => ours.is_some(),
            };
            match ours_first {
                true => buckets.extend(ours.next()),
                false => buckets.extend(std::mem::replace(&mut next, theirs.next())),
            }
        }
        self.buckets = buckets;
    }

    /// Those that came after others; of the longest of all, it is not known when it came.
    #[must_use]
    pub fn since(&self, before: &Self) -> Self {
        let mut were = before.buckets.iter().peekable();
        let came = |(value, n): &(u64, u64)| {
            while were.next_if(|(earlier, _)| earlier < value).is_some() {}
            let had = were.next_if(|(earlier, _)| earlier == value).map_or(0, |(_, had)| *had);
            Some((*value, n.saturating_sub(had))).filter(|(_, n)| *n > 0)
        };
        let buckets: Vec<_> = self.buckets.iter().filter_map(came).collect();
        let longest = buckets.last().map_or(0, |(value, _)| *value);
        let max = longest.min(self.max);
        Self { sum: self.sum.saturating_sub(before.sum), max, buckets }
    }
}

impl Value {
    fn add(&mut self, other: &Self) {
        match (self, other) {
            (Self::Count(ours), Self::Count(theirs)) => *ours = ours.saturating_add(*theirs),
            (Self::Times(ours), Self::Times(theirs)) => ours.add(theirs),
            _ => {}
        }
    }
}

impl Sample {
    /// It says how much there is now, which is over with whoever says it.
    pub fn is_gauge(&self) -> bool {
        matches!(self.value, Value::Gauge(_))
    }

    /// Adds what others have counted, by name; `others` has no gauges.
    pub fn add_all(samples: &mut Vec<Self>, others: Vec<Self>) {
        for other in others {
            match samples.iter_mut().find(|sample| sample.name == other.name) {
                Some(sample) => sample.value.add(&other.value),
                None => samples.push(other),
            }
        }
    }
}

impl Measured {
    /// Adds what another has counted, which has no gauges.
    pub fn add(&mut self, other: Self) {
        Sample::add_all(&mut self.proxy, other.proxy);
        let ids = self.clusters.iter().map(|of| of.id.clone()).zip(0..);
        let places: HashMap<String, usize> = ids.collect();
        for of in other.clusters {
            match places.get(&of.id) {
                Some(place) => self.clusters[*place].add(of),
                None => self.clusters.push(of),
            }
        }
    }
}

impl OfCluster {
    fn add(&mut self, other: Self) {
        Sample::add_all(&mut self.own, other.own);
        for (id, samples) in other.backends {
            match self.backends.iter_mut().find(|(known, _)| *known == id) {
                Some((_, known)) => Sample::add_all(known, samples),
                None => self.backends.push((id, samples)),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn times(buckets: &[(u64, u64)]) -> Times {
        let sum = buckets.iter().map(|(value, n)| value * n).sum();
        let max = buckets.last().map_or(0, |(value, _)| *value);
        Times { sum, max, buckets: buckets.to_vec() }
    }

    #[test]
    fn times_add_up_in_order() {
        let mut sum = times(&[(1, 1), (5, 2)]);
        sum.add(&times(&[(0, 4), (5, 1), (9, 1)]));
        assert_eq!(sum, times(&[(0, 4), (1, 1), (5, 3), (9, 1)]));
        sum.add(&Times::default());
        assert_eq!(sum.count(), 9);
        assert_eq!(sum.since(&times(&[(0, 4), (5, 1)])), times(&[(1, 1), (5, 2), (9, 1)]));
        assert_eq!(sum.since(&sum), Times::default());
        assert_eq!(sum.since(&Times::default()), sum);
        let mut none = Times::default();
        none.add(&sum);
        assert_eq!(none, sum);
    }

    #[test]
    fn counts_add_up_by_what_they_are_of() {
        let of = |id: &str, n, backends: &[&str]| OfCluster {
            id: id.to_owned(),
            own: vec![Sample::count("n", n)],
            backends: backends.iter().map(|id| (id.to_string(), vec![])).collect(),
        };
        let mut all = Measured {
            proxy: vec![Sample::gauge("g", 7), Sample::count("n", 1)],
            clusters: vec![of("a", 1, &["x"])],
        };
        all.add(Measured {
            proxy: vec![Sample::count("n", 2), Sample::count("m", 3)],
            clusters: vec![of("b", 5, &[]), of("a", 2, &["x", "y"])],
        });
        let proxy = [Sample::gauge("g", 7), Sample::count("n", 3), Sample::count("m", 3)];
        assert_eq!(all.proxy, proxy);
        assert_eq!(all.clusters, [of("a", 3, &["x", "y"]), of("b", 5, &[])]);
    }
}
