use std::io::ErrorKind;

use super::*;
use crate::testing::{
    abort, assert_closes_on_exec, connection, eventually, read_end, read_exact, take_error,
    wait_readable, wait_writable,
};

fn kind(result: io::Result<usize>) -> ErrorKind {
    result.expect_err("must fail").kind()
}

/// Writes all of it, whoever reads.
fn write_all(stream: &TcpStream, mut rest: &[u8]) {
    while !rest.is_empty() {
        wait_writable(stream);
        match stream.write(rest) {
            Ok(count) => rest = &rest[count..],
            Err(error) => assert_eq!(error.kind(), ErrorKind::WouldBlock),
        }
    }
}

#[test]
fn bytes_pass_from_one_connection_to_another() {
    let (client, front) = connection();
    let (back, server) = connection();
    let mut pipe = Pipe::new(100_000).expect("pipe");
    let sent: Vec<u8> = (0..300_000_u32).map(|n| (n % 251) as u8).collect();
    std::thread::scope(|scope| {
        let writer = scope.spawn(|| {
            write_all(&client, &sent);
            client.shutdown_write().expect("shutdown");
        });
        let reader = scope.spawn(|| {
            let received = read_exact(&server, sent.len());
            read_end(&server);
            received
        });
        loop {
            wait_readable(&front);
            let came = pipe.splice_from(&front, usize::MAX).expect("splice");
            if came == 0 {
                break;
            }
            while !pipe.is_empty() {
                wait_writable(&back);
                pipe.splice_to(&back, false).expect("splice");
            }
        }
        back.shutdown_write().expect("shutdown");
        writer.join().expect("writer");
        assert!(reader.join().expect("reader") == sent);
    });
}

#[test]
fn an_empty_source_would_block_and_a_limit_is_kept() {
    let (a, b) = connection();
    let (c, d) = connection();
    let mut pipe = Pipe::new(4096).expect("pipe");
    assert!(pipe.is_empty());
    assert_eq!(kind(pipe.splice_from(&b, 10)), ErrorKind::WouldBlock);
    assert_eq!(pipe.splice_to(&c, false).expect("nothing is no error"), 0);

    a.write(b"abcdef").expect("write");
    eventually("six bytes arrive", || b.peek(&mut [0; 8]).is_ok_and(|count| count == 6));
    assert_eq!(pipe.splice_from(&b, 4).expect("splice"), 4);
    assert!(!pipe.is_empty());
    assert_eq!(pipe.splice_to(&c, false).expect("splice"), 4);
    assert!(pipe.is_empty());
    assert_eq!(read_exact(&d, 4), b"abcd");
    assert_eq!(read_exact(&b, 2), b"ef");
}

#[test]
fn a_full_pipe_would_block_and_what_is_said_to_follow_follows() {
    let (a, b) = connection();
    let (c, d) = connection();
    let mut pipe = Pipe::new(4096).expect("pipe");
    write_all(&a, &[7; 20_000]);
    let mut held = 0;
    let error = loop {
        wait_readable(&b);
        match pipe.splice_from(&b, 20_000) {
            Ok(count) => held += count,
            Err(error) => break error,
        }
    };
    assert_eq!(error.kind(), ErrorKind::WouldBlock);
    assert!(held > 0 && held < 20_000);
    while !pipe.is_empty() {
        wait_writable(&c);
        pipe.splice_to(&c, true).expect("splice");
    }
    c.write(b"x").expect("write");
    assert_eq!(read_exact(&d, held + 1).last(), Some(&b'x'));
}

#[test]
fn a_size_that_the_kernel_refuses_leaves_its_own() {
    let (a, b) = connection();
    for size in [0, usize::MAX] {
        let mut pipe = Pipe::new(size).expect("pipe");
        a.write(b"abc").expect("write");
        wait_readable(&b);
        assert_eq!(pipe.splice_from(&b, 3).expect("splice"), 3);
    }
}

#[test]
fn both_ends_close_on_exec() {
    let pipe = Pipe::new(4096).expect("pipe");
    assert_closes_on_exec(&pipe.reader);
    assert_closes_on_exec(&pipe.writer);
}

#[test]
fn a_sink_that_is_gone_is_an_error_and_no_signal() {
    let (a, b) = connection();
    let (c, d) = connection();
    let mut pipe = Pipe::new(4096).expect("pipe");
    a.write(b"abc").expect("write");
    wait_readable(&b);
    pipe.splice_from(&b, 3).expect("splice");
    abort(d);
    eventually("the reset arrives", || take_error(&c).is_some());
    assert_eq!(kind(pipe.splice_to(&c, true)), ErrorKind::BrokenPipe);
    assert!(!pipe.is_empty(), "it still holds the bytes");
}
