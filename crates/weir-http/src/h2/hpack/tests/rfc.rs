//! The examples of RFC 7541, appendix C.2 to C.6.

use super::*;

/// An example as it is written in the file.
#[derive(Default)]
struct Example {
    name: String,
    table: Option<usize>,
    block: Vec<u8>,
    fields: Vec<String>,
    entries: Vec<String>,
    size: usize,
}

fn examples() -> Vec<Example> {
    let mut all: Vec<Example> = Vec::new();
    for line in include_str!("../data/examples.txt").lines() {
        let Some((word, rest)) = line.split_once(' ').filter(|_| !line.starts_with('#')) else {
            continue;
        };
        if word == "example" {
            all.push(Example { name: rest.to_owned(), ..Example::default() });
            continue;
        }
        let example = all.last_mut().unwrap();
        match word {
            "new" => example.table = Some(rest.parse().unwrap()),
            "block" => example.block.extend(hex(rest)),
            "field" => example.fields.push(rest.to_owned()),
            "entry" => example.entries.push(rest.to_owned()),
            "size" => example.size = rest.parse().unwrap(),
            other => panic!("{other}?"),
        }
    }
    all
}

#[test]
fn every_example_is_decoded() {
    let mut decoder = Decoder::new(0);
    let examples = examples();
    assert_eq!(examples.len(), 16);
    for example in examples {
        if let Some(bytes) = example.table {
            decoder = Decoder::new(bytes);
        }
        let fields = decode(&mut decoder, &example.block).unwrap();
        assert_eq!(lines(&fields), example.fields, "{}", example.name);
        let entries = entries(&mut decoder);
        assert_eq!(lines(&entries), example.entries, "{}", example.name);
        assert_eq!(size(&entries), example.size, "{}", example.name);
    }
}

/// Those of C.4 are as this encoder would write them: with Huffman code, and nothing in them that
/// it does not think worth a place in the table.
#[test]
fn the_requests_with_huffman_code_are_encoded() {
    let mut encoder = Encoder::new();
    for example in examples().iter().filter(|example| example.name.starts_with("C.4")) {
        let mut out = Vec::new();
        encoder.begin(&mut out);
        for field in &example.fields {
            let (name, value) = field.rsplit_once(": ").unwrap();
            encoder.field(name.as_bytes(), &[value.as_bytes()], false, &mut out);
        }
        assert_eq!(out, example.block, "{}", example.name);
    }
}
