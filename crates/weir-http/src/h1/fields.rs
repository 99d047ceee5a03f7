//! Field lines of a head, and what they say about framing and the connection.

use super::chars::{is_token, is_value, list, trim};
use super::head::{BadLine, line};
use crate::message::{Field, FieldName, Fields, Span, Version};

/// A rule that the field lines of a head break.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FieldError {
    /// RFC 9112 §2.2
    #[error("a line of the head does not end with CRLF")]
    BadLine,
    /// RFC 9112 §5.2
    #[error("a field line is folded over several lines")]
    Folded,
    /// RFC 9112 §5.1
    #[error("a field name is empty, has a forbidden byte or is followed by whitespace")]
    BadName,
    /// RFC 9110 §5.5
    #[error("a field value has a control byte")]
    BadValue,
    /// Limit.
    #[error("the head has too many field lines")]
    TooMany,
    /// RFC 9110 §7.6.1
    #[error("Connection lists something that is not a name")]
    BadOption,
    /// RFC 9112 §6.3
    #[error("Content-Length is not a number")]
    BadLength,
    /// RFC 9112 §6.3
    #[error("there is more than one Content-Length")]
    RepeatedLength,
    /// RFC 9112 §6.1
    #[error("the transfer coding is not a single chunked")]
    BadCoding,
    /// RFC 9112 §6.1
    #[error("there are both Content-Length and Transfer-Encoding")]
    LengthAndCoding,
    /// RFC 9112 §6.1
    #[error("HTTP/1.0 does not know Transfer-Encoding")]
    CodingInOldVersion,
}

impl From<BadLine> for FieldError {
    fn from(_: BadLine) -> Self {
        Self::BadLine
    }
}

/// What the fields say about the message as a whole.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Facts {
    pub(super) length: Option<u64>,
    pub(super) chunked: bool,
    pub(super) close: bool,
    pub(super) keep_alive: bool,
    pub(super) upgrade_option: bool,
    pub(super) upgrade_field: bool,
    pub(super) te_trailers: bool,
    pub(super) expect_continue: bool,
    pub(super) hosts: u32,
    /// `Connection` names a field that is not one of the standard options.
    names_fields: bool,
}

/// Parses field lines from `at` up to the empty line; where the body starts, `None` when the end
/// has not come.
pub(super) fn parse_fields(
    bytes: &[u8],
    mut at: usize,
    fields: &mut Fields,
) -> Result<Option<usize>, FieldError> {
    fields.clear();
    loop {
        if bytes[at..].starts_with(b"\r\n") {
            return Ok(Some(at + 2));
        }
        let Some((text, next)) = line(bytes, at)? else {
            check_partial(&bytes[at..])?;
            return Ok(None);
        };
        let field = parse_line(text, at)?;
        if !fields.push(field) {
            return Err(FieldError::TooMany);
        }
        at = next;
    }
}

/// Refuses a line that can only be wrong before its end has come.
fn check_partial(rest: &[u8]) -> Result<(), FieldError> {
    match rest.first() {
        Some(b' ' | b'\t') => Err(FieldError::Folded),
        Some(byte) if *byte != b'\r' && !is_token(*byte) => Err(FieldError::BadName),
        _ => Ok(()),
    }
}

fn parse_line(text: &[u8], at: usize) -> Result<Field, FieldError> {
    let colon = text.iter().position(|byte| !is_token(*byte)).ok_or(FieldError::BadName)?;
    if colon == 0 && matches!(text[0], b' ' | b'\t') {
        return Err(FieldError::Folded);
    }
    if colon == 0 || text[colon] != b':' {
        return Err(FieldError::BadName);
    }
    let value = trim(&text[colon + 1..]);
    if !value.iter().all(|byte| is_value(*byte)) {
        return Err(FieldError::BadValue);
    }
    let kind = FieldName::recognise(&text[..colon]);
    let start = at + (value.as_ptr() as usize - text.as_ptr() as usize);
    let value = Span::new(start, start + value.len());
    let hop = is_connection_specific(kind);
    Ok(Field { kind, hop, name: Span::new(at, at + colon), value })
}

/// RFC 9110 §7.6.1: these concern one connection.
fn is_connection_specific(kind: FieldName) -> bool {
    use FieldName as F;
    matches!(
        kind,
        F::Connection
            | F::KeepAlive
            | F::ProxyConnection
            | F::Te
            | F::TransferEncoding
            | F::Upgrade
    )
}

/// Reads the fields that delimit the message or steer the connection, and marks those that
/// `Connection` names.
pub(super) fn examine(
    bytes: &[u8],
    fields: &mut Fields,
    version: Version,
) -> Result<Facts, FieldError> {
    let mut facts = Facts::default();
    let mut coded = false;
    for field in fields.as_slice() {
        let value = field.value.of(bytes);
        match field.kind {
            FieldName::ContentLength => {
                // Beyond 63 bits another implementation may see a negative number.
                let length = super::chars::decimal(value).filter(|n| *n <= i64::MAX as u64);
                let length = length.ok_or(FieldError::BadLength)?;
                if facts.length.replace(length).is_some() {
                    return Err(FieldError::RepeatedLength);
                }
            }
            FieldName::TransferEncoding => {
                if coded || !value.eq_ignore_ascii_case(b"chunked") {
                    return Err(FieldError::BadCoding);
                }
                coded = true;
            }
            FieldName::Connection => connection_options(value, &mut facts)?,
            FieldName::Upgrade => facts.upgrade_field = true,
            FieldName::Te => {
                let trailers = |coding: &[u8]| coding.eq_ignore_ascii_case(b"trailers");
                facts.te_trailers |= list(value).any(trailers);
            }
            FieldName::Expect => {
                facts.expect_continue |= value.eq_ignore_ascii_case(b"100-continue");
            }
            FieldName::Host => facts.hosts += 1,
            _ => {}
        }
    }
    facts.chunked = coded;
    if coded && facts.length.is_some() {
        return Err(FieldError::LengthAndCoding);
    }
    if coded && version < Version::Http11 {
        return Err(FieldError::CodingInOldVersion);
    }
    if facts.names_fields {
        mark_named_fields(bytes, fields);
    }
    Ok(facts)
}

fn connection_options(value: &[u8], facts: &mut Facts) -> Result<(), FieldError> {
    for option in list(value) {
        if option.eq_ignore_ascii_case(b"close") {
            facts.close = true;
        } else if option.eq_ignore_ascii_case(b"keep-alive") {
            facts.keep_alive = true;
        } else if option.eq_ignore_ascii_case(b"upgrade") {
            facts.upgrade_option = true;
        } else if option.iter().all(|byte| is_token(*byte)) {
            facts.names_fields = true;
        } else {
            return Err(FieldError::BadOption);
        }
    }
    Ok(())
}

/// Marks the fields that `Connection` names, but for those that delimit the message, say what it is
/// for or what proxies know of it: no client can have those removed.
fn mark_named_fields(bytes: &[u8], fields: &mut Fields) {
    for i in 0..fields.as_slice().len() {
        let field = fields.as_slice()[i];
        if field.kind != FieldName::Other || field.hop {
            continue;
        }
        let name = field.name.of(bytes);
        let named = fields
            .as_slice()
            .iter()
            .filter(|other| other.kind == FieldName::Connection)
            .flat_map(|other| list(other.value.of(bytes)))
            .any(|option| option.eq_ignore_ascii_case(name));
        fields.as_mut_slice()[i].hop = named;
    }
}
