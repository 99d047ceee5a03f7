//! Values of a table that has been held against the catalogue. What is wrong there reads as absent:
//! it has been reported already.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::ops::Range;
use std::time::Duration;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

/// A table and where it stands.
#[derive(Clone)]
pub(super) struct Reader<'a> {
    table: &'a DeTable<'a>,
    pub(super) span: Range<usize>,
}

impl<'a> Reader<'a> {
    pub(super) fn new(table: &'a DeTable<'a>, span: Range<usize>) -> Self {
        Self { table, span }
    }

    /// Where the value of `key` stands; the table when it is absent.
    pub(super) fn span_of(&self, key: &str) -> Range<usize> {
        self.table.get(key).map_or(self.span.clone(), Spanned::span)
    }

    pub(super) fn has(&self, key: &str) -> bool {
        self.table.contains_key(key)
    }

    pub(super) fn text(&self, key: &str) -> Option<&'a str> {
        match self.value(key)? {
            DeValue::String(text) => Some(text),
            _ => None,
        }
    }

    pub(super) fn owned(&self, key: &str) -> Option<String> {
        self.text(key).map(str::to_owned)
    }

    pub(super) fn flag(&self, key: &str, default: bool) -> bool {
        match self.value(key) {
            Some(DeValue::Boolean(flag)) => *flag,
            _ => default,
        }
    }

    pub(super) fn number(&self, key: &str) -> Option<u64> {
        match self.value(key)? {
            DeValue::Integer(number) => u64::from_str_radix(number.as_str(), number.radix()).ok(),
            _ => None,
        }
    }

    pub(super) fn size(&self, key: &str, default: usize) -> usize {
        self.number(key).and_then(|n| usize::try_from(n).ok()).unwrap_or(default)
    }

    pub(super) fn port(&self, key: &str) -> Option<u16> {
        self.number(key).and_then(|n| u16::try_from(n).ok())
    }

    pub(super) fn seconds(&self, key: &str, default: Duration) -> Duration {
        self.number(key).map_or(default, Duration::from_secs)
    }

    pub(super) fn address(&self, key: &str) -> Option<SocketAddr> {
        self.text(key)?.parse().ok()
    }

    pub(super) fn texts(&self, key: &str) -> Vec<(&'a str, Range<usize>)> {
        let Some(DeValue::Array(items)) = self.value(key) else { return Vec::new() };
        let texts = items.iter().filter_map(|item| match item.get_ref() {
            DeValue::String(text) => Some((&**text, item.span())),
            _ => None,
        });
        texts.collect()
    }

    /// Key, value and where the value stands.
    pub(super) fn text_map(&self, key: &str) -> Vec<(&'a str, &'a str, Range<usize>)> {
        let Some(DeValue::Table(table)) = self.value(key) else { return Vec::new() };
        let entries = table.iter().filter_map(|(name, value)| match value.get_ref() {
            DeValue::String(text) => Some((&**name.get_ref(), &**text, value.span())),
            _ => None,
        });
        entries.collect()
    }

    pub(super) fn strings(&self, key: &str) -> BTreeMap<String, String> {
        let entries = self.text_map(key).into_iter();
        entries.map(|(name, value, _)| (name.to_owned(), value.to_owned())).collect()
    }

    pub(super) fn tables(&self, key: &str) -> Vec<Reader<'a>> {
        let Some(DeValue::Array(items)) = self.value(key) else { return Vec::new() };
        items.iter().filter_map(as_reader).collect()
    }

    /// Tables by name.
    pub(super) fn table_map(&self, key: &str) -> Vec<(&'a str, Reader<'a>)> {
        let Some(DeValue::Table(table)) = self.value(key) else { return Vec::new() };
        let entries = table.iter();
        entries.filter_map(|(name, value)| Some((&**name.get_ref(), as_reader(value)?))).collect()
    }

    fn value(&self, key: &str) -> Option<&'a DeValue<'a>> {
        self.table.get(key).map(Spanned::get_ref)
    }
}

fn as_reader<'a>(value: &'a Spanned<DeValue<'a>>) -> Option<Reader<'a>> {
    match value.get_ref() {
        DeValue::Table(table) => Some(Reader::new(table, value.span())),
        _ => None,
    }
}
