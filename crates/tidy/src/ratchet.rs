//! Exceptions that may only shrink.
//!
//! A line of `exceptions.txt` is `rule path count`: the file at `path` breaks `rule` exactly
//! `count` times and that is known. More findings than that: all of them are reported. Fewer: the
//! line is reported until the count is lowered or the line removed, so that what was mended cannot
//! break again. Empty lines and lines that begin with `#` mean nothing; a `#` line above an
//! exception says why it is one.

use std::collections::BTreeMap;

use crate::Finding;

/// Name under which the file reports its own faults.
const RULE: &str = "exceptions";
const PATH: &str = "crates/tidy/exceptions.txt";

/// What is left of `findings` when the exceptions are granted, and what is wrong with these.
pub fn apply(findings: Vec<Finding>, exceptions: &str) -> Vec<Finding> {
    let mut groups: BTreeMap<(String, String), Vec<Finding>> = BTreeMap::new();
    for finding in findings {
        let key = (finding.rule.to_owned(), finding.path.clone());
        groups.entry(key).or_default().push(finding);
    }
    let mut complaints = Vec::new();
    for (line, text) in (1..).zip(exceptions.lines()) {
        let text = text.trim();
        if text.is_empty() || text.starts_with('#') {
            continue;
        }
        let complaint = match parse(text) {
            Some((key, count)) => settle(&mut groups, key, count),
            None => Some(format!("`{text}` is not `rule path count`")),
        };
        let complaint = complaint.map(|what| Finding { rule: RULE, path: PATH.into(), line, what });
        complaints.extend(complaint);
    }
    complaints.extend(groups.into_values().flatten());
    complaints
}

fn parse(text: &str) -> Option<((String, String), usize)> {
    let words: Vec<&str> = text.split_whitespace().collect();
    let [rule, path, count] = words[..] else { return None };
    Some(((rule.to_owned(), path.to_owned()), count.parse().ok().filter(|count| *count > 0)?))
}

/// Takes the findings out that are excused; says what is wrong with the exception.
fn settle(
    groups: &mut BTreeMap<(String, String), Vec<Finding>>,
    key: (String, String),
    count: usize,
) -> Option<String> {
    let found = groups.get(&key).map_or(0, Vec::len);
    if found <= count {
        groups.remove(&key);
    }
    match found {
        0 => Some("nothing needs this exception: remove the line".into()),
        _ if found < count => Some(format!("only {found} are left: lower the count")),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(paths: &[&str]) -> Vec<Finding> {
        let finding = |path: &&str| Finding {
            rule: "width",
            path: (*path).into(),
            line: 7,
            what: "too wide".into(),
        };
        paths.iter().map(finding).collect()
    }

    fn left(paths: &[&str], exceptions: &str) -> Vec<String> {
        apply(found(paths), exceptions).iter().map(ToString::to_string).collect()
    }

    #[test]
    fn an_exact_exception_excuses() {
        assert_eq!(left(&["a", "a"], "# why\n\nwidth a 2\n"), [""; 0]);
    }

    #[test]
    fn one_more_and_all_are_reported() {
        assert_eq!(left(&["a", "a", "b"], "width a 1\nwidth b 1").len(), 2);
    }

    #[test]
    fn an_exception_that_is_too_generous_is_reported() {
        let complaint =
            "crates/tidy/exceptions.txt:1: only 1 are left: lower the count [exceptions]";
        assert_eq!(left(&["a"], "width a 2"), [complaint]);
    }

    #[test]
    fn an_exception_that_nothing_needs_is_reported() {
        let line = "crates/tidy/exceptions.txt:1: nothing needs this exception: remove the line";
        assert_eq!(left(&[], "width a 1"), [format!("{line} [exceptions]")]);
    }

    #[test]
    fn a_line_that_cannot_be_read_is_reported_and_excuses_nothing() {
        for line in ["width a", "width a x", "width a 0", "width a 1 2"] {
            assert_eq!(left(&["a"], line).len(), 2, "{line}");
        }
    }
}
