//! Many clients at once, in one thread: each a connection, or one connection after the other.

use std::sync::Arc;
use std::time::{Duration, Instant};

use rustls::{ClientConfig, RootCertStore, SupportedCipherSuite};
use weir_sys::Epoll;

use crate::Result;
use crate::client::{Connection, tls};
use crate::place::HOST;
use crate::server::{Port, Running};

/// How long a round lasts.
const ROUND: Duration = Duration::from_secs(1);

/// What clients do.
#[derive(Clone, Copy)]
pub(crate) struct Load {
    pub(crate) name: &'static str,
    pub(crate) port: Port,
    pub(crate) cipher: SupportedCipherSuite,
    /// Path and size of the body.
    pub(crate) what: (&'static str, usize),
    pub(crate) clients: usize,
    pub(crate) kind: Kind,
}

/// What a connection is for.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Any number of requests.
    Kept,
    /// One request, after a full handshake.
    Full,
    /// One request, with a ticket of the connection before.
    Resumed,
}

/// One of the clients.
struct Client {
    config: Option<Arc<ClientConfig>>,
    connection: Connection,
}

impl Load {
    /// CPU time of a request, in microseconds. The first of every client does not count.
    pub(crate) fn run(&self, proxy: &Running, roots: &RootCertStore) -> Result<f64> {
        let epoll = Epoll::new(self.clients)?;
        let clients = (0..self.clients).map(|_| self.client(proxy, roots));
        let mut clients = clients.collect::<Result<Vec<_>>>()?;
        for (client, token) in clients.iter().zip(0..) {
            client.connection.watch(&epoll, token)?;
        }
        let before = proxy.cpu()?;
        let count = self.repeat(proxy, &mut clients, epoll)?;
        Ok((proxy.cpu()? - before) as f64 / 1e3 / f64::from(count))
    }

    /// Connects and has a first response.
    fn client(&self, proxy: &Running, roots: &RootCertStore) -> Result<Client> {
        let config = match self.port {
            Port::Clear => None,
            _ => Some(tls(roots, self.cipher, self.kind == Kind::Resumed)?),
        };
        let mut connection = self.connect(proxy, config.as_ref())?;
        connection.ask_and_wait(&self.request(), self.what.1)?;
        Ok(Client { config, connection })
    }

    /// Asks for a round's time; how many responses came.
    fn repeat(&self, proxy: &Running, clients: &mut [Client], mut epoll: Epoll) -> Result<u32> {
        let (request, deadline) = (self.request(), Instant::now() + ROUND);
        let mut count = 0;
        for (client, token) in clients.iter_mut().zip(0..) {
            self.ask_again(proxy, client, &epoll, token, &request)?;
        }
        while Instant::now() < deadline {
            for index in 0..epoll.wait(Some(ROUND))? {
                let token = epoll.event(index).token;
                let Some(client) = clients.get_mut(token as usize) else { continue };
                while self.is_over(client)? {
                    count += 1;
                    self.ask_again(proxy, client, &epoll, token, &request)?;
                }
            }
        }
        Ok(count)
    }

    /// Whether the response has come, and all that is expected of its connection.
    fn is_over(&self, client: &mut Client) -> Result<bool> {
        let connection = &mut client.connection;
        if !connection.answered()? {
            return Ok(false);
        }
        if self.kind == Kind::Kept {
            return Ok(true);
        }
        if connection.is_resumed() != (self.kind == Kind::Resumed) {
            return Err("the handshake was of the other kind".into());
        }
        connection.closed()
    }

    fn ask_again(
        &self,
        proxy: &Running,
        client: &mut Client,
        epoll: &Epoll,
        token: u64,
        request: &[u8],
    ) -> Result<()> {
        if self.kind != Kind::Kept {
            client.connection = self.connect(proxy, client.config.as_ref())?;
            client.connection.watch(epoll, token)?;
        }
        client.connection.ask(request, self.what.1)
    }

    fn connect(&self, proxy: &Running, config: Option<&Arc<ClientConfig>>) -> Result<Connection> {
        Connection::new(proxy.server.address(self.port), config, HOST, 64 << 10)
    }

    fn request(&self) -> Vec<u8> {
        let close = if self.kind == Kind::Kept { "" } else { "Connection: close\r\n" };
        format!("GET {} HTTP/1.1\r\nHost: {HOST}\r\n{close}\r\n", self.what.0).into_bytes()
    }
}
