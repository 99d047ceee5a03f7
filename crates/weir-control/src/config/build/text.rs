//! Texts of the file that end up in messages.

use std::ops::Range;

use super::Builder;
use weir_http::message::FieldName;

use crate::config::read::Reader;
use crate::config::report::Diagnostic;

/// Bytes of an id.
const LONGEST_ID: usize = 255;

/// Whether a field of this name can hold the id of every message: nothing else gives it a meaning.
pub(crate) fn can_hold_id(name: &str) -> bool {
    let kind = FieldName::recognise(name.as_bytes());
    matches!(kind, FieldName::Other | FieldName::XRequestId)
}

impl Builder<'_> {
    /// A name of a cookie.
    pub(super) fn token(&mut self, table: &Reader<'_>, key: &str) -> Option<String> {
        let text: &str = table.read(key)?;
        let is_token =
            |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
        if text.is_empty() || !text.bytes().all(is_token) {
            let message =
                format!("`{key}` is a name of letters, digits and a few signs (RFC 9110)");
            self.report.push(Diagnostic::error(table.span_of(key), message).label("not a name"));
            return None;
        }
        Some(text.to_owned())
    }

    /// A name of a field that can be set.
    pub(super) fn field_name(&mut self, table: &Reader<'_>, key: &str) -> Option<String> {
        let name = self.token(table, key)?;
        let kind = FieldName::recognise(name.as_bytes());
        let frames = matches!(kind, FieldName::ContentLength | FieldName::Trailer);
        if frames || kind.is_connection_specific() {
            let message = format!("`{name}` belongs to one connection: Weir writes it itself");
            self.report.push(Diagnostic::error(table.span_of(key), message).label("RFC 9110 §7.6"));
            return None;
        }
        Some(name)
    }

    /// A name of a field that can hold the id of every request and response.
    pub(super) fn id_field_name(&mut self, table: &Reader<'_>, key: &str) -> Option<String> {
        let name = self.field_name(table, key)?;
        if !can_hold_id(&name) {
            let message = format!("`{name}` has a meaning of its own, which an id would hide");
            let help = "choose a name that nothing else uses";
            self.report.push(Diagnostic::error(table.span_of(key), message).help(help));
            return None;
        }
        Some(name)
    }

    /// Text that can stand in a field.
    pub(super) fn field_value(&mut self, table: &Reader<'_>, key: &str) -> Option<String> {
        let text: &str = table.read(key)?;
        if text.chars().any(|c| c.is_control() && c != '\t') {
            let message = format!("`{key}` has a control character, which no field may hold");
            self.report.push(Diagnostic::error(table.span_of(key), message));
            return None;
        }
        Some(text.to_owned())
    }

    /// Complains about an id that could not stand in logs, answers and fields.
    pub(super) fn check_id(&mut self, what: &str, id: &str, span: Range<usize>) {
        let problem = if id.is_empty() {
            "is empty"
        } else if id.len() > LONGEST_ID {
            "is longer than 255 bytes"
        } else if id.contains(char::is_control) {
            "has a control character"
        } else {
            return;
        };
        self.report.push(Diagnostic::error(span, format!("the id of {what} {problem}")));
    }

    /// Complains about a text that cannot be a cookie's value, RFC 6265 §4.1.1.
    pub(super) fn check_cookie(&mut self, value: &str, span: Range<usize>) {
        let is_good = |byte: u8| byte.is_ascii_graphic() && !b"\",;\\".contains(&byte);
        if value.is_empty() || !value.bytes().all(is_good) {
            let message = format!("`{value}` cannot be the value of the sticky cookie");
            let help = "give the backend a `sticky_id` of letters and digits";
            self.report.push(Diagnostic::error(span, message).help(help));
        }
    }
}
