//! Datagrams of backends, on their way to clients.
//!
//! What has come from several backends leaves together, in one call for each listener.

use std::net::SocketAddr;

use weir_base::Key;
use weir_sys::{Inbox, Local, MOST_MESSAGES, Outgoing};

use super::send::deliver;
use crate::context::Context;
use crate::observe::Dropped;

/// A message in the inbox, and where it goes.
struct Reply {
    flow: Key,
    listener: Key,
    to: SocketAddr,
    from: Option<Local>,
    /// In the inbox.
    index: usize,
    /// Its first bytes, which are sent.
    len: usize,
}

/// Passes on what backends have sent to these flows.
pub(super) fn serve(cx: &mut Context, flows: &[Key], inbox: &mut Inbox) {
    inbox.clear();
    let mut replies = Vec::with_capacity(MOST_MESSAGES);
    for flow in flows {
        if inbox.is_full() {
            send_all(cx, &replies, inbox);
            replies.clear();
            inbox.clear();
        }
        let first = inbox.len();
        receive(cx, *flow, inbox);
        let came = first..inbox.len();
        replies.extend(came.filter_map(|index| reply(cx, *flow, index, inbox)));
    }
    send_all(cx, &replies, inbox);
}

fn receive(cx: &mut Context, id: Key, inbox: &mut Inbox) {
    let Some(flow) = cx.udp.flows.get(id) else { return };
    if flow.data.socket.receive(inbox).is_err() {
        // ICMP: a datagram did not reach the backend.
        cx.udp.flows.handle_unreachable(id);
    }
}

/// Counts the datagrams of a message in; what is to be sent of it.
fn reply(cx: &mut Context, id: Key, index: usize, inbox: &Inbox) -> Option<Reply> {
    let message = inbox.get(index)?;
    let (mut len, mut over) = (0, 0);
    let mut any = false;
    for datagram in message.datagrams() {
        if cx.udp.flows.handle_response(id, cx.now) {
            len += datagram.len();
            any = true;
        } else {
            over += 1;
        }
    }
    if over > 0 {
        cx.observe.datagrams_dropped(Dropped::UnknownFlow, over);
    }
    if !any {
        return None;
    }
    note_answer(cx, id);
    let flow = cx.udp.flows.get(id)?;
    let (listener, from) = (flow.data.listener, flow.data.local);
    Some(Reply { flow: id, listener, to: flow.client, from, index, len })
}

/// The backend is there.
fn note_answer(cx: &mut Context, id: Key) {
    let Some(link) = cx.udp.flows.data_mut(id) else { return };
    if !std::mem::replace(&mut link.answered, true) {
        let (cluster, backend, begun) = (link.cluster, link.backend, link.begun);
        cx.connect_succeeded(Some(cluster), backend, begun);
    }
}

/// Sends replies, those of one listener at once.
fn send_all(cx: &mut Context, replies: &[Reply], inbox: &Inbox) {
    for replies in replies.chunk_by(|one, next| one.listener == next.listener) {
        send(cx, replies, inbox);
    }
}

fn send(cx: &mut Context, replies: &[Reply], inbox: &Inbox) {
    let Some(first) = replies.first() else { return };
    let Context { udp, tables, observe, epoll, drain_until, .. } = cx;
    let Some(listener) = tables.udp.get_mut(first.listener) else { return };
    let Some(socket) = listener.sockets.first() else { return };
    let messages: Vec<_> = replies.iter().map(|reply| message(reply, inbox)).collect();
    let waited = !listener.backlog.is_empty();
    let tally = deliver(socket, &messages, &mut listener.backlog, &mut udp.room);
    if waited == listener.backlog.is_empty() {
        let reads = drain_until.is_none() && udp.held_until.is_none();
        listener.watch(first.listener, reads, epoll, observe);
    }
    for (reply, message) in replies.iter().zip(&messages) {
        if let Some(link) = udp.flows.data_mut(reply.flow) {
            link.bytes_out += message.bytes.len() as u64;
        }
    }
    observe.datagrams_out(&tally);
}

fn message<'a>(reply: &Reply, inbox: &'a Inbox) -> Outgoing<'a> {
    let received = inbox.get(reply.index);
    let bytes = received.and_then(|message| message.bytes.get(..reply.len)).unwrap_or_default();
    let segment = received.map_or(0, |message| message.segment);
    let segment = if bytes.len() > segment { segment } else { 0 };
    Outgoing { to: Some(reply.to), from: reply.from, head: b"", bytes, segment }
}

/// The kernel takes datagrams to clients again.
pub(super) fn resume(cx: &mut Context, key: Key) {
    let Context { udp, tables, observe, epoll, drain_until, .. } = cx;
    let Some(listener) = tables.udp.get_mut(key) else { return };
    let Some(socket) = listener.sockets.first() else { return };
    let tally = listener.backlog.flush(socket, &mut udp.room);
    if listener.backlog.is_empty() {
        let reads = drain_until.is_none() && udp.held_until.is_none();
        listener.watch(key, reads, epoll, observe);
    }
    observe.datagrams_out(&tally);
}
