//! Texts of the file that end up in messages, held against what the state allows.

use std::ops::Range;

use super::Builder;
use crate::check::{self, Problem};
use crate::config::read::Reader;
use crate::config::report::Diagnostic;

impl Builder<'_> {
    /// Reports a problem at a place.
    pub(super) fn accept<T>(
        &mut self,
        checked: Result<T, Problem>,
        span: Range<usize>,
    ) -> Option<T> {
        let report = |problem: Problem| {
            let diagnostic = Diagnostic::error(span, problem.message).label(problem.label);
            self.report.push(diagnostic.helps(problem.help));
        };
        checked.map_err(report).ok()
    }

    /// A name of a cookie.
    pub(super) fn token(&mut self, table: &Reader<'_>, key: &str) -> Option<String> {
        self.text(table, key, check::token)
    }

    /// A name of a field that can be set.
    pub(super) fn field_name(&mut self, table: &Reader<'_>, key: &str) -> Option<String> {
        self.text(table, key, check::field_name)
    }

    /// A name of a field that can hold the id of every request and response.
    pub(super) fn id_field_name(&mut self, table: &Reader<'_>, key: &str) -> Option<String> {
        self.text(table, key, check::id_field_name)
    }

    /// Text that can stand in a field.
    pub(super) fn field_value(&mut self, table: &Reader<'_>, key: &str) -> Option<String> {
        self.text(table, key, check::field_value)
    }

    fn text(
        &mut self,
        table: &Reader<'_>,
        key: &str,
        check: impl Fn(&str, &str) -> Result<(), Problem>,
    ) -> Option<String> {
        let text: &str = table.read(key)?;
        self.accept(check(key, text), table.span_of(key))?;
        Some(text.to_owned())
    }
}
