//! Counters and gauges: one array entry each, named once.
//!
//! Names are those that statsd consumers of such proxies know. A process adds to its own arrays;
//! nothing is shared and nothing is locked.

mod names;

pub use names::{Counter, Gauge, Time, Verb};

/// The value of every [`Counter`].
#[derive(Clone, Debug)]
pub struct Counters {
    values: [u64; Counter::ALL.len()],
}

impl Default for Counters {
    fn default() -> Self {
        Self { values: [0; Counter::ALL.len()] }
    }
}

impl Counters {
    /// Adds `n`.
    #[inline]
    pub fn add(&mut self, counter: Counter, n: u64) {
        self.values[counter as usize] += n;
    }

    /// The value of one.
    #[inline]
    pub fn value(&self, counter: Counter) -> u64 {
        self.values[counter as usize]
    }

    /// Every counter with its value.
    pub fn iter(&self) -> impl Iterator<Item = (Counter, u64)> {
        Counter::ALL.iter().copied().zip(self.values)
    }

    /// Counts a final response sent to a client, by class and, if it is listed, by code.
    pub fn count_status(&mut self, status: u16) {
        self.add(class(status), 1);
        if let Some(counter) = listed(status) {
            self.add(counter, 1);
        }
    }

    /// The counters of a final response.
    pub fn of_status(status: u16) -> impl Iterator<Item = Counter> {
        [Some(class(status)), listed(status)].into_iter().flatten()
    }

    /// The counter of a response that the proxy gives by itself.
    pub fn of_answer(status: u16) -> Counter {
        answer(status)
    }

    /// Counts a response that the proxy gave by itself, in addition to
    /// [`Counters::count_status`].
    pub fn count_answer(&mut self, status: u16) {
        self.add(answer(status), 1);
    }
}

fn class(status: u16) -> Counter {
    match status {
        100..=199 => Counter::Status1xx,
        200..=299 => Counter::Status2xx,
        300..=399 => Counter::Status3xx,
        400..=499 => Counter::Status4xx,
        500..=599 => Counter::Status5xx,
        _ => Counter::StatusOther,
    }
}

fn listed(status: u16) -> Option<Counter> {
    Some(match status {
        200 => Counter::Status200,
        201 => Counter::Status201,
        204 => Counter::Status204,
        301 => Counter::Status301,
        302 => Counter::Status302,
        304 => Counter::Status304,
        400 => Counter::Status400,
        401 => Counter::Status401,
        403 => Counter::Status403,
        404 => Counter::Status404,
        408 => Counter::Status408,
        413 => Counter::Status413,
        429 => Counter::Status429,
        500 => Counter::Status500,
        502 => Counter::Status502,
        503 => Counter::Status503,
        504 => Counter::Status504,
        507 => Counter::Status507,
        _ => return None,
    })
}

fn answer(status: u16) -> Counter {
    match status {
        301 => Counter::Answer301,
        302 => Counter::Answer302,
        308 => Counter::Answer308,
        400 => Counter::Answer400,
        401 => Counter::Answer401,
        404 => Counter::Answer404,
        408 => Counter::Answer408,
        413 => Counter::Answer413,
        421 => Counter::Answer421,
        502 => Counter::Answer502,
        503 => Counter::Answer503,
        504 => Counter::Answer504,
        507 => Counter::Answer507,
        _ => Counter::AnswerOther,
    }
}

/// The value of every [`Gauge`].
#[derive(Clone, Debug)]
pub struct Gauges {
    values: [u64; Gauge::ALL.len()],
}

impl Default for Gauges {
    fn default() -> Self {
        Self { values: [0; Gauge::ALL.len()] }
    }
}

impl Gauges {
    /// Replaces a value.
    #[inline]
    pub fn set(&mut self, gauge: Gauge, value: u64) {
        self.values[gauge as usize] = value;
    }

    /// Adds `n`.
    #[inline]
    pub fn add(&mut self, gauge: Gauge, n: u64) {
        self.values[gauge as usize] += n;
    }

    /// Takes `n` away, down to zero.
    #[inline]
    pub fn sub(&mut self, gauge: Gauge, n: u64) {
        let value = &mut self.values[gauge as usize];
        *value = value.saturating_sub(n);
    }

    /// The value of one.
    #[inline]
    pub fn value(&self, gauge: Gauge) -> u64 {
        self.values[gauge as usize]
    }

    /// Every gauge with its value.
    pub fn iter(&self) -> impl Iterator<Item = (Gauge, u64)> {
        Gauge::ALL.iter().copied().zip(self.values)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    fn counted(counters: &Counters) -> Vec<(&'static str, u64)> {
        counters.iter().filter(|(_, v)| *v > 0).map(|(c, v)| (c.name(), v)).collect()
    }

    #[test]
    fn names_are_unique_and_fit_statsd() {
        let counters = Counter::ALL.iter().map(|c| c.name());
        let gauges = Gauge::ALL.iter().map(|g| g.name());
        let others = Verb::ALL.iter().map(|v| v.name()).chain(Time::ALL.iter().map(|t| t.name()));
        let names = counters.chain(gauges).chain(others).collect::<Vec<_>>();
        let unique = names.iter().collect::<HashSet<_>>();
        assert_eq!(unique.len(), names.len());
        for name in names {
            assert!(
                name.bytes().all(|b| b.is_ascii_alphanumeric() || b"._-".contains(&b)),
                "{name}"
            );
        }
    }

    #[test]
    fn every_counter_has_its_own_place() {
        let mut counters = Counters::default();
        for (n, &counter) in Counter::ALL.iter().enumerate() {
            counters.add(counter, n as u64);
        }
        assert!(counters.iter().enumerate().all(|(n, (_, value))| value == n as u64));
        assert_eq!(counters.value(Counter::LogLinesDropped), Counter::ALL.len() as u64 - 1);
    }

    #[test]
    fn a_status_counts_in_its_class_and_under_its_code() {
        let mut counters = Counters::default();
        for status in [200, 206, 404, 404, 503, 601] {
            counters.count_status(status);
        }
        assert_eq!(
            counted(&counters),
            [
                ("http.status.2xx", 2),
                ("http.status.4xx", 2),
                ("http.status.5xx", 1),
                ("http.status.other", 1),
                ("http.status.200", 1),
                ("http.status.404", 2),
                ("http.status.503", 1)
            ]
        );
    }

    #[test]
    fn listed_codes_count_under_the_name_that_they_have() {
        for status in 100..=999 {
            if let Some(counter) = listed(status) {
                assert_eq!(counter.name(), format!("http.status.{status}"));
            }
            let name = answer(status).name();
            assert!(name.contains(&status.to_string()) || name == "http.other.errors", "{name}");
        }
    }

    #[test]
    fn a_gauge_stops_at_zero() {
        let mut gauges = Gauges::default();
        gauges.add(Gauge::Clients, 2);
        gauges.sub(Gauge::Clients, 3);
        assert_eq!(gauges.value(Gauge::Clients), 0);
        gauges.set(Gauge::Epoch, 7);
        assert_eq!(gauges.iter().find(|(_, v)| *v > 0), Some((Gauge::Epoch, 7)));
    }
}
