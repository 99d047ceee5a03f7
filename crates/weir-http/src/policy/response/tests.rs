use super::*;
use crate::policy::testing::{Lines, response};

const NONE: &[(&str, &str)] = &[];

fn forwarded(
    lines: &[&str],
    edits: &[(&str, &str)],
    change: impl Fn(&mut ResponseContext<'_>),
) -> Lines {
    let (text, fields) = response(lines);
    let id = RequestId::new(0, 0);
    let edits = Edits::new(edits.iter().copied()).expect("valid");
    let mut cx = ResponseContext {
        id: &id,
        correlation: b"Sozu-Id",
        sticky: None,
        edits: &edits,
        trailers: true,
    };
    change(&mut cx);
    let mut out = Lines::default();
    response_fields(&fields, &text, &cx, &mut out);
    out
}

#[test]
fn what_the_backend_says_is_kept_in_order() {
    let lines = ["Date: now", "Set-Cookie: a=1", "X-B: 2", "Set-Cookie: b=2; Path=/"];
    let out = forwarded(&lines, NONE, |_| {});
    assert_eq!(out.0[..4], lines);
    assert_eq!(out.0[4..], ["Sozu-Id: 00000000000000000000000000"]);
}

#[test]
fn framing_and_connection_are_left_to_the_version() {
    let lines =
        ["Connection: X-Hop, close", "X-Hop: 1", "Keep-Alive: 5", "Content-Length: 0", "X-A: 1"];
    let out = forwarded(&lines, NONE, |_| {});
    assert_eq!(out.0, ["X-A: 1", "Sozu-Id: 00000000000000000000000000"]);
}

#[test]
fn trailers_are_announced_where_they_can_come() {
    let lines = ["Transfer-Encoding: chunked", "Trailer: Digest"];
    assert_eq!(forwarded(&lines, NONE, |_| {}).values("trailer"), ["Digest"]);
    assert!(forwarded(&lines, NONE, |cx| cx.trailers = false).values("trailer").is_empty());
}

#[test]
fn the_correlation_field_is_ours_alone() {
    let out = forwarded(&["sozu-id: theirs"], &[("SOZU-ID", "x"), ("Sozu-Id", "")], |_| {});
    assert_eq!(out.0, ["Sozu-Id: 00000000000000000000000000"]);
    let out = forwarded(&["Sozu-Id: theirs", "X-Request-ID: theirs"], NONE, |cx| {
        cx.correlation = b"X-Request-Id";
    });
    assert_eq!(out.0, ["Sozu-Id: theirs", "X-Request-Id: 00000000000000000000000000"]);
}

#[test]
fn the_sticky_cookie_is_added_whatever_the_edits_delete() {
    let stick = |cx: &mut ResponseContext<'_>| {
        cx.sticky = Some(Sticky { name: b"SOZUBALANCEID", value: b"b-1" });
    };
    let ours = "SOZUBALANCEID=b-1; Path=/";
    let out = forwarded(&["Set-Cookie: a=1"], NONE, stick);
    assert_eq!(out.values("set-cookie"), ["a=1", ours]);
    let out = forwarded(&["Set-Cookie: a=1"], &[("set-cookie", "")], stick);
    assert_eq!(out.values("set-cookie"), [ours]);
}

#[test]
fn edits_delete_then_add() {
    let edits = [("X-New", "1"), ("Server", ""), ("server", "weir"), ("X-New", "2")];
    let out = forwarded(&["SERVER: nginx", "X-New: 0", "Server: again"], &edits, |_| {});
    assert_eq!(out.values("server"), ["weir"]);
    assert_eq!(out.values("x-new"), ["0", "1", "2"]);
}
