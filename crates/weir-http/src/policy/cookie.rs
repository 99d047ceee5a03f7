//! The sticky-session cookie in `Cookie` fields, RFC 6265 §4.2.

use crate::message::{FieldName, FieldSink, Fields};

/// The value of the cookie `name`, if the request has it; the first one counts.
pub fn sticky_cookie<'a>(fields: &Fields, buffer: &'a [u8], name: &[u8]) -> Option<&'a [u8]> {
    fields
        .as_slice()
        .iter()
        .filter(|field| field.kind == FieldName::Cookie)
        .flat_map(|field| pairs(field.value.of(buffer)))
        .find_map(|pair| value_of(pair, name))
}

/// Cookies of one field that are looked at; one with more passes as it is.
const MOST_COOKIES: usize = 64;

/// Emits a `Cookie` field without the cookie `name`; nothing if no other cookie is in it.
pub(super) fn strip<S: FieldSink>(field_name: &[u8], value: &[u8], name: &[u8], sink: &mut S) {
    if !pairs(value).any(|pair| value_of(pair, name).is_some()) {
        return sink.field(field_name, &[value]);
    }
    let mut parts = [&b""[..]; 2 * MOST_COOKIES];
    let mut used = 0;
    for pair in pairs(value).filter(|pair| value_of(pair, name).is_none() && !pair.is_empty()) {
        let Some([separator, slot]) = parts.get_mut(used..used + 2) else {
            return sink.field(field_name, &[value]);
        };
        *separator = if used == 0 { b"" } else { b"; " };
        *slot = pair;
        used += 2;
    }
    if used > 0 {
        sink.field(field_name, &parts[..used]);
    }
}

fn pairs(value: &[u8]) -> impl Iterator<Item = &[u8]> {
    value.split(|byte| *byte == b';').map(<[u8]>::trim_ascii)
}

fn value_of<'a>(pair: &'a [u8], name: &[u8]) -> Option<&'a [u8]> {
    pair.strip_prefix(name)?.strip_prefix(b"=")
}
