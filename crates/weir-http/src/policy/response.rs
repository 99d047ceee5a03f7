//! The fields of a response as the client gets them.

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
    for field in fields.as_slice() {
        let name = field.name.of(buffer);
        let dropped = match field.kind {
            FieldName::ContentLength => true,
            FieldName::Trailer => !cx.trailers,
            FieldName::Other => name.eq_ignore_ascii_case(cx.correlation),
            _ => false,
        };
        if !field.hop && !dropped && !cx.edits.deletes(name) {
            sink.field(name, &[field.value.of(buffer)]);
        }
    }
    if let Some(sticky) = cx.sticky {
        sink.field(b"Set-Cookie", &[sticky.name, b"=", sticky.value, b"; Path=/"]);
    }
    sink.field(cx.correlation, &[cx.id.as_bytes()]);
    for (name, value) in cx.edits.added() {
        sink.field(name, &[value]);
    }
}
