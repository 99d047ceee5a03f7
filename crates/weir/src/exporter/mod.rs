//! The exporter: what Weir has measured, for Prometheus and for people, in a process of its own.
//!
//! Must not know: anything that a client of the control socket cannot ask. It can be killed at any
//! time: traffic does not depend on it. Only here is a runtime (tokio, on one thread).
//!
//! * `otlp`: sends metrics and traces to a collector.
//! * `text`: what Prometheus reads; `page.html`: what people see of the same picture as `weir top`.
//! * `site`: what is answered; `server`: whom.

mod otlp;
mod server;
mod site;
mod text;

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use tokio::runtime::Builder;
use tokio::signal::unix::{SignalKind, signal};

use crate::console::Connection;
use crate::failure::Failure;
use crate::watch::{self, Source};
pub(crate) use otlp::Endpoint;
use otlp::Traces;
use server::Server;
use site::Site;

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

/// Serves until SIGTERM or SIGINT; `on_ready` is told the address.
pub(crate) fn run(
    connection: Connection,
    options: Options,
    on_ready: impl FnOnce(SocketAddr),
) -> Result<(), Failure> {
    let address = options.listen;
    let fail = |cause| Failure::Exporter { address, cause };
    let runtime = Builder::new_current_thread().enable_io().enable_time().build().map_err(fail)?;
    let served = runtime.block_on(serve(connection, options, on_ready)).map_err(fail);
    // Nobody waits for a question that Weir does not answer.
    runtime.shutdown_background();
    served
}

async fn serve(
    connection: Connection,
    options: Options,
    on_ready: impl FnOnce(SocketAddr),
) -> io::Result<()> {
    let (mut terminate, mut interrupt) =
        (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
    let stop = async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
    };
    let server = Server::bind(options.listen).await?;
    on_ready(server.address()?);
    let recent = watch::listen(connection.clone());
    let endpoint = options.otlp.as_ref().map(|(endpoint, _)| endpoint.clone());
    let traces = endpoint.zip(options.traces);
    let traces = traces.map(|(endpoint, ratio)| Traces::start(connection.clone(), endpoint, ratio));
    let source = Arc::new(Source::new(connection, options.backends));
    if let Some((endpoint, period)) = options.otlp {
        let source = Arc::clone(&source);
        thread::spawn(move || otlp::report(&source, &endpoint, period));
    }
    server.serve(site::router(Site::new(source, recent, traces)), stop).await;
    Ok(())
}
