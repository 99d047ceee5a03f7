use std::net::SocketAddr;
use std::sync::LazyLock;

use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::pen::Pen;

const NS: u64 = 1_764_064_721_123_456_789;

fn micros(n: u64) -> Option<Duration> {
    Some(Duration::from_micros(n))
}

fn tags() -> &'static TagList {
    static TAGS: LazyLock<Option<TagList>> =
        LazyLock::new(|| TagList::new([("owner", "team a"), ("zone", "eu")]));
    TAGS.as_ref().expect("tags")
}

fn backend_address() -> &'static Address {
    static BACKEND: LazyLock<Address> =
        LazyLock::new(|| SocketAddr::from(([10, 0, 0, 1], 8080)).into());
    &BACKEND
}

fn record() -> AccessRecord<'static> {
    AccessRecord {
        session: Some(b"01KAXYZ0000000000000000001"),
        request: Some(b"01KAXYZ0000000000000000002"),
        cluster: "api",
        backend: "api-1",
        client: Some(([192, 0, 2, 7], 51234).into()),
        backend_address: Some(backend_address()),
        request_time: micros(1_234),
        service_time: micros(9),
        response_time: micros(10),
        client_rtt: micros(9_999_999),
        server_rtt: None,
        bytes_in: 120,
        bytes_out: 4_096,
        tags: Some(tags()),
        client_certificate: "",
        user_agent: b"Mozilla/5.0 [en] (X11; Linux)",
        protocol: Protocol::Http,
        authority: b"example.org:8080",
        method: b"GET",
        path: b"/a?b=c",
        status: Some(200),
        message: "H1::Complete",
        epoch: 42,
        ..AccessRecord::default()
    }
}

fn line(record: &AccessRecord<'_>, colored: bool) -> String {
    let mut format = LineFormat::new(77, "WRK-03", colored);
    let line = record.encode(&AccessFormat::Ascii, &mut format, NS);
    String::from_utf8(line.to_vec()).expect("UTF-8")
}

#[test]
fn a_record_has_the_documented_layout() {
    assert_eq!(
        line(&record(), false),
        "2025-11-25T09:58:41.123456Z 1764064721123456789 77 INFO-ACCESS  WRK-03\t\
         [01KAXYZ0000000000000000001 01KAXYZ0000000000000000002 api api-1] \
         192.0.2.7:51234 10.0.0.1:8080 1234μs/9000ns/10μs/9999ms/- 120 4096 \
         [owner=team a, zone=eu, epoch=42, user-agent=Mozilla/5.0_{en}_(X11;_Linux)] None \
         http example.org:8080 GET /a?b=c 200 | H1::Complete\n"
    );
}

#[test]
fn what_is_unknown_is_a_dash() {
    let record = AccessRecord { error: true, status: Some(400), ..AccessRecord::default() };
    assert_eq!(
        line(&record, true),
        "2025-11-25T09:58:41.123456Z 1764064721123456789 77 \x1b[31mERROR-ACCESS\x1b[0m WRK-03\t\
         [- - - -] - - -/-/-/-/- 0 0 [epoch=0] None http - - - 400\n"
    );
    assert_eq!(record.level(), Level::Error);
}

#[test]
fn a_client_cannot_forge_a_field() {
    let hostile = AccessRecord {
        user_agent: b"x] None http evil GET / 200\r\n2025 \x1b[2J",
        path: b"/ 200 | fine\n",
        authority: b"a b",
        ..record()
    };
    let line = line(&hostile, false);
    assert!(
        line.contains(r"user-agent=x}_None_http_evil_GET_/_200\x0d\x0a2025_\x1b{2J] None"),
        "{line}"
    );
    assert!(line.ends_with(" a\\x20b GET /\\x20200\\x20|\\x20fine\\x0a 200 | H1::Complete\n"));
}

fn encoded(record: &AccessRecord<'_>, format: &AccessFormat) -> Vec<u8> {
    record.encode(format, &mut LineFormat::new(77, "WRK-03", false), NS).to_vec()
}

/// With everything that a record can have.
fn full() -> AccessRecord<'static> {
    AccessRecord {
        wait_time: micros(5),
        connect_time: micros(300),
        tls_time: micros(2_000),
        backend_bytes_in: 4_000,
        backend_bytes_out: 150,
        retries: 1,
        client_certificate: "ab12",
        x_request_id: b"their-id",
        forwarded_for: b"10.0.0.1, 10.0.0.2",
        trace: TraceParent::parse(b"00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"),
        tls: Some(TlsDetails {
            version: "TLSv1.3",
            cipher: "TLS13_AES_128_GCM_SHA256",
            server_name: "example.org",
            alpn: b"h2",
        }),
        ..record()
    }
}

/// With as much as can be, and all of it to be escaped.
fn endless(long: &[u8]) -> AccessRecord<'_> {
    AccessRecord {
        user_agent: long,
        path: long,
        authority: long,
        method: long,
        x_request_id: long,
        forwarded_for: long,
        tls: Some(TlsDetails { alpn: long, ..TlsDetails::default() }),
        ..full()
    }
}

#[test]
fn a_record_of_json_is_an_object() {
    let line = encoded(&full(), &AccessFormat::Json);
    let value: serde_json::Value = serde_json::from_slice(&line).expect("JSON");
    let expected = json!({
        "time": "2025-11-25T09:58:41.123456Z", "unix_ns": NS, "level": "info", "pid": 77,
        "process": "WRK-03", "session": "01KAXYZ0000000000000000001",
        "request": "01KAXYZ0000000000000000002", "cluster": "api", "backend": "api-1",
        "client": "192.0.2.7:51234", "backend_address": "10.0.0.1:8080", "protocol": "http",
        "method": "GET", "authority": "example.org:8080", "path": "/a?b=c", "status": 200,
        "message": "H1::Complete", "request_us": 1234, "wait_us": 5, "connect_us": 300,
        "tls_us": 2000, "response_us": 10, "service_us": 9, "client_rtt_us": 9_999_999,
        "bytes_in": 120, "bytes_out": 4096, "backend_bytes_in": 4000, "backend_bytes_out": 150,
        "retries": 1, "epoch": 42, "tags": { "owner": "team a", "zone": "eu" },
        "user_agent": "Mozilla/5.0 [en] (X11; Linux)", "x_request_id": "their-id",
        "x_forwarded_for": "10.0.0.1, 10.0.0.2",
        "trace_id": "4bf92f3577b34da6a3ce929d0e0e4736", "span_id": "00f067aa0ba902b7",
        "tls_version": "TLSv1.3", "tls_cipher": "TLS13_AES_128_GCM_SHA256",
        "tls_sni": "example.org", "tls_alpn": "h2", "client_cert": "ab12",
    });
    assert_eq!(value, expected);
    let least = encoded(&AccessRecord::default(), &AccessFormat::Json);
    let least: serde_json::Value = serde_json::from_slice(&least).expect("JSON");
    assert!(least.get("status").is_none() && least["bytes_in"] == 0, "{least}");
}

#[test]
fn the_worst_record_is_whole_in_every_form() {
    for byte in [0xff, b'"', b'\\', b'x'] {
        let long = vec![byte; 1 << 20];
        let json = encoded(&endless(&long), &AccessFormat::Json);
        serde_json::from_slice::<serde_json::Value>(&json).expect("JSON");
        let told = encoded(&endless(&long), &AccessFormat::Protobuf);
        assert!(told.ends_with(&[0, 0]) && told.len() < crate::pen::CAPACITY);
    }
}

#[test]
fn a_template_is_laid_out() {
    let shown = |text: &str, record: &AccessRecord<'_>| {
        let format = AccessFormat::Template(Template::parse(text).expect("a template"));
        String::from_utf8(encoded(record, &format)).expect("ASCII")
    };
    let combined = r#"{client} [{time}] "{method} {path}" {status} {bytes_out} "{user_agent}""#;
    assert_eq!(
        shown(combined, &record()),
        "192.0.2.7:51234 [2025-11-25T09:58:41.123456Z] \"GET /a?b=c\" 200 4096 \
         \"Mozilla/5.0 [en] (X11; Linux)\"\n"
    );
    assert_eq!(shown("{{{epoch}}} {backend} {status}", &AccessRecord::default()), "{0} - -\n");
    let hostile = AccessRecord { user_agent: b"a\" b\n", path: b"/a b\"", ..record() };
    assert_eq!(shown(r#"{path} "{user_agent}""#, &hostile), "/a\\x20b\\x22 \"a\\x22 b\\x0a\"\n");
    assert_eq!(shown("{user_agent}", &hostile), "a\\x22\\x20b\\x0a\n");
}

#[test]
fn what_is_no_template_is_refused() {
    let refused = |text: &str| Template::parse(text).expect_err("refused");
    let error = refused("{client} {statsu}");
    assert_eq!((error.at(), error.to_string()), (10, "there is no field `statsu`".to_owned()));
    assert!(matches!(refused("{client"), TemplateError::Brace { at: 0 }));
    assert!(matches!(refused("client}"), TemplateError::Brace { at: 6 }));
    assert!(matches!(refused("{client}\n"), TemplateError::Control { at: 8 }));
    assert!(matches!(refused("{{client}}"), TemplateError::NoField));
    assert!(matches!(refused(&"x".repeat(5_000)), TemplateError::TooLong));
}

#[test]
fn an_id_stays_inside_its_bracket() {
    let odd = AccessRecord { cluster: "a] b", ..record() };
    assert!(line(&odd, false).contains(" a}_b api-1] 192.0.2.7"));
}

#[test]
fn endless_fields_are_cut() {
    let long = vec![0xff; 1 << 20];
    let hostile = AccessRecord {
        user_agent: &long,
        path: &long,
        authority: &long,
        method: &long,
        ..record()
    };
    assert!(line(&hostile, false).len() < 24 * 1024);
}

proptest! {
    #[test]
    fn a_client_forges_nothing_in_json(
        text in prop::collection::vec(any::<u8>(), 0..60),
        tag in any::<String>(),
    ) {
        let tags = TagList::new([(&*tag, &*tag)]);
        let hostile = AccessRecord {
            path: &text, user_agent: &text, tags: tags.as_ref(), cluster: &tag, ..full()
        };
        let line = encoded(&hostile, &AccessFormat::Json);
        let inside = line.strip_suffix(b"\n").expect("a newline");
        prop_assert!(inside.iter().all(|b| (b' '..=b'~').contains(b)));
        let value: serde_json::Value = serde_json::from_slice(inside).expect("JSON");
        let shown = |text: &[u8]| {
            let mut pen = Pen::new();
            crate::escape::escape::<crate::escape::Text>(text, 128, &mut pen);
            String::from_utf8(pen.written().to_vec()).expect("ASCII")
        };
        if !text.is_empty() {
            prop_assert_eq!(value["path"].as_str().map(str::to_owned), Some(shown(&text)));
        }
    }

    #[test]
    fn a_record_is_one_line_with_its_columns(
        user_agent in prop::collection::vec(any::<u8>(), 0..60),
        authority in prop::collection::vec(any::<u8>(), 1..40),
        method in prop::collection::vec(any::<u8>(), 1..40),
        path in prop::collection::vec(any::<u8>(), 1..60),
        text in any::<String>(),
    ) {
        let tags = TagList::new([(&*text, &*text)]);
        let hostile = AccessRecord {
            cluster: &text,
            tags: tags.as_ref(),
            user_agent: &user_agent,
            authority: &authority,
            method: &method,
            path: &path,
            ..record()
        };
        let line = line(&hostile, false);
        let (_, record) = line.split_once('\t').expect("a tab");
        let record = record.strip_suffix('\n').expect("a newline");
        prop_assert!(!record.chars().any(char::is_control), "{}", record);
        let (bracket, rest) = record.split_once("] ").expect("the first bracket");
        prop_assert_eq!(bracket.split(' ').count(), 4);
        let (tags, rest) = rest.split_once(" [").expect("tags").1.split_once("] ").expect("end");
        prop_assert!(tags.contains("epoch=42"));
        prop_assert_eq!(rest.split(' ').count(), 8, "{}", rest);
    }
}
