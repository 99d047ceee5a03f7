use proptest::prelude::*;

use super::*;
use crate::policy::testing::{Lines, Request};

fn strip_all(lines: &[&str], name: &str) -> Vec<String> {
    let request = Request::new(lines);
    let mut out = Lines::default();
    for field in request.fields.as_slice().iter().filter(|f| f.kind == FieldName::Cookie) {
        strip(&request.text, field, name.as_bytes(), &mut out);
    }
    out.0
}

#[test]
fn only_the_sticky_cookie_is_removed() {
    let cases: [(&str, &[&str]); 13] = [
        ("a=1; S=x; b=2", &["Cookie: a=1; b=2"]),
        ("S=x", &[]),
        ("S=", &[]),
        (" S = x ;", &[]),
        ("S=x; a=1", &["Cookie: a=1"]),
        ("a=1; S=x", &["Cookie: a=1"]),
        ("a=1 ;S=x;b=2", &["Cookie: a=1; b=2"]),
        ("S=x; S=y; a=1; S=z", &["Cookie: a=1"]),
        ("a=1;b=2;  c=3; S=x", &["Cookie: a=1;b=2;  c=3"]),
        ("XS=1; s=2; S2=3; S", &["Cookie: XS=1; s=2; S2=3; S"]),
        ("a=S=x; b=\"S=1", &["Cookie: a=S=x; b=\"S=1"]),
        ("a=\"q; S=x; r\"", &["Cookie: a=\"q; r\""]),
        ("", &["Cookie: "]),
    ];
    for (value, left) in cases {
        assert_eq!(strip_all(&[&format!("Cookie: {value}")], "S"), left, "{value}");
    }
}

#[test]
fn each_line_is_stripped_by_itself() {
    let lines = ["Cookie: a=1", "cookie: S=x", "Cookie: S=y; b=2"];
    assert_eq!(strip_all(&lines, "S"), ["Cookie: a=1", "Cookie: b=2"]);
}

#[test]
fn copies_of_the_cookie_among_many_others_hide_none() {
    let value: Vec<_> = (0..50).map(|n| format!("c{n}={n}; S={n}")).collect();
    let left = strip_all(&[&format!("Cookie: {}", value.join("; "))], "S");
    let expected: Vec<_> = (0..50).map(|n| format!("c{n}={n}")).collect();
    assert_eq!(left.join("; ").replace("Cookie: ", ""), expected.join("; "));
}

#[test]
fn the_first_sticky_cookie_counts() {
    let find = |lines: &[&str]| {
        let request = Request::new(lines);
        let value = sticky_cookie(&request.fields, &request.text, b"S");
        value.map(|value| String::from_utf8_lossy(value).into_owned())
    };
    assert_eq!(find(&["Cookie: a=1; S=x; S=y"]).as_deref(), Some("x"));
    assert_eq!(find(&["Cookie: a=1", "Cookie: S = x=1 "]).as_deref(), Some("x=1"));
    assert_eq!(find(&["Cookie: S="]).as_deref(), Some(""));
    assert_eq!(find(&["Cookie: XS=1; S", "X-Cookie: S=x"]), None);
}

/// Cookies of a value as a server reads them.
fn read(value: &str) -> Vec<(String, String)> {
    let pairs = value.split(';').map(str::trim).filter(|pair| !pair.is_empty());
    pairs
        .map(|pair| {
            let (name, value) = pair.split_once('=').unwrap_or(("", pair));
            (name.trim().to_owned(), value.trim().to_owned())
        })
        .collect()
}

proptest! {
    #[test]
    fn no_other_cookie_is_touched(value in "([ab=S\" ]{0,6};? ?){0,30}") {
        let value = value.trim();
        let left = strip_all(&[&format!("Cookie: {value}")], "S");
        let left: Vec<_> = left.iter().flat_map(|line| read(&line["Cookie: ".len()..])).collect();
        let mut expected = read(value);
        expected.retain(|(name, _)| name != "S");
        prop_assert_eq!(left, expected);
    }
}
