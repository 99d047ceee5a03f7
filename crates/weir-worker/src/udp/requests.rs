//! Datagrams of clients, on their way to backends.
//!
//! Datagrams of one client that came together leave together, as far as they are of one flow.

use std::net::SocketAddr;
use std::ops::Range;

use weir_base::Key;
use weir_l4::flows::{Affinity, Arrival, FlowKey};
use weir_sys::{Inbox, Received};

use super::link::{Upward, is_unreachable};
use super::open::{Caller, open, rules};
use super::{Tally, Udp};
use crate::context::Context;
use crate::observe::Dropped;

/// How often a listener's socket is asked for datagrams in one turn: each time for an inbox full.
const ROUNDS: usize = 4;

/// Passes on what has come to a listener.
pub(super) fn serve(cx: &mut Context, listener: Key, inbox: &mut Inbox) {
    let sockets = cx.tables.udp.get(listener).map_or(0, |listener| listener.sockets.len());
    for index in 0..sockets {
        for _ in 0..ROUNDS {
            inbox.clear();
            receive(cx, listener, index, inbox);
            for message in (0..inbox.len()).filter_map(|at| inbox.get(at)) {
                pass_on(cx, listener, &message);
            }
            if !inbox.is_full() {
                break;
            }
            // What is over makes room.
            cx.settle_flows();
        }
    }
}

fn receive(cx: &mut Context, listener: Key, index: usize, inbox: &mut Inbox) {
    let Some(listener) = cx.tables.udp.get(listener) else { return };
    let Some(socket) = listener.sockets.get(index) else { return };
    if let Err(error) = socket.receive(inbox) {
        cx.observe.internal("receiving datagrams", &error);
    }
}

/// Neighbours in a message that are of one flow.
struct Run {
    flow: Key,
    bytes: Range<usize>,
}

/// Passes a message on, flow by flow.
fn pass_on(cx: &mut Context, listener: Key, message: &Received<'_>) {
    let Some(entry) = cx.tables.udp.get(listener) else { return };
    let Some(client) = message.from.filter(|_| !message.cut) else {
        return cx.observe.datagrams_dropped(Dropped::Truncated, 1);
    };
    if !cx.tables.lists.admit(&entry.settings.config.access, client.ip()) {
        let count = message.datagrams().count() as u64;
        return cx.observe.datagrams_dropped(Dropped::Denied, count);
    }
    let (address, most) = {
        let config = &entry.settings.config;
        (config.address, config.max_rx_datagram_size as usize)
    };
    let affinity = rules(cx, entry.cluster).affinity;
    let [key, other] = [affinity, opposite(affinity)].map(|a| FlowKey::new(address, client, a));
    let caller = Caller { listener, key, other, client, local: message.to };
    let mut run: Option<Run> = None;
    let mut end = 0;
    for datagram in message.datagrams() {
        let start = end;
        end += datagram.len();
        let flow = if datagram.is_empty() || datagram.len() > most {
            let why = if datagram.is_empty() { Dropped::Invalid } else { Dropped::Truncated };
            cx.observe.datagrams_dropped(why, 1);
            None
        } else {
            flow_of(cx, caller)
        };
        match (&mut run, flow) {
            (Some(run), Some(flow)) if run.flow == flow && run.bytes.end == start => {
                run.bytes.end = end;
            }
            (_, flow) => {
                flush(cx, run.take(), client, message);
                run = flow.map(|flow| Run { flow, bytes: start..end });
            }
        }
    }
    flush(cx, run, client, message);
}

fn opposite(affinity: Affinity) -> Affinity {
    match affinity {
        Affinity::SourceIp => Affinity::SourceIpPort,
        Affinity::SourceIpPort => Affinity::SourceIp,
    }
}

/// The flow of a datagram, if there is one or can be.
fn flow_of(cx: &mut Context, caller: Caller) -> Option<Key> {
    let flows = &mut cx.udp.flows;
    let mut arrival = flows.handle_request(&caller.key, caller.client, cx.now);
    if !matches!(arrival, Arrival::Known(_)) && flows.has(&caller.other) {
        arrival = flows.handle_request(&caller.other, caller.client, cx.now);
    }
    match arrival {
        Arrival::Known(flow) => {
            let link = cx.udp.flows.data_mut(flow)?;
            link.local = caller.local;
            Some(flow)
        }
        Arrival::New => open(cx, caller),
        Arrival::Refused(why) => {
            cx.observe.flow_refused(&why);
            None
        }
    }
}

fn flush(cx: &mut Context, run: Option<Run>, client: SocketAddr, message: &Received<'_>) {
    let Some(Run { flow: id, bytes }) = run else { return };
    let Some(bytes) = message.bytes.get(bytes) else { return };
    let segment = if bytes.len() > message.segment { message.segment } else { 0 };
    let Context { udp, observe, scratch, .. } = cx;
    let Some(link) = udp.flows.data_mut(id) else { return };
    let upward = Upward { client, bytes, segment };
    let tally = match link.send(upward, scratch, &mut udp.room) {
        Ok(tally) => tally,
        Err(error) => return observe.internal("writing a PROXY protocol header", &error),
    };
    account(cx, id, tally);
}

/// The kernel takes datagrams to a backend again.
pub(super) fn resume(cx: &mut Context, id: Key) {
    let Udp { flows, room, .. } = &mut cx.udp;
    let Some(link) = flows.data_mut(id) else { return };
    let tally = link.backlog.flush(&link.socket, room);
    account(cx, id, tally);
}

/// What came of sending to a flow's backend.
fn account(cx: &mut Context, id: Key, tally: Tally) {
    let Context { udp, observe, epoll, .. } = cx;
    let Some(link) = udp.flows.data_mut(id) else { return };
    link.bytes_in += tally.bytes;
    link.dropped += tally.dropped();
    observe.datagrams_in(&tally);
    if let Err(error) = link.watch(id, epoll) {
        observe.internal("watching a UDP flow", &error);
    }
    if tally.error.is_some_and(|error| is_unreachable(&error)) {
        udp.flows.handle_unreachable(id);
    }
}
