//! Holds a file against the catalogue: unknown keys, wrong types, values out of bounds, keys of a
//! later version. All of them, not the first.

use std::net::SocketAddr;
use std::ops::Range;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::catalogue::{Key, Kind, Need, Neutral, Section, Support};
use super::report::{Diagnostic, Report};

type Value<'a> = Spanned<DeValue<'a>>;

/// Checks a table, which stands at `span`.
pub(super) fn check_table(
    table: &DeTable<'_>,
    span: Range<usize>,
    section: &Section,
    report: &mut Report,
) {
    for (name, value) in table {
        let text: &str = name.get_ref();
        match section.keys.iter().find(|key| key.name == text) {
            Some(key) => check_key(key, name.span(), value, report),
            None => report.push(unknown(text, name.span(), section)),
        }
    }
    for key in section.keys.iter().filter(|key| key.need == Need::Required) {
        if !table.contains_key(key.name) {
            let message = format!("{} needs the key `{}`", section.title, key.name);
            report.push(Diagnostic::error(span.clone(), message).help(key.doc));
        }
    }
}

fn unknown(name: &str, span: Range<usize>, section: &Section) -> Diagnostic {
    let message = format!("{} has no key `{name}`", section.title);
    let diagnostic = Diagnostic::error(span, message).label("unknown key");
    let names = section.keys.iter().map(|key| key.name);
    match nearest(name, names) {
        Some(near) => diagnostic.help(format!("did you mean `{near}`?")),
        None => diagnostic,
    }
}

/// The candidate that is nearest to `word`, if one is near.
pub(super) fn nearest<'a>(word: &str, among: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let lower = word.to_lowercase();
    let near = |candidate: &&str| strsim::jaro_winkler(&lower, &candidate.to_lowercase());
    among
        .map(|candidate| (near(&candidate), candidate))
        .filter(|(similarity, _)| *similarity > 0.8)
        .max_by(|(a, _), (b, _)| a.total_cmp(b))
        .map(|(_, candidate)| candidate)
}

fn check_key(key: &Key, at: Range<usize>, value: &Value<'_>, report: &mut Report) {
    let before = report.diagnostics.len();
    check_value(key.name, &key.kind, value, report);
    let Support::Later(remedy, neutral) = &key.support else { return };
    if report.diagnostics.len() == before && !is_neutral(neutral, value.get_ref()) {
        let message = format!("`{}` is not supported by this version of Weir", key.name);
        report.push(Diagnostic::error(at, message).help(*remedy));
    }
}

fn is_neutral(neutral: &Neutral, value: &DeValue<'_>) -> bool {
    match (neutral, value) {
        (Neutral::False, DeValue::Boolean(false)) => true,
        (Neutral::Word(word), DeValue::String(text)) => text == word,
        _ => false,
    }
}

fn check_value(name: &str, kind: &Kind, value: &Value<'_>, report: &mut Report) {
    let span = value.span();
    match (kind, value.get_ref()) {
        (Kind::Anything, _) | (Kind::Bool, DeValue::Boolean(_)) => {}
        (Kind::Integer(low, high), DeValue::Integer(number)) => {
            let parsed = u64::from_str_radix(number.as_str(), number.radix()).ok();
            if !parsed.is_some_and(|n| (*low..=*high).contains(&n)) {
                let message = format!("`{name}` is between {low} and {high}");
                report.push(Diagnostic::error(span, message).label("out of bounds"));
            }
        }
        (Kind::Text, DeValue::String(_)) => {}
        (Kind::Address, DeValue::String(text)) => check_address(name, text, span, report),
        (Kind::Word(words), DeValue::String(text)) => check_word(name, words, text, span, report),
        (Kind::Texts, DeValue::Array(items)) => {
            items.iter().for_each(|item| check_value(name, &Kind::Text, item, report));
        }
        (Kind::TextMap, DeValue::Table(table)) => {
            for (name, value) in table {
                check_value(name.get_ref(), &Kind::Text, value, report);
            }
        }
        (Kind::Table(section), DeValue::Table(table)) => {
            check_table(table, span, section, report);
        }
        (Kind::Tables(section), DeValue::Array(items)) => {
            let kind = Kind::Table(section);
            items.iter().for_each(|item| check_value(name, &kind, item, report));
        }
        (Kind::TableMap(section), DeValue::Table(table)) => {
            let kind = Kind::Table(section);
            table.values().for_each(|item| check_value(name, &kind, item, report));
        }
        (kind, found) => {
            let message = format!("`{name}` is {}, not a {}", wanted(kind), found.type_str());
            report.push(Diagnostic::error(span, message).label(format!("a {}", found.type_str())));
        }
    }
}

fn check_address(name: &str, text: &str, span: Range<usize>, report: &mut Report) {
    if text.parse::<SocketAddr>().is_err() {
        let message = format!("`{name}` is not an address");
        let help =
            "write `ip:port`, as in `127.0.0.1:8080` or `[::1]:8080`; names are not looked up";
        report.push(Diagnostic::error(span, message).label("not ip:port").help(help));
    }
}

fn check_word(name: &str, words: &[&str], text: &str, span: Range<usize>, report: &mut Report) {
    if words.contains(&text) {
        return;
    }
    let list: Vec<_> = words.iter().map(|word| format!("`{word}`")).collect();
    let message = format!("`{name}` is one of {}", list.join(", "));
    let diagnostic = Diagnostic::error(span, message).label("unknown value");
    report.push(match nearest(text, words.iter().copied()) {
        Some(near) => diagnostic.help(format!("did you mean `{near}`?")),
        None => diagnostic,
    });
}

fn wanted(kind: &Kind) -> &'static str {
    match kind {
        Kind::Bool => "true or false",
        Kind::Integer(..) => "a whole number",
        Kind::Text | Kind::Address | Kind::Word(_) => "a string",
        Kind::Texts => "a list of strings",
        Kind::TextMap => "a table of strings",
        Kind::Table(_) | Kind::TableMap(_) => "a table",
        Kind::Tables(_) => "a list of tables",
        Kind::Anything => "anything",
    }
}
