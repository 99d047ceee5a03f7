//! From a template and a request to bytes.

use super::{Part, Template, Value, Variable};

/// What a template may insert. What a client sent is made harmless where it is inserted.
#[derive(Clone, Copy, Debug, Default)]
pub struct Variables<'a> {
    /// Method of the request.
    pub method: &'a [u8],
    /// Authority of the request.
    pub authority: &'a [u8],
    /// Path and query of the request.
    pub path: &'a [u8],
    /// Identity of the request.
    pub request_id: &'a str,
    /// Name of the correlation field, which every answer has.
    pub correlation: &'a str,
    /// Where a redirect leads.
    pub redirect_location: &'a [u8],
    /// The cluster.
    pub cluster_id: &'a str,
    /// The backend.
    pub backend_id: &'a str,
    /// What went wrong, a sentence.
    pub message: &'a str,
    /// How far the exchange had come.
    pub phase: &'a str,
    /// How long the proxy waited.
    pub duration: &'a str,
    /// Bytes of a buffer.
    pub capacity: &'a str,
    /// Challenge of a 401; empty for no field.
    pub www_authenticate: &'a str,
    /// Seconds of a 429; empty for no field.
    pub retry_after: &'a str,
    /// Name of a free-form template.
    pub template_name: &'a str,
}

/// What was rendered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rendered {
    /// The status.
    pub status: u16,
    /// The connection may go on.
    pub keep_alive: bool,
}

impl Template {
    /// Appends the response; without the body when it answers HEAD. `keep_alive`: the connection
    /// can go on, if the template does not close it.
    pub fn render(
        &self,
        variables: &Variables<'_>,
        head_only: bool,
        keep_alive: bool,
        out: &mut Vec<u8>,
    ) -> Rendered {
        out.extend_from_slice(b"HTTP/1.1 ");
        out.extend_from_slice(itoa::Buffer::new().format(self.status).as_bytes());
        out.push(b' ');
        out.extend_from_slice(self.reason.as_bytes());
        out.extend_from_slice(b"\r\n");
        for (name, value) in &self.fields {
            self.field(name, value, variables, out);
        }
        if !variables.correlation.is_empty() {
            field(variables.correlation, variables.request_id.as_bytes(), out);
        }
        let keep_alive = keep_alive && self.keep_alive;
        if !keep_alive {
            field("Connection", b"close", out);
        }
        let mut body = Vec::with_capacity(256);
        for part in &self.body {
            match part {
                Part::Text(text) => body.extend_from_slice(text.as_bytes()),
                Part::Variable(variable) => {
                    variables.visit(*variable, |piece| escape_markup(piece, &mut body));
                }
            }
        }
        field("Content-Length", itoa::Buffer::new().format(body.len()).as_bytes(), out);
        out.extend_from_slice(b"\r\n");
        if !head_only {
            out.extend_from_slice(&body);
        }
        Rendered { status: self.status, keep_alive }
    }

    /// A field whose variable is empty is left out.
    fn field(&self, name: &str, value: &Value, variables: &Variables<'_>, out: &mut Vec<u8>) {
        match value {
            Value::Text(text) => field(name, text.as_bytes(), out),
            Value::Variable(variable) => {
                let mut text = Vec::new();
                variables.visit(*variable, |piece| text.extend_from_slice(piece));
                text.retain(|byte| *byte >= b' ' && *byte != 0x7f);
                if !text.is_empty() {
                    field(name, &text, out);
                }
            }
        }
    }
}

impl Variables<'_> {
    fn visit(&self, variable: Variable, mut emit: impl FnMut(&[u8])) {
        let text = match variable {
            Variable::Route => {
                emit(self.method);
                emit(b" ");
                emit(self.authority);
                return emit(self.path);
            }
            Variable::RedirectLocation => return emit(self.redirect_location),
            Variable::RequestId => self.request_id,
            Variable::ClusterId => self.cluster_id,
            Variable::BackendId => self.backend_id,
            Variable::Message => self.message,
            Variable::Phase => self.phase,
            Variable::SuccessfullyParsed | Variable::PartiallyParsed | Variable::Invalid => "null",
            Variable::Duration => self.duration,
            Variable::Capacity => self.capacity,
            Variable::WwwAuthenticate => self.www_authenticate,
            Variable::RetryAfter => self.retry_after,
            Variable::TemplateName => self.template_name,
        };
        emit(text.as_bytes());
    }
}

fn field(name: &str, value: &[u8], out: &mut Vec<u8>) {
    out.extend_from_slice(name.as_bytes());
    out.extend_from_slice(b": ");
    out.extend_from_slice(value);
    out.extend_from_slice(b"\r\n");
}

/// Bodies are mostly HTML: what is inserted is text there, and harmless elsewhere.
fn escape_markup(piece: &[u8], out: &mut Vec<u8>) {
    for byte in piece {
        match byte {
            b'<' => out.extend_from_slice(b"&lt;"),
            b'>' => out.extend_from_slice(b"&gt;"),
            b'&' => out.extend_from_slice(b"&amp;"),
            b'"' => out.extend_from_slice(b"&quot;"),
            b'\'' => out.extend_from_slice(b"&#39;"),
            0..=0x1f | 0x7f => out.push(b'?'),
            _ => out.push(*byte),
        }
    }
}
