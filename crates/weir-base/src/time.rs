//! A point in monotonic time that pure code can hold, compare and shift, but never read.

use std::ops::{Add, Sub};
use std::time::Duration;

/// Microseconds since an origin that the shell chose (it is the same for a whole process).
///
/// 64 bits of microseconds outlast the hardware; additions saturate, so a deadline "never" is
/// [`Instant::FAR`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Instant(u64);

impl Instant {
    /// Later than any real instant.
    pub const FAR: Self = Self(u64::MAX);

    /// The instant `micros` microseconds after the origin.
    pub const fn from_micros(micros: u64) -> Self {
        Self(micros)
    }

    /// Microseconds since the origin.
    pub const fn as_micros(self) -> u64 {
        self.0
    }

    /// The instant that long before, at the earliest the origin.
    #[must_use]
    pub fn before(self, time: Duration) -> Self {
        let micros = u64::try_from(time.as_micros()).unwrap_or(u64::MAX);
        Self(self.0.saturating_sub(micros))
    }

    /// Time from `earlier` to `self`; zero if `earlier` is later.
    pub const fn since(self, earlier: Self) -> Duration {
        Duration::from_micros(self.0.saturating_sub(earlier.0))
    }
}

impl Add<Duration> for Instant {
    type Output = Self;

    fn add(self, rhs: Duration) -> Self {
        let micros = u64::try_from(rhs.as_micros()).unwrap_or(u64::MAX);
        Self(self.0.saturating_add(micros))
    }
}

impl Sub for Instant {
    type Output = Duration;

    fn sub(self, rhs: Self) -> Duration {
        self.since(rhs)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arithmetic_saturates_instead_of_wrapping() {
        let t = Instant::from_micros(5);
        assert_eq!(t + Duration::from_micros(7), Instant::from_micros(12));
        assert_eq!(t - Instant::from_micros(9), Duration::ZERO);
        assert_eq!(t.before(Duration::from_micros(2)), Instant::from_micros(3));
        assert_eq!(t.before(Duration::MAX), Instant::default());
        assert_eq!(Instant::FAR + Duration::from_secs(1), Instant::FAR);
    }
}
