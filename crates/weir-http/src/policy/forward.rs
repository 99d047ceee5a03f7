//! The fields of a request as the backend gets them.

use std::net::{IpAddr, SocketAddr};

use super::text::Text;
use super::{Edits, RequestId, cookie};
use crate::message::{Field, FieldName, FieldSink, Fields, RequestHead};

/// What a listener says about forwarding.
#[derive(Clone, Debug)]
pub struct ForwardOptions {
    /// Name of the correlation field.
    pub correlation: Box<[u8]>,
    /// Name of the sticky-session cookie.
    pub sticky_name: Box<[u8]>,
    /// Remove `X-Real-IP` sent by the client.
    pub elide_x_real_ip: bool,
    /// Say the client's address in `X-Real-IP`.
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

/// Emits all fields but those of framing and connection, which belong to the version.
pub fn request_fields<S: FieldSink>(
    head: &RequestHead,
    fields: &Fields,
    buffer: &[u8],
    cx: &RequestContext<'_>,
    sink: &mut S,
) {
    host_fields(head, buffer, cx, sink);
    let client = Text::ip(cx.client.ip());
    let mut seen = Seen::default();
    let last = |kind| fields.as_slice().iter().rposition(|field| field.kind == kind);
    for (at, field) in fields.as_slice().iter().enumerate() {
        if field.hop || cx.edits.deletes(field.name.of(buffer)) {
            continue;
        }
        let (name, value) = (field.name.of(buffer), field.value.of(buffer));
        match field.kind {
            FieldName::Host | FieldName::ContentLength => {}
            FieldName::XForwardedFor if last(field.kind) == Some(at) => {
                seen.forwarded_for = true;
                sink.field(name, &[value, separator(value), client.as_bytes()]);
            }
            FieldName::Forwarded if last(field.kind) == Some(at) => {
                seen.forwarded = true;
                forwarded(name, value, &client, cx, sink);
            }
            FieldName::XRealIp if cx.options.elide_x_real_ip || cx.options.send_x_real_ip => {}
            FieldName::XForwardedHost if cx.host.is_some() => {}
            FieldName::Cookie if cx.strip_sticky => {
                cookie::strip(name, value, &cx.options.sticky_name, sink);
            }
            FieldName::Other if is_correlation(field, buffer, cx) => {}
            kind => {
                seen.note(kind);
                sink.field(name, &[value]);
            }
        }
    }
    missing_fields(&seen, &client, cx, sink);
    for (name, value) in cx.edits.added().filter(|(name, _)| !is_host(name)) {
        sink.field(name, &[value]);
    }
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

fn is_host(name: &[u8]) -> bool {
    name.eq_ignore_ascii_case(b"host")
}

fn is_correlation(field: &Field, buffer: &[u8], cx: &RequestContext<'_>) -> bool {
    field.name.of(buffer).eq_ignore_ascii_case(&cx.options.correlation)
}

/// `Host` comes first (RFC 9110 §7.2).
fn host_fields<S: FieldSink>(
    head: &RequestHead,
    buffer: &[u8],
    cx: &RequestContext<'_>,
    sink: &mut S,
) {
    let original = head.target.authority.of(buffer);
    let edited = cx.edits.replacement(b"host");
    sink.field(b"Host", &[edited.or(cx.host).unwrap_or(original)]);
    if cx.host.is_some() && cx.edits.replacement(b"x-forwarded-host").is_none() {
        sink.field(b"X-Forwarded-Host", &[original]);
    }
}

fn missing_fields<S: FieldSink>(seen: &Seen, client: &Text, cx: &RequestContext<'_>, sink: &mut S) {
    if !seen.forwarded_for {
        sink.field(b"X-Forwarded-For", &[client.as_bytes()]);
    }
    if !seen.forwarded {
        forwarded(b"Forwarded", b"", client, cx, sink);
    }
    if !seen.proto {
        sink.field(b"X-Forwarded-Proto", &[scheme(cx)]);
    }
    if !seen.port {
        sink.field(b"X-Forwarded-Port", &[Text::number(cx.public.port()).as_bytes()]);
    }
    if cx.options.send_x_real_ip {
        sink.field(b"X-Real-IP", &[client.as_bytes()]);
    }
    if !seen.request_id {
        sink.field(b"X-Request-Id", &[cx.id.as_bytes()]);
    }
    sink.field(&cx.options.correlation, &[cx.id.as_bytes()]);
}

fn scheme(cx: &RequestContext<'_>) -> &'static [u8] {
    if cx.https { b"https" } else { b"http" }
}

fn separator(value: &[u8]) -> &'static [u8] {
    if value.is_empty() { b"" } else { b", " }
}

/// One element of `Forwarded`, RFC 7239 §4; IPv6 addresses are in brackets and quoted (§6).
fn forwarded<S: FieldSink>(
    name: &[u8],
    value: &[u8],
    client: &Text,
    cx: &RequestContext<'_>,
    sink: &mut S,
) {
    let port = Text::number(cx.client.port());
    let by = Text::ip(cx.public.ip());
    let (open, close) = brackets(cx.client.ip(), [b"\"", b"\"["], [b":", b"]:"]);
    let (by_open, by_close) = brackets(cx.public.ip(), [b"", b"\"["], [b"", b"]\""]);
    sink.field(
        name,
        &[
            value,
            separator(value),
            b"proto=",
            scheme(cx),
            b";for=",
            open,
            client.as_bytes(),
            close,
            port.as_bytes(),
            b"\";by=",
            by_open,
            by.as_bytes(),
            by_close,
        ],
    );
}

fn brackets(
    ip: IpAddr,
    open: [&'static [u8]; 2],
    close: [&'static [u8]; 2],
) -> (&'static [u8], &'static [u8]) {
    let v6 = usize::from(ip.is_ipv6());
    (open[v6], close[v6])
}
