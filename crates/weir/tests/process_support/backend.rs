//! A backend that behaves as the path of a request asks, one thread for each connection.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Condvar, Mutex};
use std::thread;

/// Bytes of a `/page`.
pub(crate) const PAGE: usize = 64 << 10;
/// Bytes of a `/large` body: more than the kernel keeps for a client that does not read.
const LARGE: usize = 64 << 20;

/// ```text
/// /page           200 with PAGE bytes
/// /large          200 with a body of LARGE bytes and a length
/// /large/chunked  the same in chunks
/// /deaf           nothing more is read, and nothing answered, while the backend holds
/// /held           the answer waits while the backend holds
/// /pipe           101, then everything comes back
/// anything else   200 with the target as body
/// ```
pub(crate) struct Backend {
    pub(crate) address: SocketAddr,
    shared: Arc<Shared>,
}

#[derive(Default)]
struct Shared {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    lets_go: bool,
    waiting: usize,
    connections: usize,
}

impl Backend {
    /// Starts one on a free port.
    pub(crate) fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = listener.local_addr().expect("bound");
        let shared = Arc::<Shared>::default();
        let theirs = Arc::clone(&shared);
        thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let shared = Arc::clone(&theirs);
                shared.state.lock().expect("no panic").connections += 1;
                // Errors are a proxy that has closed the connection, as it may.
                thread::spawn(move || serve(&stream, &shared));
            }
        });
        Self { address, shared }
    }

    /// Holds from now on, as it does at the start.
    pub(crate) fn hold(&self) {
        self.shared.state.lock().expect("no panic").lets_go = false;
    }

    /// Holds nothing any more, now and later.
    pub(crate) fn let_go(&self) {
        self.shared.state.lock().expect("no panic").lets_go = true;
        self.shared.changed.notify_all();
    }

    /// How many connections it has accepted so far.
    pub(crate) fn connections(&self) -> usize {
        self.shared.state.lock().expect("no panic").connections
    }

    /// Waits until it holds that many requests.
    pub(crate) fn until_waiting(&self, count: usize) {
        let state = self.shared.state.lock().expect("no panic");
        let patience = weir_testkit::process::PATIENCE;
        let waited = self.shared.changed.wait_timeout_while(state, patience, |s| s.waiting < count);
        let (state, waited) = waited.expect("no panic");
        assert!(!waited.timed_out(), "{} of {count} requests came", state.waiting);
    }
}

impl Drop for Backend {
    fn drop(&mut self) {
        self.let_go();
    }
}

impl Shared {
    fn held(&self) {
        let mut state = self.state.lock().expect("no panic");
        state.waiting += 1;
        self.changed.notify_all();
        let waited = self.changed.wait_while(state, |state| !state.lets_go);
        waited.expect("no panic").waiting -= 1;
    }
}

fn serve(stream: &TcpStream, shared: &Shared) -> io::Result<()> {
    let mut reader = BufReader::new(stream);
    while let Some(target) = read_head(&mut reader)? {
        match &target[..] {
            "/deaf" => {
                shared.held();
                return Ok(());
            }
            "/held" => {
                shared.held();
                answer(stream, target.as_bytes())?;
            }
            "/pipe" => {
                let mut out = stream;
                out.write_all(b"HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\n")?;
                out.write_all(b"Upgrade: echo\r\n\r\n")?;
                io::copy(&mut reader, &mut out)?;
                return Ok(());
            }
            "/page" => answer(stream, &[b'p'; PAGE])?,
            "/large" => large(stream, false)?,
            "/large/chunked" => large(stream, true)?,
            _ => answer(stream, target.as_bytes())?,
        }
    }
    Ok(())
}

/// The target of the next request, whose body, if it has a length, is skipped.
fn read_head(reader: &mut BufReader<&TcpStream>) -> io::Result<Option<String>> {
    let mut line = String::new();
    if reader.read_line(&mut line)? == 0 {
        return Ok(None);
    }
    let target = line.split(' ').nth(1).unwrap_or_default().to_owned();
    let mut length = 0;
    while line != "\r\n" {
        line.clear();
        if reader.read_line(&mut line)? == 0 {
            return Ok(None);
        }
        if let Some(value) = line.to_ascii_lowercase().strip_prefix("content-length:") {
            length = value.trim().parse().unwrap_or_default();
        }
    }
    if target != "/deaf" {
        io::copy(&mut reader.take(length), &mut io::sink())?;
    }
    Ok(Some(target))
}

fn answer(mut stream: &TcpStream, body: &[u8]) -> io::Result<()> {
    let mut whole = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", body.len());
    whole.push_str(&String::from_utf8_lossy(body));
    stream.write_all(whole.as_bytes())
}

fn large(mut stream: &TcpStream, chunked: bool) -> io::Result<()> {
    let framing = match chunked {
        true => "Transfer-Encoding: chunked".to_owned(),
        false => format!("Content-Length: {LARGE}"),
    };
    stream.write_all(format!("HTTP/1.1 200 OK\r\n{framing}\r\n\r\n").as_bytes())?;
    let mut part = Vec::new();
    if chunked {
        part.extend_from_slice(format!("{PAGE:x}\r\n").as_bytes());
    }
    part.extend_from_slice(&[b'l'; PAGE]);
    if chunked {
        part.extend_from_slice(b"\r\n");
    }
    for _ in 0..LARGE / PAGE {
        stream.write_all(&part)?;
    }
    if chunked { stream.write_all(b"0\r\n\r\n") } else { Ok(()) }
}
