//! The invariants that the fuzz targets assert, over their committed corpora, so that they hold in
//! every test run.

use weir_testkit::corpus::replay;

#[expect(unreachable_pub, reason = "the fuzz package has them as its interface")]
#[path = "../../../fuzz/src/l4.rs"]
mod invariants;

/// Bytes that mean something here, and others.
const BYTES: &[u8] = &[0, 1, 3, b' ', b'\n', 0x21, 0xff];

#[test]
fn proxy_headers_of_the_corpus() {
    replay("l4_proxy", BYTES, invariants::proxy);
}

#[test]
fn client_hellos_of_the_corpus() {
    replay("l4_hello", BYTES, invariants::hello);
}
