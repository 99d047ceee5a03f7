//! Records of protobuf are read back with the types of the control protocol.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::LazyLock;
use std::time::Duration;

use prost::Message as _;
use weir_base::Address;
use weir_proto::ProtobufAccessLog;
use weir_proto::protobuf_endpoint::Inner;
use weir_telemetry::{
    AccessFormat, AccessRecord, LineFormat, Protocol, TagList, TlsDetails, TraceParent,
};

const NS: u64 = 1_764_064_721_123_456_789;

fn micros(n: u64) -> Option<Duration> {
    Some(Duration::from_micros(n))
}

fn tags() -> &'static TagList {
    static TAGS: LazyLock<Option<TagList>> =
        LazyLock::new(|| TagList::new([("owner", "team a"), ("zone", "eu")]));
    TAGS.as_ref().expect("tags")
}

const BACKEND: Address = Address::Ip(SocketAddr::new(IpAddr::V4(Ipv4Addr::new(10, 0, 0, 1)), 8080));

fn record() -> AccessRecord<'static> {
    AccessRecord {
        session: Some(b"01KAXYZ0000000000000000001"),
        request: Some(b"01KAXYZ0000000000000000002"),
        cluster: "api",
        backend: "api-1",
        client: Some(([192, 0, 2, 7], 51234).into()),
        backend_address: Some(&BACKEND),
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

fn read_back(record: &AccessRecord<'_>) -> ProtobufAccessLog {
    let mut line = LineFormat::new(77, "WRK-03", false);
    message(record.encode(&AccessFormat::Protobuf, &mut line, NS))
}

/// The message inside its length and the two zero bytes.
fn message(bytes: &[u8]) -> ProtobufAccessLog {
    let bytes = bytes.strip_suffix(&[0, 0]).expect("two zeros");
    let mut rest = bytes;
    let length = prost::decode_length_delimiter(&mut rest).expect("a length");
    assert_eq!(length, rest.len());
    ProtobufAccessLog::decode(rest).expect("a message")
}

#[test]
fn a_record_of_protobuf_is_the_message_of_the_protocol() {
    let told = read_back(&full());
    assert_eq!(told.request_id.to_ulid(), 0x019a_bbef_8000_0000_0000_0000_0000_0002);
    assert_eq!(told.session_id.map(|id| id.to_ulid() & 0xff), Some(1));
    assert_eq!(told.session_address.map(SocketAddr::try_from), Some(Ok(full().client.unwrap())));
    assert_eq!(u128::from(told.time), NS.into());
    assert_eq!(told.start_time.map(u128::from), Some((NS - 1_234_000).into()));
    assert_eq!((told.request_time, told.response_time), (Some(1_234), Some(10)));
    assert_eq!((told.service_time, told.bytes_in, told.bytes_out), (9, 120, 4_096));
    assert_eq!((told.client_rtt, told.server_rtt), (Some(9_999_999), None));
    let Some(Inner::Http(http)) = told.endpoint.inner else { panic!("an endpoint of HTTP") };
    assert_eq!((http.method.as_deref(), http.status), (Some("GET"), Some(200)));
    assert_eq!(http.path.as_deref(), Some("/a?b=c"));
    assert_eq!(told.tags.get("owner").map(String::as_str), Some("team a"));
    let otel = told.otel.expect("a trace");
    assert_eq!(otel.trace_id, "4bf92f3577b34da6a3ce929d0e0e4736");
    assert_eq!((told.tag.as_str(), told.protocol.as_str()), ("WRK-03", "http"));
    assert_eq!(told.tls_alpn.as_deref(), Some("h2"));
    assert_eq!(told.xff_chain.as_deref(), Some("10.0.0.1, 10.0.0.2"));

    let address: SocketAddr = "[2001:db8::7]:443".parse().unwrap();
    let raw = AccessRecord { protocol: Protocol::Tcp, client: Some(address), ..record() };
    let told = read_back(&raw);
    assert!(matches!(told.endpoint.inner, Some(Inner::Tcp(_))));
    assert_eq!(told.session_address.map(SocketAddr::try_from), Some(Ok(address)));
}

#[test]
fn what_a_client_sends_is_told_in_printable_ascii() {
    let hostile: Vec<u8> = (0..=255).cycle().take(10_000).collect();
    let record = AccessRecord { path: &hostile, user_agent: &hostile, ..full() };
    let told = read_back(&record);
    let agent = told.user_agent.expect("there");
    assert!(agent.bytes().all(|byte| (b' '..=b'~').contains(&byte)), "{agent}");
    assert!(agent.ends_with("..."), "it is bounded");
    assert!(told.start_time.is_some(), "what follows is there");
}
