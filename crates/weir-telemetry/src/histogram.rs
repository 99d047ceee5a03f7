//! A distribution of times in fixed memory.
//!
//! Buckets are log-linear: every power of two is cut into [`SUB_BUCKETS`] equal parts, so the width
//! of a bucket is at most 1/32 of its values, and a quantile is off by at most half of that
//! (1.6 %). Values below 32 are exact. 8 KiB.

/// Buckets per power of two.
const SUB_BUCKETS: usize = 1 << SUB_BITS;
const SUB_BITS: u32 = 5;
/// Values of more bits count as the largest one: in microseconds, 19 hours.
const VALUE_BITS: u32 = 36;
const MAX_VALUE: u64 = (1 << VALUE_BITS) - 1;
const BUCKETS: usize = (VALUE_BITS - SUB_BITS + 1) as usize * SUB_BUCKETS;

/// How often which values were recorded.
#[derive(Clone, Debug)]
pub struct Histogram {
    buckets: Box<[u64; BUCKETS]>,
    count: u64,
    sum: u64,
    max: u64,
}

impl Default for Histogram {
    fn default() -> Self {
        Self { buckets: Box::new([0; BUCKETS]), count: 0, sum: 0, max: 0 }
    }
}

impl Histogram {
    /// Counts one value; above 2³⁶ - 1 it counts as that.
    #[inline]
    pub fn record(&mut self, value: u64) {
        let value = value.min(MAX_VALUE);
        self.buckets[bucket_of(value)] += 1;
        self.count += 1;
        self.sum += value;
        self.max = self.max.max(value);
    }

    /// Values recorded.
    pub fn count(&self) -> u64 {
        self.count
    }

    /// Their sum.
    pub fn sum(&self) -> u64 {
        self.sum
    }

    /// The largest of them, exactly; 0 when there is none.
    pub fn max(&self) -> u64 {
        self.max
    }

    /// The value that the part `q` (0 to 1) of all values does not exceed, off by at most 1.6 %;
    /// 0 when there is none.
    pub fn quantile(&self, q: f64) -> u64 {
        let rank = ((self.count as f64 * q).ceil() as u64).clamp(1, self.count.max(1));
        let mut seen = 0;
        for (bucket, n) in self.buckets.iter().enumerate() {
            seen += n;
            if seen >= rank {
                return middle_of(bucket).min(self.max);
            }
        }
        self.max
    }

    /// Adds everything that `other` has counted.
    pub fn merge(&mut self, other: &Self) {
        for (mine, theirs) in self.buckets.iter_mut().zip(other.buckets.iter()) {
            *mine += theirs;
        }
        self.count += other.count;
        self.sum += other.sum;
        self.max = self.max.max(other.max);
    }
}

/// Values below 32 have a bucket each. Of a larger one, the position of its first bit chooses a
/// group of buckets and the five bits behind it the bucket.
fn bucket_of(value: u64) -> usize {
    let shift = (u64::BITS - SUB_BITS - 1).saturating_sub(value.leading_zeros());
    (shift as usize * SUB_BUCKETS) + (value >> shift) as usize
}

fn middle_of(bucket: usize) -> u64 {
    let shift = (bucket / SUB_BUCKETS).saturating_sub(1);
    let first = ((bucket - shift * SUB_BUCKETS) as u64) << shift;
    first + (1 << shift) / 2
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn histogram(values: &[u64]) -> Histogram {
        let mut histogram = Histogram::default();
        values.iter().for_each(|&value| histogram.record(value));
        histogram
    }

    #[test]
    fn small_values_are_exact_and_huge_ones_are_kept() {
        let h = histogram(&[3, 1, 2, 31]);
        assert_eq!([0.0, 0.5, 0.75, 1.0].map(|q| h.quantile(q)), [1, 2, 3, 31]);
        assert_eq!((h.count(), h.sum(), h.max()), (4, 37, 31));
        assert_eq!(histogram(&[u64::MAX]).quantile(0.5), middle_of(BUCKETS - 1));
        assert_eq!(Histogram::default().quantile(0.99), 0);
    }

    #[test]
    fn buckets_are_in_the_order_of_their_values() {
        for bucket in 0..BUCKETS {
            assert_eq!(bucket_of(middle_of(bucket)), bucket);
        }
        assert_eq!(bucket_of(MAX_VALUE), BUCKETS - 1);
    }

    fn values() -> impl Strategy<Value = Vec<u64>> {
        let value =
            (0..VALUE_BITS, any::<u64>()).prop_map(|(bits, value)| value & ((2 << bits) - 1));
        prop::collection::vec(value, 1..200)
    }

    proptest! {
        #[test]
        fn quantiles_are_those_of_the_sorted_values(values in values(), q in 0.0..=1.0_f64) {
            let mut sorted = values.clone();
            sorted.sort_unstable();
            let rank = ((values.len() as f64 * q).ceil() as usize).max(1);
            let (exact, ours) = (sorted[rank - 1], histogram(&values).quantile(q));
            prop_assert!(exact.abs_diff(ours) * 64 <= exact, "{} for {}", ours, exact);
        }

        #[test]
        fn merged_is_recorded_together(a in values(), b in values(), q in 0.0..=1.0_f64) {
            let mut merged = histogram(&a);
            merged.merge(&histogram(&b));
            let together = histogram(&[a, b].concat());
            prop_assert_eq!(merged.quantile(q), together.quantile(q));
            prop_assert_eq!(merged.count(), together.count());
            prop_assert_eq!(merged.sum(), together.sum());
            prop_assert_eq!(merged.max(), together.max());
        }
    }
}
