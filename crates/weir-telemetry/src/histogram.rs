//! A distribution of times in fixed memory.
//!
//! Buckets are log-linear: every power of two is cut into `2^BITS` equal parts, so the width of a
//! bucket is at most that part of its values, and a quantile is off by at most half of that. Values
//! below `2^BITS` are exact.

/// Values of more bits count as the largest one: in microseconds, 19 hours.
const VALUE_BITS: u32 = 36;
const MAX_VALUE: u64 = (1 << VALUE_BITS) - 1;

/// Off by at most 1.6 %, in 8 KiB: for what there is one of.
pub type Fine = Histogram<5>;
/// Off by at most 12.5 %, in 1.1 KiB: for what there are many of.
pub type Coarse = Histogram<2>;

/// How often which values were recorded.
#[derive(Clone, Debug)]
pub struct Histogram<const BITS: u32> {
    buckets: Box<[u64]>,
    count: u64,
    sum: u64,
    max: u64,
}

impl<const BITS: u32> Default for Histogram<BITS> {
    fn default() -> Self {
        Self { buckets: vec![0; Self::BUCKETS].into(), count: 0, sum: 0, max: 0 }
    }
}

impl<const BITS: u32> Histogram<BITS> {
    const BUCKETS: usize = ((VALUE_BITS - BITS + 1) << BITS) as usize;
    /// What one takes.
    pub const BYTES: usize = size_of::<Self>() + Self::BUCKETS * size_of::<u64>();

    /// Counts one value; above 2³⁶ - 1 it counts as that.
    #[inline]
    pub fn record(&mut self, value: u64) {
        let value = value.min(MAX_VALUE);
        self.buckets[bucket_of::<BITS>(value)] += 1;
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

    /// The value that the part `q` (0 to 1) of all values does not exceed, as exactly as a bucket
    /// is; 0 when there is none.
    pub fn quantile(&self, q: f64) -> u64 {
        let rank = ((self.count as f64 * q).ceil() as u64).clamp(1, self.count.max(1));
        let mut seen = 0;
        for (bucket, n) in self.buckets.iter().enumerate() {
            seen += n;
            if seen >= rank {
                return middle_of::<BITS>(bucket).min(self.max);
            }
        }
        self.max
    }

    /// The middle of every bucket that holds something, and how many values it holds; in order. The
    /// last one may be above the largest value.
    pub fn buckets(&self) -> impl Iterator<Item = (u64, u64)> {
        let filled = self.buckets.iter().enumerate().filter(|(_, n)| **n > 0);
        filled.map(|(bucket, n)| (middle_of::<BITS>(bucket), *n))
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

/// Small values have a bucket each. Of a larger one, the position of its first bit chooses a group
/// of buckets and the `BITS` bits behind it the bucket.
fn bucket_of<const BITS: u32>(value: u64) -> usize {
    let shift = (u64::BITS - BITS - 1).saturating_sub(value.leading_zeros());
    ((shift as usize) << BITS) + (value >> shift) as usize
}

fn middle_of<const BITS: u32>(bucket: usize) -> u64 {
    let shift = (bucket >> BITS).saturating_sub(1);
    let first = ((bucket - (shift << BITS)) as u64) << shift;
    first + (1 << shift) / 2
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn histogram<const BITS: u32>(values: &[u64]) -> Histogram<BITS> {
        let mut histogram = Histogram::default();
        values.iter().for_each(|&value| histogram.record(value));
        histogram
    }

    #[test]
    fn small_values_are_exact_and_huge_ones_are_kept() {
        let h: Fine = histogram(&[3, 1, 2, 31]);
        assert_eq!([0.0, 0.5, 0.75, 1.0].map(|q| h.quantile(q)), [1, 2, 3, 31]);
        assert_eq!((h.count(), h.sum(), h.max()), (4, 37, 31));
        assert_eq!(h.buckets().collect::<Vec<_>>(), [(1, 1), (2, 1), (3, 1), (31, 1)]);
        assert_eq!(histogram::<5>(&[u64::MAX]).quantile(0.5), middle_of::<5>(Fine::BUCKETS - 1));
        assert_eq!(Fine::default().quantile(0.99), 0);
    }

    #[test]
    fn buckets_are_in_the_order_of_their_values() {
        for bucket in 0..Fine::BUCKETS {
            assert_eq!(bucket_of::<5>(middle_of::<5>(bucket)), bucket);
        }
        for bucket in 0..Coarse::BUCKETS {
            assert_eq!(bucket_of::<2>(middle_of::<2>(bucket)), bucket);
        }
        assert_eq!(bucket_of::<5>(MAX_VALUE), Fine::BUCKETS - 1);
        assert_eq!(bucket_of::<2>(MAX_VALUE), Coarse::BUCKETS - 1);
        assert_eq!((Fine::BUCKETS, Coarse::BYTES), (1024, 1120 + size_of::<Coarse>()));
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
            let (exact, ours) = (sorted[rank - 1], histogram::<5>(&values).quantile(q));
            prop_assert!(exact.abs_diff(ours) * 64 <= exact, "{} for {}", ours, exact);
            let coarse = histogram::<2>(&values).quantile(q);
            prop_assert!(exact.abs_diff(coarse) * 8 <= exact, "{} for {}", coarse, exact);
        }

        #[test]
        fn merged_is_recorded_together(a in values(), b in values(), q in 0.0..=1.0_f64) {
            let mut merged: Fine = histogram(&a);
            merged.merge(&histogram(&b));
            let together: Fine = histogram(&[a, b].concat());
            prop_assert_eq!(merged.quantile(q), together.quantile(q));
            prop_assert_eq!(merged.count(), together.count());
            prop_assert_eq!(merged.sum(), together.sum());
            prop_assert_eq!(merged.max(), together.max());
        }
    }
}
