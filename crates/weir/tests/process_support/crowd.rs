//! Many client connections that never wait for each other.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};

use weir_testkit::process::PATIENCE;

/// Clients of one proxy.
pub(crate) struct Crowd {
    streams: Vec<TcpStream>,
}

impl Crowd {
    /// That many connections.
    pub(crate) fn connect(address: SocketAddr, count: usize) -> Self {
        let streams = (0..count).map(|_| {
            let stream = TcpStream::connect(address).expect("connected");
            stream.set_nonblocking(true).expect("set");
            stream
        });
        Self { streams: streams.collect() }
    }

    /// The connections from that one on.
    pub(crate) fn split_off(&mut self, at: usize) -> Self {
        Self { streams: self.streams.split_off(at) }
    }

    /// Takes the others in.
    pub(crate) fn join(&mut self, mut others: Self) {
        self.streams.append(&mut others.streams);
    }

    /// Does something with each, one after the other, waiting for what it takes.
    pub(crate) fn each(&mut self, mut act: impl FnMut(&mut TcpStream)) {
        for stream in &mut self.streams {
            stream.set_nonblocking(false).expect("set");
            stream.set_read_timeout(Some(PATIENCE)).expect("set");
            act(stream);
            stream.set_nonblocking(true).expect("set");
        }
    }

    /// Everybody closes the connection with a reset.
    pub(crate) fn reset(self) {
        self.streams.into_iter().for_each(weir_testkit::tcp::reset);
    }

    /// Everybody says the same, which the kernel takes at once.
    pub(crate) fn say(&mut self, bytes: &[u8]) {
        for stream in &mut self.streams {
            stream.write_all(bytes).expect("the kernel has room");
        }
    }

    /// Everybody repeats `bytes`, up to `most` of them each, as long as anybody's are taken.
    pub(crate) fn pour(&mut self, bytes: &[u8], most: usize) {
        let mut sent = vec![0; self.streams.len()];
        let mut moved = true;
        while std::mem::take(&mut moved) {
            for (stream, sent) in self.streams.iter_mut().zip(&mut sent) {
                let rest = &bytes[*sent % bytes.len()..];
                match stream.write(&rest[..rest.len().min(most - *sent)]) {
                    Ok(n) => {
                        *sent += n;
                        moved |= n > 0;
                    }
                    Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                    Err(error) => panic!("cut after {sent} bytes: {error}"),
                }
            }
        }
    }
}

/// Reads a response with a length: its head and its body.
pub(crate) fn response(stream: &mut TcpStream) -> (String, Vec<u8>) {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        stream.read_exact(&mut byte).expect("more of a head");
        head.push(byte[0]);
    }
    let head = String::from_utf8(head).expect("text");
    let lower = head.to_ascii_lowercase();
    let (_, length) = lower.split_once("content-length: ").expect("a length");
    let length = length.lines().next().and_then(|text| text.parse().ok()).expect("a number");
    let mut body = vec![0; length];
    stream.read_exact(&mut body).expect("the body");
    (head, body)
}
