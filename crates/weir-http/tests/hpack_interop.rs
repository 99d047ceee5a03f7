//! Blocks that another encoder made, and what it has in its table after each.

use weir_http::h2::hpack::{Decoder, Encoder};

type Fields = Vec<(Vec<u8>, Vec<u8>)>;

#[derive(Default)]
struct Block {
    begins_connection: bool,
    bytes: Vec<u8>,
    fields: Fields,
    entries: Fields,
}

fn hex(text: &str) -> Vec<u8> {
    let pairs = text.as_bytes().chunks(2).map(|pair| str::from_utf8(pair).expect("ascii"));
    pairs.map(|pair| u8::from_str_radix(pair, 16).expect("hexadecimal")).collect()
}

fn corpus() -> Vec<Block> {
    let mut blocks: Vec<Block> = Vec::new();
    let mut begins_connection = false;
    for line in include_str!("data/hpack_interop.txt").lines() {
        let mut words = line.split(' ');
        let word = words.next().unwrap_or_default();
        let mut bytes = || hex(words.next().unwrap_or_default());
        match word {
            "connection" => begins_connection = true,
            "block" => {
                blocks.push(Block { begins_connection, bytes: bytes(), ..Block::default() });
                begins_connection = false;
            }
            "field" => blocks.last_mut().expect("a block").fields.push((bytes(), bytes())),
            "entry" => blocks.last_mut().expect("a block").entries.push((bytes(), bytes())),
            _ => assert_eq!(word, "#"),
        }
    }
    blocks
}

fn decode(decoder: &mut Decoder, block: &[u8]) -> Option<Fields> {
    let mut fields = Vec::new();
    let decoded = decoder.decode(block, |name, value| {
        fields.push((name.to_vec(), value.to_vec()));
        Ok::<(), ()>(())
    });
    decoded.is_ok().then_some(fields)
}

#[test]
fn blocks_of_another_encoder_are_decoded() {
    let mut decoder = Decoder::new(4_096);
    let blocks = corpus();
    assert!(blocks.len() >= 40);
    for (number, block) in blocks.iter().enumerate() {
        if block.begins_connection {
            decoder = Decoder::new(4_096);
        }
        assert_eq!(decode(&mut decoder, &block.bytes).as_ref(), Some(&block.fields), "{number}");
        let index = |index: u8| decode(&mut decoder, &[0x80 | index]);
        let entries: Fields = (62..=126).map_while(index).flatten().collect();
        assert_eq!(entries, block.entries, "{number}");
    }
}

/// What our encoder makes of the same fields: printed for another decoder, and read by ours.
///
/// ```text
/// cargo test -p weir-http --test hpack_interop -- --nocapture
/// ```
#[test]
fn the_same_fields_are_encoded() {
    let (mut encoder, mut decoder) = (Encoder::new(), Decoder::new(4_096));
    for (number, block) in corpus().iter().enumerate() {
        let mut out = Vec::new();
        encoder.set_peer_limit([4_096, 0, 200, 1_000, 65_536][number % 5]);
        encoder.begin(&mut out);
        for (at, (name, value)) in block.fields.iter().enumerate() {
            encoder.field(name, &[value], at % 7 == 3, &mut out);
        }
        let text: String = out.iter().map(|byte| format!("{byte:02x}")).collect();
        println!("ours {text}");
        assert_eq!(decode(&mut decoder, &out).as_ref(), Some(&block.fields), "{number}");
    }
}
