//! The catalogue as a JSON Schema, for editors, and as a page, for people.

use serde_json::{Map, Value, json};

use super::catalogue::{
    BACKEND, CLUSTER, FILE, FRONTEND, HEADER, Key, Kind, LISTENER, Need, Section, Support,
};

/// A JSON Schema (draft 2020-12) of the file.
pub fn json_schema() -> Value {
    let mut schema = table(&FILE);
    if let Value::Object(map) = &mut schema {
        map.insert("$schema".into(), json!("https://json-schema.org/draft/2020-12/schema"));
        map.insert("title".into(), json!("Weir configuration"));
    }
    schema
}

fn table(section: &Section) -> Value {
    let properties: Map<_, _> = section
        .keys
        .iter()
        .filter(|key| matches!(key.support, Support::Now) || key.need == Need::Required)
        .map(|key| (key.name.to_owned(), property(key)))
        .collect();
    let required: Vec<_> =
        section.keys.iter().filter(|k| k.need == Need::Required).map(|k| k.name).collect();
    json!({
        "type": "object",
        "properties": properties,
        "required": required,
        "additionalProperties": false,
    })
}

fn property(key: &Key) -> Value {
    let mut schema = value(&key.kind);
    if let Value::Object(map) = &mut schema {
        let text = match key.default {
            "" => key.doc.to_owned(),
            default => format!("{} Default: {default}.", key.doc),
        };
        map.insert("description".into(), json!(text));
    }
    schema
}

fn value(kind: &Kind) -> Value {
    let text = json!({ "type": "string" });
    match kind {
        Kind::Bool => json!({ "type": "boolean" }),
        Kind::Integer(low, high) => json!({ "type": "integer", "minimum": low, "maximum": high }),
        Kind::Text => text,
        Kind::Address => json!({ "type": "string", "pattern": ":[0-9]+$" }),
        Kind::Word(words) => json!({ "enum": words }),
        Kind::Texts => json!({ "type": "array", "items": text }),
        Kind::TextMap => json!({ "type": "object", "additionalProperties": text }),
        Kind::Table(section) => table(section),
        Kind::Tables(section) => json!({ "type": "array", "items": table(section) }),
        Kind::TableMap(section) => {
            json!({ "type": "object", "additionalProperties": table(section) })
        }
        Kind::Anything => json!({}),
    }
}

/// The reference of all keys, in Markdown.
pub fn reference() -> String {
    let sections = [
        ("Top level", &FILE),
        ("`[[listeners]]`", &LISTENER),
        ("`[clusters.<id>]`", &CLUSTER),
        ("`[[clusters.<id>.frontends]]`", &FRONTEND),
        ("`[[clusters.<id>.backends]]`", &BACKEND),
        ("`[[clusters.<id>.frontends.headers]]`", &HEADER),
    ];
    let mut text = String::new();
    for (title, section) in sections {
        text += &format!("## {title}\n\n| key | value | default | meaning |\n|---|---|---|---|\n");
        for key in section.keys {
            text += &row(key);
        }
        text.push('\n');
    }
    text
}

fn row(key: &Key) -> String {
    let (name, doc) = (key.name, key.doc);
    let default = match (key.need, key.default) {
        (Need::Required, _) => "required".to_owned(),
        (_, "") => String::new(),
        (_, default) => format!("`{}`", default.trim_matches('`')),
    };
    match &key.support {
        Support::Now => format!("| `{name}` | {} | {default} | {doc} |\n", words(&key.kind)),
        Support::Later(remedy, _) => {
            format!("| `{name}` | {} | {default} | not yet: {remedy} |\n", words(&key.kind))
        }
    }
}

fn words(kind: &Kind) -> String {
    match kind {
        Kind::Bool => "bool".into(),
        Kind::Integer(low, high) => format!("{low}…{high}"),
        Kind::Text => "text".into(),
        Kind::Address => "ip:port".into(),
        Kind::Word(words) => words.join(", "),
        Kind::Texts => "list of text".into(),
        Kind::TextMap => "table of text".into(),
        Kind::Table(_) | Kind::TableMap(_) => "table".into(),
        Kind::Tables(_) => "list of tables".into(),
        Kind::Anything => "–".into(),
    }
}
