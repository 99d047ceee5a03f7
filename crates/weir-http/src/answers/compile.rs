//! From the text of a response to a template.

use super::{LONGEST_TEMPLATE, Part, Template, Value, Variable};

/// A rule that a template breaks.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TemplateError {
    /// Bound.
    #[error("the template is longer than 64 KiB")]
    TooLong,
    /// No status line.
    #[error("line 1: a template starts with a status line such as `HTTP/1.1 404 Not Found`")]
    BadStatusLine,
    /// Another status.
    #[error("line 1: the status is {found}, but the template is for {expected}")]
    WrongStatus {
        /// In the template.
        found: u16,
        /// Of the key.
        expected: u16,
    },
    /// No blank line.
    #[error("there is no blank line between the fields and the body")]
    NoBlankLine,
    /// A field line.
    #[error("line {line}: a field is written `Name: value`, without control bytes")]
    BadField {
        /// From 1.
        line: usize,
    },
    /// Chunked.
    #[error("line {line}: the length of an answer is computed; remove Transfer-Encoding")]
    Chunked {
        /// From 1.
        line: usize,
    },
    /// Known variable where it cannot stand.
    #[error("line {line}: `%{name}` cannot be used {place} an answer with this status")]
    Misplaced {
        /// From 1.
        line: usize,
        /// Without `%`.
        name: &'static str,
        /// Field or body.
        place: &'static str,
    },
    /// Twice.
    #[error("line {line}: `%{name}` may appear only once")]
    Repeated {
        /// From 1.
        line: usize,
        /// Without `%`.
        name: &'static str,
    },
}

/// Name, statuses (none: every one), allowed in fields, allowed in the body, once.
type Rule = (Variable, &'static str, &'static [u16], bool, bool, bool);

/// Longer names come before their prefixes.
const RULES: [Rule; 15] = [
    (Variable::Route, "ROUTE", &[], true, true, false),
    (Variable::RequestId, "REQUEST_ID", &[], true, true, false),
    (Variable::RedirectLocation, "REDIRECT_LOCATION", &[301, 302, 308], true, true, true),
    (Variable::ClusterId, "CLUSTER_ID", &[429, 502, 503, 504, 507], true, true, false),
    (Variable::BackendId, "BACKEND_ID", &[502, 503, 504, 507], true, true, false),
    (Variable::Message, "MESSAGE", &[400, 413, 502, 503, 507], false, true, true),
    (Variable::Phase, "PHASE", &[400, 413, 502, 507], true, true, false),
    (Variable::SuccessfullyParsed, "SUCCESSFULLY_PARSED", &[400, 502], false, true, false),
    (Variable::PartiallyParsed, "PARTIALLY_PARSED", &[400, 502], false, true, false),
    (Variable::Invalid, "INVALID", &[400, 502], false, true, false),
    (Variable::Duration, "DURATION", &[408, 504], true, true, false),
    (Variable::Capacity, "CAPACITY", &[413, 507], true, true, false),
    (Variable::WwwAuthenticate, "WWW_AUTHENTICATE", &[401], true, false, true),
    (Variable::RetryAfter, "RETRY_AFTER", &[429], true, false, true),
    (Variable::TemplateName, "TEMPLATE_NAME", &[], true, true, true),
];

impl Template {
    /// Compiles the text of a whole response; lines may end with LF or CRLF.
    ///
    /// `status` is the one it is for; `None` for a redirect template, which may have any.
    ///
    /// # Errors
    /// The first rule that it breaks.
    pub fn compile(status: Option<u16>, text: &str) -> Result<Self, TemplateError> {
        if text.len() > LONGEST_TEMPLATE {
            return Err(TemplateError::TooLong);
        }
        let text = text.replace("\r\n", "\n");
        let (head, body) = match text.split_once("\n\n") {
            Some(parts) => parts,
            None => (text.strip_suffix('\n').ok_or(TemplateError::NoBlankLine)?, ""),
        };
        let mut lines = head.split('\n').zip(1..);
        let (found, reason) = status_line(lines.next().map_or("", |(line, _)| line))?;
        if let Some(expected) = status.filter(|expected| *expected != found) {
            return Err(TemplateError::WrongStatus { found, expected });
        }
        let mut compiler = Compiler { status: found, free: status.is_none(), used: Vec::new() };
        let mut template = Self {
            status: found,
            reason: reason.into(),
            fields: Vec::new(),
            body: Vec::new(),
            keep_alive: true,
        };
        for (line, number) in lines {
            compiler.field(line, number, &mut template)?;
        }
        let first_line = head.split('\n').count() + 2;
        template.body = compiler.body(&body.replace('\n', "\r\n"), first_line)?;
        Ok(template)
    }
}

fn status_line(line: &str) -> Result<(u16, &str), TemplateError> {
    let bad = TemplateError::BadStatusLine;
    let rest = line.strip_prefix("HTTP/1.1 ").or(line.strip_prefix("HTTP/1.0 "));
    let rest = rest.ok_or(bad.clone())?;
    let (code, reason) = rest.split_once(' ').unwrap_or((rest, ""));
    let status = code.parse().ok().filter(|status| (200..600).contains(status)).ok_or(bad)?;
    Ok((status, reason.trim()))
}

struct Compiler {
    status: u16,
    free: bool,
    used: Vec<Variable>,
}

impl Compiler {
    fn field(
        &mut self,
        line: &str,
        number: usize,
        template: &mut Template,
    ) -> Result<(), TemplateError> {
        let bad = TemplateError::BadField { line: number };
        let (name, value) = line.split_once(':').ok_or(bad.clone())?;
        let value = value.trim();
        let is_token =
            |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
        if name.is_empty() || !name.bytes().all(is_token) || value.contains(char::is_control) {
            return Err(bad);
        }
        match name.to_ascii_lowercase().as_str() {
            "transfer-encoding" => return Err(TemplateError::Chunked { line: number }),
            "content-length" => return Ok(()),
            "connection" => {
                template.keep_alive &= !value.eq_ignore_ascii_case("close");
                return Ok(());
            }
            _ => {}
        }
        let whole = RULES.iter().find(|rule| value.strip_prefix('%') == Some(rule.1));
        let value = match whole {
            Some(rule) => {
                self.check(rule, number, rule.3, "in a field of")?;
                Value::Variable(rule.0)
            }
            None => Value::Text(value.into()),
        };
        template.fields.push((name.into(), value));
        Ok(())
    }

    fn body(&mut self, body: &str, first_line: usize) -> Result<Vec<Part>, TemplateError> {
        let mut parts = Vec::new();
        let mut text = String::new();
        let mut rest = body;
        let mut line = first_line;
        while let Some(at) = rest.find('%') {
            let (before, from) = rest.split_at(at);
            line += before.matches('\n').count();
            text.push_str(before);
            let Some(rule) = RULES.iter().find(|rule| from[1..].starts_with(rule.1)) else {
                text.push('%');
                rest = &from[1..];
                continue;
            };
            self.check(rule, line, rule.4, "in the body of")?;
            if !text.is_empty() {
                parts.push(Part::Text(std::mem::take(&mut text).into()));
            }
            parts.push(Part::Variable(rule.0));
            rest = &from[1 + rule.1.len()..];
        }
        text.push_str(rest);
        if !text.is_empty() {
            parts.push(Part::Text(text.into()));
        }
        Ok(parts)
    }

    fn check(
        &mut self,
        rule: &Rule,
        line: usize,
        here: bool,
        place: &'static str,
    ) -> Result<(), TemplateError> {
        let (variable, name, statuses, .., once) = *rule;
        let fits = statuses.is_empty() || statuses.contains(&self.status);
        if !here || !(fits || self.free) {
            return Err(TemplateError::Misplaced { line, name, place });
        }
        if once && self.used.contains(&variable) {
            return Err(TemplateError::Repeated { line, name });
        }
        self.used.push(variable);
        Ok(())
    }
}
