//! The catalogue as a page, for people.

use super::catalogue::{FILE, Key, Kind, Later, Scalar, Section, Without};

/// The reference of all keys, in Markdown.
pub fn reference() -> String {
    let sections = FILE.all().into_iter().map(section);
    sections.collect::<Vec<_>>().join("\n")
}

fn section(section: &Section) -> String {
    let rows: String = section.keys.iter().map(row).collect();
    let later: String = section.later.iter().map(later).collect();
    let later = match later.as_str() {
        "" => later,
        _ => format!("\nKnown and refused:\n\n{later}"),
    };
    format!(
        "### {}\n\n| key | value | default | meaning |\n|---|---|---|---|\n{rows}{later}",
        section.heading
    )
}

fn row(key: &Key) -> String {
    let default = match key.without {
        Without::Refused => "**required**".to_owned(),
        Without::Nothing => String::new(),
        Without::Other(words) => words.to_owned(),
        Without::Default(Scalar::Flag(flag)) => format!("`{flag}`"),
        Without::Default(Scalar::Number(number)) => format!("`{number}`"),
        Without::Default(Scalar::Text(text)) => format!("`\"{text}\"`"),
    };
    format!("| `{}` | {} | {default} | {} |\n", key.name, value(&key.kind), key.doc)
}

fn value(kind: &Kind) -> String {
    match kind {
        Kind::Flag => "true, false".into(),
        Kind::Number(low, high) => format!("{low} to {high}"),
        Kind::Seconds => "seconds".into(),
        Kind::Text => "text".into(),
        Kind::Address => "`ip:port`".into(),
        Kind::Place => "`ip:port`, `unix:/path`".into(),
        Kind::Word(words) => {
            let supported = words().into_iter().filter(|word| word.supported);
            let texts = supported.map(|word| format!("`{}`", word.text));
            texts.collect::<Vec<_>>().join(", ")
        }
        Kind::Words(words) => {
            let texts = words().into_iter().map(|word| format!("`{}`", word.text));
            format!("list of {}", texts.collect::<Vec<_>>().join(", "))
        }
        Kind::Texts => "list of texts".into(),
        Kind::Numbers(low, high) => format!("list of numbers from {low} to {high}"),
        Kind::TextMap => "table of texts".into(),
        Kind::Table(_) => "table".into(),
        Kind::Tables(_) => "list of tables".into(),
        Kind::TableMap(_) => "table of tables".into(),
    }
}

fn later(later: &Later) -> String {
    let names: Vec<_> = later.names.iter().map(|name| format!("`{name}`")).collect();
    format!("* {}: {}\n", names.join(", "), later.remedy)
}
