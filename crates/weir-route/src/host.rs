//! Host patterns, label by label from the left.

use regex_automata::meta::Regex;

use crate::RuleError;
use crate::regex::{self, Case, group_count, groups};

/// The longest host name, RFC 1035 §3.1.
pub(crate) const LONGEST: usize = 253;

/// A compiled host.
pub(crate) enum HostPattern {
    /// Every host.
    Any,
    /// This one.
    Exact(Box<[u8]>),
    /// One label more than this suffix, which is without the leading `*.`.
    Wildcard(Box<[u8]>),
    /// Label by label.
    Labels(Vec<Label>),
}

/// One label of a host with regular expressions.
pub(crate) enum Label {
    Literal(Box<[u8]>),
    Any,
    Regex(Regex),
}

impl HostPattern {
    pub(crate) fn compile(text: &str) -> Result<Self, RuleError> {
        if text.is_empty() {
            return Err(RuleError::EmptyHost);
        }
        if !text.is_ascii() {
            return Err(RuleError::NotAscii);
        }
        if text == "*" {
            return Ok(Self::Any);
        }
        let text = text.strip_suffix('.').unwrap_or(text);
        if text.contains('/') {
            let labels = split(text)?.into_iter().enumerate();
            return labels
                .map(|(at, label)| Label::compile(label, at))
                .collect::<Result<_, _>>()
                .map(Self::Labels);
        }
        if text.len() > LONGEST {
            return Err(RuleError::HostTooLong);
        }
        let (wildcard, rest) = match text.strip_prefix("*.") {
            Some(rest) => (true, rest),
            None => (false, text),
        };
        if rest.contains('*') {
            return Err(RuleError::BadWildcard);
        }
        rest.split('.').try_for_each(check_label)?;
        let host = rest.to_ascii_lowercase().into_bytes().into_boxed_slice();
        Ok(if wildcard { Self::Wildcard(host) } else { Self::Exact(host) })
    }

    /// `host` is in lower case.
    pub(crate) fn matches(&self, host: &[u8]) -> bool {
        match self {
            Self::Any => true,
            Self::Exact(text) => **text == *host,
            Self::Wildcard(suffix) => suffix_of(host).is_some_and(|rest| **suffix == *rest),
            Self::Labels(labels) => {
                let mut parts = host.split(|byte| *byte == b'.');
                labels.iter().all(|label| parts.next().is_some_and(|part| label.matches(part)))
                    && parts.next().is_none()
            }
        }
    }

    pub(crate) fn captures(&self) -> usize {
        match self {
            Self::Any | Self::Exact(_) => 1,
            Self::Wildcard(_) => 2,
            Self::Labels(labels) => 1 + labels.iter().map(Label::captures).sum::<usize>(),
        }
    }

    pub(crate) fn capture<'a>(&self, host: &'a [u8]) -> Vec<&'a [u8]> {
        let mut found = vec![host];
        match self {
            Self::Any | Self::Exact(_) => {}
            Self::Wildcard(_) => {
                found.extend(host.split(|byte| *byte == b'.').next());
            }
            Self::Labels(labels) => {
                for (label, part) in labels.iter().zip(host.split(|byte| *byte == b'.')) {
                    label.capture(part, &mut found);
                }
            }
        }
        found
    }
}

impl Label {
    fn compile(text: &str, at: usize) -> Result<Self, RuleError> {
        if let Some(pattern) = text.strip_prefix('/').and_then(|rest| rest.strip_suffix('/')) {
            let whole = format!("^(?:{pattern})$");
            return regex::compile(&whole, pattern, Case::Ignored).map(Self::Regex);
        }
        match text {
            "*" if at == 0 => Ok(Self::Any),
            _ if text.contains('*') => Err(RuleError::BadWildcard),
            _ => {
                check_label(text)?;
                Ok(Self::Literal(text.to_ascii_lowercase().into_bytes().into()))
            }
        }
    }

    fn matches(&self, part: &[u8]) -> bool {
        match self {
            Self::Literal(text) => **text == *part,
            Self::Any => !part.is_empty(),
            Self::Regex(regex) => regex.is_match(part),
        }
    }

    /// The groups of an expression; nothing for other labels.
    fn captures(&self) -> usize {
        match self {
            Self::Literal(_) | Self::Any => 0,
            Self::Regex(regex) => group_count(regex) - 1,
        }
    }

    fn capture<'a>(&self, part: &'a [u8], found: &mut Vec<&'a [u8]>) {
        if let Self::Regex(regex) = self {
            found.extend(groups(regex, part).into_iter().skip(1));
        }
    }
}

/// What follows the first label.
pub(crate) fn suffix_of(host: &[u8]) -> Option<&[u8]> {
    let dot = host.iter().position(|byte| *byte == b'.')?;
    (dot > 0).then(|| &host[dot + 1..])
}

/// Labels, where an expression between slashes may hold dots.
fn split(text: &str) -> Result<Vec<&str>, RuleError> {
    let mut labels = Vec::new();
    let mut rest = text;
    loop {
        let end = if let Some(inside) = rest.strip_prefix('/') {
            2 + inside.find('/').ok_or(RuleError::UnclosedRegex)?
        } else {
            rest.find('.').unwrap_or(rest.len())
        };
        let (label, after) = rest.split_at(end);
        labels.push(label);
        match after.strip_prefix('.') {
            Some(next) => rest = next,
            None if after.is_empty() => return Ok(labels),
            None => return Err(RuleError::BadLabel(format!("{label}{after}"))),
        }
    }
}

fn check_label(label: &str) -> Result<(), RuleError> {
    let good = |b: u8| b.is_ascii_alphanumeric() || b == b'-' || b == b'_';
    let ip = label.starts_with('[') && label.ends_with(']');
    if ip || (!label.is_empty() && label.bytes().all(good)) {
        Ok(())
    } else {
        Err(RuleError::BadLabel(label.to_owned()))
    }
}
