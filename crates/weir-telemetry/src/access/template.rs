//! A record as a line that the user has laid out: text, and names of fields in braces.
//!
//! What is unknown is `-`. In a value, a space is `\x20` and a quote `\x22`, so that it never
//! looks like two; between two quotes of the template, spaces stay.

use super::AccessRecord;
use super::ascii::put_address;
use super::field::{Field, Value};
use super::max;
use crate::escape::{Item, Quoted, Style, escape};
use crate::line::LineFormat;
use crate::pen::Pen;

/// Longest text of a template.
const LONGEST: usize = 4_096;

/// A layout.
#[derive(Clone, Debug, Default)]
pub struct Template(Vec<Part>);

#[derive(Clone, Debug)]
enum Part {
    Text(Box<[u8]>),
    Field {
        field: Field,
        /// It stands between quotes.
        quoted: bool,
    },
}

/// Why a text is no template.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TemplateError {
    /// There is no such field.
    #[error("there is no field `{name}`")]
    Unknown {
        /// As it is written.
        name: String,
        /// Where it begins in the text.
        at: usize,
    },
    /// A brace that is not closed, or not opened.
    #[error("a brace without its other one; a brace itself is written `{{{{` or `}}}}`")]
    Brace {
        /// Where it is in the text.
        at: usize,
    },
    /// A control character.
    #[error("a line cannot have control characters")]
    Control {
        /// Where it is in the text.
        at: usize,
    },
    /// More than a line can be laid out with.
    #[error("the template has more than {LONGEST} bytes")]
    TooLong,
    /// Nothing would be written.
    #[error("the template has no field")]
    NoField,
}

impl TemplateError {
    /// Where it is in the text.
    pub fn at(&self) -> usize {
        match self {
            Self::Unknown { at, .. } | Self::Brace { at } | Self::Control { at } => *at,
            Self::TooLong | Self::NoField => 0,
        }
    }
}

impl Template {
    /// Reads a layout.
    ///
    /// # Errors
    /// When a rule is broken.
    pub fn parse(text: &str) -> Result<Self, TemplateError> {
        if text.len() > LONGEST {
            return Err(TemplateError::TooLong);
        }
        if let Some((at, _)) = text.char_indices().find(|(_, c)| c.is_control()) {
            return Err(TemplateError::Control { at });
        }
        let parts = Parts { text, at: 0, literal: String::new(), parts: Vec::new() };
        let mut parts = parts.read()?;
        if !parts.iter().any(|part| matches!(part, Part::Field { .. })) {
            return Err(TemplateError::NoField);
        }
        mark_quoted(&mut parts);
        Ok(Self(parts))
    }

    pub(super) fn shows_round_trips(&self) -> bool {
        let shows = |part: &Part| match part {
            Part::Field { field, .. } => matches!(field, Field::ClientRtt | Field::ServerRtt),
            Part::Text(_) => false,
        };
        self.0.iter().any(shows)
    }

    /// The names that may stand in braces.
    pub fn names() -> impl Iterator<Item = &'static str> {
        Field::ALL.iter().map(|field| field.name())
    }
}

/// A layout that is being read.
struct Parts<'t> {
    text: &'t str,
    at: usize,
    literal: String,
    parts: Vec<Part>,
}

impl Parts<'_> {
    fn read(mut self) -> Result<Vec<Part>, TemplateError> {
        while let Some(c) = self.text[self.at..].chars().next() {
            let twice = self.text[self.at + c.len_utf8()..].starts_with(c);
            match c {
                '{' | '}' if twice => {
                    self.literal.push(c);
                    self.at += 2;
                }
                '{' => self.field()?,
                '}' => return Err(TemplateError::Brace { at: self.at }),
                c => {
                    self.literal.push(c);
                    self.at += c.len_utf8();
                }
            }
        }
        self.end_literal();
        Ok(self.parts)
    }

    fn field(&mut self) -> Result<(), TemplateError> {
        let start = self.at + 1;
        let Some(length) = self.text[start..].find('}') else {
            return Err(TemplateError::Brace { at: self.at });
        };
        let name = &self.text[start..start + length];
        let Some(&field) = Field::ALL.iter().find(|field| field.name() == name) else {
            return Err(TemplateError::Unknown { name: name.to_owned(), at: start });
        };
        self.end_literal();
        self.parts.push(Part::Field { field, quoted: false });
        self.at = start + length + 1;
        Ok(())
    }

    fn end_literal(&mut self) {
        let text = std::mem::take(&mut self.literal);
        if !text.is_empty() {
            self.parts.push(Part::Text(text.into_bytes().into()));
        }
    }
}

/// A field is quoted when an odd number of quotes is before it and another one behind.
fn mark_quoted(parts: &mut [Part]) {
    let count = |part: &Part| match part {
        Part::Text(text) => text.iter().filter(|byte| **byte == b'"').count(),
        Part::Field { .. } => 0,
    };
    let all: usize = parts.iter().map(count).sum();
    let mut before = 0;
    for part in parts {
        before += count(part);
        if let Part::Field { quoted, .. } = part {
            *quoted = before % 2 == 1 && before < all;
        }
    }
}

impl AccessRecord<'_> {
    pub(super) fn encode_template<'f>(
        &self,
        template: &Template,
        line: &'f mut LineFormat,
        unix_ns: u64,
    ) -> &'f [u8] {
        let (pen, moment) = line.begin_bare(unix_ns);
        for part in &template.0 {
            match part {
                Part::Text(text) => pen.text(text),
                Part::Field { field, quoted: true } => {
                    put::<Quoted>(&field.of(self, &moment), pen);
                }
                Part::Field { field, quoted: false } => {
                    put::<Item>(&field.of(self, &moment), pen);
                }
            }
        }
        pen.end_line()
    }
}

fn put<S: Style>(value: &Value<'_>, pen: &mut Pen) {
    match *value {
        Value::None => pen.byte(b'-'),
        Value::Number(number) => pen.number(number),
        Value::Text(text, max) => escape::<S>(text, max, pen),
        Value::Plain(text) => pen.text(text),
        Value::Address(address) => put_address(Some(address), pen),
        Value::Tags(tags) => escape::<S>(tags.text().as_bytes(), max::TAGS, pen),
    }
}
