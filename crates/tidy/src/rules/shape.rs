//! Sizes: a function fits on a screen, a file holds one idea.

use crate::Finding;
use crate::items::{Function, functions};
use crate::rules::{finding, nesting};
use crate::tree::Source;

const FUNCTION_LINES: usize = 70;
const FILE_LINES: usize = 600;
/// `self` not counted.
const PARAMETERS: usize = 5;
const NESTING: usize = 4;

/// Checks the sizes of a file and of its functions.
pub fn check(source: &Source) -> Vec<Finding> {
    let mut findings: Vec<_> = file_lines(source).into_iter().collect();
    for function in functions(&source.tokens) {
        findings.extend(check_function(source, &function));
    }
    findings
}

/// Production lines: those that do not exist only in tests.
fn file_lines(source: &Source) -> Option<Finding> {
    let lines = source.text.lines().count();
    let lines = (1..=lines).filter(|line| !source.is_test_line(*line)).count();
    let what = format!("{lines} production lines, more than {FILE_LINES}: it holds two ideas");
    (lines > FILE_LINES).then(|| finding(source, "file-lines", 1, what))
}

fn check_function(source: &Source, function: &Function) -> Vec<Finding> {
    let nesting = nesting::depth(&source.tokens[function.body.clone()]);
    let measures = [
        ("function-lines", function.lines, FUNCTION_LINES, "lines"),
        ("parameters", function.parameters, PARAMETERS, "parameters besides `self`"),
        ("nesting", nesting, NESTING, "nested blocks"),
    ];
    let too_large = measures.into_iter().filter(|(_, size, limit, _)| size > limit);
    let finding = |(rule, size, limit, what)| {
        let what = format!("`{}` has {size} {what}, more than {limit}", function.name);
        finding(source, rule, function.line, what)
    };
    too_large.map(finding).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rules(path: &str, text: &str) -> Vec<&'static str> {
        check(&Source::new(path, text)).iter().map(|finding| finding.rule).collect()
    }

    #[test]
    fn a_function_may_have_seventy_lines() {
        let function = |lines: usize| format!("fn f() {{\n{}}}\n", "a();\n".repeat(lines - 2));
        assert_eq!(rules("src/a.rs", &function(70)), [""; 0]);
        assert_eq!(rules("src/a.rs", &function(71)), ["function-lines"]);
    }

    #[test]
    fn a_file_may_have_six_hundred_lines_besides_its_tests() {
        let tests = format!("#[cfg(test)]\nmod tests {{\n{}}}\n", "// a\n".repeat(600));
        let lines = "// a\n".repeat(600);
        assert_eq!(rules("src/a.rs", &format!("{lines}{tests}")), [""; 0]);
        assert_eq!(rules("src/a.rs", &format!("{lines}// b\n{tests}")), ["file-lines"]);
        assert_eq!(rules("src/a/tests.rs", &format!("{lines}// b\n")), [""; 0]);
    }

    #[test]
    fn a_function_may_have_five_parameters_besides_self() {
        let five = "a: A, b: B, c: C, d: D, e: E";
        assert_eq!(rules("src/a.rs", &format!("fn f(&self, {five}) {{}}")), [""; 0]);
        assert_eq!(rules("src/a.rs", &format!("fn f({five}, f: F) {{}}")), ["parameters"]);
    }

    #[test]
    fn five_nested_blocks_are_too_many() {
        let nested = |n: usize| format!("fn f() {{ {}{} }}", "if a { ".repeat(n), "}".repeat(n));
        assert_eq!(rules("src/a.rs", &nested(4)), [""; 0]);
        assert_eq!(rules("src/a.rs", &nested(5)), ["nesting"]);
    }
}
