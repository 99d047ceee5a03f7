//! What may not be written, or not everywhere.

use crate::Finding;
use crate::items::{closing, is};
use crate::lexer::Token;
use crate::rules::finding;
use crate::rules::rooms;
use crate::tree::Source;

/// The only crate that may be unsafe.
const UNSAFE_CRATE: &str = "weir-sys";

/// Unfinished code; a token sequence each.
const UNFINISHED: [&[&str]; 3] = [&["todo", "!"], &["unimplemented", "!"], &["dbg", "!"]];

/// What a pure crate may not reach for: clocks, sockets, environment, files, threads, terminals.
const IMPURE: [&[&str]; 14] = [
    &["Instant", ":", ":", "now"],
    &["SystemTime"],
    &["TcpStream"],
    &["TcpListener"],
    &["UdpSocket"],
    &["UnixStream"],
    &["UnixListener"],
    &["UnixDatagram"],
    &["thread", ":", ":"],
    &["thread_local", "!"],
    &["println", "!"],
    &["print", "!"],
    &["eprintln", "!"],
    &["eprint", "!"],
];

/// Modules of `std` that a pure crate may not name.
const IMPURE_MODULES: [&str; 5] = ["env", "fs", "os", "process", "thread"];

/// Checks every token of a file.
pub fn check(source: &Source) -> Vec<Finding> {
    (0..source.tokens.len()).filter_map(|at| check_token(source, at)).collect()
}

fn check_token(source: &Source, at: usize) -> Option<Finding> {
    let tokens = &source.tokens;
    let line = tokens[at].line;
    let found = |rule, what: String| Some(finding(source, rule, line, what));
    if is(tokens, at, "unsafe") && source.crate_name() != UNSAFE_CRATE {
        return found("unsafe", format!("`unsafe` belongs in {UNSAFE_CRATE}"));
    }
    if let Some(written) = any_of(tokens, at, &UNFINISHED) {
        return found("unfinished", format!("`{written}`: finish it"));
    }
    if starts(tokens, at, &["sleep", "("]) && !(at > 0 && is(tokens, at - 1, "fn")) {
        return found("sleep", "`sleep`: wait for an event, with a deadline".into());
    }
    let exempt = source.is_build_script() || source.is_test_line(line);
    if rooms::is_pure(source.crate_name()) && !exempt {
        let reached = any_of(tokens, at, &IMPURE).or_else(|| impure_module(tokens, at))?;
        return found("purity", format!("`{reached}` in a pure crate: make it an argument"));
    }
    None
}

fn any_of(tokens: &[Token], at: usize, sequences: &[&[&str]]) -> Option<String> {
    sequences.iter().find(|sequence| starts(tokens, at, sequence)).map(|words| words.concat())
}

fn starts(tokens: &[Token], at: usize, words: &[&str]) -> bool {
    words.iter().enumerate().all(|(ahead, word)| is(tokens, at + ahead, word))
}

/// `std::fs`, also as one of `std::{cmp, fs::File}`.
fn impure_module(tokens: &[Token], at: usize) -> Option<String> {
    if !starts(tokens, at, &["std", ":", ":"]) {
        return None;
    }
    let first = at + 3;
    let names = if is(tokens, first, "{") { group(tokens, first) } else { vec![first] };
    let impure = |at: &usize| {
        let name = tokens.get(*at)?;
        IMPURE_MODULES.contains(&&*name.text).then(|| format!("std::{}", name.text))
    };
    names.iter().find_map(impure)
}

/// The first word of each entry of the braces at `open`.
fn group(tokens: &[Token], open: usize) -> Vec<usize> {
    let mut entries = vec![open + 1];
    let mut at = open + 1;
    while at < tokens.len() && !is(tokens, at, "}") {
        if is(tokens, at, ",") {
            entries.push(at + 1);
        }
        at = if is(tokens, at, "{") { closing(tokens, at).unwrap_or(at) } else { at } + 1;
    }
    entries
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rules(path: &str, text: &str) -> Vec<&'static str> {
        check(&Source::new(path, text)).iter().map(|finding| finding.rule).collect()
    }

    #[test]
    fn unsafe_has_one_home() {
        assert_eq!(rules("crates/weir-sys/src/a.rs", "unsafe { f() }"), [""; 0]);
        assert_eq!(rules("crates/weir/src/a.rs", "unsafe { f() }"), ["unsafe"]);
        assert_eq!(rules("crates/weir/src/a.rs", "#![forbid(unsafe_code)] // unsafe"), [""; 0]);
    }

    #[test]
    fn unfinished_code_is_found() {
        let text = "fn f() { todo!() } fn g() { dbg!(a); unimplemented!(\"b\") } fn todo() {}";
        assert_eq!(rules("crates/weir/src/a.rs", text), ["unfinished"; 3]);
    }

    #[test]
    fn nobody_sleeps() {
        let text = "use std::thread::sleep; fn sleep() { thread::sleep(a); asleep(b) }";
        assert_eq!(rules("crates/weir/tests/a.rs", text), ["sleep"]);
    }

    #[test]
    fn pure_crates_reach_for_nothing() {
        for text in [
            "let now = std::time::Instant::now();",
            "use std::time::SystemTime;",
            "use std::net::TcpStream;",
            "std::env::var(\"a\")",
            "use std::{cmp, io::{self, Read}, fs::File};",
            "thread::spawn(f)",
            "println!(\"a\")",
        ] {
            assert_eq!(rules("crates/weir-http/src/a.rs", text), ["purity"], "{text}");
            assert_eq!(rules("crates/weir-sys/src/a.rs", text), [""; 0], "{text}");
            assert_eq!(rules("crates/weir-http/build.rs", text), [""; 0], "{text}");
        }
    }

    #[test]
    fn pure_crates_may_hold_what_they_are_given() {
        let text =
            "use std::net::SocketAddr; use weir_base::Instant; fn f(fs: Env, now: Instant) {}
            use std::{cmp::{self, Ordering}, io}; #[cfg(test)] mod tests { use std::fs; }";
        assert_eq!(rules("crates/weir-http/src/a.rs", text), [""; 0]);
    }
}
