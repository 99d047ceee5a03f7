//! What is sent to a collector that speaks OTLP over HTTP.
//!
//! * `target`: where that is; `collector`: how it gets there.
//! * `metrics`: what was measured, from time to time. What a collector did not take is not sent
//!   again: sums are cumulative, so that the next report has it all.
//! * `traces`: requests as they end; `span`: what becomes of one. `common`: what both have.

mod collector;
mod common;
mod metrics;
mod span;
mod target;
mod traces;

use std::sync::Arc;
use std::time::Duration;

use crate::console::Connection;
use crate::watch::Source;
use collector::Collector;
pub(crate) use target::{Endpoint, Target, field, fields};
pub(crate) use traces::Traces;

/// What is sent, and to whom.
pub(crate) struct Otlp {
    pub(crate) target: Target,
    /// Between two reports of metrics.
    pub(crate) period: Duration,
    /// Traces are sent, too: this part of all.
    pub(crate) traces: Option<f64>,
}

/// Begins to send; traces, if they are wanted. Must be called on a runtime.
///
/// # Errors
/// A sentence about what cannot be used.
pub(super) fn start(
    otlp: Otlp,
    connection: Connection,
    source: Arc<Source>,
) -> Result<Option<Arc<Traces>>, String> {
    let collector = Arc::new(Collector::new(otlp.target)?);
    tokio::spawn(metrics::report(source, Arc::clone(&collector), otlp.period));
    let traces = otlp.traces.map(|part| Traces::start(connection, collector, part));
    Ok(traces)
}
