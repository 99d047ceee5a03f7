//! User memory of idle connections: each has carried one request and is kept.

use std::io::{self, Read as _, Write as _};
use std::net::TcpStream;
use std::time::Duration;

use crate::place::{Place, SMALL};
use crate::running::Running;
use crate::server::{PerProxy, Server};

/// Connections before the first look at memory: code and tables have been touched.
const WARM: usize = 100;
const PATIENCE: Duration = Duration::from_secs(10);

/// Bytes of resident memory per idle connection, of a freshly started proxy.
pub(crate) fn measure(place: &Place) -> io::Result<PerProxy> {
    let mut bytes = [0.0; 4];
    for (server, bytes) in Server::PROXIES.into_iter().zip(&mut bytes) {
        eprintln!("idle connections: {}", server.name());
        let proxy = Running::start(server, place)?;
        let _warm = open(server, WARM)?;
        let before = proxy.resident()?;
        let _idle = open(server, place.idle_connections)?;
        *bytes = (proxy.resident()? - before) * 1024.0 / place.idle_connections as f64;
    }
    Ok(bytes)
}

fn open(server: Server, count: usize) -> io::Result<Vec<TcpStream>> {
    (0..count).map(|_| connection(server)).collect()
}

fn connection(server: Server) -> io::Result<TcpStream> {
    let mut stream = TcpStream::connect(server.address())?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.write_all(b"GET /small HTTP/1.1\r\nHost: bench\r\n\r\n")?;
    let mut response = Vec::new();
    let mut buffer = [0; 1024];
    while !response.ends_with(SMALL.as_bytes()) {
        let read = stream.read(&mut buffer)?;
        if read == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        response.extend_from_slice(&buffer[..read]);
    }
    Ok(stream)
}
