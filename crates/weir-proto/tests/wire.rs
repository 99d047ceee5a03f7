//! Messages as bytes that were put together by hand, and what a decoder must put up with.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use prost::Message;
use weir_proto::request::RequestType;
use weir_proto::response_content::ContentType;
use weir_proto::{
    AddBackend, CertificateAndKey, Cluster, Event, EventKind, FrontendFilters, HealthCheckConfig,
    HttpListenerConfig, LoadBalancingParams, MetricsConfiguration, Request, Response,
    ResponseContent, ResponseStatus, ServerConfig, SocketAddress, Status, TlsVersion,
    UdpListenerConfig, WorkerRequest, WorkerResponses, frame,
};

fn bytes(hex: &str) -> Vec<u8> {
    let byte = |text| u8::from_str_radix(text, 16).expect("hex");
    hex.split_whitespace().map(byte).collect()
}

#[track_caller]
fn same<M: Message + Default + PartialEq + std::fmt::Debug>(message: M, hex: &str) {
    assert_eq!(message.encode_to_vec(), bytes(hex), "encoded");
    assert_eq!(M::decode(&bytes(hex)[..]).expect("a message"), message, "decoded");
}

#[track_caller]
fn request(request: RequestType, hex: &str) {
    same(Request::from(request), hex);
}

fn address(text: &str) -> SocketAddress {
    text.parse::<SocketAddr>().expect("an address").into()
}

fn cluster(id: &str) -> Cluster {
    Cluster { cluster_id: id.into(), ..Cluster::default() }
}

#[test]
fn a_frame_counts_its_prefix() {
    let mut frame = Vec::new();
    let status = Request::from(RequestType::Status(Status {}));
    frame::encode(&status, frame::DEFAULT_LIMIT, &mut frame).expect("short");
    assert_eq!(frame, bytes("0a 00 00 00 00 00 00 00 62 00"));
}

#[test]
fn addresses() {
    same(address("127.0.0.1:8080"), "0a 05 0d 01 00 00 7f 10 90 3f");
    same(address("[::1]:443"), "0a 06 12 04 08 01 10 00 10 bb 03");
    same(address("[fe::1]:0"), "0a 0d 12 0b 08 01 10 80 80 80 80 80 80 80 7f 10 00");
}

#[test]
fn scalars_of_the_request() {
    request(RequestType::RemoveCluster("a".into()), "72 01 61");
    request(RequestType::UpgradeWorker(300), "48 ac 02");
    request(RequestType::Logging("info".into()), "d2 02 04 69 6e 66 6f");
    request(RequestType::ConfigureMetrics(MetricsConfiguration::Clear.into()), "c8 02 02");
    request(RequestType::SetMaxConnectionsPerIp(0), "90 03 00");
    request(RequestType::ReloadConfiguration(String::new()), "5a 00");
}

#[test]
fn required_fields_are_written_at_their_default() {
    same(Response::ok("", None), "08 00 12 00");
    same(Response::failure("no"), "08 02 12 02 6e 6f");
    let filters = FrontendFilters { https: true, ..FrontendFilters::default() };
    request(RequestType::ListFrontends(filters), "2a 06 08 00 10 01 18 00");
    let check = HealthCheckConfig { uri: "/".into(), ..HealthCheckConfig::default() };
    same(check, "0a 01 2f 10 0a 18 05 20 03 28 03 30 00 38 00");
}

#[test]
fn maps_are_sorted_by_key() {
    let answers = [("503".into(), "b".into()), ("404".into(), "a".into())];
    let cluster = Cluster { answers: BTreeMap::from(answers), ..cluster("c") };
    let hex = "6a 1d 0a 01 63 10 00 18 00 28 00 4a 08 0a 03 34 30 34 12 01 61 \
               4a 08 0a 03 35 30 33 12 01 62";
    request(RequestType::AddCluster(cluster), hex);
}

/// The key and the value of an entry are left out at their defaults, all of a message included.
#[test]
fn an_entry_of_a_map_may_be_empty() {
    let map = BTreeMap::from([(String::new(), ResponseContent::default())]);
    same(WorkerResponses { map }, "0a 00");
    let full = WorkerResponses::decode(&bytes("0a 04 0a 00 12 00")[..]).expect("a message");
    assert_eq!(full.encode_to_vec(), bytes("0a 00"));
}

#[test]
fn negative_numbers_have_ten_bytes() {
    let backend = AddBackend {
        cluster_id: "c".into(),
        backend_id: "b".into(),
        address: address("127.0.0.1:8080"),
        load_balancing_parameters: Some(LoadBalancingParams { weight: -1 }),
        ..AddBackend::default()
    };
    let hex = "c2 01 1f 0a 01 63 12 01 62 1a 0a 0a 05 0d 01 00 00 7f 10 90 3f \
               2a 0b 08 ff ff ff ff ff ff ff ff ff 01";
    request(RequestType::AddBackend(backend), hex);
}

#[test]
fn lists_of_numbers_are_not_packed_but_may_be() {
    let versions = [TlsVersion::TlsV12, TlsVersion::TlsV13].map(i32::from).to_vec();
    let certificate = CertificateAndKey {
        certificate: "a".into(),
        key: "b".into(),
        versions,
        ..CertificateAndKey::default()
    };
    let packed = CertificateAndKey::decode(&bytes("0a 01 61 1a 01 62 22 02 04 05")[..]);
    assert_eq!(packed.as_ref(), Ok(&certificate));
    same(certificate, "0a 01 61 1a 01 62 20 04 20 05");
}

#[test]
fn envelopes() {
    let status = WorkerRequest::new("x", RequestType::Status(Status {}));
    same(status, "0a 01 78 12 02 62 00");
    let event = Event {
        kind: EventKind::ClusterRecovered.into(),
        cluster_id: Some("c".into()),
        ..Event::default()
    };
    let response = Response::processing("0", ContentType::Event(event));
    same(response, "08 01 12 01 30 1a 07 22 05 08 1d 12 01 63");
}

#[test]
fn a_missing_required_field_has_its_default() {
    let response = Response::decode(&[][..]).expect("lenient");
    assert_eq!((response.status(), &*response.message), (ResponseStatus::Failure, ""));
    let http = HttpListenerConfig::decode(&[][..]).expect("lenient");
    assert_eq!((http.front_timeout, http.back_timeout, http.connect_timeout), (60, 30, 3));
    assert_eq!((http.request_timeout, http.active, http.address), (10, false, <_>::default()));
    let udp = UdpListenerConfig::decode(&[][..]).expect("lenient");
    assert_eq!((udp.front_timeout, udp.max_rx_datagram_size), (30, 1500));
    let server = ServerConfig::decode(&[][..]).expect("lenient");
    assert_eq!(
        (&*server.log_level, &*server.log_target, server.buffer_size),
        ("info", "stdout", 16393)
    );
}

#[test]
fn defaults_of_optional_fields_are_in_their_accessors() {
    let http = HttpListenerConfig::default();
    assert_eq!((http.forwarded_headers, http.elide_x_real_ip()), (None, false));
    let server = ServerConfig::default();
    assert_eq!((server.retry_after, server.retry_after()), (None, 60));
    assert_eq!((server.subnet_ipv4_prefix(), server.subnet_ipv6_prefix()), (32, 128));
}

#[test]
fn unknown_fields_are_skipped() {
    // Number 2000 as a varint, as 8 bytes, as a string, as a group and as 4 bytes.
    let unknown = "80 7d 05 81 7d 01 02 03 04 05 06 07 08 82 7d 01 61 83 7d 08 01 84 7d \
                   85 7d 01 02 03 04";
    let known = "72 01 61";
    let wanted = Request::from(RequestType::RemoveCluster("a".into()));
    for hex in [format!("{unknown} {known}"), format!("{known} {unknown}")] {
        assert_eq!(Request::decode(&bytes(&hex)[..]).as_ref(), Ok(&wanted), "{hex}");
    }
    let other = Request::decode(&bytes("18 01")[..]).expect("an unknown request");
    assert_eq!(other.request_type, None);
}

#[test]
fn the_last_variant_holds() {
    let request = Request::decode(&bytes("72 01 61 62 00")[..]).expect("a request");
    assert_eq!(request.request_type, Some(RequestType::Status(Status {})));
}

#[test]
fn an_unknown_number_of_an_enum_is_kept() {
    let event = Event::decode(&bytes("08 e7 07")[..]).expect("an event");
    assert_eq!((event.kind, EventKind::try_from(event.kind).ok()), (999, None));
    assert_eq!(event.encode_to_vec(), bytes("08 e7 07"));
}

#[test]
fn what_is_no_message_is_refused() {
    for hex in ["72 02 61", "72 01 ff", "70 01", "07", "72 ff ff ff ff 0f", "00"] {
        assert!(Request::decode(&bytes(hex)[..]).is_err(), "{hex}");
    }
}

#[test]
fn nesting_has_an_end() {
    let mut content = ResponseContent::default();
    for _ in 0..200 {
        let map = BTreeMap::from([("1".into(), content)]);
        content = ContentType::WorkerResponses(WorkerResponses { map }).into();
    }
    assert!(ResponseContent::decode(&content.encode_to_vec()[..]).is_err());
}
