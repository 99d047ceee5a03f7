//! What an attacker sends.

use super::*;

#[test]
fn what_breaks_a_rule_is_refused() {
    use HpackError::*;
    let cases: &[(&str, &[u8], HpackError)] = &[
        ("index 0", &[0x80], IndexZero),
        ("the first index of an empty table", &[0xbe], IndexTooLarge),
        ("a large index", &[0xff, 0xff, 0xff, 0xff, 0x7f], IndexTooLarge),
        ("the name of an index beyond the table, kept", &[0x7e, 0x00], IndexTooLarge),
        ("the same, not kept", &[0x0f, 0x2f, 0x00], IndexTooLarge),
        ("the same, never to be kept", &[0x1f, 0x2f, 0x00], IndexTooLarge),
        ("a size update after a field", &[0x82, 0x20], SizeUpdateTooLate),
        ("a size update between two", &[0x82, 0x3f, 0x00, 0x82], SizeUpdateTooLate),
        ("a size above the limit", &[0x3f, 0xe2, 0x1f], SizeUpdateTooLarge),
        ("a good size, then a bad one", &[0x20, 0x3f, 0xe2, 0x1f], SizeUpdateTooLarge),
        ("an integer of six bytes", &[0xff, 0x80, 0x80, 0x80, 0x80, 0x01], Integer),
        ("the same with zeros", &[0xff, 0x80, 0x80, 0x80, 0x80, 0x00], Integer),
        ("a size of 2^32", &[0x3f, 0xe1, 0xff, 0xff, 0xff, 0x0f], Integer),
        ("an integer that ends early", &[0xff], Truncated),
        ("the same, later", &[0xff, 0x80], Truncated),
        ("no name", &[0x40], Truncated),
        ("half a name", &[0x40, 0x02, b'a'], Truncated),
        ("no value", &[0x40, 0x01, b'a'], Truncated),
        ("half a value", &[0x40, 0x01, b'a', 0x02, b'b'], Truncated),
        ("no value for an index", &[0x41], Truncated),
        ("a name longer than allowed", &[0x40, 0x7f, 0x82, 0xff, 0x03], StringTooLong),
        ("a value longer than allowed", &[0x41, 0xff, 0x82, 0xff, 0x03], StringTooLong),
        ("the longest name, which is not there", &[0x40, 0x7f, 0x81, 0xff, 0x03], Truncated),
        ("padding of zeros", &[0x40, 0x81, 0x18, 0x00], HuffmanPadding),
        ("padding of 8 bits", &[0x41, 0x82, 0x1f, 0xff], HuffmanPaddingTooLong),
        ("nothing but padding", &[0x41, 0x81, 0xff], HuffmanPaddingTooLong),
        ("the end", &[0x41, 0x84, 0xff, 0xff, 0xff, 0xff], HuffmanEnd),
        ("the end after a byte", &[0x41, 0x85, 0x1f, 0xff, 0xff, 0xff, 0xff], HuffmanEnd),
    ];
    for (what, block, error) in cases {
        assert_eq!(decode(&mut Decoder::new(4_096), block), Err(*error), "{what}");
        let refused = Decoder::new(4_096).decode(&[&[0x82], *block].concat(), |_, _| Err(()));
        let late = if block[0] & 0xe0 == 0x20 { SizeUpdateTooLate } else { *error };
        assert_eq!(refused, Err(DecodeError::Hpack(late)), "{what}, after a field refused");
    }
}

/// Two bytes that take a name as large as the table out of it and put it back: they may come again,
/// but not for ever, even when nobody wants the fields.
#[test]
fn a_short_block_does_not_write_out_much() {
    let mut first = vec![0x40, 0x7f, 0xa1, 0x1e];
    first.extend_from_slice(&[b'n'; 4_000]);
    first.push(0);
    let run = |times: usize| {
        let mut decoder = Decoder::new(4_096);
        decode(&mut decoder, &first).unwrap();
        decoder.decode(&[0x7e, 0x00].repeat(times), |_, _| Err(()))
    };
    assert_eq!(run(MOST_WRITTEN_OUT / 4_000), Err(DecodeError::Sink(())));
    let large = Err(DecodeError::Hpack(HpackError::TooLarge));
    assert_eq!(run(MOST_WRITTEN_OUT / 4_000 + 1), large);
    assert_eq!(run(8 * 1024), large);
}

#[test]
fn what_is_odd_but_legal_is_taken() {
    let cases: &[(&str, &[u8], &[&str])] = &[
        ("nothing", &[], &[]),
        ("a size update alone", &[0x20], &[]),
        ("several", &[0x20, 0x3f, 0xe1, 0x1f, 0x20, 0x82], &[":method: GET"]),
        ("no name and no value", &[0x40, 0x00, 0x00], &[": "]),
        ("the same, as Huffman code", &[0x40, 0x80, 0x80], &[": "]),
        ("zeros behind an integer", &[0x0f, 0x80, 0x80, 0x80, 0x00, 0x00], &["accept-charset: "]),
        ("a field larger than the table", &[0x20, 0x40, 0x01, b'a', 0x00], &["a: "]),
        ("another value for a static name", &[0x48, 0x03, b'7', b'7', b'7'], &[":status: 777"]),
    ];
    for (what, block, fields) in cases {
        let decoded = decode(&mut Decoder::new(4_096), block).unwrap();
        assert_eq!(lines(&decoded), *fields, "{what}");
    }
}

/// RFC 7541 §4.4: the name is that of the entry which is evicted for the field.
#[test]
fn a_name_outlives_its_entry() {
    let mut decoder = Decoder::new(64);
    let mut block = hex("400161 1e");
    block.extend([b'x'; 30]);
    block.extend(hex("7e 1e"));
    block.extend([b'y'; 30]);
    let fields = decode(&mut decoder, &block).unwrap();
    assert_eq!(fields[1], (b"a".to_vec(), vec![b'y'; 30]));
    assert_eq!(entries(&mut decoder), fields[1..]);
}

#[test]
fn an_unwanted_field_leaves_the_table_as_it_should_be() {
    let mut decoder = Decoder::new(4_096);
    let block = hex("82 400a637573746f6d2d6b65790c637573746f6d2d76616c7565 be 84");
    let mut given = 0;
    let refused = decoder.decode(&block, |_, _| {
        given += 1;
        Err("no")
    });
    assert_eq!((refused, given), (Err(DecodeError::Sink("no")), 1));
    assert_eq!(lines(&entries(&mut decoder)), ["custom-key: custom-value"]);
}

#[test]
fn a_string_is_bounded_as_sent_and_as_meant() {
    let block = |coded: u8, bytes: &[u8]| {
        let mut block = vec![0x04];
        integer::write(7, coded, bytes.len(), &mut block);
        [&block, bytes].concat()
    };
    let length = |block: &[u8]| decode(&mut Decoder::new(4_096), block).map(|f| f[0].1.len());
    assert_eq!(length(&block(0, &[b'a'; MOST_STRING])), Ok(MOST_STRING));
    assert_eq!(length(&block(0, &[b'a'; MOST_STRING + 1])), Err(HpackError::StringTooLong));
    // Eight bytes "a" for five.
    for (text, wanted) in
        [(MOST_STRING, Ok(MOST_STRING)), (MOST_STRING + 1, Err(HpackError::StringTooLong))]
    {
        let mut code = Vec::new();
        huffman::encode(&vec![b'a'; text], &mut code);
        assert_eq!(length(&block(0x80, &code)), wanted);
    }
}

/// A table that is announced larger is not larger until the peer says so: its encoder begins with
/// 4,096 bytes, and evicts by that.
#[test]
fn a_larger_table_begins_as_the_peer_thinks() {
    let field = |byte: u8| [&[0x40, 0x01, byte, 0x7f, 0xe1, 0x0e][..], &[b'v'; 2_016]].concat();
    let blocks = [field(b'a'), field(b'b'), field(b'c')];
    let names = |decoder: &mut Decoder| -> Vec<u8> {
        blocks.iter().for_each(|block| assert!(decode(decoder, block).is_ok()));
        entries(decoder).iter().map(|(name, _)| name[0]).collect()
    };
    let mut decoder = Decoder::new(8_192);
    assert_eq!(names(&mut decoder), b"c");
    decode(&mut decoder, &hex("3fe13f")).unwrap();
    assert_eq!(names(&mut decoder), b"cba");
}

/// A million fields in the least bytes: the memory is that of the table and of one field.
#[test]
fn nothing_grows_with_what_is_sent() {
    let mut decoder = Decoder::new(4_096);
    for _ in 0..100 {
        let added = decoder.decode(&[0x40, 0x00, 0x00].repeat(10_000), |_, _| Ok::<(), ()>(()));
        assert_eq!(added, Ok(()));
    }
    let entries = entries(&mut decoder);
    assert_eq!((entries.len(), size(&entries)), (128, 4_096));
}
