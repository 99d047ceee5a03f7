//! What clients do.

use std::io::{Read as _, Write as _};
use std::net::{Shutdown, SocketAddr, TcpStream, UdpSocket};
use std::thread;
use std::time::{Duration, Instant};

use crate::backend::{ANSWER, CHUNK, SEND, SHORT, TAKE};
use crate::server::Server;
use crate::{Error, Result};

const PATIENCE: Duration = Duration::from_secs(20);
/// Connections that each of the clients makes, one after the other.
const CONNECTIONS: usize = 400;
const CLIENTS: usize = 16;
/// Flows of datagrams, datagrams that each has under way, and how often. All of them together fit
/// the buffer of a socket as it is by default, so that none is lost.
const FLOWS: usize = 16;
const WINDOW: usize = 4;
const TURNS: usize = 400;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Download,
    Upload,
    Connections,
    Datagrams,
}

/// One load: so many bytes, or connections, or datagrams, by so many at once.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Load {
    pub(crate) name: &'static str,
    pub(crate) kind: Kind,
    clients: usize,
    /// MiB of a client, or bytes of a datagram.
    size: usize,
}

const fn load(name: &'static str, kind: Kind, clients: usize, size: usize) -> Load {
    Load { name, kind, clients, size }
}

pub(crate) const LOADS: [Load; 7] = [
    load("download, 1 connection", Kind::Download, 1, 255),
    load("download, 10 connections", Kind::Download, 10, 50),
    load("upload, 1 connection", Kind::Upload, 1, 255),
    load("upload, 10 connections", Kind::Upload, 10, 50),
    load("short connections", Kind::Connections, CLIENTS, SHORT),
    load("datagrams of 64 bytes", Kind::Datagrams, FLOWS, 64),
    load("datagrams of 1,200 bytes", Kind::Datagrams, FLOWS, 1_200),
];

/// What was carried.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Carried {
    /// GiB, connections, or datagrams of both directions.
    pub(crate) units: f64,
    pub(crate) took: Duration,
}

impl Load {
    /// Whether the server can do it.
    pub(crate) fn suits(&self, server: Server) -> bool {
        !(self.kind == Kind::Datagrams && server == Server::Haproxy)
    }

    pub(crate) fn run(&self, at: SocketAddr) -> Result<Carried> {
        let begun = Instant::now();
        let units = match self.kind {
            Kind::Datagrams => self.exchange(at)?,
            Kind::Connections => {
                self.at_once(|| (0..CONNECTIONS).try_for_each(|_| ask(at)))?;
                (self.clients * CONNECTIONS) as f64
            }
            Kind::Download => self.at_once(|| download(at, self.size)).map(|()| self.gib())?,
            Kind::Upload => self.at_once(|| upload(at, self.size)).map(|()| self.gib())?,
        };
        Ok(Carried { units, took: begun.elapsed() })
    }

    fn gib(&self) -> f64 {
        (self.clients * self.size) as f64 / 1024.0
    }

    /// All clients do it.
    fn at_once(&self, it: impl Fn() -> std::io::Result<()> + Sync) -> Result<()> {
        thread::scope(|scope| {
            let clients: Vec<_> = (0..self.clients).map(|_| scope.spawn(&it)).collect();
            clients.into_iter().try_for_each(|client| match client.join() {
                Ok(result) => result.map_err(Error::from),
                Err(_) => Err("a client failed".into()),
            })
        })
    }

    /// Datagrams that came back, counted twice.
    fn exchange(&self, at: SocketAddr) -> Result<f64> {
        let flows = (0..self.clients).map(|_| {
            let socket = UdpSocket::bind((at.ip(), 0))?;
            socket.connect(at)?;
            socket.set_read_timeout(Some(Duration::from_millis(100)))?;
            Ok(socket)
        });
        let flows = flows.collect::<Result<Vec<_>>>()?;
        let (sent, mut bytes, mut back) = (vec![7; self.size], [0; 2048], 0);
        for _ in 0..TURNS {
            for flow in &flows {
                for _ in 0..WINDOW {
                    flow.send(&sent)?;
                }
            }
            for flow in &flows {
                let come = (0..WINDOW).take_while(|_| flow.recv(&mut bytes).is_ok());
                back += come.count();
            }
        }
        let all = TURNS * self.clients * WINDOW;
        if back * 100 < all * 99 {
            return Err(format!("{back} of {all} datagrams came back").into());
        }
        Ok(2.0 * back as f64)
    }
}

fn connect(at: SocketAddr, order: [u8; 2]) -> std::io::Result<TcpStream> {
    let mut stream = TcpStream::connect(at)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    let mut head = [0; SHORT];
    head[..2].copy_from_slice(&order);
    stream.write_all(&head)?;
    Ok(stream)
}

/// A short connection: a question, an answer, the end.
fn ask(at: SocketAddr) -> std::io::Result<()> {
    let mut stream = connect(at, [ANSWER, 0])?;
    let mut answer = [0; SHORT];
    stream.read_exact(&mut answer)?;
    match stream.read(&mut answer)? {
        0 => Ok(()),
        _ => Err(std::io::Error::other("more than an answer")),
    }
}

fn download(at: SocketAddr, mib: usize) -> std::io::Result<()> {
    let mut stream = connect(at, [SEND, mib as u8])?;
    let (mut chunk, mut got) = (vec![0; CHUNK], 0);
    loop {
        match stream.read(&mut chunk)? {
            0 if got == mib * CHUNK => return Ok(()),
            0 => return Err(std::io::Error::other("the download is cut short")),
            count => got += count,
        }
    }
}

fn upload(at: SocketAddr, mib: usize) -> std::io::Result<()> {
    let mut stream = connect(at, [TAKE, 0])?;
    let chunk = vec![0; CHUNK];
    (0..mib).try_for_each(|_| stream.write_all(&chunk))?;
    stream.shutdown(Shutdown::Write)?;
    // The other side has read to the end.
    stream.read_exact(&mut [0])
}
