//! The null forwarder: bytes copied blindly between two sockets, in the style of the worker's loop.
//!
//! It is the floor of what any proxy on this kernel can cost: one `recv` and one `send` a side and
//! nothing else. Every client connection has one connection to the backend.
//!
//! Usage: `null-forwarder LISTEN BACKEND`, both `ip:port`.

use std::io;
use std::net::SocketAddr;
use std::os::fd::AsFd;

use weir_base::{Key, Slab};
use weir_sys::{Epoll, TcpListener, TcpStream};

const CONNECTIONS: usize = 16_384;
const LISTENER: u64 = u64::MAX;
/// In a token beside the key of the pair: the event is about the backend.
const BACK: u64 = 1 << 56;

struct Pair {
    front: TcpStream,
    back: TcpStream,
}

fn main() -> io::Result<()> {
    let mut addresses = std::env::args().skip(1).map(|text| text.parse::<SocketAddr>());
    let (Some(Ok(listen)), Some(Ok(backend))) = (addresses.next(), addresses.next()) else {
        return Err(io::Error::other("usage: null-forwarder LISTEN BACKEND"));
    };
    let listener = TcpListener::bind(listen, 4096)?;
    let mut epoll = Epoll::new(512)?;
    epoll.add_level(listener.as_fd(), LISTENER, true, false)?;
    let mut pairs = Slab::new(CONNECTIONS);
    let mut buffer = vec![0; 65_536];
    loop {
        for index in 0..epoll.wait(None)? {
            let token = epoll.event(index).token;
            if token == LISTENER {
                accept(&listener, backend, &epoll, &mut pairs)?;
            } else if !forward(&pairs, token, &mut buffer) {
                pairs.remove(Key::from_bits(token));
            }
        }
    }
}

fn accept(
    listener: &TcpListener,
    backend: SocketAddr,
    epoll: &Epoll,
    pairs: &mut Slab<Pair>,
) -> io::Result<()> {
    while let Some((front, _)) = listener.accept()? {
        let pair = Pair { front, back: TcpStream::connect(backend)? };
        let Ok(key) = pairs.insert(pair) else { return Ok(()) };
        let Some(pair) = pairs.get(key) else { return Ok(()) };
        epoll.add_edge(pair.front.as_fd(), key.to_bits())?;
        epoll.add_edge(pair.back.as_fd(), key.to_bits() | BACK)?;
    }
    Ok(())
}

/// Copies what there is; false when the pair is over.
fn forward(pairs: &Slab<Pair>, token: u64, buffer: &mut [u8]) -> bool {
    let Some(pair) = pairs.get(Key::from_bits(token)) else { return true };
    let (from, to) = match token & BACK {
        0 => (&pair.front, &pair.back),
        _ => (&pair.back, &pair.front),
    };
    loop {
        let read = match from.read(buffer) {
            Ok(0) => return false,
            Ok(n) => n,
            Err(error) => return error.kind() == io::ErrorKind::WouldBlock,
        };
        if !write_all(to, &buffer[..read]) {
            return false;
        }
        if read < buffer.len() {
            return true;
        }
    }
}

/// The floor needs no back-pressure: a sink that is full is tried again until it takes the bytes.
fn write_all(sink: &TcpStream, mut bytes: &[u8]) -> bool {
    while !bytes.is_empty() {
        match sink.write(bytes) {
            Ok(n) => bytes = &bytes[n..],
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => std::thread::yield_now(),
            Err(_) => return false,
        }
    }
    true
}
