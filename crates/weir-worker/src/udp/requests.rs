//! Datagrams of clients, on their way to backends.
//!
//! Datagrams of one client that came one after the other leave together, as far as they are of one
//! flow.

use std::net::SocketAddr;
use std::ops::Range;

use weir_base::Key;
use weir_l4::flows::{Affinity, Arrival, FlowKey};
use weir_sys::{Inbox, MOST_MESSAGES, Outgoing, Received};

use super::link::is_unreachable;
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
            let mut run = Run { of: None, messages: Vec::with_capacity(inbox.len()) };
            for message in (0..inbox.len()).filter_map(|at| inbox.get(at)) {
                pass_on(cx, listener, &message, &mut run);
            }
            run.send(cx);
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

/// What is of one flow and one client, and came one after the other.
struct Run<'a> {
    of: Option<(Key, SocketAddr)>,
    messages: Vec<Outgoing<'a>>,
}

impl<'a> Run<'a> {
    /// Adds neighbours in a message, after sending what is not of the same flow and client.
    fn add(&mut self, cx: &mut Context, flow: Key, message: &Received<'a>, part: Range<usize>) {
        let (Some(bytes), Some(client)) = (message.bytes.get(part), message.from) else { return };
        if self.of != Some((flow, client)) || self.messages.len() == MOST_MESSAGES {
            self.send(cx);
            self.of = Some((flow, client));
        }
        let segment = if bytes.len() > message.segment { message.segment } else { 0 };
        self.messages.push(Outgoing { to: None, from: None, head: b"", bytes, segment });
    }

    fn send(&mut self, cx: &mut Context) {
        let Some((id, client)) = self.of.take() else { return };
        let Context { udp, observe, scratch, .. } = cx;
        let (link, room) = (udp.flows.data_mut(id), &mut udp.room);
        let sent = link.map(|link| link.send(client, &self.messages, scratch, room));
        self.messages.clear();
        match sent {
            Some(Ok(tally)) => account(cx, id, tally),
            Some(Err(error)) => observe.internal("writing a PROXY protocol header", &error),
            None => {}
        }
    }
}

/// Passes a message on, flow by flow.
fn pass_on<'a>(cx: &mut Context, listener: Key, message: &Received<'a>, run: &mut Run<'a>) {
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
    let mut neighbours: Option<(Key, Range<usize>)> = None;
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
        match (&mut neighbours, flow) {
            (Some((of, bytes)), Some(flow)) if *of == flow && bytes.end == start => {
                bytes.end = end;
            }
            (_, flow) => {
                let next = flow.map(|flow| (flow, start..end));
                if let Some((flow, bytes)) = std::mem::replace(&mut neighbours, next) {
                    run.add(cx, flow, message, bytes);
                }
            }
        }
    }
    if let Some((flow, bytes)) = neighbours {
        run.add(cx, flow, message, bytes);
    }
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
