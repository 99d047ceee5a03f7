//! Small pieces of policy; whole messages are tested through a worker.

use super::*;
use crate::message::FieldSink;

/// Collects what is emitted, a line each.
#[derive(Default)]
struct Lines(Vec<String>);

impl FieldSink for Lines {
    fn field(&mut self, name: &[u8], value: &[&[u8]]) {
        let value = value.concat();
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        self.0.push(format!("{}: {}", text(name), text(&value)));
    }
}

#[test]
fn identities_sort_by_time_and_have_26_characters() {
    let early = RequestId::new(1, u128::MAX);
    let late = RequestId::new(2, 0);
    assert!(early < late);
    assert_eq!(early.as_str(), "0000000001ZZZZZZZZZZZZZZZZ");
}

#[test]
fn only_the_sticky_cookie_is_removed() {
    for (value, left) in [
        ("a=1; S=x; b=2", Some("Cookie: a=1; b=2")),
        ("S=x", None),
        ("S=x; S=y; a=1", Some("Cookie: a=1")),
        ("XS=1; s=2", Some("Cookie: XS=1; s=2")),
    ] {
        let mut lines = Lines::default();
        cookie::strip(b"Cookie", value.as_bytes(), b"S", &mut lines);
        assert_eq!(lines.0.first().map(String::as_str), left, "{value}");
    }
}

#[test]
fn credentials_are_compared_with_the_list() {
    // joe:secret
    let hash = "joe:2bb80d537b1da3e38bd30361aa855686bde0eacd7162fef6a25fe97bf527a25b";
    let list = [hash.to_owned()];
    assert!(basic_auth(b"Basic am9lOnNlY3JldA==", &list, 4096));
    assert!(basic_auth(b"basic am9lOnNlY3JldA==", &list, 4096));
    assert!(!basic_auth(b"Basic am9lOnNlY3JlcA==", &list, 4096));
    assert!(!basic_auth(b"Basic am9lOnNlY3JldA==", &list, 4), "longer than allowed");
    assert!(!basic_auth(b"Bearer am9lOnNlY3JldA==", &list, 4096));
}

#[test]
fn a_location_leaves_the_default_port_out() {
    let written = |https, port| {
        let mut out = Vec::new();
        location(https, b"h", port, b"/p?q", &mut out);
        String::from_utf8(out).expect("ASCII")
    };
    assert_eq!(written(true, Some(443)), "https://h/p?q");
    assert_eq!(written(true, Some(8443)), "https://h:8443/p?q");
    assert_eq!(written(false, None), "http://h/p?q");
}

#[test]
fn a_template_inserts_captures_and_refuses_those_that_do_not_exist() {
    let template = RewriteTemplate::compile("/x/$HOST[1]/$PATH[0]", 2, 1).expect("valid");
    let mut out = Vec::new();
    template.render(|n| [&b"a.h"[..], b"a"][n], |_| b"/p", &mut out);
    assert_eq!(out, b"/x/a//p");
    assert!(RewriteTemplate::compile("$PATH[1]", 1, 1).is_err());
    assert!(RewriteTemplate::compile("$PATH", 1, 1).is_err());
    assert!(RewriteTemplate::compile("/a b", 1, 1).is_err());
}
