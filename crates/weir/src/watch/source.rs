//! What Weir has measured, asked for when it is needed and kept for a moment.
//!
//! Invariant: however many ask for a picture, Weir is asked at most once a second; for what is
//! configured, once in [`CONFIGURED`]. What each worker has measured is not kept.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use weir_client::Client;
use weir_client::proto::request::RequestType;
use weir_client::proto::response_content::ContentType;
use weir_client::proto::{AggregatedMetrics, MetricDetail, QueryMetricsOptions, SetMetricDetail};

use super::inventory::{self, Inventory};
use super::picture::{self, Picture};
use crate::console::Connection;

/// How long an answer is good, and why there was none.
const FRESH: Duration = Duration::from_secs(1);
/// How long what is configured is good.
const CONFIGURED: Duration = Duration::from_secs(30);
/// Age of an answer that is too old to make rates with.
const STALE: Duration = Duration::from_secs(60);
/// How long Weir counts for backends when nobody asks any more, in seconds, and when it is asked
/// again to.
const LEASE: u32 = 300;
const RENEWAL: Duration = Duration::from_secs(60);

/// What all workers have measured together, and when that was.
struct Sample {
    at: Instant,
    metrics: AggregatedMetrics,
}

type Found<T> = Result<Arc<T>, String>;
/// When it was found.
type Kept<T> = Option<(Instant, Found<T>)>;

/// Weir, and what it said last.
pub(crate) struct Source {
    state: Mutex<State>,
}

struct State {
    connection: Connection,
    client: Option<Client>,
    /// Backends are to be told apart.
    backends: bool,
    /// When that was asked for on this connection.
    leased: Option<Instant>,
    presence: Kept<()>,
    picture: Kept<Picture>,
    inventory: Kept<Inventory>,
    /// What it was made of.
    sample: Option<Sample>,
}

impl Source {
    /// `backends`: they are told apart.
    pub(crate) fn new(connection: Connection, backends: bool) -> Self {
        Self {
            state: Mutex::new(State {
                connection,
                client: None,
                backends,
                leased: None,
                presence: None,
                picture: None,
                sample: None,
                inventory: None,
            }),
        }
    }

    /// Hands over what each worker has measured, page by page. Of an answer that fails, there may
    /// be a part.
    pub(crate) fn by_worker(&self, mut take: impl FnMut(&AggregatedMetrics)) -> Result<(), String> {
        self.with(|state| state.each_page(by_worker(), |page| take(&page)))
    }

    /// Whether Weir and all its workers answer.
    pub(crate) fn presence(&self) -> Result<(), String> {
        self.with(State::presence).map(|_| ())
    }

    /// What all workers have measured together comes to.
    pub(crate) fn picture(&self) -> Found<Picture> {
        self.with(State::picture)
    }

    /// What is configured.
    pub(crate) fn inventory(&self) -> Found<Inventory> {
        self.with(State::inventory)
    }

    fn with<T>(&self, ask: impl FnOnce(&mut State) -> T) -> T {
        ask(&mut self.state.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

fn fresh<T>(kept: &Kept<T>, good_for: Duration) -> Option<Found<T>> {
    let (at, found) = kept.as_ref()?;
    let good_for = if found.is_ok() { good_for } else { FRESH };
    (at.elapsed() < good_for).then(|| found.clone())
}

impl State {
    fn presence(&mut self) -> Found<()> {
        if let Some(found) = fresh(&self.presence, FRESH) {
            return found;
        }
        let found = self.query(presence()).map(|_| Arc::new(()));
        self.presence = Some((Instant::now(), found.clone()));
        found
    }

    fn picture(&mut self) -> Found<Picture> {
        if let Some(found) = fresh(&self.picture, FRESH) {
            return found;
        }
        let found = self.look();
        self.picture = Some((Instant::now(), found.clone()));
        found
    }

    fn look(&mut self) -> Found<Picture> {
        let metric_names = picture::names();
        let query = QueryMetricsOptions { metric_names, ..QueryMetricsOptions::default() };
        let metrics = self.query(query)?;
        let now = Sample { at: Instant::now(), metrics };
        let passed = |before: Sample| (now.at.duration_since(before.at), before.metrics);
        let before = self.sample.take().map(passed).filter(|(passed, _)| *passed < STALE);
        let before = before.as_ref().map(|(passed, metrics)| (metrics, passed.as_secs_f64()));
        let picture = Picture::of(&now.metrics, before);
        self.sample = Some(now);
        Ok(Arc::new(picture))
    }

    fn inventory(&mut self) -> Found<Inventory> {
        if let Some(found) = fresh(&self.inventory, CONFIGURED) {
            return found;
        }
        let found = self.ask_for_inventory().map(Arc::new);
        self.inventory = Some((Instant::now(), found.clone()));
        found
    }

    fn ask_for_inventory(&mut self) -> Result<Inventory, String> {
        let mut inventory = Inventory::default();
        for request in inventory::requests() {
            self.request(request, |content| Ok(inventory.add(content)))?;
        }
        Ok(inventory)
    }

    /// All pages together.
    fn query(&mut self, query: QueryMetricsOptions) -> Result<AggregatedMetrics, String> {
        let mut metrics = AggregatedMetrics::default();
        self.each_page(query, |page| metrics.append(page))?;
        Ok(metrics)
    }

    fn each_page(
        &mut self,
        query: QueryMetricsOptions,
        mut take: impl FnMut(AggregatedMetrics),
    ) -> Result<(), String> {
        self.request(RequestType::QueryMetrics(query), |content| match content {
            ContentType::Metrics(metrics) => {
                take(metrics);
                Ok(true)
            }
            _ => Err("Weir has answered something else".to_owned()),
        })
    }

    /// Asks for each page, until `take` wants no more; a connection that has failed is made again
    /// by the next question.
    fn request(
        &mut self,
        request: RequestType,
        take: impl FnMut(ContentType) -> Result<bool, String>,
    ) -> Result<(), String> {
        let asked = self.ask(request, take);
        if asked.is_err() {
            self.client = None;
            self.leased = None;
        }
        asked
    }

    fn ask(
        &mut self,
        request: RequestType,
        mut take: impl FnMut(ContentType) -> Result<bool, String>,
    ) -> Result<(), String> {
        let client = match &mut self.client {
            Some(client) => client,
            none => none.insert(self.connection.open().map_err(|error| error.to_string())?),
        };
        if self.backends && self.leased.is_none_or(|at| at.elapsed() > RENEWAL) {
            client.request(lease()).map_err(|error| error.to_string())?;
            self.leased = Some(Instant::now());
        }
        for page in client.pages(request) {
            let content = page.map_err(|error| error.to_string())?.content;
            let content = content.ok_or("Weir has answered without a content")?;
            if !take(content)? {
                break;
            }
        }
        Ok(())
    }
}

fn by_worker() -> QueryMetricsOptions {
    QueryMetricsOptions { workers: true, ..QueryMetricsOptions::default() }
}

/// What every worker can say at once.
fn presence() -> QueryMetricsOptions {
    let metric_names = vec!["server.live".to_owned()];
    QueryMetricsOptions { metric_names, no_clusters: true, ..QueryMetricsOptions::default() }
}

fn lease() -> RequestType {
    RequestType::SetMetricDetail(SetMetricDetail {
        client_id: format!("watch-{}", std::process::id()),
        detail: Some(MetricDetail::DetailBackend.into()),
        ttl_seconds: Some(LEASE),
        ..SetMetricDetail::default()
    })
}
