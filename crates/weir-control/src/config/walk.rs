//! Holds a file against the catalogue: unknown keys, wrong types, values out of bounds, keys of a
//! later version. All of them, not the first.

use std::net::SocketAddr;
use std::ops::{Range, RangeInclusive};

use toml::Spanned;
use toml::de::{DeInteger, DeTable, DeValue};

use weir_base::Address;

use super::catalogue::{DAY_SECONDS, Key, Kind, LONGEST_SECONDS, Later, Section, Without, Word};
use super::report::{Diagnostic, Report};
use super::suggest;

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
        if let Some(key) = section.key(text) {
            check_value(key.name, &key.kind, value, report);
        } else if let Some(later) = section.later(text) {
            check_later(text, name.span(), later, report);
        } else {
            let message = format!("{} has no key `{text}`", section.name);
            let help = suggest::for_key(text, section);
            report.push(Diagnostic::error(name.span(), message).label("unknown key").helps(help));
        }
    }
    let required = section.keys.iter().filter(|key| matches!(key.without, Without::Refused));
    for key in required.filter(|key| !table.contains_key(key.name)) {
        let message = format!("{} needs the key `{}`", section.name, key.name);
        report.push(Diagnostic::error(span.clone(), message).help(how_to_add(key)));
    }
}

fn how_to_add(key: &Key) -> String {
    let value = match key.kind {
        Kind::Flag => "true",
        Kind::Number(..) | Kind::Seconds => "1",
        Kind::Text => "\"…\"",
        Kind::Address | Kind::Place => "\"127.0.0.1:8080\"",
        Kind::Word(words) => {
            let first = words().into_iter().find(|word| word.supported);
            return format!("add `{} = \"{}\"`", key.name, first.map_or("…", |word| word.text));
        }
        Kind::Words(_) | Kind::Texts => "[\"…\"]",
        Kind::Numbers(..) => "[1]",
        Kind::TextMap | Kind::Table(_) | Kind::TableMap(_) => "{ … }",
        Kind::Tables(_) => "[{ … }]",
    };
    format!("add `{} = {value}`", key.name)
}

fn check_later(name: &str, at: Range<usize>, later: &Later, report: &mut Report) {
    report.push(Diagnostic::error(at, unsupported(name)).help(later.remedy));
}

fn unsupported(what: &str) -> String {
    format!("`{what}` is not supported by this version of Weir")
}

fn check_value(name: &str, kind: &Kind, value: &Value<'_>, report: &mut Report) {
    let span = value.span();
    match (kind, value.get_ref()) {
        (Kind::Flag, DeValue::Boolean(_)) | (Kind::Text, DeValue::String(_)) => {}
        (Kind::Number(low, high), DeValue::Integer(number)) => {
            check_number(name, *low..=*high, number, span, report);
        }
        (Kind::Seconds, DeValue::Integer(number)) => {
            check_seconds(name, number, span, report);
        }
        (Kind::Address, DeValue::String(text)) => check_address(name, text, span, report),
        (Kind::Place, DeValue::String(text)) => check_place(name, text, span, report),
        (Kind::Word(words), DeValue::String(text)) => {
            check_word(name, &words(), text, span, report);
        }
        (Kind::Words(words), DeValue::Array(items)) => {
            let kind = Kind::Word(*words);
            items.iter().for_each(|item| check_value(name, &kind, item, report));
        }
        (Kind::Texts, DeValue::Array(items)) => {
            items.iter().for_each(|item| check_value(name, &Kind::Text, item, report));
        }
        (Kind::Numbers(low, high), DeValue::Array(items)) => {
            let kind = Kind::Number(*low, *high);
            items.iter().for_each(|item| check_value(name, &kind, item, report));
        }
        (Kind::TextMap, DeValue::Table(table)) => {
            for (name, value) in table {
                check_value(name.get_ref(), &Kind::Text, value, report);
            }
        }
        (Kind::Table(section), DeValue::Table(_)) => check_entry(name, section, value, report),
        (Kind::Tables(section), DeValue::Array(items)) => {
            items.iter().for_each(|item| check_entry(name, section, item, report));
        }
        (Kind::TableMap(section), DeValue::Table(table)) => {
            for (name, value) in table {
                check_entry(name.get_ref(), section, value, report);
            }
        }
        (kind, found) => report.push(wrong_type(name, wanted(kind), found, span)),
    }
}

fn check_entry(name: &str, section: &Section, value: &Value<'_>, report: &mut Report) {
    match value.get_ref() {
        DeValue::Table(table) => check_table(table, value.span(), section, report),
        found => report.push(wrong_type(name, "a table", found, value.span())),
    }
}

fn check_seconds(name: &str, number: &DeInteger<'_>, span: Range<usize>, report: &mut Report) {
    let seconds = check_number(name, 1..=LONGEST_SECONDS, number, span.clone(), report);
    if seconds.is_some_and(|seconds| seconds > DAY_SECONDS) {
        let message = format!("`{name}` is in seconds: this is more than a day");
        report.push(Diagnostic::warning(span, message));
    }
}

/// The number, if it is within the bounds.
fn check_number(
    name: &str,
    bounds: RangeInclusive<u64>,
    number: &DeInteger<'_>,
    span: Range<usize>,
    report: &mut Report,
) -> Option<u64> {
    let number = u64::from_str_radix(number.as_str(), number.radix()).ok();
    let number = number.filter(|number| bounds.contains(number));
    if number.is_none() {
        let message = format!("`{name}` is between {} and {}", bounds.start(), bounds.end());
        report.push(Diagnostic::error(span, message).label("out of bounds"));
    }
    number
}

fn check_address(name: &str, text: &str, span: Range<usize>, report: &mut Report) {
    if text.parse::<SocketAddr>().is_err() {
        let message = format!("`{name}` is not an address");
        let help =
            "write `ip:port`, as in `127.0.0.1:8080` or `[::1]:8080`; names are not looked up";
        report.push(Diagnostic::error(span, message).label("not ip:port").help(help));
    }
}

fn check_place(name: &str, text: &str, span: Range<usize>, report: &mut Report) {
    if let Err(error) = text.parse::<Address>() {
        let message = format!("`{name}` does not say where a backend listens");
        report.push(Diagnostic::error(span, message).help(error.to_string()));
    }
}

fn check_word(name: &str, words: &[Word], text: &str, span: Range<usize>, report: &mut Report) {
    let supported = words.iter().filter(|word| word.supported);
    let list: Vec<_> = supported.map(|word| format!("`{}`", word.text)).collect();
    let list = list.join(", ");
    match words.iter().find(|word| word.text == text) {
        Some(Word { supported: true, .. }) => {}
        Some(_) => {
            let help = format!("this version has {list}");
            report.push(Diagnostic::error(span, unsupported(text)).help(help));
        }
        None => {
            let choice = if list.contains(',') { "one of " } else { "" };
            let message = format!("`{name}` is {choice}{list}");
            let near = suggest::nearest(text, words.iter().map(|word| word.text));
            let help = near.map(|near| format!("did you mean `{near}`?"));
            report.push(Diagnostic::error(span, message).label("unknown value").helps(help));
        }
    }
}

fn wrong_type(name: &str, wanted: &str, found: &DeValue<'_>, span: Range<usize>) -> Diagnostic {
    let found = found.type_str();
    let article = if found.starts_with(['a', 'i']) { "an" } else { "a" };
    let message = format!("`{name}` is {wanted}, not {article} {found}");
    Diagnostic::error(span, message).label(format!("{article} {found}"))
}

fn wanted(kind: &Kind) -> &'static str {
    match kind {
        Kind::Flag => "true or false",
        Kind::Number(..) => "a whole number",
        Kind::Seconds => "a whole number of seconds",
        Kind::Text | Kind::Address | Kind::Place | Kind::Word(_) => "a string",
        Kind::Words(_) | Kind::Texts => "a list of strings",
        Kind::Numbers(..) => "a list of whole numbers",
        Kind::TextMap => "a table of strings",
        Kind::Table(_) => "a table",
        Kind::Tables(_) => "a list of tables",
        Kind::TableMap(_) => "a table of tables",
    }
}
