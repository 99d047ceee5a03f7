//! The house rules, as a test: what no compiler and no linter checks, checked on the text itself.
//!
//! [`check`] walks the repository and returns what breaks a rule and is not excused by
//! `exceptions.txt` (see [`ratchet`]). It only knows tokens, not types: a rule belongs here when a
//! glance at the text decides it.
//!
//! * [`rules::shape`]: sizes of files, functions and parameter lists, nesting.
//! * [`rules::prose`]: width of lines, module documentation, comments that tell history.
//! * [`rules::tokens`]: what may not be written: `unsafe` outside its crate, unfinished code,
//!   sleeps, clocks and sockets in pure crates.
//! * [`rules::rooms`]: which crate may depend on which.

pub mod items;
pub mod lexer;
pub mod ratchet;
pub mod rules;
pub mod tree;

use std::fmt;
use std::io;
use std::path::Path;

/// Something that breaks a rule.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Finding {
    /// Name of the rule, as in `exceptions.txt`.
    pub rule: &'static str,
    /// File, relative to the repository.
    pub path: String,
    /// Line, from 1.
    pub line: usize,
    /// What is wrong and what to do.
    pub what: String,
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { rule, path, line, what } = self;
        write!(f, "{path}:{line}: {what} [{rule}]")
    }
}

/// Checks the repository at `root` against every rule, and `exceptions` (the text of the file)
/// against what was found.
pub fn check(root: &Path, exceptions: &str) -> io::Result<Vec<Finding>> {
    let mut findings = Vec::new();
    for manifest in tree::manifests(root)? {
        findings.extend(rules::rooms::check(&manifest));
    }
    for source in tree::sources(root)? {
        findings.extend(rules::check(&source));
    }
    findings.sort();
    Ok(ratchet::apply(findings, exceptions))
}
