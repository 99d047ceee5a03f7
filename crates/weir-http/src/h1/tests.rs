//! What is accepted, what is refused with which rule, and what comes out.

use std::io::IoSlice;

use super::*;
use crate::message::{FieldName, Fields, Framing, Method, RequestHead, ResponseHead, Version};

const LIMITS: HeadLimits = HeadLimits { head_bytes: 1024, target_bytes: 256 };

fn request(text: &str) -> Result<Option<RequestHead>, RequestError> {
    parse_request(text.as_bytes(), &LIMITS, &mut Fields::with_capacity(16))
}

fn response(text: &str) -> Result<Option<ResponseHead>, ResponseError> {
    parse_response(text.as_bytes(), &LIMITS, &mut Fields::with_capacity(16), Method::Get)
}

#[test]
fn an_ordinary_request_is_understood() {
    let text = "POST /a/b?c=d HTTP/1.1\r\nHost: example.org:8080\r\nContent-Length: 5\r\n\r\nhello";
    let head = request(text).expect("valid").expect("complete");
    let bytes = text.as_bytes();
    assert_eq!(head.target.host.of(bytes), b"example.org");
    assert_eq!(head.target.port, Some(8080));
    assert_eq!(head.target.path.of(bytes), b"/a/b");
    assert_eq!(head.target.path_and_query.of(bytes), b"/a/b?c=d");
    assert_eq!((head.method, head.version), (Method::Post, Version::Http11));
    assert_eq!((head.framing, head.keep_alive), (Framing::Length(5), true));
    assert_eq!(&bytes[head.len..], b"hello");
}

#[test]
fn every_prefix_of_a_request_is_incomplete() {
    let text = "\r\nGET http://h/ HTTP/1.1\r\nHost: h\r\nA: b\r\n\r\n";
    for end in 0..text.len() {
        assert_eq!(request(&text[..end]), Ok(None), "{:?}", &text[..end]);
    }
    assert!(request(text).expect("valid").is_some());
}

#[test]
fn requests_that_break_a_rule_are_refused() {
    use FieldError as F;
    use RequestError as E;
    let h = "Host: h\r\n";
    let cases: &[(&str, String, RequestError)] = &[
        ("two tokens", format!("GET /\r\n{h}\r\n"), E::BadRequestLine),
        ("four tokens", format!("GET / x HTTP/1.1\r\n{h}\r\n"), E::BadRequestLine),
        ("double space", format!("GET  / HTTP/1.1\r\n{h}\r\n"), E::BadRequestLine),
        ("bare LF", "GET / HTTP/1.1\nHost: h\n\n".into(), E::BadRequestLine),
        ("method", format!("G[T / HTTP/1.1\r\n{h}\r\n"), E::BadMethod),
        ("leading space", format!(" GET / HTTP/1.1\r\n{h}\r\n"), E::BadMethod),
        ("fragment", format!("GET /#a HTTP/1.1\r\n{h}\r\n"), E::BadTarget),
        ("raw utf-8", format!("GET /é HTTP/1.1\r\n{h}\r\n"), E::BadTarget),
        ("relative", format!("GET a HTTP/1.1\r\n{h}\r\n"), E::BadTarget),
        ("asterisk", format!("GET * HTTP/1.1\r\n{h}\r\n"), E::BadTarget),
        ("scheme", format!("GET ftp://h/ HTTP/1.1\r\n{h}\r\n"), E::BadTarget),
        ("connect", format!("CONNECT h:1 HTTP/1.1\r\n{h}\r\n"), E::Connect),
        ("2.0", format!("GET / HTTP/2.0\r\n{h}\r\n"), E::BadVersion),
        ("1.2", format!("GET / HTTP/1.2\r\n{h}\r\n"), E::BadVersion),
        ("version", format!("GET / http/1.1\r\n{h}\r\n"), E::BadRequestLine),
        ("no host", "GET / HTTP/1.1\r\n\r\n".into(), E::NoHost),
        ("old without host", "GET / HTTP/1.0\r\n\r\n".into(), E::NoHost),
        ("two hosts", format!("GET / HTTP/1.1\r\n{h}{h}\r\n"), E::RepeatedHost),
        ("empty host", "GET / HTTP/1.1\r\nHost:\r\n\r\n".into(), E::BadHost),
        ("user info", "GET / HTTP/1.1\r\nHost: a@h\r\n\r\n".into(), E::BadHost),
        ("port 0", "GET / HTTP/1.1\r\nHost: h:0\r\n\r\n".into(), E::BadHost),
        ("port", "GET / HTTP/1.1\r\nHost: h:65536\r\n\r\n".into(), E::BadHost),
        ("v6", "GET / HTTP/1.1\r\nHost: [::g]\r\n\r\n".into(), E::BadHost),
        ("mismatch", format!("GET http://x/ HTTP/1.1\r\n{h}\r\n"), E::HostMismatch),
        ("no colon", format!("GET / HTTP/1.1\r\n{h}A\r\n\r\n"), E::Field(F::BadName)),
        ("space", format!("GET / HTTP/1.1\r\n{h}A : b\r\n\r\n"), E::Field(F::BadName)),
        ("no name", format!("GET / HTTP/1.1\r\n{h}: b\r\n\r\n"), E::Field(F::BadName)),
        ("folded", format!("GET / HTTP/1.1\r\n{h} b: c\r\n\r\n"), E::Field(F::Folded)),
        ("NUL", format!("GET / HTTP/1.1\r\n{h}A: \0\r\n\r\n"), E::Field(F::BadValue)),
        ("CR", format!("GET / HTTP/1.1\r\n{h}A: b\rc\r\n\r\n"), E::Field(F::BadLine)),
        ("LF", format!("GET / HTTP/1.1\r\n{h}A: b\nc: d\r\n\r\n"), E::Field(F::BadLine)),
    ];
    for (name, text, error) in cases {
        assert_eq!(request(text), Err(*error), "{name}");
    }
}

#[test]
fn ambiguous_framing_is_refused() {
    use FieldError as F;
    let cases = [
        ("Content-Length: 1\r\nTransfer-Encoding: chunked\r\n", F::LengthAndCoding),
        ("Content-Length: 1\r\nContent-Length: 2\r\n", F::RepeatedLength),
        ("Content-Length: 1, 1\r\n", F::BadLength),
        ("Content-Length: +1\r\n", F::BadLength),
        ("Content-Length: \r\n", F::BadLength),
        ("Content-Length: 18446744073709551616\r\n", F::BadLength),
        ("Transfer-Encoding: gzip, chunked\r\n", F::BadCoding),
        ("Transfer-Encoding: chunked, chunked\r\n", F::BadCoding),
        ("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n", F::BadCoding),
        ("Transfer-Encoding: xchunked\r\n", F::BadCoding),
        ("Transfer-Encoding: identity\r\n", F::BadCoding),
    ];
    for (fields, error) in cases {
        let text = format!("POST / HTTP/1.1\r\nHost: h\r\n{fields}\r\n");
        assert_eq!(request(&text), Err(RequestError::Field(error)), "{fields}");
        let text = format!("HTTP/1.1 200 OK\r\n{fields}\r\n");
        assert_eq!(response(&text), Err(ResponseError::Field(error)), "{fields}");
    }
    let old = "POST / HTTP/1.0\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n";
    assert_eq!(request(old), Err(RequestError::Field(F::CodingInOldVersion)));
}

#[test]
fn limits_are_answered_with_their_status() {
    let long = format!("GET /{} HTTP/1.1\r\n", "a".repeat(300));
    assert_eq!(request(&long).map_err(RequestError::status), Err(414));
    assert_eq!(request(&long[..280]).map_err(RequestError::status), Err(414), "before its end");
    let large = format!("GET / HTTP/1.1\r\nHost: h\r\nA: {}", "a".repeat(1024));
    assert_eq!(request(&large).map_err(RequestError::status), Err(431));
    let many = format!("GET / HTTP/1.1\r\nHost: h\r\n{}\r\n", "A: b\r\n".repeat(16));
    assert_eq!(request(&many).map_err(RequestError::status), Err(431));
    assert_eq!(request("GET / HTTP/3.0\r\n").map_err(RequestError::status), Err(505));
}

#[test]
fn connection_names_only_what_may_be_dropped() {
    let text = "GET / HTTP/1.1\r\nHost: h\r\nConnection: x-a, host, x-forwarded-for, close\r\n\
                X-A: 1\r\nX-Forwarded-For: 1.2.3.4\r\nX-B: 2\r\nKeep-Alive: 5\r\n\r\n";
    let mut fields = Fields::with_capacity(16);
    let head = parse_request(text.as_bytes(), &LIMITS, &mut fields).expect("valid").expect("all");
    assert!(!head.keep_alive);
    let dropped: Vec<_> = fields
        .as_slice()
        .iter()
        .filter(|field| field.hop)
        .map(|field| std::str::from_utf8(field.name.of(text.as_bytes())).expect("ASCII"))
        .collect();
    assert_eq!(dropped, ["Connection", "X-A", "Keep-Alive"]);
}

#[test]
fn responses_are_delimited_by_rfc_9112_6_3() {
    let framing = |status: &str, fields: &str, method: Method| {
        let text = format!("HTTP/1.1 {status}\r\n{fields}\r\n");
        let mut lines = Fields::with_capacity(16);
        let head = parse_response(text.as_bytes(), &LIMITS, &mut lines, method);
        let head = head.expect("valid").expect("complete");
        (head.framing, head.declared_length)
    };
    let length = "Content-Length: 7\r\n";
    assert_eq!(framing("200 OK", length, Method::Get), (Framing::Length(7), None));
    assert_eq!(framing("200 OK", length, Method::Head), (Framing::None, Some(7)));
    assert_eq!(framing("304 Not Modified", length, Method::Get), (Framing::None, Some(7)));
    assert_eq!(framing("204 No Content", "", Method::Get), (Framing::None, None));
    assert_eq!(framing("100 Continue", "", Method::Get), (Framing::None, None));
    assert_eq!(framing("200 OK", "", Method::Get), (Framing::UntilClose, None));
    let chunked = "Transfer-Encoding: chunked\r\n";
    assert_eq!(framing("200", chunked, Method::Get), (Framing::Chunked, None));
}

#[test]
fn malformed_responses_are_refused() {
    for line in ["HTTP/1.1 20 OK", "HTTP/1.1 2000 OK", "HTTP/2 200", "HTTP/1.1  200 OK", "SSH-2.0"]
    {
        let result = response(&format!("{line}\r\n\r\n"));
        assert_eq!(result, Err(ResponseError::BadStatusLine), "{line}");
    }
    let coded = response("HTTP/1.1 204 No Content\r\nTransfer-Encoding: chunked\r\n\r\n");
    assert_eq!(coded, Err(ResponseError::CodingWithoutBody));
}

#[test]
fn known_names_are_recognised_in_any_case() {
    for (name, kind) in [
        ("hOST", FieldName::Host),
        ("X-Forwarded-Port", FieldName::XForwardedPort),
        ("x-forwarded-hosT", FieldName::XForwardedHost),
        ("X-FORWARDED-PROTO", FieldName::XForwardedProto),
        ("Transfer-Encoding", FieldName::TransferEncoding),
        ("Transfer_Encoding", FieldName::Other),
        ("x", FieldName::Other),
        ("", FieldName::Other),
    ] {
        assert_eq!(FieldName::recognise(name.as_bytes()), kind, "{name}");
    }
}

/// Feeds `wire` in steps of `step` bytes and takes at most `take` bytes of output at a time.
fn pump(
    from: Framing,
    to: Framing,
    wire: &[u8],
    step: usize,
    take: usize,
) -> Result<(Vec<u8>, usize), BodyError> {
    let mut pump = Pump::new(from, to);
    let mut out = Vec::new();
    let mut unread = 0..0;
    while unread.end < wire.len() || pump.has_pending() {
        let before = (unread.clone(), out.len());
        if !pump.has_pending() || unread.is_empty() {
            unread.end = (unread.end + step).min(wire.len());
        }
        pump.handle(wire, &mut unread)?;
        let mut slices = [IoSlice::new(&[]); 3];
        let count = pump.slices(wire, &mut slices);
        let all: Vec<u8> = slices[..count].iter().flat_map(|slice| slice.to_vec()).collect();
        let n = all.len().min(take);
        out.extend_from_slice(&all[..n]);
        pump.advance(n);
        if pump.is_done() || before == (unread.clone(), out.len()) {
            break;
        }
    }
    if !pump.is_decoded() {
        pump.handle_eof()?;
        let mut slices = [IoSlice::new(&[]); 8];
        let count = pump.slices(wire, &mut slices);
        out.extend(slices[..count].iter().flat_map(|slice| slice.to_vec()));
    }
    Ok((out, unread.start))
}

#[test]
fn a_body_comes_out_the_same_however_it_is_cut() {
    let wire = b"4;x=\"y\"\r\nWiki\r\n05\r\npedia\r\n0\r\nX-T: 1\r\nHost: evil\r\n\r\nGET /next";
    let canonical = b"4\r\nWiki\r\n5\r\npedia\r\n0\r\nX-T: 1\r\n\r\n";
    for take in [1, 3, 1000] {
        let whole = pump(Framing::Chunked, Framing::Chunked, wire, 1000, take).expect("valid");
        assert_eq!(whole, (canonical.to_vec(), wire.len() - 9), "take {take}");
        for step in 1..wire.len() {
            let (out, _) =
                pump(Framing::Chunked, Framing::UntilClose, wire, step, take).expect("valid");
            assert_eq!(out, b"Wikipedia", "step {step} take {take}");
        }
    }
}

#[test]
fn lengths_and_ends_of_connections_delimit() {
    let (out, used) = pump(Framing::Length(3), Framing::Length(3), b"abcdef", 2, 9).expect("valid");
    assert_eq!((&out[..], used), (&b"abc"[..], 3));
    let (out, _) = pump(Framing::UntilClose, Framing::Chunked, b"abcdef", 6, 99).expect("valid");
    assert_eq!(out, b"6\r\nabcdef\r\n0\r\n\r\n");
    let short = pump(Framing::Length(9), Framing::Length(9), b"abc", 9, 9);
    assert_eq!(short, Err(BodyError::Truncated));
}

#[test]
fn malformed_chunks_are_refused() {
    for (wire, error) in [
        (&b"\r\n"[..], BodyError::BadSize),
        (b"0x5\r\n", BodyError::BadSize),
        (b"+5\r\n", BodyError::BadSize),
        (b" 5\r\n", BodyError::BadSize),
        (b"5 \r\n", BodyError::BadSize),
        (b"5\n", BodyError::BadSize),
        (b"5\rx", BodyError::BadSize),
        (b"1234567890abcdef0\r\n", BodyError::SizeTooLarge),
        (b"1;a\nb\r\n", BodyError::BadExtension),
        (b"1\r\nabc", BodyError::BadDataEnd),
        (b"1\r\na\nb", BodyError::BadDataEnd),
        (b"0\r\nA b\r\n\r\n", BodyError::BadTrailer),
        (b"0\r\nA: b\n\r\n", BodyError::BadTrailer),
    ] {
        let result = pump(Framing::Chunked, Framing::Chunked, wire, 1, 99);
        assert_eq!(result, Err(error), "{:?}", String::from_utf8_lossy(wire));
    }
}
