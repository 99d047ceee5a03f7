//! Compiled hosts and paths, and what they capture.

use regex_automata::meta::{Config, Regex};
use regex_automata::util::captures::Captures as Groups;

use crate::host::HostPattern;
use crate::{PathRule, Request, Rule, RuleError};

/// Bytes that one compiled expression may take.
const REGEX_BYTES: usize = 1 << 20;

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
    let pattern = Pattern::compile(rule)?;
    Ok(CaptureCounts { host: pattern.host.captures(), path: pattern.path.captures() })
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
            PathRule::Regex(text) => PathPattern::Regex(regex(text, text)?),
        };
        Ok(Self { host: HostPattern::compile(&rule.host)?, path })
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
            Self::Regex(regex) => regex.group_info().group_len(regex_automata::PatternID::ZERO),
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

/// What each group of an expression captured; empty for one that took no part.
pub(crate) fn groups<'a>(regex: &Regex, text: &'a [u8]) -> Vec<&'a [u8]> {
    let mut groups: Groups = regex.create_captures();
    regex.captures(text, &mut groups);
    groups
        .iter()
        .map(|span| span.and_then(|span| text.get(span.start..span.end)).unwrap_or_default())
        .collect()
}

/// Compiles an expression over bytes; `shown` is how it was written.
pub(crate) fn regex(text: &str, shown: &str) -> Result<Regex, RuleError> {
    let config = Config::new()
        .nfa_size_limit(Some(REGEX_BYTES))
        .onepass_size_limit(Some(REGEX_BYTES))
        .hybrid_cache_capacity(REGEX_BYTES)
        .utf8_empty(false);
    let syntax = regex_automata::util::syntax::Config::new().utf8(false);
    Regex::builder().configure(config).syntax(syntax).build(text).map_err(|error| {
        let reason = match error.syntax_error() {
            Some(syntax) => last_line(&syntax.to_string()),
            None => error.to_string(),
        };
        RuleError::BadRegex { pattern: shown.to_owned(), reason }
    })
}

/// The compiler draws the expression; its last line says what is wrong.
fn last_line(text: &str) -> String {
    let line = text.lines().last().unwrap_or(text);
    line.trim_start_matches("error: ").to_owned()
}

fn literal(path: &str) -> Result<Box<[u8]>, RuleError> {
    let good = path.starts_with('/') || path == "*";
    good.then(|| path.as_bytes().into()).ok_or_else(|| RuleError::BadPath(path.to_owned()))
}
