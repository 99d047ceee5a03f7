//! Field lines of a head, RFC 9110 §5.

use super::Span;

/// Fields whose name the proxy acts on; every other name is [`FieldName::Other`].
///
/// Names compare case-insensitively.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "each variant is the field of that name")]
pub enum FieldName {
    Authorization,
    Connection,
    ContentLength,
    Cookie,
    Date,
    Expect,
    Forwarded,
    Host,
    KeepAlive,
    ProxyConnection,
    SetCookie,
    Te,
    Trailer,
    TransferEncoding,
    Upgrade,
    UserAgent,
    XForwardedFor,
    XForwardedHost,
    XForwardedPort,
    XForwardedProto,
    XRealIp,
    XRequestId,
    Other,
}

/// One field line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Field {
    /// Which field it is, when the proxy cares.
    pub kind: FieldName,
    /// True when it must not be forwarded: a connection-specific field, or one that `Connection`
    /// named (RFC 9110 §7.6.1). The parser decides; encoders skip it.
    pub hop: bool,
    /// Its name as received.
    pub name: Span,
    /// Its value without surrounding whitespace.
    pub value: Span,
}

/// The field lines of one head in the order received, at most `capacity` of them.
///
/// A worker owns one for requests and one for responses and reuses them for every head.
#[derive(Debug)]
pub struct Fields {
    lines: Vec<Field>,
    capacity: usize,
}

impl Fields {
    /// Room for `capacity` lines, reserved at once.
    pub fn with_capacity(capacity: usize) -> Self {
        Self { lines: Vec::with_capacity(capacity), capacity }
    }

    /// Forgets all lines.
    pub fn clear(&mut self) {
        self.lines.clear();
    }

    /// Adds a line; false when there is no room.
    #[must_use]
    pub fn push(&mut self, field: Field) -> bool {
        let room = self.lines.len() < self.capacity;
        if room {
            self.lines.push(field);
        }
        room
    }

    /// All lines, in order.
    pub fn as_slice(&self) -> &[Field] {
        &self.lines
    }

    /// All lines, in order.
    pub fn as_mut_slice(&mut self) -> &mut [Field] {
        &mut self.lines
    }

    /// The first line of that name.
    pub fn first(&self, kind: FieldName) -> Option<&Field> {
        self.lines.iter().find(|field| field.kind == kind)
    }
}

/// Where the field lines of an outgoing head go; each HTTP version has its own.
pub trait FieldSink {
    /// Emits one field line; its value is the concatenation of `value`.
    fn field(&mut self, name: &[u8], value: &[&[u8]]);
}
