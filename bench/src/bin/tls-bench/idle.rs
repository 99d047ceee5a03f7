//! Memory of idle connections: each has made a handshake and one request, and is kept.

use std::sync::Arc;

use rustls::{ClientConfig, RootCertStore};

use crate::client::{AES, Connection, tls};
use crate::place::{HOST, Place, SMALL};
use crate::report::Report;
use crate::rounds::{HEAD, row, to_better_peer};
use crate::server::{Port, Running, Server};
use crate::{Options, Result};

/// Connections before the first look at memory: code and tables have been touched.
const WARM: usize = 200;
const COUNT: usize = 2_000;
const GOAL: f64 = 12.0;

const NOTES: &str = "\
KiB of memory that the process shares with nobody, per connection: of 2,000 that have made a full \
handshake (ECDSA P-256) and one small request and are kept, in a process that has 200 of them. \
Memory of the kernel is not counted.";

pub(crate) fn measure(_: &Options, report: &mut Report) -> Result<()> {
    crate::keep_to(Some(crate::CLIENTS))?;
    let place = Place::new()?;
    let roots = place.authority.roots()?;
    let _backend = Running::start(Server::Backend, &place)?;
    report.section("Idle connections", NOTES, &HEAD);
    for (name, port) in [("in clear", Port::Clear), ("TLS", Port::Ecdsa)] {
        let mut kib = [0.0; 3];
        for (server, kib) in Server::PROXIES.into_iter().zip(&mut kib) {
            *kib = of(server, port, &place, &roots)? / 1024.0;
        }
        row(report, name, kib, 2, to_better_peer(kib));
        if port != Port::Clear {
            report.at_most("KiB of an idle TLS connection", kib[0], GOAL);
        }
    }
    Ok(())
}

/// Bytes of a connection, of a freshly started proxy.
fn of(server: Server, port: Port, place: &Place, roots: &RootCertStore) -> Result<f64> {
    let proxy = Running::start(server, place)?;
    let config = match port {
        Port::Clear => None,
        _ => Some(tls(roots, AES, false)?),
    };
    let open = |count| -> Result<Vec<Connection>> {
        (0..count).map(|_| connection(server, port, config.as_ref())).collect()
    };
    let _warm = open(WARM)?;
    let before = proxy.private()?;
    let _idle = open(COUNT)?;
    Ok((proxy.private()? - before) / COUNT as f64)
}

fn connection(
    server: Server,
    port: Port,
    config: Option<&Arc<ClientConfig>>,
) -> Result<Connection> {
    let mut connection = Connection::new(server.address(port), config, HOST, 4 << 10)?;
    let request = format!("GET /small HTTP/1.1\r\nHost: {HOST}\r\n\r\n");
    connection.ask_and_wait(request.as_bytes(), SMALL.len())?;
    Ok(connection)
}
