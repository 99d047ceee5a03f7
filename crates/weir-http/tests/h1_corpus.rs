//! The invariants that are fuzzed, over the committed corpus, so that they hold on every run.

#[path = "../../../fuzz/invariants.rs"]
#[allow(unreachable_pub, reason = "shared with the fuzz targets")]
mod invariants;

use std::path::Path;

#[test]
fn the_corpus_keeps_its_invariants() {
    for (target, check) in [
        ("h1_request", invariants::request as fn(&[u8])),
        ("h1_response", invariants::response),
        ("h1_body", invariants::body),
    ] {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/corpus").join(target);
        let files = std::fs::read_dir(&folder).expect("the corpus is committed");
        let mut count = 0;
        for file in files {
            check(&std::fs::read(file.expect("an entry").path()).expect("a file"));
            count += 1;
        }
        assert!(count > 5, "{target} has {count} files");
    }
}
