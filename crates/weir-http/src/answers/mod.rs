//! The responses the proxy gives by itself.
//!
//! Must not know: when they are given. A [`Template`] is compiled once, when it is configured, and
//! rendered with the [`Variables`] of a request. An [`AnswerSet`] holds those of a listener or
//! cluster.
//!
//! Invariants: what is rendered is exactly framed whatever the variables hold; nothing a client
//! sent can add a field or markup to it.
//!
//! Limits: [`LONGEST_TEMPLATE`].

mod builtin;
mod compile;
mod error;
mod escape;
mod render;
mod variable;

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

pub use error::TemplateError;
pub use render::{Rendered, Variables};

use escape::Escape;
use variable::Variable;

/// Bytes of the longest template.
pub const LONGEST_TEMPLATE: usize = 64 * 1024;

/// A compiled answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Template {
    status: u16,
    reason: Box<str>,
    fields: Vec<(Box<str>, Value)>,
    body: Vec<Part>,
    keep_alive: bool,
}

/// The value of a field of a template: text, or exactly one variable.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Value {
    Text(Box<str>),
    Variable(Variable),
}

/// A piece of a body.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Part {
    Text(Box<str>),
    Variable(Variable, Escape),
}

/// Templates by status; those not configured are built in.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AnswerSet(BTreeMap<u16, Template>);

impl AnswerSet {
    /// Compiles `answers`, the full text of a response by status.
    ///
    /// # Errors
    /// The first template that breaks a rule, with its status.
    pub fn compile(answers: &BTreeMap<u16, String>) -> Result<Self, (u16, TemplateError)> {
        let compiled = answers.iter().map(|(status, text)| {
            let template = Template::compile(Some(*status), text);
            template.map(|template| (*status, template)).map_err(|error| (*status, error))
        });
        compiled.collect::<Result<_, _>>().map(Self)
    }

    /// The configured template.
    pub fn template(&self, status: u16) -> Option<&Template> {
        self.0.get(&status)
    }
}
