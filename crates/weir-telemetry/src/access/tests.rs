use proptest::prelude::*;

use super::*;

fn micros(n: u64) -> Option<Duration> {
    Some(Duration::from_micros(n))
}

fn record() -> AccessRecord<'static> {
    AccessRecord {
        session: Some(b"01KAXYZ0000000000000000001"),
        request: Some(b"01KAXYZ0000000000000000002"),
        cluster: "api",
        backend: "api-1",
        client: Some(([192, 0, 2, 7], 51234).into()),
        backend_address: Some(([10, 0, 0, 1], 8080).into()),
        request_time: micros(1_234),
        service_time: micros(9),
        response_time: micros(10),
        client_rtt: micros(9_999_999),
        server_rtt: None,
        bytes_in: 120,
        bytes_out: 4_096,
        tags: "owner=team a, zone=eu",
        client_certificate: "",
        user_agent: b"Mozilla/5.0 [en] (X11; Linux)",
        protocol: Protocol::Http,
        authority: b"example.org:8080",
        method: b"GET",
        path: b"/a?b=c",
        status: Some(200),
        message: "H1::Complete",
        epoch: 42,
        error: false,
    }
}

fn line(record: &AccessRecord<'_>, colored: bool) -> String {
    let mut format = LineFormat::new(77, "WRK-03", colored);
    let line = record.encode_ascii(&mut format, 1_764_064_721_123_456_789);
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

#[test]
fn times_keep_whole_numbers_of_a_fitting_unit() {
    let shown = |time| {
        let mut pen = Pen::new();
        put_time(Some(time), &mut pen);
        String::from_utf8(pen.end_line().to_vec()).expect("UTF-8").trim_end().to_owned()
    };
    assert_eq!(shown(Duration::ZERO), "0ns");
    assert_eq!(shown(Duration::from_nanos(9_999)), "9999ns");
    assert_eq!(shown(Duration::from_nanos(10_000)), "10μs");
    assert_eq!(shown(Duration::from_nanos(9_999_999)), "9999μs");
    assert_eq!(shown(Duration::from_nanos(10_000_000)), "10ms");
    assert_eq!(shown(Duration::from_nanos(999_999_999)), "999ms");
    assert_eq!(shown(Duration::from_millis(9_999)), "9999ms");
    assert_eq!(shown(Duration::from_secs(10)), "10s");
    assert_eq!(shown(Duration::from_secs(86_400)), "86400s");
}

#[test]
fn tags_are_joined() {
    assert_eq!(tags_text([("a", "b"), ("c", "d e")]), "a=b, c=d e");
    assert_eq!(tags_text([]), "");
}

proptest! {
    #[test]
    fn an_address_is_written_like_everywhere(address in any::<SocketAddr>()) {
        let mut pen = Pen::new();
        put_address(Some(address), &mut pen);
        let expected = format!("{address}\n");
        prop_assert_eq!(pen.end_line(), expected.as_bytes());
    }

    #[test]
    fn a_record_is_one_line_with_its_columns(
        user_agent in prop::collection::vec(any::<u8>(), 0..60),
        authority in prop::collection::vec(any::<u8>(), 1..40),
        method in prop::collection::vec(any::<u8>(), 1..40),
        path in prop::collection::vec(any::<u8>(), 1..60),
        text in any::<String>(),
    ) {
        let hostile = AccessRecord {
            cluster: &text,
            tags: &text,
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
