use super::*;
use crate::{h1::BodyDecoder, message::Framing};

/// Payload and what follows the message.
type Decoded = (Vec<u8>, Vec<u8>);

/// A chunked body, fed at once.
fn decode(text: &[u8]) -> Result<Option<Decoded>, BodyError> {
    let mut decoder = BodyDecoder::new(Framing::Chunked);
    let mut unread = 0..text.len();
    let mut payload = Vec::new();
    while let Some(part) = decoder.decode(text, &mut unread)? {
        if let Part::Data(data) = part {
            payload.extend_from_slice(data.of(text));
        }
    }
    Ok(decoder.is_end().then(|| (payload, text[unread].to_vec())))
}

#[test]
fn chunks_are_joined() {
    let cases: &[(&[u8], &[u8], &[u8])] = &[
        (b"0\r\n\r\n", b"", b""),
        (b"5\r\nhello\r\n0\r\n\r\nGET", b"hello", b"GET"),
        (b"A\r\n0123456789\r\n1\r\n\n\r\n000\r\n\r\n", b"0123456789\n", b""),
        (b"0000000000000003\r\nabc\r\n0\r\n\r\n", b"abc", b""),
        (b"3;a\r\nabc\r\n0;b=c;d=\"e;\\\"f\\\\\" ; g\r\n\r\n", b"abc", b""),
        (b"1;q=\"\xff\t\"\r\n\r\r\n0\r\nX: y\r\n\r\n", b"\r", b""),
    ];
    for (text, payload, rest) in cases {
        let found = decode(text).unwrap().unwrap();
        assert_eq!((&found.0[..], &found.1[..]), (*payload, *rest), "{:?}", text.escape_ascii());
        for len in 0..text.len() - rest.len() {
            assert_eq!(decode(&text[..len]), Ok(None));
        }
    }
}

#[test]
fn sizes_are_digits_within_63_bits() {
    use BodyError::*;
    let cases: &[(&[u8], BodyError)] = &[
        (b"\r\n", ChunkSize),
        (b" 5\r\n", ChunkSize),
        (b"+5\r\n", ChunkSize),
        (b"-5\r\n", ChunkSize),
        (b"0x5\r\n", ChunkSize),
        (b"5 \r\n", ChunkSize),
        (b"5\t;a\r\n", ChunkSize),
        (b"5g\r\n", ChunkSize),
        (b";a\r\n", ChunkSize),
        (b"5\0\r\n", ChunkSize),
        (b"5\n", ChunkLineEnd),
        (b"5\rx", ChunkLineEnd),
        (b"5;a\n", ChunkLineEnd),
        (b"5;a\rb", ChunkLineEnd),
        (b"5;a=\"b\r\n\"", Extension),
        (b"5;a=\"b\n\"", Extension),
        (b"5;a=\"\\\r\n", Extension),
        (b"5;\0", Extension),
        (b"5;\x7f", Extension),
        (b"5;\xe9", Extension),
        (b"00000000000000005\r\n", ChunkSizeOverflow),
        (b"8000000000000000\r\n", ChunkSizeOverflow),
        (b"fffffffffffffffff\r\n", ChunkSizeOverflow),
        (b"1\r\nab\r\n", ChunkDataEnd),
        (b"1\r\na\n", ChunkDataEnd),
        (b"1\r\na\rb", ChunkDataEnd),
        (b"1\r\na0\r\n\r\n", ChunkDataEnd),
    ];
    for (text, error) in cases {
        assert_eq!(decode(text), Err(*error), "{:?}", text.escape_ascii());
    }
    assert_eq!(decode(b"7fffffffffffffff\r\n"), Ok(None));
}

#[test]
fn extensions_are_bounded() {
    let text = |len: usize| [b"0;", &vec![b'a'; len][..], b"\r\n\r\n"].concat();
    assert!(decode(&text(EXTENSION_BYTES)).unwrap().is_some());
    assert_eq!(decode(&text(EXTENSION_BYTES + 1)), Err(BodyError::ExtensionTooLong));
}

#[test]
fn trailer_sections_are_checked_and_bounded() {
    use crate::h1::{HeadError, TRAILER_BYTES};
    let fault = |lines: &[u8]| decode(&[b"0\r\n", lines].concat()).unwrap_err();
    assert_eq!(fault(b"a: b\n"), BodyError::Trailer(HeadError::BareLf));
    assert_eq!(fault(b"\n"), BodyError::Trailer(HeadError::BareLf));
    assert_eq!(fault(b"\rx"), BodyError::Trailer(HeadError::BareCr));
    assert_eq!(fault(b"a : b\r\n"), BodyError::Trailer(HeadError::SpaceBeforeColon));
    assert_eq!(fault(b"a: b\r\n c"), BodyError::Trailer(HeadError::Folded));
    assert_eq!(fault(b"GET / HTTP/1.1\r\n"), BodyError::Trailer(HeadError::SpaceBeforeColon));
    assert_eq!(fault(b"a: \0"), BodyError::Trailer(HeadError::ValueByte));

    let one = |len: usize| [b"0\r\na: ", &vec![b'x'; len - 7][..], b"\r\n\r\n"].concat();
    assert!(decode(&one(TRAILER_BYTES)).unwrap().is_some());
    let too_large = Err(BodyError::Trailer(HeadError::TooLarge));
    assert_eq!(decode(&one(TRAILER_BYTES + 1)), too_large);
    let endless = [b"0\r\n", &b"a: b\r\n".repeat(TRAILER_BYTES / 6 + 1)[..]].concat();
    assert_eq!(decode(&endless), too_large);
}
