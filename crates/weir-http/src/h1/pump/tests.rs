use super::*;
use proptest::prelude::*;

const CHUNKED: &[u8] = b"5\r\nhello\r\n\
    A;name=\"va;lue\"\r\n0123456789\r\n\
    0003\r\nabc\r\n\
    1\r\n.\r\n\
    0;last\r\n\
    X-Sum:\t1 \r\nContent-Length: 9\r\nX-Other: 2\r\nX-Empty:\r\nx-forwarded-for: 6.6.6.6\r\n\r\n";

const REFRAMED: &[u8] = b"5\r\nhello\r\n\
    a\r\n0123456789\r\n\
    3\r\nabc\r\n\
    1\r\n.\r\n\
    0\r\n\
    X-Sum: 1\r\nX-Other: 2\r\nX-Empty: \r\n\r\n";

const PAYLOAD: &[u8] = b"hello0123456789abc.";

/// What a session does: reads into a small buffer, handles, writes a little, compacts.
struct Relay {
    pump: Pump,
    buf: Vec<u8>,
    unread: Range<usize>,
    output: Vec<u8>,
    /// Most bytes that one write takes.
    write: usize,
}

impl Relay {
    fn new(from: Framing, to: Framing, write: usize) -> Self {
        Self { pump: Pump::new(from, to), buf: Vec::new(), unread: 0..0, output: Vec::new(), write }
    }

    fn feed(&mut self, input: &[u8]) -> Result<(), BodyError> {
        self.buf.extend_from_slice(input);
        self.unread.end += input.len();
        loop {
            let before = self.unread.clone();
            self.pump.handle(&self.buf, &mut self.unread)?;
            let wrote = self.flush();
            if !wrote && before == self.unread {
                break;
            }
        }
        self.buf.drain(..self.unread.start);
        self.unread = 0..self.buf.len();
        Ok(())
    }

    fn flush(&mut self) -> bool {
        let mut wrote = false;
        while self.pump.has_pending() {
            let mut slices = [IoSlice::new(&[]); 3];
            let count = self.pump.slices(&self.buf, &mut slices);
            let bytes: Vec<u8> = slices[..count].iter().flat_map(|slice| slice.to_vec()).collect();
            assert!(!bytes.is_empty() && slices[..count].iter().all(|slice| !slice.is_empty()));
            let taken = bytes.len().min(self.write);
            self.output.extend_from_slice(&bytes[..taken]);
            self.pump.advance(taken);
            wrote = true;
        }
        wrote
    }
}

/// Input in pieces of the given sizes, repeated; then the end of the connection if asked.
fn relay(from: Framing, to: Framing, input: &[u8], sizes: &[usize], eof: bool) -> Relay {
    let mut relay = Relay::new(from, to, sizes[0]);
    let mut rest = input;
    for size in sizes.iter().cycle() {
        let (piece, after) = rest.split_at((*size).min(rest.len()));
        relay.feed(piece).unwrap();
        rest = after;
        if rest.is_empty() {
            break;
        }
    }
    if eof {
        relay.pump.handle_eof().unwrap();
        relay.flush();
    }
    relay
}

#[test]
fn every_reframing_gives_the_expected_bytes() {
    use Framing::{Chunked, Length, None as Nothing, UntilClose};
    let cases: [(_, _, &[u8], &[u8], _); 9] = [
        (Chunked, Chunked, CHUNKED, REFRAMED, false),
        (Chunked, UntilClose, CHUNKED, PAYLOAD, false),
        (Chunked, Nothing, CHUNKED, b"", false),
        (Length(19), Length(19), PAYLOAD, PAYLOAD, false),
        (Length(19), UntilClose, PAYLOAD, PAYLOAD, false),
        (Length(19), Nothing, PAYLOAD, b"", false),
        (UntilClose, UntilClose, PAYLOAD, PAYLOAD, true),
        (Length(19), Chunked, PAYLOAD, b"13\r\nhello0123456789abc.\r\n0\r\n\r\n", false),
        (UntilClose, Chunked, PAYLOAD, b"13\r\nhello0123456789abc.\r\n0\r\n\r\n", true),
    ];
    for (from, to, input, output, eof) in cases {
        let done = relay(from, to, input, &[1000], eof);
        assert_eq!(done.output.escape_ascii().to_string(), output.escape_ascii().to_string());
        assert!(done.pump.is_decoded() && done.pump.is_done(), "{from:?} to {to:?}");
        assert_eq!(done.pump.body_bytes(), PAYLOAD.len() as u64);
        assert_eq!(done.pump.raw_run(), None);
    }
}

#[test]
fn a_body_without_bytes_is_done_at_once() {
    for (from, to) in [
        (Framing::None, Framing::None),
        (Framing::Length(0), Framing::Length(0)),
        (Framing::Length(0), Framing::UntilClose),
    ] {
        let pump = Pump::new(from, to);
        assert!(pump.is_decoded() && pump.is_done() && !pump.has_pending());
    }
    let mut empty = Relay::new(Framing::Length(0), Framing::Chunked, 2);
    assert!(empty.pump.is_decoded() && !empty.pump.is_done());
    empty.flush();
    assert_eq!(empty.output, b"0\r\n\r\n");
    assert!(empty.pump.is_done());
}

#[test]
fn the_next_message_stays_unread() {
    for (from, text) in [
        (Framing::Length(3), &b"abc"[..]),
        (Framing::Chunked, b"3\r\nabc\r\n0\r\n\r\n"),
        (Framing::None, b""),
    ] {
        let input = [text, b"GET /next"].concat();
        let mut unread = 0..input.len();
        let mut pump = Pump::new(from, from);
        pump.handle(&input, &mut unread).unwrap();
        assert_eq!(&input[unread], b"GET /next");
        assert!(pump.is_decoded());
    }
}

#[test]
fn canonical_chunks_go_out_in_one_piece() {
    let mut unread = 0..REFRAMED.len();
    let mut pump = Pump::new(Framing::Chunked, Framing::Chunked);
    pump.handle(REFRAMED, &mut unread).unwrap();
    let mut slices = [IoSlice::new(&[]); 8];
    assert_eq!(pump.slices(REFRAMED, &mut slices), 1);
    assert_eq!(&*slices[0], REFRAMED);
}

#[test]
fn a_full_queue_stops_the_decoder() {
    let input = b"1;\r\na\r\n".repeat(50);
    let mut unread = 0..input.len();
    let mut pump = Pump::new(Framing::Chunked, Framing::Chunked);
    pump.handle(&input, &mut unread).unwrap();
    assert!(!unread.is_empty());
    let stopped = unread.start;
    pump.handle(&input, &mut unread).unwrap();
    assert_eq!(unread.start, stopped);
    pump.advance(input.len());
    assert!(!pump.has_pending());
    pump.handle(&input, &mut unread).unwrap();
    assert!(unread.start > stopped);
}

#[test]
fn an_early_end_is_truncation() {
    for (from, text) in [
        (Framing::Length(4), &b"abc"[..]),
        (Framing::Chunked, b""),
        (Framing::Chunked, b"3\r\nabc"),
        (Framing::Chunked, b"0\r\n"),
        (Framing::Chunked, b"0\r\na: b\r\n\r"),
    ] {
        let mut relay = Relay::new(from, from, 99);
        relay.feed(text).unwrap();
        assert_eq!(relay.pump.handle_eof(), Err(BodyError::Truncated));
        assert!(!relay.pump.is_decoded() && !relay.pump.is_done());
    }
    let mut done = relay(Framing::Length(3), Framing::Length(3), b"abc", &[1], false);
    assert_eq!(done.pump.handle_eof(), Ok(()));
}

#[test]
fn runs_can_bypass_the_buffer() {
    let mut pump = Pump::new(Framing::Length(10), Framing::Length(10));
    assert_eq!(pump.raw_run(), Some(10));
    pump.moved(4);
    pump.handle(b"ab", &mut (0..2)).unwrap();
    assert_eq!(pump.raw_run(), None, "output is pending");
    pump.advance(2);
    assert_eq!(pump.raw_run(), Some(4));
    pump.moved(4);
    assert!(pump.is_done());
    assert_eq!((pump.raw_run(), pump.body_bytes()), (None, 10));

    let mut endless = Pump::new(Framing::UntilClose, Framing::UntilClose);
    assert_eq!(endless.raw_run(), Some(u64::MAX));
    endless.moved(1 << 40);
    endless.handle_eof().unwrap();
    assert_eq!((endless.is_done(), endless.body_bytes()), (true, 1 << 40));

    assert_eq!(Pump::new(Framing::UntilClose, Framing::Chunked).raw_run(), None);
    assert_eq!(Pump::new(Framing::Length(9), Framing::Chunked).raw_run(), None);
    assert_eq!(Pump::new(Framing::Length(9), Framing::None).raw_run(), None);
    for to in [Framing::Chunked, Framing::UntilClose] {
        let mut inside = Pump::new(Framing::Chunked, to);
        inside.handle(b"9\r\na", &mut (0..4)).unwrap();
        inside.advance(4);
        assert_eq!((inside.has_pending(), inside.raw_run()), (false, None));
    }
}

#[test]
fn every_split_into_two_gives_the_same_bytes() {
    for at in 1..CHUNKED.len() {
        let sizes = [at, CHUNKED.len()];
        let done = relay(Framing::Chunked, Framing::Chunked, CHUNKED, &sizes, false);
        assert_eq!(done.output, REFRAMED, "split at {at}");
        assert!(done.pump.is_done());
    }
}

/// A chunked message in any legal spelling, and its canonical form.
fn message() -> impl Strategy<Value = (Vec<u8>, Vec<u8>)> {
    let extension = prop_oneof![Just(""), Just(";a"), Just(";b=c"), Just(";d=\"\\\";\"")];
    let chunk = (prop::collection::vec(any::<u8>(), 1..40), 0..4usize, extension, any::<bool>());
    let trailer = prop_oneof![Just("A: b"), Just("C:d\t"), Just("Host: x"), Just("E:")];
    let parts = (prop::collection::vec(chunk, 0..12), prop::collection::vec(trailer, 0..4));
    parts.prop_map(|(chunks, trailers)| {
        let (mut wire, mut canonical) = (Vec::new(), Vec::new());
        for (data, zeros, extension, upper) in chunks {
            let digits = format!("{:x}", data.len());
            let spelt = if upper { digits.to_ascii_uppercase() } else { digits.clone() };
            let line = format!("{}{spelt}{extension}\r\n", "0".repeat(zeros));
            wire.extend([line.as_bytes(), &data, b"\r\n"].concat());
            canonical.extend([digits.as_bytes(), b"\r\n", &data, b"\r\n"].concat());
        }
        wire.extend(b"0\r\n");
        canonical.extend(b"0\r\n");
        for line in trailers {
            wire.extend([line.as_bytes(), b"\r\n"].concat());
            let (name, value) = line.split_once(':').unwrap();
            if name != "Host" {
                canonical.extend(format!("{name}: {}\r\n", value.trim()).into_bytes());
            }
        }
        wire.extend(b"\r\n");
        canonical.extend(b"\r\n");
        (wire, canonical)
    })
}

proptest! {
    #[test]
    fn any_spelling_in_any_pieces_becomes_canonical(
        (wire, canonical) in message(),
        sizes in prop::collection::vec(1..30usize, 1..6),
    ) {
        let done = relay(Framing::Chunked, Framing::Chunked, &wire, &sizes, false);
        prop_assert_eq!(&done.output, &canonical);
        prop_assert!(done.pump.is_done());
        let again = relay(Framing::Chunked, Framing::Chunked, &canonical, &sizes, false);
        prop_assert_eq!(&again.output, &canonical);
    }

    #[test]
    fn new_chunks_carry_the_same_payload(
        payload in prop::collection::vec(any::<u8>(), 0..200),
        sizes in prop::collection::vec(1..30usize, 1..6),
    ) {
        let chunked = relay(Framing::UntilClose, Framing::Chunked, &payload, &sizes, true);
        prop_assert!(chunked.pump.is_done());
        let back = relay(Framing::Chunked, Framing::UntilClose, &chunked.output, &sizes, false);
        prop_assert_eq!(&back.output, &payload);
        prop_assert!(back.pump.is_done());
    }
}
