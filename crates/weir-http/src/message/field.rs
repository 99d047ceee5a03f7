//! Field lines of a head, RFC 9110 §5.

use super::{Span, bytes::token_is};

/// Fields whose name the proxy acts on; every other name is [`FieldName::Other`].
///
/// Names compare case-insensitively.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "each variant is the field of that name")]
pub enum FieldName {
    Authorization,
    ClientCert,
    ClientCertChain,
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
    StrictTransportSecurity,
    Te,
    Traceparent,
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
    /// Recognises a name, which is a token; case does not matter.
    #[inline]
    pub fn recognise(name: &[u8]) -> Self {
        match name.len() {
            2 if token_is(name, b"te") => Self::Te,
            4 if token_is(name, b"host") => Self::Host,
            4 if token_is(name, b"date") => Self::Date,
            6 if token_is(name, b"cookie") => Self::Cookie,
            6 if token_is(name, b"expect") => Self::Expect,
            7 if token_is(name, b"upgrade") => Self::Upgrade,
            7 if token_is(name, b"trailer") => Self::Trailer,
            9 if token_is(name, b"x-real-ip") => Self::XRealIp,
            9 if token_is(name, b"forwarded") => Self::Forwarded,
            10 if token_is(name, b"user-agent") => Self::UserAgent,
            10 if token_is(name, b"connection") => Self::Connection,
            10 if token_is(name, b"set-cookie") => Self::SetCookie,
            10 if token_is(name, b"keep-alive") => Self::KeepAlive,
            11 if token_is(name, b"traceparent") => Self::Traceparent,
            11 if token_is(name, b"client-cert") => Self::ClientCert,
            12 if token_is(name, b"x-request-id") => Self::XRequestId,
            13 if token_is(name, b"authorization") => Self::Authorization,
            14 if token_is(name, b"content-length") => Self::ContentLength,
            15 if token_is(name, b"x-forwarded-for") => Self::XForwardedFor,
            16 if token_is(name, b"x-forwarded-host") => Self::XForwardedHost,
            16 if token_is(name, b"x-forwarded-port") => Self::XForwardedPort,
            16 if token_is(name, b"proxy-connection") => Self::ProxyConnection,
            17 if token_is(name, b"x-forwarded-proto") => Self::XForwardedProto,
            17 if token_is(name, b"transfer-encoding") => Self::TransferEncoding,
            17 if token_is(name, b"client-cert-chain") => Self::ClientCertChain,
            25 if token_is(name, b"strict-transport-security") => Self::StrictTransportSecurity,
            _ => Self::Other,
        }
    }

    /// Whether a trailer section may carry it: never what frames, routes or authenticates a message
    /// or says who sent it (RFC 9110 §6.5.1).
    pub const fn may_trail(self) -> bool {
        matches!(self, Self::Other | Self::Date)
    }

    /// Connection-specific, RFC 9110 §7.6.1: for the next peer only, whatever `Connection` says.
    pub const fn is_connection_specific(self) -> bool {
        matches!(
            self,
            Self::Connection
                | Self::KeepAlive
                | Self::ProxyConnection
                | Self::Te
                | Self::TransferEncoding
                | Self::Upgrade
        )
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

    /// Emits a field of the head in `buffer` as it was received.
    fn received(&mut self, buffer: &[u8], field: &Field) {
        self.field(field.name.of(buffer), &[field.value.of(buffer)]);
    }
}

#[cfg(test)]
mod tests {
    use super::{FieldName::*, *};

    #[test]
    fn names_are_recognised_whatever_their_case() {
        let known = [
            ("Authorization", Authorization),
            ("Connection", Connection),
            ("Content-Length", ContentLength),
            ("Cookie", Cookie),
            ("Date", Date),
            ("Expect", Expect),
            ("Forwarded", Forwarded),
            ("Host", Host),
            ("Keep-Alive", KeepAlive),
            ("Proxy-Connection", ProxyConnection),
            ("Set-Cookie", SetCookie),
            ("TE", Te),
            ("Trailer", Trailer),
            ("Transfer-Encoding", TransferEncoding),
            ("Upgrade", Upgrade),
            ("User-Agent", UserAgent),
            ("X-Forwarded-For", XForwardedFor),
            ("X-Forwarded-Host", XForwardedHost),
            ("X-Forwarded-Port", XForwardedPort),
            ("X-Forwarded-Proto", XForwardedProto),
            ("X-Real-IP", XRealIp),
            ("X-Request-Id", XRequestId),
            ("traceparent", Traceparent),
        ];
        for (name, kind) in known {
            assert_eq!(FieldName::recognise(name.as_bytes()), kind);
            assert_eq!(FieldName::recognise(name.to_ascii_lowercase().as_bytes()), kind);
            assert_eq!(FieldName::recognise(name.to_ascii_uppercase().as_bytes()), kind);
            for at in 0..name.len() {
                let mut other = name.as_bytes().to_vec();
                other[at] = b'_';
                assert_eq!(FieldName::recognise(&other), Other, "{name} changed at {at}");
            }
            assert_eq!(FieldName::recognise(&name.as_bytes()[1..]), Other);
        }
        assert_eq!(FieldName::recognise(b""), Other);
    }
}
