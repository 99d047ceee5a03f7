use super::*;
use crate::message::{FieldName, Span};

fn written(write: impl FnOnce(&mut Vec<u8>)) -> String {
    let mut out = b"before|".to_vec();
    write(&mut out);
    String::from_utf8(out).unwrap()
}

#[test]
fn a_request_is_written_after_what_is_there() {
    let text = written(|out| {
        let mut head = HeadEncoder::request(out, b"PUT", b"/a?b");
        head.field(b"Host", &[b"a", b":", b"80"]);
        head.field(b"X-Empty", &[]);
        head.framing(Framing::Length(u64::MAX));
        head.connection(Connection::Te);
        head.finish();
    });
    assert_eq!(
        text,
        "before|PUT /a?b HTTP/1.1\r\nHost: a:80\r\nX-Empty: \r\n\
         Content-Length: 18446744073709551615\r\nConnection: TE\r\nTE: trailers\r\n\r\n"
    );
}

#[test]
fn a_response_is_always_http_11() {
    let text = written(|out| {
        let mut head = HeadEncoder::response(out, 101, b"Switching Protocols");
        head.framing(Framing::None);
        head.connection(Connection::Upgrade(b"websocket"));
        head.finish();
    });
    assert_eq!(
        text,
        "before|HTTP/1.1 101 Switching Protocols\r\n\
         Connection: Upgrade\r\nUpgrade: websocket\r\n\r\n"
    );
}

#[test]
fn framing_and_connection_have_one_spelling() {
    let lines = |framing, connection| {
        written(|out| {
            let mut head = HeadEncoder::response(out, 200, b"");
            head.framing(framing);
            head.connection(connection);
            head.finish();
        })
    };
    let start = "before|HTTP/1.1 200 \r\n";
    let cases = [
        (Framing::Chunked, Connection::None, "Transfer-Encoding: chunked\r\n"),
        (Framing::UntilClose, Connection::Close, "Connection: close\r\n"),
        (
            Framing::Length(0),
            Connection::KeepAlive,
            "Content-Length: 0\r\nConnection: keep-alive\r\n",
        ),
    ];
    for (framing, connection, expected) in cases {
        assert_eq!(lines(framing, connection), format!("{start}{expected}\r\n"));
    }
}

#[test]
fn received_fields_lose_their_spelling_of_whitespace() {
    for line in ["A: b\r\n", "A:b\r\n", "A:\tb\r\n", "A:  b \r\n", "A: b\t\r\n"] {
        let buffer = format!("x{line}");
        let value = buffer.find('b').unwrap();
        let field = Field {
            kind: FieldName::Other,
            hop: false,
            name: Span::new(1, 2),
            value: Span::new(value, value + 1),
        };
        let text = written(|out| {
            let mut head = HeadEncoder::request(out, b"M", b"/");
            head.received(buffer.as_bytes(), &field);
        });
        assert_eq!(text, "before|M / HTTP/1.1\r\nA: b\r\n", "{line:?}");
    }
}

#[test]
fn every_status_has_a_phrase() {
    use crate::h1::reason_phrase;
    assert_eq!(reason_phrase(200), "OK");
    assert_eq!(reason_phrase(431), "Request Header Fields Too Large");
    assert_eq!(reason_phrase(599), "Server Error");
    assert!((0..1000).all(|status| !reason_phrase(status).is_empty()));
}
