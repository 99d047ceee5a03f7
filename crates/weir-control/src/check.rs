//! What texts and objects of the state must be, whoever writes them: the configuration file or a
//! client of the control socket.
//!
//! Must not know: where a mistake stands, how it is shown.

mod access;
mod health;
mod rates;
mod sessions;
mod tcp;
mod tls;
mod udp;

use weir_base::Address;
use weir_http::answers::Template;
use weir_http::message::FieldName;
use weir_http::policy::{EditError, Edits, RewriteTemplate};
use weir_route::{PathRule, Rule, RuleError};

use crate::state::{Backend, EditPosition, Frontend, HeaderEdit};
pub(crate) use access::{block, known_lists, list};
pub(crate) use health::{affinity, datagram_probe, fail_open, health, one_health};
pub(crate) use rates::{WrittenRate, rate_limit, rate_limits};
pub(crate) use sessions::sessions;
pub(crate) use tcp::{
    LEAST_HELLO_BYTES, MOST_HELLO_BYTES, for_tcp, hello_bytes, protocols, proxied, sni,
};
pub(crate) use tls::{
    HTTPS_FOR_CERTIFICATES, HTTPS_FOR_HSTS, alpn, backend_tls, cipher_suite, group, host_pattern,
    listener_tls, server_name,
};
pub(crate) use udp::{datagram_bytes, for_udp, proxy_datagrams};

/// Bytes of an id.
const LONGEST_ID: usize = 255;

/// What is wrong.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Problem {
    /// A sentence.
    pub(crate) message: String,
    /// A few words for the place.
    pub(crate) label: String,
    /// What to do.
    pub(crate) help: Option<String>,
}

impl Problem {
    fn new(message: impl Into<String>) -> Self {
        Self { message: message.into(), ..Self::default() }
    }

    fn label(self, label: impl Into<String>) -> Self {
        Self { label: label.into(), ..self }
    }

    fn help(self, help: impl Into<String>) -> Self {
        Self { help: Some(help.into()), ..self }
    }
}

/// A name of a cookie, RFC 9110 §5.6.2.
pub(crate) fn token(key: &str, text: &str) -> Result<(), Problem> {
    let is_token = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
    if text.is_empty() || !text.bytes().all(is_token) {
        let message = format!("`{key}` is a name of letters, digits and a few signs (RFC 9110)");
        return Err(Problem::new(message).label("not a name"));
    }
    Ok(())
}

/// A name of a field that can be set.
pub(crate) fn field_name(key: &str, name: &str) -> Result<(), Problem> {
    token(key, name)?;
    let kind = FieldName::recognise(name.as_bytes());
    let frames = matches!(kind, FieldName::ContentLength | FieldName::Trailer);
    if frames || kind.is_connection_specific() {
        let message = format!("`{name}` belongs to one connection: Weir writes it itself");
        return Err(Problem::new(message).label("RFC 9110 §7.6"));
    }
    Ok(())
}

/// A name of a field that can hold the id of every message: nothing else gives it a meaning.
pub(crate) fn id_field_name(key: &str, name: &str) -> Result<(), Problem> {
    field_name(key, name)?;
    let kind = FieldName::recognise(name.as_bytes());
    if !matches!(kind, FieldName::Other | FieldName::XRequestId) {
        let message = format!("`{name}` has a meaning of its own, which an id would hide");
        return Err(Problem::new(message).help("choose a name that nothing else uses"));
    }
    Ok(())
}

/// Text that can stand in a field.
pub(crate) fn field_value(key: &str, text: &str) -> Result<(), Problem> {
    if text.chars().any(|c| c.is_control() && c != '\t') {
        let message = format!("`{key}` has a control character, which no field may hold");
        return Err(Problem::new(message));
    }
    Ok(())
}

/// An id that can stand in logs, answers and fields.
pub(crate) fn id(what: &str, id: &str) -> Result<(), Problem> {
    let problem = if id.is_empty() {
        "is empty"
    } else if id.len() > LONGEST_ID {
        "is longer than 255 bytes"
    } else if id.contains(char::is_control) {
        "has a control character"
    } else {
        return Ok(());
    };
    Err(Problem::new(format!("the id of {what} {problem}")))
}

/// What the sticky cookie would hold, RFC 6265 §4.1.1.
pub(crate) fn cookie(backend: &Backend) -> Result<(), Problem> {
    let value = backend.sticky_id.as_ref().unwrap_or(&backend.id);
    let is_good = |byte: u8| byte.is_ascii_graphic() && !b"\",;\\".contains(&byte);
    if value.is_empty() || !value.bytes().all(is_good) {
        let message = format!("`{value}` cannot be the value of the sticky cookie");
        let help = "give the backend a `sticky_id` of letters and digits";
        return Err(Problem::new(message).help(help));
    }
    Ok(())
}

/// The address of a backend.
pub(crate) fn backend_address(address: &Address) -> Result<(), Problem> {
    match address.ip().map(|address| address.port()) {
        Some(0) => Err(Problem::new("a backend cannot listen on port 0")),
        _ => Ok(()),
    }
}

/// Connections to a backend that may be in use.
pub(crate) fn max_connections(limit: Option<u32>) -> Result<(), Problem> {
    if limit == Some(0) {
        let message = "a backend with a `max_connections` of 0 could serve nobody";
        return Err(Problem::new(message).help("leave it out for any number"));
    }
    Ok(())
}

/// An entry of `authorized_hashes`.
pub(crate) fn authorized_hash(text: &str) -> Result<(), Problem> {
    let hex = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
    let good = text
        .rsplit_once(':')
        .is_some_and(|(user, hash)| !user.is_empty() && hash.len() == 64 && hash.bytes().all(hex));
    if !good {
        let message = "an authorized hash is `user:` and 64 lower-case hex digits (SHA-256)";
        let help = "printf %s \"$PASSWORD\" | sha256sum";
        return Err(Problem::new(message).label("not a hash").help(help));
    }
    Ok(())
}

/// The key of an answer.
pub(crate) fn status(text: &str) -> Result<u16, Problem> {
    let status = text.parse().ok().filter(|status| (200..600).contains(status));
    status.ok_or_else(|| {
        let message = format!("`{text}` is not a status of an answer");
        Problem::new(message).help("write three digits, such as 503")
    })
}

/// The text of an answer.
pub(crate) fn answer(status: u16, text: &str) -> Result<(), Problem> {
    let compiled = Template::compile(Some(status), text);
    compiled.map(drop).map_err(|error| {
        let message = format!("the answer for {status} is not a template");
        Problem::new(message).label(error.to_string())
    })
}

/// One edit of a field.
pub(crate) fn edit(key: &str, value: &str) -> Result<(), Problem> {
    Edits::new([(key, value)]).map(drop).map_err(|error| Problem::new(error.to_string()))
}

/// What is wrong with a frontend, each with the key that it is about; its edits were held against
/// [`edit`] one by one.
pub(crate) fn frontend(frontend: &Frontend) -> Vec<(&'static str, Problem)> {
    let mut problems = Vec::new();
    let rule = Rule::from(frontend.id());
    match weir_route::check(&rule) {
        Ok(captures) => {
            let rewrites = [
                ("rewrite_host", &frontend.rewrite_host),
                ("rewrite_path", &frontend.rewrite_path),
            ];
            for (key, text) in rewrites {
                let compile = |text| RewriteTemplate::compile(text, captures.host, captures.path);
                if let Some(Err(error)) = text.as_deref().map(compile) {
                    problems.push((key, Problem::new(error.to_string())));
                }
            }
        }
        Err(error) => problems.push((key_of(&error, &rule), Problem::new(error.to_string()))),
    }
    let template = frontend.redirect_template.as_deref();
    if let Some(Err(error)) = template.map(|text| Template::compile(None, text)) {
        let problem = Problem::new("the redirect template is not a template");
        problems.push(("redirect_template", problem.label(error.to_string())));
    }
    if [EditPosition::Request, EditPosition::Response]
        .into_iter()
        .any(|side| are_too_many(&frontend.headers, side))
    {
        problems.push(("headers", Problem::new(EditError::TooMany.to_string())));
    }
    problems
}

fn are_too_many(edits: &[HeaderEdit], side: EditPosition) -> bool {
    let here = |edit: &&HeaderEdit| edit.position == side || edit.position == EditPosition::Both;
    edits.iter().filter(here).count() > weir_http::policy::MOST_EDITS
}

/// The key that a mistake in a rule is about.
pub(crate) fn key_of(error: &RuleError, rule: &Rule) -> &'static str {
    let path = match &rule.path {
        PathRule::Regex(path) => Some(path),
        PathRule::Prefix(_) | PathRule::Equals(_) => None,
    };
    match error {
        RuleError::BadPath(_) | RuleError::PathCharacter { .. } => "path",
        RuleError::BadMethod(_) => "method",
        RuleError::ListFull(_) => "position",
        RuleError::BadRegex { pattern, .. } | RuleError::RegexTooLarge(pattern)
            if path == Some(pattern) =>
        {
            "path"
        }
        RuleError::RegexTooLong(length) if path.is_some_and(|path| path.len() == *length) => "path",
        RuleError::TooManyRegexes if path.is_some() => "path",
        _ => "hostname",
    }
}
