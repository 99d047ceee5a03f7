//! Values of a table that has been held against the catalogue, or the catalogue's defaults. What is
//! wrong there reads as absent: it has been reported already.

use std::net::SocketAddr;
use std::ops::Range;
use std::path::PathBuf;
use std::time::Duration;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use weir_base::Address;

use super::catalogue::{Kind, Scalar, Section, Without, Words};

/// A table and where it stands.
#[derive(Clone)]
pub(super) struct Reader<'a> {
    table: &'a DeTable<'a>,
    section: &'static Section,
    pub(super) span: Range<usize>,
}

/// What a value of the file is read as.
pub(super) trait FromScalar<'a>: Sized {
    fn from_scalar(scalar: Scalar<'a>) -> Option<Self>;
}

/// Something of the file with a name, and where the name stands.
pub(super) struct Named<'a, T> {
    pub(super) name: &'a str,
    pub(super) span: Range<usize>,
    pub(super) value: T,
}

impl<'a> Reader<'a> {
    pub(super) fn new(
        table: &'a DeTable<'a>,
        section: &'static Section,
        span: Range<usize>,
    ) -> Self {
        Self { table, section, span }
    }

    /// Where the value of `key` stands; the table when it is absent.
    pub(super) fn span_of(&self, key: &str) -> Range<usize> {
        self.table.get(key).map_or(self.span.clone(), Spanned::span)
    }

    pub(super) fn has(&self, key: &str) -> bool {
        self.table.contains_key(key)
    }

    /// A flag that says what holds without it: not this.
    pub(super) fn asks_nothing(&self, key: &str) -> bool {
        let nothing = Scalar::Flag(false);
        let default = self.section.key(key).map(|key| key.without);
        matches!(default, Some(Without::Default(value)) if value == nothing)
            && self.found(key).and_then(scalar) == Some(nothing)
    }

    /// The value of a key that has a default.
    pub(super) fn value<T: FromScalar<'a> + Default>(&self, key: &str) -> T {
        self.read(key).unwrap_or_default()
    }

    /// The value of a key, or its default if it has one.
    pub(super) fn read<T: FromScalar<'a>>(&self, key: &str) -> Option<T> {
        let definition = self.section.key(key);
        debug_assert!(definition.is_some(), "{} has no key `{key}`", self.section.name);
        let written = self.found(key).and_then(scalar).and_then(T::from_scalar);
        written.or_else(|| match definition?.without {
            Without::Default(default) => T::from_scalar(default),
            _ => None,
        })
    }

    /// The keys for answers in files, each with its status.
    pub(super) fn legacy_answers(&self) -> impl Iterator<Item = (&'static str, u16)> + use<> {
        let keys = self.section.keys.iter();
        keys.filter_map(|key| Some((key.name, key.name.strip_prefix("answer_")?.parse().ok()?)))
    }

    /// Texts of a list, and where each stands.
    pub(super) fn texts(&self, key: &str) -> Vec<(&'a str, Range<usize>)> {
        let Some(DeValue::Array(items)) = self.found(key) else { return Vec::new() };
        let texts = items.iter().filter_map(|item| match item.get_ref() {
            DeValue::String(text) => Some((&**text, item.span())),
            _ => None,
        });
        texts.collect()
    }

    /// Words of a list.
    pub(super) fn words<T: Words>(&self, key: &str) -> Vec<T> {
        let texts = self.texts(key).into_iter();
        texts.filter_map(|(text, _)| T::from_scalar(Scalar::Text(text))).collect()
    }

    /// Numbers of a list.
    pub(super) fn numbers<T: FromScalar<'a>>(&self, key: &str) -> Vec<T> {
        let Some(DeValue::Array(items)) = self.found(key) else { return Vec::new() };
        let numbers = items.iter().filter_map(|item| scalar(item.get_ref()));
        numbers.filter_map(T::from_scalar).collect()
    }

    /// Texts by name, and where each text stands.
    pub(super) fn text_map(&self, key: &str) -> Vec<Named<'a, (&'a str, Range<usize>)>> {
        self.map(key, |value| match value.get_ref() {
            DeValue::String(text) => Some((&**text, value.span())),
            _ => None,
        })
    }

    pub(super) fn tables(&self, key: &str) -> Vec<Reader<'a>> {
        let Some(DeValue::Array(items)) = self.found(key) else { return Vec::new() };
        items.iter().filter_map(|item| self.inner(key, item)).collect()
    }

    /// A table that the file may have.
    pub(super) fn section(&self, key: &str) -> Option<Reader<'a>> {
        self.inner(key, self.table.get(key)?)
    }

    /// Tables by name, in the order of the file.
    pub(super) fn table_map(&self, key: &str) -> Vec<Named<'a, Reader<'a>>> {
        self.map(key, |value| self.inner(key, value))
    }

    /// The parser sorts by name; this is in the order of the file.
    fn map<T>(
        &self,
        key: &str,
        read: impl Fn(&'a Spanned<DeValue<'a>>) -> Option<T>,
    ) -> Vec<Named<'a, T>> {
        let Some(DeValue::Table(table)) = self.found(key) else { return Vec::new() };
        let entries = table.iter().filter_map(|(name, value)| {
            Some(Named { name: name.get_ref(), span: name.span(), value: read(value)? })
        });
        let mut entries: Vec<_> = entries.collect();
        entries.sort_by_key(|entry| entry.span.start);
        entries
    }

    fn inner(&self, key: &str, value: &'a Spanned<DeValue<'a>>) -> Option<Reader<'a>> {
        let kind = &self.section.key(key)?.kind;
        let (Kind::Table(section) | Kind::Tables(section) | Kind::TableMap(section)) = kind else {
            return None;
        };
        match value.get_ref() {
            DeValue::Table(table) => Some(Reader::new(table, section, value.span())),
            _ => None,
        }
    }

    fn found(&self, key: &str) -> Option<&'a DeValue<'a>> {
        self.table.get(key).map(Spanned::get_ref)
    }
}

fn scalar<'a>(value: &'a DeValue<'a>) -> Option<Scalar<'a>> {
    match value {
        DeValue::Boolean(flag) => Some(Scalar::Flag(*flag)),
        DeValue::Integer(number) => {
            u64::from_str_radix(number.as_str(), number.radix()).ok().map(Scalar::Number)
        }
        DeValue::String(text) => Some(Scalar::Text(text)),
        _ => None,
    }
}

impl<'a> FromScalar<'a> for bool {
    fn from_scalar(scalar: Scalar<'a>) -> Option<Self> {
        match scalar {
            Scalar::Flag(flag) => Some(flag),
            _ => None,
        }
    }
}

impl<'a> FromScalar<'a> for &'a str {
    fn from_scalar(scalar: Scalar<'a>) -> Option<Self> {
        match scalar {
            Scalar::Text(text) => Some(text),
            _ => None,
        }
    }
}

impl<'a> FromScalar<'a> for u64 {
    fn from_scalar(scalar: Scalar<'a>) -> Option<Self> {
        match scalar {
            Scalar::Number(number) => Some(number),
            _ => None,
        }
    }
}

/// Types that are read as one of the above and then converted.
macro_rules! read_as {
    ($($type:ty: |$raw:ident: $via:ty| $convert:expr;)+) => {$(
        impl<'a> FromScalar<'a> for $type {
            fn from_scalar(scalar: Scalar<'a>) -> Option<Self> {
                let $raw = <$via>::from_scalar(scalar)?;
                $convert
            }
        }
    )+};
}

read_as! {
    u8: |number: u64| number.try_into().ok();
    u16: |number: u64| number.try_into().ok();
    u32: |number: u64| number.try_into().ok();
    usize: |number: u64| number.try_into().ok();
    Duration: |seconds: u64| Some(Duration::from_secs(seconds));
    String: |text: &'a str| Some(text.to_owned());
    PathBuf: |text: &'a str| Some(text.into());
    SocketAddr: |text: &'a str| text.parse().ok();
    Address: |text: &'a str| text.parse().ok();
}

impl<'a, T: Words> FromScalar<'a> for T {
    fn from_scalar(scalar: Scalar<'a>) -> Option<Self> {
        let text = <&str>::from_scalar(scalar)?;
        T::WORDS.iter().find(|(word, _)| *word == text)?.1
    }
}
