use proptest::prelude::*;

use super::*;
use crate::policy::testing::{Lines, Request};

const ID: &str = "00000000000000000000000001";
const FORWARDED: &str = "proto=http;for=\"192.0.2.7:4711\";by=198.51.100.1";

fn options() -> ForwardOptions {
    ForwardOptions {
        correlation: b"Sozu-Id".as_slice().into(),
        sticky_name: b"S".as_slice().into(),
        elide_x_real_ip: false,
        send_x_real_ip: false,
    }
}

/// What differs from the usual request.
struct Case<'a> {
    request: Request,
    options: ForwardOptions,
    edits: &'a [(&'a str, &'a str)],
    change: &'a dyn Fn(&mut RequestContext<'_>),
}

impl<'a> Case<'a> {
    fn new(lines: &[&str]) -> Self {
        Self { request: Request::new(lines), options: options(), edits: &[], change: &|_| {} }
    }

    fn edits(self, edits: &'a [(&'a str, &'a str)]) -> Self {
        Self { edits, ..self }
    }

    fn change(self, change: &'a dyn Fn(&mut RequestContext<'_>)) -> Self {
        Self { change, ..self }
    }

    fn run(&self) -> Lines {
        let id = RequestId::new(0, 1);
        let edits = Edits::new(self.edits.iter().copied()).expect("valid");
        let mut cx = RequestContext {
            client: "192.0.2.7:4711".parse().expect("address"),
            public: "198.51.100.1:8080".parse().expect("address"),
            https: false,
            id: &id,
            options: &self.options,
            strip_sticky: false,
            edits: &edits,
            host: None,
            identity: ClientIdentity::default(),
        };
        (self.change)(&mut cx);
        let mut out = Lines::default();
        let Request { head, fields, text } = &self.request;
        request_fields(head, fields, text, &cx, &mut out);
        out
    }
}

#[test]
fn an_ordinary_request_is_passed_on_with_what_the_proxy_knows() {
    let out = Case::new(&["User-Agent: curl", "accept: */*", "X-A: 1", "X-A: 2"]).run();
    let expected = [
        "Host: h",
        "User-Agent: curl",
        "accept: */*",
        "X-A: 1",
        "X-A: 2",
        "X-Forwarded-For: 192.0.2.7",
        &format!("Forwarded: {FORWARDED}"),
        "X-Forwarded-Proto: http",
        "X-Forwarded-Port: 8080",
        &format!("X-Request-Id: {ID}"),
        &format!("Sozu-Id: {ID}"),
    ];
    assert_eq!(out.0, expected);
}

#[test]
fn lists_of_proxies_are_extended_in_their_last_line() {
    let lines = [
        "X-Forwarded-For: 10.0.0.1",
        "Forwarded: for=a",
        "x-forwarded-for: 10.0.0.2, 10.0.0.3",
        "forwarded: for=b",
        "X-B: 1",
    ];
    let out = Case::new(&lines).run();
    let expected = ["10.0.0.1", "10.0.0.2, 10.0.0.3, 192.0.2.7"];
    assert_eq!(out.values("x-forwarded-for"), expected);
    assert_eq!(out.values("forwarded"), ["for=a", &format!("for=b, {FORWARDED}")]);
    let out = Case::new(&["X-Forwarded-For:", "Forwarded: "]).run();
    assert_eq!(out.values("x-forwarded-for"), ["192.0.2.7"]);
    assert_eq!(out.values("forwarded"), [FORWARDED]);
}

#[test]
fn addresses_of_version_6_are_in_brackets_and_quoted() {
    let change = |cx: &mut RequestContext<'_>| {
        cx.client = "[2001:db8::1]:123".parse().expect("address");
        cx.public = "[::1]:443".parse().expect("address");
        cx.https = true;
    };
    let mut case = Case::new(&[]).change(&change);
    case.options.send_x_real_ip = true;
    let out = case.run();
    let expected = "proto=https;for=\"[2001:db8::1]:123\";by=\"[::1]\"";
    assert_eq!(out.values("forwarded"), [expected]);
    assert_eq!(out.values("x-forwarded-for"), ["2001:db8::1"]);
    assert_eq!(out.values("x-real-ip"), ["2001:db8::1"]);
    assert_eq!(out.values("x-forwarded-proto"), ["https"]);
    assert_eq!(out.values("x-forwarded-port"), ["443"]);
}

#[test]
fn an_ipv4_client_of_an_ipv6_socket_is_an_ipv4_client() {
    let change = |cx: &mut RequestContext<'_>| {
        cx.client = "[::ffff:192.0.2.7]:4711".parse().expect("address");
        cx.public = "[::ffff:198.51.100.1]:8080".parse().expect("address");
    };
    let out = Case::new(&[]).change(&change).run();
    assert_eq!(out.values("x-forwarded-for"), ["192.0.2.7"]);
    assert_eq!(out.values("forwarded"), [FORWARDED]);
}

#[test]
fn a_quoted_string_that_does_not_end_cannot_swallow_our_element() {
    for broken in ["for=\"", "for=\"a\\\"", "for=a;by=\"\\", "for=\"a\", for=\""] {
        let out = Case::new(&[&format!("Forwarded: {broken}"), "Forwarded: for=b"]).run();
        assert_eq!(out.values("forwarded"), [&format!("for=b, {FORWARDED}")], "{broken}");
        let out = Case::new(&["Forwarded: for=b", &format!("Forwarded: {broken}")]).run();
        assert_eq!(out.values("forwarded"), ["for=b", FORWARDED], "{broken}");
    }
    let whole = "for=\"[::1]:1\\\"\\\\\"";
    let out = Case::new(&[&format!("Forwarded: {whole}")]).run();
    assert_eq!(out.values("forwarded"), [&format!("{whole}, {FORWARDED}")]);
}

#[test]
fn scheme_port_and_identity_of_an_earlier_proxy_are_kept() {
    let lines = ["X-Forwarded-Proto: https", "X-Forwarded-Port: 443", "x-request-id: mine"];
    let out = Case::new(&lines).run();
    assert_eq!(out.values("x-forwarded-proto"), ["https"]);
    assert_eq!(out.values("x-forwarded-port"), ["443"]);
    assert_eq!(out.values("x-request-id"), ["mine"]);
    assert_eq!(out.values("sozu-id"), [ID]);
}

#[test]
fn x_real_ip_is_passed_removed_or_ours() {
    let run = |elide_x_real_ip, send_x_real_ip| {
        let mut case = Case::new(&["X-Real-IP: 10.9.9.9", "x-real-ip: 10.8.8.8"]);
        case.options = ForwardOptions { elide_x_real_ip, send_x_real_ip, ..options() };
        case.run().values("x-real-ip").join(" ")
    };
    assert_eq!(run(false, false), "10.9.9.9 10.8.8.8");
    assert_eq!(run(true, false), "");
    assert_eq!(run(false, true), "192.0.2.7");
    assert_eq!(run(true, true), "192.0.2.7");
}

#[test]
fn the_correlation_field_is_ours_alone() {
    let out = Case::new(&["sozu-ID: theirs"]).edits(&[("Sozu-Id", "x"), ("sozu-id", "")]).run();
    assert_eq!(out.values("sozu-id"), [ID]);
    let mut case = Case::new(&["X-Request-Id: theirs"]);
    case.options.correlation = b"X-Request-Id".as_slice().into();
    assert_eq!(case.run().values("x-request-id"), [ID]);
}

#[test]
fn framing_and_connection_are_left_to_the_version() {
    let lines = [
        "Connection: X-Hop, upgrade, te",
        "X-Hop: 1",
        "Upgrade: websocket",
        "TE: trailers",
        "Keep-Alive: 5",
        "Proxy-Connection: keep-alive",
        "Content-Length: 0",
        "Expect: 100-continue",
    ];
    let out = Case::new(&lines).run();
    assert_eq!(out.0[..2], ["Host: h", "Expect: 100-continue"]);
    assert!(out.0[2].starts_with("X-Forwarded-For"));
}

#[test]
fn a_client_cannot_remove_what_the_proxy_adds() {
    let lines = [
        "Connection: X-Forwarded-For, Forwarded, X-Real-IP, Sozu-Id, X-Forwarded-Proto",
        "X-Forwarded-For: 10.0.0.1",
        "Sozu-Id: theirs",
    ];
    let out = Case::new(&lines).run();
    assert!(out.values("x-forwarded-for").concat().ends_with("192.0.2.7"));
    assert_eq!(out.values("forwarded"), [FORWARDED]);
    assert_eq!(out.values("sozu-id"), [ID]);
}

#[test]
fn a_rewritten_host_tells_the_original_one() {
    let change = |cx: &mut RequestContext<'_>| cx.host = Some(b"inner");
    let out = Case::new(&["X-Forwarded-Host: spoof"]).change(&change).run();
    assert_eq!(out.0[..2], ["Host: inner", "X-Forwarded-Host: h"]);
    assert_eq!(out.values("x-forwarded-host"), ["h"]);
    let out = Case::new(&["X-Forwarded-Host: earlier"]).run();
    assert_eq!(out.values("x-forwarded-host"), ["earlier"]);
}

#[test]
fn the_authority_of_an_absolute_target_is_the_host() {
    let mut case = Case::new(&[]);
    case.request = Request::to("GET http://Example.ORG:80/p HTTP/1.1", &["Host: example.org"]);
    assert_eq!(case.run().values("host"), ["Example.ORG:80"]);
}

#[test]
fn edits_delete_then_add() {
    let edits = [("X-A", "new"), ("x-a", ""), ("User-Agent", ""), ("X-B", "2")];
    let out = Case::new(&["X-A: 1", "user-agent: curl", "X-B: 1", "X-a: 2"]).edits(&edits).run();
    assert_eq!(out.values("x-a"), ["new"]);
    assert!(out.values("user-agent").is_empty());
    assert_eq!(out.values("x-b"), ["1", "2"]);
}

#[test]
fn edits_reach_the_forwarding_fields() {
    let edits = [
        ("X-Forwarded-For", ""),
        ("Forwarded", ""),
        ("X-Forwarded-Proto", ""),
        ("X-Forwarded-Proto", "https"),
        ("X-Request-Id", ""),
    ];
    let out = Case::new(&["X-Forwarded-For: 10.0.0.1", "X-Request-Id: a"]).edits(&edits).run();
    assert!(out.values("x-forwarded-for").is_empty());
    assert!(out.values("forwarded").is_empty());
    assert_eq!(out.values("x-forwarded-proto"), ["https"]);
    assert!(out.values("x-request-id").is_empty());
}

#[test]
fn an_edit_of_a_host_replaces() {
    let edits = [("host", "edited"), ("x-forwarded-host", "told")];
    let change = |cx: &mut RequestContext<'_>| cx.host = Some(b"inner");
    for case in [Case::new(&[]), Case::new(&[]).change(&change)] {
        let out = case.edits(&edits).run();
        assert_eq!(out.0[0], "Host: edited");
        assert_eq!(out.values("host"), ["edited"]);
        assert_eq!(out.values("x-forwarded-host"), ["told"]);
    }
    let out = Case::new(&[]).change(&change).edits(&[("X-Forwarded-Host", "")]).run();
    assert!(out.values("x-forwarded-host").is_empty());
}

#[test]
fn the_sticky_cookie_is_removed_where_it_is_ours() {
    let cookies = ["Cookie: a=1; S=x", "Cookie: S=y"];
    let change = |cx: &mut RequestContext<'_>| cx.strip_sticky = true;
    assert_eq!(Case::new(&cookies).change(&change).run().values("cookie"), ["a=1"]);
    assert_eq!(Case::new(&cookies).run().values("cookie"), ["a=1; S=x", "S=y"]);
    let deleted = Case::new(&cookies).change(&change).edits(&[("Cookie", "")]).run();
    assert!(deleted.values("cookie").is_empty());
}

proptest! {
    #[test]
    fn whatever_a_client_sends_the_last_word_is_ours(
        lines in prop::collection::vec(
            "(X-Forwarded-For|Forwarded|X-Real-IP|Sozu-Id|Cookie): [a-zF;=\", \\\\-]{0,12}\
             |Connection: (X-Forwarded-For|Forwarded|Sozu-Id|close)",
            0..8,
        ),
    ) {
        let lines: Vec<_> = lines.iter().map(String::as_str).collect();
        let change = |cx: &mut RequestContext<'_>| cx.strip_sticky = true;
        let out = Case::new(&lines).change(&change).run();
        prop_assert!(out.values("x-forwarded-for").last().unwrap().ends_with("192.0.2.7"));
        let forwarded = out.values("forwarded").join(", ");
        let element = forwarded.strip_suffix(FORWARDED);
        prop_assert!(element.is_some_and(|before| !hides_what_follows(before.as_bytes())));
        prop_assert_eq!(out.values("sozu-id"), [ID]);
    }
}

#[test]
fn only_the_proxy_says_which_certificate_a_client_showed() {
    let lines = ["Client-Cert: :AA==:", "client-cert-chain: :AB==:", "X-A: 1"];
    let (name, chain) = ("client-cert", "client-cert-chain");
    let plain = Case::new(&lines).run();
    assert!(plain.values(name).is_empty() && plain.values(chain).is_empty());
    let show: &dyn Fn(&mut RequestContext<'_>) =
        &|cx| cx.identity = ClientIdentity { certificate: b":AQ==:", chain: b":Ag==:" };
    let shown = Case::new(&lines).change(show).run();
    assert_eq!((shown.values(name), shown.values(chain)), (vec![":AQ==:"], vec![":Ag==:"]));
}
