//! Many clients at once: each a thread with a connection, or one connection after the other.

use std::sync::{Arc, Barrier};
use std::time::{Duration, Instant};

use rustls::{ClientConfig, RootCertStore, SupportedCipherSuite};

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

/// When all clients begin, when all have ended, and when the measuring is over.
struct Gates {
    begin: Barrier,
    end: Barrier,
    leave: Barrier,
}

impl Load {
    /// CPU time of a request, in microseconds.
    pub(crate) fn run(&self, proxy: &Running, roots: &RootCertStore) -> Result<f64> {
        let gate = || Barrier::new(self.clients + 1);
        let gates = Gates { begin: gate(), end: gate(), leave: gate() };
        let (cpu, asked) = std::thread::scope(|scope| {
            let client = || self.client(proxy, roots, &gates).map_err(|error| error.to_string());
            let clients: Vec<_> = (0..self.clients).map(|_| scope.spawn(client)).collect();
            gates.begin.wait();
            let before = proxy.cpu();
            gates.end.wait();
            let after = proxy.cpu();
            gates.leave.wait();
            let mut asked = Vec::new();
            for client in clients {
                asked.push(client.join().unwrap_or_else(|_| Err("a client panicked".into())));
            }
            ((before, after), asked)
        });
        let mut requests = 0;
        for count in asked {
            requests += count.map_err(|error| format!("{}: {error}", self.name))?;
        }
        Ok((cpu.1? - cpu.0?) as f64 / 1e3 / f64::from(requests))
    }

    /// One client, from its first request, which does not count, on; how many counted.
    fn client(&self, proxy: &Running, roots: &RootCertStore, gates: &Gates) -> Result<u32> {
        let mut first = self.begin(proxy, roots);
        gates.begin.wait();
        let counted = match &mut first {
            Ok((config, connection)) => self.repeat(proxy, config.as_ref(), connection),
            Err(_) => Ok(0),
        };
        gates.end.wait();
        // Connections are closed when nobody looks any more.
        gates.leave.wait();
        first?;
        counted
    }

    fn begin(
        &self,
        proxy: &Running,
        roots: &RootCertStore,
    ) -> Result<(Option<Arc<ClientConfig>>, Connection)> {
        let config = match self.port {
            Port::Clear => None,
            _ => Some(tls(roots, self.cipher, self.kind == Kind::Resumed)?),
        };
        let mut connection = self.connect(proxy, config.as_ref())?;
        connection.ask(&self.request(), self.what.1)?;
        Ok((config, connection))
    }

    fn repeat(
        &self,
        proxy: &Running,
        config: Option<&Arc<ClientConfig>>,
        kept: &mut Connection,
    ) -> Result<u32> {
        let (request, deadline) = (self.request(), Instant::now() + ROUND);
        let mut count = 0;
        while Instant::now() < deadline {
            if self.kind == Kind::Kept {
                kept.ask(&request, self.what.1)?;
            } else {
                let mut connection = self.connect(proxy, config)?;
                connection.ask(&request, self.what.1)?;
                connection.drain()?;
                if connection.is_resumed() != (self.kind == Kind::Resumed) {
                    return Err("the handshake was of the other kind".into());
                }
            }
            count += 1;
        }
        Ok(count)
    }

    fn connect(&self, proxy: &Running, config: Option<&Arc<ClientConfig>>) -> Result<Connection> {
        Connection::new(proxy.server.address(self.port), config, HOST, 64 << 10)
    }

    fn request(&self) -> Vec<u8> {
        let close = if self.kind == Kind::Kept { "" } else { "Connection: close\r\n" };
        format!("GET {} HTTP/1.1\r\nHost: {HOST}\r\n{close}\r\n", self.what.0).into_bytes()
    }
}
