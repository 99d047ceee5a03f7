//! The fields of a response as the client gets them.

use super::outgoing::Outgoing;
use super::{Edits, RequestId};
use crate::message::{FieldName, FieldSink, Fields};

/// The sticky cookie to be set.
#[derive(Clone, Copy, Debug)]
pub struct Sticky<'a> {
    /// Its name.
    pub name: &'a [u8],
    /// The backend's identity.
    pub value: &'a [u8],
}

/// What is known of one response.
#[derive(Clone, Copy)]
pub struct ResponseContext<'a> {
    /// Identity of the request.
    pub id: &'a RequestId,
    /// Name of the correlation field.
    pub correlation: &'a [u8],
    /// The cookie to set.
    pub sticky: Option<Sticky<'a>>,
    /// Edits of the route.
    pub edits: &'a Edits,
    /// The time, for a response that does not tell it (RFC 9110 §6.6.1).
    pub date: &'a [u8],
    /// The other side gets trailers: `Trailer` may announce them.
    pub trailers: bool,
    /// What the client is told about coming back, on an encrypted connection.
    pub hsts: Option<&'a Hsts>,
}

/// `Strict-Transport-Security`, RFC 6797.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hsts {
    /// Its value.
    pub value: Box<[u8]>,
    /// In place of what the backend says.
    pub force: bool,
}

/// Emits all fields but those of framing and connection, which belong to the version.
pub fn response_fields<S: FieldSink>(
    fields: &Fields,
    buffer: &[u8],
    cx: &ResponseContext<'_>,
    sink: &mut S,
) {
    let mut out = Outgoing::new(cx.edits, cx.correlation, sink);
    let mut dated = false;
    let mut secured = false;
    let forced = cx.hsts.is_some_and(|hsts| hsts.force);
    for field in fields.as_slice().iter().filter(|field| !field.hop) {
        dated |= field.kind == FieldName::Date;
        secured |= field.kind == FieldName::StrictTransportSecurity;
        match field.kind {
            FieldName::ContentLength => {}
            FieldName::StrictTransportSecurity if forced => {}
            FieldName::Trailer if !cx.trailers => {}
            _ => out.received(buffer, field),
        }
    }
    if !dated {
        out.field(b"Date", &[cx.date]);
    }
    if let Some(hsts) = cx.hsts.filter(|_| forced || !secured) {
        out.field(b"Strict-Transport-Security", &[&hsts.value]);
    }
    if let Some(sticky) = cx.sticky {
        out.own(b"Set-Cookie", &[sticky.name, b"=", sticky.value, b"; Path=/"]);
    }
    out.finish(cx.id);
}

/// Emits the fields of an interim response, RFC 9110 §15.2: those that the edits delete stay behind
/// here too, nothing is added.
pub fn interim_fields<S: FieldSink>(fields: &Fields, buffer: &[u8], edits: &Edits, sink: &mut S) {
    let mut out = Outgoing::new(edits, b"", sink);
    for field in fields.as_slice().iter().filter(|field| !field.hop) {
        if field.kind != FieldName::ContentLength {
            out.received(buffer, field);
        }
    }
}

#[cfg(test)]
mod tests;
