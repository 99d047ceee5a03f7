//! How deep the control flow of a function is nested.
//!
//! What counts is a block that belongs to a keyword: `if`, `else`, `match`, `for`, `while`, `loop`,
//! `unsafe`. Literals of structs, arms of a match, closures and plain blocks do not.

use crate::items::is;
use crate::lexer::Token;

/// The deepest nesting in a function's body.
pub fn depth(body: &[Token]) -> usize {
    let mut scan = Scan::default();
    for at in 0..body.len() {
        scan.step(body, at);
    }
    scan.deepest
}

/// A keyword whose block is still to come.
struct Head {
    /// Brackets that are open around it.
    brackets: usize,
    /// Between `let` and `=`, or `for` and `in`: a brace belongs to the pattern.
    in_pattern: bool,
}

#[derive(Default)]
struct Scan {
    /// For each open bracket: whether it is a block that counts.
    open: Vec<bool>,
    head: Vec<Head>,
    deepest: usize,
}

impl Scan {
    fn step(&mut self, body: &[Token], at: usize) {
        match &*body[at].text {
            "if" if at > 0 && is(body, at - 1, "else") => {}
            "if" | "while" | "match" | "loop" | "else" | "unsafe" => self.begin(false),
            "for" if !is(body, at + 1, "<") => self.begin(true),
            "let" => self.set_pattern(true),
            "in" => self.set_pattern(false),
            "=" if is(body, at + 1, ">") => self.end(),
            "=" if at > 0 && !is(body, at - 1, ".") => self.set_pattern(false),
            ";" => self.end(),
            "(" | "[" => self.open.push(false),
            "{" => self.brace(),
            ")" | "]" | "}" => drop(self.open.pop()),
            _ => {}
        }
    }

    fn begin(&mut self, in_pattern: bool) {
        self.head.push(Head { brackets: self.open.len(), in_pattern });
    }

    fn here(&mut self) -> Option<&mut Head> {
        let brackets = self.open.len();
        self.head.last_mut().filter(|head| head.brackets == brackets)
    }

    /// The guard of an arm, or whatever has no block.
    fn end(&mut self) {
        if self.here().is_some() {
            self.head.pop();
        }
    }

    fn set_pattern(&mut self, in_pattern: bool) {
        if let Some(head) = self.here() {
            head.in_pattern = in_pattern;
        }
    }

    fn brace(&mut self) {
        let block = self.here().is_some_and(|head| !head.in_pattern);
        if block {
            self.head.pop();
        }
        self.open.push(block);
        self.deepest = self.deepest.max(self.open.iter().filter(|block| **block).count());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lexer::lex;

    fn of(body: &str) -> usize {
        depth(&lex(body).0)
    }

    #[test]
    fn each_block_of_a_keyword_counts() {
        assert_eq!(of("a(); { b() }"), 0);
        assert_eq!(of("if a { loop { b } } else { c }"), 2);
        assert_eq!(of("if a {} else if b { match c { D => { e } } }"), 2);
        assert_eq!(of("for a in b { while let Some(c) = d { unsafe { e } } }"), 3);
        assert_eq!(of("let Some(a) = b else { if c { d } };"), 2);
    }

    #[test]
    fn patterns_and_literals_do_not_count() {
        assert_eq!(of("if let A { b, c } = d { e }"), 1);
        assert_eq!(of("if let 0..=9 = a && let B { c } = d { e }"), 1);
        assert_eq!(of("for A { b } in c { D { e: F { g } } }"), 1);
        assert_eq!(of("match a { B { c } if c => D { c }, _ => { E { f } } }"), 1);
        assert_eq!(of("if a(B { c: d }) { e }"), 1);
        assert_eq!(of("let f: for<'a> fn(&'a u8) = g; A { b }"), 0);
    }

    #[test]
    fn heads_hold_blocks_of_their_own() {
        assert_eq!(of("if a.all(|b| match b { C => d }) { e }"), 1);
        assert_eq!(of("match if a { b } else { c } { D => { if e { f } } }"), 2);
    }
}
