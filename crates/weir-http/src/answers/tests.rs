//! Templates: what is refused, and that what is rendered is exactly framed.

use super::*;

fn render(template: &Template, variables: &Variables<'_>) -> String {
    let mut out = Vec::new();
    template.render(variables, false, true, &mut out);
    let text = String::from_utf8(out).expect("text");
    let (head, body) = text.split_once("\r\n\r\n").expect("a blank line");
    assert!(head.contains(&format!("Content-Length: {}", body.len())), "{head}");
    text
}

#[test]
fn a_template_is_rendered_with_its_variables() {
    let text =
        "HTTP/1.1 503 Busy\nX-Cluster: %CLUSTER_ID\nContent-Length: 9\n\n%ROUTE\n100% %MESSAGE";
    let template = Template::compile(Some(503), text).expect("valid");
    let variables = Variables {
        method: b"GET",
        authority: b"h",
        path: b"/<b>",
        cluster_id: "app",
        message: "no backend",
        correlation: "Sozu-Id",
        request_id: "01",
        ..Variables::default()
    };
    let text = render(&template, &variables);
    assert_eq!(
        text,
        "HTTP/1.1 503 Busy\r\nX-Cluster: app\r\nSozu-Id: 01\r\nContent-Length: 32\r\n\r\n\
         GET h/&lt;b&gt;\r\n100% no backend"
    );
}

#[test]
fn mistakes_are_named_with_their_line() {
    let compile = |status, text: &str| {
        Template::compile(Some(status), text).expect_err("refused").to_string()
    };
    assert!(compile(404, "404 Not Found\n\n").starts_with("line 1: a template starts"));
    assert!(compile(404, "HTTP/1.1 500 X\n\n").contains("500"));
    assert!(compile(404, "HTTP/1.1 404 X\nA b\n\n").starts_with("line 2:"));
    assert!(compile(404, "HTTP/1.1 404 X\nTransfer-Encoding: chunked\n\n").starts_with("line 2:"));
    assert!(compile(404, "HTTP/1.1 404 X\n\n\n%MESSAGE").starts_with("line 4: `%MESSAGE`"));
    assert!(compile(400, "HTTP/1.1 400 X\n\n%MESSAGE %MESSAGE").contains("only once"));
    assert!(compile(404, "HTTP/1.1 404 X").contains("blank line"));
}

#[test]
fn nothing_a_client_sent_can_add_a_field_or_markup() {
    let template = Template::compile(None, "HTTP/1.1 302 Found\nLocation: %REDIRECT_LOCATION\n\n");
    let template = template.expect("valid");
    let variables = Variables { redirect_location: b"/\r\nX: y", ..Variables::default() };
    assert!(render(&template, &variables).contains("Location: /X: y\r\n"));
    let variables = Variables { path: b"/<script>\"", ..Variables::default() };
    let page = render(Template::builtin(404), &variables);
    assert!(page.contains("&lt;script&gt;&quot;") && !page.contains("<script>"));
}

#[test]
fn built_in_answers_say_what_their_status_asks_for() {
    let redirect = render(
        Template::builtin(301),
        &Variables { redirect_location: b"https://h/", ..Variables::default() },
    );
    assert!(redirect.starts_with("HTTP/1.1 301 Moved Permanently\r\nLocation: https://h/\r\n"));
    assert!(!redirect.contains("Connection: close"));
    let without = render(Template::builtin(401), &Variables::default());
    assert!(!without.contains("WWW-Authenticate") && without.contains("Connection: close"));
    let limited = Variables { retry_after: "60", ..Variables::default() };
    assert!(render(Template::builtin(429), &limited).contains("Retry-After: 60\r\n"));
}

#[test]
fn an_answer_to_head_has_the_length_and_no_body() {
    let mut out = Vec::new();
    Template::builtin(404).render(&Variables::default(), true, true, &mut out);
    assert!(out.ends_with(b"\r\n\r\n"));
    assert!(!String::from_utf8_lossy(&out).contains("Content-Length: 0"));
}
