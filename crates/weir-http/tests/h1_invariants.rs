//! The invariants that the fuzz targets assert, over their committed corpora and over random
//! bytes, so that they hold in every test run.

use proptest::prelude::*;
use weir_testkit::corpus::replay;

#[expect(unreachable_pub, reason = "the fuzz package has them as its interface")]
#[path = "../../../fuzz/src/h1.rs"]
mod invariants;

/// Bytes that mean something here, and others.
const BYTES: &[u8] = &[0, b'\n', b'\r', b' ', b',', b'0', 0xff];

#[test]
fn requests_of_the_corpus() {
    replay("h1_request", BYTES, invariants::request);
}

#[test]
fn responses_of_the_corpus() {
    replay("h1_response", BYTES, invariants::response);
}

#[test]
fn bodies_of_the_corpus() {
    replay("h1_body", BYTES, invariants::body);
}

/// Bytes that get further than random ones: words of the protocol in any order.
fn words(words: &'static [&'static str]) -> impl Strategy<Value = Vec<u8>> {
    let word = prop::sample::select(words).prop_map(|word| word.as_bytes().to_vec());
    let noise = prop::collection::vec(any::<u8>(), 0..3);
    prop::collection::vec(prop_oneof![9 => word, 1 => noise], 0..24)
        .prop_map(|pieces| pieces.concat())
}

const FIELDS: &[&str] = &[
    "\r\n",
    "\r\n",
    "\r\n",
    "Host: a\r\n",
    "Host",
    ": ",
    ":",
    "a",
    " ",
    "\t",
    ",",
    "\n",
    "\r",
    "5",
    "Content-Length: 5\r\n",
    "Content-Length: ",
    "Transfer-Encoding: chunked\r\n",
    "chunked",
    "Connection: ",
    "close",
    "upgrade",
    "Upgrade: x\r\n",
    "X-A: b\r\n",
    "x-a",
    "TE: trailers\r\n",
    "Trailer: x\r\n",
    "Expect: 100-continue\r\n",
    "Cookie: a=b\r\n",
    "\u{e9}",
];

const CHUNKS: &[&str] = &[
    "\r\n",
    "\r\n",
    "0\r\n",
    "0\r\n\r\n",
    "1\r\na\r\n",
    "A\r\n0123456789\r\n",
    "003;x\r\nabc\r\n",
    ";a=\"b\\\"\"",
    "\"",
    "1",
    "f",
    "\r",
    "\n",
    "a: b\r\n",
    "Host: x\r\n",
    "a:b \r\n",
    " ",
    "ffff",
];

proptest! {
    #[test]
    fn no_bytes_break_a_parser(data in prop::collection::vec(any::<u8>(), 0..200)) {
        invariants::request(&data);
        invariants::response(&data);
        invariants::body(&data);
    }

    #[test]
    fn requests_of_any_fields(
        line in prop::sample::select(&[
            "GET / HTTP/1.1\r\n", "POST http://a/b?c HTTP/1.1\r\n", "OPTIONS * HTTP/1.0\r\n", "",
        ][..]),
        fields in words(FIELDS),
    ) {
        invariants::request(&[line.as_bytes(), &fields, b"\r\n"].concat());
        invariants::request(&[line.as_bytes(), b"Host: a\r\n", &fields, b"\r\n\r\n"].concat());
    }

    #[test]
    fn responses_of_any_fields(
        line in prop::sample::select(&[
            "GHTTP/1.1 200 OK\r\n", "HHTTP/1.1 200\r\n", "GHTTP/1.0 304 \r\n",
            "GHTTP/1.1 204 x\r\n", "G",
        ][..]),
        fields in words(FIELDS),
    ) {
        invariants::response(&[line.as_bytes(), &fields, b"\r\n"].concat());
    }

    #[test]
    fn bodies_of_any_chunks(kind in 0..6u8, cut in 0..20u8, chunks in words(CHUNKS)) {
        invariants::body(&[&[kind, cut][..], &chunks].concat());
    }
}
