//! Memory of connections that are kept after a request, and of streams that wait for an answer.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::mpsc::{self, Receiver};
use std::thread;
use std::time::Duration;

use crate::Result;
use crate::place::{Place, silent};
use crate::report::Report;
use crate::rounds::{HEAD, PerProxy, row};
use crate::server::{Running, Server};

/// Connections before the first look at memory: code and tables have been touched.
const WARM: usize = 100;
const IDLE: usize = 1_000;
/// Connections with streams, and streams of each.
const BUSY: usize = 10;
const STREAMS: u32 = 100;
const PATIENCE: Duration = Duration::from_secs(10);
/// The last frame of a stream has been sent.
const END_STREAM: u8 = 1;

const NOTES: &str = "KiB of memory that the process shares with nobody, per connection in clear. \
Idle: of 1,000 that have made one small request, in a process that has 100 of them. With streams: \
of 10, each with 100 requests that a backend with HTTP/1.1 has got and does not answer, in the \
same process; the kernel's memory is not counted.";

pub(crate) fn measure(report: &mut Report) -> Result<()> {
    let place = Place::new()?;
    let _backend = Running::start(Server::Backend, &place)?;
    let listener = TcpListener::bind(silent())?;
    let (tell, come) = mpsc::channel();
    thread::spawn(move || listener.incoming().flatten().try_for_each(|stream| tell.send(stream)));
    let (mut idle, mut busy): (PerProxy, PerProxy) = ([f64::NAN; 4], [f64::NAN; 4]);
    for (at, server) in Server::PROXIES.into_iter().enumerate() {
        match of(server, &place, &come) {
            Ok(kib) => [idle[at], busy[at]] = kib,
            Err(error) => report.problem(format!("{}, memory: {error}", server.name())),
        }
    }
    report.section("Memory", NOTES, &HEAD);
    row(report, "idle", idle);
    row(report, "with 100 open streams", busy);
    report.at_most("KiB of an idle connection", idle[0], 16.0);
    report.at_most("KiB of one with 100 open streams", busy[0], 64.0);
    Ok(())
}

fn of(server: Server, place: &Place, come: &Receiver<TcpStream>) -> Result<[f64; 2]> {
    let proxy = Running::start(server, place)?;
    let mut kept = Vec::new();
    for _ in 0..WARM {
        kept.push(asked(server.clear())?);
    }
    let warm = proxy.private()?;
    for _ in 0..IDLE {
        kept.push(asked(server.clear())?);
    }
    let idle = proxy.private()?;
    for _ in 0..BUSY {
        let mut stream = greeted(server.clear())?;
        for number in 0..STREAMS {
            stream.write_all(&request(2 * number + 1, b"silent.bench.example"))?;
        }
        kept.push(stream);
    }
    for _ in 0..BUSY * STREAMS as usize {
        kept.push(come.recv_timeout(PATIENCE)?);
    }
    let busy = proxy.private()?;
    let kib = |bytes: f64, count: usize| bytes / 1024.0 / count as f64;
    Ok([kib(idle - warm, IDLE), kib(busy - idle, BUSY)])
}

/// A connection that has got a response.
fn asked(address: SocketAddr) -> Result<TcpStream> {
    let mut stream = greeted(address)?;
    stream.write_all(&request(1, b"h1.bench.example"))?;
    loop {
        let mut header = [0; 9];
        stream.read_exact(&mut header)?;
        let [_, high, low, _, flags, .., number] = header;
        stream.read_exact(&mut vec![0; usize::from(u16::from_be_bytes([high, low]))])?;
        if number == 1 && flags & END_STREAM != 0 {
            return Ok(stream);
        }
    }
}

/// A connection that has sent the preface and empty SETTINGS.
fn greeted(address: SocketAddr) -> Result<TcpStream> {
    let mut stream = TcpStream::connect(address)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.write_all(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0")?;
    Ok(stream)
}

/// HEADERS of a GET of `/small`, in literals alone.
fn request(number: u32, host: &[u8]) -> Vec<u8> {
    let mut block = b"\x82\x86\x04\x06/small\x01".to_vec();
    block.push(host.len() as u8);
    block.extend_from_slice(host);
    let mut frame = vec![0, 0, block.len() as u8, 1, 4 | END_STREAM];
    frame.extend(number.to_be_bytes());
    frame.extend(block);
    frame
}
