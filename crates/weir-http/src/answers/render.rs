//! From a template and a request to bytes.

use super::{Part, Template, Value, Variable};
use crate::h1::{Connection, HeadEncoder};
use crate::message::{FieldSink, bytes};

/// What a template may insert. What a client sent is made harmless where it is inserted.
#[derive(Clone, Copy, Debug, Default)]
pub struct Variables<'a> {
    /// Method of the request.
    pub method: &'a [u8],
    /// Authority of the request.
    pub authority: &'a [u8],
    /// Path and query of the request.
    pub path: &'a [u8],
    /// Identity of the request.
    pub request_id: &'a str,
    /// Name of the correlation field, which every answer has; empty for none.
    pub correlation: &'a str,
    /// Where a redirect leads.
    pub redirect_location: &'a [u8],
    /// The cluster.
    pub cluster_id: &'a str,
    /// The backend.
    pub backend_id: &'a str,
    /// What went wrong, a sentence.
    pub message: &'a str,
    /// How far the exchange had come.
    pub phase: &'a str,
    /// How long the proxy waited.
    pub duration: &'a str,
    /// Bytes of a buffer.
    pub capacity: &'a str,
    /// Challenge of a 401.
    pub www_authenticate: &'a str,
    /// Seconds of a 429.
    pub retry_after: &'a str,
    /// Name of a free-form template.
    pub template_name: &'a str,
    /// The time as `Date` shows it, which every answer has; empty for none.
    pub date: &'a [u8],
    /// `Strict-Transport-Security`, which every answer on an encrypted connection has; empty for
    /// none.
    pub hsts: &'a [u8],
}

/// What was rendered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rendered {
    /// The status.
    pub status: u16,
    /// The connection may go on.
    pub keep_alive: bool,
}

impl Template {
    /// Appends the response; without the body when it answers HEAD. `keep_alive`: the connection
    /// can go on, if the template does not close it.
    ///
    /// A field whose variable is empty is left out.
    pub fn render(
        &self,
        variables: &Variables<'_>,
        head_only: bool,
        keep_alive: bool,
        out: &mut Vec<u8>,
    ) -> Rendered {
        let mut head = HeadEncoder::response(out, self.status, self.reason.as_bytes());
        for (name, value) in &self.fields {
            match value {
                Value::Text(text) => head.field(name.as_bytes(), &[text.as_bytes()]),
                Value::Variable(variable) => {
                    variable_field(&mut head, name, &variables.pieces(*variable));
                }
            }
        }
        if !self.has_field("Date") {
            variable_field(&mut head, "Date", &[variables.date]);
        }
        if !self.has_field("Strict-Transport-Security") {
            variable_field(&mut head, "Strict-Transport-Security", &[variables.hsts]);
        }
        if !self.has_field(variables.correlation) {
            variable_field(&mut head, variables.correlation, &[variables.request_id.as_bytes()]);
        }
        if is_delimited(self.status) {
            let mut length = 0;
            self.body(variables, &mut |piece| length += piece.len() as u64);
            head.length(length);
        }
        let keep_alive = keep_alive && self.keep_alive;
        head.connection(if keep_alive { Connection::None } else { Connection::Close });
        head.finish();
        if !head_only {
            self.body(variables, &mut |piece| out.extend_from_slice(piece));
        }
        Rendered { status: self.status, keep_alive }
    }

    /// Whether the correlation field need not be added: it is there, or has no name.
    fn has_field(&self, name: &str) -> bool {
        name.is_empty() || self.fields.iter().any(|(known, _)| known.eq_ignore_ascii_case(name))
    }

    fn body(&self, variables: &Variables<'_>, emit: &mut impl FnMut(&[u8])) {
        for part in &self.body {
            match part {
                Part::Text(text) => emit(text.as_bytes()),
                Part::Variable(variable, escape) => {
                    for piece in variables.pieces(*variable) {
                        escape.emit(piece, emit);
                    }
                }
            }
        }
    }
}

impl Variables<'_> {
    /// The text of a variable is these one after the other.
    fn pieces(&self, variable: Variable) -> [&[u8]; 4] {
        let text = match variable {
            Variable::Route => {
                let space: &[u8] = if self.method.is_empty() { b"" } else { b" " };
                return [self.method, space, self.authority, self.path];
            }
            Variable::RedirectLocation => self.redirect_location,
            Variable::RequestId => self.request_id.as_bytes(),
            Variable::ClusterId => self.cluster_id.as_bytes(),
            Variable::BackendId => self.backend_id.as_bytes(),
            Variable::Message => self.message.as_bytes(),
            Variable::Phase => self.phase.as_bytes(),
            Variable::SuccessfullyParsed | Variable::PartiallyParsed | Variable::Invalid => b"null",
            Variable::Duration => self.duration.as_bytes(),
            Variable::Capacity => self.capacity.as_bytes(),
            Variable::WwwAuthenticate => self.www_authenticate.as_bytes(),
            Variable::RetryAfter => self.retry_after.as_bytes(),
            Variable::TemplateName => self.template_name.as_bytes(),
        };
        [text, b"", b"", b""]
    }
}

/// Whether a response with this status says how long it is; the others end with their head (RFC
/// 9112 §6.3).
pub(super) const fn is_delimited(status: u16) -> bool {
    !matches!(status, 204 | 304)
}

/// A field whose value may hold anything: controls are left out.
fn variable_field(head: &mut HeadEncoder<'_>, name: &str, value: &[&[u8]]) {
    if value.iter().all(|piece| bytes::find_control(piece, 0) == piece.len()) {
        if value.iter().any(|piece| !piece.is_empty()) {
            head.field(name.as_bytes(), value);
        }
        return;
    }
    let mut clean = value.concat();
    clean.retain(|byte| !byte.is_ascii_control());
    variable_field(head, name, &[&clean]);
}
