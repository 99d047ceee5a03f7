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
    /// The other side gets trailers: `Trailer` may announce them.
    pub trailers: bool,
}

/// Emits all fields but those of framing and connection, which belong to the version.
pub fn response_fields<S: FieldSink>(
    fields: &Fields,
    buffer: &[u8],
    cx: &ResponseContext<'_>,
    sink: &mut S,
) {
    let mut out = Outgoing::new(cx.edits, cx.correlation, sink);
    for field in fields.as_slice().iter().filter(|field| !field.hop) {
        match field.kind {
            FieldName::ContentLength => {}
            FieldName::Trailer if !cx.trailers => {}
            _ => out.received(buffer, field),
        }
    }
    if let Some(sticky) = cx.sticky {
        out.own(b"Set-Cookie", &[sticky.name, b"=", sticky.value, b"; Path=/"]);
    }
    out.finish(cx.id);
}

#[cfg(test)]
mod tests;
