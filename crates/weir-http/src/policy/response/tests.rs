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
        date: b"today",
        trailers: true,
        hsts: None,
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
fn a_response_without_a_date_gets_one_unless_an_edit_deletes_it() {
    assert_eq!(forwarded(&["Date: then"], NONE, |_| {}).values("date"), ["then"]);
    assert_eq!(forwarded(&[], NONE, |_| {}).values("date"), ["today"]);
    assert!(forwarded(&[], &[("date", "")], |_| {}).values("date").is_empty());
}

#[test]
fn an_interim_response_loses_what_is_deleted_and_gains_nothing() {
    let (text, fields) = response(&["Link: </a>", "Server: s", "Content-Length: 0"]);
    let edits = Edits::new([("Server", ""), ("X-New", "1")]).expect("valid");
    let mut out = Lines::default();
    interim_fields(&fields, &text, &edits, &mut out);
    assert_eq!(out.0, ["Link: </a>"]);
}

#[test]
fn framing_and_connection_are_left_to_the_version() {
    let lines =
        ["Connection: X-Hop, close", "X-Hop: 1", "Keep-Alive: 5", "Content-Length: 0", "X-A: 1"];
    let out = forwarded(&lines, NONE, |_| {});
    assert_eq!(out.0, ["X-A: 1", "Date: today", "Sozu-Id: 00000000000000000000000000"]);
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
    assert_eq!(out.0, ["Date: today", "Sozu-Id: 00000000000000000000000000"]);
    let out = forwarded(&["Sozu-Id: theirs", "X-Request-ID: theirs"], NONE, |cx| {
        cx.correlation = b"X-Request-Id";
    });
    let ours = "X-Request-Id: 00000000000000000000000000";
    assert_eq!(out.0, ["Sozu-Id: theirs", "Date: today", ours]);
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

#[test]
fn what_is_said_about_coming_back_encrypted() {
    let hsts = |force| &*Box::leak(Box::new(Hsts { value: b"max-age=1"[..].into(), force }));
    let name = "strict-transport-security";
    let (kept, forced) = (hsts(false), hsts(true));
    let backend = ["Strict-Transport-Security: max-age=9"];
    assert_eq!(forwarded(&[], NONE, |cx| cx.hsts = Some(kept)).values(name), ["max-age=1"]);
    assert_eq!(forwarded(&backend, NONE, |cx| cx.hsts = Some(kept)).values(name), ["max-age=9"]);
    assert_eq!(forwarded(&backend, NONE, |cx| cx.hsts = Some(forced)).values(name), ["max-age=1"]);
    assert_eq!(forwarded(&backend, NONE, |_| {}).values(name), ["max-age=9"]);
}
