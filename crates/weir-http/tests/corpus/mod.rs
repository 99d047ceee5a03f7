//! The committed corpora of the fuzz targets.

use std::{fs, path::Path};

/// Runs `check` over a committed corpus, and over each of its inputs cut short, and with each byte
/// replaced by these.
pub(crate) fn over_corpus(target: &str, bytes: &[u8], check: fn(&[u8])) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/corpus").join(target);
    let mut count = 0;
    for entry in fs::read_dir(folder).expect("the corpus is committed") {
        let data = fs::read(entry.expect("readable").path()).expect("readable");
        check(&data);
        for at in 0..data.len() {
            check(&data[..at]);
            for byte in bytes {
                let mut bent = data.clone();
                bent[at] = *byte;
                check(&bent);
            }
        }
        count += 1;
    }
    assert!(count > 0, "{target} has no corpus");
}
