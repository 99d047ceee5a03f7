//! What is sent to a collector that speaks OTLP over HTTP.
//!
//! * `metrics`: what was measured, from time to time. What a collector did not take is not sent
//!   again: sums are cumulative, so that the next report has it all.
//! * `traces`: requests as they end; `span`: what becomes of one.
//! * `message`: what it looks like; `post`: how it is sent.

mod message;
mod metrics;
mod post;
mod span;
mod traces;

use std::thread;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use metrics::Report;
use prost::Message;

use crate::output::print_error;
use crate::watch::Source;
pub(crate) use post::Endpoint;
pub(crate) use traces::Traces;

/// Reports every `period`, for ever.
pub(super) fn report(source: &Source, endpoint: &Endpoint, period: Duration) {
    let mut trouble = None;
    loop {
        let now = once(source, endpoint).err();
        // Each change is said once.
        if now.is_some() != trouble.is_some() {
            let why = now.clone().unwrap_or_else(|| "it takes them again".to_owned());
            print_error(&format!("weir: metrics for {endpoint}: {why}"));
        }
        trouble = now;
        thread::park_timeout(period);
    }
}

fn once(source: &Source, endpoint: &Endpoint) -> Result<(), String> {
    let passed = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let unix_ns = u64::try_from(passed.as_nanos()).unwrap_or(u64::MAX);
    let mut report = Report::new(unix_ns);
    source.by_worker(|part| report.add(part))?;
    let body = report.finish().encode_to_vec();
    endpoint.post("/v1/metrics", &body).map_err(|error| error.to_string())
}
