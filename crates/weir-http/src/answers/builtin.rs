//! The answers that need no configuration.

use std::sync::LazyLock;

use super::{Escape, Part, Template, Value, Variable};
use crate::h1::reason_phrase;

/// Statuses with a built-in answer and what it says. The first is given for those that have none.
const ANSWERS: [(u16, &str); 20] = [
    (500, "The proxy met an error of its own."),
    (301, ""),
    (302, ""),
    (308, ""),
    (400, "The request cannot be understood."),
    (401, "This needs credentials, and those given, if any, are not accepted."),
    (403, "You may not have this."),
    (404, "Nothing is served here."),
    (408, "The request did not arrive in time."),
    (413, "The request is too large."),
    (414, "The address in the request is too long."),
    (421, "This connection is not meant for that host."),
    (429, "There are too many connections from your address."),
    (431, "The head of the request is too large."),
    (501, "The request asks for something that the proxy cannot do."),
    (502, "The server behind the proxy did not answer as it should."),
    (503, "No server can take the request now. Please try again later."),
    (504, "The server behind the proxy did not answer in time."),
    (505, "That version of HTTP is not spoken here."),
    (507, "The proxy has no room for this request."),
];

static TEMPLATES: LazyLock<Vec<Template>> =
    LazyLock::new(|| ANSWERS.iter().map(|(status, sentence)| make(*status, sentence)).collect());

impl Template {
    /// The built-in answer of a status; of 500 for one that has none.
    pub fn builtin(status: u16) -> &'static Self {
        let known = TEMPLATES.iter().find(|template| template.status == status);
        known.unwrap_or(&TEMPLATES[0])
    }
}

fn make(status: u16, sentence: &str) -> Template {
    let template = Template {
        status,
        reason: reason_phrase(status).into(),
        fields: Vec::new(),
        body: Vec::new(),
        keep_alive: true,
    };
    if (300..400).contains(&status) {
        let location = Value::Variable(Variable::RedirectLocation);
        return Template { fields: vec![("Location".into(), location)], ..template };
    }
    let text = |text: &str| Value::Text(text.into());
    let mut fields = vec![
        ("Cache-Control".into(), text("no-cache")),
        ("Content-Type".into(), text("text/html; charset=utf-8")),
    ];
    match status {
        401 => fields.push(("WWW-Authenticate".into(), Value::Variable(Variable::WwwAuthenticate))),
        429 => fields.push(("Retry-After".into(), Value::Variable(Variable::RetryAfter))),
        _ => {}
    }
    Template { fields, body: page(status, sentence), keep_alive: false, ..template }
}

/// A small page for people, with a block of JSON for machines.
fn page(status: u16, sentence: &str) -> Vec<Part> {
    let reason = reason_phrase(status);
    let text = |text: String| Part::Text(text.into());
    let mut parts = vec![text(format!(
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width\">\n\
         <title>{status} {reason}</title>\n<style>{STYLE}</style>\n</head>\n<body>\n\
         <h1>{status} {reason}</h1>\n<p>{sentence}</p>\n<pre>\n{{\n  \"status_code\": {status}"
    ))];
    let members = [
        ("route", Variable::Route),
        ("request_id", Variable::RequestId),
        ("cluster_id", Variable::ClusterId),
        ("message", Variable::Message),
    ];
    let mut before = "";
    for (name, variable) in members {
        parts.push(text(format!("{before},\n  \"{name}\": \"")));
        parts.push(Part::Variable(variable, Escape::Json));
        before = "\"";
    }
    parts.push(text("\"\n}\n</pre>\n</body>\n</html>\n".to_owned()));
    parts
}

const STYLE: &str = "\
    :root{color-scheme:light dark;font:16px/1.5 system-ui,sans-serif}\
    body{max-width:40rem;margin:15vh auto;padding:0 1rem}\
    h1{font-weight:300}\
    pre{overflow:auto;padding:1rem;border:1px solid #8886;border-radius:.5rem}";
