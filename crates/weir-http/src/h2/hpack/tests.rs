use proptest::prelude::*;

use super::*;

type Fields = Vec<(Vec<u8>, Vec<u8>)>;

fn decode(decoder: &mut Decoder, block: &[u8]) -> Result<Fields, DecodeError<()>> {
    let mut fields = Vec::new();
    decoder.decode(block, |name, value| {
        fields.push((name.to_vec(), value.to_vec()));
        Ok(())
    })?;
    Ok(fields)
}

fn hex(text: &str) -> Vec<u8> {
    let digits: Vec<u8> = text.bytes().filter(u8::is_ascii_hexdigit).collect();
    let pairs = digits.chunks(2).map(|pair| str::from_utf8(pair).unwrap());
    pairs.map(|pair| u8::from_str_radix(pair, 16).unwrap()).collect()
}

fn lines(fields: &Fields) -> Vec<String> {
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
    fields.iter().map(|(name, value)| format!("{}: {}", text(name), text(value))).collect()
}

/// RFC 7541 C.3 (without) and C.4 (with Huffman code): three requests on one connection.
#[test]
fn the_requests_of_the_rfc() {
    let plain = [
        "828684410f7777772e6578616d706c652e636f6d",
        "828684be58086e6f2d6361636865",
        "828785bf400a637573746f6d2d6b65790c637573746f6d2d76616c7565",
    ];
    let coded = [
        "828684418cf1e3c2e5f23a6ba0ab90f4ff",
        "828684be5886a8eb10649cbf",
        "828785bf408825a849e95ba97d7f8925a849e95bb8e8b4bf",
    ];
    let first = [":method: GET", ":scheme: http", ":path: /", ":authority: www.example.com"];
    let second = [&first[..], &["cache-control: no-cache"]].concat();
    let third = [
        ":method: GET",
        ":scheme: https",
        ":path: /index.html",
        ":authority: www.example.com",
        "custom-key: custom-value",
    ];
    for blocks in [plain, coded] {
        let mut decoder = Decoder::new(4_096);
        for (block, wanted) in blocks.iter().zip([&first[..], &second, &third]) {
            assert_eq!(lines(&decode(&mut decoder, &hex(block)).unwrap()), wanted);
        }
    }
}

/// RFC 7541 C.5 and C.6: three responses, with a table of 256 bytes that is too small for them.
#[test]
fn the_responses_of_the_rfc() {
    let plain = [
        "4803333032580770726976617465611d4d6f6e2c203231204f637420323031332032303a31333a3231
         20474d546e1768747470733a2f2f7777772e6578616d706c652e636f6d",
        "4803333037c1c0bf",
        "88c1611d4d6f6e2c203231204f637420323031332032303a31333a323220474d54c05a04677a697077
         38666f6f3d4153444a4b48514b425a584f5157454f50495541585157454f49553b206d61782d6167653d
         333630303b2076657273696f6e3d31",
    ];
    let coded = [
        "488264025885aec3771a4b6196d07abe941054d444a8200595040b8166e082a62d1bff6e919d29ad1718
         63c78f0b97c8e9ae82ae43d3",
        "4883640effc1c0bf",
        "88c16196d07abe941054d444a8200595040b8166e084a62d1bffc05a839bd9ab77ad94e7821dd7f2e6c7
         b335dfdfcd5b3960d5af27087f3672c1ab270fb5291f9587316065c003ed4ee5b1063d5007",
    ];
    for blocks in [plain, coded] {
        let mut decoder = Decoder::new(256);
        let all = blocks.map(|block| lines(&decode(&mut decoder, &hex(block)).unwrap()));
        assert_eq!(all[0][0], ":status: 302");
        assert_eq!(all[1][0], ":status: 307");
        assert_eq!(all[1][1..], all[0][1..]);
        assert_eq!(all[2][0], ":status: 200");
        assert_eq!(all[2][4], "content-encoding: gzip");
        let cookie = "set-cookie: foo=ASDJKHQKBZXOQWEOPIUAXQWEOIU; max-age=3600; version=1";
        assert_eq!(all[2][5], cookie);
    }
}

#[test]
fn what_breaks_a_rule_is_refused() {
    use HpackError::{Huffman, Index, Integer, SizeUpdate, SizeUpdatePlace, Truncated};
    let cases: [(&[u8], HpackError); 12] = [
        (&[0x80], Index),
        (&[0xbe], Index),
        (&[0x7e, 0x00], Index),
        (&[0x82, 0x3f, 0x00], SizeUpdatePlace),
        (&[0x3f, 0xe2, 0x1f], SizeUpdate),
        (&[0xff, 0x80, 0x80, 0x80, 0x80, 0x01], Integer),
        (&[0xff], Truncated),
        (&[0x40], Truncated),
        (&[0x40, 0x02, b'a'], Truncated),
        (&[0x40, 0x01, b'a'], Truncated),
        (&[0x40, 0x81, 0x00, 0x00], Huffman),
        (&[0x41, 0x82, 0xff, 0xff], Huffman),
    ];
    for (block, error) in cases {
        let mut decoder = Decoder::new(4_096);
        assert_eq!(decode(&mut decoder, block), Err(DecodeError::Hpack(error)), "{block:?}");
    }
}

#[test]
fn an_unwanted_field_leaves_the_table_as_it_should_be() {
    let mut decoder = Decoder::new(4_096);
    let block = hex("400a637573746f6d2d6b65790c637573746f6d2d76616c7565");
    let refused = decoder.decode(&[&[0x82][..], &block].concat(), |_, _| Err("no"));
    assert_eq!(refused, Err(DecodeError::Sink("no")));
    assert_eq!(lines(&decode(&mut decoder, &[0xbe]).unwrap()), ["custom-key: custom-value"]);
}

#[test]
fn what_is_secret_is_put_in_no_table() {
    let mut encoder = Encoder::new();
    let mut out = Vec::new();
    for _ in 0..2 {
        out.clear();
        encoder.begin(&mut out);
        encoder.field(b"Authorization", &[b"Basic eA=="], true, &mut out);
        assert_eq!(out[0] & 0xf0, 0x10, "never indexed");
    }
    let fields = decode(&mut Decoder::new(0), &out).unwrap();
    assert_eq!(lines(&fields), ["authorization: Basic eA=="]);
}

fn field() -> impl Strategy<Value = (String, Vec<u8>, bool)> {
    let name = prop_oneof!["[a-z]{1,8}", Just("content-type".into()), Just(":status".into())];
    (name, prop::collection::vec(any::<u8>(), 0..40), any::<bool>())
}

proptest! {
    #[test]
    fn what_is_encoded_is_decoded(
        blocks in prop::collection::vec(prop::collection::vec(field(), 0..20), 1..12),
        limits in prop::collection::vec(0..6_000_u32, 12),
    ) {
        let (mut encoder, mut decoder) = (Encoder::new(), Decoder::new(4_096));
        for (block, limit) in blocks.iter().zip(limits) {
            let mut out = Vec::new();
            encoder.set_peer_limit(limit);
            encoder.begin(&mut out);
            for (name, value, sensitive) in block {
                encoder.field(name.as_bytes(), &[value], *sensitive, &mut out);
            }
            let fields = decode(&mut decoder, &out).unwrap();
            let wanted = block.iter();
            let wanted = wanted.map(|(name, value, _)| (name.clone().into(), value.clone()));
            prop_assert_eq!(fields, wanted.collect::<Fields>());
        }
    }

    #[test]
    fn no_block_breaks_the_decoder(
        blocks in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..60), 1..8),
    ) {
        let mut decoder = Decoder::new(200);
        for block in blocks {
            let _ = decode(&mut decoder, &block);
        }
    }
}
