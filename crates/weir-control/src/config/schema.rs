//! The catalogue as a JSON Schema, for editors and other tools.
//!
//! It accepts what the checker accepts as far as a schema can say it: names, types, words, bounds.

use serde_json::{Map, Value, json};

use super::catalogue::{FILE, Key, Kind, LONGEST_SECONDS, Scalar, Section, Without};

/// A JSON Schema (draft 2020-12) of the file.
pub fn json_schema() -> Value {
    let mut schema = table(&FILE);
    schema["$schema"] = json!("https://json-schema.org/draft/2020-12/schema");
    schema["title"] = json!("Weir configuration");
    schema
}

fn table(section: &Section) -> Value {
    let known = section.keys.iter().map(|key| (key.name.to_owned(), property(key)));
    let required = section.keys.iter().filter(|key| matches!(key.without, Without::Refused));
    json!({
        "type": "object",
        "properties": known.collect::<Map<_, _>>(),
        "required": required.map(|key| key.name).collect::<Vec<_>>(),
        "additionalProperties": false,
    })
}

fn property(key: &Key) -> Value {
    let mut schema = value(&key.kind);
    schema["description"] = match key.without {
        Without::Other(words) => json!(format!("{} Default: {words}.", key.doc)),
        _ => json!(key.doc),
    };
    if let Without::Default(default) = key.without {
        schema["default"] = match default {
            Scalar::Flag(flag) => json!(flag),
            Scalar::Number(number) => json!(number),
            Scalar::Text(text) => json!(text),
        };
    }
    schema
}

fn value(kind: &Kind) -> Value {
    let text = json!({ "type": "string" });
    match kind {
        Kind::Flag => json!({ "type": "boolean" }),
        Kind::Number(low, high) => number(*low, *high),
        Kind::Seconds => number(1, LONGEST_SECONDS),
        Kind::Text => text,
        Kind::Address => json!({ "type": "string", "pattern": ":[0-9]+$" }),
        Kind::Place => json!({ "type": "string", "pattern": "^unix:/|:[0-9]+$" }),
        Kind::Word(words) => {
            let supported = words().into_iter().filter(|word| word.supported);
            json!({ "enum": supported.map(|word| word.text).collect::<Vec<_>>() })
        }
        Kind::Words(words) => {
            json!({ "type": "array", "items": value(&Kind::Word(*words)) })
        }
        Kind::Texts => json!({ "type": "array", "items": text }),
        Kind::Numbers(low, high) => json!({ "type": "array", "items": number(*low, *high) }),
        Kind::TextMap => json!({ "type": "object", "additionalProperties": text }),
        Kind::Table(section) => table(section),
        Kind::Tables(section) => json!({ "type": "array", "items": table(section) }),
        Kind::TableMap(section) => {
            json!({ "type": "object", "additionalProperties": table(section) })
        }
    }
}

fn number(low: u64, high: u64) -> Value {
    json!({ "type": "integer", "minimum": low, "maximum": high })
}
