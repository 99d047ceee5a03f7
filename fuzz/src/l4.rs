//! Invariants of what is read ahead of bytes that are passed on.

use weir_l4::hello::{self, Peek};
use weir_l4::proxy::{self, Encoder, Header, Origin, Parsed, Version, kind};

const MOST: usize = 1024;

/// Any bytes as a PROXY protocol header.
pub fn proxy(data: &[u8]) {
    match proxy::parse(data, MOST) {
        Parsed::NotEnough(more) => assert!(more > 0 && data.len() + more <= MOST),
        Parsed::Invalid(_) => {
            let more = [data, b"\r\n\0"].concat();
            assert!(matches!(proxy::parse(&more, MOST), Parsed::Invalid(_)), "errors are final");
        }
        Parsed::Header(header) => {
            assert!(header.len <= data.len().min(MOST));
            proxy_header(&data[..header.len], header);
        }
    }
}

/// A header without what follows it.
fn proxy_header(data: &[u8], header: Header) {
    assert_eq!(proxy::parse(data, MOST), Parsed::Header(header), "depends on what follows it");
    for early in [0, data.len() / 3, data.len() / 2, data.len() - 1] {
        let Parsed::NotEnough(more) = proxy::parse(&data[..early], MOST) else {
            panic!("a header before its end")
        };
        assert!(more <= data.len() - early);
    }
    let mut once = Vec::new();
    Encoder::relay(&mut once, &header, data).finish().expect("not longer");
    let Parsed::Header(again) = proxy::parse(&once, MOST) else { panic!("canonical") };
    assert_eq!((again.origin, again.version), (header.origin, Version::V2));
    let sent = |tlv: &proxy::Tlv<'_>| tlv.kind != kind::CRC32C;
    assert!(again.tlvs(&once).filter(sent).eq(header.tlvs(data).filter(sent)));
    let mut line = Vec::new();
    proxy::write_v1(&mut line, &header.origin);
    let Parsed::Header(again) = proxy::parse(&line, MOST) else { panic!("canonical") };
    assert_eq!(again.len, line.len());
    assert!(again.origin == header.origin || again.origin == Origin::Unknown);
}

/// Any bytes as a ClientHello, as they are and in records whose size the first byte says.
pub fn hello(data: &[u8]) {
    client_hello(data);
    let [size, message @ ..] = data else { return };
    let records = message.chunks(usize::from(*size).max(1)).flat_map(|fragment| {
        let head = [22, 3, 3, 0, fragment.len() as u8];
        [&head[..], fragment].concat()
    });
    client_hello(&records.collect::<Vec<_>>());
}

fn client_hello(data: &[u8]) {
    let mut scratch = b"left over".to_vec();
    match hello::peek(data, &mut scratch, MOST) {
        Peek::NotEnough(more) => assert!(more > 0 && data.len() + more <= MOST),
        Peek::TooLong | Peek::NotTls(_) => {
            let more = [data, b"\x16\x03\x01\0\x01\x01"].concat();
            let again = hello::peek(&more, &mut scratch, MOST);
            assert!(matches!(again, Peek::TooLong | Peek::NotTls(_)), "errors are final");
        }
        Peek::Hello(hello) => {
            let list: usize = hello.protocols.clone().map(|name| name.len() + 1).sum();
            assert_eq!(list, hello.protocols.as_bytes().len());
            assert!(hello.protocols.clone().all(|name| !name.is_empty()));
            if let Some(name) = hello.server_name {
                let mut lower = String::new();
                name.write_lowercase(&mut lower);
                assert!(lower.eq_ignore_ascii_case(name.as_str()));
                assert!((1..=253).contains(&lower.len()) && !lower.ends_with('.'));
            }
            let (mut other, more) = (Vec::new(), [data, b"x"].concat());
            assert_eq!(hello::peek(&more, &mut other, MOST), Peek::Hello(hello));
        }
    }
}
