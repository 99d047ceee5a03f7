//! Requests as they end, sent as spans to a collector.
//!
//! Must not know: what a span is made of. A thread reads what Weir tells (`weir tap`), a task
//! sends. Nothing here holds up traffic, and nothing is lost in silence: every request that does
//! not become a span is counted with its reason.
//!
//! Bounds: [`MOST`] spans wait, [`BATCH`] are sent at once.

use std::collections::VecDeque;
use std::future::pending;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use opentelemetry_proto::tonic::collector::trace::v1::{
    ExportTraceServiceRequest, ExportTraceServiceResponse,
};
use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, ScopeSpans, Span};
use prost::Message;
use prost::bytes::Buf;
use tokio::time::timeout;
use weir_client::proto::{Tap, Tapped};

use super::collector::{Collector, Refusal, packed};
use super::common::{resource, scope};
use super::span::Record;
use crate::console::Connection;
use crate::exporter::text::Text;
use crate::output::print_error;

/// Spans that wait to be sent.
const MOST: usize = 8_192;
/// Spans of a report.
const BATCH: usize = 512;
/// Time between two looks at what waits.
const PERIOD: Duration = Duration::from_secs(1);
/// How often a report is sent that might be taken another time.
const ATTEMPTS: u32 = 5;
/// Requests of a worker in a second that are told, at most.
const RATE: u32 = 10_000;

/// What became of requests.
#[derive(Clone, Copy)]
enum Fate {
    Sent,
    /// Their trace is not one of those that are wanted.
    LeftOut,
    /// A worker had more in a second than it tells.
    TooMany,
    /// They came faster than they were read.
    TooFast,
    /// As many spans waited as may.
    QueueFull,
    /// The collector did not take them.
    Refused,
    /// They have no id.
    Garbled,
}

/// In the order of [`Fate`].
const FATES: [&str; 7] =
    ["sent", "sampled_out", "rate", "slow_reader", "queue_full", "refused", "garbled"];

/// Spans on their way.
#[derive(Default)]
pub(crate) struct Traces {
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    waiting: VecDeque<Span>,
    fates: [u64; FATES.len()],
    /// Times that Weir was away: what ended meanwhile is not known.
    gaps: u64,
}

impl Traces {
    /// Begins. Of all traces, the part `ratio` (0 to 1) is sent.
    pub(super) fn start(
        connection: Connection,
        collector: Arc<Collector>,
        ratio: f64,
    ) -> Arc<Self> {
        let traces = Arc::<Self>::default();
        let reader = Arc::clone(&traces);
        thread::spawn(move || reader.read(&connection, ratio));
        let sender = Arc::clone(&traces);
        tokio::spawn(async move { sender.send(&collector).await });
        traces
    }

    /// What became of requests, for Prometheus.
    pub(crate) fn tell(&self, text: &mut Text) {
        self.with(|state| {
            for (fate, count) in FATES.into_iter().zip(state.fates) {
                text.add_counter("weir_exporter_spans_total", &[("outcome", fate)], count);
            }
            text.add_counter("weir_exporter_span_gaps_total", &[], state.gaps);
        });
    }

    fn with<T>(&self, change: impl FnOnce(&mut State) -> T) -> T {
        change(&mut self.state.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn count(&self, fate: Fate, n: u64) {
        self.with(|state| state.fates[fate as usize] += n);
    }

    /// Listens for ever.
    fn read(&self, connection: &Connection, ratio: f64) {
        let wanted = || Tap { json: Some(true), rate: Some(RATE), ..Tap::default() };
        loop {
            let tap = connection.open().and_then(|client| client.tap(wanted()));
            let why = match tap {
                Ok(mut tap) => loop {
                    match tap.next() {
                        Some(Ok(tapped)) => self.take(&tapped, ratio),
                        Some(Err(error)) => break error.to_string(),
                        None => break "Weir has ended".to_owned(),
                    }
                },
                Err(error) => error.to_string(),
            };
            self.with(|state| state.gaps += 1);
            print_error(&format!("weir: no requests are told, asking again: {why}"));
            thread::park_timeout(PERIOD);
        }
    }

    fn take(&self, tapped: &Tapped, ratio: f64) {
        self.count(Fate::TooMany, tapped.left_out);
        self.count(Fate::TooFast, tapped.lost);
        for text in &tapped.records {
            match span(text, ratio) {
                Err(fate) => self.count(fate, 1),
                Ok(span) => self.with(|state| match state.waiting.len() < MOST {
                    true => state.waiting.push_back(span),
                    false => state.fates[Fate::QueueFull as usize] += 1,
                }),
            }
        }
    }

    /// Sends for ever. While nobody takes a report, others wait behind it.
    async fn send(&self, collector: &Collector) {
        loop {
            let batch = self.with(|state| {
                let count = state.waiting.len().min(BATCH);
                state.waiting.drain(..count).collect::<Vec<_>>()
            });
            if batch.is_empty() {
                pause(PERIOD).await;
                continue;
            }
            let count = batch.len() as u64;
            let refused = report(collector, batch).await.min(count);
            self.count(Fate::Refused, refused);
            self.count(Fate::Sent, count - refused);
        }
    }
}

/// How many of them were not taken.
async fn report(collector: &Collector, spans: Vec<Span>) -> u64 {
    let count = spans.len() as u64;
    let body = packed(&request(spans));
    for attempt in 0.. {
        match collector.post("/v1/traces", &body).await {
            Ok(answer) => return rejected(collector, answer),
            Err(Refusal { again: Some(after), .. }) if attempt + 1 < ATTEMPTS => {
                pause(after.max(patience(attempt))).await;
            }
            Err(Refusal { why, .. }) => {
                print_error(&format!("weir: {count} spans for {collector} are lost: {why}"));
                break;
            }
        }
    }
    count
}

fn request(spans: Vec<Span>) -> ExportTraceServiceRequest {
    let scope_spans = vec![ScopeSpans { scope: scope(), spans, ..ScopeSpans::default() }];
    let of_resource =
        ResourceSpans { resource: resource(), scope_spans, ..ResourceSpans::default() };
    ExportTraceServiceRequest { resource_spans: vec![of_resource] }
}

/// Of a report that was taken: spans that were not.
fn rejected(collector: &Collector, answer: impl Buf) -> u64 {
    let answer = ExportTraceServiceResponse::decode(answer).unwrap_or_default();
    let part = answer.partial_success.unwrap_or_default();
    let count = u64::try_from(part.rejected_spans).unwrap_or(0);
    if count > 0 {
        let why = part.error_message;
        print_error(&format!("weir: {count} spans for {collector} are rejected: {why}"));
    }
    count
}

/// Before another attempt: twice as long each time, and not the same for all who wait.
fn patience(attempt: u32) -> Duration {
    PERIOD.saturating_mul(1 << attempt).mul_f64(0.5 + fastrand::f64() / 2.0)
}

async fn pause(time: Duration) {
    let _ = timeout(time, pending::<()>()).await;
}

fn span(text: &str, ratio: f64) -> Result<Span, Fate> {
    let record: Record = serde_json::from_str(text).map_err(|_| Fate::Garbled)?;
    let trace = record.trace().ok_or(Fate::Garbled)?;
    if !is_wanted(trace, ratio) {
        return Err(Fate::LeftOut);
    }
    record.span(trace).ok_or(Fate::Garbled)
}

/// By the last half of its id, which is random: all that sample so choose the same traces.
fn is_wanted(trace: u128, ratio: f64) -> bool {
    ratio >= 1.0 || (trace as u64 as f64) < ratio * u64::MAX as f64
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::exporter::form::Form;
    use crate::exporter::text::tests::whole;

    fn tapped(count: usize) -> Tapped {
        let record = "{\"request\":\"01ARZ3NDEKTSV4RRFFQ69G5FAV\",\"level\":\"info\"}";
        Tapped { records: vec![record.to_owned(); count], ..Tapped::default() }
    }

    #[test]
    fn what_is_lost_is_counted() {
        let traces = Traces::default();
        traces.take(&Tapped { left_out: 3, lost: 4, ..tapped(MOST + 2) }, 1.0);
        traces.take(&Tapped { records: vec!["no record".to_owned()], ..Tapped::default() }, 1.0);
        traces.take(&tapped(5), 0.0);
        let mut text = Text::default();
        traces.tell(&mut text);
        let text = whole(text, Form::Plain);
        let counts = [("rate", 3), ("slow_reader", 4), ("queue_full", 2), ("garbled", 1)];
        for (outcome, count) in counts.into_iter().chain([("sampled_out", 5), ("sent", 0)]) {
            let line = format!("weir_exporter_spans_total{{outcome=\"{outcome}\"}} {count}\n");
            assert!(text.contains(&line), "{line} in {text}");
        }
        assert_eq!(traces.with(|state| state.waiting.len()), MOST);
    }

    #[test]
    fn a_part_of_all_traces_is_wanted() {
        let odd = 0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835_u128;
        let traces = (0..1_000_u128).map(|n| n.wrapping_mul(odd));
        let wanted = traces.filter(|trace| is_wanted(*trace, 0.25)).count();
        assert!((200..300).contains(&wanted), "{wanted}");
        assert!(is_wanted(u128::MAX, 1.0) && !is_wanted(u128::MAX, 0.99));
    }
}
