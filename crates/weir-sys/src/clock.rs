//! The two clocks.

use std::time::Duration;

use rustix::time::{ClockId, clock_gettime};
use weir_base::Instant;

/// Monotonic time.
pub fn now() -> Instant {
    let time = clock_gettime(ClockId::Monotonic);
    Instant::from_micros(time.tv_sec as u64 * 1_000_000 + time.tv_nsec as u64 / 1_000)
}

/// Time since the Unix epoch; zero if the clock stands before it.
pub fn unix_time() -> Duration {
    let time = clock_gettime(ClockId::Realtime);
    Duration::new(time.tv_sec.max(0) as u64, time.tv_nsec as u32)
}

#[cfg(test)]
mod tests {
    use std::time::SystemTime;

    use super::*;

    #[test]
    fn the_monotonic_clock_advances() {
        let start = now();
        crate::testing::eventually("a later time", || now() > start);
    }

    #[test]
    fn the_wall_clock_is_that_of_the_system() {
        let since_1970 = || SystemTime::UNIX_EPOCH.elapsed().expect("after 1970");
        let before = since_1970();
        let between = unix_time();
        assert!(before <= between && between <= since_1970());
    }
}
