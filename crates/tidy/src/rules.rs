//! The rules.

pub mod nesting;
pub mod prose;
pub mod rooms;
pub mod shape;
pub mod tokens;

use crate::Finding;
use crate::tree::Source;

/// Everything that is wrong with one file.
pub fn check(source: &Source) -> Vec<Finding> {
    let mut findings = shape::check(source);
    findings.extend(prose::check(source));
    findings.extend(tokens::check(source));
    findings
}

/// A finding in `source`.
fn finding(source: &Source, rule: &'static str, line: usize, what: String) -> Finding {
    Finding { rule, path: source.path.clone(), line, what }
}
