//! Templates: what is refused, and that what is rendered is exactly framed.

use proptest::prelude::*;

use super::*;

/// A response taken apart by the length it declares.
struct Answer {
    first: String,
    fields: Vec<(String, String)>,
    body: String,
    rendered: Rendered,
}

impl Answer {
    fn values(&self, name: &str) -> Vec<&str> {
        let named = self.fields.iter().filter(|(known, _)| known.eq_ignore_ascii_case(name));
        named.map(|(_, value)| &**value).collect()
    }
}

fn render(template: &Template, variables: &Variables<'_>) -> Answer {
    let mut out = b"before".to_vec();
    let rendered = template.render(variables, false, true, &mut out);
    let text = String::from_utf8(out).expect("text");
    let (head, body) = text["before".len()..].split_once("\r\n\r\n").expect("a blank line");
    let mut lines = head.split("\r\n");
    let first = lines.next().expect("a status line").to_owned();
    let fields: Vec<_> = lines
        .map(|line| {
            assert!(!line.contains(char::is_control), "{line:?}");
            let (name, value) = line.split_once(": ").expect("a field");
            (name.to_owned(), value.to_owned())
        })
        .collect();
    let answer = Answer { first, fields, body: body.to_owned(), rendered };
    if render::is_delimited(rendered.status) {
        assert_eq!(answer.values("content-length"), [body.len().to_string()]);
    } else {
        assert!(body.is_empty() && answer.values("content-length").is_empty());
    }
    let close: &[&str] = if rendered.keep_alive { &[] } else { &["close"] };
    assert_eq!(answer.values("connection"), close);
    answer
}

fn compile(status: u16, text: &str) -> Template {
    Template::compile(Some(status), text).expect("valid")
}

fn refused(status: u16, text: &str) -> String {
    Template::compile(Some(status), text).expect_err("refused").to_string()
}

#[test]
fn a_template_is_rendered_with_its_variables() {
    let text =
        "HTTP/1.1 503 Busy\nX-Cluster: %CLUSTER_ID\nContent-Length: 9\n\n%ROUTE\n100% %MESSAGE";
    let variables = Variables {
        hsts: b"",
        method: b"GET",
        authority: b"h",
        path: b"/<b>",
        cluster_id: "app",
        message: "no backend",
        correlation: "Sozu-Id",
        request_id: "01",
        ..Variables::default()
    };
    let mut out = Vec::new();
    let rendered = compile(503, text).render(&variables, false, true, &mut out);
    assert_eq!(rendered, Rendered { status: 503, keep_alive: true });
    assert_eq!(
        String::from_utf8(out).expect("text"),
        "HTTP/1.1 503 Busy\r\nX-Cluster: app\r\nSozu-Id: 01\r\nContent-Length: 32\r\n\r\n\
         GET h/&lt;b&gt;\r\n100% no backend"
    );
}

#[test]
fn each_variable_has_its_text() {
    let variables = Variables {
        hsts: b"",
        method: b"GET",
        authority: b"h",
        path: b"/p",
        request_id: "id",
        correlation: "",
        redirect_location: b"https://h/",
        cluster_id: "cluster",
        backend_id: "backend",
        message: "message",
        phase: "phase",
        duration: "duration",
        capacity: "capacity",
        www_authenticate: "Basic realm=\"x\"",
        retry_after: "60",
        template_name: "name",
        date: b"",
    };
    let cases = [
        (404, "%ROUTE %REQUEST_ID", "GET h/p id"),
        (301, "%REDIRECT_LOCATION", "https://h/"),
        (504, "%CLUSTER_ID %BACKEND_ID %DURATION", "cluster backend duration"),
        (413, "%MESSAGE %PHASE %CAPACITY", "message phase capacity"),
        (400, "%SUCCESSFULLY_PARSED%PARTIALLY_PARSED%INVALID", "nullnullnull"),
    ];
    for (status, body, expected) in cases {
        let template = compile(status, &format!("HTTP/1.1 {status} X\n\n{body}"));
        assert_eq!(render(&template, &variables).body, expected);
    }
    let fields = [
        (401, "WWW-Authenticate", "WWW_AUTHENTICATE", "Basic realm=\"x\""),
        (429, "Retry-After", "RETRY_AFTER", "60"),
        (404, "X-Route", "ROUTE", "GET h/p"),
    ];
    for (status, name, variable, expected) in fields {
        let template = compile(status, &format!("HTTP/1.1 {status} X\n{name}: %{variable}\n\n"));
        assert_eq!(render(&template, &variables).values(name), [expected]);
        assert!(render(&template, &Variables::default()).values(name).is_empty());
    }
    let free = "HTTP/1.1 418 Teapot\nX-Name: %TEMPLATE_NAME\nX-Cluster: %CLUSTER_ID\n\n";
    let free = Template::compile(None, free).expect("valid");
    let answer = render(&free, &variables);
    assert_eq!(answer.first, "HTTP/1.1 418 Teapot");
    assert_eq!(answer.values("x-name"), ["name"]);
    assert_eq!(answer.values("x-cluster"), ["cluster"]);
}

#[test]
fn lines_may_end_either_way() {
    let unix = compile(404, "HTTP/1.1 404 X\nA: b\n\nc\n\nd\n");
    let dos = compile(404, "HTTP/1.1 404 X\r\nA: b\r\n\r\nc\r\n\r\nd\r\n");
    assert_eq!(unix, dos);
    assert_eq!(render(&unix, &Variables::default()).body, "c\r\n\r\nd\r\n");
}

#[test]
fn a_head_alone_is_a_template() {
    for text in ["HTTP/1.1 404 Nothing Here\n", "HTTP/1.1 404 Nothing Here\n\n"] {
        let answer = render(&compile(404, text), &Variables::default());
        assert_eq!(answer.first, "HTTP/1.1 404 Nothing Here");
        assert_eq!(answer.fields, [("Content-Length".to_owned(), "0".to_owned())]);
    }
}

#[test]
fn mistakes_are_named_with_their_line() {
    for text in ["404 Not Found\n\n", "HTTP/2 404 X\n\n", "HTTP/1.1 +404 X\n\n", "\n\n", ""] {
        assert!(!refused(404, text).is_empty(), "{text}");
    }
    assert!(refused(404, "404 Not Found\n\n").starts_with("line 1: a template starts"));
    assert!(refused(404, "HTTP/1.1 404 a\rb\n\n").starts_with("line 1: a template starts"));
    assert_eq!(
        refused(404, "HTTP/1.1 500 X\n\n"),
        "line 1: the status is 500, but the template is for 404"
    );
    for line in ["A b", ": b", "A : b", "A: b\rC: d", " A: b"] {
        let text = format!("HTTP/1.1 404 X\n{line}\n\n");
        assert!(refused(404, &text).starts_with("line 2: a field is written"), "{line}");
    }
    assert!(
        refused(404, "HTTP/1.1 404 X\nA: b\ntransfer-ENCODING: gzip\n\n").starts_with("line 3")
    );
    assert!(refused(404, "HTTP/1.1 404 X").contains("blank line"));
    assert!(refused(404, &format!("HTTP/1.1 404 X\n\n{}", "x".repeat(1 << 16))).contains("64 KiB"));
    assert_eq!(
        refused(204, "HTTP/1.1 204 X\n\nbody"),
        "line 3: an answer with status 204 has no body: remove it"
    );
}

#[test]
fn variables_stand_where_they_have_a_meaning() {
    assert_eq!(
        refused(404, "HTTP/1.1 404 X\n\n\n%MESSAGE"),
        "line 4: `%MESSAGE` cannot be used in the body of this answer; `%ROUTE`, `%REQUEST_ID` can"
    );
    assert!(refused(503, "HTTP/1.1 503 X\nA: %MESSAGE\n\n").starts_with("line 2: `%MESSAGE`"));
    assert!(refused(401, "HTTP/1.1 401 X\n\n%WWW_AUTHENTICATE").contains("in the body of"));
    assert!(refused(404, "HTTP/1.1 404 X\n\n%TEMPLATE_NAME").contains("TEMPLATE_NAME"));
    assert_eq!(
        refused(400, "HTTP/1.1 400 X\n\n%MESSAGE\n\n%MESSAGE"),
        "line 5: `%MESSAGE` may appear only once"
    );
    assert_eq!(
        refused(302, "HTTP/1.1 302 X\nLocation: %REDIRECT_LOCATION\n\n%REDIRECT_LOCATION"),
        "line 4: `%REDIRECT_LOCATION` may appear only once"
    );
    assert_eq!(
        refused(302, "HTTP/1.1 302 X\nRefresh: 5; url=%REDIRECT_LOCATION\n\n"),
        "line 2: in a field, `%REDIRECT_LOCATION` has to be the whole value"
    );
    let free = Template::compile(None, "HTTP/1.1 302 X\n\n%MESSAGE").expect_err("refused");
    let free = free.to_string();
    assert!(free.ends_with("`%REDIRECT_LOCATION`, `%CLUSTER_ID`, `%TEMPLATE_NAME` can"), "{free}");
}

#[test]
fn a_percent_sign_that_starts_no_variable_is_literal() {
    let template = compile(404, "HTTP/1.1 404 X\nA: 100%20%\n\n%%ROUTE %route %NOPE 5% %");
    let variables = Variables { path: b"/p", ..Variables::default() };
    let answer = render(&template, &variables);
    assert_eq!(answer.values("a"), ["100%20%"]);
    assert_eq!(answer.body, "%/p %route %NOPE 5% %");
}

#[test]
fn a_template_decides_whether_the_connection_goes_on() {
    for (line, keep_alive) in
        [("A: b", true), ("Connection: keep-alive", true), ("connection: x, Close", false)]
    {
        let template = compile(404, &format!("HTTP/1.1 404 X\n{line}\n\n"));
        assert_eq!(render(&template, &Variables::default()).rendered.keep_alive, keep_alive);
    }
    let mut out = Vec::new();
    let template = compile(404, "HTTP/1.1 404 X\n\n");
    assert!(!template.render(&Variables::default(), false, false, &mut out).keep_alive);
    assert!(String::from_utf8_lossy(&out).contains("\r\nConnection: close\r\n"));
}

#[test]
fn the_correlation_field_is_there_once_under_its_name() {
    let variables = Variables { correlation: "X-Trace", request_id: "01", ..Variables::default() };
    for status in [301, 404, 503] {
        assert_eq!(render(Template::builtin(status), &variables).values("x-trace"), ["01"]);
    }
    let template = compile(404, "HTTP/1.1 404 X\nx-trace: %REQUEST_ID\n\n");
    assert_eq!(render(&template, &variables).values("x-trace"), ["01"]);
}

#[test]
fn a_status_that_ends_with_its_head_has_no_length() {
    for (status, length) in [(204, None), (304, None), (205, Some("0"))] {
        let template = compile(status, &format!("HTTP/1.1 {status} X\nContent-Length: 4\n\n"));
        let answer = render(&template, &Variables::default());
        assert_eq!(answer.values("content-length").first().copied(), length);
    }
}

#[test]
fn bodies_are_escaped_for_what_they_are() {
    let body = |content_type: &str| {
        let text = format!("HTTP/1.1 404 X\n{content_type}\n\n\"%ROUTE\"");
        render(&compile(404, &text), &Variables { path: b"/<\"", ..Variables::default() }).body
    };
    assert_eq!(body("A: b"), "\"/&lt;&quot;\"");
    assert_eq!(body("Content-Type: text/html"), "\"/&lt;&quot;\"");
    assert_eq!(body("Content-Type: application/json"), "\"/\\u003c\\u0022\"");
    assert_eq!(body("content-type: text/plain"), "\"/<\"\"");
    assert_eq!(body("Content-Type: text/plain\nContent-Type: text/html"), "\"/&lt;&quot;\"");
}

#[test]
fn built_in_answers_say_what_their_status_asks_for() {
    let location = Variables { redirect_location: b"https://h/", ..Variables::default() };
    for status in [301, 302, 308] {
        let answer = render(Template::builtin(status), &location);
        assert_eq!(answer.values("location"), ["https://h/"]);
        assert!(answer.body.is_empty() && answer.rendered.keep_alive);
    }
    let plain = [400, 401, 403, 404, 408, 413, 414, 421, 429, 431];
    for status in plain.into_iter().chain([500, 501, 502, 503, 504, 505, 507]) {
        let answer = render(Template::builtin(status), &Variables::default());
        assert_eq!(answer.rendered, Rendered { status, keep_alive: false });
        assert!(answer.first.starts_with(&format!("HTTP/1.1 {status} ")));
        assert_eq!(answer.values("cache-control"), ["no-cache"]);
        assert_eq!(answer.values("content-type"), ["text/html; charset=utf-8"]);
        assert!(answer.body.contains(&format!("<h1>{status} ")));
    }
    assert_eq!(render(Template::builtin(418), &Variables::default()).rendered.status, 500);
    let without = render(Template::builtin(401), &Variables::default());
    assert!(without.values("www-authenticate").is_empty());
    let limited = Variables { retry_after: "60", ..Variables::default() };
    assert_eq!(render(Template::builtin(429), &limited).values("retry-after"), ["60"]);
}

#[test]
fn the_built_in_page_has_a_block_of_json() {
    let variables = Variables {
        method: b"GET",
        authority: b"h",
        path: b"/\"</pre>\\",
        request_id: "01",
        cluster_id: "app",
        message: "no backend",
        ..Variables::default()
    };
    let body = render(Template::builtin(503), &variables).body;
    let (_, json) = body.split_once("<pre>\n").expect("a block");
    let (json, _) = json.split_once("\n</pre>").expect("its end");
    assert_eq!(
        json,
        "{\n  \"status_code\": 503,\n  \"route\": \"GET h/\\u0022\\u003c/pre\\u003e\\u005c\",\n  \
         \"request_id\": \"01\",\n  \"cluster_id\": \"app\",\n  \"message\": \"no backend\"\n}"
    );
}

#[test]
fn an_answer_to_head_has_the_length_and_no_body() {
    let whole = render(Template::builtin(404), &Variables::default());
    let mut out = Vec::new();
    Template::builtin(404).render(&Variables::default(), true, true, &mut out);
    let head = String::from_utf8(out).expect("text");
    assert!(head.ends_with("\r\n\r\n"));
    assert!(head.contains(&format!("\r\nContent-Length: {}\r\n", whole.body.len())));
}

#[test]
fn a_set_names_the_template_that_is_refused() {
    let text = |text: &str| text.to_owned();
    let good = BTreeMap::from([(404, text("HTTP/1.1 404 X\n\n"))]);
    let set = AnswerSet::compile(&good).expect("valid");
    assert!(set.template(404).is_some() && set.template(503).is_none());
    let bad = BTreeMap::from([(404, text("HTTP/1.1 404 X\n\n")), (503, text("busy"))]);
    let (status, error) = AnswerSet::compile(&bad).expect_err("refused");
    assert_eq!((status, error), (503, TemplateError::NoBlankLine));
}

proptest! {
    #[test]
    fn nothing_a_client_sent_can_add_a_field_or_markup(
        text in "\\PC{0,20}|(\r\n|[\r\n\t <>&'\"\\\\a:]|\\x00|\\x7f){0,20}",
        cut in 0usize..20,
    ) {
        let cut = text.char_indices().nth(cut).map_or(text.len(), |(at, _)| at);
        let variables = Variables {
            method: &text.as_bytes()[..cut],
            path: &text.as_bytes()[cut..],
            redirect_location: text.as_bytes(),
            message: &text,
            www_authenticate: &text,
            correlation: "Sozu-Id",
            request_id: "01",
            ..Variables::default()
        };
        let harmless =
            Variables { correlation: "Sozu-Id", request_id: "01", ..Variables::default() };
        let names = |answer: &Answer| {
            let mut names: Vec<_> = answer.fields.iter().map(|(name, _)| name.clone()).collect();
            names.retain(|name| name != "Location" && name != "WWW-Authenticate");
            names
        };
        for status in [301, 400, 401, 404, 503] {
            let template = Template::builtin(status);
            let (answer, empty) = (render(template, &variables), render(template, &harmless));
            prop_assert_eq!(names(&answer), names(&empty));
            prop_assert_eq!(answer.body.matches('<').count(), empty.body.matches('<').count());
            prop_assert_eq!(answer.body.matches('"').count(), empty.body.matches('"').count());
        }
    }

    #[test]
    fn any_text_compiles_or_is_refused(
        text in "(HTTP/1.1 404|[ \r\n%:]|%ROUTE|%MESSAGE|A: b|\\PC){0,30}",
    ) {
        if let Ok(template) = Template::compile(None, &format!("HTTP/1.1 404 {text}")) {
            let variables = Variables { path: b"/p", ..Variables::default() };
            prop_assert_eq!(render(&template, &variables).rendered.status, 404);
        }
    }
}
