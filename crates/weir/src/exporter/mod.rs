//! The exporter: what Weir has measured, for Prometheus and for people, in a process of its own.
//!
//! Must not know: anything that a client of the control socket cannot ask. It can be killed at any
//! time: traffic does not depend on it.
//!
//! * `otlp`: sends metrics and traces to a collector.
//! * `text`: what Prometheus reads; `page.html`: what people see of the same picture as `weir top`.
//! * `server`: a small HTTP server.

mod otlp;
mod server;
mod text;

use std::net::SocketAddr;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use serde_json::json;

use crate::console::Connection;
use crate::failure::Failure;
use crate::watch::{self, Recent, Source};
pub(crate) use otlp::Endpoint;
use otlp::Traces;
use server::{Answer, Server};

/// Certificates that people are shown.
const SHOWN: usize = 10;

/// What the browser is shown.
const PAGE: &str = include_str!("page.html");

/// Where answers come from.
struct Exporter {
    source: Source,
    recent: Arc<Recent>,
    traces: Option<Arc<Traces>>,
}

/// What is asked of the exporter.
pub(crate) struct Options {
    /// Where to listen.
    pub(crate) listen: SocketAddr,
    /// Backends are told apart.
    pub(crate) backends: bool,
    /// Where metrics are sent, and how often.
    pub(crate) otlp: Option<(Endpoint, Duration)>,
    /// Traces are sent there, too: this part of all.
    pub(crate) traces: Option<f64>,
}

/// Serves until the process is ended; `on_ready` is told the address.
pub(crate) fn run(
    connection: Connection,
    options: Options,
    on_ready: impl FnOnce(SocketAddr),
) -> Result<(), Failure> {
    let address = options.listen;
    let server = Server::bind(address).map_err(|cause| Failure::Exporter { address, cause })?;
    on_ready(server.address());
    let recent = watch::listen(connection.clone());
    let endpoint = options.otlp.as_ref().map(|(endpoint, _)| endpoint.clone());
    let traces = endpoint.zip(options.traces);
    let traces = traces.map(|(endpoint, ratio)| Traces::start(connection.clone(), endpoint, ratio));
    let source = Source::new(connection, options.backends);
    let exporter = Arc::new(Exporter { source, recent, traces });
    if let Some((endpoint, period)) = options.otlp {
        let exporter = Arc::clone(&exporter);
        thread::spawn(move || otlp::report(&exporter, &endpoint, period));
    }
    server.serve(move |path| exporter.answer(path));
    Ok(())
}

impl Exporter {
    fn answer(&self, path: &str) -> Answer {
        match path {
            "/" => Answer::html(PAGE),
            "/metrics" => {
                let found = self.source.by_worker().ok();
                let mut all = text::of(found.as_ref().map(|sample| &sample.metrics));
                all.extend(self.traces.as_ref().map(|traces| traces.text()));
                Answer::metrics(all)
            }
            "/health" => Answer::text(200, "the exporter runs\n"),
            "/ready" => match self.source.by_worker() {
                Ok(_) => Answer::text(200, "Weir answers\n"),
                Err(why) => Answer::text(503, &format!("{why}\n")),
            },
            "/api/picture" => Answer::found(self.source.picture()),
            "/api/certificates" => {
                Answer::found(self.source.inventory().map(|found| found.first_to_end(SHOWN)))
            }
            "/api/events" => Answer::json(&json!(self.recent.all())),
            _ => Answer::text(404, "there is /, /metrics, /health and /ready\n"),
        }
    }
}
