//! The invariants of HTTP/2 that the fuzz targets assert, over their committed corpora.

use weir_testkit::corpus::replay;

#[expect(unreachable_pub, reason = "the fuzz package has them as its interface")]
#[path = "../../../fuzz/src/h2.rs"]
mod invariants;

/// Bytes that mean something here, and others.
const BYTES: &[u8] = &[0, 1, 4, 9, b'\n', 0x40, 0x80, 0xff];

#[test]
fn connections_of_the_corpus() {
    replay("h2_connection", BYTES, invariants::connection);
}

#[test]
fn header_blocks_of_the_corpus() {
    replay("h2_hpack", BYTES, invariants::hpack);
}
