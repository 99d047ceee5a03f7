//! What the tests of this crate share: connections over the loopback, and waiting with a deadline.

use std::net::SocketAddr;
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::thread::JoinHandleExt;
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::{Errno, FdFlags, fcntl_getfd};
use rustix::net::sockopt;

use crate::{TcpListener, TcpStream};

/// Long enough for any machine; no test passes because it ran out.
pub(crate) const DEADLINE: Duration = Duration::from_secs(20);

/// A listener on a free port of the loopback.
pub(crate) fn listener() -> TcpListener {
    TcpListener::bind("127.0.0.1:0".parse().expect("address"), 16).expect("bind")
}

pub(crate) fn address_of(listener: &TcpListener) -> SocketAddr {
    listener.local_addr().expect("address")
}

/// A connection to `address` that is made.
pub(crate) fn connect(address: SocketAddr) -> TcpStream {
    let stream = TcpStream::connect(address).expect("connect");
    wait_writable(&stream);
    assert!(take_error(&stream).is_none());
    stream
}

/// The end that connected and the end that was accepted.
pub(crate) fn connection() -> (TcpStream, TcpStream) {
    let listener = listener();
    let connected = connect(address_of(&listener));
    (connected, accept(&listener))
}

/// The next connection of the queue.
pub(crate) fn accept(listener: &TcpListener) -> TcpStream {
    wait_readable(listener);
    listener.accept().expect("accept").expect("a connection").0
}

/// Exactly `count` bytes from `stream`.
pub(crate) fn read_exact(stream: &TcpStream, count: usize) -> Vec<u8> {
    let mut bytes = vec![0; count];
    let mut filled = 0;
    while filled < count {
        wait_readable(stream);
        let received = stream.read(&mut bytes[filled..]).expect("read");
        assert_ne!(received, 0, "ended after {filled} of {count} bytes");
        filled += received;
    }
    bytes
}

/// Waits for the end that the peer signals.
pub(crate) fn read_end(stream: &TcpStream) {
    wait_readable(stream);
    assert_eq!(stream.read(&mut [0; 1]).expect("read"), 0);
}

/// Closes with a reset.
pub(crate) fn abort(stream: TcpStream) {
    stream.reset_on_close().expect("option");
}

/// The pending error, which is thereby cleared.
pub(crate) fn take_error(stream: &TcpStream) -> Option<std::io::Error> {
    sockopt::socket_error(stream).expect("option").err().map(Into::into)
}

pub(crate) fn wait_readable(fd: &impl AsFd) {
    assert!(poll_until(fd.as_fd(), PollFlags::IN, DEADLINE), "never readable");
}

pub(crate) fn wait_writable(fd: &impl AsFd) {
    assert!(poll_until(fd.as_fd(), PollFlags::OUT, DEADLINE), "never writable");
}

/// Waits until a connection is over in both directions, without touching its pending error.
pub(crate) fn wait_closed(stream: &TcpStream) {
    assert!(poll_until(stream.as_fd(), PollFlags::empty(), DEADLINE), "never closed");
}

pub(crate) fn is_readable(fd: &impl AsFd) -> bool {
    poll_until(fd.as_fd(), PollFlags::IN, Duration::ZERO)
}

fn poll_until(fd: BorrowedFd<'_>, interest: PollFlags, timeout: Duration) -> bool {
    let end = Instant::now() + timeout;
    loop {
        let rest = end.saturating_duration_since(Instant::now());
        let rest = Timespec { tv_sec: rest.as_secs() as i64, tv_nsec: rest.subsec_nanos().into() };
        match poll(&mut [PollFd::from_borrowed_fd(fd, interest)], Some(&rest)) {
            Ok(ready) => return ready > 0,
            Err(Errno::INTR) => {}
            Err(error) => panic!("poll: {error}"),
        }
    }
}

/// Waits for what has no event: looks again and again.
pub(crate) fn eventually(what: &str, mut condition: impl FnMut() -> bool) {
    let start = Instant::now();
    while !condition() {
        assert!(start.elapsed() < DEADLINE, "never: {what}");
        std::thread::yield_now();
    }
}

/// Calls `work` on a thread that signals interrupt all the while.
pub(crate) fn interrupted<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
    extern "C" fn do_nothing(_: libc::c_int) {}
    let handler = do_nothing as extern "C" fn(libc::c_int) as libc::sighandler_t;
    // SAFETY: a zeroed action is valid, without flags and with an empty mask; the handler does
    // nothing, and no other test uses this signal.
    unsafe {
        let mut action: libc::sigaction = std::mem::zeroed();
        action.sa_sigaction = handler;
        assert_eq!(libc::sigaction(libc::SIGUSR2, &action, std::ptr::null_mut()), 0);
    }
    let thread = std::thread::spawn(work);
    eventually("the work is done", || {
        // SAFETY: the thread is not joined, so its handle is valid.
        unsafe { libc::pthread_kill(thread.as_pthread_t(), libc::SIGUSR2) };
        thread.is_finished()
    });
    thread.join().expect("the work")
}

/// As every descriptor of ours is to be.
pub(crate) fn assert_closes_on_exec(fd: &impl AsFd) {
    assert!(fcntl_getfd(fd).expect("flags").contains(FdFlags::CLOEXEC));
}
