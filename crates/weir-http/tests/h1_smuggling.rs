//! Every vector of `data/smuggling.txt` is refused, however it is cut.

use weir_http::{
    h1::{HeadLimits, Pump, parse_request, parse_response},
    message::{Fields, Framing, Method},
};

const LIMITS: HeadLimits = HeadLimits { head_bytes: 16_384, target_bytes: 8192 };

/// Whether the codec refuses a vector, at once and byte by byte.
fn is_refused(kind: &str, bytes: &[u8]) -> bool {
    let mut fields = Fields::with_capacity(100);
    let mut read = |bytes: &[u8]| match kind {
        "request" => parse_request(bytes, &LIMITS, &mut fields).is_err(),
        "response" => parse_response(bytes, &LIMITS, &mut fields, Method::Get).is_err(),
        "body" => Pump::new(Framing::Chunked, Framing::UntilClose)
            .handle(bytes, &mut (0..bytes.len()))
            .is_err(),
        other => panic!("no such kind: {other}"),
    };
    let at_once = read(bytes);
    assert_eq!((0..=bytes.len()).any(|len| read(&bytes[..len])), at_once, "it depends on timing");
    at_once
}

fn unescaped(text: &str) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        let escaped = if byte == b'\\' { rest.next() } else { None };
        bytes.push(match escaped {
            None => byte,
            Some(b'r') => b'\r',
            Some(b'n') => b'\n',
            Some(b't') => b'\t',
            Some(b'0') => 0,
            Some(b'\\') => b'\\',
            Some(b'x') => {
                let digits = [rest.next(), rest.next()].map(|digit| digit.expect("two digits"));
                let digits = str::from_utf8(&digits).expect("hexadecimal");
                u8::from_str_radix(digits, 16).expect("hexadecimal")
            }
            Some(other) => panic!("unknown escape: {}", char::from(other)),
        });
    }
    bytes
}

#[test]
fn every_vector_is_refused() {
    let (_, blocks) = include_str!("data/smuggling.txt").split_once("\n== ").expect("vectors");
    let mut count = 0;
    let mut accepted = Vec::new();
    for block in blocks.split("\n== ") {
        let (title, lines) = block.split_once('\n').expect("bytes after a title");
        let (kind, description) = title.split_once(' ').expect("kind and description");
        let bytes = unescaped(&lines.replace('\n', ""));
        if !is_refused(kind, &bytes) {
            accepted.push(format!("{kind}: {description}"));
        }
        count += 1;
    }
    assert!(accepted.is_empty(), "accepted: {accepted:#?}");
    assert!(count > 90, "only {count} vectors were found");
}
