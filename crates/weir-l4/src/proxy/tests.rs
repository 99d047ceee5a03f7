use proptest::prelude::*;

use super::*;

/// As an endpoint of AWS PrivateLink sends it: TCP over IPv4, checksum, a type of its own, padding.
const AWS: &[u8] = b"\r\n\r\n\0\r\nQUIT\n\x21\x11\x00\x54\
    \xac\x1f\x07\x71\xac\x1f\x0a\x1f\xc8\xf2\x00\x50\
    \x03\x00\x04\xe8\xd6\x89\x2d\
    \xea\x00\x17\x01vpce-08d2bf15fac5001c9\
    \x04\x00\x24\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0";

fn header(bytes: &[u8]) -> Header {
    match parse(bytes, DEFAULT_MOST) {
        Parsed::Header(header) => header,
        other => panic!("{other:?}"),
    }
}

fn invalid(bytes: &[u8]) -> Invalid {
    match parse(bytes, DEFAULT_MOST) {
        Parsed::Invalid(invalid) => invalid,
        other => panic!("{other:?}"),
    }
}

fn inet(transport: Transport, source: &str, destination: &str) -> Origin {
    let address = |text: &str| text.parse().expect("an address");
    Origin::Inet { transport, source: address(source), destination: address(destination) }
}

/// A header of version 2 with its length filled in.
fn v2(command: u8, kind: u8, rest: &[u8]) -> Vec<u8> {
    let len = u16::try_from(rest.len()).expect("short").to_be_bytes();
    [&v2::SIGNATURE[..], &[command, kind], &len, rest].concat()
}

/// As above, for TCP over IPv4, with TLVs.
fn v2_with(tlvs: &[u8]) -> Vec<u8> {
    v2(0x21, 0x11, &[b"\x01\x02\x03\x04\x05\x06\x07\x08\0\x50\0\x51", tlvs].concat())
}

#[test]
fn a_line_names_the_client() {
    let line = b"PROXY TCP4 192.168.0.1 192.168.0.11 56324 443\r\nGET / HTTP/1.1\r\n";
    let found = header(line);
    assert_eq!((found.len, found.version), (47, Version::V1));
    assert_eq!(found.origin, inet(Transport::Stream, "192.168.0.1:56324", "192.168.0.11:443"));
    assert_eq!(found.tlvs(line).next(), None);
    let found = header(b"PROXY TCP6 2001:db8::1 ::ffff:192.0.2.1 0 65535\r\n");
    assert_eq!(
        found.origin,
        inet(Transport::Stream, "[2001:db8::1]:0", "[::ffff:192.0.2.1]:65535")
    );
}

#[test]
fn an_unknown_client_may_come_with_anything() {
    let longest = "PROXY UNKNOWN ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff \
         ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff 65535 65535\r\n";
    assert_eq!(longest.len(), 107);
    for line in ["PROXY UNKNOWN\r\n", "PROXY UNKNOWN a\r b\r\n", longest] {
        let found = header(line.as_bytes());
        assert_eq!((found.len, found.origin), (line.len(), Origin::Unknown), "{line}");
    }
}

#[test]
fn a_line_that_breaks_a_rule_says_which() {
    let v4 = |rest: &str| format!("PROXY TCP4 {rest}\r\n");
    for (line, expected) in [
        ("PROXx".into(), Invalid::Signature),
        ("GET / HTTP/1.1\r\n".into(), Invalid::Signature),
        (format!("PROXY UNKNOWN {}", "a".repeat(93)), Invalid::LineTooLong),
        ("PROXY UNKNOWN\n".into(), Invalid::LineEnd),
        ("PROXY TCP5 1.2.3.4 1.2.3.4 1 2\r\n".into(), Invalid::Protocol),
        ("PROXY  TCP4 1.2.3.4 1.2.3.4 1 2\r\n".into(), Invalid::Protocol),
        ("PROXY UNKNOWNS\r\n".into(), Invalid::Protocol),
        ("PROXY TCP4\r\n".into(), Invalid::Fields),
        (v4("1.2.3.4 1.2.3.4 1"), Invalid::Fields),
        (v4("1.2.3.4 1.2.3.4 1 2 "), Invalid::Fields),
        (v4("1.2.3.4 1.2.3.4 1 2 3"), Invalid::Fields),
        (v4("1.2.3 1.2.3.4 1 2"), Invalid::Address),
        (v4("1.2.3.4 01.2.3.4 1 2"), Invalid::Address),
        (v4("::1 ::1 1 2"), Invalid::Address),
        (v4(" 1.2.3.4 1.2.3.4 1"), Invalid::Address),
        (v4("1.2.3.4 1.2.3.4 65536 2"), Invalid::Port),
        (v4("1.2.3.4 1.2.3.4 1 +2"), Invalid::Port),
        (v4("1.2.3.4 1.2.3.4 1 02"), Invalid::Port),
        (v4("1.2.3.4 1.2.3.4 1 \u{e9}"), Invalid::Port),
    ] {
        assert_eq!(invalid(line.as_bytes()), expected, "{line}");
    }
}

#[test]
fn a_binary_header_of_somebody_else_is_understood() {
    let found = header(AWS);
    assert_eq!((found.len, found.version), (AWS.len(), Version::V2));
    assert_eq!(found.origin, inet(Transport::Stream, "172.31.7.113:51442", "172.31.10.31:80"));
    let tlvs = found.tlvs(AWS);
    assert_eq!(tlvs.first(0xea), Some(&b"\x01vpce-08d2bf15fac5001c9"[..]));
    let kinds: Vec<_> = tlvs.map(|tlv| tlv.kind).collect();
    assert_eq!(kinds, [kind::CRC32C, 0xea, kind::NOOP]);
}

/// What HAProxy 2.6 sent; the fuzz target starts from it.
macro_rules! captured {
    ($name:literal) => {
        include_bytes!(concat!("../../../../fuzz/corpus/l4_proxy/", $name))
    };
}

#[test]
fn haproxy_is_understood_and_relayed_byte_for_byte() {
    let plain = captured!("haproxy-v2");
    let found = header(plain);
    assert_eq!(&plain[found.len..], b"hello");
    assert_eq!(found.origin, inet(Transport::Stream, "127.0.0.1:47320", "127.0.0.1:52783"));
    let id = found.tlvs(plain).first(kind::UNIQUE_ID);
    assert_eq!(id, Some(&b"9390ffd9-df5d-44e1-8919-09d075fff90b"[..]));
    let line = captured!("haproxy-v1");
    assert_eq!(&line[header(line).len..], b"hello");

    let tls = captured!("haproxy-v2-tls");
    let tlvs = header(tls).tlvs(tls);
    assert_eq!(tlvs.first(kind::AUTHORITY), Some(&b"a.example"[..]));
    assert_eq!(tlvs.first(kind::ALPN), Some(&b"h2"[..]));
    let Some(Value::Ssl(ssl)) = tlvs.map(Tlv::parse).last() else { panic!("{tls:?}") };
    assert!(ssl.tls && !ssl.certificate && !ssl.verified);
    assert_eq!(ssl.fields.first(kind::SSL_CIPHER), Some(&b"TLS_AES_256_GCM_SHA384"[..]));

    for bytes in [&plain[..], &tls[..]] {
        let mut out = Vec::new();
        let found = header(bytes);
        Encoder::relay(&mut out, &found, bytes).finish().expect("short");
        assert_eq!(out, bytes[..found.len]);
    }
}

#[test]
fn a_local_header_is_discarded_whatever_it_holds() {
    let bytes = v2(0x20, 0xff, b"\x03\0");
    let found = header(&bytes);
    assert_eq!((found.len, found.origin), (18, Origin::Local));
    assert_eq!(found.tlvs(&bytes).next(), None);
}

#[test]
fn an_unspecified_family_or_transport_hides_the_addresses() {
    let block = [0; 36];
    for (kind, len) in [(0x00, 0), (0x02, 0), (0x10, 12), (0x20, 36)] {
        let bytes = v2(0x21, kind, &[&block[..len], b"\x04\0\0"].concat());
        assert_eq!(header(&bytes).origin, Origin::Unknown);
        assert_eq!(header(&bytes).tlvs(&bytes).count(), 1);
    }
}

#[test]
fn names_of_unix_sockets_are_ranges() {
    let mut bytes = Vec::new();
    let encoder = Encoder::unix(&mut bytes, Transport::Datagram, b"/run/a", &[b'b'; 108]);
    assert_eq!(encoder.tlv(kind::NOOP, b"").finish(), Ok(16 + 216 + 3));
    let Origin::Unix { transport, source, destination } = header(&bytes).origin else {
        panic!("{bytes:?}")
    };
    assert_eq!(transport, Transport::Datagram);
    assert_eq!(source.of(&bytes).trim_ascii_end(), [&b"/run/a"[..], &[0; 102]].concat());
    assert_eq!(destination.of(&bytes), [b'b'; 108]);
}

#[test]
fn a_binary_header_that_breaks_a_rule_says_which() {
    let ssl = |fields: &[u8]| {
        let len = [0, fields.len() as u8];
        v2_with(&[&[kind::SSL], &len[..], fields].concat())
    };
    for (bytes, expected) in [
        (b"\r\n\r\n\0\r\nQUIT\r".to_vec(), Invalid::Signature),
        (v2(0x11, 0, b""), Invalid::Version(1)),
        (v2(0x22, 0, b""), Invalid::Command(2)),
        (v2(0x21, 0x41, b""), Invalid::Family(4)),
        (v2(0x21, 0x13, b""), Invalid::Transport(3)),
        (v2(0x21, 0x00, &[0; 4081]), Invalid::TooLong { len: 4097, most: 4096 }),
        (v2(0x20, 0x00, &[0; 4081]), Invalid::TooLong { len: 4097, most: 4096 }),
        (v2(0x21, 0x11, &[0; 11]), Invalid::AddressesCut),
        (v2(0x21, 0x22, &[0; 35]), Invalid::AddressesCut),
        (v2(0x21, 0x31, &[0; 215]), Invalid::AddressesCut),
        (v2_with(b"\x04\0"), Invalid::TlvCut),
        (v2_with(b"\x04\0\x02a"), Invalid::TlvCut),
        (v2_with(b"\x03\0\x03abc"), Invalid::ChecksumLength),
        (v2_with(b"\x03\0\x04abcd"), Invalid::Checksum),
        (v2_with(b"\x03\0\x04abcd\x03\0\x04abcd"), Invalid::ChecksumTwice),
        (v2_with(&[b"\x05\0\x81".to_vec(), vec![0; 129]].concat()), Invalid::UniqueId),
        (v2_with(b"\x02\0\x01\xff"), Invalid::Authority),
        (v2_with(b"\x30\0\x02\xc3\xa9"), Invalid::Namespace),
        (ssl(b"\x01\0\0\0"), Invalid::SslCut),
        (ssl(b"\x01\0\0\0\0\x21\0"), Invalid::TlvCut),
        (ssl(b"\x01\0\0\0\0\x21\0\x02\xc3\xa9"), Invalid::SslText),
        (ssl(b"\x01\0\0\0\0\x22\0\x01\xff"), Invalid::SslText),
    ] {
        assert_eq!(invalid(&bytes), expected, "{bytes:?}");
    }
}

#[test]
fn what_cannot_become_a_header_is_not_waited_for() {
    let too_long = &v2(0x21, 0, &[0; 4081])[..16];
    let no_addresses = &v2(0x21, 0x21, &[0; 35])[..16];
    let no_version = &v2(0x31, 0, b"")[..13];
    for bytes in [too_long, no_addresses, no_version] {
        assert!(matches!(parse(bytes, DEFAULT_MOST), Parsed::Invalid(_)), "{bytes:?}");
    }
}

#[test]
fn every_tlv_says_what_it_is() {
    let mut bytes = Vec::new();
    let session = b"\x03\0\0\0\0\x21\0\x07TLSv1.3\x22\0\x01\x61\x28\0\x01\xff";
    Encoder::unknown(&mut bytes)
        .tlv(kind::ALPN, b"h2")
        .tlv(kind::AUTHORITY, "é".as_bytes())
        .tlv(kind::UNIQUE_ID, &[7; 128])
        .checksum()
        .tlv(kind::SSL, session)
        .tlv(kind::NETNS, b"blue")
        .tlv(kind::NOOP, b"\0")
        .tlv(0xe0, b"ours")
        .finish()
        .expect("short");
    let values: Vec<_> = header(&bytes).tlvs(&bytes).map(Tlv::parse).collect();
    let [.., Value::Ssl(ssl), Value::Namespace("blue"), Value::Noop, Value::Other] = &values[..]
    else {
        panic!("{values:?}")
    };
    assert_eq!(
        values[..4],
        [Value::Alpn(b"h2"), Value::Authority("é"), Value::UniqueId(&[7; 128]), Value::Checksum]
    );
    assert!(ssl.tls && ssl.certificate && !ssl.certificate_in_session && ssl.verified);
    assert_eq!(ssl.fields.first(kind::SSL_VERSION), Some(&b"TLSv1.3"[..]));
    assert_eq!(ssl.fields.first(kind::SSL_CN), Some(&b"a"[..]));
    assert_eq!(ssl.fields.first(kind::SSL_CIPHER), None);
}

#[test]
fn a_certificate_that_was_not_presented_is_not_verified() {
    let bytes = v2_with(b"\x20\0\x05\x01\0\0\0\0");
    let Some(Value::Ssl(ssl)) = header(&bytes).tlvs(&bytes).next().map(Tlv::parse) else {
        panic!("{bytes:?}")
    };
    assert!(ssl.tls && !ssl.verified);
}

#[test]
fn datagrams_are_announced_as_such() {
    let mut bytes = b"kept".to_vec();
    let address = |text: &str| text.parse().expect("an address");
    let (client, backend) = (address("192.0.2.1:5353"), address("192.0.2.2:53"));
    let len = Encoder::inet(&mut bytes, Transport::Datagram, client, backend).finish();
    let expected = b"kept\r\n\r\n\0\r\nQUIT\n\x21\x12\0\x0c\
        \xc0\0\x02\x01\xc0\0\x02\x02\x14\xe9\0\x35";
    assert_eq!((len, &bytes[..]), (Ok(28), &expected[..]));
    bytes.clear();
    let backend = address("[2001:db8::1]:53");
    let len = Encoder::inet(&mut bytes, Transport::Datagram, client, backend).finish();
    assert_eq!((len, &bytes[12..]), (Ok(16), &b"\x21\0\0\0"[..]));
    bytes.clear();
    let len = Encoder::local(&mut bytes).finish();
    assert_eq!((len, &bytes[12..]), (Ok(16), &b"\x20\0\0\0"[..]));
}

#[test]
fn version_1_names_tcp_only() {
    let line = |origin: Origin| {
        let mut out = Vec::new();
        write_v1(&mut out, &origin);
        String::from_utf8(out).expect("text")
    };
    let (a, b, c) = ("192.0.2.1:5353", "192.0.2.2:53", "[2001:db8::1]:53");
    assert_eq!(line(inet(Transport::Stream, a, b)), "PROXY TCP4 192.0.2.1 192.0.2.2 5353 53\r\n");
    assert_eq!(line(inet(Transport::Stream, c, c)), "PROXY TCP6 2001:db8::1 2001:db8::1 53 53\r\n");
    for origin in [inet(Transport::Stream, a, c), inet(Transport::Datagram, a, b), Origin::Local] {
        assert_eq!(line(origin), "PROXY UNKNOWN\r\n");
    }
}

#[test]
fn what_is_too_long_is_not_written() {
    let mut out = b"kept".to_vec();
    let most = vec![0; 0xffff - 3];
    let encoder = Encoder::unknown(&mut out).tlv(kind::NOOP, &most);
    assert_eq!(encoder.tlv(kind::NOOP, b"").finish(), Err(EncodeError::TooLong));
    let encoder = Encoder::unknown(&mut out).tlv(kind::NOOP, &vec![0; 0x10000]);
    assert_eq!(encoder.finish(), Err(EncodeError::TooLong));
    let encoder = Encoder::unix(&mut out, Transport::Stream, b"", &[0; 109]);
    assert_eq!(encoder.checksum().finish(), Err(EncodeError::UnixName));
    assert_eq!(out, b"kept");
}

#[test]
fn a_relayed_header_keeps_its_tlvs_and_gets_a_new_checksum() {
    let mut out = Vec::new();
    let encoder = Encoder::relay(&mut out, &header(AWS), AWS);
    encoder.finish().expect("short");
    assert_eq!(out, AWS);
    let mut out = Vec::new();
    let encoder = Encoder::relay(&mut out, &header(AWS), AWS).tlv(kind::AUTHORITY, b"a.example");
    encoder.finish().expect("short");
    assert_eq!(header(&out).origin, header(AWS).origin);
    assert_eq!(header(&out).tlvs(&out).count(), 4);
    assert_ne!(out[28..35], AWS[28..35]);
}

/// An origin, and TLVs that are valid.
#[derive(Clone, Debug)]
struct Plan {
    origin: Origin,
    unix: Option<(Vec<u8>, Vec<u8>)>,
    tlvs: Vec<(u8, Vec<u8>)>,
}

impl Plan {
    fn write(&self) -> Vec<u8> {
        let mut out = Vec::new();
        let mut encoder = match (&self.unix, self.origin) {
            (Some((from, to)), _) => Encoder::unix(&mut out, Transport::Stream, from, to),
            (None, Origin::Inet { transport, source, destination }) => {
                Encoder::inet(&mut out, transport, source, destination)
            }
            (None, _) => Encoder::unknown(&mut out),
        };
        for tlv in &self.tlvs {
            encoder = encoder.tlv(tlv.0, &tlv.1);
        }
        let len = encoder.finish().expect("short");
        assert_eq!(len, out.len());
        out
    }
}

fn plan() -> impl Strategy<Value = Plan> {
    let transport = prop_oneof![Just(Transport::Stream), Just(Transport::Datagram)];
    let v4 = any::<(u32, u32, u16, u16)>().prop_map(|(a, b, p, q)| {
        (SocketAddr::from((a.to_be_bytes(), p)), SocketAddr::from((b.to_be_bytes(), q)))
    });
    let v6 = any::<(u128, u128, u16, u16)>().prop_map(|(a, b, p, q)| {
        (SocketAddr::from((a.to_be_bytes(), p)), SocketAddr::from((b.to_be_bytes(), q)))
    });
    let inet = (transport, prop_oneof![v4, v6]).prop_map(|(transport, (source, destination))| {
        Origin::Inet { transport, source, destination }
    });
    let origin = prop_oneof![8 => inet, 1 => Just(Origin::Unknown)];
    let name = || prop::collection::vec(any::<u8>(), 0..=108);
    let unix = prop::option::weighted(0.2, (name(), name()));
    let value = || prop::collection::vec(any::<u8>(), 0..60);
    let tlv = prop_oneof![
        value().prop_map(|value| (kind::ALPN, value)),
        "\\PC{0,20}".prop_map(|text| (kind::AUTHORITY, text.into_bytes())),
        Just((kind::CRC32C, vec![0; 4])),
        value().prop_map(|value| (kind::UNIQUE_ID, value)),
        value().prop_map(|value| (0xe0, value)),
    ];
    let tlvs = prop::collection::vec(tlv, 0..6);
    (origin, unix, tlvs).prop_map(|(origin, unix, tlvs)| Plan { origin, unix, tlvs })
}

/// Every prefix of `bytes`, which are a header, asks for more, and for not more than there is.
fn check_prefixes(bytes: &[u8]) {
    for cut in 0..bytes.len() {
        match parse(&bytes[..cut], DEFAULT_MOST) {
            Parsed::NotEnough(more) => assert!((1..=bytes.len() - cut).contains(&more)),
            other => panic!("{other:?} after {cut} bytes"),
        }
    }
}

/// Whatever is done to one byte, nothing panics; a checksum finds it.
fn check_flips(bytes: &[u8]) {
    let has_checksum = header(bytes).tlvs(bytes).first(kind::CRC32C).is_some();
    for at in 0..bytes.len() {
        for flip in [1, 0x20, 0x80, 0xff] {
            let mut bent = bytes.to_vec();
            bent[at] ^= flip;
            let parsed = parse(&bent, DEFAULT_MOST);
            let Parsed::Header(header) = parsed else { continue };
            assert!(header.tlvs(&bent).map(Tlv::parse).count() <= bent.len());
            let checked = header.tlvs(&bent).first(kind::CRC32C).is_some();
            assert!(!has_checksum || !checked, "byte {at} flipped unnoticed");
        }
    }
}

proptest! {
    #[test]
    fn what_is_written_is_read(plan in plan()) {
        let bytes = plan.write();
        let found = header(&bytes);
        prop_assert_eq!(found.len, bytes.len());
        match (&plan.unix, found.origin) {
            (Some((from, to)), Origin::Unix { source, destination, .. }) => {
                prop_assert!(source.of(&bytes).starts_with(from));
                prop_assert!(destination.of(&bytes).starts_with(to));
            }
            (unix, origin) => {
                prop_assert!(unix.is_none());
                prop_assert_eq!(origin, plan.origin);
            }
        }
        let mut expected = plan.tlvs.clone();
        let mut sums = 0;
        expected.retain(|(kind, _)| *kind != kind::CRC32C || { sums += 1; sums == 1 });
        let tlvs: Vec<_> = found.tlvs(&bytes).collect();
        prop_assert_eq!(tlvs.len(), expected.len());
        for (tlv, (kind, value)) in tlvs.iter().zip(&expected) {
            prop_assert_eq!(tlv.kind, *kind);
            prop_assert!(*kind == kind::CRC32C || tlv.value == value);
        }
        let mut again = Vec::new();
        Encoder::relay(&mut again, &found, &bytes).finish().expect("short");
        prop_assert_eq!(again, bytes);
    }

    #[test]
    fn every_prefix_asks_for_more(plan in plan()) {
        check_prefixes(&plan.write());
    }

    #[test]
    fn a_flipped_byte_is_no_panic(plan in plan()) {
        check_flips(&plan.write());
    }

    #[test]
    fn lines_too(plan in plan()) {
        let mut line = Vec::new();
        write_v1(&mut line, &plan.origin);
        let found = header(&line);
        prop_assert_eq!(found.len, line.len());
        if !line.starts_with(b"PROXY UNKNOWN") {
            prop_assert_eq!(found.origin, plan.origin);
        }
        check_prefixes(&line);
        check_flips(&line);
    }

    #[test]
    fn no_bytes_panic(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        parse(&bytes, DEFAULT_MOST);
        let behind = [v2::SIGNATURE, &bytes[..]].concat();
        parse(&behind, DEFAULT_MOST);
    }
}
