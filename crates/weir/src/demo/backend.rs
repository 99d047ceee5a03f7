//! A small HTTP/1.1 server that answers with who it is and what it received.
//!
//! One thread accepts, one thread serves each connection. Bounds: [`MAX_CONNECTIONS`] connections,
//! [`MAX_HEAD`] bytes of head; beyond either the connection is closed. Bodies are counted, not
//! kept.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::thread;

const MAX_CONNECTIONS: usize = 1024;
const MAX_HEAD: u64 = 64 * 1024;
/// A thread that only reads and prints needs little.
const STACK_BYTES: usize = 128 * 1024;

/// Starts a backend on a free port of the loopback interface; it ends with the process.
pub(super) fn start(name: &'static str) -> io::Result<SocketAddr> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    let address = listener.local_addr()?;
    thread::Builder::new().name(name.to_owned()).spawn(move || accept(name, &listener))?;
    Ok(address)
}

fn accept(name: &'static str, listener: &TcpListener) {
    // Every connection holds a clone, so the count is the number of connections plus one.
    let connections = Arc::new(());
    for stream in listener.incoming().flatten() {
        if Arc::strong_count(&connections) > MAX_CONNECTIONS {
            continue;
        }
        let held = Arc::clone(&connections);
        // A thread that cannot be started closes the connection, a peer that breaks the protocol
        // ends it: there is nobody to tell but the proxy, and the close tells it.
        let _ = thread::Builder::new().stack_size(STACK_BYTES).spawn(move || {
            let _ = serve(name, &stream);
            drop(held);
        });
    }
}

/// Serves requests until the peer closes or asks to.
fn serve(name: &str, stream: &TcpStream) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let address = stream.local_addr()?;
    let mut reader = BufReader::new(stream);
    while let Some(head) = Head::read(&mut reader)? {
        let mut writer = stream;
        if head.has("expect", "100-continue") {
            writer.write_all(b"HTTP/1.1 100 Continue\r\n\r\n")?;
        }
        let body_bytes = discard_body(&mut reader, &head)?;
        writer.write_all(&answer(name, address, &head, body_bytes))?;
        if head.is_last() {
            break;
        }
    }
    Ok(())
}

/// The request line and the field lines, as they came.
struct Head {
    request_line: String,
    fields: Vec<String>,
}

impl Head {
    /// `None` when the peer closed instead of sending another request.
    fn read(reader: &mut impl BufRead) -> io::Result<Option<Self>> {
        let mut reader = reader.take(MAX_HEAD);
        let request_line = read_line(&mut reader)?;
        if request_line.is_empty() {
            return Ok(None);
        }
        let mut fields = Vec::new();
        loop {
            let line = read_line(&mut reader)?;
            if line.is_empty() {
                break;
            }
            fields.push(line);
        }
        if reader.limit() == 0 {
            return Err(io::ErrorKind::InvalidData.into());
        }
        Ok(Some(Self { request_line, fields }))
    }

    fn value(&self, name: &str) -> Option<&str> {
        self.fields.iter().find_map(|line| {
            let (field, value) = line.split_once(':')?;
            field.eq_ignore_ascii_case(name).then(|| value.trim())
        })
    }

    fn has(&self, name: &str, value: &str) -> bool {
        self.value(name).is_some_and(|v| v.eq_ignore_ascii_case(value))
    }

    fn is_last(&self) -> bool {
        self.has("connection", "close") || !self.request_line.ends_with("HTTP/1.1")
    }
}

/// A line without its end; empty at the end of the stream.
fn read_line(reader: &mut impl BufRead) -> io::Result<String> {
    let mut line = Vec::new();
    reader.read_until(b'\n', &mut line)?;
    Ok(String::from_utf8_lossy(&line).trim_end_matches(['\r', '\n']).to_owned())
}

fn discard_body(reader: &mut impl BufRead, head: &Head) -> io::Result<u64> {
    if head.has("transfer-encoding", "chunked") {
        return discard_chunks(reader);
    }
    match head.value("content-length").map(str::parse) {
        None => Ok(0),
        Some(Ok(length)) => discard(reader, length),
        Some(Err(_)) => Err(io::ErrorKind::InvalidData.into()),
    }
}

/// Size of all chunks, RFC 9112 §7.1; extensions and trailers are skipped.
fn discard_chunks(reader: &mut impl BufRead) -> io::Result<u64> {
    let mut total = 0;
    loop {
        let line = read_line(&mut reader.take(MAX_HEAD))?;
        let digits = line.split(';').next().unwrap_or_default().trim();
        let size = u64::from_str_radix(digits, 16).map_err(|_| io::ErrorKind::InvalidData)?;
        if size == 0 {
            break;
        }
        total += discard(reader, size)?;
        read_line(&mut reader.take(MAX_HEAD))?;
    }
    while !read_line(&mut reader.take(MAX_HEAD))?.is_empty() {}
    Ok(total)
}

fn discard(reader: &mut impl BufRead, length: u64) -> io::Result<u64> {
    let copied = io::copy(&mut reader.take(length), &mut io::sink())?;
    if copied < length { Err(io::ErrorKind::UnexpectedEof.into()) } else { Ok(length) }
}

fn answer(name: &str, address: SocketAddr, head: &Head, body_bytes: u64) -> Vec<u8> {
    let mut text = format!("backend {name} on {address} received:\n\n{}\n", head.request_line);
    for field in &head.fields {
        text.push_str(field);
        text.push('\n');
    }
    text.push_str(&format!("\nand a body of {body_bytes} bytes\n"));
    let connection = if head.is_last() { "Connection: close\r\n" } else { "" };
    let mut answer = format!(
        "HTTP/1.1 200 OK\r\nContent-Type: text/plain; charset=utf-8\r\n\
         Content-Length: {}\r\n{connection}\r\n",
        text.len()
    );
    if !head.request_line.starts_with("HEAD ") {
        answer.push_str(&text);
    }
    answer.into_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn talk(request: &[u8]) -> String {
        let address = start("blue").expect("a backend");
        let mut stream = TcpStream::connect(address).expect("a connection");
        stream.write_all(request).expect("written");
        let mut answer = String::new();
        stream.read_to_string(&mut answer).expect("text until the close");
        answer
    }

    #[test]
    fn it_says_who_it_is_and_what_came() {
        let answer = talk(b"GET /a?b HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n");
        assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"), "{answer}");
        assert!(answer.contains("backend blue on 127.0.0.1:"), "{answer}");
        assert!(answer.contains("\nGET /a?b HTTP/1.1\nHost: h\n"), "{answer}");
        assert!(answer.ends_with("a body of 0 bytes\n"), "{answer}");
    }

    #[test]
    fn it_counts_bodies_of_both_kinds_on_one_connection() {
        let answer = talk(
            b"POST / HTTP/1.1\r\nContent-Length: 3\r\nExpect: 100-continue\r\n\r\nabc\
              POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n\
              4;x=y\r\nabcd\r\n1\r\ne\r\n0\r\nT: t\r\n\r\n\
              HEAD / HTTP/1.1\r\nConnection: close\r\n\r\n",
        );
        assert!(answer.starts_with("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\n"), "{answer}");
        assert!(answer.contains("a body of 3 bytes\n"), "{answer}");
        assert!(answer.contains("a body of 5 bytes\n"), "{answer}");
        assert!(answer.ends_with("Connection: close\r\n\r\n"), "{answer}");
    }

    #[test]
    fn nonsense_is_answered_by_a_close() {
        assert_eq!(talk(b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n"), "");
        assert_eq!(talk(b"POST / HTTP/1.1\r\nContent-Length: -1\r\n\r\n"), "");
    }
}
