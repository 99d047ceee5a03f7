use proptest::prelude::*;

use super::*;

/// What `openssl s_client` (OpenSSL 3.0) and `curl` (7.88) sent; the fuzz target starts from them.
macro_rules! captured {
    ($name:literal) => {
        include_bytes!(concat!("../../../../fuzz/corpus/l4_hello/", $name))
    };
}

/// `most` enough for every test.
const MOST: usize = DEFAULT_MOST;

/// Server name, protocols and ECH of a ClientHello.
type Seen = (Option<String>, Vec<String>, bool);

fn seen(bytes: &[u8]) -> Seen {
    let mut scratch = Vec::new();
    let Peek::Hello(hello) = peek(bytes, &mut scratch, MOST) else {
        panic!("{:?}", peek(bytes, &mut Vec::new(), MOST))
    };
    let protocols = hello.protocols.map(|name| String::from_utf8_lossy(name).into_owned());
    (hello.server_name.map(|name| name.as_str().to_owned()), protocols.collect(), hello.encrypted)
}

fn saw(name: Option<&str>, protocols: &[&str]) -> Seen {
    (name.map(str::to_owned), protocols.iter().map(|name| (*name).to_owned()).collect(), false)
}

fn refused(bytes: &[u8]) -> NotTls {
    match peek(bytes, &mut Vec::new(), MOST) {
        Peek::NotTls(error) => error,
        other => panic!("{other:?}"),
    }
}

const CAPTURED: [&[u8]; 7] = [
    captured!("openssl-tls13"),
    captured!("openssl-tls12"),
    captured!("openssl-no-names"),
    captured!("openssl-split"),
    captured!("curl"),
    captured!("curl-http1"),
    captured!("curl-ip"),
];

#[test]
fn real_clients_are_understood() {
    let expected = [
        saw(Some("Www.Example.org"), &["h2", "http/1.1"]),
        saw(Some("example.org"), &[]),
        saw(None, &[]),
        saw(Some("split.example.org"), &["h2"]),
        saw(Some("shop.example.org"), &["h2", "http/1.1"]),
        saw(Some("a.example.org"), &["http/1.1"]),
        saw(None, &["h2", "http/1.1"]),
    ];
    for (bytes, expected) in CAPTURED.iter().zip(expected) {
        assert_eq!(seen(bytes), expected);
        assert_eq!(seen(&[bytes, &b"what follows"[..]].concat()), expected);
    }
}

#[test]
fn one_record_is_read_in_place_and_several_are_joined() {
    let mut scratch = Vec::new();
    for (bytes, copied) in CAPTURED.iter().zip([0, 0, 0, 327, 0, 0, 0]) {
        assert!(matches!(peek(bytes, &mut scratch, MOST), Peek::Hello(_)));
        assert_eq!(scratch.len(), copied);
    }
}

/// Every prefix asks for more, and for not more than there is.
fn check_prefixes(bytes: &[u8]) {
    for cut in 0..bytes.len() {
        match peek(&bytes[..cut], &mut Vec::new(), MOST) {
            Peek::NotEnough(more) => {
                assert!((1..=bytes.len() - cut).contains(&more), "{more} after {cut}");
            }
            other => panic!("{other:?} after {cut} bytes"),
        }
    }
}

#[test]
fn a_cut_at_any_byte_is_waited_for() {
    CAPTURED.iter().for_each(|bytes| check_prefixes(bytes));
}

#[test]
fn records_may_end_anywhere() {
    let whole = captured!("curl");
    let expected = seen(whole);
    for size in [1, 2, 3, 4, 5, 7, 64, 500, 511, 512] {
        let split = in_records(&whole[5..], size);
        assert_eq!(seen(&split), expected, "{size}");
    }
    for cut in 1..whole.len() - 5 {
        let split = [record(&whole[5..5 + cut]), record(&whole[5 + cut..])].concat();
        assert_eq!(seen(&split), expected, "{cut}");
    }
    check_prefixes(&in_records(&whole[5..], 1));
    check_prefixes(&in_records(&whole[5..], 99));
}

fn record(fragment: &[u8]) -> Vec<u8> {
    let len = u16::try_from(fragment.len()).expect("short").to_be_bytes();
    [&[22, 3, 1], &len[..], fragment].concat()
}

fn in_records(message: &[u8], size: usize) -> Vec<u8> {
    message.chunks(size).flat_map(record).collect()
}

/// A message behind its head, in one record.
fn message(body: &[u8]) -> Vec<u8> {
    let len = u32::try_from(body.len()).expect("short").to_be_bytes();
    record(&[&[1], &len[1..], body].concat())
}

fn behind_length(content: &[u8]) -> Vec<u8> {
    [&u16::try_from(content.len()).expect("short").to_be_bytes()[..], content].concat()
}

fn extension(kind: u16, content: &[u8]) -> Vec<u8> {
    [&kind.to_be_bytes()[..], &behind_length(content)].concat()
}

fn sni(name: &[u8]) -> Vec<u8> {
    extension(0, &behind_length(&[&[0], &behind_length(name)[..]].concat()))
}

fn alpn(list: &[u8]) -> Vec<u8> {
    extension(16, &behind_length(list))
}

/// Version, random, session id, one suite, no compression.
const START: &[u8] = b"\x03\x03\
    0123456789abcdef0123456789abcdef\
    \0\0\x02\x13\x01\x01\0";

fn hello(extensions: &[Vec<u8>]) -> Vec<u8> {
    message(&[START, &behind_length(&extensions.concat())].concat())
}

#[test]
fn grease_and_the_outer_of_ech_are_passed_over() {
    let bytes = hello(&[
        extension(0x0a0a, b""),
        extension(0xfe0d, b"\0\0\x01\0\x01\x42\0\0\0\0"),
        sni(b"public.example"),
        extension(0x1234, &[7; 300]),
        alpn(b"\x02\x8a\x8a\x02h2"),
        extension(0xfafa, b"\0"),
    ]);
    let (name, protocols, encrypted) = seen(&bytes);
    assert_eq!(name.as_deref(), Some("public.example"));
    assert_eq!(protocols[1], "h2");
    assert!(encrypted);
}

#[test]
fn a_hello_needs_no_extensions() {
    assert_eq!(seen(&message(START)), saw(None, &[]));
    assert_eq!(seen(&hello(&[])), saw(None, &[]));
}

#[test]
fn names_are_host_names() {
    let name = |name: &[u8]| seen(&hello(&[sni(name)])).0;
    let long = [&b"a.".repeat(126)[..], b"a"].concat();
    for good in [&b"a"[..], b"A.b-c.d_e", b"xn--bcher-kva.example", b"1.2.3.4.5", &long] {
        assert_eq!(name(good).expect("a name").as_bytes(), good);
    }
    for address in [&b"192.0.2.1"[..], b"2001:db8::1", b"::"] {
        assert_eq!(name(address), None);
    }
    let longer = [&long[..], b"a"].concat();
    let label = [b'a'; 64];
    for bad in [
        &b""[..],
        b".",
        b"a.",
        b".a",
        b"a..b",
        b"-a.b",
        b"a-.b",
        b"a b",
        b"a\0b",
        b"a/b",
        b"*.a",
        b"a:1",
        b"\xc3\xa9.a",
        b"\xff",
        &longer,
        &label,
    ] {
        assert_eq!(refused(&hello(&[sni(bad)])), NotTls::ServerName, "{bad:?}");
    }
}

#[test]
fn a_name_comes_in_lower_case_to_whoever_wants_it() {
    let (bytes, mut scratch) = (captured!("openssl-tls13"), Vec::new());
    let Peek::Hello(hello) = peek(bytes, &mut scratch, MOST) else { panic!("a hello") };
    let mut lower = String::from("=");
    hello.server_name.expect("a name").write_lowercase(&mut lower);
    assert_eq!(lower, "=www.example.org");
}

#[test]
fn other_protocols_are_known_by_their_first_byte() {
    for (bytes, content) in [(&b"G"[..], b'G'), (b"\x80", 0x80), (b"\x15\x03", 0x15)] {
        assert_eq!(refused(bytes), NotTls::Content(content));
    }
    assert_eq!(refused(b"\x16\x02"), NotTls::RecordVersion(2));
    assert_eq!(refused(b"\x16\x03\x01\0\0"), NotTls::RecordLength(0));
    assert_eq!(refused(b"\x16\x03\x01\x40\x01"), NotTls::RecordLength(16_385));
    assert_eq!(refused(b"\x16\x03\x01\0\x05\x02"), NotTls::Message(2));
    let alert_between = [&in_records(b"\x01\0\0\x50", 2)[..], b"\x15"].concat();
    assert_eq!(refused(&alert_between), NotTls::Content(0x15));
}

#[test]
fn a_message_that_breaks_a_rule_says_which() {
    let after_random = |rest: &[u8]| message(&[&START[..34], rest].concat());
    let names = |list: &[u8]| hello(&[extension(0, list)]);
    for (bytes, expected) in [
        (message(&[0; 33]), NotTls::Cut),
        (message(&[2; 34]), NotTls::Version(2)),
        (after_random(&[&[33][..], &[0; 33]].concat()), NotTls::SessionId),
        (after_random(b"\x01"), NotTls::Cut),
        (after_random(b"\0\0\0\x01\0"), NotTls::CipherSuites),
        (after_random(b"\0\0\x01a\x01\0"), NotTls::CipherSuites),
        (after_random(b"\0\0\x02ab\0"), NotTls::Compression),
        (message(&[START, b"\0"].concat()), NotTls::Cut),
        (message(&[START, b"\0\0\0"].concat()), NotTls::Surplus),
        (message(&[START, b"\0\x04\0\0\0\x01"].concat()), NotTls::Cut),
        (hello(&[sni(b"a"), sni(b"a")]), NotTls::ServerNames),
        (names(b"\0\x08\0\0\x01a\0\0\x01b"), NotTls::ServerNames),
        (names(b""), NotTls::Cut),
        (names(b"\0\x04\0\0\x02a"), NotTls::Cut),
        (names(b"\0\x04\0\0\x01a\0"), NotTls::Surplus),
        (hello(&[alpn(b"\x01a"), alpn(b"\x01a")]), NotTls::ProtocolLists),
        (hello(&[alpn(b"")]), NotTls::Protocols),
        (hello(&[alpn(b"\0")]), NotTls::Protocols),
        (hello(&[alpn(b"\x02a")]), NotTls::Cut),
    ] {
        assert_eq!(refused(&bytes), expected, "{bytes:?}");
    }
    assert_eq!(seen(&names(b"\0\x04\x07\0\x01a")), saw(None, &[]), "another type of name");
}

#[test]
fn what_is_too_long_is_known_by_its_head() {
    let bytes = captured!("curl");
    let peek = |bytes: &[u8], most| peek(bytes, &mut Vec::new(), most) == Peek::TooLong;
    assert!(!peek(bytes, bytes.len()) && peek(&bytes[..9], bytes.len() - 1));
    assert!(peek(b"\x16\x03\x01\x40\0\x01\xff\xff\xff", MOST));
    let in_bytes = in_records(&[1, 0, 20, 0], 1);
    assert!(!peek(&in_bytes, MOST) && peek(&in_records(&[1, 0, 0x3f, 0xf0], 1), MOST));
    let endless = in_records(&[&[1, 0, 20, 0][..], &[0; 4000]].concat(), 1);
    assert!(peek(&endless, MOST));
}

proptest! {
    #[test]
    fn no_bytes_panic(bytes in prop::collection::vec(any::<u8>(), 0..300), size in 1..300_usize) {
        peek(&bytes, &mut Vec::new(), MOST);
        peek(&message(&bytes), &mut Vec::new(), MOST);
        peek(&message(&[START, &bytes].concat()), &mut Vec::new(), MOST);
        peek(&in_records(&[&[1, 0, 0, 200], &bytes[..]].concat(), size), &mut Vec::new(), MOST);
    }

    #[test]
    fn a_bent_byte_is_no_panic(which in 0..CAPTURED.len(), at in any::<prop::sample::Index>(),
        byte in any::<u8>())
    {
        let mut bytes = CAPTURED[which].to_vec();
        let at = at.index(bytes.len());
        bytes[at] = byte;
        peek(&bytes, &mut Vec::new(), MOST);
    }

    #[test]
    fn what_was_sent_is_seen(
        name in "[a-z0-9_]{1,20}(\\.[a-zA-Z0-9_]{1,20}){1,4}",
        protocols in prop::collection::vec("[a-z0-9/.]{1,20}", 0..5),
        unknown in 100..65_000_u16,
        size in 1..400_usize,
    ) {
        let list: Vec<u8> =
            protocols.iter().flat_map(|p| [&[p.len() as u8], p.as_bytes()].concat()).collect();
        let mut extensions = vec![extension(unknown, &list), sni(name.as_bytes())];
        if !list.is_empty() {
            extensions.push(alpn(&list));
        }
        let whole = hello(&extensions);
        let bytes = in_records(&whole[5..], size);
        let is_address = name.parse::<std::net::IpAddr>().is_ok();
        prop_assert_eq!(seen(&bytes), ((!is_address).then_some(name), protocols, false));
        check_prefixes(&bytes);
    }
}
