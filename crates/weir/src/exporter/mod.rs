//! The exporter: what Weir has measured, for Prometheus and for people, in a process of its own.
//!
//! Must not know: anything that a client of the control socket cannot ask. It can be killed at any
//! time: traffic does not depend on it. Only here is a runtime (tokio, on one thread).
//!
//! * `otlp`: sends metrics and traces to a collector.
//! * `text`: what Prometheus reads, in one of the `form`s; `page.html`: what people see of the same
//!   picture as `weir top`.
//! * `site`: what is answered; `server`: whom.

mod form;
mod otlp;
mod server;
mod site;
mod text;

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use tokio::runtime::Builder;
use tokio::signal::unix::{SignalKind, signal};

use crate::console::Connection;
use crate::failure::Failure;
use crate::watch::{self, Source};
pub(crate) use otlp::{Endpoint, Otlp, Target, field, fields};
use server::Server;
use site::Site;

/// What is asked of the exporter.
pub(crate) struct Options {
    /// Where to listen.
    pub(crate) listen: SocketAddr,
    /// Backends are told apart.
    pub(crate) backends: bool,
    /// What is sent to a collector.
    pub(crate) otlp: Option<Otlp>,
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
    let served = runtime.block_on(serve(connection, options, on_ready));
    // Nobody waits for a question that Weir does not answer.
    runtime.shutdown_background();
    served
}

async fn serve(
    connection: Connection,
    options: Options,
    on_ready: impl FnOnce(SocketAddr),
) -> Result<(), Failure> {
    let address = options.listen;
    let listening = async {
        let server = Server::bind(address).await?;
        Ok((server.address()?, server, told_to_end()?))
    };
    let (address, server, stop) =
        listening.await.map_err(|cause| Failure::Exporter { address, cause })?;
    let source = Arc::new(Source::new(connection.clone(), options.backends));
    let start = |otlp| otlp::start(otlp, connection.clone(), Arc::clone(&source));
    let traces = options.otlp.map(start).transpose().map_err(Failure::Arguments)?.flatten();
    on_ready(address);
    let recent = watch::listen(connection);
    server.serve(site::router(Site::new(source, recent, traces)), stop).await;
    Ok(())
}

/// Ends with SIGTERM or SIGINT.
fn told_to_end() -> io::Result<impl Future<Output = ()>> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    Ok(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
    })
}
