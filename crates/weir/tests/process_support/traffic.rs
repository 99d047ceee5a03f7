//! Clients that must notice nothing: one keeps its connection, one makes a new one for each
//! request.

use std::io::{self, ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread::JoinHandle;

use weir_testkit::process::{PATIENCE, eventually};

/// Requests that go on until [`Traffic::finish`].
pub(crate) struct Traffic {
    over: Arc<AtomicBool>,
    clients: Vec<Client>,
}

struct Client {
    answered: Arc<AtomicUsize>,
    thread: JoinHandle<Result<(), String>>,
}

impl Traffic {
    /// Requests to `address` for `traffic.example`, which are answered 200 with their target.
    pub(crate) fn start(address: SocketAddr) -> Self {
        Self::of(address, &[true, false], false)
    }

    /// The same, each on a connection of its own.
    pub(crate) fn of_single_requests(address: SocketAddr) -> Self {
        Self::of(address, &[false, false], false)
    }

    /// The same by clients that try again when they are not let in.
    pub(crate) fn of_insistent_clients(address: SocketAddr) -> Self {
        Self::of(address, &[false; 4], true)
    }

    fn of(address: SocketAddr, keep: &[bool], insists: bool) -> Self {
        let over = Arc::new(AtomicBool::new(false));
        let client = |keeps| {
            let (answered, over) = (Arc::<AtomicUsize>::default(), Arc::clone(&over));
            let count = Arc::clone(&answered);
            let thread = std::thread::spawn(move || ask(address, (keeps, insists), &count, &over));
            Client { answered, thread }
        };
        let clients = keep.iter().map(|keeps| client(*keeps)).collect();
        Self { over, clients }
    }

    /// Waits until each client has been answered that many times more.
    pub(crate) fn goes_on(&self, times: usize) {
        let count = |client: &Client| client.answered.load(Ordering::SeqCst);
        let wanted: Vec<_> = self.clients.iter().map(|client| count(client) + times).collect();
        eventually("requests are answered, or fail", || {
            let mut clients = self.clients.iter().zip(&wanted);
            clients.all(|(client, wanted)| count(client) >= *wanted || client.thread.is_finished())
        });
    }

    /// No request has failed; how many there were.
    pub(crate) fn finish(self) -> usize {
        self.goes_on(10);
        self.over.store(true, Ordering::SeqCst);
        let ended = |client: Client| {
            client.thread.join().expect("it does not panic").expect("every request is answered");
            client.answered.load(Ordering::SeqCst)
        };
        self.clients.into_iter().map(ended).sum()
    }
}

fn ask(
    address: SocketAddr,
    (keeps, insists): (bool, bool),
    answered: &AtomicUsize,
    over: &AtomicBool,
) -> Result<(), String> {
    let mut kept = None;
    while !over.load(Ordering::SeqCst) {
        let number = answered.load(Ordering::SeqCst);
        let mut stream = match kept.take() {
            Some(stream) => stream,
            None => match connect(address) {
                Ok(stream) => stream,
                Err(error) if insists && error.kind() == ErrorKind::ConnectionRefused => continue,
                Err(error) => return Err(format!("connection {number}: {error}")),
            },
        };
        let target = format!("/{number}");
        exchange(&mut stream, &target, keeps)
            .map_err(|error| format!("request {number} (kept: {keeps}): {error}"))?;
        kept = keeps.then_some(stream);
        answered.fetch_add(1, Ordering::SeqCst);
    }
    Ok(())
}

fn connect(address: SocketAddr) -> io::Result<TcpStream> {
    let stream = TcpStream::connect(address)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    Ok(stream)
}

fn exchange(stream: &mut TcpStream, target: &str, keeps: bool) -> io::Result<()> {
    let connection = if keeps { "keep-alive" } else { "close" };
    let head = format!(
        "GET {target} HTTP/1.1\r\nHost: traffic.example\r\nConnection: {connection}\r\n\r\n"
    );
    stream.write_all(head.as_bytes())?;
    let (mut answer, mut bytes) = (Vec::new(), [0; 4096]);
    let whole = |answer: &[u8]| {
        let end = format!("\r\n\r\n{target}");
        answer.starts_with(b"HTTP/1.1 200 ") && answer.ends_with(end.as_bytes())
    };
    while !whole(&answer) {
        match stream.read(&mut bytes)? {
            0 => {
                let text = String::from_utf8_lossy(&answer).into_owned();
                return Err(io::Error::other(format!("the answer ends after {text:?}")));
            }
            n => answer.extend_from_slice(&bytes[..n]),
        }
    }
    Ok(())
}
