use std::io::ErrorKind;
use std::net::UdpSocket;

use rustix::net::getpeername;

use super::*;
use crate::testing::{
    abort, accept, address_of, assert_closes_on_exec, connect, connection, eventually, listener,
    read_end, read_exact, take_error, wait_closed, wait_readable,
};

mod lost;

fn addr(text: &str) -> SocketAddr {
    text.parse().expect("address")
}

fn local(stream: &TcpStream) -> SocketAddr {
    getsockname(stream).expect("address").try_into().expect("an internet address")
}

#[test]
fn sockets_close_on_exec_and_do_not_delay_small_segments() {
    let listener = listener();
    let connected = connect(address_of(&listener));
    let accepted = accept(&listener);
    assert_closes_on_exec(&listener);
    for stream in [&connected, &accepted] {
        assert_closes_on_exec(stream);
        assert!(sockopt::tcp_nodelay(stream).expect("option"));
    }
}

#[test]
fn a_peer_that_takes_nothing_does_not_keep_a_connection_for_ever() {
    let listener = listener();
    end_when_stuck(&listener, Duration::from_millis(1)).expect("an option");
    let _idle = connect(address_of(&listener));
    let stream = accept(&listener);
    let full = |error: &io::Error| error.kind() == ErrorKind::WouldBlock;
    let mut end = None;
    eventually("it has ended", || {
        end = stream.write(&[0; 1 << 16]).err().filter(|error| !full(error));
        end.is_some()
    });
    assert_eq!(end.map(|error| error.kind()), Some(ErrorKind::TimedOut));
}

#[test]
fn connections_are_accepted_in_order_with_their_addresses() {
    let listener = listener();
    assert!(listener.accept().expect("accept").is_none());
    let clients = [0; 3].map(|_| connect(address_of(&listener)));
    for client in &clients {
        wait_readable(&listener);
        let (accepted, peer) = listener.accept().expect("accept").expect("a connection");
        assert_eq!(peer, local(client));
        assert_eq!(local(&accepted), address_of(&listener));
    }
    assert!(listener.accept().expect("accept").is_none());
}

#[test]
fn listeners_share_an_address() {
    let first = listener();
    let second = TcpListener::bind(address_of(&first), 16).expect("bind");
    drop(first);
    let client = connect(address_of(&second));
    let accepted = accept(&second);
    client.write(b"x").expect("write");
    assert_eq!(read_exact(&accepted, 1), b"x");
}

#[test]
fn a_socket_that_was_made_elsewhere_serves() {
    let made = std::net::TcpListener::bind("127.0.0.1:0").expect("bind");
    made.set_nonblocking(true).expect("option");
    let listener = TcpListener::from_fd(made.into());
    let client = connect(address_of(&listener));
    accept(&listener).write(b"x").expect("write");
    assert_eq!(read_exact(&client, 1), b"x");
}

#[test]
fn a_socket_that_does_not_listen_is_an_error_and_not_a_loop() {
    let datagrams = UdpSocket::bind("127.0.0.1:0").expect("bind");
    let error = TcpListener::from_fd(datagrams.into()).accept().err().expect("no listener");
    assert_eq!(error.raw_os_error(), Some(libc::EOPNOTSUPP));
}

#[test]
fn ipv6_works_where_the_machine_has_it() {
    let Ok(listener) = TcpListener::bind(addr("[::1]:0"), 16) else { return };
    let client = connect(address_of(&listener));
    wait_readable(&listener);
    let (_, peer) = listener.accept().expect("accept").expect("a connection");
    assert_eq!(peer, local(&client));
}

#[test]
fn an_address_that_is_not_ours_is_refused() {
    let result = TcpListener::bind(addr("192.0.2.1:0"), 1);
    assert_eq!(result.err().map(|error| error.kind()), Some(ErrorKind::AddrNotAvailable));
}

/// Each look is at a loopback address of its own, where nobody else takes ports.
#[test]
fn whoever_listens_is_seen_even_where_the_address_could_be_shared() {
    let ours = TcpListener::bind(addr("127.83.11.1:0"), 1).expect("bind");
    assert!(is_bound(address_of(&ours)).expect("a look"));
    let theirs = std::net::TcpListener::bind("127.83.11.2:0").expect("bind");
    let address = theirs.local_addr().expect("address");
    assert!(is_bound(address).expect("a look"));
    drop(theirs);
    assert!(!is_bound(address).expect("a look"));
    assert!(!is_bound(addr("127.83.11.3:0")).expect("a look"), "any port is free");
    assert!(is_bound(addr("192.0.2.1:1")).is_err(), "not an address of ours");
}

#[test]
fn a_refused_connection_is_reported() {
    // Bound and not listening: the port is nobody else's.
    let holder = stream_socket(addr("127.0.0.1:0"), None).expect("socket");
    bind(&holder, &addr("127.0.0.1:0")).expect("bind");
    let target = getsockname(&holder).expect("address").try_into().expect("internet");
    let error = match TcpStream::connect(target) {
        Err(error) => error,
        Ok(stream) => {
            wait_closed(&stream);
            take_error(&stream).expect("an error")
        }
    };
    assert_eq!(error.kind(), ErrorKind::ConnectionRefused);
}

#[test]
fn bytes_are_written_from_many_places_and_can_be_looked_at_first() {
    let (a, b) = connection();
    assert_eq!(b.read(&mut [0; 4]).expect_err("nothing yet").kind(), ErrorKind::WouldBlock);
    assert_eq!(b.peek(&mut [0; 4]).expect_err("nothing yet").kind(), ErrorKind::WouldBlock);
    assert_eq!(a.write(b"one ").expect("write"), 4);
    let slices = [IoSlice::new(b"two "), IoSlice::new(b""), IoSlice::new(b"three")];
    assert_eq!(a.write_vectored(&slices).expect("write"), 9);
    let mut seen = [0; 32];
    eventually("all arrives", || b.peek(&mut seen).is_ok_and(|count| count == 13));
    assert_eq!(&seen[..13], b"one two three");
    assert_eq!(read_exact(&b, 13), b"one two three");
}

#[test]
fn a_full_socket_takes_nothing_more() {
    let (a, _b) = connection();
    let error = loop {
        if let Err(error) = a.write(&[0; 1 << 16]) {
            break error;
        }
    };
    assert_eq!(error.kind(), ErrorKind::WouldBlock);
    let error = a.write_vectored(&[IoSlice::new(b"x")]).expect_err("full");
    assert_eq!(error.kind(), ErrorKind::WouldBlock);
}

#[test]
fn more_slices_than_the_kernel_takes_are_written_in_part() {
    let (a, _b) = connection();
    let slices = vec![IoSlice::new(b"x"); 3000];
    assert_eq!(a.write_vectored(&slices).expect("write"), 1024);
}

#[test]
fn half_a_connection_can_be_closed() {
    let (a, b) = connection();
    a.shutdown_write().expect("shutdown");
    read_end(&b);
    b.write(b"still open").expect("write");
    assert_eq!(read_exact(&a, 10), b"still open");
    assert_eq!(a.write(b"x").expect_err("closed").kind(), ErrorKind::BrokenPipe);
}

#[test]
fn a_reset_is_an_error_for_the_peer_and_no_end() {
    let (a, b) = connection();
    a.write(b"half a mess").expect("write");
    assert_eq!(read_exact(&b, 11), b"half a mess");
    abort(a);
    wait_readable(&b);
    assert_eq!(b.read(&mut [0; 8]).expect_err("reset").kind(), ErrorKind::ConnectionReset);
    assert!(getpeername(&b).expect_err("gone") == Errno::NOTCONN);
}
