//! Precedence by example, and against a list that is searched the slow way.

use proptest::prelude::*;

use super::*;
use crate::pattern::{PathPattern, Pattern};

fn rule(host: &str, path: PathRule, method: Option<&str>) -> Rule {
    Rule { host: host.into(), path, method: method.map(Into::into), position: Position::Tree }
}

fn prefix(path: &str) -> PathRule {
    PathRule::Prefix(path.into())
}

fn table(rules: &[Rule]) -> Table<usize> {
    let mut table = Table::new();
    for (at, rule) in rules.iter().enumerate() {
        table.insert(rule.clone(), at).expect("a valid rule");
    }
    table
}

fn find(table: &Table<usize>, method: &str, host: &str, path: &str) -> Option<usize> {
    let request =
        Request { host: host.as_bytes(), path: path.as_bytes(), method: method.as_bytes() };
    table.lookup(&request).map(|found| *found.value())
}

#[test]
fn the_most_specific_host_wins_whatever_the_order() {
    let table = table(&[
        rule("*", prefix(""), None),
        rule("/[a-z]+/.example.org", prefix(""), None),
        rule("*.example.org", prefix(""), None),
        rule("www.example.org", prefix(""), None),
    ]);
    assert_eq!(find(&table, "GET", "WWW.Example.ORG", "/"), Some(3));
    assert_eq!(find(&table, "GET", "www.example.org.", "/"), Some(3));
    assert_eq!(find(&table, "GET", "api.example.org", "/"), Some(2));
    assert_eq!(find(&table, "GET", "a.b.example.org", "/"), Some(0));
    assert_eq!(find(&table, "GET", "example.org", "/"), Some(0));
}

#[test]
fn labels_with_expressions_are_matched_one_by_one() {
    let table = table(&[rule("/v[0-9]+/.api./(eu|us)/", prefix(""), None)]);
    assert_eq!(find(&table, "GET", "v12.api.eu", "/"), Some(0));
    assert_eq!(find(&table, "GET", "xv1.api.eu", "/"), None);
    assert_eq!(find(&table, "GET", "v1.api.eu.org", "/"), None);
}

#[test]
fn the_most_specific_path_wins_whatever_the_order() {
    let table = table(&[
        rule("h", PathRule::Regex("^/a.c$".into()), None),
        rule("h", prefix(""), None),
        rule("h", prefix("/a"), None),
        rule("h", prefix("/abc/d"), None),
        rule("h", PathRule::Equals("/abc".into()), Some("POST")),
        rule("h", prefix("/a"), Some("put")),
    ]);
    assert_eq!(find(&table, "POST", "h", "/abc"), Some(4));
    assert_eq!(find(&table, "GET", "h", "/abc"), Some(2), "another method");
    assert_eq!(find(&table, "PUT", "h", "/abc"), Some(5));
    assert_eq!(find(&table, "GET", "h", "/abc/de"), Some(3));
    assert_eq!(find(&table, "GET", "h", "/"), Some(1));
}

#[test]
fn sections_are_tried_in_order_and_a_host_without_a_fitting_path_falls_to_post() {
    let mut table = table(&[rule("h", prefix("/a"), None), rule("*", prefix(""), None)]);
    let post = Rule { position: Position::Post, ..rule("*", prefix(""), None) };
    table.insert(post, 2).expect("valid");
    assert_eq!(find(&table, "GET", "h", "/b"), Some(2), "other hosts of the tree are not tried");
    let pre = Rule { position: Position::Pre, ..rule("*.x", prefix("/"), None) };
    table.insert(pre.clone(), 3).expect("valid");
    assert_eq!(find(&table, "GET", "a.x", "/b"), Some(3));
    assert_eq!(table.remove(&pre), Some(3));
    assert_eq!(find(&table, "GET", "a.x", "/b"), Some(1));
}

#[test]
fn captures_feed_rewrites() {
    let table = table(&[
        rule("/(v[0-9])/.h", PathRule::Regex("^/u/([^/]*)".into()), None),
        rule("*.w", prefix("/p/"), None),
    ]);
    let captures = |host: &'static str, path: &'static str| {
        let request = Request { host: host.as_bytes(), path: path.as_bytes(), method: b"GET" };
        table.lookup(&request).expect("found").captures(&request)
    };
    let regex = captures("v1.h", "/u/joe/x");
    assert_eq!(regex.host, [&b"v1.h"[..], b"v1"]);
    assert_eq!(regex.path, [&b"/u/joe"[..], b"joe"]);
    let wildcard = captures("a.w", "/p/q");
    assert_eq!(wildcard.host, [&b"a.w"[..], b"a"]);
    assert_eq!(wildcard.path, [&b"/p/q"[..], b"q"]);
    let counts = check(&rule("/(v[0-9])/.h", PathRule::Regex("^/u/([^/]*)".into()), None));
    assert_eq!(counts, Ok(CaptureCounts { host: 2, path: 2 }));
}

#[test]
fn mistakes_are_sentences() {
    let error = |host: &str, path: PathRule| {
        check(&rule(host, path, None)).expect_err("refused").to_string()
    };
    assert!(error("", prefix("")).contains("empty"));
    assert!(error("a.*.b", prefix("")).contains("first label"));
    assert!(error("bücher.example", prefix("")).contains("punycode"));
    assert!(error("a b", prefix("")).contains("`a b`"));
    assert!(error("a..b", prefix("")).contains("label"));
    assert!(error("/a.b", prefix("")).contains("missing"));
    assert!(error("/(/.b", prefix("")).contains("unclosed group"));
    assert!(error("h", prefix("a")).contains("start with `/`"));
    assert!(error("h", PathRule::Regex("a{1000000}".into())).contains("a{1000000}"));
    assert!(check(&rule("h", prefix(""), Some("G T"))).is_err());
}

#[test]
fn expressions_in_hosts_match_without_case() {
    let table = table(&[rule("/[A-Z]+-(eu|US)/.Example.org", prefix(""), None)]);
    assert_eq!(find(&table, "GET", "app-us.example.org", "/"), Some(0));
    assert_eq!(find(&table, "GET", "APP-Eu.EXAMPLE.org", "/"), Some(0));
    assert_eq!(find(&table, "GET", "app1-eu.example.org", "/"), None);
    let request = Request { host: b"APP-Us.example.ORG", path: b"/", method: b"GET" };
    let captures = table.lookup(&request).expect("found").captures(&request);
    assert_eq!(captures.host, [&b"APP-Us.example.ORG"[..], b"Us"], "as it was sent");
}

#[test]
fn expressions_in_paths_match_with_case() {
    let table = table(&[rule("h", PathRule::Regex("^/[A-Z]$".into()), None)]);
    assert_eq!(find(&table, "GET", "h", "/A"), Some(0));
    assert_eq!(find(&table, "GET", "h", "/a"), None);
}

/// They would need tables of Unicode otherwise, which this build of the engine does not have.
#[test]
fn classes_are_those_of_ascii() {
    let path = r"(?i)^/\d+/\w+\.[[:alpha:]]\b";
    let table = table(&[rule(r"/\w+/", PathRule::Regex(path.into()), None)]);
    assert_eq!(find(&table, "GET", "h_1", "/20/a_1.X"), Some(0));
    assert_eq!(find(&table, "GET", "h-1", "/20/a_1.X"), None);
}

#[test]
fn paths_that_no_request_has_are_refused_with_the_character() {
    for (path, said) in [
        ("/a?b=c", "`?` begins the query"),
        ("/a#b", "`#` begins the fragment"),
        ("/a b", "`%20`"),
        ("/a\tb", "'\\t' is sent as `%09`"),
        ("/a\u{7f}", "`%7F`"),
        ("/caf\u{e9}", "`%C3%A9`"),
        ("*?", "start with `/`"),
        ("a/b", "start with `/`"),
    ] {
        for path_rule in [PathRule::Equals(path.into()), prefix(path)] {
            let error = check(&rule("h", path_rule, None)).expect_err(path).to_string();
            assert!(error.contains(said), "{error}");
        }
    }
    assert!(check(&rule("h", PathRule::Equals(String::new()), None)).is_err());
    assert!(check(&rule("h", PathRule::Regex("^/a#? b".into()), None)).is_ok());
}

#[test]
fn what_some_request_has_is_accepted() {
    let every: String = ('!'..='~').filter(|c| !matches!(c, '?' | '#')).collect();
    let table = table(&[
        rule("h", PathRule::Equals("*".into()), Some("OPTIONS")),
        rule("h", PathRule::Equals(format!("/{every}")), None),
        rule("g", prefix("*"), None),
    ]);
    assert_eq!(find(&table, "OPTIONS", "h", "*"), Some(0));
    assert_eq!(find(&table, "GET", "h", &format!("/{every}")), Some(1));
    assert_eq!(find(&table, "OPTIONS", "g", "*"), Some(2));
}

#[test]
fn large_expressions_are_refused_whatever_makes_them_large() {
    let error = |text: String| check(&rule("h", PathRule::Regex(text), None)).err();
    let large = |text: String| matches!(error(text), Some(RuleError::RegexTooLarge(_)));
    assert!(large("[ab].{5000}x".into()), "states");
    assert!(large("(a?)".repeat(900)), "groups");
    assert!(large("(?:[a-z]{50}){50}".into()), "nested repetitions");
    assert_eq!(error("a".repeat(MAX_REGEX_TEXT + 1)), Some(RuleError::RegexTooLong(4097)));
    let host = format!("/{}/.org", "(a?)".repeat(900));
    assert!(matches!(check(&rule(&host, prefix(""), None)), Err(RuleError::RegexTooLarge(_))));

    let words = (0..100).map(|n| format!("word{n}")).collect::<Vec<_>>().join("|");
    assert_eq!(error(format!("^/({words})/([^/]+)/(.*)$")), None);
    assert_eq!(error("/([0-9a-f]{8})(-[0-9a-f]{4}){3}-([0-9a-f]{12})$".into()), None);
    assert_eq!(error("(x)".repeat(30)), None);
}

fn listed(at: usize, position: Position) -> Rule {
    Rule { position, ..rule("*", prefix(&format!("/{at}")), None) }
}

#[test]
fn lists_are_bounded_and_a_place_is_free_again() {
    for position in [Position::Pre, Position::Post] {
        let mut table = Table::new();
        for at in 0..MAX_LISTED {
            table.insert(listed(at, position), at).expect("room");
        }
        let full = table.insert(listed(MAX_LISTED, position), 0).expect_err("full");
        assert!(matches!(full, RuleError::ListFull(_)) && full.to_string().contains("4096"));
        assert_eq!(table.len(), MAX_LISTED);
        assert_eq!(table.insert(listed(7, position), 1), Ok(Some(7)), "replaced");
        table.insert(listed(0, Position::Tree), 2).expect("the tree has no such bound");
        assert_eq!(table.remove(&listed(0, position)), Some(0));
        assert_eq!(table.insert(listed(MAX_LISTED, position), 3), Ok(None));
    }
}

#[test]
fn the_number_of_expressions_is_bounded() {
    let two = |at: usize| rule(&format!("/a{at}/.x"), PathRule::Regex("^/b".into()), None);
    assert_eq!(two(0).regexes(), 2);
    let mut usage = Usage::default();
    for at in 0..MAX_REGEXES / 2 {
        usage.add(&two(at)).expect("room");
    }
    let full = usage;
    assert_eq!(usage.add(&two(0)), Err(RuleError::TooManyRegexes));
    assert_eq!(usage, full, "what is refused does not count");
    usage.add(&rule("h", prefix(""), None)).expect("no expression");
    usage.remove(&two(0));
    usage.add(&rule("/a/", prefix(""), None)).expect("room");
    usage.add(&rule("/b/", prefix(""), None)).expect("room");
    assert_eq!(usage.add(&rule("/c/", prefix(""), None)), Err(RuleError::TooManyRegexes));

    let mut table = Table::new();
    let path = |at: usize| rule("h", PathRule::Regex(format!("^/{at}")), None);
    for at in 0..MAX_REGEXES {
        table.insert(path(at), at).expect("room");
    }
    assert_eq!(table.insert(path(MAX_REGEXES), 0), Err(RuleError::TooManyRegexes));
    assert_eq!(table.insert(path(3), 0), Ok(Some(3)));
    assert_eq!(table.remove(&path(4)), Some(4));
    assert_eq!(table.insert(path(MAX_REGEXES), 0), Ok(None));
}

/// The documented precedence, computed by looking at every rule.
fn reference(rules: &[(Rule, usize)], host: &str, path: &str, method: &str) -> Option<usize> {
    let fits = |rule: &Rule| {
        let pattern = Pattern::compile(rule).expect("valid");
        let method_fits = rule.method.as_deref().is_none_or(|wanted| wanted == method);
        (
            pattern.host.matches(host.as_bytes()),
            method_fits && pattern.path.matches(path.as_bytes()),
        )
    };
    let host_rank = |rule: &Rule| match rule.host.as_str() {
        "*" => 3,
        host if host.starts_with('*') => 1,
        host if host.contains('/') => 2,
        _ => 0,
    };
    let path_rank = |rule: &Rule| match Pattern::compile(rule).expect("valid").path {
        PathPattern::Equals(_) => (0, 0),
        PathPattern::Prefix(text) => (1, usize::MAX - text.len()),
        PathPattern::Regex(_) => (2, 0),
    };
    let tree = || rules.iter().filter(|(rule, _)| rule.position == Position::Tree);
    let best_host = tree().filter(|(rule, _)| fits(rule).0).map(|(rule, _)| host_rank(rule)).min();
    let ordered = |position: Position| {
        rules
            .iter()
            .find(|(rule, _)| rule.position == position && fits(rule) == (true, true))
            .map(|(_, value)| *value)
    };
    let in_tree = tree()
        .filter(|(rule, _)| fits(rule) == (true, true) && Some(host_rank(rule)) == best_host)
        .min_by_key(|(rule, _)| (path_rank(rule), rule.method.is_none()))
        .map(|(_, value)| *value);
    ordered(Position::Pre).or(in_tree).or_else(|| ordered(Position::Post))
}

fn any_rule() -> impl Strategy<Value = Rule> {
    let hosts = prop::sample::select(vec!["a", "b.a", "*.a", "*", "/[bc]/.a", "c.b.a"]);
    let paths = prop::sample::select(vec!["", "/", "/x", "/xy", "/xyz", "/x/y"]);
    let methods = prop::sample::select(vec![None, None, Some("GET"), Some("PUT")]);
    let positions =
        prop::sample::select(vec![Position::Tree, Position::Tree, Position::Pre, Position::Post]);
    (hosts, paths, 0..5, methods, positions).prop_map(|(host, path, kind, method, position)| {
        let path = match kind {
            0 if !path.is_empty() => PathRule::Equals(path.into()),
            1 => PathRule::Regex("^/x.?$".into()),
            _ => prefix(path),
        };
        Rule { position, ..rule(host, path, method) }
    })
}

proptest! {
    #[test]
    fn lookups_agree_with_the_reference(
        changes in prop::collection::vec((any_rule(), any::<bool>()), 1..24),
        requests in prop::collection::vec(
            ("(a|b\\.a|c\\.a|c\\.b\\.a|d)", "(/|/x|/xy|/xyz|/x/y|/q)", "(GET|PUT|POST)"), 8),
    ) {
        let mut table = Table::new();
        let mut model: Vec<(Rule, usize)> = Vec::new();
        for (value, (rule, remove)) in changes.into_iter().enumerate() {
            let known = model.iter().position(|(other, _)| *other == rule);
            if remove {
                let expected = known.map(|at| model.remove(at).1);
                prop_assert_eq!(table.remove(&rule), expected);
            } else {
                match known {
                    Some(at) => model[at].1 = value,
                    None => model.push((rule.clone(), value)),
                }
                table.insert(rule, value).expect("valid");
            }
            prop_assert_eq!(table.len(), model.len());
            prop_assert_eq!(table.iter().count(), model.len());
        }
        for (host, path, method) in requests {
            let found = find(&table, &method, &host, &path);
            prop_assert_eq!(found, reference(&model, &host, &path, &method));
            let request =
                Request { host: host.as_bytes(), path: path.as_bytes(), method: method.as_bytes() };
            let explained = table.explain(&request);
            let winner = table.lookup(&request).map(|found| found.rule().clone());
            prop_assert_eq!(explained.winner(), winner.as_ref());
        }
    }
}

/// Beyond what a list of paths holds.
#[test]
fn many_paths_of_a_host_are_found_as_few_are() {
    let prefix = |number: usize| Rule {
        host: "h".into(),
        path: PathRule::Prefix(format!("/{}", "x".repeat(number))),
        method: number.is_multiple_of(3).then(|| "GET".to_owned()),
        position: Position::Tree,
    };
    let mut table = Table::new();
    for number in (0..200).rev() {
        assert_eq!(table.insert(prefix(number), number), Ok(None));
    }
    let found = |table: &Table<usize>, length: usize, method: &str| {
        let path = format!("/{}y", "x".repeat(length));
        let request = Request { host: b"h", path: path.as_bytes(), method: method.as_bytes() };
        table.lookup(&request).map(|found| *found.value())
    };
    for length in 1..200 {
        assert_eq!(found(&table, length, "GET"), Some(length));
        let other = if length % 3 == 0 { length - 1 } else { length };
        assert_eq!(found(&table, length, "PUT"), Some(other));
    }
    for number in 1..200 {
        assert_eq!(table.remove(&prefix(number)), Some(number));
        assert_eq!(found(&table, number, "GET"), Some(0));
    }
    assert_eq!(table.remove(&prefix(0)), Some(0));
    assert!(table.is_empty());
}
