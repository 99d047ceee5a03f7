//! A worker in a thread, told what to serve as main would, between scripted clients and backends.

#![allow(dead_code, unreachable_pub, reason = "each test file uses a part")]

pub mod h2;
pub mod metrics;
pub mod tls;

use std::fs::File;
use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::os::fd::{AsFd, OwnedFd};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use socket2::{Domain, SockRef, Socket, Type};
use weir_base::{Endpoint, Limits};
use weir_control::channel::{
    AccessForm, Explained, LogSettings, Passed, PassedBack, Question, Settings, ToMain, ToWorker,
    UNASKED, decode, encode,
};
use weir_control::last_words;
use weir_control::order::{Object, Order};
use weir_control::state::{Backend, Cluster, Frontend, FrontendId, Listener, State};
use weir_sys::{Channel, Epoll};

/// No test waits longer for anything.
pub const PATIENCE: Duration = Duration::from_secs(10);

pub struct Proxy {
    channel: Channel,
    pub address: SocketAddr,
    thread: Option<JoinHandle<()>>,
    epoch: u64,
}

pub fn limits() -> Limits {
    Limits {
        sessions: 100,
        backend_connections: 300,
        idle_backend_connections: 100,
        accept_queue: 64,
        buffers: 100,
        buffers_at_start: 1,
        buffer_bytes: 16_384,
        target_bytes: 8_192,
        fields: 64,
        pipes: 8,
        pipe_bytes: 65_536,
        log_bytes: 65_536,
        scopes: Limits::SCOPES,
    }
}

pub fn settings(limits: Limits) -> Settings {
    Settings {
        worker: 0,
        core: None,
        limits,
        accept_queue_timeout: Duration::from_secs(60),
        evict_on_queue_full: false,
        zombie_check_interval: Duration::from_secs(1800),
        basic_auth_max_credential_bytes: 4096,
        home: None,
        orphan_timeout: None,
        logs: LogSettings {
            level: "info".into(),
            target: "file:///dev/null".into(),
            colored: Some(false),
            access_target: None,
            access_colored: Some(false),
            access: AccessForm::Ascii,
            access_sampling: 1,
            json: false,
        },
    }
}

pub fn listener(address: SocketAddr) -> Listener {
    Listener::new(address)
}

pub fn cluster() -> Cluster {
    Cluster { id: "app".into(), ..Cluster::default() }
}

pub fn frontend(address: SocketAddr) -> Frontend {
    Frontend::new(FrontendId::new(address, "*", None), "app", Default::default())
}

pub fn backend(id: &str, address: SocketAddr) -> Backend {
    Backend {
        cluster: "app".into(),
        id: id.into(),
        address: address.into(),
        weight: 100,
        sticky_id: None,
        backup: false,
        max_connections: None,
    }
}

/// A listener on a free port, one route for everything, these backends.
pub fn state(backends: &[SocketAddr]) -> (State, weir_sys::TcpListener) {
    let any = SocketAddr::from(([127, 0, 0, 1], 0));
    let socket = weir_sys::TcpListener::bind(any, 128).expect("bind");
    let address = socket.local_addr().expect("bound");
    let mut state = State::default();
    state.listeners.insert(address, listener(address));
    state.clusters.insert("app".into(), cluster());
    state.frontends.push(frontend(address));
    for (at, address) in backends.iter().enumerate() {
        state.backends.push(backend(&format!("app-{at}"), *address));
    }
    (state, socket)
}

impl Proxy {
    /// Serves what `change` makes of the usual state.
    pub fn changed(backends: &[SocketAddr], change: impl FnOnce(&mut State, SocketAddr)) -> Self {
        let (mut state, socket) = state(backends);
        let address = socket.local_addr().expect("bound");
        change(&mut state, address);
        Self::with(settings(limits()), (state, socket))
    }

    /// Serves everything from these backends.
    pub fn to(backends: &[SocketAddr]) -> Self {
        Self::with(settings(limits()), state(backends))
    }

    pub fn with(settings: Settings, (state, socket): (State, weir_sys::TcpListener)) -> Self {
        let mut proxy = Self::untold(settings, socket);
        proxy.apply(state.orders().collect());
        proxy
    }

    /// One that was lent a socket and not told what to serve on it.
    pub fn untold(settings: Settings, socket: weir_sys::TcpListener) -> Self {
        let (channel, theirs) = Channel::pair().expect("socketpair");
        let thread = std::thread::spawn(move || {
            let code = weir_worker::run(Channel::from_fd(theirs), None);
            code.expect("the worker runs until it has drained");
        });
        let address = socket.local_addr().expect("bound");
        let mut proxy = Self { channel, address, thread: Some(thread), epoch: 0 };
        proxy.say(&ToWorker::Start(Box::new(settings)));
        proxy.lend(Endpoint::tcp(address), &socket);
        proxy
    }

    /// Lends a socket.
    pub fn lend(&mut self, at: Endpoint, socket: &impl std::os::fd::AsFd) {
        let announce = encode(&ToWorker::Socket(at)).expect("encoded");
        self.channel.send(&announce, Some(socket.as_fd())).expect("send");
    }

    /// Main is gone.
    pub fn lose_main(&mut self) {
        let (channel, _) = Channel::pair().expect("socketpair");
        self.channel = channel;
    }

    /// Another main has it.
    pub fn obey(&mut self, channel: Channel) {
        self.channel = channel;
    }

    /// Waits for its end.
    pub fn has_ended(&mut self) {
        let thread = self.thread.take().expect("it was not waited for");
        thread.join().expect("it does not panic");
    }

    pub fn prepare(&mut self, orders: Vec<Order>) {
        let epoch = self.epoch + 1;
        self.say(&ToWorker::Prepare { epoch, orders });
        assert_eq!(self.hear(), ToMain::Prepared { epoch });
    }

    pub fn apply(&mut self, orders: Vec<Order>) {
        self.epoch += 1;
        let epoch = self.epoch;
        self.say(&ToWorker::Apply { epoch, orders });
        assert_eq!(self.hear(), ToMain::Applied { epoch });
    }

    /// Says all but the last order, each in a piece of its own.
    fn begin(&mut self, mut orders: Vec<Order>) -> Vec<Order> {
        let last = orders.split_off(orders.len().saturating_sub(1));
        for order in orders {
            self.say(&ToWorker::Orders(vec![order]));
        }
        last
    }

    /// Prepares and commits.
    pub fn transact(&mut self, orders: Vec<Order>) {
        let orders = self.begin(orders);
        self.epoch += 1;
        let epoch = self.epoch;
        self.say(&ToWorker::Prepare { epoch, orders });
        assert_eq!(self.hear(), ToMain::Prepared { epoch });
        self.say(&ToWorker::Commit { epoch });
        assert_eq!(self.hear(), ToMain::Applied { epoch });
    }

    pub fn prepare_and_abort(&mut self, orders: Vec<Order>) {
        self.prepare(orders);
        self.say(&ToWorker::Abort { epoch: self.epoch + 1 });
    }

    /// The hash of what is in use.
    pub fn hash(&mut self) -> u64 {
        self.say(&ToWorker::Ask { number: 1, question: Question::Hash });
        match self.hear() {
            ToMain::Hashed { epoch, hash, .. } if epoch == self.epoch => hash,
            other => panic!("not the hash: {other:?}"),
        }
    }

    pub fn explain(&mut self, address: SocketAddr, host: &str, path: &str) -> Explained {
        let (method, host, path) = ("GET".into(), host.into(), path.into());
        let question = Question::Explain { address, method, host, path };
        self.say(&ToWorker::Ask { number: 2, question });
        match self.hear() {
            ToMain::Explained { explained, .. } => *explained,
            other => panic!("not explained: {other:?}"),
        }
    }

    /// How many sessions each object concerns.
    pub fn count(&mut self, objects: Vec<Object>) -> Vec<u64> {
        self.say(&ToWorker::Ask { number: 3, question: Question::Sessions(objects) });
        match self.hear() {
            ToMain::Counted { number: 3, sessions } => sessions,
            other => panic!("not counted: {other:?}"),
        }
    }

    /// Why orders are refused.
    pub fn refused(&mut self, orders: Vec<Order>) -> String {
        let orders = self.begin(orders);
        let epoch = self.epoch + 1;
        self.say(&ToWorker::Apply { epoch, orders });
        match self.hear() {
            ToMain::Refused { reason, .. } => reason,
            other => panic!("not refused: {other:?}"),
        }
    }

    pub fn say(&mut self, message: &ToWorker) {
        let bytes = encode(message).expect("encoded");
        self.channel.send(&bytes, None).expect("send");
    }

    pub fn hear(&mut self) -> ToMain {
        let mut epoll = Epoll::new(1).expect("epoll");
        epoll.add_level(self.channel.as_fd(), 0, true, false).expect("add");
        let deadline = Instant::now() + PATIENCE;
        loop {
            if let Some(frame) = self.channel.recv().expect("the worker lives") {
                match decode(&frame).expect("a message") {
                    // Every one that retires says so, and what it has counted.
                    ToMain::FlowsPassed
                    | ToMain::Left(_)
                    | ToMain::Measured { number: UNASKED, .. } => continue,
                    message => return message,
                }
            }
            assert!(Instant::now() < deadline, "the worker says nothing");
            epoll.wait(Some(PATIENCE)).expect("wait");
        }
    }

    /// What the worker has said, if it has.
    pub fn poll(&mut self) -> Option<ToMain> {
        let frame = self.channel.recv().expect("the worker lives")?;
        Some(decode(&frame).expect("a message"))
    }

    pub fn connect(&self) -> Peer {
        Peer::new(TcpStream::connect(self.address).expect("connect"))
    }

    /// One request on a connection of its own; everything until the proxy closes it.
    pub fn ask(&self, request: &str) -> String {
        let mut client = self.connect();
        client.send(request);
        client.rest()
    }

    pub fn start_drain(&mut self, deadline: Duration) {
        self.say(&ToWorker::Drain { deadline });
    }

    /// The next connection to a backend that it passes on.
    pub fn passed_back(&mut self) -> (PassedBack, OwnedFd) {
        let ToMain::PassedBack(passed) = self.hear() else { panic!("nothing is passed on") };
        (*passed, self.channel.take_fd().expect("a descriptor"))
    }

    /// What it says next, but for connections to backends that it passes on: those are closed.
    pub fn hear_of_clients(&mut self) -> ToMain {
        loop {
            match self.hear() {
                ToMain::PassedBack(_) => drop(self.channel.take_fd()),
                other => return other,
            }
        }
    }

    /// The next connection of a client that it passes on.
    pub fn passed(&mut self) -> (Passed, Vec<OwnedFd>) {
        let ToMain::Passed(passed) = self.hear_of_clients() else { panic!("nothing is passed on") };
        let count = 1 + usize::from(passed.pipe.is_some());
        let take = || self.channel.take_fd();
        let descriptors: Vec<_> = std::iter::repeat_with(take).take(count).flatten().collect();
        assert_eq!(descriptors.len(), count);
        (passed, descriptors)
    }

    /// Gives it a connection that another one has passed on.
    pub fn adopt(&mut self, passed: Passed, descriptors: &[OwnedFd]) {
        let bytes = encode(&ToWorker::Passed(passed)).expect("encoded");
        self.channel.send(&bytes, descriptors.iter().map(AsFd::as_fd)).expect("send");
    }

    /// The same of one to a backend.
    pub fn adopt_back(&mut self, passed: PassedBack, descriptor: &OwnedFd) {
        let bytes = encode(&ToWorker::PassedBack(Box::new(passed))).expect("encoded");
        self.channel.send(&bytes, Some(descriptor.as_fd())).expect("send");
    }

    /// Waits for the worker to be drained, without anything that it had to finish or to cut.
    pub fn has_nothing_left(&mut self) {
        let ToMain::Drained { cut, finished } = self.hear_of_clients() else {
            panic!("not drained")
        };
        assert_eq!((cut.total(), finished.total()), (0, 0), "{cut}, {finished}");
    }

    /// Gives it a page for its last words.
    pub fn give_page(&mut self) -> File {
        let page = weir_sys::memory_file("page").expect("made");
        page.set_len(last_words::BYTES as u64).expect("made longer");
        let bytes = encode(&ToWorker::Page).expect("encoded");
        self.channel.send(&bytes, [page.as_fd()]).expect("send");
        page
    }

    /// Waits for the worker to be drained; the number of sessions that were cut.
    pub fn drained(mut self) -> usize {
        let ToMain::Drained { cut, .. } = self.hear_of_clients() else { panic!("not drained") };
        self.thread.take().expect("once").join().expect("no panic");
        cut.total()
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        let Some(thread) = self.thread.take() else { return };
        self.say(&ToWorker::Drain { deadline: Duration::ZERO });
        let ended = thread.join();
        if !std::thread::panicking() {
            ended.expect("the worker does not panic");
        }
    }
}

/// One end of a scripted conversation.
pub struct Peer {
    pub stream: TcpStream,
    received: Vec<u8>,
}

impl Peer {
    pub fn new(stream: TcpStream) -> Self {
        stream.set_read_timeout(Some(PATIENCE)).expect("set");
        stream.set_write_timeout(Some(PATIENCE)).expect("set");
        Self { stream, received: Vec::new() }
    }

    pub fn send(&mut self, text: &str) {
        self.stream.write_all(text.as_bytes()).expect("send");
    }

    pub fn send_bytes(&mut self, bytes: &[u8]) {
        self.stream.write_all(bytes).expect("send");
    }

    /// Everything up to and including `end`.
    pub fn until(&mut self, end: &str) -> String {
        loop {
            if let Some(at) = find(&self.received, end.as_bytes()) {
                let rest = self.received.split_off(at + end.len());
                let taken = std::mem::replace(&mut self.received, rest);
                return String::from_utf8_lossy(&taken).into_owned();
            }
            let mut bytes = [0; 65_536];
            let n = self.stream.read(&mut bytes).expect("more bytes in time");
            assert!(n > 0, "closed before {end:?}: {:?}", String::from_utf8_lossy(&self.received));
            self.received.extend_from_slice(&bytes[..n]);
        }
    }

    /// A head, in text.
    pub fn head(&mut self) -> String {
        self.until("\r\n\r\n")
    }

    /// Something has come that was not read.
    pub fn has_come(&self) -> bool {
        self.stream.set_nonblocking(true).expect("set");
        let there = self.stream.peek(&mut [0]).is_ok_and(|n| n > 0);
        self.stream.set_nonblocking(false).expect("set");
        there || !self.received.is_empty()
    }

    /// Exactly that many bytes.
    pub fn exactly(&mut self, count: usize) -> Vec<u8> {
        while self.received.len() < count {
            let mut bytes = [0; 65_536];
            let n = self.stream.read(&mut bytes).expect("more bytes in time");
            assert!(n > 0, "closed after {} of {count} bytes", self.received.len());
            self.received.extend_from_slice(&bytes[..n]);
        }
        let rest = self.received.split_off(count);
        std::mem::replace(&mut self.received, rest)
    }

    /// Everything until the other side closes. A reset counts as its end.
    pub fn rest(&mut self) -> String {
        let mut bytes = std::mem::take(&mut self.received);
        let mut chunk = [0; 65_536];
        loop {
            match self.stream.read(&mut chunk) {
                Ok(0) => break,
                Ok(n) => bytes.extend_from_slice(&chunk[..n]),
                Err(error) if error.kind() == std::io::ErrorKind::ConnectionReset => break,
                Err(error) => panic!("{error} after {:?}", String::from_utf8_lossy(&bytes)),
            }
        }
        String::from_utf8_lossy(&bytes).into_owned()
    }

    pub fn close_write(&self) {
        self.stream.shutdown(Shutdown::Write).expect("shutdown");
    }
}

fn find(bytes: &[u8], end: &[u8]) -> Option<usize> {
    bytes.windows(end.len()).position(|window| window == end)
}

/// A scripted backend.
pub struct Backside {
    listener: TcpListener,
    pub address: SocketAddr,
}

impl Backside {
    pub fn new() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("bind");
        let address = listener.local_addr().expect("bound");
        Self { listener, address }
    }

    /// At an address where connections are refused until [`Backside::listen`].
    pub fn refusing() -> Self {
        let socket = Socket::new(Domain::IPV4, Type::STREAM, None).expect("a socket");
        socket.bind(&SocketAddr::from(([127, 0, 0, 1], 0)).into()).expect("bind");
        let listener = TcpListener::from(socket);
        let address = listener.local_addr().expect("bound");
        Self { listener, address }
    }

    /// Connections are taken from now on.
    pub fn listen(&self) {
        SockRef::from(&self.listener).listen(16).expect("listen");
    }

    /// The next connection of the proxy.
    pub fn accept(&self) -> Peer {
        Self::accept_any(&[self]).1
    }

    /// The next connection of the proxy to any of these, and to which.
    pub fn accept_any(sides: &[&Self]) -> (usize, Peer) {
        let deadline = Instant::now() + PATIENCE;
        loop {
            if let Some(found) = Self::poll_any(sides) {
                return found;
            }
            assert!(Instant::now() < deadline, "the proxy does not connect");
            std::thread::yield_now();
        }
    }

    /// A connection of the proxy to any of these, if there is one, and to which.
    pub fn poll_any(sides: &[&Self]) -> Option<(usize, Peer)> {
        sides.iter().enumerate().find_map(|(index, side)| Some((index, side.try_accept()?)))
    }

    fn try_accept(&self) -> Option<Peer> {
        self.listener.set_nonblocking(true).expect("set");
        match self.listener.accept() {
            Ok((stream, _)) => {
                stream.set_nonblocking(false).expect("set");
                Some(Peer::new(stream))
            }
            Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => None,
            Err(error) => panic!("{error}"),
        }
    }

    /// Nobody waits to be accepted.
    pub fn is_quiet(&self) -> bool {
        self.listener.set_nonblocking(true).expect("set");
        self.listener.accept().is_err()
    }
}
