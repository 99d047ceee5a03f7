//! How long things took.

use std::time::{Duration, Instant};

use crate::Result;

/// Times of the same thing done often, in milliseconds.
#[derive(Clone, Default)]
pub(crate) struct Samples(Vec<f64>);

impl Samples {
    /// Does it and notes how long it took.
    pub(crate) fn time<T>(&mut self, it: impl FnOnce() -> Result<T>) -> Result<T> {
        let began = Instant::now();
        let result = it()?;
        self.push(began.elapsed());
        Ok(result)
    }

    pub(crate) fn push(&mut self, took: Duration) {
        self.0.push(took.as_secs_f64() * 1e3);
    }

    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }

    pub(crate) fn and(&self, other: &Self) -> Self {
        Self([&self.0[..], &other.0].concat())
    }

    /// The time that this part of all took at most; NaN of nothing.
    pub(crate) fn quantile(&self, part: f64) -> f64 {
        let mut sorted = self.0.clone();
        sorted.sort_by(f64::total_cmp);
        let at = (part * sorted.len() as f64).ceil() as usize;
        sorted.get(at.saturating_sub(1)).copied().unwrap_or(f64::NAN)
    }

    /// `p50 / p99` for a cell.
    pub(crate) fn cell(&self) -> String {
        format!("{:.2} / {:.2}", self.quantile(0.5), self.quantile(0.99))
    }
}
