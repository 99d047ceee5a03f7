use super::*;
use crate::message::{AuthorityError, Field, FieldName, TargetForm};

const LIMITS: HeadLimits = HeadLimits { head_bytes: 1024, target_bytes: 64 };

fn parse(text: &[u8]) -> Result<Option<(RequestHead, Vec<Field>)>, RequestError> {
    let mut fields = Fields::with_capacity(8);
    let head = parse_request(text, &LIMITS, &mut fields)?;
    Ok(head.map(|head| (head, fields.as_slice().to_vec())))
}

fn accepted(text: &str) -> (RequestHead, Vec<Field>) {
    match parse(text.as_bytes()) {
        Ok(Some(found)) => found,
        other => panic!("{text:?}: {other:?}"),
    }
}

/// A request with a valid line and Host, and the given fields.
fn with_fields(fields: &str) -> String {
    format!("POST / HTTP/1.1\r\nHost: a\r\n{fields}\r\n")
}

#[test]
fn an_ordinary_request_is_a_view_of_its_bytes() {
    let text = "GET /a/b?c=d HTTP/1.1\r\n\
        Host: example.org:8080\r\nAccept:\t*/* \t\r\nX-Empty:\r\n\r\nbody";
    let (head, fields) = accepted(text);
    let of = |span: Span| str::from_utf8(span.of(text.as_bytes())).unwrap();
    assert_eq!(head.method, Method::Get);
    assert_eq!(of(head.method_text), "GET");
    assert_eq!(head.target.form, TargetForm::Origin);
    assert_eq!(of(head.target.authority), "example.org:8080");
    assert_eq!(of(head.target.host), "example.org");
    assert_eq!(head.target.port, Some(8080));
    assert_eq!(of(head.target.path_and_query), "/a/b?c=d");
    assert_eq!(of(head.target.path), "/a/b");
    assert_eq!(head.version, Version::Http11);
    assert_eq!(head.framing, Framing::None);
    assert_eq!(head.len, text.len() - "body".len());
    assert!(head.keep_alive && !head.upgrade && !head.expect_continue && !head.te_trailers);
    let lines: Vec<_> = fields.iter().map(|f| (f.kind, f.hop, of(f.name), of(f.value))).collect();
    assert_eq!(
        lines,
        [
            (FieldName::Host, false, "Host", "example.org:8080"),
            (FieldName::Other, false, "Accept", "*/*"),
            (FieldName::Other, false, "X-Empty", ""),
        ]
    );
}

#[test]
fn every_prefix_of_a_good_head_is_incomplete() {
    let text = b"\r\nPUT http://a.b:80/c?d HTTP/1.1\r\nhOST: A.b\r\nContent-Length: 3\r\n\r\nabc";
    let end = text.len() - 3;
    for len in 0..end {
        assert_eq!(parse(&text[..len]), Ok(None), "{len} bytes");
    }
    for len in end..=text.len() {
        assert_eq!(parse(&text[..len]).unwrap().unwrap().0.len, end);
    }
}

#[test]
fn broken_request_lines_are_refused() {
    use RequestError::*;
    let cases: &[(&str, RequestError)] = &[
        ("GET /\r\n", RequestLine),
        ("GET\r\n", RequestLine),
        ("GET  / HTTP/1.1\r\n", RequestLine),
        ("GET /  HTTP/1.1\r\n", RequestLine),
        ("GET / HTTP/1.1 \r\n", RequestLine),
        ("GET / x HTTP/1.1\r\n", VersionSyntax),
        ("GET / HTTP/1.1 x\r\n", RequestLine),
        (" GET / HTTP/1.1\r\n", RequestLine),
        ("\r\n\r\nGET / HTTP/1.1\r\n", RequestLine),
        ("G@T / HTTP/1.1\r\n", Method),
        ("GET\t/ HTTP/1.1\r\n", Method),
        ("G\0T / HTTP/1.1\r\n", Method),
        ("\u{16}\u{3}\u{1}", Method),
        ("GÉT / HTTP/1.1\r\n", Method),
        ("ABCDEFGHIJABCDEFGHIJABCDEFGHIJABC", MethodTooLong),
        ("CONNECT a:443 HTTP/1.1\r\n", Connect),
        ("CONNECT ", Connect),
        ("GET /\tx HTTP/1.1\r\n", TargetByte),
        ("GET /\0 HTTP/1.1\r\n", TargetByte),
        ("GET /\u{7f} HTTP/1.1\r\n", TargetByte),
        ("GET /é HTTP/1.1\r\n", TargetByte),
        ("GET /a#b HTTP/1.1\r\n", Fragment),
        ("GET x HTTP/1.1\r\n", TargetForm),
        ("GET a.b:80 HTTP/1.1\r\n", TargetForm),
        ("GET ?q HTTP/1.1\r\n", TargetForm),
        ("GET \\ HTTP/1.1\r\n", TargetForm),
        ("GET http:/a HTTP/1.1\r\n", TargetForm),
        ("GET ://a/ HTTP/1.1\r\n", TargetForm),
        ("GET 1://a/ HTTP/1.1\r\n", TargetForm),
        ("GET * HTTP/1.1\r\n", Asterisk),
        ("OPTIONS *x HTTP/1.1\r\n", TargetForm),
        ("GET ftp://a/ HTTP/1.1\r\n", Scheme),
        ("GET ws://a/ HTTP/1.1\r\n", Scheme),
        ("GET http://a?q HTTP/1.1\r\n", NoPath),
        ("GET / http/1.1\r\n", VersionSyntax),
        ("GET / HTTQ", VersionSyntax),
        ("GET / HTTP/11\r\n", VersionSyntax),
        ("GET / HTTP/1.\r\n", VersionSyntax),
        ("GET / HTTP/1.10\r\n", RequestLine),
        ("GET / ICAP/1.0\r\n", VersionSyntax),
        ("GET / HTTP/1.2", Version),
        ("GET / HTTP/0.9\r\n", Version),
        ("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", Version),
        ("GET / HTTP/1.1\n", Head(HeadError::BareLf)),
        ("GET / HTTP/1.1\r\r\n", Head(HeadError::BareCr)),
        ("GET /\nHTTP/1.1\r\n", Head(HeadError::BareLf)),
        ("GET /\rx HTTP/1.1\r\n", Head(HeadError::BareCr)),
        ("\nGET / HTTP/1.1\r\n", Head(HeadError::BareLf)),
        ("\rGET / HTTP/1.1\r\n", Head(HeadError::BareCr)),
    ];
    for (text, error) in cases {
        // The rest of the head is not there: an error does not wait for it.
        assert_eq!(parse(text.as_bytes()), Err(*error), "{text:?}");
    }
}

#[test]
fn broken_field_lines_are_refused() {
    use HeadError::*;
    let cases: &[(&[u8], HeadError)] = &[
        (b"a: b\n", BareLf),
        (b"a: b\rc\r\n", BareCr),
        (b"a: b\r\r\n", BareCr),
        (b"a\n", BareLf),
        (b"a\rb", BareCr),
        (b"\n", BareLf),
        (b"\rx", BareCr),
        (b" a: b\r\n", Folded),
        (b"a: b\r\n c", Folded),
        (b"a: b\r\n\tc", Folded),
        (b": b\r\n", EmptyName),
        (b"a : b\r\n", SpaceBeforeColon),
        (b"a\t: b\r\n", SpaceBeforeColon),
        (b"a b: c\r\n", SpaceBeforeColon),
        (b"a\r\n", NoColon),
        (b"a\0: b\r\n", NameByte),
        (b"a\x7f: b\r\n", NameByte),
        (b"\xc3\xa9: b\r\n", NameByte),
        (b"a(b): c\r\n", NameByte),
        (b"a\"b\": c\r\n", NameByte),
        (b"a/b: c\r\n", NameByte),
        (b"a: b\0\r\n", ValueByte),
        (b"a: \x01", ValueByte),
        (b"a: b\x0b\r\n", ValueByte),
        (b"a: b\x1f", ValueByte),
        (b"a: b\x7f\r\n", ValueByte),
    ];
    for (line, error) in cases {
        for padding in ["", "X-Padding: 12345\r\n"] {
            let mut text = format!("GET / HTTP/1.1\r\nHost: a\r\n{padding}").into_bytes();
            text.extend_from_slice(line);
            assert_eq!(parse(&text), Err(RequestError::Head(*error)), "{:?}", line.escape_ascii());
        }
    }
}

#[test]
fn values_may_contain_tabs_and_bytes_above_ascii() {
    let mut text = b"GET / HTTP/1.1\r\nHost: a\r\nX: \ta\tb \xc3\xa9\xff\x80\t \r\n\r\n".to_vec();
    let (_, fields) = parse(&text).unwrap().unwrap();
    assert_eq!(fields[1].value.of(&text), b"a\tb \xc3\xa9\xff\x80");
    text.truncate(text.len() - 1);
    assert_eq!(parse(&text), Ok(None));
}

#[test]
fn doubtful_framing_is_refused() {
    use HeadError::*;
    let cases = [
        ("Content-Length: 5\r\nContent-Length: 5\r\n", LengthRepeated),
        ("Content-Length: 5\r\ncontent-length: 6\r\n", LengthRepeated),
        ("Content-Length: 5, 5\r\n", LengthSyntax),
        ("Content-Length: +5\r\n", LengthSyntax),
        ("Content-Length: -5\r\n", LengthSyntax),
        ("Content-Length: 0x5\r\n", LengthSyntax),
        ("Content-Length: 5 5\r\n", LengthSyntax),
        ("Content-Length: 5.0\r\n", LengthSyntax),
        ("Content-Length: \"5\"\r\n", LengthSyntax),
        ("Content-Length:\r\n", LengthSyntax),
        ("Content-Length: 9223372036854775808\r\n", LengthOverflow),
        ("Content-Length: 18446744073709551621\r\n", LengthOverflow),
        ("Content-Length: 5\r\nTransfer-Encoding: chunked\r\n", LengthAndCoding),
        ("Transfer-Encoding: chunked\r\nContent-Length: 5\r\n", LengthAndCoding),
        ("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n", CodingRepeated),
        ("Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n", CodingRepeated),
        ("Transfer-Encoding: identity\r\n", Coding),
        ("Transfer-Encoding: gzip, chunked\r\n", Coding),
        ("Transfer-Encoding: chunked, gzip\r\n", Coding),
        ("Transfer-Encoding: chunked, chunked\r\n", Coding),
        ("Transfer-Encoding: chunked;a=b\r\n", Coding),
        ("Transfer-Encoding: xchunked\r\n", Coding),
        ("Transfer-Encoding: \"chunked\"\r\n", Coding),
        ("Transfer-Encoding: chunked,\r\n", Coding),
        ("Transfer-Encoding:\r\n", Coding),
        ("Host: a\r\n", HostRepeated),
        ("Connection: a b\r\n", OptionSyntax),
        ("Connection: \"close\"\r\n", OptionSyntax),
    ];
    for (fields, error) in cases {
        let found = parse(with_fields(fields).as_bytes());
        assert_eq!(found, Err(RequestError::Head(error)), "{fields}");
    }
    let text = b"POST / HTTP/1.0\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n";
    assert_eq!(parse(text), Err(RequestError::Head(CodingInHttp10)));
}

#[test]
fn framing_follows_the_fields() {
    let cases = [
        ("", Framing::None),
        ("Content-Length: 0\r\n", Framing::Length(0)),
        ("Content-Length: 007\r\n", Framing::Length(7)),
        ("CONTENT-LENGTH:9223372036854775807\r\n", Framing::Length(u64::MAX >> 1)),
        ("Transfer-Encoding: chunked\r\n", Framing::Chunked),
        ("transfer-ENCODING:\tChunKed \r\n", Framing::Chunked),
    ];
    for (fields, framing) in cases {
        assert_eq!(accepted(&with_fields(fields)).0.framing, framing, "{fields}");
    }
}

#[test]
fn a_request_names_one_valid_host() {
    use RequestError::{Authority, Host, HostMismatch, HostMissing};
    let cases = [
        ("/", "", HostMissing),
        ("/", "X: y\r\n", HostMissing),
        ("/", "Host:\r\n", Host(AuthorityError::Empty)),
        ("/", "Host: a b\r\n", Host(AuthorityError::HostByte)),
        ("/", "Host: a/b\r\n", Host(AuthorityError::HostByte)),
        ("/", "Host: a, b\r\n", Host(AuthorityError::HostByte)),
        ("/", "Host: é\r\n", Host(AuthorityError::HostByte)),
        ("/", "Host: u@a\r\n", Host(AuthorityError::Userinfo)),
        ("/", "Host: a:0\r\n", Host(AuthorityError::Port)),
        ("/", "Host: [::1\r\n", Host(AuthorityError::Ipv6)),
        ("http://a/", "", HostMissing),
        ("http://a/", "Host: b\r\n", HostMismatch),
        ("http://a:81/", "Host: a\r\n", HostMismatch),
        ("https://a/", "Host: a:80\r\n", HostMismatch),
        ("http://u@a/", "Host: a\r\n", Authority(AuthorityError::Userinfo)),
        ("http:///", "Host: a\r\n", Authority(AuthorityError::Empty)),
        ("http://", "Host: a\r\n", Authority(AuthorityError::Empty)),
        ("http://a:/", "Host: a\r\n", Authority(AuthorityError::Port)),
        ("http://a\\@b/", "Host: a\r\n", Authority(AuthorityError::HostByte)),
    ];
    for version in ["1.1", "1.0"] {
        for (target, fields, error) in cases {
            let text = format!("GET {target} HTTP/{version}\r\n{fields}\r\n");
            assert_eq!(parse(text.as_bytes()), Err(error), "{text:?}");
        }
    }
}

#[test]
fn all_forms_of_targets_are_taken_apart() {
    use TargetForm::*;
    let cases = [
        ("GET", "/", "a", (Origin, "a", None, "/", "/")),
        ("GET", "//b/?x?y", "A:8", (Origin, "A", Some(8), "//b/?x?y", "//b/")),
        (
            "GET",
            "/{|}\"<>^`\\",
            "[::1]:80",
            (Origin, "[::1]", Some(80), "/{|}\"<>^`\\", "/{|}\"<>^`\\"),
        ),
        ("OPTIONS", "*", "a", (Asterisk, "a", None, "*", "*")),
        ("GET", "http://a", "a", (Absolute, "a", None, "", "")),
        ("GET", "HTTP://A:80/b?c", "a", (Absolute, "A", Some(80), "/b?c", "/b")),
        ("GET", "https://a/", "a:443", (Absolute, "a", None, "/", "/")),
    ];
    for (method, target, host, expected) in cases {
        let text = format!("{method} {target} HTTP/1.1\r\nHost: {host}\r\n\r\n");
        let found = accepted(&text).0.target;
        let of = |span: Span| str::from_utf8(span.of(text.as_bytes())).unwrap();
        let (path_and_query, path) = (of(found.path_and_query), of(found.path));
        assert_eq!((found.form, of(found.host), found.port, path_and_query, path), expected);
    }
}

#[test]
fn limits_have_their_own_status() {
    let long = |len: usize| format!("GET /{} HTTP/1.1\r\nHost: a\r\n\r\n", "x".repeat(len - 1));
    assert!(parse(long(64).as_bytes()).unwrap().is_some());
    assert_eq!(parse(long(65).as_bytes()), Err(RequestError::TargetTooLong));
    assert_eq!(parse(&long(65).as_bytes()[..69]), Err(RequestError::TargetTooLong));

    let many = |count: usize| with_fields(&"a: b\r\n".repeat(count - 1));
    assert!(parse(many(8).as_bytes()).unwrap().is_some());
    assert_eq!(parse(many(9).as_bytes()), Err(HeadError::TooManyFields.into()));

    let big = |len: usize| {
        let rest = len - with_fields("a: \r\n").len();
        with_fields(&format!("a: {}\r\n", "x".repeat(rest)))
    };
    assert!(parse(big(1024).as_bytes()).unwrap().is_some());
    assert_eq!(parse(big(1025).as_bytes()), Err(HeadError::TooLarge.into()));
    assert_eq!(parse(&big(2000).as_bytes()[..1023]), Ok(None));
    assert_eq!(parse(&big(2000).as_bytes()[..1024]), Err(HeadError::TooLarge.into()));

    let options = |count: usize| with_fields(&format!("Connection: {}\r\n", "a,".repeat(count)));
    assert!(parse(options(32).as_bytes()).unwrap().is_some());
    assert_eq!(parse(options(33).as_bytes()), Err(HeadError::TooManyOptions.into()));
}

#[test]
fn statuses_follow_the_rule_that_is_broken() {
    assert_eq!(RequestError::TargetTooLong.status(), 414);
    assert_eq!(RequestError::Head(HeadError::TooLarge).status(), 431);
    assert_eq!(RequestError::Head(HeadError::TooManyFields).status(), 431);
    assert_eq!(RequestError::Version.status(), 505);
    assert_eq!(RequestError::Connect.status(), 400);
    assert_eq!(RequestError::Head(HeadError::LengthAndCoding).status(), 400);
    assert_eq!(RequestError::HostMissing.to_string(), "Host is missing");
}

#[test]
fn persistence_follows_version_and_options() {
    let cases = [
        ("1.1", "", true),
        ("1.1", "Connection: close\r\n", false),
        ("1.1", "Connection: keep-alive, CLOSE\r\n", false),
        ("1.1", "Connection: x\r\nConnection: , close ,\r\n", false),
        ("1.0", "", false),
        ("1.0", "Connection: Keep-Alive\r\n", true),
        ("1.0", "Connection: keep-alive\r\nConnection: close\r\n", false),
        ("1.0", "Proxy-Connection: keep-alive\r\n", false),
    ];
    for (version, fields, keep_alive) in cases {
        let text = format!("GET / HTTP/{version}\r\nHost: a\r\n{fields}\r\n");
        assert_eq!(accepted(&text).0.keep_alive, keep_alive, "{text:?}");
    }
}

#[test]
fn upgrade_expectation_and_trailers_are_noticed() {
    let upgrade = "Connection: keep-alive, Upgrade\r\nUpgrade: websocket\r\n";
    assert!(accepted(&with_fields(upgrade)).0.upgrade);
    assert!(!accepted(&with_fields("Upgrade: websocket\r\n")).0.upgrade);
    assert!(!accepted(&with_fields("Connection: upgrade\r\n")).0.upgrade);
    let old = format!("GET / HTTP/1.0\r\nHost: a\r\n{upgrade}Expect: 100-continue\r\n\r\n");
    assert!(!accepted(&old).0.upgrade && !accepted(&old).0.expect_continue);
    assert!(accepted(&with_fields("Expect: 100-Continue\r\n")).0.expect_continue);
    assert!(accepted(&with_fields("TE: gzip, Trailers\r\n")).0.te_trailers);
    assert!(!accepted(&with_fields("TE: gzip\r\n")).0.te_trailers);
}

#[test]
fn fields_for_the_next_hop_are_marked() {
    let hops = |fields: &str| -> Vec<String> {
        let text = with_fields(fields);
        let (_, fields) = accepted(&text);
        let marked = fields.iter().filter(|field| field.hop);
        marked.map(|f| String::from_utf8(f.name.of(text.as_bytes()).to_vec()).unwrap()).collect()
    };
    assert_eq!(
        hops("Connection: X-Private, close\r\nx-PRIVATE: 1\r\nX-Public: 2\r\n"),
        ["Connection", "x-PRIVATE"]
    );
    assert_eq!(
        hops("X-A: 1\r\nX-B: 2\r\nConnection: x-b\r\nConnection: x-a\r\n"),
        ["X-A", "X-B", "Connection", "Connection"]
    );
    let always = "Keep-Alive: 1\r\nProxy-Connection: a\r\nTE: b\r\nUpgrade: c\r\n";
    assert_eq!(hops(always), ["Keep-Alive", "Proxy-Connection", "TE", "Upgrade"]);
    // What the proxy acts on stays, whatever `Connection` says.
    for name in ["Host", "Content-Length", "Cookie", "Authorization", "Forwarded", "X-Real-IP"] {
        assert_eq!(hops(&format!("Connection: {name}, close\r\n")), ["Connection"]);
    }
    for name in ["X-Forwarded-For", "X-Forwarded-Host", "X-Forwarded-Proto", "X-Request-Id"] {
        assert_eq!(hops(&format!("{name}: 1\r\nConnection: {name}\r\n")), ["Connection"]);
    }
    // A trailer section can only follow chunks.
    assert_eq!(hops("Trailer: a\r\n"), ["Trailer"]);
    assert_eq!(hops("Trailer: a\r\nTransfer-Encoding: chunked\r\n"), ["Transfer-Encoding"]);
    assert!(hops("X: y\r\n").is_empty());
}

#[test]
fn a_head_that_trickles_in_is_parsed_once_per_line() {
    let text = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n";
    let worth = |len: usize| line::is_worth_parsing(&text[..len], len - 1, &LIMITS);
    let parsed: Vec<_> = (1..=text.len()).filter(|&len| worth(len)).collect();
    assert_eq!(parsed, [1, 16, 25, 27]);
    assert!(line::is_worth_parsing(&[b'a'; 1024], 1023, &LIMITS));
}
