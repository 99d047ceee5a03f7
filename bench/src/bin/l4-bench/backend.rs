//! The other side: a server of TCP that does what the first byte says, and one of UDP that sends
//! everything back.

use std::io::{Read as _, Result, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::thread;

use crate::proxy::local;

/// Connections that are served at once.
const THREADS: usize = 64;

/// Send so many MiB (the second byte), to be read.
pub(crate) const SEND: u8 = 1;
/// Read to the end, then answer with a byte.
pub(crate) const TAKE: u8 = 2;
/// Answer with [`SHORT`] bytes.
pub(crate) const ANSWER: u8 = 3;
/// Bytes of a short answer, and of the question.
pub(crate) const SHORT: usize = 64;

/// What is sent or read at once.
pub(crate) const CHUNK: usize = 1 << 20;

/// Where both listen.
pub(crate) fn address() -> SocketAddr {
    local(19_400)
}

/// Serves for as long as this process lives.
pub(crate) fn start() -> Result<()> {
    let listener = TcpListener::bind(address())?;
    for _ in 0..THREADS {
        let listener = listener.try_clone()?;
        thread::spawn(move || {
            let mut chunk = vec![0; CHUNK];
            for stream in listener.incoming().flatten() {
                // A connection that fails is its client's business.
                let _ = serve(stream, &mut chunk);
            }
        });
    }
    let socket = UdpSocket::bind(address())?;
    thread::spawn(move || {
        let mut bytes = [0; 2048];
        loop {
            // What was sent to who is gone is an error of the next call.
            if let Ok((count, from)) = socket.recv_from(&mut bytes) {
                let _ = socket.send_to(&bytes[..count], from);
            }
        }
    });
    Ok(())
}

fn serve(mut stream: TcpStream, chunk: &mut [u8]) -> Result<()> {
    let mut head = [0; SHORT];
    stream.read_exact(&mut head)?;
    match head[0] {
        SEND => {
            for _ in 0..head[1] {
                stream.write_all(&chunk[..CHUNK])?;
            }
            Ok(())
        }
        TAKE => {
            while stream.read(chunk)? > 0 {}
            stream.write_all(&[0])
        }
        _ => stream.write_all(&head),
    }
}
