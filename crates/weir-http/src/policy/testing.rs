//! What the tests of this room share.

use crate::h1::{HeadLimits, parse_request, parse_response};
use crate::message::{FieldSink, Fields, Method, RequestHead};

const LIMITS: HeadLimits = HeadLimits { head_bytes: 1 << 20, target_bytes: 8_192 };

/// Collects what is emitted, a line each.
#[derive(Default)]
pub(super) struct Lines(pub(super) Vec<String>);

impl FieldSink for Lines {
    fn field(&mut self, name: &[u8], value: &[&[u8]]) {
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        self.0.push(format!("{}: {}", text(name), text(&value.concat())));
    }
}

impl Lines {
    /// Values of a field, whatever the case of its name.
    pub(super) fn values(&self, name: &str) -> Vec<&str> {
        let parts = self.0.iter().filter_map(|line| line.split_once(": "));
        parts
            .filter(|(found, _)| found.eq_ignore_ascii_case(name))
            .map(|(_, value)| value)
            .collect()
    }
}

/// A request with these field lines behind `Host: h`.
pub(super) struct Request {
    pub(super) text: Vec<u8>,
    pub(super) head: RequestHead,
    pub(super) fields: Fields,
}

impl Request {
    pub(super) fn new(lines: &[&str]) -> Self {
        Self::to("GET /p HTTP/1.1", &[&["Host: h"], lines].concat())
    }

    pub(super) fn to(request_line: &str, lines: &[&str]) -> Self {
        let text = head(request_line, lines);
        let mut fields = Fields::with_capacity(512);
        let head = parse_request(&text, &LIMITS, &mut fields);
        Self { head: head.expect("valid").expect("complete"), text, fields }
    }
}

/// A 200 with these field lines.
pub(super) fn response(lines: &[&str]) -> (Vec<u8>, Fields) {
    let text = head("HTTP/1.1 200 OK", lines);
    let mut fields = Fields::with_capacity(512);
    parse_response(&text, &LIMITS, &mut fields, Method::Get).expect("valid").expect("complete");
    (text, fields)
}

fn head(first: &str, lines: &[&str]) -> Vec<u8> {
    let mut text = format!("{first}\r\n");
    for line in lines {
        text.push_str(line);
        text.push_str("\r\n");
    }
    text.push_str("\r\n");
    text.into_bytes()
}
