//! Attackers: what costs the proxy more than them is counted (the `h2_*` keys), ends their
//! connection with ENHANCE_YOUR_CALM, and is told of; others are served.

mod harness;

use std::net::TcpStream;

use harness::h2::Client;
use harness::metrics::{count, measure};
use harness::{Backside, Proxy};
use weir_control::metrics::Query;
use weir_control::state::H2;
use weir_http::h2::frame::{Kind, flag};

const CALM: u32 = 11;
const ENOUGH: u32 = 600;
const WHOLE: u8 = flag::END_HEADERS;
const END: u8 = flag::END_STREAM;

/// `:method: GET`, `:scheme: http`, `:path: /`, `:authority: h`
const GET: &[u8] = b"\x82\x86\x84\x41\x01h";

type Attacker = Client<TcpStream>;

/// What is bounded to 10, and what is sent again and again.
struct Attack {
    bound: fn(&mut H2),
    again: fn(&mut Attacker, u32) -> bool,
}

fn request(client: &mut Attacker, stream: u32, flags: u8) -> bool {
    client.try_send(Kind::Headers, WHOLE | flags, stream, GET)
}

fn reset(client: &mut Attacker, round: u32) -> bool {
    let stream = 2 * round + 1;
    request(client, stream, END) && client.try_send(Kind::RstStream, 0, stream, &[0, 0, 0, 8])
}

/// Its first request has a body that never comes.
fn first(client: &mut Attacker, round: u32) -> bool {
    round > 0 || request(client, 1, 0)
}

const ATTACKS: [Attack; 14] = [
    Attack {
        bound: |h2| (h2.max_rst_stream_per_window, h2.max_rst_stream_abusive_lifetime) = (10, 999),
        again: reset,
    },
    Attack {
        bound: |h2| {
            h2.max_rst_stream_lifetime = 10;
            h2.max_rst_stream_per_window = 9_999;
            h2.max_rst_stream_abusive_lifetime = 9_999;
        },
        again: reset,
    },
    Attack { bound: |h2| h2.max_rst_stream_abusive_lifetime = 10, again: reset },
    Attack {
        bound: |h2| h2.max_rst_stream_emitted_lifetime = 10,
        again: |client, round| {
            let stream = 2 * round + 1;
            request(client, stream, 0) && client.try_send(Kind::WindowUpdate, 0, stream, &[0; 4])
        },
    },
    Attack {
        bound: |h2| h2.max_rst_stream_emitted_lifetime = 10,
        again: |client, round| {
            let block = [GET, b"\x00\x0aconnection\x01x"].concat();
            client.try_send(Kind::Headers, WHOLE | END, 2 * round + 1, &block)
        },
    },
    Attack {
        bound: |h2| h2.max_ping_per_window = 10,
        again: |client, _| client.try_send(Kind::Ping, 0, 0, &[0; 8]),
    },
    Attack {
        bound: |h2| h2.max_ping_per_window = 10,
        again: |client, _| client.try_send(Kind::Ping, flag::ACK, 0, &[0; 8]),
    },
    Attack {
        bound: |h2| h2.max_settings_per_window = 10,
        // A table that grows and shrinks.
        again: |client, round| {
            let size = if round % 2 == 0 { [0, 0, 0, 0] } else { [0, 0, 0x10, 0] };
            client.try_send(Kind::Settings, 0, 0, &[&[0, 1][..], &size].concat())
        },
    },
    Attack {
        bound: |h2| h2.max_empty_data_per_window = 10,
        again: |client, round| first(client, round) && client.try_send(Kind::Data, 0, 1, b""),
    },
    Attack {
        bound: |h2| h2.max_empty_data_per_window = 10,
        // Padding and nothing else.
        again: |client, round| {
            first(client, round) && client.try_send(Kind::Data, flag::PADDED, 1, &[2, 0, 0])
        },
    },
    Attack {
        bound: |h2| h2.max_window_update_stream0_per_window = 10,
        again: |client, _| client.try_send(Kind::WindowUpdate, 0, 0, &[0, 0, 0, 1]),
    },
    Attack {
        bound: |h2| h2.max_continuation_frames = 10,
        again: |client, round| match round {
            0 => client.try_send(Kind::Headers, 0, 1, b""),
            _ => client.try_send(Kind::Continuation, 0, 1, b""),
        },
    },
    Attack {
        bound: |h2| h2.max_glitch_count = 10,
        again: |client, _| client.try_send(Kind::PriorityUpdate, 0, 0, b"\0\0\0\x01u=1"),
    },
    Attack {
        bound: |h2| h2.max_glitch_count = 10,
        again: |client, _| client.try_send(Kind::Priority, 0, 1, &[0, 0, 0, 0, 1]),
    },
];

#[test]
fn every_flood_ends_its_connection_and_is_told_of() {
    for (at, Attack { bound, again }) in ATTACKS.iter().enumerate() {
        let backend = Backside::new();
        let mut proxy = Proxy::changed(&[backend.address], |state, _| {
            state.listeners.values_mut().for_each(|listener| bound(&mut listener.h2));
        });
        let mut attacker = Client::over(proxy.connect());
        let mut sent = 0;
        while sent < ENOUGH && again(&mut attacker, sent) {
            sent += 1;
        }
        assert_eq!(attacker.goaway(), CALM, "attack {at}");
        let told = measure(&mut proxy, Query::default());
        assert_eq!(count(&told[0].proxy, "http.frontend_parse_errors"), Some(1), "attack {at}");
        let mut other = Client::over(proxy.connect());
        other.send(Kind::Ping, 0, 0, b"12345678");
        let pong = std::iter::from_fn(|| other.frame()).find(|frame| frame.kind == Kind::Ping);
        assert_eq!(pong.expect("others are served").payload, b"12345678");
    }
}

#[test]
fn a_head_of_crumbs_or_of_many_bytes_is_not_unpacked() {
    let proxy = Proxy::changed(&[], |state, _| {
        for listener in state.listeners.values_mut() {
            (listener.h2.max_header_fields, listener.h2.max_header_list_size) = (50, 8_000);
        }
    });
    // `cookie: a`, which is then said again in one byte.
    let crumb = b"\x40\x06cookie\x01a";
    let large = [b"\x40\x01a\x7f\xc1\x04".to_vec(), vec![b'x'; 704]].concat();
    for first in [&crumb[..], &large] {
        let mut client = Client::over(proxy.connect());
        let bomb = [GET, first, &[0xbe; 200]].concat();
        client.send(Kind::Headers, WHOLE | END, 1, &bomb);
        assert_eq!(client.answer(1).reset, Some(CALM));
        client.send(Kind::Headers, WHOLE | END, 3, b"\x82\x86\x84\xbf");
        assert_eq!(client.answer(3).status(), "503", "both sides have the same table");
    }
}

#[test]
fn a_client_that_never_opens_its_window_is_cut_in_time() {
    let backend = Backside::new();
    let proxy = Proxy::changed(&[backend.address], |state, _| {
        for listener in state.listeners.values_mut() {
            listener.h2.stream_idle_timeout_seconds = 1;
        }
    });
    let mut client = Client::over(proxy.connect());
    client.send(Kind::Settings, 0, 0, &[0, 4, 0, 0, 0, 0]);
    let stream = client.get("/");
    let mut peer = backend.accept();
    peer.head();
    peer.send("HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nbody");
    let cut = client.answer(stream);
    assert_eq!((cut.status(), cut.body.len(), cut.reset), ("200", 0, Some(2)), "INTERNAL_ERROR");
}
