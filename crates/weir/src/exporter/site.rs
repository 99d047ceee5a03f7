//! What is answered at which path.
//!
//! Invariant: Weir is asked one question at a time, in a thread beside the runtime, so whatever
//! needs no answer of Weir does not wait for one. Bounds: [`WAITING`] requests wait for Weir,
//! [`ANSWER`] each; a text is good for [`FRESH`].

use std::convert::Infallible;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use axum::body::{Body, Bytes};
use axum::extract::{Query, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{Html, IntoResponse, Json, Response};
use axum::routing::get;
use axum::{Router, middleware};
use futures_util::stream;
use tokio::sync::Semaphore;
use tokio::task::spawn_blocking;
use tokio::time::timeout;
use tower_http::CompressionLevel;
use tower_http::compression::CompressionLayer;

use super::form::Form;
use super::otlp::Traces;
use super::text::Text;
use crate::watch::{Certificate, Picture, Recent, Seen, Source, Wanted};

/// Certificates that people are shown.
const SHOWN: usize = 10;
/// Requests that wait for an answer of Weir.
const WAITING: usize = 64;
/// How long they wait.
const ANSWER: Duration = Duration::from_secs(30);
/// How long a text is served again.
const FRESH: Duration = Duration::from_secs(1);

/// What the browser is shown.
const PAGE: &str = include_str!("page.html");
/// What the page may do: nothing but ask this server.
const POLICY: &str = "default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; \
                      connect-src 'self'; frame-ancestors 'none'; base-uri 'none'";

/// Where answers come from.
pub(super) struct Site {
    source: Arc<Source>,
    recent: Arc<Recent>,
    traces: Option<Arc<Traces>>,
    /// Who has it asks Weir.
    turn: Arc<Semaphore>,
    places: Semaphore,
    /// The last text in each form, and when it was made.
    texts: Mutex<[Option<(Instant, Pieces)>; 2]>,
}

/// A text.
type Pieces = Arc<[Bytes]>;

/// There is no answer of Weir, and why.
struct Away(String);

impl IntoResponse for Away {
    fn into_response(self) -> Response {
        (StatusCode::SERVICE_UNAVAILABLE, format!("{}\n", self.0)).into_response()
    }
}

/// Everything that is answered.
pub(super) fn router(site: Site) -> Router {
    let compression = CompressionLayer::new().quality(CompressionLevel::Fastest);
    Router::new()
        .route("/", get(async || Html(PAGE)))
        .route("/metrics", get(metrics))
        .route("/health", get(async || "the exporter runs\n"))
        .route("/ready", get(ready))
        .route("/api/picture", get(picture))
        .route("/api/certificates", get(certificates))
        .route("/api/events", get(events))
        .fallback(async || (StatusCode::NOT_FOUND, "there is /, /metrics, /health and /ready\n"))
        .method_not_allowed_fallback(async || {
            (StatusCode::METHOD_NOT_ALLOWED, "only GET is answered here\n")
        })
        .layer(compression)
        .layer(middleware::map_response(with_fields))
        .with_state(Arc::new(site))
}

async fn with_fields(response: Response) -> impl IntoResponse {
    let fields = [
        (header::CACHE_CONTROL, "no-store"),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::CONTENT_SECURITY_POLICY, POLICY),
    ];
    (fields, response)
}

async fn metrics(
    State(site): State<Arc<Site>>,
    fields: HeaderMap,
) -> Result<impl IntoResponse, Away> {
    let accept = fields.get_all(header::ACCEPT).iter().filter_map(|field| field.to_str().ok());
    let form = Form::wanted(accept);
    let text = site.ask(move |site| Ok(site.text(form))).await?;
    let length = text.iter().map(Bytes::len).sum::<usize>();
    let pieces = (0..text.len()).map(move |at| Ok::<_, Infallible>(text[at].clone()));
    let body = Body::from_stream(stream::iter(pieces));
    let fields = [
        (header::CONTENT_TYPE, HeaderValue::from_static(form.media_type())),
        (header::CONTENT_LENGTH, length.into()),
        (header::VARY, HeaderValue::from_static("accept")),
    ];
    Ok((fields, body))
}

async fn ready(State(site): State<Arc<Site>>) -> Result<&'static str, Away> {
    site.ask(|site| site.source.presence()).await?;
    Ok("Weir answers\n")
}

async fn picture(
    State(site): State<Arc<Site>>,
    Query(wanted): Query<Wanted>,
) -> Result<Json<Picture>, Away> {
    let found = site.ask(|site| site.source.picture()).await?;
    Ok(Json(found.of_wanted(&wanted)))
}

async fn certificates(State(site): State<Arc<Site>>) -> Result<Json<Vec<Certificate>>, Away> {
    let found = site.ask(|site| site.source.inventory()).await?;
    Ok(Json(found.first_to_end(SHOWN)))
}

async fn events(State(site): State<Arc<Site>>) -> Json<Vec<Seen>> {
    Json(site.recent.all())
}

impl Site {
    pub(super) fn new(
        source: Arc<Source>,
        recent: Arc<Recent>,
        traces: Option<Arc<Traces>>,
    ) -> Self {
        let (turn, places) = (Arc::new(Semaphore::new(1)), Semaphore::new(WAITING));
        Self { source, recent, traces, turn, places, texts: Mutex::default() }
    }

    /// What comes of a question to Weir.
    async fn ask<T: Send + 'static>(
        self: &Arc<Self>,
        question: impl FnOnce(&Self) -> Result<T, String> + Send + 'static,
    ) -> Result<T, Away> {
        let Ok(_place) = self.places.try_acquire() else {
            return Err(Away(format!("{WAITING} others wait for Weir")));
        };
        let asked = async {
            let turn = Arc::clone(&self.turn).acquire_owned().await;
            let site = Arc::clone(self);
            let asked = spawn_blocking(move || {
                // It lasts as long as the question, even if nobody waits for that any more.
                let _turn = turn;
                question(&site)
            });
            asked.await.unwrap_or_else(|error| Err(error.to_string()))
        };
        let answer = timeout(ANSWER, asked).await;
        let late = |_| Err(format!("Weir has not answered within {} s", ANSWER.as_secs()));
        answer.unwrap_or_else(late).map_err(Away)
    }

    /// All metrics; of Weir, only that it is away if it is.
    fn text(&self, form: Form) -> Pieces {
        let mut texts = self.texts.lock().unwrap_or_else(PoisonError::into_inner);
        for kept in texts.iter_mut() {
            // Its room is needed for the next one.
            kept.take_if(|(at, _)| at.elapsed() >= FRESH);
        }
        let kept = &mut texts[form as usize];
        if let Some((_, text)) = kept {
            return Arc::clone(text);
        }
        let mut text = self.own();
        let found = self.source.by_worker(|part| text.add(part));
        let text = if found.is_ok() { text.up(true) } else { self.own().up(false) };
        let text = Pieces::from(text.finish(form));
        *kept = Some((Instant::now(), Arc::clone(&text)));
        text
    }

    /// What the exporter itself counts.
    fn own(&self) -> Text {
        let mut text = Text::default();
        if let Some(traces) = &self.traces {
            traces.tell(&mut text);
        }
        text
    }
}
