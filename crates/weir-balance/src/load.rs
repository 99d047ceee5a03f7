//! How busy one backend is, as this worker knows it.

use std::time::Duration;

use weir_base::Instant;

use crate::policy::LoadMetric;

/// Time in which the memory of a slow connection fades to a half.
const HALF_LIFE: Duration = Duration::from_secs(10);

/// What is open towards one backend.
#[derive(Debug, Default)]
pub(crate) struct Load {
    pub(crate) connections: u32,
    pub(crate) requests: u32,
    /// Connections that somebody may make who has waited for it.
    pub(crate) promised: u32,
    connect_time: PeakAverage,
    response_time: PeakAverage,
}

impl Load {
    /// The load by `metric`; only comparable with others of the same metric.
    pub(crate) fn cost(&self, metric: LoadMetric, now: Instant) -> u64 {
        match metric {
            LoadMetric::Connections => self.connections.into(),
            LoadMetric::Requests => self.requests.into(),
            LoadMetric::ConnectionTime => {
                let waits = u64::from(self.connections) + 1;
                waits.saturating_mul(self.connect_time.micros(now) + 1)
            }
            LoadMetric::ResponseTime => {
                let waits = u64::from(self.requests) + 1;
                waits.saturating_mul(self.response_time.micros(now) + 1)
            }
        }
    }

    pub(crate) fn is_idle(&self) -> bool {
        self.connections == 0 && self.requests == 0 && self.promised == 0
    }

    pub(crate) fn handle_connect_time(&mut self, took: Duration, now: Instant) {
        self.connect_time.record(took, now);
    }

    pub(crate) fn handle_response_time(&mut self, took: Duration, now: Instant) {
        self.response_time.record(took, now);
    }
}

/// An average that jumps to a peak at once and forgets it exponentially; without samples it tends
/// to zero, so that a backend that was slow once is tried again.
#[derive(Debug, Default)]
struct PeakAverage {
    /// At most `u32::MAX`.
    micros: u64,
    at: Instant,
}

impl PeakAverage {
    fn record(&mut self, sample: Duration, now: Instant) {
        let sample = u64::try_from(sample.as_micros()).unwrap_or(u64::MAX).min(u32::MAX.into());
        let above = self.micros.saturating_sub(sample);
        *self = Self { micros: sample + faded(above, now - self.at), at: now };
    }

    fn micros(&self, now: Instant) -> u64 {
        faded(self.micros, now - self.at)
    }
}

/// `value` (at most `u32::MAX`) halved once per [`HALF_LIFE`], linear in between.
fn faded(value: u64, elapsed: Duration) -> u64 {
    let half_life = HALF_LIFE.as_micros();
    let halvings = u32::try_from(elapsed.as_micros() / half_life).unwrap_or(u32::MAX);
    let whole = value.checked_shr(halvings).unwrap_or(0);
    let rest = (elapsed.as_micros() % half_life) as u64;
    whole - whole * rest / (2 * half_life as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: u64) -> Instant {
        Instant::from_micros(seconds * 1_000_000)
    }

    #[test]
    fn a_peak_counts_at_once_and_fades() {
        let mut time = PeakAverage::default();
        time.record(Duration::from_micros(100), at(0));
        time.record(Duration::from_micros(8_000), at(1));
        assert_eq!(time.micros(at(1)), 8_000);
        let seen = [6, 11, 16, 21, 10_000].map(|second| time.micros(at(second)));
        assert_eq!(seen, [6_000, 4_000, 3_000, 2_000, 0]);
    }

    #[test]
    fn samples_below_the_average_pull_it_towards_them() {
        let mut time = PeakAverage::default();
        time.record(Duration::from_micros(1_100), at(0));
        time.record(Duration::from_micros(100), at(10));
        assert_eq!(time.micros(at(10)), 600);
    }

    #[test]
    fn extreme_values_do_not_overflow() {
        let mut time = PeakAverage::default();
        time.record(Duration::MAX, at(0));
        assert_eq!(time.micros(at(0)), u32::MAX.into());
        assert_eq!(time.micros(Instant::FAR), 0);
        let (connections, requests) = (u32::MAX, u32::MAX);
        let load = Load { connections, requests, connect_time: time, ..Load::default() };
        assert_eq!(load.cost(LoadMetric::ConnectionTime, at(0)), u64::MAX);
    }

    #[test]
    fn each_metric_counts_its_own() {
        let mut load = Load { connections: 2, requests: 7, ..Load::default() };
        load.handle_connect_time(Duration::from_micros(9), at(0));
        load.handle_response_time(Duration::from_micros(4), at(0));
        let cost = |metric| load.cost(metric, at(0));
        assert_eq!(cost(LoadMetric::Connections), 2);
        assert_eq!(cost(LoadMetric::Requests), 7);
        assert_eq!(cost(LoadMetric::ConnectionTime), (9 + 1) * (2 + 1));
        assert_eq!(cost(LoadMetric::ResponseTime), (4 + 1) * (7 + 1));
    }
}
