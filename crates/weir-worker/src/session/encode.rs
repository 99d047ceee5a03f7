//! Canonical heads, written into the worker's scratch.

use std::net::SocketAddr;

use weir_http::h1::{Connection, HeadEncoder, reason_phrase};
use weir_http::message::{FieldName, FieldSink, Framing, Method, ResponseHead, Version};
use weir_http::policy::{self, ClientIdentity, Hsts, RequestContext, ResponseContext};

use super::{Active, TlsClient, websocket};
use crate::context::Context;
use crate::front::Front;
use crate::multiplex::Block;
use crate::tables::{ListenerSettings, Route};

/// The request head as the backend gets it.
pub(super) fn request(
    active: &Active,
    (front, client, public): (&Front, SocketAddr, SocketAddr),
    tls: Option<&TlsClient>,
    settings: &ListenerSettings,
    cx: &mut Context,
) {
    let Some(route) = active.route.as_deref() else { return };
    let head = &active.head;
    let bytes = active.head_bytes();
    let path = match active.destination(bytes).1 {
        [] if head.method == Method::Options => b"*",
        [] => &b"/"[..],
        path => path,
    };
    let cluster = active.cluster.and_then(|key| cx.tables.clusters.get(key));
    let rewritten = active.rewritten.as_ref().map(|rewritten| &rewritten.host[..]);
    let context = RequestContext {
        client,
        public,
        https: tls.is_some(),
        id: &active.id,
        options: &settings.forward,
        strip_sticky: cluster.is_some_and(|c| c.settings.config.sticky_session),
        edits: route.request_edits(),
        host: rewritten.filter(|host| !host.is_empty()),
        identity: tls.map_or_else(ClientIdentity::default, |tls| ClientIdentity {
            certificate: &tls.certificate_field,
            chain: &tls.chain_field,
        }),
    };
    cx.scratch.clear();
    let method = head.method_text.of(bytes);
    if let Some(stream) = active.back_stream() {
        let Some(encoder) = cx.upstream.encoder(stream) else { return };
        let secure = cluster.is_some_and(|cluster| cluster.settings.tls.is_some());
        let scheme = if secure { &b"https"[..] } else { b"http" };
        let websocket = active.websocket.is_some();
        let (method, protocol) =
            if websocket { (&b"CONNECT"[..], Some(websocket::PROTOCOL)) } else { (method, None) };
        let mut out = Block::request(encoder, (method, scheme, path), protocol, &mut cx.scratch);
        if websocket {
            out.leave_out(websocket::KEY);
        }
        policy::request_fields(head, &cx.request_fields, bytes, &context, &mut out);
        if let Framing::Length(length) = head.framing {
            out.field(b"content-length", &[itoa::Buffer::new().format(length).as_bytes()]);
        }
        if head.te_trailers {
            out.field(b"te", &[b"trailers"]);
        }
        return;
    }
    let mut out = HeadEncoder::request(&mut cx.scratch, method, path);
    policy::request_fields(head, &cx.request_fields, bytes, &context, &mut out);
    out.framing(head.framing.towards(Version::Http11));
    let upgrade = cx.request_fields.first(FieldName::Upgrade).filter(|_| head.upgrade);
    if front.stream().is_some() && websocket::is_asked_for(&cx.request_fields, bytes) {
        out.field(websocket::KEY, &[websocket::fresh_key(&mut cx.rng).as_bytes()]);
    }
    out.connection(match upgrade {
        Some(field) => Connection::Upgrade(field.value.of(bytes)),
        None if head.te_trailers => Connection::Te,
        None => Connection::None,
    });
    out.finish();
}

/// What a client is told about coming back: as the route says, else as the listener.
pub(super) fn hsts<'a>(
    route: Option<&'a Route>,
    settings: &'a ListenerSettings,
) -> Option<&'a Hsts> {
    let tls = settings.tls.as_ref()?;
    match route.and_then(|route| route.special.as_ref()?.hsts.as_ref()) {
        Some(own) => own.as_ref(),
        None => tls.hsts.as_ref(),
    }
}

/// A final response head as the client gets it, and how its body is delimited there.
pub(super) fn response(
    active: &mut Active,
    (front, settings): (&Front, &ListenerSettings),
    head: &ResponseHead,
    bytes: &[u8],
    cx: &mut Context,
) {
    let framing = head.framing.towards(active.head.version);
    let upgraded = head.status == 101;
    // A backend that closes will not read what is still to come of the request.
    let unread = !head.keep_alive && !active.request.is_done();
    active.front_keep &= framing != Framing::UntilClose && !upgraded && !unread;
    active.front_keep &= !cx.closes_idle(front);
    cx.scratch.clear();
    let Some(route) = active.route.as_deref() else { return };
    let sticky = active
        .sticky_value(&cx.tables)
        .map(|value| policy::Sticky { name: &settings.forward.sticky_name, value });
    let context = ResponseContext {
        id: &active.id,
        correlation: &settings.forward.correlation,
        sticky,
        edits: route.response_edits(),
        date: cx.date.text(),
        trailers: framing == Framing::Chunked || front.stream().is_some(),
        hsts: hsts(Some(route), settings),
    };
    let described = match head.declared_length {
        Some(length) if framing == Framing::None => Framing::Length(length),
        _ => framing,
    };
    if let Some(stream) = front.stream() {
        let Some(encoder) = cx.multiplexes.encoder(stream.id) else { return };
        // A stream has always been a pipe: it is not switched.
        let status = if upgraded { 200 } else { head.status };
        let mut out = Block::response(encoder, status, &mut cx.scratch);
        if upgraded {
            out.leave_out(websocket::ACCEPT);
        }
        policy::response_fields(&cx.response_fields, bytes, &context, &mut out);
        if let Framing::Length(length) = described {
            out.field(b"content-length", &[itoa::Buffer::new().format(length).as_bytes()]);
        }
        return;
    }
    let reason = reason(head, bytes);
    let mut out = HeadEncoder::response(&mut cx.scratch, head.status, reason);
    policy::response_fields(&cx.response_fields, bytes, &context, &mut out);
    out.framing(described);
    let upgrade = cx.response_fields.first(FieldName::Upgrade).filter(|_| upgraded);
    if let Some(answer) = active.websocket.as_ref().filter(|_| upgraded) {
        out.field(websocket::ACCEPT, &[answer.as_bytes()]);
    }
    out.connection(match upgrade {
        _ if upgraded && active.websocket.is_some() => Connection::Upgrade(websocket::PROTOCOL),
        Some(field) => Connection::Upgrade(field.value.of(bytes)),
        None if !active.front_keep => Connection::Close,
        None if active.head.version < Version::Http11 => Connection::KeepAlive,
        None => Connection::None,
    });
    out.finish();
}

/// What the backend said, or what it means: HTTP/2 has no words for it.
fn reason<'a>(head: &ResponseHead, bytes: &'a [u8]) -> &'a [u8] {
    match head.reason.of(bytes) {
        [] => reason_phrase(head.status).as_bytes(),
        said => said,
    }
}

/// An interim response: its own fields, nothing of ours.
pub(super) fn interim(
    active: &Active,
    front: &Front,
    head: &ResponseHead,
    bytes: &[u8],
    cx: &mut Context,
) {
    let Some(route) = active.route.as_deref() else { return };
    cx.scratch.clear();
    if let Some(stream) = front.stream() {
        let Some(encoder) = cx.multiplexes.encoder(stream.id) else { return };
        let mut out = Block::response(encoder, head.status, &mut cx.scratch);
        return policy::interim_fields(
            &cx.response_fields,
            bytes,
            route.response_edits(),
            &mut out,
        );
    }
    let reason = reason(head, bytes);
    let mut out = HeadEncoder::response(&mut cx.scratch, head.status, reason);
    policy::interim_fields(&cx.response_fields, bytes, route.response_edits(), &mut out);
    out.finish();
}
