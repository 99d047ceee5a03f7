use std::io::{ErrorKind, Read, Write};
use std::os::unix::net::UnixStream;

use super::*;
use crate::TcpStream;
use crate::testing::{assert_closes_on_exec, connection, interrupted, read_exact, wait_readable};

fn pair() -> (Channel, Channel) {
    let (ours, theirs) = Channel::pair().expect("pair");
    (ours, Channel::from_fd(theirs))
}

/// A channel and the bare socket at its other end.
fn with_raw_peer() -> (Channel, UnixStream) {
    let (channel, peer) = Channel::pair().expect("pair");
    (channel, UnixStream::from(peer))
}

/// The next frame, which must have arrived already.
fn next(channel: &mut Channel) -> Wiped {
    channel.recv().expect("recv").expect("a frame")
}

fn kind<T: std::fmt::Debug>(result: io::Result<T>) -> ErrorKind {
    result.expect_err("must be refused").kind()
}

#[test]
fn frames_arrive_whole_and_in_order() {
    let (mut a, mut b) = pair();
    assert!(b.recv().expect("recv").is_none());
    for frame in [&b"one"[..], b"", b"three"] {
        a.send(frame, None).expect("send");
    }
    assert!(!a.wants_write());
    assert_eq!([next(&mut b), next(&mut b), next(&mut b)], [&b"one"[..], b"", b"three"]);
    assert!(b.recv().expect("recv").is_none());
    assert!(b.take_fd().is_none());
}

#[test]
fn both_ends_close_on_exec() {
    let (ours, theirs) = Channel::pair().expect("pair");
    assert_closes_on_exec(&ours);
    assert_closes_on_exec(&theirs);
}

#[test]
fn the_wire_is_a_big_endian_length_and_the_bytes() {
    let (mut channel, mut peer) = with_raw_peer();
    channel.send(b"hello", None).expect("send");
    let mut wire = [0; 9];
    peer.read_exact(&mut wire).expect("read");
    assert_eq!(&wire, b"\0\0\0\x05hello");
}

#[test]
fn a_frame_may_come_byte_by_byte() {
    let (mut channel, mut peer) = with_raw_peer();
    for byte in b"\0\0\0\x03ab" {
        peer.write_all(&[*byte]).expect("write");
        assert!(channel.recv().expect("recv").is_none());
    }
    peer.write_all(b"c").expect("write");
    assert_eq!(next(&mut channel), b"abc");
}

#[test]
fn a_descriptor_is_there_no_later_than_its_frame_and_works() {
    let (mut a, mut b) = pair();
    let (connected, accepted) = connection();
    a.send(b"before", None).expect("send");
    a.send(b"with", Some(accepted.as_fd())).expect("send");
    a.send(b"after", None).expect("send");
    drop(accepted);

    assert_eq!([next(&mut b), next(&mut b)], [&b"before"[..], b"with"]);
    let fd = b.take_fd().expect("a descriptor");
    assert_closes_on_exec(&fd);
    assert_eq!(next(&mut b), b"after");
    assert!(b.take_fd().is_none());

    TcpStream::from(fd).write(b"through").expect("write");
    assert_eq!(read_exact(&connected, 7), b"through");
}

#[test]
fn descriptors_keep_the_order_of_their_frames() {
    let (mut a, mut b) = pair();
    let connections = [connection(), connection(), connection()];
    for (_, accepted) in &connections {
        a.send(b"", Some(accepted.as_fd())).expect("send");
    }
    for _ in &connections {
        assert_eq!(next(&mut b), b"");
    }
    for (number, (connected, _)) in connections.iter().enumerate() {
        let stream = TcpStream::from(b.take_fd().expect("a descriptor"));
        stream.write(&[number as u8]).expect("write");
        assert_eq!(read_exact(connected, 1), [number as u8]);
    }
}

#[test]
fn a_frame_larger_than_the_socket_takes_waits_its_turn() {
    let (mut a, mut b) = pair();
    let (_connected, accepted) = connection();
    let large: Vec<u8> = (0..3_000_000_u32).map(|n| (n % 253) as u8).collect();
    a.send(&large, Some(accepted.as_fd())).expect("send");
    assert!(a.wants_write());
    a.send(b"next", Some(accepted.as_fd())).expect("send");
    drop(accepted);

    let mut frames = Vec::new();
    while frames.len() < 2 {
        a.flush().expect("flush");
        wait_readable(&b);
        while let Some(frame) = b.recv().expect("recv") {
            frames.push(frame);
        }
    }
    assert!(!a.wants_write());
    assert!(frames[0] == large && frames[1] == b"next");
    assert!(b.take_fd().is_some() && b.take_fd().is_some() && b.take_fd().is_none());
}

#[test]
fn a_full_queue_refuses_and_recovers() {
    let (mut a, mut b) = pair();
    a.most_waiting = 3_000_000;
    let frame = vec![7; 1_000_000];
    let mut sent = 0;
    while a.send(&frame, None).is_ok() {
        sent += 1;
    }
    assert_eq!(kind(a.send(&frame, None)), ErrorKind::QuotaExceeded);

    let mut received = 0;
    while received < sent {
        a.flush().expect("flush");
        while let Some(whole) = b.recv().expect("recv") {
            assert!(whole == frame);
            received += 1;
        }
    }
    assert!(!a.wants_write() && sent >= 2);
    a.send(b"again", None).expect("send");
    assert_eq!(next(&mut b), b"again");
}

#[test]
fn a_frame_that_the_other_end_would_refuse_is_not_sent() {
    let (mut a, mut b) = pair();
    let result = a.send(&vec![0; LONGEST_FRAME + 1], None);
    assert_eq!(kind(result), ErrorKind::InvalidInput);
    a.send(b"usable", None).expect("send");
    assert_eq!(next(&mut b), b"usable");
}

#[test]
fn a_length_over_the_limit_is_refused_before_memory_is_taken() {
    let (mut channel, mut peer) = with_raw_peer();
    peer.write_all(b"\xff\xff\xff\xff").expect("write");
    assert_eq!(kind(channel.recv()), ErrorKind::InvalidData);
    assert_eq!(kind(channel.recv()), ErrorKind::InvalidData, "the channel is lost");
}

#[test]
fn more_descriptors_than_a_frame_has_are_an_error() {
    let (mut channel, peer) = with_raw_peer();
    let fds = [peer.as_fd(); 64];
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(64))];
    let mut control = SendAncillaryBuffer::new(&mut space);
    assert!(control.push(SendAncillaryMessage::ScmRights(&fds)));
    let bytes = [IoSlice::new(b"\0\0\0\0")];
    sendmsg(&peer, &bytes, &mut control, SendFlags::empty()).expect("send");
    assert!(channel.recv().is_err());
}

#[test]
fn what_was_sent_before_the_end_arrives_and_then_the_end() {
    let (mut a, mut b) = pair();
    a.send(b"last", None).expect("send");
    drop(a);
    assert_eq!(next(&mut b), b"last");
    assert_eq!(kind(b.recv()), ErrorKind::UnexpectedEof);
    assert_eq!(kind(b.recv()), ErrorKind::UnexpectedEof, "and again");

    let (mut channel, mut peer) = with_raw_peer();
    peer.write_all(b"\0\0\0\x05he").expect("write");
    drop(peer);
    assert_eq!(kind(channel.recv()), ErrorKind::UnexpectedEof, "in the middle of a frame");
    assert_eq!(kind(channel.send(b"x", None)), ErrorKind::BrokenPipe, "and no signal");
}

#[test]
fn what_was_sent_before_the_end_arrives_though_the_sender_read_nothing() {
    let (mut a, mut b) = pair();
    b.send(b"unread by a peer that is gone", None).expect("send");
    a.send(b"last", None).expect("send");
    drop(a);
    assert_eq!(next(&mut b), b"last");
    assert!(b.recv().is_err());
}

#[test]
fn signals_do_not_break_frames() {
    let (mut a, mut b) = pair();
    let frames = interrupted(move || {
        let mut frames = 0;
        for number in 0..2000_u32 {
            a.send(&number.to_be_bytes(), None).expect("send");
            while let Some(frame) = b.recv().expect("recv") {
                assert_eq!(frame, u32::to_be_bytes(frames));
                frames += 1;
            }
        }
        frames
    });
    assert_eq!(frames, 2000);
}
