//! Compiled hosts and paths, and what they capture.

use regex_automata::meta::Regex;

use crate::host::HostPattern;
use crate::regex::{self, Case, group_count, groups};
use crate::{PathRule, Request, Rule, RuleError};

/// How many pieces a route captures, the whole included.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CaptureCounts {
    /// Of the host.
    pub host: usize,
    /// Of the path.
    pub path: usize,
}

/// What a route captured of a request.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Captures<'a> {
    /// Of the host; the whole first.
    pub host: Vec<&'a [u8]>,
    /// Of the path; the whole first.
    pub path: Vec<&'a [u8]>,
}

/// Checks a rule, and counts what it captures.
///
/// # Errors
/// The first thing that is wrong with it.
pub fn check(rule: &Rule) -> Result<CaptureCounts, RuleError> {
    Pattern::compile(rule).map(|pattern| pattern.counts())
}

/// A rule that is compiled: what it costs to add it to a table does not depend on it.
pub struct Compiled {
    /// In its canonical form.
    pub(crate) rule: Rule,
    pub(crate) pattern: Pattern,
}

impl Compiled {
    /// Compiles a rule.
    ///
    /// # Errors
    /// The first thing that is wrong with it.
    pub fn new(rule: Rule) -> Result<Self, RuleError> {
        let rule = rule.canonical();
        Ok(Self { pattern: Pattern::compile(&rule)?, rule })
    }

    /// What it captures.
    pub fn captures(&self) -> CaptureCounts {
        self.pattern.counts()
    }

    /// The rule in its canonical form.
    pub fn rule(&self) -> &Rule {
        &self.rule
    }
}

/// A compiled rule.
pub(crate) struct Pattern {
    pub(crate) host: HostPattern,
    pub(crate) path: PathPattern,
}

/// A compiled path.
pub(crate) enum PathPattern {
    Equals(Box<[u8]>),
    Prefix(Box<[u8]>),
    Regex(Regex),
}

impl Pattern {
    pub(crate) fn compile(rule: &Rule) -> Result<Self, RuleError> {
        if let Some(method) = &rule.method {
            let token = |b: u8| b.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&b);
            if method.is_empty() || !method.bytes().all(token) {
                return Err(RuleError::BadMethod(method.clone()));
            }
        }
        let path = match &rule.path {
            PathRule::Equals(path) => PathPattern::Equals(literal(path)?),
            PathRule::Prefix(path) if path.is_empty() => PathPattern::Prefix(Box::default()),
            PathRule::Prefix(path) => PathPattern::Prefix(literal(path)?),
            PathRule::Regex(text) => PathPattern::Regex(regex::compile(text, text, Case::Counts)?),
        };
        Ok(Self { host: HostPattern::compile(&rule.host)?, path })
    }

    fn counts(&self) -> CaptureCounts {
        CaptureCounts { host: self.host.captures(), path: self.path.captures() }
    }

    pub(crate) fn captures<'a>(&self, request: &Request<'a>) -> Captures<'a> {
        Captures { host: self.host.capture(request.host), path: self.path.capture(request.path) }
    }
}

impl PathPattern {
    pub(crate) fn matches(&self, path: &[u8]) -> bool {
        match self {
            Self::Equals(text) => **text == *path,
            Self::Prefix(text) => path.starts_with(text),
            Self::Regex(regex) => regex.is_match(path),
        }
    }

    fn captures(&self) -> usize {
        match self {
            Self::Equals(_) => 1,
            Self::Prefix(_) => 2,
            Self::Regex(regex) => group_count(regex),
        }
    }

    fn capture<'a>(&self, path: &'a [u8]) -> Vec<&'a [u8]> {
        match self {
            Self::Equals(_) => vec![path],
            Self::Prefix(text) => vec![path, path.get(text.len()..).unwrap_or_default()],
            Self::Regex(regex) => groups(regex, path),
        }
    }
}

/// A path that some request can have: visible ASCII without query and fragment.
fn literal(path: &str) -> Result<Box<[u8]>, RuleError> {
    if !path.starts_with('/') && path != "*" {
        return Err(RuleError::BadPath(path.to_owned()));
    }
    match path.chars().find(|c| !c.is_ascii_graphic() || matches!(c, '?' | '#')) {
        Some(character) => Err(RuleError::PathCharacter { path: path.to_owned(), character }),
        None => Ok(path.as_bytes().into()),
    }
}
