//! The invariants that the fuzz targets assert, over their committed corpora and over random bytes,
//! and what a decoder of frames promises beyond them.

use std::io::{self, Read};

use proptest::prelude::*;
use weir_proto::blocking::{self, Error};
use weir_proto::frame::{self, Decoder, FrameError};
use weir_proto::request::RequestType;
use weir_proto::{Request, Response};
use weir_testkit::corpus::replay;

#[expect(unreachable_pub, reason = "the fuzz package has them as its interface")]
#[path = "../../../fuzz/src/proto.rs"]
mod invariants;

/// Bytes that mean something here, and others.
const BYTES: &[u8] = &[0, 1, b'\n', b'"', 0x7f, 0x80, 0xff];

#[test]
fn frames_of_the_corpus() {
    replay("proto_frames", BYTES, invariants::frames);
}

#[test]
fn messages_of_the_corpus() {
    replay("proto_message", BYTES, invariants::message);
}

#[test]
fn state_files_of_the_corpus() {
    replay("proto_state", BYTES, invariants::state);
}

/// The frames of these paths, behind each other.
fn stream(paths: &[String]) -> Vec<u8> {
    let mut stream = Vec::new();
    for path in paths {
        let request = Request::from(RequestType::SaveState(path.clone()));
        frame::encode(&request, frame::DEFAULT_LIMIT, &mut stream).expect("short");
    }
    stream
}

/// Gives its bytes in pieces of these sizes, then one by one.
struct Pieces<'a>(&'a [u8], std::vec::IntoIter<usize>);

impl Read for Pieces<'_> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let size = self.1.next().unwrap_or(1).min(into.len());
        self.0.read(&mut into[..size])
    }
}

proptest! {
    #[test]
    fn random_bytes_panic_nowhere(data in proptest::collection::vec(any::<u8>(), 0..512)) {
        invariants::frames(&data);
        invariants::message(&data);
        invariants::state(&data);
    }

    #[test]
    fn messages_come_in_order_however_the_stream_is_cut(
        paths in proptest::collection::vec("[a-z]{0,300}", 0..20),
        sizes in proptest::collection::vec(1..1000_usize, 0..20),
    ) {
        let bytes = stream(&paths);
        let mut from = Pieces(&bytes, sizes.into_iter());
        let mut decoder = Decoder::new(frame::DEFAULT_LIMIT);
        for path in paths {
            let request: Option<Request> = blocking::receive(&mut from, &mut decoder).expect("one");
            prop_assert_eq!(request, Some(RequestType::SaveState(path).into()));
        }
        let end: Option<Request> = blocking::receive(&mut from, &mut decoder).expect("the end");
        prop_assert_eq!(end, None);
    }
}

#[test]
fn a_length_that_is_too_short_is_skipped() {
    let mut decoder = Decoder::new(100);
    decoder.handle(&7_u64.to_le_bytes());
    decoder.handle(&0_u64.to_le_bytes());
    decoder.handle(b"\x0a\0\0\0\0\0\0\0\x62\0");
    assert_eq!(decoder.poll(), Err(FrameError::TooShort { length: 7 }));
    assert_eq!(decoder.poll(), Err(FrameError::TooShort { length: 0 }));
    assert_eq!(decoder.poll(), Ok(Some(&[0x62, 0][..])));
    assert_eq!(decoder.poll(), Ok(None));
    assert!(decoder.is_empty());
}

#[test]
fn an_empty_message_is_the_shortest() {
    let mut decoder = Decoder::new(8);
    decoder.handle(&8_u64.to_le_bytes());
    assert_eq!(decoder.poll(), Ok(Some(&[][..])));
}

#[test]
fn a_length_that_is_too_large_is_the_end() {
    for (length, fits) in [(100, true), (101, false), (u64::MAX, false)] {
        let mut decoder = Decoder::new(100);
        decoder.handle(&length.to_le_bytes());
        let error = Err(FrameError::TooLarge { length, limit: 100 });
        assert_eq!(decoder.poll(), if fits { Ok(None) } else { error });
        decoder.handle(&[0; 92]);
        let frame = [0; 92];
        assert_eq!(decoder.poll(), if fits { Ok(Some(&frame[..])) } else { error });
        assert_eq!(decoder.poll(), if fits { Ok(None) } else { error });
    }
}

#[test]
fn what_is_too_long_is_not_sent() {
    let mut sent = b"before".to_vec();
    let response = Response::failure("a".repeat(88));
    let error = FrameError::TooLarge { length: 100, limit: 99 };
    assert_eq!(frame::encode(&response, 99, &mut sent), Err(error));
    assert_eq!(sent, b"before");
    assert_eq!(frame::encode(&response, 100, &mut sent), Ok(()));
    assert!(blocking::send(&mut sent, &response, 99).is_err());
    assert_eq!(sent.len(), 106);
}

#[test]
fn a_stream_that_ends_in_a_message_was_cut() {
    let bytes = stream(&["path".into()]);
    for length in 1..bytes.len() {
        let mut decoder = Decoder::new(100);
        let received = blocking::receive::<Request>(&mut &bytes[..length], &mut decoder);
        assert!(matches!(received, Err(Error::Cut)), "{length}");
    }
}

#[test]
fn a_stream_can_go_on_after_a_timeout() {
    struct Slow<'a>(&'a [u8], bool);
    impl Read for Slow<'_> {
        fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
            self.1 = !self.1;
            if self.1 { self.0.read(&mut into[..3]) } else { Err(io::ErrorKind::TimedOut.into()) }
        }
    }
    let bytes = stream(&["path".into()]);
    let (mut from, mut decoder) = (Slow(&bytes, false), Decoder::new(100));
    let mut timeouts = 0;
    let received = loop {
        match blocking::receive::<Request>(&mut from, &mut decoder) {
            Err(Error::Io(error)) if error.kind() == io::ErrorKind::TimedOut => timeouts += 1,
            other => break other.expect("a message"),
        }
    };
    assert_eq!(received, Some(RequestType::SaveState("path".into()).into()));
    assert_eq!(timeouts, bytes.len() / 3);
}
