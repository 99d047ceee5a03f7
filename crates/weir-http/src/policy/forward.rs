//! The fields of a request as the backend gets them.

use std::net::{IpAddr, SocketAddr};

use super::outgoing::Outgoing;
use super::text::Text;
use super::{Edits, RequestId, cookie};
use crate::message::{Field, FieldName, FieldSink, Fields, RequestHead};

/// What a listener says about forwarding.
#[derive(Clone, Debug)]
pub struct ForwardOptions {
    /// Name of the correlation field, which only the proxy sets.
    pub correlation: Box<[u8]>,
    /// Name of the sticky-session cookie.
    pub sticky_name: Box<[u8]>,
    /// Remove `X-Real-IP` sent by the client.
    pub elide_x_real_ip: bool,
    /// Say the client's address in `X-Real-IP`, in place of what the client sent.
    pub send_x_real_ip: bool,
}

/// What is known of one request.
#[derive(Clone, Copy)]
pub struct RequestContext<'a> {
    /// The client.
    pub client: SocketAddr,
    /// What the client connected to.
    pub public: SocketAddr,
    /// The client's connection is encrypted.
    pub https: bool,
    /// Identity of the request.
    pub id: &'a RequestId,
    /// The listener's options.
    pub options: &'a ForwardOptions,
    /// The sticky cookie is ours and must not reach the backend.
    pub strip_sticky: bool,
    /// Edits of the route.
    pub edits: &'a Edits,
    /// The authority that replaces the client's.
    pub host: Option<&'a [u8]>,
    /// What the client showed and was verified.
    pub identity: ClientIdentity<'a>,
}

/// The certificate of a client as the fields of RFC 9440 tell it; empty: it showed none. What a
/// client says of itself in these fields is never passed on.
#[derive(Clone, Copy, Debug, Default)]
pub struct ClientIdentity<'a> {
    /// `Client-Cert`
    pub certificate: &'a [u8],
    /// `Client-Cert-Chain`
    pub chain: &'a [u8],
}

/// Emits all fields but those of framing and connection, which belong to the version.
pub fn request_fields<S: FieldSink>(
    head: &RequestHead,
    fields: &Fields,
    buffer: &[u8],
    cx: &RequestContext<'_>,
    sink: &mut S,
) {
    let mut out = Outgoing::new(cx.edits, &cx.options.correlation, sink);
    host_fields(head.target.authority.of(buffer), cx, &mut out);
    let peer = Peer::new(cx);
    let mut seen = Seen::default();
    let lines = fields.as_slice();
    for (at, field) in lines.iter().enumerate().filter(|(_, field)| !field.hop) {
        let (name, value) = (field.name.of(buffer), field.value.of(buffer));
        match field.kind {
            FieldName::Host | FieldName::ContentLength => {}
            FieldName::ClientCert | FieldName::ClientCertChain => {}
            FieldName::XForwardedFor if is_last(lines, at) => {
                seen.forwarded_for = true;
                out.field(name, &[value, separator(value), peer.client.as_bytes()]);
            }
            FieldName::Forwarded if hides_what_follows(value) => {}
            FieldName::Forwarded if is_last(lines, at) => {
                seen.forwarded = true;
                peer.forwarded(name, value, &mut out);
            }
            FieldName::XRealIp if cx.options.elide_x_real_ip || cx.options.send_x_real_ip => {}
            FieldName::XForwardedHost if cx.host.is_some() => {}
            FieldName::Cookie if cx.strip_sticky => {
                cookie::strip(buffer, field, &cx.options.sticky_name, &mut out);
            }
            kind => {
                seen.note(kind);
                out.received(buffer, field);
            }
        }
    }
    missing_fields(&seen, &peer, cx, &mut out);
    out.finish(cx.id);
}

/// Which of the fields that we add were there.
#[derive(Default)]
struct Seen {
    forwarded_for: bool,
    forwarded: bool,
    proto: bool,
    port: bool,
    request_id: bool,
}

impl Seen {
    fn note(&mut self, kind: FieldName) {
        match kind {
            FieldName::XForwardedProto => self.proto = true,
            FieldName::XForwardedPort => self.port = true,
            FieldName::XRequestId => self.request_id = true,
            _ => {}
        }
    }
}

/// `Host` comes first (RFC 9110 §7.2). What the client asked for is told when the route asks for
/// something else.
fn host_fields<S: FieldSink>(original: &[u8], cx: &RequestContext<'_>, out: &mut Outgoing<'_, S>) {
    let host = cx.edits.host().or(cx.host).unwrap_or(original);
    out.own(b"Host", &[host]);
    if cx.host.is_some() {
        out.field(b"X-Forwarded-Host", &[original]);
    }
}

fn missing_fields<S: FieldSink>(
    seen: &Seen,
    peer: &Peer,
    cx: &RequestContext<'_>,
    out: &mut Outgoing<'_, S>,
) {
    if !seen.forwarded_for {
        out.field(b"X-Forwarded-For", &[peer.client.as_bytes()]);
    }
    if !seen.forwarded {
        peer.forwarded(b"Forwarded", b"", out);
    }
    if !seen.proto {
        out.field(b"X-Forwarded-Proto", &[if cx.https { b"https" } else { b"http" }]);
    }
    if !seen.port {
        let mut port = itoa::Buffer::new();
        out.field(b"X-Forwarded-Port", &[port.format(cx.public.port()).as_bytes()]);
    }
    if cx.options.send_x_real_ip {
        out.field(b"X-Real-IP", &[peer.client.as_bytes()]);
    }
    if !cx.identity.certificate.is_empty() {
        out.own(b"Client-Cert", &[cx.identity.certificate]);
    }
    if !cx.identity.chain.is_empty() {
        out.own(b"Client-Cert-Chain", &[cx.identity.chain]);
    }
    if !seen.request_id {
        out.field(b"X-Request-Id", &[cx.id.as_bytes()]);
    }
}

/// Both ends of the client's connection as text. An IPv4 address that arrived on an IPv6 socket is
/// an IPv4 address.
struct Peer {
    client: Text,
    port: u16,
    public: Text,
    /// What stands around the client's address and port in `Forwarded`.
    for_: [&'static [u8]; 2],
    /// What stands around ours.
    by: [&'static [u8]; 2],
}

impl Peer {
    fn new(cx: &RequestContext<'_>) -> Self {
        let (client, public) = (cx.client.ip().to_canonical(), cx.public.ip().to_canonical());
        Self {
            client: Text::ip(client),
            port: cx.client.port(),
            public: Text::ip(public),
            for_: match (cx.https, client) {
                (false, IpAddr::V4(_)) => [b"proto=http;for=\"", b":"],
                (false, IpAddr::V6(_)) => [b"proto=http;for=\"[", b"]:"],
                (true, IpAddr::V4(_)) => [b"proto=https;for=\"", b":"],
                (true, IpAddr::V6(_)) => [b"proto=https;for=\"[", b"]:"],
            },
            by: match public {
                IpAddr::V4(_) => [b"\";by=", b""],
                IpAddr::V6(_) => [b"\";by=\"[", b"]\""],
            },
        }
    }

    /// Emits `value` with an element of our own, RFC 7239 §4; an IPv6 address is in brackets and
    /// quoted (§6).
    fn forwarded<S: FieldSink>(&self, name: &[u8], value: &[u8], out: &mut Outgoing<'_, S>) {
        let (client, public) = (self.client.as_bytes(), self.public.as_bytes());
        let mut port = itoa::Buffer::new();
        let port = port.format(self.port).as_bytes();
        let ([for_, colon], [by, end]) = (self.for_, self.by);
        let comma = separator(value);
        out.field(name, &[value, comma, for_, client, colon, port, by, public, end]);
    }
}

fn separator(value: &[u8]) -> &'static [u8] {
    if value.is_empty() { b"" } else { b", " }
}

/// Of several lines that form one list, only the last is extended (RFC 9110 §5.3).
fn is_last(lines: &[Field], at: usize) -> bool {
    !lines[at + 1..].iter().any(|field| field.kind == lines[at].kind && !field.hop)
}

/// A quoted string that does not end would swallow our own element (RFC 9110 §5.6.4).
fn hides_what_follows(value: &[u8]) -> bool {
    let mut quoted = false;
    let mut bytes = value.iter();
    while let Some(byte) = bytes.next() {
        match byte {
            b'"' => quoted = !quoted,
            b'\\' if quoted => _ = bytes.next(),
            _ => {}
        }
    }
    quoted
}

#[cfg(test)]
mod tests;
