//! The answers that need no configuration.

use std::sync::LazyLock;

use super::{Part, Template, Value, Variable};
use crate::h1::reason_phrase;

/// Statuses with a built-in answer.
const STATUSES: [u16; 17] =
    [301, 302, 308, 400, 401, 404, 408, 413, 414, 421, 429, 431, 502, 503, 504, 505, 507];

static TEMPLATES: LazyLock<Vec<Template>> =
    LazyLock::new(|| STATUSES.iter().map(|status| make(*status)).collect());

impl Template {
    /// The built-in answer of a status; of 503 for one that has none.
    pub fn builtin(status: u16) -> &'static Self {
        let at = STATUSES.iter().position(|known| *known == status).unwrap_or(13);
        &TEMPLATES[at]
    }
}

fn make(status: u16) -> Template {
    let text = |text: &str| Value::Text(text.into());
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
    let mut fields = vec![
        ("Cache-Control".into(), text("no-cache")),
        ("Content-Type".into(), text("text/html; charset=utf-8")),
    ];
    match status {
        401 => fields.push(("WWW-Authenticate".into(), Value::Variable(Variable::WwwAuthenticate))),
        429 => fields.push(("Retry-After".into(), Value::Variable(Variable::RetryAfter))),
        _ => {}
    }
    Template { fields, body: page(status), keep_alive: false, ..template }
}

/// A small page for people, with a block of JSON for machines.
fn page(status: u16) -> Vec<Part> {
    let reason = reason_phrase(status);
    let text = |text: String| Part::Text(text.into());
    vec![
        text(format!(
            "<!doctype html>\n<html lang=\"en\">\n<head><meta charset=\"utf-8\">\
             <title>{status} {reason}</title></head>\n<body>\n<h1>{status} {reason}</h1>\n<p>"
        )),
        Part::Variable(Variable::Message),
        text(format!("</p>\n<pre>\n{{\n  \"status_code\": {status},\n  \"route\": \"")),
        Part::Variable(Variable::Route),
        text("\",\n  \"request_id\": \"".to_owned()),
        Part::Variable(Variable::RequestId),
        text("\",\n  \"cluster_id\": \"".to_owned()),
        Part::Variable(Variable::ClusterId),
        text("\"\n}\n</pre>\n</body>\n</html>\n".to_owned()),
    ]
}
