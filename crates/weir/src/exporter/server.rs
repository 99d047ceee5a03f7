//! Connections of HTTP/1.1 for a router.
//!
//! Must not know: what it serves. Bounds: [`MOST`] connections, others wait in the kernel; [`HEAD`]
//! bytes of head; [`PATIENCE`] for a request to come, for a client that takes nothing, and for all
//! to end.

use std::future::pending;
use std::io;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use hyper_util::service::TowerToHyperService;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::timeout;

const MOST: usize = 128;
const HEAD: usize = 16 << 10;
const PATIENCE: Duration = Duration::from_secs(5);
/// Until a connection is accepted again, when none could be.
const PAUSE: Duration = Duration::from_millis(100);

/// A socket that listens.
pub(super) struct Server {
    listener: TcpListener,
    http: http1::Builder,
    places: Arc<Semaphore>,
}

impl Server {
    pub(super) async fn bind(address: SocketAddr) -> io::Result<Self> {
        let listener = TcpListener::bind(address).await?;
        weir_sys::end_when_stuck(&listener, PATIENCE)?;
        let mut http = http1::Builder::new();
        http.timer(TokioTimer::new()).header_read_timeout(PATIENCE).max_header_size(HEAD);
        Ok(Self { listener, http, places: Arc::new(Semaphore::new(MOST)) })
    }

    pub(super) fn address(&self) -> io::Result<SocketAddr> {
        self.listener.local_addr()
    }

    /// Answers until `stop`, and then what was begun.
    pub(super) async fn serve(self, router: Router, stop: impl Future<Output = ()>) {
        let service = TowerToHyperService::new(router);
        let open = GracefulShutdown::new();
        let mut stop = pin!(stop);
        loop {
            let (stream, place) = tokio::select! {
                next = self.next() => next,
                () = &mut stop => break,
            };
            let connection = self.http.serve_connection(TokioIo::new(stream), service.clone());
            let connection = open.watch(connection);
            tokio::spawn(async move {
                // Whatever went wrong, the client asks again.
                let _ = connection.await;
                drop(place);
            });
        }
        drop(self.listener);
        let _ = timeout(PATIENCE, open.shutdown()).await;
    }

    /// The next connection, as soon as there is a place for it.
    async fn next(&self) -> (TcpStream, OwnedSemaphorePermit) {
        loop {
            let place = Arc::clone(&self.places).acquire_owned().await;
            if let (Ok((stream, _)), Ok(place)) = (self.listener.accept().await, place) {
                // Without it, the end of an answer comes later.
                let _ = stream.set_nodelay(true);
                return (stream, place);
            }
            let _ = timeout(PAUSE, pending::<()>()).await;
        }
    }
}
