//! A worker without main, through a whole worker: what it says to the next one, and what it does
//! when none comes.

mod harness;

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::os::fd::AsFd;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::{Duration, Instant};

use harness::{Proxy, limits, settings, state};
use weir_base::Wiped;
use weir_control::channel::Settings;
use weir_control::takeover::{Hello, Lent, Verdict, settings_hash};
use weir_sys::{Channel, Epoll};

const PATIENCE: Duration = Duration::from_secs(30);

fn settings_in(directory: &Path) -> Settings {
    Settings { home: Some(directory.to_owned()), ..settings(limits()) }
}

/// Connects to the only worker that can be found there.
fn knock(directory: &Path) -> Channel {
    let mut entries = std::fs::read_dir(directory).expect("there");
    let path = entries.next().expect("a worker").expect("an entry").path();
    let stream = UnixStream::connect(path).expect("connected");
    stream.set_nonblocking(true).expect("set");
    Channel::from_fd(stream.into())
}

fn hear(channel: &mut Channel) -> Wiped {
    let mut epoll = Epoll::new(1).expect("epoll");
    epoll.add_level(channel.as_fd(), 0, true, false).expect("watched");
    let deadline = Instant::now() + PATIENCE;
    loop {
        if let Some(frame) = channel.recv().expect("it is there") {
            return frame;
        }
        assert!(Instant::now() < deadline, "it says nothing");
        epoll.wait(Some(PATIENCE)).expect("waited");
    }
}

fn hello(channel: &mut Channel) -> Hello {
    serde_json::from_slice(&hear(channel)).expect("a hello")
}

fn say(channel: &mut Channel, verdict: &Verdict) {
    channel.send(&serde_json::to_vec(verdict).expect("written"), None).expect("sent");
}

fn is_served(proxy: &Proxy) {
    let mut client = TcpStream::connect(proxy.address).expect("connected");
    client.set_read_timeout(Some(PATIENCE)).expect("set");
    client.write_all(b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n").expect("sent");
    let mut answer = String::new();
    client.read_to_string(&mut answer).expect("an answer");
    assert!(answer.starts_with("HTTP/1.1 503 "), "{answer:?}");
}

#[test]
fn it_serves_and_tells_the_next_main_what() {
    let place = tempfile::tempdir().expect("a directory");
    let settings = settings_in(place.path());
    let mut proxy = Proxy::with(settings.clone(), state(&[]));
    let hash = proxy.hash();
    // Half a change, and a prepared one: neither is made.
    proxy.say(&weir_control::channel::ToWorker::Orders(Vec::new()));
    proxy.prepare(Vec::new());
    proxy.lose_main();
    is_served(&proxy);
    // Somebody who goes away, and somebody who talks nonsense.
    drop(knock(place.path()));
    let mut nonsense = knock(place.path());
    hello(&mut nonsense);
    nonsense.send(b"{\"Dance\":{}}", None).expect("sent");
    let mut main = knock(place.path());
    let told = hello(&mut main);
    assert!(told.is_understood());
    assert_eq!((told.slot, told.epoch, told.hash), (settings.worker, 1, hash));
    assert_eq!((told.settings, told.sockets), (settings_hash(&settings), 1));
    let lent: Lent = serde_json::from_slice(&hear(&mut main)).expect("a socket");
    assert_eq!(lent.address, proxy.address);
    let socket = TcpListener::from(main.take_fd().expect("a descriptor"));
    assert_eq!(socket.local_addr().expect("bound"), proxy.address);
    say(&mut main, &Verdict::Serve);
    proxy.obey(main);
    assert_eq!(proxy.hash(), hash);
    // And the same with the main after that.
    proxy.lose_main();
    let mut main = knock(place.path());
    assert_eq!(hello(&mut main).hash, hash);
    hear(&mut main);
    say(&mut main, &Verdict::Serve);
    proxy.obey(main);
    proxy.transact(Vec::new());
    is_served(&proxy);
}

#[test]
fn it_finishes_when_it_is_told_to() {
    let place = tempfile::tempdir().expect("a directory");
    let mut proxy = Proxy::with(settings_in(place.path()), state(&[]));
    proxy.lose_main();
    let mut main = knock(place.path());
    hello(&mut main);
    say(&mut main, &Verdict::Finish { seconds: 30 });
    proxy.has_ended();
    assert_eq!(std::fs::read_dir(place.path()).expect("there").count(), 0);
}

#[test]
fn it_ends_when_it_was_never_told_what_to_serve() {
    let place = tempfile::tempdir().expect("a directory");
    let mut proxy = Proxy::untold(settings_in(place.path()), state(&[]).1);
    proxy.lose_main();
    proxy.has_ended();
    TcpListener::bind(proxy.address).expect("nobody keeps the socket");
}

#[test]
fn it_ends_after_its_time_alone() {
    let place = tempfile::tempdir().expect("a directory");
    let orphan_timeout = Some(Duration::from_millis(1));
    let settings = Settings { orphan_timeout, ..settings_in(place.path()) };
    let mut proxy = Proxy::with(settings, state(&[]));
    is_served(&proxy);
    proxy.lose_main();
    proxy.has_ended();
}
