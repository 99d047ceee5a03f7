//! Every vector of `data/smuggling.txt` is refused, with the error that the file names.

use weir_http::{
    h1::{BodyDecoder, HeadLimits, parse_request, parse_response},
    message::{Fields, Framing, Method},
};

const LIMITS: HeadLimits = HeadLimits { head_bytes: 16_384, target_bytes: 8192 };

/// What the codec says to a vector, at once and byte by byte.
fn verdict(kind: &str, bytes: &[u8]) -> String {
    let mut fields = Fields::with_capacity(100);
    let mut read = |bytes: &[u8]| match kind {
        "request" => shown(parse_request(bytes, &LIMITS, &mut fields)),
        "response" => shown(parse_response(bytes, &LIMITS, &mut fields, Method::Get)),
        "body" => body(bytes),
        other => panic!("no such kind: {other}"),
    };
    let at_once = read(bytes);
    let first = (0..=bytes.len()).find_map(|len| Some(read(&bytes[..len])).filter(|v| v != "more"));
    assert_eq!(first.as_ref(), Some(&at_once), "the error depends on how the bytes arrive");
    at_once
}

fn shown<Head, E: std::fmt::Debug>(found: Result<Option<Head>, E>) -> String {
    match found {
        Ok(Some(_)) => "accepted".into(),
        Ok(None) => "more".into(),
        Err(error) => format!("{error:?}"),
    }
}

fn body(bytes: &[u8]) -> String {
    let mut decoder = BodyDecoder::new(Framing::Chunked);
    let mut unread = 0..bytes.len();
    loop {
        match decoder.decode(bytes, &mut unread) {
            Ok(Some(_)) => {}
            found => return shown(found.map(|_| decoder.is_end().then_some(()))),
        }
    }
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
fn every_vector_is_refused_for_its_reason() {
    let (_, blocks) = include_str!("data/smuggling.txt").split_once("\n== ").expect("vectors");
    let mut count = 0;
    for block in blocks.split("\n== ") {
        let (title, lines) = block.split_once('\n').expect("bytes after a title");
        let mut words = title.splitn(3, ' ');
        let mut word = || words.next().expect("kind, error and description");
        let (kind, error, description) = (word(), word(), word());
        let bytes = unescaped(&lines.replace('\n', ""));
        assert_eq!(verdict(kind, &bytes), error, "{kind}: {description}");
        count += 1;
    }
    assert!(count > 90, "only {count} vectors were found");
}
