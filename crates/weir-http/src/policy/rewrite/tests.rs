use proptest::prelude::*;

use super::*;

const HOST: [&[u8]; 2] = [b"a.example.org", b"a"];
const PATH: [&[u8]; 3] = [b"/api/x", b"/x", b""];
const CAPTURES: Captures<'static> = Captures { host: &HOST, path: &PATH };

fn host(template: &str) -> Result<String, RenderError> {
    let mut out = Vec::new();
    let template = RewriteTemplate::compile(template, 2, 3).expect("valid");
    template.render_host(CAPTURES, &mut out)?;
    Ok(String::from_utf8(out).expect("ASCII"))
}

fn path(template: &str, query: &str) -> String {
    let mut out = Vec::new();
    let template = RewriteTemplate::compile(template, 2, 3).expect("valid");
    template.render_path(CAPTURES, query.as_bytes(), &mut out).expect("short");
    String::from_utf8(out).expect("ASCII")
}

#[test]
fn captures_are_inserted_and_all_else_is_literal() {
    assert_eq!(host("$HOST[1].internal").as_deref(), Ok("a.internal"));
    assert_eq!(host("$HOST[0]:8080").as_deref(), Ok("a.example.org:8080"));
    assert_eq!(path("/$HOST[1]$PATH[0]", ""), "/a/api/x");
    assert_eq!(path("/$HOST[01]/$/$HOS/$$PATH[1]/[0]/]$", ""), "/a/$/$HOS/$/x/[0]/]$");
}

#[test]
fn a_path_always_begins_with_a_slash() {
    assert_eq!(path("$PATH[1]", ""), "/x");
    assert_eq!(path("$PATH[2]", ""), "/");
    assert_eq!(path("$HOST[1]", ""), "/a");
    assert_eq!(path("?q", ""), "/?q");
    assert_eq!(path("//$PATH[1]", ""), "///x");
}

#[test]
fn a_path_keeps_the_query_unless_it_has_its_own() {
    assert_eq!(path("/v2$PATH[1]", "?q=1"), "/v2/x?q=1");
    assert_eq!(path("/v2$PATH[1]?r=2", "?q=1"), "/v2/x?r=2");
    assert_eq!(path("/v2$PATH[1]?", "?q=1"), "/v2/x?");
}

#[test]
fn a_host_that_no_request_could_name_is_refused() {
    for template in ["$PATH[0]", "$PATH[2]", "a/b", "a@b", "$HOST[1]:0", "$HOST[1]:x"] {
        assert!(matches!(host(template), Err(RenderError::BadHost(_))), "{template}");
    }
}

#[test]
fn what_would_grow_without_bound_is_refused() {
    let long = vec![b'a'; 1_000];
    let captures = Captures { host: &[&long], path: &[&long] };
    let template = RewriteTemplate::compile(&"$PATH[0]".repeat(1_000), 1, 1).expect("valid");
    let mut out = Vec::new();
    assert_eq!(template.render_path(captures, b"", &mut out), Err(RenderError::TooLong));
    assert!(out.len() <= LONGEST_REWRITTEN + 1);
    let template = "a".repeat(LONGEST_REWRITTEN + 1);
    assert_eq!(RewriteTemplate::compile(&template, 1, 1), Err(RewriteError::TooLong));
}

#[test]
fn mistakes_are_named() {
    let error = |template| RewriteTemplate::compile(template, 2, 1).expect_err("refused");
    for template in ["$HOST", "x$HOST[", "$HOST[]", "$HOST[1", "$HOST[+1]", "$HOST[a]", "$HOST[-1]"]
    {
        assert_eq!(error(template), RewriteError::BadIndex("$HOST"), "{template}");
    }
    assert_eq!(error("$PATH[99999999999999999999999]"), RewriteError::BadIndex("$PATH"));
    let missing = RewriteError::NoCapture { name: "$HOST", index: 2, count: 2 };
    assert_eq!(error("$HOST[0]$HOST[2]"), missing);
    assert_eq!(
        error("$PATH[1]").to_string(),
        "`$PATH[1]` does not exist: the route captures 1, counted from 0"
    );
    for template in ["/a b", "/#a", "/é", "/\r\n", "/\t"] {
        assert_eq!(error(template), RewriteError::BadByte, "{template}");
    }
}

proptest! {
    #[test]
    fn any_text_compiles_or_is_refused_and_renders_a_target(
        template in "(\\PC|\\$HOST\\[[0-3]\\]|\\$PATH\\[[0-3]\\]|[$\\[\\]?/]){0,20}",
        query in "(\\?[a-z]{0,3})?",
    ) {
        let Ok(template) = RewriteTemplate::compile(&template, 2, 3) else { return Ok(()) };
        let mut out = b"before".to_vec();
        template.render_path(CAPTURES, query.as_bytes(), &mut out).expect("short");
        let path = out.strip_prefix(b"before").expect("appended");
        prop_assert!(path.starts_with(b"/"));
        prop_assert_eq!(bytes::target_end(path, 0), path.len());
    }
}
