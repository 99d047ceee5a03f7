//! Functions and test items in a list of tokens.

use std::ops::Range;

use crate::lexer::Token;

/// A function with a body.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Function {
    /// Its name.
    pub name: String,
    /// Line of `fn`.
    pub line: usize,
    /// Lines from `fn` to the closing brace.
    pub lines: usize,
    /// Parameters, `self` not counted.
    pub parameters: usize,
    /// Tokens of the body, without its braces.
    pub body: Range<usize>,
}

/// Every function with a body, nested ones included.
pub fn functions(tokens: &[Token]) -> Vec<Function> {
    let named = |at: &usize| is(tokens, *at, "fn") && word(tokens, at + 1).is_some();
    (0..tokens.len()).filter(named).filter_map(|at| function(tokens, at)).collect()
}

fn function(tokens: &[Token], at: usize) -> Option<Function> {
    let open = (at..tokens.len()).find(|at| is(tokens, *at, "(") && !inside_angles(tokens, *at))?;
    let close = closing(tokens, open)?;
    let body_open = find_outside(tokens, close + 1, &["{", ";"])?;
    if is(tokens, body_open, ";") {
        return None;
    }
    let body_close = closing(tokens, body_open)?;
    Some(Function {
        name: tokens[at + 1].text.clone(),
        line: tokens[at].line,
        lines: tokens[body_close].line + 1 - tokens[at].line,
        parameters: parameters(&tokens[open + 1..close]),
        body: body_open + 1..body_close,
    })
}

/// True when the parenthesis at `at` belongs to a bound in the generics, as in `<F: Fn(u8)>`.
fn inside_angles(tokens: &[Token], at: usize) -> bool {
    let start = tokens[..at].iter().rposition(|token| token.text == "fn").unwrap_or(at);
    angle_depth(&tokens[start..at]) > 0
}

fn angle_depth(tokens: &[Token]) -> isize {
    let depths = (0..tokens.len()).map(|at| match &*tokens[at].text {
        "<" => 1,
        ">" if at == 0 || tokens[at - 1].text != "-" => -1,
        _ => 0,
    });
    depths.sum()
}

/// Parameters between the parentheses, `self` not counted.
fn parameters(tokens: &[Token]) -> usize {
    let mut commas = vec![];
    let mut depth = 0_isize;
    for (at, token) in tokens.iter().enumerate() {
        match &*token.text {
            "(" | "[" | "{" => depth += 1,
            ")" | "]" | "}" => depth -= 1,
            "," if depth == 0 && angle_depth(&tokens[..at]) == 0 => commas.push(at),
            _ => {}
        }
    }
    let trailing = commas.last().is_some_and(|at| at + 1 == tokens.len());
    let all = commas.len() + usize::from(!tokens.is_empty() && !trailing);
    let receiver = tokens.iter().take_while(|token| !matches!(&*token.text, ":" | ","));
    all - usize::from(receiver.into_iter().any(|token| token.text == "self"))
}

/// Line ranges of items that exist only in tests: behind `#[cfg(test)]` or `#[test]`.
pub fn test_lines(tokens: &[Token]) -> Vec<Range<usize>> {
    let mut ranges: Vec<Range<usize>> = Vec::new();
    for at in 0..tokens.len() {
        let covered = ranges.last().is_some_and(|range| range.contains(&tokens[at].line));
        if !covered && is_test_attribute(tokens, at) {
            let end = item_end(tokens, at).map_or(usize::MAX, |end| tokens[end].line + 1);
            ranges.push(tokens[at].line..end);
        }
    }
    ranges
}

fn is_test_attribute(tokens: &[Token], at: usize) -> bool {
    let starts = |words: &[&str]| words.iter().enumerate().all(|(i, w)| is(tokens, at + i, w));
    starts(&["#", "[", "test", "]"]) || starts(&["#", "[", "cfg", "(", "test", ")", "]"])
}

/// Last token of the item that the attribute at `at` belongs to.
fn item_end(tokens: &[Token], mut at: usize) -> Option<usize> {
    while is(tokens, at, "#") {
        at = closing(tokens, at + 1)? + 1;
    }
    let end = find_outside(tokens, at, &["{", ";"])?;
    if is(tokens, end, "{") { closing(tokens, end) } else { Some(end) }
}

/// The first of `wanted` from `at` on that is not inside parentheses or brackets.
fn find_outside(tokens: &[Token], mut at: usize, wanted: &[&str]) -> Option<usize> {
    loop {
        let text = &*tokens.get(at)?.text;
        if wanted.contains(&text) {
            return Some(at);
        }
        at = if matches!(text, "(" | "[") { closing(tokens, at)? } else { at } + 1;
    }
}

/// The bracket that closes the one at `open`.
pub fn closing(tokens: &[Token], open: usize) -> Option<usize> {
    let mut depth = 0_usize;
    for (at, token) in tokens.iter().enumerate().skip(open) {
        match &*token.text {
            "(" | "[" | "{" => depth += 1,
            ")" | "]" | "}" => depth = depth.checked_sub(1)?,
            _ => {}
        }
        if depth == 0 {
            return Some(at);
        }
    }
    None
}

/// True when the token at `at` is `text`.
pub fn is(tokens: &[Token], at: usize, text: &str) -> bool {
    tokens.get(at).is_some_and(|token| token.text == text)
}

fn word(tokens: &[Token], at: usize) -> Option<&str> {
    let text = &*tokens.get(at)?.text;
    text.starts_with(|c: char| c.is_alphabetic() || c == '_').then_some(text)
}

#[cfg(test)]
mod tests;
