//! The committed corpora of the fuzz targets, for every test run.

use std::fs;
use std::path::Path;

/// Runs `check` over the corpus of a fuzz target, and over each of its inputs cut short anywhere,
/// and with any byte replaced by each of `bytes`.
pub fn replay(target: &str, bytes: &[u8], check: fn(&[u8])) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/corpus").join(target);
    let mut count = 0;
    for entry in fs::read_dir(folder).expect("the corpus is committed") {
        let mut data = fs::read(entry.expect("readable").path()).expect("readable");
        check(&data);
        for at in 0..data.len() {
            check(&data[..at]);
            let byte = data[at];
            for other in bytes {
                data[at] = *other;
                check(&data);
            }
            data[at] = byte;
        }
        count += 1;
    }
    assert!(count > 0, "{target} has no corpus");
}
