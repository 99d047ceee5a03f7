//! From the text of a response to a template.

use super::escape::Escape;
use super::variable::{Place, Rule, Variable};
use super::{LONGEST_TEMPLATE, Part, Template, TemplateError, Value};
use crate::message::bytes;

impl Template {
    /// Compiles the text of a whole response; lines may end with LF or CRLF.
    ///
    /// `status` is the one it is for; `None` for a free-form template, which may have any. The
    /// body is escaped as its `Content-Type` asks for, as HTML without one.
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
        let (first, rest) = head.split_once('\n').unwrap_or((head, ""));
        let (found, reason) = status_line(first)?;
        if let Some(expected) = status.filter(|expected| *expected != found) {
            return Err(TemplateError::WrongStatus { found, expected });
        }
        let mut compiler = Compiler::new(status, found, reason);
        for (line, number) in rest.lines().zip(2..) {
            compiler.field(line, number)?;
        }
        let line = head.split('\n').count() + 2;
        if matches!(found, 204 | 205 | 304) && !body.is_empty() {
            return Err(TemplateError::Body { line, status: found });
        }
        compiler.body(&body.replace('\n', "\r\n"), line)?;
        Ok(compiler.template)
    }
}

fn status_line(line: &str) -> Result<(u16, &str), TemplateError> {
    let bad = TemplateError::BadStatusLine;
    let rest = line.strip_prefix("HTTP/1.1 ").or(line.strip_prefix("HTTP/1.0 "));
    let rest = rest.filter(|rest| !rest.contains(char::is_control)).ok_or(bad.clone())?;
    let (code, reason) = rest.split_once(' ').unwrap_or((rest, ""));
    let is_code = code.len() == 3 && code.bytes().all(|byte| byte.is_ascii_digit());
    let status = code.parse().ok().filter(|status| is_code && (200..600).contains(status));
    Ok((status.ok_or(bad)?, reason.trim()))
}

struct Compiler {
    /// What the template is for.
    wanted: Option<u16>,
    template: Template,
    escape: Option<Escape>,
    /// Variables that may appear only once, and have.
    used: Vec<Variable>,
}

impl Compiler {
    fn new(wanted: Option<u16>, status: u16, reason: &str) -> Self {
        let template = Template {
            status,
            reason: reason.into(),
            fields: Vec::new(),
            body: Vec::new(),
            keep_alive: true,
        };
        Self { wanted, template, escape: None, used: Vec::new() }
    }

    /// One field line. What belongs to framing and connection is computed when rendering.
    fn field(&mut self, line: &str, number: usize) -> Result<(), TemplateError> {
        let bad = TemplateError::BadField { line: number };
        let (name, value) = line.split_once(':').ok_or(bad.clone())?;
        let value = value.trim();
        let is_name = !name.is_empty() && bytes::token_end(name.as_bytes(), 0) == name.len();
        if !is_name || value.contains(char::is_control) {
            return Err(bad);
        }
        match name.to_ascii_lowercase().as_str() {
            "transfer-encoding" => return Err(TemplateError::Chunked { line: number }),
            "content-length" => {}
            "connection" => {
                let closes = |option: &str| option.trim().eq_ignore_ascii_case("close");
                self.template.keep_alive &= !value.split(',').any(closes);
            }
            lower => {
                if lower == "content-type" {
                    self.note_content_type(value);
                }
                let value = self.value(value, number)?;
                self.template.fields.push((name.into(), value));
            }
        }
        Ok(())
    }

    /// Of several content types nobody knows which one a client believes.
    fn note_content_type(&mut self, value: &str) {
        let escape = Escape::for_content_type(value);
        let agreed = self.escape.is_none_or(|known| known == escape);
        self.escape = Some(if agreed { escape } else { Escape::Html });
    }

    fn value(&mut self, value: &str, line: usize) -> Result<Value, TemplateError> {
        for (at, _) in value.match_indices('%') {
            let Some(rule) = Rule::at_start(&value[at + 1..]) else { continue };
            if value.len() != 1 + rule.name.len() {
                return Err(TemplateError::NotWhole { line, name: rule.name });
            }
            self.check(rule, Place::Field, line)?;
            return Ok(Value::Variable(rule.variable));
        }
        Ok(Value::Text(value.into()))
    }

    fn body(&mut self, body: &str, first_line: usize) -> Result<(), TemplateError> {
        let escape = self.escape.unwrap_or(Escape::Html);
        let mut line = first_line;
        let mut start = 0;
        for (at, _) in body.match_indices('%') {
            let Some(rule) = Rule::at_start(&body[at + 1..]) else { continue };
            line += body[start..at].matches('\n').count();
            self.check(rule, Place::Body, line)?;
            self.push_text(&body[start..at]);
            self.template.body.push(Part::Variable(rule.variable, escape));
            start = at + 1 + rule.name.len();
        }
        self.push_text(&body[start..]);
        Ok(())
    }

    fn push_text(&mut self, text: &str) {
        if !text.is_empty() {
            self.template.body.push(Part::Text(text.into()));
        }
    }

    fn check(&mut self, rule: &Rule, place: Place, line: usize) -> Result<(), TemplateError> {
        let name = rule.name;
        if !rule.allows(self.wanted, place) {
            let allowed = Rule::allowed(self.wanted, place);
            let place = match place {
                Place::Field => "in a field of",
                Place::Body => "in the body of",
            };
            return Err(TemplateError::Misplaced { line, name, place, allowed });
        }
        if rule.once && self.used.contains(&rule.variable) {
            return Err(TemplateError::Repeated { line, name });
        }
        if rule.once {
            self.used.push(rule.variable);
        }
        Ok(())
    }
}
