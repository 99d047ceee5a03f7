//! RFC 9113 section by section: what a client may say, and what it is told when it says what it
//! must not. The cases are those that conformance suites ask; where the RFC leaves a choice
//! (frames on closed streams, §5.1), they are what was chosen: no connection is lost for a frame
//! that may have been under way.

mod harness;

use harness::h2::{Client, Frame};
use harness::{Backside, Proxy};
use weir_http::h2::frame::{HEADER, Kind, PREFACE, flag};

type Peer = Client<std::net::TcpStream>;

/// What the proxy says to a case.
#[derive(Debug, PartialEq, Eq)]
enum Says {
    /// GOAWAY, and the end.
    Goaway(u32),
    /// RST_STREAM of stream 1, and the connection goes on.
    Reset(u32),
    /// Nothing: everything goes on.
    Nothing,
}
use Says::{Goaway, Nothing, Reset};

const PROTOCOL: u32 = 1;
const FLOW: u32 = 3;
const CLOSED: u32 = 5;
const SIZE: u32 = 6;
const COMPRESSION: u32 = 9;

const END: u8 = flag::END_STREAM;
const WHOLE: u8 = flag::END_HEADERS;

/// `:method: GET`, `:scheme: http`, `:path: /`, `:authority: h`
const GET: &[u8] = b"\x82\x86\x84\x41\x01h";

type Case = (&'static str, fn(&mut Peer), Says);

/// Each case on a connection of its own, to a backend that takes requests and says nothing.
fn all(cases: &[Case]) {
    let backend = Backside::new();
    let proxy = Proxy::to(&[backend.address]);
    for (name, act, wanted) in cases {
        let mut client = Client::over(proxy.connect());
        act(&mut client);
        assert_eq!(said(&mut client), *wanted, "{name}");
    }
}

/// What is said before the answer to a PING.
fn said(client: &mut Peer) -> Says {
    let mark = b"the mark";
    // Who has been sent away need not be there to hear it.
    let _ = client.try_send(Kind::Ping, 0, 0, mark);
    let mut reset = Nothing;
    while let Some(Frame { kind, flags, stream, payload }) = client.frame() {
        let number = |at: usize| u32::from_be_bytes(payload[at..at + 4].try_into().expect("four"));
        match kind {
            Kind::GoAway => {
                let code = number(4);
                assert!(std::iter::from_fn(|| client.frame()).all(|f| f.kind != Kind::Data));
                return Goaway(code);
            }
            Kind::RstStream if stream == 1 => reset = Reset(number(0)),
            Kind::Ping if flags & flag::ACK != 0 && payload == mark => return reset,
            _ => {}
        }
    }
    panic!("the connection ended without a word")
}

/// A request that is complete.
fn get(client: &mut Peer) {
    client.send(Kind::Headers, WHOLE | END, 1, GET);
}

/// One whose body is to come.
fn open(client: &mut Peer) {
    client.send(Kind::Headers, WHOLE, 1, GET);
}

fn setting(id: u16, value: u32) -> Vec<u8> {
    [&id.to_be_bytes()[..], &value.to_be_bytes()].concat()
}

/// A request whose head has these fields, one after the other, as literals.
fn fields(client: &mut Peer, fields: &[(&str, &str)]) {
    client.send(Kind::Headers, WHOLE | END, 1, &literals(fields));
}

fn literals(fields: &[(&str, &str)]) -> Vec<u8> {
    let mut block = Vec::new();
    for (name, value) in fields {
        for piece in [&[0][..], &[name.len() as u8], name.as_bytes()] {
            block.extend_from_slice(piece);
        }
        block.push(value.len() as u8);
        block.extend_from_slice(value.as_bytes());
    }
    block
}

const METHOD: (&str, &str) = (":method", "GET");
const SCHEME: (&str, &str) = (":scheme", "http");
const PATH: (&str, &str) = (":path", "/");
const HOST: (&str, &str) = (":authority", "h");

#[test]
fn frames_have_a_form() {
    all(&[
        ("§4.1 a type that nobody knows", |c| c.send(Kind::Unknown, 255, 0, b"xy"), Nothing),
        ("§4.1 flags that nobody knows", |c| c.send(Kind::Ping, 0xfe, 0, &[0; 8]), Nothing),
        (
            "§4.1 the reserved bit",
            |c| c.send(Kind::Headers, WHOLE | END, 1 | 1 << 31, GET),
            Nothing,
        ),
        (
            "§4.2 the largest payload",
            |c| {
                open(c);
                c.send(Kind::Data, END, 1, &[0; 16_384]);
            },
            Nothing,
        ),
        (
            "§4.2 DATA that is larger",
            |c| {
                open(c);
                c.send(Kind::Data, END, 1, &[0; 16_385]);
            },
            Goaway(SIZE),
        ),
        (
            "§4.2 HEADERS that are larger",
            |c| c.send(Kind::Headers, WHOLE | END, 1, &[0; 16_385]),
            Goaway(SIZE),
        ),
        (
            "§4.2 SETTINGS that are larger",
            |c| c.send(Kind::Settings, 0, 0, &[0; 16_386]),
            Goaway(SIZE),
        ),
        (
            "§4.3 another frame inside a block",
            |c| {
                c.send(Kind::Headers, 0, 1, GET);
                c.send(Kind::Priority, 0, 1, &[0, 0, 0, 0, 1]);
            },
            Goaway(PROTOCOL),
        ),
        (
            "§4.3 another block inside a block",
            |c| {
                c.send(Kind::Headers, 0, 1, GET);
                c.send(Kind::Headers, WHOLE, 3, GET);
            },
            Goaway(PROTOCOL),
        ),
    ]);
}

#[test]
fn blocks_can_be_decoded() {
    fn block(client: &mut Peer, more: &[u8]) {
        client.send(Kind::Headers, WHOLE | END, 1, &[GET, more].concat());
    }
    all(&[
        ("RFC 7541 §2.3.3 an index beyond the tables", |c| block(c, b"\xc6"), Goaway(COMPRESSION)),
        ("§2.3.3 a name beyond the tables", |c| block(c, b"\x7f\x07\x01x"), Goaway(COMPRESSION)),
        ("§4.2 a size at the end of a block", |c| block(c, b"\x20"), Goaway(COMPRESSION)),
        ("§5.1 a number without end", |c| block(c, &[0xff; 12]), Goaway(COMPRESSION)),
        ("§5.2 a string that is cut", |c| block(c, b"\x00\x05ab"), Goaway(COMPRESSION)),
        ("§5.2 more than 7 bits of padding", |c| block(c, b"\x00\x82\x1f\xff\x00"), {
            Goaway(COMPRESSION)
        }),
        ("§5.2 padding of zeroes", |c| block(c, b"\x00\x81\x18\x00"), Goaway(COMPRESSION)),
        ("§5.2 the end of a string", |c| block(c, b"\x00\x84\xff\xff\xff\xff\x00"), {
            Goaway(COMPRESSION)
        }),
        ("§6.1 index 0", |c| block(c, b"\x80"), Goaway(COMPRESSION)),
        (
            "§6.3 a size beyond the limit",
            |c| c.send(Kind::Headers, WHOLE | END, 1, &[b"\x3f\xe2\x1f", GET].concat()),
            Goaway(COMPRESSION),
        ),
        (
            "§6.3 a size within it",
            |c| c.send(Kind::Headers, WHOLE | END, 1, &[b"\x20\x3f\xe1\x1f", GET].concat()),
            Nothing,
        ),
    ]);
}

#[test]
fn streams_have_a_beginning() {
    all(&[
        ("§5.1 idle: DATA", |c| c.send(Kind::Data, END, 1, b"x"), Goaway(PROTOCOL)),
        ("§5.1 idle: RST_STREAM", |c| c.send(Kind::RstStream, 0, 1, &[0; 4]), Goaway(PROTOCOL)),
        (
            "§5.1 idle: WINDOW_UPDATE",
            |c| c.send(Kind::WindowUpdate, 0, 1, &9_u32.to_be_bytes()),
            Goaway(PROTOCOL),
        ),
        ("§5.1 idle: CONTINUATION", |c| c.send(Kind::Continuation, WHOLE, 1, GET), {
            Goaway(PROTOCOL)
        }),
        ("§5.1 idle: PRIORITY", |c| c.send(Kind::Priority, 0, 9, &[0, 0, 0, 0, 1]), Nothing),
        (
            "§5.1 half-closed: DATA",
            |c| {
                get(c);
                c.send(Kind::Data, END, 1, b"x");
            },
            Reset(CLOSED),
        ),
        (
            "§5.1 half-closed: HEADERS",
            |c| {
                get(c);
                c.send(Kind::Headers, WHOLE | END, 1, b"");
            },
            Reset(CLOSED),
        ),
        (
            "§5.1 half-closed: CONTINUATION",
            |c| {
                get(c);
                c.send(Kind::Continuation, WHOLE, 1, b"");
            },
            Goaway(PROTOCOL),
        ),
        (
            "§5.1 half-closed: WINDOW_UPDATE and PRIORITY",
            |c| {
                get(c);
                c.send(Kind::WindowUpdate, 0, 1, &9_u32.to_be_bytes());
                c.send(Kind::Priority, 0, 1, &[0, 0, 0, 0, 1]);
            },
            Nothing,
        ),
    ]);
}

#[test]
fn streams_have_an_end() {
    fn given_up(client: &mut Peer) {
        open(client);
        client.send(Kind::RstStream, 0, 1, &8_u32.to_be_bytes());
    }
    all(&[
        (
            "§5.1 closed: DATA and trailers",
            |c| {
                given_up(c);
                c.send(Kind::Data, 0, 1, b"x");
                c.send(Kind::Headers, WHOLE | END, 1, b"");
            },
            Nothing,
        ),
        (
            "§5.1 closed: a request",
            |c| {
                given_up(c);
                get(c);
            },
            Goaway(PROTOCOL),
        ),
        (
            "§5.1 closed: CONTINUATION",
            |c| {
                given_up(c);
                c.send(Kind::Continuation, WHOLE, 1, GET);
            },
            Goaway(PROTOCOL),
        ),
        ("§5.1.1 an even number", |c| c.send(Kind::Headers, WHOLE | END, 2, GET), {
            Goaway(PROTOCOL)
        }),
        (
            "§5.1.1 a number below the last",
            |c| {
                c.send(Kind::Headers, WHOLE | END, 5, GET);
                c.send(Kind::Headers, WHOLE | END, 3, GET);
            },
            Goaway(PROTOCOL),
        ),
        (
            "§5.3.2 priorities of the old kind are skipped",
            |c| {
                let block = [&1_u32.to_be_bytes()[..], b"\x07", GET].concat();
                c.send(Kind::Headers, WHOLE | END | flag::PRIORITY, 1, &block);
            },
            Nothing,
        ),
    ]);
}

#[test]
fn data_and_headers_have_rules() {
    all(&[
        ("§6.1 DATA of no stream", |c| c.send(Kind::Data, 0, 0, b"x"), Goaway(PROTOCOL)),
        (
            "§6.1 more padding than payload",
            |c| {
                open(c);
                c.send(Kind::Data, flag::PADDED, 1, b"\x02x");
            },
            Goaway(PROTOCOL),
        ),
        ("§6.2 HEADERS of no stream", |c| c.send(Kind::Headers, WHOLE, 0, GET), Goaway(PROTOCOL)),
        (
            "§6.2 more padding than payload",
            |c| c.send(Kind::Headers, WHOLE | END | flag::PADDED, 1, &[b"\x09", GET].concat()),
            Goaway(PROTOCOL),
        ),
        (
            "§6.2 no room for the priority that is announced",
            |c| c.send(Kind::Headers, WHOLE | END | flag::PRIORITY, 1, b"\x82"),
            Goaway(SIZE),
        ),
        ("§6.3 PRIORITY of no stream", |c| c.send(Kind::Priority, 0, 0, &[0; 5]), Goaway(PROTOCOL)),
        (
            "§6.3 PRIORITY of the wrong size",
            |c| {
                open(c);
                c.send(Kind::Priority, 0, 1, &[0; 4]);
            },
            Reset(SIZE),
        ),
        ("§6.4 RST_STREAM of no stream", |c| c.send(Kind::RstStream, 0, 0, &[0; 4]), {
            Goaway(PROTOCOL)
        }),
        (
            "§6.4 RST_STREAM of the wrong size",
            |c| {
                open(c);
                c.send(Kind::RstStream, 0, 1, &[0; 3]);
            },
            Goaway(SIZE),
        ),
    ]);
}

#[test]
fn blocks_have_pieces() {
    all(&[
        (
            "§6.10 blocks in many pieces",
            |c| {
                c.send(Kind::Headers, END, 1, &GET[..1]);
                c.send(Kind::Continuation, 0, 1, &GET[1..4]);
                c.send(Kind::Continuation, WHOLE, 1, &GET[4..]);
            },
            Nothing,
        ),
        (
            "§6.10 DATA inside a block",
            |c| {
                c.send(Kind::Headers, 0, 1, GET);
                c.send(Kind::Data, END, 1, b"x");
            },
            Goaway(PROTOCOL),
        ),
        (
            "§6.10 CONTINUATION of no stream",
            |c| {
                c.send(Kind::Headers, 0, 1, GET);
                c.send(Kind::Continuation, WHOLE, 0, b"");
            },
            Goaway(PROTOCOL),
        ),
        (
            "§6.10 CONTINUATION behind the last",
            |c| {
                c.send(Kind::Headers, 0, 1, GET);
                c.send(Kind::Continuation, WHOLE, 1, b"");
                c.send(Kind::Continuation, WHOLE, 1, b"");
            },
            Goaway(PROTOCOL),
        ),
        ("§8.4 PUSH_PROMISE", |c| c.send(Kind::PushPromise, WHOLE, 1, b"\0\0\0\x02\x82"), {
            Goaway(PROTOCOL)
        }),
    ]);
}

#[test]
fn frames_of_the_connection_have_rules() {
    fn settings(client: &mut Peer, id: u16, value: u32) {
        client.send(Kind::Settings, 0, 0, &setting(id, value));
    }
    all(&[
        ("§6.5 an ACK that says something", |c| c.send(Kind::Settings, 1, 0, &[0; 6]), {
            Goaway(SIZE)
        }),
        ("§6.5 SETTINGS of a stream", |c| c.send(Kind::Settings, 0, 1, &[]), Goaway(PROTOCOL)),
        ("§6.5 half a setting", |c| c.send(Kind::Settings, 0, 0, &[0; 3]), Goaway(SIZE)),
        ("§6.5.2 ENABLE_PUSH", |c| settings(c, 2, 2), Goaway(PROTOCOL)),
        ("§6.5.2 INITIAL_WINDOW_SIZE", |c| settings(c, 4, 1 << 31), Goaway(FLOW)),
        ("§6.5.2 MAX_FRAME_SIZE too small", |c| settings(c, 5, 16_383), Goaway(PROTOCOL)),
        ("§6.5.2 MAX_FRAME_SIZE too large", |c| settings(c, 5, 1 << 24), Goaway(PROTOCOL)),
        ("§6.5.2 one that nobody knows", |c| settings(c, 0xff, 1), Nothing),
        ("RFC 8441 §3 ENABLE_CONNECT_PROTOCOL", |c| settings(c, 8, 2), Goaway(PROTOCOL)),
        ("RFC 9218 §2.1 NO_RFC7540_PRIORITIES", |c| settings(c, 9, 2), Goaway(PROTOCOL)),
        ("§6.7 PING of a stream", |c| c.send(Kind::Ping, 0, 1, &[0; 8]), Goaway(PROTOCOL)),
        ("§6.7 PING of the wrong size", |c| c.send(Kind::Ping, 0, 0, &[0; 6]), Goaway(SIZE)),
        ("§6.8 GOAWAY of a stream", |c| c.send(Kind::GoAway, 0, 1, &[0; 8]), Goaway(PROTOCOL)),
        ("§6.8 GOAWAY that is cut", |c| c.send(Kind::GoAway, 0, 0, &[0; 7]), Goaway(SIZE)),
        (
            "§7 codes that nobody knows",
            |c| {
                open(c);
                c.send(Kind::RstStream, 0, 1, &0xff_u32.to_be_bytes());
            },
            Nothing,
        ),
        (
            "RFC 9218 §7.1 PRIORITY_UPDATE of a stream",
            |c| c.send(Kind::PriorityUpdate, 0, 1, b"\0\0\0\x01u=1"),
            Goaway(PROTOCOL),
        ),
        (
            "RFC 9218 §7.1 PRIORITY_UPDATE of no stream",
            |c| c.send(Kind::PriorityUpdate, 0, 0, b"\0\0\0\0u=1"),
            Goaway(PROTOCOL),
        ),
        (
            "RFC 9218 §7.1 PRIORITY_UPDATE before its stream",
            |c| c.send(Kind::PriorityUpdate, 0, 0, b"\0\0\0\x01u=1, i"),
            Nothing,
        ),
    ]);
}

#[test]
fn windows_have_rules() {
    fn update(client: &mut Peer, stream: u32, increment: u32) {
        client.send(Kind::WindowUpdate, 0, stream, &increment.to_be_bytes());
    }
    const MOST: u32 = (1 << 31) - 1;
    all(&[
        ("§6.9 of the connection, by nothing", |c| update(c, 0, 0), Goaway(PROTOCOL)),
        (
            "§6.9 of a stream, by nothing",
            |c| {
                get(c);
                update(c, 1, 0);
            },
            Reset(PROTOCOL),
        ),
        (
            "§6.9 of the wrong size",
            |c| {
                c.send(Kind::WindowUpdate, 0, 0, &[0; 3]);
            },
            Goaway(SIZE),
        ),
        ("§6.9.1 of the connection, beyond all", |c| update(c, 0, MOST), Goaway(FLOW)),
        (
            "§6.9.1 of a stream, beyond all",
            |c| {
                get(c);
                update(c, 1, MOST);
            },
            Reset(FLOW),
        ),
        (
            "§6.9.2 of streams by settings, beyond all",
            |c| {
                get(c);
                update(c, 1, MOST - 65_535);
                c.send(Kind::Settings, 0, 0, &setting(4, 65_536));
            },
            Goaway(FLOW),
        ),
    ]);
}

#[test]
fn messages_have_rules() {
    all(&[
        (
            "§8.1 trailers that do not end",
            |c| {
                open(c);
                c.send(Kind::Headers, WHOLE, 1, b"");
            },
            Reset(PROTOCOL),
        ),
        (
            "§8.1 trailers with what belongs to a head",
            |c| {
                open(c);
                c.send(Kind::Headers, WHOLE | END, 1, b"\x84");
            },
            Reset(PROTOCOL),
        ),
        (
            "§8.1.1 less than was said",
            |c| {
                let head = literals(&[METHOD, SCHEME, PATH, HOST, ("content-length", "2")]);
                c.send(Kind::Headers, WHOLE, 1, &head);
                c.send(Kind::Data, END, 1, b"x");
            },
            Reset(PROTOCOL),
        ),
        (
            "§8.1.1 more than was said",
            |c| {
                let head = literals(&[METHOD, SCHEME, PATH, HOST, ("content-length", "2")]);
                c.send(Kind::Headers, WHOLE, 1, &head);
                c.send(Kind::Data, 0, 1, b"xx");
                c.send(Kind::Data, END, 1, b"x");
            },
            Reset(PROTOCOL),
        ),
    ]);
}

#[test]
fn fields_have_rules() {
    all(&[
        ("§8.2 upper case", |c| fields(c, &[METHOD, SCHEME, PATH, HOST, ("X-A", "b")]), {
            Reset(PROTOCOL)
        }),
        ("§8.2.1 a colon", |c| fields(c, &[METHOD, SCHEME, PATH, HOST, ("x:a", "b")]), {
            Reset(PROTOCOL)
        }),
        (
            "§8.2.1 a line's end",
            |c| fields(c, &[METHOD, SCHEME, PATH, HOST, ("a", "b\r\nc: d")]),
            { Reset(PROTOCOL) },
        ),
        ("§8.2.1 space around", |c| fields(c, &[METHOD, SCHEME, PATH, HOST, ("a", " b")]), {
            Reset(PROTOCOL)
        }),
        (
            "§8.2.2 keep-alive",
            |c| {
                fields(c, &[METHOD, SCHEME, PATH, HOST, ("keep-alive", "1")]);
            },
            Reset(PROTOCOL),
        ),
        ("§8.2.2 te", |c| fields(c, &[METHOD, SCHEME, PATH, HOST, ("te", "trailers, deflate")]), {
            Reset(PROTOCOL)
        }),
        (
            "§8.2.2 te: trailers",
            |c| fields(c, &[METHOD, SCHEME, PATH, HOST, ("te", "trailers")]),
            { Nothing },
        ),
    ]);
}

#[test]
fn pseudo_header_fields_have_rules() {
    all(&[
        (
            "§8.3 one that nobody knows",
            |c| fields(c, &[METHOD, SCHEME, PATH, HOST, (":a", "b")]),
            { Reset(PROTOCOL) },
        ),
        (
            "§8.3 one of responses",
            |c| {
                fields(c, &[METHOD, SCHEME, PATH, HOST, (":status", "200")]);
            },
            Reset(PROTOCOL),
        ),
        ("§8.3 behind a field", |c| fields(c, &[METHOD, SCHEME, ("a", "b"), PATH, HOST]), {
            Reset(PROTOCOL)
        }),
        ("§8.3.1 an empty path", |c| fields(c, &[METHOD, SCHEME, (":path", ""), HOST]), {
            Reset(PROTOCOL)
        }),
        ("§8.3.1 no method", |c| fields(c, &[SCHEME, PATH, HOST]), Reset(PROTOCOL)),
        ("§8.3.1 no scheme", |c| fields(c, &[METHOD, PATH, HOST]), Reset(PROTOCOL)),
        ("§8.3.1 no path", |c| fields(c, &[METHOD, SCHEME, HOST]), Reset(PROTOCOL)),
        ("§8.3.1 two methods", |c| fields(c, &[METHOD, METHOD, SCHEME, PATH, HOST]), {
            Reset(PROTOCOL)
        }),
        ("§8.3.1 two schemes", |c| fields(c, &[METHOD, SCHEME, SCHEME, PATH, HOST]), {
            Reset(PROTOCOL)
        }),
        ("§8.3.1 two paths", |c| fields(c, &[METHOD, SCHEME, PATH, PATH, HOST]), {
            Reset(PROTOCOL)
        }),
        (
            "§8.3.1 host says otherwise",
            |c| {
                fields(c, &[METHOD, SCHEME, PATH, HOST, ("host", "other")]);
            },
            Reset(PROTOCOL),
        ),
        ("§8.5 CONNECT with a path", |c| fields(c, &[(":method", "CONNECT"), PATH, HOST]), {
            Reset(PROTOCOL)
        }),
    ]);
}

#[test]
fn a_connection_begins_with_its_preface_and_settings() {
    use std::io::Write;
    let proxy = Proxy::to(&[]);
    let begin = |bytes: &[u8]| {
        let mut client = Client::quiet(proxy.connect().stream);
        client.stream.write_all(bytes).expect("send");
        said(&mut client)
    };
    let ping = [&[0, 0, 8, 6, 0, 0, 0, 0, 0][..], &[0; 8]].concat();
    assert_eq!(begin(&[PREFACE, &ping[..]].concat()), Goaway(PROTOCOL), "§3.4 SETTINGS come first");
    let ack = [&[0, 0, 0, 4, 1, 0, 0, 0, 0][..HEADER]].concat();
    assert_eq!(begin(&[PREFACE, &ack[..]].concat()), Goaway(PROTOCOL), "§3.4 not their ACK");
}

#[test]
fn what_is_sent_keeps_to_the_windows() {
    let proxy = Proxy::to(&[]);
    let mut client = Client::over(proxy.connect());
    client.send(Kind::Settings, 0, 0, &setting(4, 1));
    get(&mut client);
    let data = |client: &mut Peer| loop {
        let frame = client.frame().expect("a frame, not the end");
        if frame.kind == Kind::Data {
            return frame.payload.len();
        }
    };
    assert_eq!(data(&mut client), 1, "§6.9.2: no more than the window that was told");
    assert_eq!(said(&mut client), Nothing, "and then nothing");
    client.send(Kind::Settings, 0, 0, &setting(4, 4));
    assert_eq!(data(&mut client), 3, "§6.9.2: streams that are open get what is new");
    // The window is below nothing then: 1 of it is used before anything is sent.
    client.send(Kind::Settings, 0, 0, &setting(4, 3));
    client.send(Kind::WindowUpdate, 0, 1, &3_u32.to_be_bytes());
    assert_eq!(data(&mut client), 2, "§6.9.2");
    // Values of one frame are taken in their order (§6.5.3).
    let both = [setting(4, 100), setting(4, 3)].concat();
    client.send(Kind::Settings, 0, 0, &both);
    client.send(Kind::WindowUpdate, 0, 1, &1_u32.to_be_bytes());
    assert_eq!(data(&mut client), 1, "§6.5.3");
}
