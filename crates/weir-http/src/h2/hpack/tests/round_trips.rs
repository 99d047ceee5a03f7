//! What is encoded is decoded.

use proptest::prelude::*;

use super::*;

/// A block of these fields, name and value; its bytes.
fn block(encoder: &mut Encoder, fields: &[(&str, &str)]) -> Vec<u8> {
    let mut out = Vec::new();
    encoder.begin(&mut out);
    for (name, value) in fields {
        encoder.field(name.as_bytes(), &[value.as_bytes()], false, &mut out);
    }
    out
}

#[test]
fn what_is_sensitive_is_never_indexed() {
    let mut encoder = Encoder::new();
    // As if somebody had thought otherwise before.
    let mut out = block(&mut encoder, &[("authorization", "Basic eA==")]);
    assert_eq!(out[0] & 0xc0, 0x40, "put into the table");
    for (name, value) in [("Authorization", "Basic eA=="), (":method", "GET"), ("x-key", "1")] {
        out.clear();
        encoder.begin(&mut out);
        encoder.field(name.as_bytes(), &[value.as_bytes()], true, &mut out);
        assert_eq!(out[0] & 0xf0, 0x10, "never indexed");
        let fields = decode(&mut Decoder::new(0), &out).unwrap();
        assert_eq!(lines(&fields), [format!("{}: {value}", name.to_lowercase())]);
    }
}

#[test]
fn what_comes_again_takes_a_byte() {
    let mut encoder = Encoder::new();
    let fields = [("X-One", "1"), ("x-two", "2"), ("server", "weir"), ("x-one", "3")];
    assert!(block(&mut encoder, &fields).len() > 20);
    assert_eq!(block(&mut encoder, &fields), [0xc1, 0xc0, 0xbf, 0xbe]);
    assert_eq!(block(&mut encoder, &[("X-ONE", "4")])[..2], [0x7e, 0x01], "its name is known");
}

#[test]
fn every_status_is_encoded() {
    let (mut encoder, mut decoder) = (Encoder::new(), Decoder::new(4_096));
    for status in (100..=999).chain([0, u16::MAX]) {
        let mut out = Vec::new();
        encoder.status(status, &mut out);
        assert_eq!(lines(&decode(&mut decoder, &out).unwrap()), [format!(":status: {status}")]);
        let known = [200, 204, 206, 304, 400, 404, 500].contains(&status);
        assert_eq!(out.len() == 1, known, "{status}");
    }
}

/// RFC 7541 §4.2: the lowest bound since the last block, and the last one.
#[test]
fn the_peer_is_told_of_its_limits() {
    let cases: [(&[u32], &[usize]); 9] = [
        (&[], &[]),
        (&[4_096], &[]),
        (&[65_536], &[]),
        (&[100], &[100]),
        (&[0, 4_096], &[0, 4_096]),
        (&[100, 0, 50], &[0, 50]),
        (&[100, 200, 150], &[100, 150]),
        (&[65_536, 100, 65_536], &[100, 4_096]),
        (&[100, 50], &[50]),
    ];
    for (limits, wanted) in cases {
        let (mut encoder, mut out, mut wanted_out) = (Encoder::new(), Vec::new(), Vec::new());
        limits.iter().for_each(|limit| encoder.set_peer_limit(*limit));
        encoder.begin(&mut out);
        wanted.iter().for_each(|size| integer::write(5, 0x20, *size, &mut wanted_out));
        assert_eq!(out, wanted_out, "{limits:?}");
        out.clear();
        encoder.begin(&mut out);
        assert_eq!(out, [], "it is told once");
    }
    let (mut encoder, mut out) = (Encoder::new(), Vec::new());
    encoder.set_peer_limit(100);
    encoder.begin(&mut out);
    out.clear();
    encoder.set_peer_limit(1_000);
    encoder.set_peer_limit(200);
    encoder.begin(&mut out);
    assert_eq!(out, hex("3f a9 01"), "nothing below what was known was wanted");
}

/// Both tables have the same entries, so an index means the same to both: even when a limit falls
/// and rises again between two blocks.
#[test]
fn a_limit_that_falls_and_rises_evicts_on_both_sides() {
    let (mut encoder, mut decoder) = (Encoder::new(), Decoder::new(4_096));
    decode(&mut decoder, &block(&mut encoder, &[("one", "1"), ("two", "2")])).unwrap();
    encoder.set_peer_limit(40);
    encoder.set_peer_limit(4_096);
    decode(&mut decoder, &block(&mut encoder, &[("three", "3")])).unwrap();
    assert_eq!(lines(&entries(&mut decoder)), ["three: 3", "two: 2"]);
}

fn field() -> impl Strategy<Value = (String, Vec<u8>, bool)> {
    let name = prop_oneof![
        "[a-zA-Z-]{1,8}",
        prop::sample::select(vec!["Content-Type", ":status", ":path", "date", "x-a", "x-b"])
            .prop_map(str::to_owned),
        "[A-Z]{60,90}",
    ];
    let value = prop_oneof![
        2 => prop::collection::vec(any::<u8>(), 0..40),
        4 => "[ab]{0,2}".prop_map(String::into_bytes),
        1 => prop::collection::vec(any::<u8>(), 400..700),
    ];
    (name, value, prop::bool::weighted(0.2))
}

proptest! {
    #[test]
    fn what_is_encoded_is_decoded(
        blocks in prop::collection::vec(prop::collection::vec(field(), 0..30), 1..12),
        limits in prop::collection::vec(prop::collection::vec(0..6_000_u32, 0..4), 12),
        cut in 0..40_usize,
    ) {
        let (mut encoder, mut decoder) = (Encoder::new(), Decoder::new(4_096));
        for (block, limits) in blocks.iter().zip(limits) {
            let mut out = Vec::new();
            limits.iter().for_each(|limit| encoder.set_peer_limit(*limit));
            encoder.begin(&mut out);
            for (name, value, sensitive) in block {
                let (one, two) = value.split_at(cut.min(value.len()));
                encoder.field(name.as_bytes(), &[one, two], *sensitive, &mut out);
            }
            let fields = decode(&mut decoder, &out).unwrap();
            let wanted = block.iter().map(|(name, value, _)| {
                (name.to_ascii_lowercase().into_bytes(), value.clone())
            });
            prop_assert_eq!(fields, wanted.collect::<Fields>());
            let limit = limits.last().copied().unwrap_or(4_096) as usize;
            prop_assert!(limits.is_empty() || size(&entries(&mut decoder)) <= limit);
        }
    }

    #[test]
    fn no_block_breaks_the_decoder(
        blocks in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..60), 1..8),
    ) {
        let mut decoder = Decoder::new(200);
        for block in blocks {
            let _ = decode(&mut decoder, &block);
            prop_assert!(size(&entries(&mut decoder)) <= 200);
        }
    }
}
