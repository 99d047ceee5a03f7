//! What is counted for one cluster, or for one backend: a part of the counters, and times.
//!
//! Must not know: whose they are. A scope has a fixed size; the histogram of a kind of time is
//! allocated with the first time of that kind.

use std::time::Duration;

use crate::counter::{Counter, Time};
use crate::histogram::Coarse;

/// The counters that every cluster and backend has. What a usual request counts comes first: it is
/// one line of the cache.
pub const SCOPED: &[Counter] = &[
    Counter::Served,
    Counter::BytesIn,
    Counter::BytesOut,
    Counter::AccessLogs,
    Counter::Status2xx,
    Counter::Status200,
    Counter::Status304,
    Counter::RequestErrors,
    Counter::PerAddressLimit,
    Counter::RequestsDenied,
    Counter::RateLimited,
    Counter::NoPlace,
    Counter::Status1xx,
    Counter::Status3xx,
    Counter::Status4xx,
    Counter::Status5xx,
    Counter::StatusOther,
    Counter::StatusNone,
    Counter::Status201,
    Counter::Status204,
    Counter::Status301,
    Counter::Status302,
    Counter::Status400,
    Counter::Status401,
    Counter::Status403,
    Counter::Status404,
    Counter::Status408,
    Counter::Status413,
    Counter::Status429,
    Counter::Status500,
    Counter::Status502,
    Counter::Status503,
    Counter::Status504,
    Counter::Status507,
    Counter::Answer301,
    Counter::Answer302,
    Counter::Answer308,
    Counter::Answer401,
    Counter::Answer408,
    Counter::Answer413,
    Counter::Answer421,
    Counter::Answer502,
    Counter::Answer503,
    Counter::Answer504,
    Counter::Answer507,
    Counter::AnswerOther,
    Counter::BackendConnectErrors,
    Counter::RetriesExhausted,
    Counter::Queued,
    Counter::QueueFull,
    Counter::QueueTimeouts,
    Counter::BackendDown,
    Counter::BackendUp,
    Counter::NoAvailableBackends,
    Counter::ClusterRecovered,
];

/// No place.
const NOWHERE: u8 = u8::MAX;

/// The place of every counter among [`SCOPED`].
const PLACES: [u8; Counter::ALL.len()] = {
    let mut places = [NOWHERE; Counter::ALL.len()];
    let mut place = 0;
    while place < SCOPED.len() {
        places[SCOPED[place] as usize] = place as u8;
        place += 1;
    }
    places
};

/// The metrics of one cluster or backend.
#[derive(Clone, Debug)]
#[repr(C, align(64))]
pub struct Scope {
    counters: [u64; SCOPED.len()],
    times: [Option<Coarse>; Time::SCOPED],
    touched: bool,
}

impl Default for Scope {
    fn default() -> Self {
        Self { counters: [0; SCOPED.len()], times: Default::default(), touched: false }
    }
}

impl Scope {
    /// The most that one takes.
    pub const BYTES: usize = size_of::<Self>() + Time::SCOPED * Coarse::BYTES;

    /// Adds `n`; a counter that is not one of [`SCOPED`] is not counted here.
    #[inline]
    pub fn add(&mut self, counter: Counter, n: u64) {
        if let Some(value) = self.counters.get_mut(usize::from(PLACES[counter as usize])) {
            *value += n;
            self.touched = true;
        }
    }

    /// Records a duration; one that is not of the first [`Time::SCOPED`] is not kept here.
    #[inline]
    pub fn record(&mut self, time: Time, took: Duration) {
        if let Some(histogram) = self.times.get_mut(time as usize) {
            histogram.get_or_insert_default().record(took.as_micros() as u64);
            self.touched = true;
        }
    }

    /// Whether something was counted since this was asked last.
    pub fn take_touched(&mut self) -> bool {
        std::mem::take(&mut self.touched)
    }

    /// The value of one; 0 of a counter that is not one of [`SCOPED`].
    pub fn value(&self, counter: Counter) -> u64 {
        self.counters.get(usize::from(PLACES[counter as usize])).copied().unwrap_or(0)
    }

    /// Every counter that has counted something.
    pub fn counted(&self) -> impl Iterator<Item = (Counter, u64)> {
        SCOPED.iter().copied().zip(self.counters).filter(|(_, value)| *value > 0)
    }

    /// Every kind of time of which there is one.
    pub fn times(&self) -> impl Iterator<Item = (Time, &Coarse)> {
        let times = Time::ALL.iter().copied().zip(&self.times);
        times.filter_map(|(time, histogram)| Some((time, histogram.as_ref()?)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_scope_counts_its_part_and_nothing_else() {
        let mut scope = Scope::default();
        for counter in Counter::ALL {
            scope.add(*counter, 2);
        }
        let counted: Vec<_> = scope.counted().collect();
        let all: Vec<_> = SCOPED.iter().map(|counter| (*counter, 2)).collect();
        assert_eq!(counted, all);
    }

    #[test]
    fn times_are_kept_by_kind_in_microseconds() {
        let mut scope = Scope::default();
        assert_eq!(scope.times().count(), 0);
        scope.record(Time::Connect, Duration::from_millis(2));
        let found: Vec<_> = scope.times().map(|(time, h)| (time, h.count(), h.sum())).collect();
        assert_eq!(found, [(Time::Connect, 1, 2000)]);
    }

    #[test]
    fn a_scope_tells_once_that_it_has_counted() {
        let mut scope = Scope::default();
        assert!(!scope.take_touched());
        scope.add(Counter::BytesIn, 1);
        assert!(scope.take_touched() && !scope.take_touched());
    }

    #[test]
    fn a_scope_has_a_size_that_a_machine_can_have_thousands_of() {
        const { assert!(Scope::BYTES < 6 << 10) };
    }
}
