//! The invariants that the fuzz target of header compression asserts, over its committed corpus and
//! over random bytes, so that they hold in every test run.

use proptest::prelude::*;
use weir_testkit::corpus::replay;

#[expect(unreachable_pub, reason = "the fuzz package has them as its interface")]
#[path = "../../../fuzz/src/h2_hpack.rs"]
mod invariants;

#[test]
fn blocks_of_the_corpus() {
    let bytes = [0, 0x20, 0x3f, 0x40, 0x7e, 0x80, 0xbe, 0xff];
    replay("h2_hpack", &bytes, invariants::blocks);
}

/// The name of the newest entry, and a value of its own.
fn long_value(len: u8) -> Vec<u8> {
    [&[0x7e, len][..], &vec![b'v'; usize::from(len)]].concat()
}

/// Blocks that get further than random ones: fields of all kinds in any order.
fn block() -> impl Strategy<Value = Vec<u8>> {
    let piece = prop_oneof![
        4 => (0x80..0xd0_u8).prop_map(|index| vec![index]),
        4 => (0x41..0x60_u8, 0..9_u8).prop_map(|(name, byte)| vec![name, 1, byte]),
        3 => (0..9_u8, 0..9_u8).prop_map(|(name, value)| vec![0x40, 1, name, 1, value]),
        2 => (0..4_u8).prop_map(|nines| long_value(nines * 9)),
        1 => any::<u8>().prop_map(|byte| vec![byte]),
        1 => Just(vec![0x41, 0x82, 0x1c, 0x7f]),
    ];
    let sizes = prop::collection::vec((0x20..0x3f_u8).prop_map(|size| vec![size]), 0..2);
    (sizes, prop::collection::vec(piece, 0..12))
        .prop_map(|(sizes, pieces)| [sizes, pieces].concat().concat())
}

proptest! {
    #[test]
    fn blocks_in_any_order(blocks in prop::collection::vec((block(), any::<u8>()), 0..6)) {
        let framed = blocks.iter().flat_map(|(block, enough)| {
            let head = [block.len() as u8, *enough];
            [&head[..], &block[..block.len().min(255)]].concat()
        });
        invariants::blocks(&framed.collect::<Vec<u8>>());
    }

    #[test]
    fn any_bytes(data in prop::collection::vec(any::<u8>(), 0..200)) {
        invariants::blocks(&data);
    }
}
