//! What an ordinary head costs, in instructions. These tests assert nothing and are run by hand:
//!
//! ```text
//! cargo test --release -p weir-http --test h1_cost --no-run
//! valgrind --tool=callgrind target/release/deps/h1_cost-… --ignored --exact parse_a_request
//! ```
//!
//! The count divided by the rounds is the cost of one; the harness adds about a hundredth.

mod ordinary;

use std::hint::black_box;

use ordinary::{LIMITS, REQUEST, RESPONSE, ROUNDS};
use weir_http::{
    h1::{Connection, HeadEncoder, parse_request, parse_response},
    message::{FieldName, FieldSink, Fields, Framing, Method, Span},
};

#[test]
#[ignore = "measures, asserts nothing"]
fn parse_a_request() {
    let mut fields = Fields::with_capacity(100);
    for _ in 0..ROUNDS {
        let head = parse_request(black_box(REQUEST), &LIMITS, &mut fields);
        black_box(head.is_ok());
    }
}

#[test]
#[ignore = "measures, asserts nothing"]
fn parse_a_response() {
    let mut fields = Fields::with_capacity(100);
    for _ in 0..ROUNDS {
        let head = parse_response(black_box(RESPONSE), &LIMITS, &mut fields, Method::Get);
        black_box(head.is_ok());
    }
}

#[test]
#[ignore = "measures, asserts nothing"]
fn encode_a_request() {
    let mut fields = Fields::with_capacity(100);
    let mut out = Vec::with_capacity(4096);
    parse_request(REQUEST, &LIMITS, &mut fields).expect("valid");
    for _ in 0..ROUNDS {
        encode(black_box(REQUEST), &fields, &mut out);
    }
}

/// What a proxy sends on for the request: its fields and three of its own.
fn encode(buffer: &[u8], fields: &Fields, out: &mut Vec<u8>) {
    out.clear();
    let mut head = HeadEncoder::request(out, b"GET", Span::new(4, 24).of(buffer));
    for field in fields.as_slice() {
        if !field.hop && field.kind != FieldName::ContentLength {
            head.received(buffer, field);
        }
    }
    head.field(b"X-Forwarded-For", &[b"192.0.2.1"]);
    head.field(b"X-Forwarded-Proto", &[b"http"]);
    head.field(b"X-Request-Id", &[b"01ARZ3NDEKTSV4RRFFQ69G5FAV"]);
    head.framing(Framing::None);
    head.connection(Connection::None);
    head.finish();
    black_box(out.len());
}
