use super::*;

const LIMITS: HeadLimits = HeadLimits { head_bytes: 1024, target_bytes: 64 };

fn parse_for(method: Method, text: &str) -> Result<Option<ResponseHead>, ResponseError> {
    parse_response(text.as_bytes(), &LIMITS, &mut Fields::with_capacity(8), method)
}

fn parse(text: &str) -> Result<Option<ResponseHead>, ResponseError> {
    parse_for(Method::Get, text)
}

#[test]
fn an_ordinary_response_is_a_view_of_its_bytes() {
    let text = "HTTP/1.1 404 Not Found\r\nContent-Length: 3\r\n\r\nabc";
    let head = parse(text).unwrap().unwrap();
    assert_eq!((head.status, head.version), (404, Version::Http11));
    assert_eq!(head.reason.of(text.as_bytes()), b"Not Found");
    assert_eq!((head.framing, head.declared_length), (Framing::Length(3), None));
    assert!(head.keep_alive);
    assert_eq!(head.len, text.len() - 3);
    for len in 0..head.len {
        assert_eq!(parse(&text[..len]), Ok(None), "{len} bytes");
    }
}

#[test]
fn the_reason_may_be_empty_or_absent() {
    for (text, reason) in [
        ("HTTP/1.1 200 \r\n\r\n", ""),
        ("HTTP/1.1 200\r\n\r\n", ""),
        ("HTTP/1.0 299 \ta\u{e9}\r\n\r\n", "\ta\u{e9}"),
    ] {
        let head = parse(text).unwrap().unwrap();
        assert_eq!(head.reason.of(text.as_bytes()), reason.as_bytes());
        assert_eq!(head.len, text.len());
    }
}

#[test]
fn broken_status_lines_are_refused() {
    use ResponseError::*;
    let cases = [
        ("HTTP/2.0 200 OK\r\n", Version),
        ("HTTP/1.2 200 OK\r\n", Version),
        ("http/1.1 200 OK\r\n", Version),
        ("ICY 200 OK\r\n", Version),
        ("\r\nHTTP/1.1 200 OK\r\n", Version),
        ("SSH-2.0", Version),
        ("HTTP/1.1\r\n", StatusLine),
        ("HTTP/1.1\t200 OK\r\n", StatusLine),
        ("HTTP/1.1  200 OK\r\n", Status),
        ("HTTP/1.1 099 x\r\n", Status),
        ("HTTP/1.1 2x0", Status),
        ("HTTP/1.1 -20", Status),
        ("HTTP/1.1 20 OK\r\n", Status),
        ("HTTP/1.1 2000 OK\r\n", StatusLine),
        ("HTTP/1.1 200OK\r\n", StatusLine),
        ("HTTP/1.1 200\tOK\r\n", StatusLine),
        ("HTTP/1.1 200 O\0K\r\n", ReasonByte),
        ("HTTP/1.1 200 O\u{7f}", ReasonByte),
        ("HTTP/1.1 200 OK\n", Head(HeadError::BareLf)),
        ("HTTP/1.1 200\n", Head(HeadError::BareLf)),
        ("HTTP/1.1 200 OK\rX", Head(HeadError::BareCr)),
    ];
    for (text, error) in cases {
        assert_eq!(parse(text), Err(error), "{text:?}");
    }
}

#[test]
fn broken_fields_and_framing_are_refused() {
    use HeadError::*;
    let cases = [
        ("a: b\n", BareLf),
        ("a: b\r\n c", Folded),
        ("a : b\r\n", SpaceBeforeColon),
        ("a: \0", ValueByte),
        ("Content-Length: 1\r\nContent-Length: 1\r\n", LengthRepeated),
        ("Content-Length: 1, 1\r\n", LengthSyntax),
        ("Content-Length: 1\r\nTransfer-Encoding: chunked\r\n", LengthAndCoding),
        ("Transfer-Encoding: gzip, chunked\r\n\r\n", Coding),
        ("Transfer-Encoding: identity\r\n\r\n", Coding),
        ("a: b\r\na: b\r\na: b\r\na: b\r\na: b\r\na: b\r\na: b\r\na: b\r\na: b\r\n", TooManyFields),
    ];
    for (fields, error) in cases {
        let text = format!("HTTP/1.1 200 OK\r\n{fields}");
        assert_eq!(parse(&text), Err(error.into()), "{fields:?}");
    }
    let old = "HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
    assert_eq!(parse(old), Err(CodingInHttp10.into()));
    for status in [100, 101, 103, 204] {
        let text = format!("HTTP/1.1 {status} x\r\nTransfer-Encoding: chunked\r\n\r\n");
        assert_eq!(parse(&text), Err(CodingWithoutBody.into()));
    }
    let endless = format!("HTTP/1.1 200 OK\r\na: {}", "x".repeat(1024));
    assert_eq!(parse(&endless), Err(TooLarge.into()));
}

/// RFC 9112 §6.3, row by row.
#[test]
fn framing_follows_method_status_and_fields() {
    use Framing::{Chunked, Length, None as Nothing, UntilClose};
    let length = "Content-Length: 5\r\n";
    let chunked = "Transfer-Encoding: chunked\r\n";
    let cases = [
        (Method::Get, 200, length, (Length(5), None)),
        (Method::Get, 200, chunked, (Chunked, None)),
        (Method::Get, 200, "", (UntilClose, None)),
        (Method::Get, 500, "", (UntilClose, None)),
        (Method::Get, 205, "Content-Length: 0\r\n", (Length(0), None)),
        (Method::Head, 200, length, (Nothing, Some(5))),
        (Method::Head, 200, chunked, (Nothing, None)),
        (Method::Head, 200, "", (Nothing, None)),
        (Method::Get, 304, length, (Nothing, Some(5))),
        (Method::Get, 304, chunked, (Nothing, None)),
        (Method::Get, 204, length, (Nothing, None)),
        (Method::Head, 204, length, (Nothing, None)),
        (Method::Get, 100, "", (Nothing, None)),
        (Method::Get, 103, length, (Nothing, None)),
        (Method::Get, 101, "Connection: upgrade\r\nUpgrade: x\r\n", (Nothing, None)),
    ];
    for (method, status, fields, expected) in cases {
        let text = format!("HTTP/1.1 {status} x\r\n{fields}\r\n");
        let head = parse_for(method, &text).unwrap().unwrap();
        assert_eq!((head.framing, head.declared_length), expected, "{method:?} {text:?}");
    }
}

#[test]
fn persistence_needs_a_known_length() {
    let cases = [
        ("1.1", "Content-Length: 0\r\n", true),
        ("1.1", "Transfer-Encoding: chunked\r\n", true),
        ("1.1", "", false),
        ("1.1", "Content-Length: 0\r\nConnection: close\r\n", false),
        ("1.0", "Content-Length: 0\r\n", false),
        ("1.0", "Content-Length: 0\r\nConnection: keep-alive\r\n", true),
        ("1.0", "Connection: keep-alive\r\n", false),
    ];
    for (version, fields, keep_alive) in cases {
        let text = format!("HTTP/{version} 200 OK\r\n{fields}\r\n");
        assert_eq!(parse(&text).unwrap().unwrap().keep_alive, keep_alive, "{text:?}");
    }
}
