//! What is written for people: lines that fit, modules that introduce themselves, comments that
//! say what holds and not what happened to the code.

use crate::Finding;
use crate::rules::finding;
use crate::tree::Source;

const COLUMNS: usize = 100;

/// Phrases that tell the history of the code, with a phrase that they are innocent in.
const HISTORY: [(&str, Option<&str>); 9] = [
    ("no longer", Some("no longer than")),
    ("used to be", None),
    ("used to have", None),
    ("it used to", None),
    ("previously", None),
    ("formerly", None),
    ("instead of the old", None),
    ("was changed", None),
    ("refactor", None),
];

/// Checks lines and comments.
pub fn check(source: &Source) -> Vec<Finding> {
    let mut findings = width(source);
    findings.extend(introduction(source));
    findings.extend(history(source));
    findings
}

fn width(source: &Source) -> Vec<Finding> {
    let lines = (1..).zip(source.text.lines().map(|line| line.chars().count()));
    let wide = lines.filter(|(_, columns)| *columns > COLUMNS);
    wide.map(|(line, columns)| {
        let what = format!("{columns} columns, more than {COLUMNS}");
        finding(source, "line-width", line, what)
    })
    .collect()
}

/// Unit tests in a file of their own belong to the module that they test and need no introduction.
fn introduction(source: &Source) -> Option<Finding> {
    let unit_tests = source.path.contains("/src/") && source.is_test();
    let what = "a file begins with `//!`: what it is and what it must not know".into();
    let missing = !unit_tests && !source.text.starts_with("//!");
    missing.then(|| finding(source, "module-docs", 1, what))
}

fn history(source: &Source) -> Vec<Finding> {
    let mut findings = Vec::new();
    for comment in &source.comments {
        let text = comment.text.to_lowercase();
        for (phrase, innocent) in HISTORY {
            let innocently = innocent.is_some_and(|innocent| text.contains(innocent));
            if text.contains(phrase) && !innocently {
                let what = format!("`{phrase}`: say what holds, the history is in the commits");
                findings.push(finding(source, "history", comment.line, what));
            }
        }
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rules(path: &str, text: &str) -> Vec<(&'static str, usize)> {
        check(&Source::new(path, text)).iter().map(|f| (f.rule, f.line)).collect()
    }

    #[test]
    fn a_line_has_a_hundred_columns() {
        let line = |columns: usize| format!("//! é{}\n", "a".repeat(columns - 5));
        assert_eq!(rules("src/a.rs", &line(100)), []);
        assert_eq!(rules("src/a.rs", &line(101)), [("line-width", 1)]);
    }

    #[test]
    fn every_file_but_unit_tests_introduces_itself() {
        for path in ["crates/a/src/b.rs", "crates/a/tests/b.rs", "bench/src/lib.rs"] {
            assert_eq!(rules(path, "use a;\n"), [("module-docs", 1)], "{path}");
        }
        assert_eq!(rules("crates/a/src/b/tests.rs", "use a;\n"), []);
    }

    #[test]
    fn comments_tell_no_history() {
        let told = |comment: &str| rules("src/a.rs", &format!("//! a\n{comment}\n"));
        assert_eq!(told("// This Used to be a map."), [("history", 2)]);
        assert_eq!(told("/// Waits no longer for b."), [("history", 2)]);
        assert_eq!(told("/// Waits no longer than b."), []);
        assert_eq!(told("// A buffer used to hold heads."), []);
        assert_eq!(told("const A: &str = \"no longer\";"), []);
    }
}
