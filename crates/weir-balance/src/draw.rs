//! Turning 64 random bits into a number in a range.

/// A number below `bound`, evenly spread: the bias is below `bound / 2^64`. Zero if `bound` is.
pub(crate) fn below(bits: u64, bound: u64) -> u64 {
    ((u128::from(bits) * u128::from(bound)) >> 64) as u64
}

#[cfg(test)]
mod tests {
    use super::below;

    #[test]
    fn every_number_below_the_bound_and_no_other() {
        assert_eq!((below(0, 3), below(u64::MAX / 2, 3), below(u64::MAX, 3)), (0, 1, 2));
        assert_eq!((below(u64::MAX, 1), below(u64::MAX, 0)), (0, 0));
    }
}
