//! The exporter: what Weir has measured, for Prometheus and for people, in a process of its own.
//!
//! Must not know: anything that a client of the control socket cannot ask. It can be killed at any
//! time: traffic does not depend on it.
//!
//! * `text`: what Prometheus reads; `page.html`: what people see of the same picture as `weir top`.
//! * `server`: a small HTTP server.

mod server;
mod text;

use std::net::SocketAddr;
use std::sync::Arc;

use serde_json::json;

use crate::console::Connection;
use crate::failure::Failure;
use crate::watch::{self, Recent, Source};
use server::{Answer, Server};

/// Certificates that people are shown.
const SHOWN: usize = 10;

/// What the browser is shown.
const PAGE: &str = include_str!("page.html");

/// Where answers come from.
struct Exporter {
    source: Source,
    recent: Arc<Recent>,
}

/// Serves until the process is ended; `on_ready` is told the address.
pub(crate) fn run(
    connection: Connection,
    listen: SocketAddr,
    backends: bool,
    on_ready: impl FnOnce(SocketAddr),
) -> Result<(), Failure> {
    let server =
        Server::bind(listen).map_err(|cause| Failure::Exporter { address: listen, cause })?;
    on_ready(server.address());
    let recent = watch::listen(connection.clone());
    let exporter = Exporter { source: Source::new(connection, backends), recent };
    server.serve(move |path| exporter.answer(path));
    Ok(())
}

impl Exporter {
    fn answer(&self, path: &str) -> Answer {
        match path {
            "/" => Answer::html(PAGE),
            "/metrics" => {
                let found = self.source.by_worker().ok();
                Answer::metrics(text::of(found.as_ref().map(|sample| &sample.metrics)))
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
