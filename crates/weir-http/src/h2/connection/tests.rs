use std::time::Duration;

use proptest::prelude::*;

use super::super::frame;
use super::*;
use crate::h2::Priority;

pub(super) fn options(role: Role) -> Options {
    Options {
        role,
        most_streams: 4,
        ours: Ours {
            header_table: 4_096,
            max_streams: 4,
            connect_protocol: true,
            window: 1_000,
            connection_window: 65_535,
            header_list: 4_000,
        },
        encoder_table: 4_096,
        head: HeadLimits { text: 2_000, list: 4_000, fields: 40 },
        floods: floods::Limits::default(),
    }
}

/// A connection and what the peer has sent it.
pub(super) struct Peer {
    pub(super) connection: Connection,
    pub(super) now: Instant,
    pub(super) text: Vec<u8>,
    encoder: Encoder,
}

impl Peer {
    /// The preface and empty settings have come.
    pub(super) fn new() -> Self {
        let mut server = Self::fresh();
        server.feed(PREFACE).unwrap();
        server.feed(&frame(Kind::Settings, 0, 0, b"")).unwrap();
        server.connection.control().clear();
        server
    }

    fn fresh() -> Self {
        let now = Instant::default();
        let connection = Connection::new(options(Role::Server), now);
        Self { connection, now, text: Vec::new(), encoder: Encoder::new() }
    }

    /// The other end: it has opened streams 1 and 3, and the peer's settings have come.
    fn client() -> Self {
        let now = Instant::default();
        let mut connection = Connection::new(options(Role::Client), now);
        for wanted in [1, 3] {
            let id = connection.open(wanted == 3).unwrap();
            assert_eq!(id, wanted);
            connection.write_head(id, b"", wanted == 1, &mut Vec::new());
        }
        assert!(connection.control().starts_with(PREFACE));
        let mut client = Self { connection, now, text: Vec::new(), encoder: Encoder::new() };
        client.feed(&frame(Kind::Settings, 0, 0, b"")).unwrap();
        client.connection.control().clear();
        client
    }

    fn heads(&mut self, id: u32, fields: &[(&str, &str)], end: bool) -> Vec<Event> {
        let block = self.block(fields);
        let flags = flag::END_HEADERS | if end { flag::END_STREAM } else { 0 };
        self.feed(&frame(Kind::Headers, flags, id, &block)).unwrap()
    }

    /// Everything that comes of bytes.
    pub(super) fn feed(&mut self, mut bytes: &[u8]) -> Result<Vec<Event>, Fault> {
        let mut events = Vec::new();
        while !bytes.is_empty() {
            let step = self.connection.receive(bytes, self.now, &mut self.text)?;
            if step.event != Event::Nothing {
                events.push(step.event);
            }
            if step.consumed == 0 {
                break;
            }
            bytes = &bytes[step.consumed..];
        }
        Ok(events)
    }

    fn block(&mut self, fields: &[(&str, &str)]) -> Vec<u8> {
        let mut block = Vec::new();
        self.encoder.begin(&mut block);
        for (name, value) in fields {
            self.encoder.field(name.as_bytes(), &[value.as_bytes()], false, &mut block);
        }
        block
    }

    pub(super) fn get(&mut self, more: &[(&str, &str)]) -> Vec<u8> {
        let get = [(":method", "POST"), (":scheme", "https"), (":authority", "h"), (":path", "/")];
        self.block(&[&get[..], more].concat())
    }

    /// Opens a stream whose body is still to come.
    fn open(&mut self, id: u32) -> Vec<Event> {
        let block = self.get(&[]);
        self.feed(&frame(Kind::Headers, flag::END_HEADERS, id, &block)).unwrap()
    }

    /// The frames that wait to be sent.
    fn said(&mut self) -> Vec<(Kind, u32, Vec<u8>)> {
        let mut bytes = std::mem::take(self.connection.control());
        let mut frames = Vec::new();
        while let Some(header) = Header::parse(&bytes) {
            let rest = bytes.split_off(HEADER + header.len);
            frames.push((header.kind, header.stream, bytes.split_off(HEADER)));
            bytes = rest;
        }
        frames
    }

    fn was_reset(&mut self, id: u32, code: Code) -> bool {
        let code = code.number().to_be_bytes().to_vec();
        self.said().contains(&(Kind::RstStream, id, code))
    }
}

pub(super) fn frame(kind: Kind, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    frame::write(kind, flags, stream, payload, &mut out);
    out
}

fn code(result: Result<Vec<Event>, Fault>) -> Code {
    result.unwrap_err().code()
}

#[test]
fn a_request_comes_with_its_body_and_is_answered() {
    let mut server = Peer::new();
    let block = server.get(&[("content-length", "7"), ("priority", "u=1")]);
    let priority = Some(Priority { urgency: 1, incremental: false });
    let told = Told { length: Some(7), priority, is_extended_connect: false };
    let request = Event::Request { stream: 1, told, end: false };
    assert_eq!(server.feed(&frame(Kind::Headers, flag::END_HEADERS, 1, &block)), Ok(vec![request]));
    assert!(server.text.starts_with(b"POST / HTTP/1.1\r\nhost: h\r\ncontent-length: 7\r\n"));
    let padded = [&[3][..], b"body", &[0; 3]].concat();
    let data = |start, len, end| Event::Data { stream: 1, start, len, end };
    let first = frame(Kind::Data, flag::PADDED, 1, &padded);
    assert_eq!(server.feed(&first), Ok(vec![data(10, 4, false)]));
    let last = frame(Kind::Data, flag::END_STREAM, 1, b"end");
    assert_eq!(server.feed(&last), Ok(vec![data(9, 3, true)]));
    let mut out = Vec::new();
    server.connection.write_head(1, b"block", false, &mut out);
    assert_eq!(server.connection.sendable(1), 16_384);
    server.connection.data_header(1, 10, true);
    assert!(!server.connection.is_open(1));
}

#[test]
fn a_frame_may_come_byte_by_byte_and_data_in_parts() {
    let mut server = Peer::fresh();
    let block = server.get(&[]);
    let all = [
        &PREFACE[..],
        &frame(Kind::Settings, 0, 0, b""),
        &frame(Kind::Headers, 0, 1, &block[..2]),
        &frame(Kind::Continuation, flag::END_HEADERS, 1, &block[2..]),
        &frame(Kind::Data, flag::END_STREAM | flag::PADDED, 1, b"\x02bodyxx"),
    ]
    .concat();
    let (mut held, mut body, mut ends) = (Vec::new(), Vec::new(), 0);
    for byte in all {
        held.push(byte);
        let step = server.connection.receive(&held, server.now, &mut server.text).unwrap();
        if let Event::Data { start, len, end, .. } = step.event {
            body.extend_from_slice(&held[start..start + len]);
            ends += usize::from(end);
        }
        held.drain(..step.consumed);
    }
    assert_eq!((&body[..], ends, held.len()), (&b"body"[..], 1, 0));
}

#[test]
fn windows_are_given_back_as_bytes_are_read() {
    let mut server = Peer::new();
    server.open(1);
    server.feed(&frame(Kind::Data, 0, 1, &[0; 600])).unwrap();
    server.connection.consumed(1, 499);
    assert_eq!(server.said(), []);
    server.connection.consumed(1, 101);
    assert_eq!(server.said(), [(Kind::WindowUpdate, 1, 600_u32.to_be_bytes().to_vec())]);
    server.feed(&frame(Kind::Data, 0, 1, &[0; 1_000])).unwrap();
    server.feed(&frame(Kind::Data, 0, 1, &[0; 1])).unwrap();
    assert!(server.was_reset(1, Code::FlowControlError));
}

#[test]
fn what_was_reset_counts_as_read() {
    let mut server = Peer::new();
    for id in [1, 3, 5] {
        server.open(id);
        for _ in 0..12 {
            server.feed(&frame(Kind::Data, 0, id, &[0; 1_000])).unwrap();
        }
    }
    let given: u32 = server
        .said()
        .iter()
        .filter(|(kind, stream, _)| (*kind, *stream) == (Kind::WindowUpdate, 0))
        .map(|(_, _, bytes)| u32::from_be_bytes(bytes[..].try_into().unwrap()))
        .sum();
    assert!(given >= 30_000, "{given}");
}

#[test]
fn the_peers_windows_bound_what_is_sent() {
    let mut server = Peer::new();
    let settings = [&4_u16.to_be_bytes()[..], &10_u32.to_be_bytes()].concat();
    server.feed(&frame(Kind::Settings, 0, 0, &settings)).unwrap();
    server.open(1);
    assert_eq!(server.connection.sendable(1), 10);
    server.connection.data_header(1, 10, false);
    assert_eq!(server.connection.sendable(1), 0);
    let update = frame(Kind::WindowUpdate, 0, 1, &5_u32.to_be_bytes());
    assert_eq!(server.feed(&update), Ok(vec![Event::Window { stream: 1 }]));
    let larger = [&4_u16.to_be_bytes()[..], &30_u32.to_be_bytes()].concat();
    let settings = frame(Kind::Settings, 0, 0, &larger);
    assert_eq!(server.feed(&settings), Ok(vec![Event::Window { stream: 0 }]));
    assert_eq!(server.connection.sendable(1), 25);
}

#[test]
fn rules_of_the_connection_end_it() {
    let cases: [(&[u8], Code); 14] = [
        (&frame(Kind::Data, 0, 0, b"x"), Code::ProtocolError),
        (&frame(Kind::Data, 0, 1, b"x"), Code::ProtocolError),
        (&frame(Kind::Headers, flag::END_HEADERS, 2, b"\x82"), Code::ProtocolError),
        (&frame(Kind::Headers, flag::END_HEADERS, 0, b"\x82"), Code::ProtocolError),
        (&frame(Kind::Headers, flag::END_HEADERS, 1, b"\xff"), Code::CompressionError),
        (&frame(Kind::Continuation, flag::END_HEADERS, 1, b""), Code::ProtocolError),
        (&frame(Kind::RstStream, 0, 1, &[0; 4]), Code::ProtocolError),
        (&frame(Kind::RstStream, 0, 1, &[0; 3]), Code::FrameSizeError),
        (&frame(Kind::Ping, 0, 0, &[0; 7]), Code::FrameSizeError),
        (&frame(Kind::Ping, 0, 1, &[0; 8]), Code::ProtocolError),
        (&frame(Kind::Settings, flag::ACK, 0, &[0; 6]), Code::FrameSizeError),
        (&frame(Kind::PushPromise, 0, 1, &[0; 4]), Code::ProtocolError),
        (&frame(Kind::WindowUpdate, 0, 0, &[0; 4]), Code::ProtocolError),
        (&[0, 64, 1, 0, 0, 0, 0, 0, 1], Code::FrameSizeError),
    ];
    for (bytes, wanted) in cases {
        assert_eq!(code(Peer::new().feed(bytes)), wanted, "{bytes:?}");
    }
    assert_eq!(code(Peer::fresh().feed(b"GET / HTTP/1.1\r\n")), Code::ProtocolError);
    let early = [&PREFACE[..], &frame(Kind::Ping, 0, 0, &[0; 8])].concat();
    assert_eq!(code(Peer::fresh().feed(&early)), Code::ProtocolError);
    let mut server = Peer::new();
    let block = server.get(&[]);
    server.feed(&frame(Kind::Headers, 0, 1, &block)).unwrap();
    assert_eq!(code(server.feed(&frame(Kind::Ping, 0, 0, &[0; 8]))), Code::ProtocolError);
    let overflow = frame(Kind::WindowUpdate, 0, 0, &0x7fff_ffff_u32.to_be_bytes());
    assert_eq!(code(Peer::new().feed(&overflow)), Code::FlowControlError);
}

#[test]
fn a_bad_head_costs_its_stream_only() {
    let mut server = Peer::new();
    let bad = server.get(&[("connection", "close")]);
    assert_eq!(server.feed(&frame(Kind::Headers, flag::END_HEADERS, 1, &bad)), Ok(vec![]));
    assert!(server.was_reset(1, Code::ProtocolError));
    let long = "x".repeat(3_000);
    let large = server.get(&[("a", &long)]);
    assert_eq!(server.feed(&frame(Kind::Headers, flag::END_HEADERS, 3, &large)), Ok(vec![]));
    assert!(server.was_reset(3, Code::EnhanceYourCalm));
    let short = server.get(&[("content-length", "1")]);
    let flags = flag::END_HEADERS | flag::END_STREAM;
    assert_eq!(server.feed(&frame(Kind::Headers, flags, 5, &short)), Ok(vec![]));
    assert!(server.was_reset(5, Code::ProtocolError));
    assert_eq!(server.open(7).len(), 1, "the next one is served");
}

#[test]
fn a_body_has_the_length_that_it_was_said_to_have() {
    let say = |server: &mut Peer, id, length: &str| {
        let block = server.get(&[("content-length", length)]);
        server.feed(&frame(Kind::Headers, flag::END_HEADERS, id, &block)).unwrap();
    };
    let mut server = Peer::new();
    say(&mut server, 1, "3");
    server.feed(&frame(Kind::Data, 0, 1, b"four")).unwrap();
    assert!(server.was_reset(1, Code::ProtocolError));
    say(&mut server, 3, "5");
    server.feed(&frame(Kind::Data, flag::END_STREAM, 3, b"four")).unwrap();
    assert!(server.was_reset(3, Code::ProtocolError));
    say(&mut server, 5, "5");
    let trailers = server.block(&[("x-sum", "1")]);
    let flags = flag::END_HEADERS | flag::END_STREAM;
    let events = server.feed(&frame(Kind::Headers, flags, 5, &trailers)).unwrap();
    assert_eq!(events, [Event::Reset { stream: 5, code: Code::ProtocolError }]);
}

#[test]
fn trailers_end_a_request() {
    let mut server = Peer::new();
    server.open(1);
    let trailers = server.block(&[("x-sum", "1")]);
    let flags = flag::END_HEADERS | flag::END_STREAM;
    let events = server.feed(&frame(Kind::Headers, flags, 1, &trailers));
    assert_eq!(events, Ok(vec![Event::End { stream: 1 }]));
    let again = frame(Kind::Data, 0, 1, b"x");
    server.feed(&again).unwrap();
    assert!(server.was_reset(1, Code::StreamClosed));
}

#[test]
fn streams_beyond_the_limit_are_refused() {
    let mut server = Peer::new();
    for id in [1, 3, 5, 7] {
        assert_eq!(server.open(id).len(), 1);
    }
    assert_eq!(server.open(9), []);
    assert!(server.was_reset(9, Code::RefusedStream));
    server.feed(&frame(Kind::RstStream, 0, 3, &[0; 4])).unwrap();
    assert_eq!(server.open(11).len(), 1);
}

#[test]
fn after_go_away_nothing_new_is_served() {
    let mut server = Peer::new();
    server.open(1);
    let answer = |payload: &[u8]| frame(Kind::Ping, flag::ACK, 0, payload);
    server.feed(&answer(FAREWELL)).unwrap();
    assert!(!server.connection.has_gone_away(), "nobody was warned");
    server.connection.warn_of_end();
    assert_eq!(server.open(3).len(), 1, "it was under way");
    server.feed(&answer(b"another.")).unwrap();
    assert!(!server.connection.has_gone_away());
    server.feed(&answer(FAREWELL)).unwrap();
    server.feed(&answer(FAREWELL)).unwrap();
    assert_eq!(server.open(5), []);
    let said = server.said();
    let kinds: Vec<_> = said.iter().map(|(kind, _, bytes)| (*kind, bytes[3])).collect();
    assert_eq!(kinds, [(Kind::GoAway, 0xff), (Kind::Ping, b'e'), (Kind::GoAway, 3)]);
    assert!(server.connection.is_open(3));
}

/// Sends the same thing again and again; how often until the connection ends.
fn flood(server: &mut Peer, mut make: impl FnMut(&mut Peer, u32) -> Vec<u8>) -> u32 {
    for round in 0..2_000 {
        let bytes = make(server, round);
        match server.feed(&bytes) {
            Ok(_) => server.connection.control().clear(),
            Err(fault) => {
                assert_eq!(fault.code(), Code::EnhanceYourCalm, "{fault}");
                return round;
            }
        }
    }
    panic!("nothing ends it")
}

#[test]
fn floods_end_the_connection() {
    let ping = |_: &mut Peer, _| frame(Kind::Ping, 0, 0, &[0; 8]);
    assert_eq!(flood(&mut Peer::new(), ping), 100);
    let settings = |_: &mut Peer, _| frame(Kind::Settings, 0, 0, b"");
    assert_eq!(flood(&mut Peer::new(), settings), 49, "one came first");
    let pong = |_: &mut Peer, _| frame(Kind::Ping, flag::ACK, 0, &[0; 8]);
    assert_eq!(flood(&mut Peer::new(), pong), 100);
    let taken = |_: &mut Peer, _| frame(Kind::Settings, flag::ACK, 0, b"");
    assert_eq!(flood(&mut Peer::new(), taken), 49);
    let farewell = |_: &mut Peer, _| frame(Kind::GoAway, 0, 0, &[0; 8]);
    assert_eq!(flood(&mut Peer::new(), farewell), 100);
    let unknown = |_: &mut Peer, _| frame(Kind::Unknown, 0, 0, b"x");
    assert_eq!(flood(&mut Peer::new(), unknown), 100);
    let priority = |_: &mut Peer, _| frame(Kind::Priority, 0, 1, &[0; 5]);
    assert_eq!(flood(&mut Peer::new(), priority), 100);
    let update = |_: &mut Peer, _| frame(Kind::WindowUpdate, 0, 0, &1_u32.to_be_bytes());
    assert_eq!(flood(&mut Peer::new(), update), 100);
    let mut server = Peer::new();
    server.open(1);
    assert_eq!(flood(&mut server, |_, _| frame(Kind::Data, 0, 1, b"")), 100);
}

#[test]
fn rapid_resets_end_the_connection() {
    let rapid = |server: &mut Peer, round| {
        let id = 2 * round + 1;
        let block = server.get(&[]);
        let open = frame(Kind::Headers, flag::END_HEADERS, id, &block);
        [open, frame(Kind::RstStream, 0, id, &[0; 4])].concat()
    };
    assert_eq!(flood(&mut Peer::new(), rapid), 50);
}

#[test]
fn making_us_reset_ends_the_connection() {
    let mut server = Peer::new();
    let provoke = |server: &mut Peer, round| {
        let id = 2 * round + 1;
        server.now = server.now + Duration::from_secs(1);
        let block = server.get(&[]);
        let open = frame(Kind::Headers, flag::END_HEADERS, id, &block);
        [open, frame(Kind::WindowUpdate, 0, id, &[0; 4])].concat()
    };
    assert_eq!(flood(&mut server, provoke), 500);
}

#[test]
fn a_block_without_end_ends_the_connection() {
    let mut server = Peer::new();
    server.feed(&frame(Kind::Headers, 0, 1, b"")).unwrap();
    let next = |_: &mut Peer, _| frame(Kind::Continuation, 0, 1, b"");
    assert_eq!(flood(&mut server, next), 20);
}

#[test]
fn a_bomb_is_not_unpacked() {
    let mut server = Peer::new();
    let big = "x".repeat(500);
    let block = server.get(&[("a", &big)]);
    server.feed(&frame(Kind::Headers, flag::END_HEADERS, 1, &block)).unwrap();
    server.connection.control().clear();
    // The entry just made, again and again: 16 MB of names and values.
    let bomb = [&[0x82, 0x87, 0x84][..], &[0xbe; 16_000]].concat();
    server.feed(&frame(Kind::Headers, flag::END_HEADERS, 3, &bomb)).unwrap();
    assert!(server.was_reset(3, Code::EnhanceYourCalm));
    assert!(server.text.len() <= 2_000);
}

fn any_frame() -> impl Strategy<Value = Vec<u8>> {
    let kinds = prop::sample::select(vec![
        Kind::Data,
        Kind::Headers,
        Kind::Priority,
        Kind::RstStream,
        Kind::Settings,
        Kind::Ping,
        Kind::GoAway,
        Kind::WindowUpdate,
        Kind::Continuation,
        Kind::PriorityUpdate,
        Kind::Unknown,
    ]);
    let payload = prop_oneof![
        prop::collection::vec(any::<u8>(), 0..12),
        Just(vec![0x83, 0x87, 0x84, 0x41, 0x01, b'h']),
        Just(vec![0, 0, 0, 1]),
        Just(vec![]),
    ];
    let flags = prop::sample::select(vec![0, 1, 4, 5, 8, 13, 32, 37]);
    (kinds, flags, 0..8_u32, payload)
        .prop_map(|(kind, flags, stream, payload)| frame(kind, flags, stream, &payload))
}

#[test]
fn a_response_comes_in_parts() {
    let mut client = Peer::client();
    let events = client.heads(1, &[(":status", "103"), ("link", "x")], false);
    assert_eq!(events, [Event::Response { stream: 1, length: None, end: false }]);
    assert_eq!(client.text, b"HTTP/1.1 103 \r\nlink: x\r\n\r\n");
    let events = client.heads(1, &[(":status", "200"), ("content-length", "4")], false);
    assert_eq!(events, [Event::Response { stream: 1, length: Some(4), end: false }]);
    let events = client.feed(&frame(Kind::Data, 0, 1, b"body")).unwrap();
    assert_eq!(events, [Event::Data { stream: 1, start: 9, len: 4, end: false }]);
    assert_eq!(client.heads(1, &[("x-sum", "1")], true), [Event::End { stream: 1 }]);
    assert_eq!(client.text, b"x-sum: 1\r\n");
    assert!(!client.connection.is_open(1));
    // The one to HEAD tells of a body that does not come.
    let events = client.heads(3, &[(":status", "200"), ("content-length", "4")], true);
    assert_eq!(events, [Event::Response { stream: 3, length: None, end: true }]);
    assert!(client.connection.is_open(3), "the request is not complete");
    client.connection.sent_end(3);
    assert_eq!(client.connection.open_streams(), 0);
}

#[test]
fn a_response_that_breaks_a_rule_costs_its_stream() {
    let ok = (":status", "200");
    for (fields, end) in [
        (&[("server", "x")][..], false),
        (&[(":status", "100")], true),
        (&[(":status", "101")], false),
        (&[ok, ("content-length", "4")], true),
        (&[ok, ("transfer-encoding", "chunked")], false),
    ] {
        let mut client = Peer::client();
        let code = Code::ProtocolError;
        assert_eq!(client.heads(1, fields, end), [Event::Reset { stream: 1, code }]);
        assert!(client.was_reset(1, code), "{fields:?}");
    }
    let mut client = Peer::client();
    let push = frame(Kind::PushPromise, flag::END_HEADERS, 1, &[0, 0, 0, 2]);
    assert_eq!(code(client.feed(&push)), Code::ProtocolError);
    let mut client = Peer::client();
    let block = client.block(&[ok]);
    let unasked = frame(Kind::Headers, flag::END_HEADERS, 5, &block);
    assert_eq!(code(client.feed(&unasked)), Code::ProtocolError);
}

#[test]
fn a_server_that_goes_away_tells_which_streams_it_serves() {
    let mut client = Peer::client();
    assert_eq!(client.connection.room(), 2);
    let goaway = |last: u32| [&last.to_be_bytes()[..], &[0; 4]].concat();
    let events = client.feed(&frame(Kind::GoAway, 0, 0, &goaway(1))).unwrap();
    assert_eq!(events, [Event::GoAway { last: 1 }]);
    assert!(client.connection.is_open(1) && !client.connection.is_open(3));
    assert_eq!((client.connection.room(), client.connection.open(false)), (0, None));
    assert_eq!(client.heads(1, &[(":status", "200")], true).len(), 1);
}

#[test]
fn a_server_says_how_many_streams_it_takes() {
    let mut client = Peer::client();
    let settings = [&[0, 3, 0, 0, 0, 3][..], &[0, 8, 0, 0, 0, 1]].concat();
    client.feed(&frame(Kind::Settings, 0, 0, &settings)).unwrap();
    assert_eq!(client.connection.room(), 1);
    assert!(client.connection.theirs().is_some_and(|theirs| theirs.connect_protocol));
    assert_eq!(client.connection.open(false), Some(5));
    assert_eq!(client.connection.open(false), None);
}

#[test]
fn a_wide_window_takes_more() {
    let mut client = Peer::client();
    client.connection.widen(1, 500);
    let told = client.said();
    assert_eq!(told, [(Kind::WindowUpdate, 1, 500_u32.to_be_bytes().to_vec())]);
    client.heads(1, &[(":status", "200")], false);
    client.feed(&frame(Kind::Data, 0, 1, &[0; 1_500])).unwrap();
    client.feed(&frame(Kind::Data, 0, 1, &[0; 1])).unwrap();
    assert!(client.was_reset(1, Code::FlowControlError));
}

proptest! {
    /// Whatever comes, in whatever pieces: no panic, and no more than there may be.
    #[test]
    fn invariants_hold_whatever_comes(
        frames in prop::collection::vec(any_frame(), 0..60),
        piece in 1..40_usize,
    ) {
        let mut server = Peer::new();
        let (all, mut held) = (frames.concat(), Vec::new());
        for part in all.chunks(piece) {
            held.extend_from_slice(part);
            loop {
                let Ok(step) = server.connection.receive(&held, server.now, &mut server.text)
                else { return Ok(()) };
                if let Event::Data { start, len, .. } = step.event {
                    prop_assert!(start + len <= step.consumed);
                }
                prop_assert!(step.consumed <= held.len());
                prop_assert!(server.connection.open_streams() <= 4);
                held.drain(..step.consumed);
                if step.consumed == 0 {
                    break;
                }
            }
        }
    }
}
