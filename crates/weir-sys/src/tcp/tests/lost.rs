//! What can be known about bytes that were sent on a connection that is lost. Whether a request may
//! be sent again to another backend is decided from it.

use std::io::ErrorKind;

use super::TcpStream;
use crate::testing::{
    abort, connection, eventually, read_end, read_exact, take_error, wait_closed, wait_readable,
};

fn acked(stream: &TcpStream) -> u64 {
    stream.bytes_acked().expect("the kernel tells")
}

/// What [`TcpStream::bytes_acked`] counts: callers subtract a mark.
#[test]
fn acknowledged_bytes_include_the_syn_of_the_end_that_connected_and_the_fin() {
    let (connected, accepted) = connection();
    for (stream, peer, syn) in [(&connected, &accepted, 1), (&accepted, &connected, 0)] {
        assert_eq!(acked(stream), syn);
        stream.write(&[0; 1000]).expect("write");
        eventually("all is acknowledged", || acked(stream) == syn + 1000);
        read_exact(peer, 1000);
    }
    connected.shutdown_write().expect("shutdown");
    eventually("the end is acknowledged", || acked(&connected) == 1 + 1001);
}

/// The peer had closed, in good order, before our bytes came: it cannot have taken them.
#[test]
fn bytes_for_a_peer_that_closed_before_are_a_broken_pipe() {
    for look in ["write", "read", "take_error"] {
        let (a, b) = connection();
        let mark = acked(&a);
        drop(b);
        wait_readable(&a);
        assert_eq!(a.write(b"request").expect("the kernel takes them"), 7);
        wait_closed(&a);
        match look {
            "write" => assert_eq!(a.write(b"x").expect_err("over").kind(), ErrorKind::BrokenPipe),
            "read" => assert_eq!(a.read(&mut [0; 8]).expect("the end came first"), 0),
            _ => assert_eq!(take_error(&a).expect("over").kind(), ErrorKind::BrokenPipe),
        }
        assert_eq!(acked(&a), mark, "none were acknowledged");
    }
}

/// The error alone does not tell: here the peer took a part before it closed.
#[test]
fn bytes_after_a_part_that_the_peer_took_are_a_broken_pipe_too() {
    let (a, b) = connection();
    let mark = acked(&a);
    a.write(b"head").expect("write");
    read_exact(&b, 4);
    drop(b);
    wait_readable(&a);
    a.write(b"body").expect("the kernel takes them");
    wait_closed(&a);
    assert_eq!(take_error(&a).expect("over").kind(), ErrorKind::BrokenPipe);
    assert_eq!(acked(&a), mark + 4);
}

/// Exchanges messages until the kernels delay their acknowledgements, as they do on a connection
/// that is in use; returns the mark after that.
fn converse(a: &TcpStream, b: &TcpStream) -> u64 {
    for _ in 0..5 {
        a.write(b"request").expect("write");
        read_exact(b, 7);
        b.write(b"response").expect("write");
        read_exact(a, 8);
    }
    acked(a)
}

/// So at an end of the peer, nothing acknowledged means nothing received.
#[test]
fn an_end_acknowledges_all_that_the_peer_received() {
    let (a, b) = connection();
    let mark = converse(&a, &b);
    a.write(b"request").expect("write");
    read_exact(&b, 7);
    drop(b);
    read_end(&a);
    assert_eq!(acked(&a), mark + 7);
}

/// So after a reset, nothing acknowledged means nothing.
#[test]
fn a_reset_may_overtake_the_acknowledgement_of_what_the_peer_took() {
    eventually("a reset is first", || {
        let (a, b) = connection();
        let mark = converse(&a, &b);
        a.write(b"request").expect("write");
        read_exact(&b, 7);
        abort(b);
        wait_closed(&a);
        assert_eq!(take_error(&a).expect("over").kind(), ErrorKind::ConnectionReset);
        acked(&a) == mark
    });
}

/// The peer's kernel had taken our bytes when its program closed without reading them.
#[test]
fn bytes_that_the_peer_dropped_unread_are_a_reset() {
    for look_with_read in [true, false] {
        let (a, b) = connection();
        let mark = acked(&a);
        a.write(b"request").expect("write");
        eventually("acknowledged", || acked(&a) == mark + 7);
        drop(b);
        wait_readable(&a);
        let result = if look_with_read { a.read(&mut [0; 8]) } else { a.write(b"more") };
        assert_eq!(result.expect_err("a reset").kind(), ErrorKind::ConnectionReset);
        assert_eq!(acked(&a), mark + 7);
        assert!(take_error(&a).is_none(), "the read or write has cleared it");
        assert_eq!(a.write(b"more").expect_err("over").kind(), ErrorKind::BrokenPipe);
    }
}
