//! A backend that reads a body to its end before it answers: nginx answers at once.

use std::io::{BufRead as _, BufReader, Read as _, Result, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::thread;

use crate::proxy::local;

/// Where it listens.
pub(crate) fn address() -> SocketAddr {
    local(19_303)
}

/// Serves for as long as this process lives.
pub(crate) fn start() -> Result<()> {
    let listener = TcpListener::bind(address())?;
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            // A connection that ends ends its thread.
            thread::spawn(move || serve(&stream));
        }
    });
    Ok(())
}

fn serve(stream: &TcpStream) -> Result<()> {
    let mut reader = BufReader::with_capacity(1 << 16, stream);
    let mut line = Vec::new();
    loop {
        let mut length = None;
        loop {
            line.clear();
            if reader.read_until(b'\n', &mut line)? == 0 {
                return Ok(());
            }
            if line == b"\r\n" {
                break;
            }
            let text = String::from_utf8_lossy(&line).to_ascii_lowercase();
            if let Some(value) = text.strip_prefix("content-length:") {
                length = value.trim().parse().ok();
            }
        }
        if let Some(length) = length {
            std::io::copy(&mut reader.by_ref().take(length), &mut std::io::sink())?;
        } else {
            skip_chunks(&mut reader)?;
        }
        (&*stream).write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")?;
    }
}

fn skip_chunks(reader: &mut BufReader<&TcpStream>) -> Result<()> {
    let mut line = Vec::new();
    loop {
        line.clear();
        reader.read_until(b'\n', &mut line)?;
        let text = String::from_utf8_lossy(&line);
        let size = u64::from_str_radix(text.trim(), 16).map_err(std::io::Error::other)?;
        std::io::copy(&mut reader.by_ref().take(size + 2), &mut std::io::sink())?;
        if size == 0 {
            return Ok(());
        }
    }
}
