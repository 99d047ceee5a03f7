//! What the tenth head on a connection costs, in instructions: fields that were seen before, and a
//! few that are never the same. These tests assert nothing and are run by hand:
//!
//! ```text
//! cargo test --release -p weir-http --test hpack_cost --no-run
//! valgrind --tool=callgrind target/release/deps/hpack_cost-… --ignored --exact decode_a_request
//! ```
//!
//! The count divided by the rounds is the cost of one; the harness adds about a hundredth.

use std::hint::black_box;

use weir_http::h2::hpack::{Decoder, Encoder};

const ROUNDS: usize = 10_000;

const REQUEST: [(&str, &str); 10] = [
    (":method", "GET"),
    (":scheme", "https"),
    (":authority", "www.example.org"),
    (":path", "/api/v1/items?page=2"),
    ("user-agent", "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0"),
    ("accept", "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"),
    ("accept-encoding", "gzip, deflate, br"),
    ("accept-language", "en-GB,en;q=0.5"),
    ("referer", "https://www.example.org/items"),
    ("cookie", "session=01ARZ3NDEKTSV4RRFFQ69G5FAV"),
];

const RESPONSE: [(&str, &str); 9] = [
    ("Date", "Tue, 24 Nov 2026 10:00:00 GMT"),
    ("Server", "backend"),
    ("Content-Type", "text/plain; charset=utf-8"),
    ("Content-Length", "1024"),
    ("Cache-Control", "private, max-age=60"),
    ("Vary", "accept-encoding"),
    ("Strict-Transport-Security", "max-age=31536000"),
    ("X-Content-Type-Options", "nosniff"),
    ("X-Request-Id", "01ARZ3NDEKTSV4RRFFQ69G5FAV"),
];

fn encode(encoder: &mut Encoder, fields: &[(&str, &str)], out: &mut Vec<u8>) {
    for (name, value) in fields {
        encoder.field(name.as_bytes(), &[value.as_bytes()], false, out);
    }
}

fn decode(decoder: &mut Decoder, block: &[u8]) -> usize {
    let mut bytes = 0;
    let decoded = decoder.decode(block, |name, value| {
        bytes += name.len() + value.len();
        Ok::<(), ()>(())
    });
    decoded.map_or(0, |()| bytes)
}

#[test]
#[ignore = "measures, asserts nothing"]
fn decode_a_request() {
    let (mut encoder, mut decoder) = (Encoder::new(), Decoder::new(4_096));
    let (mut first, mut next) = (Vec::new(), Vec::new());
    encode(&mut encoder, &REQUEST, &mut first);
    encode(&mut encoder, &REQUEST, &mut next);
    decode(&mut decoder, &first);
    for _ in 0..ROUNDS {
        black_box(decode(&mut decoder, black_box(&next)));
    }
}

/// As some peers encode it: a path of its own is put into the table too, so it comes by index.
#[test]
#[ignore = "measures, asserts nothing"]
fn decode_indices_alone() {
    let mut decoder = Decoder::new(4_096);
    for (name, value) in REQUEST {
        let mut literal = vec![0x40, name.len() as u8];
        literal.extend_from_slice(name.as_bytes());
        literal.push(value.len() as u8);
        literal.extend_from_slice(value.as_bytes());
        decode(&mut decoder, &literal);
    }
    let indices: Vec<u8> = (62..72).map(|index| 0x80 | index).collect();
    for _ in 0..ROUNDS {
        black_box(decode(&mut decoder, black_box(&indices)));
    }
}

#[test]
#[ignore = "measures, asserts nothing"]
fn decode_a_first_request() {
    let mut block = Vec::new();
    encode(&mut Encoder::new(), &REQUEST, &mut block);
    let mut decoder = Decoder::new(4_096);
    for _ in 0..ROUNDS {
        black_box(decode(&mut decoder, black_box(&block)));
    }
}

#[test]
#[ignore = "measures, asserts nothing"]
fn encode_a_response() {
    let mut encoder = Encoder::new();
    let mut out = Vec::with_capacity(4_096);
    for _ in 0..ROUNDS {
        out.clear();
        encoder.begin(&mut out);
        encoder.status(200, &mut out);
        encode(&mut encoder, black_box(&RESPONSE), &mut out);
        black_box(out.len());
    }
}

/// When all has been said before.
#[test]
#[ignore = "measures, asserts nothing"]
fn encode_a_response_again() {
    let mut encoder = Encoder::new();
    let mut out = Vec::with_capacity(4_096);
    let mut fields = RESPONSE;
    (fields[3], fields[8]) = (("Via", "1.1 weir"), ("X-Frame-Options", "DENY"));
    for _ in 0..ROUNDS {
        out.clear();
        encoder.begin(&mut out);
        encoder.status(200, &mut out);
        encode(&mut encoder, black_box(&fields), &mut out);
        black_box(out.len());
    }
}

/// A block that makes the most work of its bytes: each two take a name that fills the table out of
/// it and put it back, until that is too much. 16 KiB of it, refused by the sink at once.
#[test]
#[ignore = "measures, asserts nothing"]
fn decode_the_worst() {
    let name = vec![b'n'; 4_000];
    let mut first = vec![0x40, 0x7f, 0xa1, 0x1e];
    first.extend_from_slice(&name);
    first.push(0);
    let worst = [0x7e, 0x00].repeat(8 * 1024);
    let mut decoder = Decoder::new(4_096);
    decode(&mut decoder, &first);
    for _ in 0..ROUNDS / 100 {
        black_box(decoder.decode(black_box(&worst), |_, _| Err(())).is_err());
    }
}
