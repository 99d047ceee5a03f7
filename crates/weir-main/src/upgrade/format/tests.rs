use std::fs::File;

use serde_json::{Value, json};
use weir_control::state::Cluster;

use super::*;

/// As another version may have written it: changed only together with [`VERSION`], or by fields
/// that have defaults.
const GOLDEN: &str = include_str!("golden.json");

fn golden() -> Value {
    serde_json::from_str(GOLDEN).expect("JSON")
}

fn parse(document: &Value) -> Result<Handover, String> {
    Handover::parse(document.to_string().as_bytes())
}

#[test]
fn what_is_written_is_what_was_always_written() {
    let handover = parse(&golden()).expect("read");
    let written = serde_json::to_string_pretty(&handover).expect("written");
    assert_eq!(format!("{written}\n"), GOLDEN);
}

#[test]
fn every_descriptor_is_told() {
    let mut descriptors: Vec<_> = parse(&golden()).expect("read").descriptors().collect();
    descriptors.sort_unstable();
    assert_eq!(descriptors, [5, 6, 7, 8, 9, 11, 12, 13, 15, 17, 21, 22, 23, 24, 25, 26]);
}

#[test]
fn fields_that_are_not_known_are_skipped() {
    let mut document = golden();
    for place in
        ["", "/plan", "/plan/settings", "/slots/0", "/slots/0/worker", "/leaving/0", "/control"]
    {
        document.pointer_mut(place).expect("there")["from_the_future"] = json!({"a": [1]});
    }
    let handover = parse(&document).expect("read");
    assert_eq!(serde_json::to_value(&handover).expect("written"), golden());
}

#[test]
fn another_version_is_refused_with_a_sentence() {
    for (field, what) in [
        ("version", "handovers of version 77"),
        ("packed", "states of version 77"),
        ("channel", "messages to workers of version 77"),
    ] {
        let mut document = golden();
        document[field] = json!(77);
        document["program"] = json!("weir 7.7.7");
        // Nothing else of it can be read.
        document["slots"] = json!("unlike anything");
        let sentence = parse(&document).expect_err("refused");
        for part in ["weir 7.7.7 has", what, &program(), "weir state save"] {
            assert!(sentence.contains(part), "{part:?} in {sentence}");
        }
    }
    assert!(Handover::parse(b"{}").expect_err("refused").contains("cannot be understood"));
    assert!(Handover::parse(b"").expect_err("refused").contains("cannot be understood"));
}

#[test]
fn a_file_has_the_state_too() {
    let handover = parse(&golden()).expect("read");
    let mut state = State::default();
    let cluster = Cluster { id: "kept".to_owned(), ..Cluster::default() };
    state.clusters.insert(cluster.id.clone(), cluster);
    let mut file = File::from(handover.write(&state).expect("written"));
    for _ in 0..2 {
        let again = Handover::read(&mut file).expect("read");
        assert_eq!(again.plan.state, state);
        assert_eq!(again.hash, handover.hash);
    }
    file.set_len(100).expect("cut");
    assert!(Handover::read(&mut file).expect_err("refused").contains("cut short"));
}
