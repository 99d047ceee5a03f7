//! Canonical heads, written into the worker's scratch.

use std::net::SocketAddr;

use weir_http::h1::{Connection, HeadEncoder};
use weir_http::message::{FieldName, Framing, Method, RequestHead, ResponseHead, Version};
use weir_http::policy::{self, RequestContext, ResponseContext};

use super::Active;
use crate::context::Context;
use crate::tables::{ListenerSettings, Route};

/// The request head as the backend gets it.
pub(super) fn request(
    active: &Active,
    client: SocketAddr,
    settings: &ListenerSettings,
    cx: &mut Context,
) {
    let Some(route) = active.route.as_deref() else { return };
    let head = &active.head;
    let bytes = active.head_bytes();
    let (_, path) = active.destination(bytes);
    let path = match path {
        [] if head.method == Method::Options => b"*",
        [] => &b"/"[..],
        path => path,
    };
    cx.scratch.clear();
    let mut out = HeadEncoder::request(&mut cx.scratch, head.method_text.of(bytes), path);
    let rewritten = active.rewritten.as_ref().map(|rewritten| &rewritten.host[..]);
    let context = RequestContext {
        client,
        public: settings.public_address(),
        https: false,
        request_id: &active.id,
        listener: &settings.forward,
        strip_sticky: cx.sticky,
        edits: &route.request_edits,
        host: rewritten.filter(|host| !host.is_empty()),
    };
    policy::request_fields(head, &cx.request_fields, bytes, &context, &mut out);
    out.framing(head.framing);
    out.connection(request_connection(head, cx, bytes));
    out.finish();
}

fn request_connection<'a>(head: &RequestHead, cx: &Context, bytes: &'a [u8]) -> Connection<'a> {
    let upgrade = cx.request_fields.first(FieldName::Upgrade).filter(|_| head.upgrade);
    match upgrade {
        Some(field) => Connection::Upgrade(field.value.of(bytes)),
        None if head.te_trailers => Connection::Te,
        None => Connection::None,
    }
}

/// A final response head as the client gets it, and how its body is delimited there.
pub(super) fn response(active: &mut Active, head: &ResponseHead, bytes: &[u8], cx: &mut Context) {
    let Some(route) = active.route.as_deref() else { return };
    let framing = front_framing(active, head);
    active.front_keep &= framing != Framing::UntilClose;
    let sticky = active.set_sticky.then(|| cx.sticky_value(active)).flatten();
    cx.scratch.clear();
    let mut out = HeadEncoder::response(&mut cx.scratch, head.status, head.reason.of(bytes));
    response_fields(active, route, head, bytes, sticky, &cx.response_fields, &mut out);
    match head.declared_length {
        Some(length) if framing == Framing::None => out.framing(Framing::Length(length)),
        _ => out.framing(framing),
    }
    out.connection(response_connection(active));
    out.finish();
}

/// The body towards the client: as it came, but for what its version does not know.
fn front_framing(active: &Active, head: &ResponseHead) -> Framing {
    let old = active.head.version < Version::Http11;
    match head.framing {
        Framing::UntilClose if !old => Framing::Chunked,
        Framing::Chunked if old => Framing::UntilClose,
        framing => framing,
    }
}
