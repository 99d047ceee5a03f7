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

impl FieldName {
    /// The field of that name.
    pub fn recognise(name: &[u8]) -> Self {
        use FieldName as F;
        let (text, kind): (&[u8], Self) = match (name.len(), name.first().map(|b| b | 0x20)) {
            (2, _) => (b"te", F::Te),
            (4, Some(b'h')) => (b"host", F::Host),
            (4, _) => (b"date", F::Date),
            (6, Some(b'c')) => (b"cookie", F::Cookie),
            (6, _) => (b"expect", F::Expect),
            (7, Some(b't')) => (b"trailer", F::Trailer),
            (7, _) => (b"upgrade", F::Upgrade),
            (9, Some(b'f')) => (b"forwarded", F::Forwarded),
            (9, _) => (b"x-real-ip", F::XRealIp),
            (10, Some(b'c')) => (b"connection", F::Connection),
            (10, Some(b'k')) => (b"keep-alive", F::KeepAlive),
            (10, Some(b's')) => (b"set-cookie", F::SetCookie),
            (10, _) => (b"user-agent", F::UserAgent),
            (12, _) => (b"x-request-id", F::XRequestId),
            (13, _) => (b"authorization", F::Authorization),
            (14, _) => (b"content-length", F::ContentLength),
            (15, _) => (b"x-forwarded-for", F::XForwardedFor),
            (16, Some(b'p')) => (b"proxy-connection", F::ProxyConnection),
            (16, _) if name[12] | 0x20 == b'h' => (b"x-forwarded-host", F::XForwardedHost),
            (16, _) => (b"x-forwarded-port", F::XForwardedPort),
            (17, Some(b't')) => (b"transfer-encoding", F::TransferEncoding),
            (17, _) => (b"x-forwarded-proto", F::XForwardedProto),
            _ => return F::Other,
        };
        if name.eq_ignore_ascii_case(text) { kind } else { F::Other }
    }

    /// Whether a trailer section may carry it: never what frames, routes or authenticates a message
    /// or says who sent it (RFC 9110 §6.5.1).
    pub fn may_trail(self) -> bool {
        matches!(self, Self::Other | Self::Date)
    }
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
