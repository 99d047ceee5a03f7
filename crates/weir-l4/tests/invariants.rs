//! The invariants that the fuzz targets assert, over their committed corpora, so that they hold in
//! every test run.

use std::{fs, path::Path};

#[expect(unreachable_pub, reason = "the fuzz package has them as its interface")]
#[path = "../../../fuzz/src/l4.rs"]
mod invariants;

/// Runs `check` over a committed corpus, and over each of its inputs cut short and bent.
fn over_corpus(target: &str, check: fn(&[u8])) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/corpus").join(target);
    let mut count = 0;
    for entry in fs::read_dir(folder).expect("the corpus is committed") {
        let data = fs::read(entry.expect("readable").path()).expect("readable");
        check(&data);
        for at in 0..data.len() {
            check(&data[..at]);
            for byte in [0, 1, 3, b' ', b'\n', 0x21, 0xff] {
                let mut bent = data.clone();
                bent[at] = byte;
                check(&bent);
            }
        }
        count += 1;
    }
    assert!(count > 0, "{target} has no corpus");
}

#[test]
fn proxy_headers_of_the_corpus() {
    over_corpus("l4_proxy", invariants::proxy);
}

#[test]
fn client_hellos_of_the_corpus() {
    over_corpus("l4_hello", invariants::hello);
}
