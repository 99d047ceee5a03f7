//! What Weir has measured, asked for when it is needed and kept for a moment.
//!
//! Invariant: however many ask, Weir is asked at most once a second for each form.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use weir_client::Client;
use weir_client::proto::request::RequestType;
use weir_client::proto::response_content::ContentType;
use weir_client::proto::{AggregatedMetrics, MetricDetail, QueryMetricsOptions, SetMetricDetail};

use crate::console::Connection;

/// How long an answer is good.
const FRESH: Duration = Duration::from_secs(1);
/// How long Weir counts for backends when nobody asks any more, in seconds, and when it is asked
/// again to.
const LEASE: u32 = 300;
const RENEWAL: Duration = Duration::from_secs(60);

type Found = Result<Arc<AggregatedMetrics>, String>;

/// Weir, and what it said last.
pub(super) struct Source {
    state: Mutex<State>,
}

struct State {
    connection: Connection,
    client: Option<Client>,
    /// Backends are to be told apart.
    backends: bool,
    /// When that was asked for on this connection.
    leased: Option<Instant>,
    by_worker: Option<(Instant, Found)>,
    together: Option<(Instant, Found)>,
}

impl Source {
    pub(super) fn new(connection: Connection, backends: bool) -> Self {
        let (client, leased, by_worker, together) = (None, None, None, None);
        let state = State { connection, client, backends, leased, by_worker, together };
        Self { state: Mutex::new(state) }
    }

    /// What each worker has measured.
    pub(super) fn by_worker(&self) -> Found {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(found) = fresh(&state.by_worker) {
            return found;
        }
        let found = state.query(true);
        state.by_worker = Some((Instant::now(), found.clone()));
        found
    }

    /// What all workers have measured together.
    pub(super) fn together(&self) -> Found {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(found) = fresh(&state.together) {
            return found;
        }
        let found = state.query(false);
        state.together = Some((Instant::now(), found.clone()));
        found
    }
}

fn fresh(kept: &Option<(Instant, Found)>) -> Option<Found> {
    let (at, found) = kept.as_ref()?;
    (at.elapsed() < FRESH).then(|| found.clone())
}

impl State {
    /// Asks; a connection that has failed is made again by the next question.
    fn query(&mut self, workers: bool) -> Found {
        let found = self.ask(workers);
        if found.is_err() {
            self.client = None;
            self.leased = None;
        }
        found.map(Arc::new)
    }

    fn ask(&mut self, workers: bool) -> Result<AggregatedMetrics, String> {
        let client = match &mut self.client {
            Some(client) => client,
            none => none.insert(self.connection.open().map_err(|error| error.to_string())?),
        };
        if self.backends && self.leased.is_none_or(|at| at.elapsed() > RENEWAL) {
            client.request(lease()).map_err(|error| error.to_string())?;
            self.leased = Some(Instant::now());
        }
        let query = QueryMetricsOptions { workers, ..QueryMetricsOptions::default() };
        let answer = client.request(RequestType::QueryMetrics(query));
        match answer.map_err(|error| error.to_string())?.content {
            Some(ContentType::Metrics(metrics)) => Ok(metrics),
            _ => Err("Weir has answered something else".to_owned()),
        }
    }
}

fn lease() -> RequestType {
    RequestType::SetMetricDetail(SetMetricDetail {
        client_id: format!("exporter-{}", std::process::id()),
        detail: Some(MetricDetail::DetailBackend.into()),
        ttl_seconds: Some(LEASE),
        ..SetMetricDetail::default()
    })
}
