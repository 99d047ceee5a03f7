//! Datagrams: those of a client go to one backend, its datagrams back to the client.
//!
//! ```text
//! client ──▶ listener's socket ──▶ flow ──▶ socket of the flow, connected ──▶ backend
//!        ◀── listener's socket ◀────────────── socket of the flow ◀──────────
//! ```
//!
//! Must not know: what datagrams mean.
//!
//! * [`listener`]: an address at which datagrams are taken, as the tables have it.
//! * [`requests`], [`responses`]: one direction each, a bounded number of datagrams a turn.
//! * [`link`]: a flow's way to its backend; [`open`]: how it is found.
//! * [`send`], [`backlog`]: what the kernel does not take waits, up to a bound, else it is dropped.
//! * [`passage`]: flows that leave for another worker, or come from one.
//! * [`ended`]: what becomes of a flow that is over; [`mod@view`]: what others are told of it.
//!
//! Invariants: datagrams are received into one inbox, which is fixed; every flow has a socket, and
//! there are at most as many as descriptors were set aside for; every datagram that is dropped is
//! counted with its reason; the datagrams of a flow keep their order.

mod backlog;
mod ended;
mod link;
pub(crate) mod listener;
mod open;
mod passage;
mod requests;
mod responses;
mod send;
mod view;

use std::ops::Range;
use std::os::fd::AsFd;
use std::time::Duration;

use weir_balance::BackendKey;
use weir_base::{Endpoint, Instant, Key, Limits, Transport};
use weir_l4::flows::{self, Flow, Flows};
use weir_sys::{Event, Inbox, UdpSocket};

use crate::context::Context;
pub(crate) use link::Link;
pub(crate) use send::Tally;
pub(crate) use view::{name, view};

/// Bytes of all datagrams of a worker that wait until the kernel takes more.
const QUEUED_BYTES: usize = 4 << 20;
/// Descriptors that are neither sessions nor flows: logs, channel, listeners.
const OTHER_DESCRIPTORS: usize = 128;
/// While draining, datagrams of clients are not taken: a flow on which nothing comes back for so
/// long is over.
const DRAIN_IDLE: Duration = Duration::from_secs(5);
/// And how often that is looked at.
const DRAIN_LOOK: Duration = Duration::from_millis(500);

/// The flows of a worker, and what they share.
pub(crate) struct Udp {
    flows: Flows<Link>,
    /// There may be so many flows.
    most: usize,
    /// `None` while it is in use.
    inbox: Option<Inbox>,
    /// Listeners with datagrams, in this turn.
    listeners: Vec<Key>,
    /// Flows whose backends have sent datagrams, in this turn.
    readable: Vec<Key>,
    /// Bytes that may still wait.
    room: usize,
    /// When idle flows are looked for while draining.
    look_at: Instant,
    /// Until then, datagrams of clients are left in the kernel: their flows are still to come.
    held_until: Option<Instant>,
}

impl Udp {
    /// Memory that a flow takes, and what all of them share.
    pub(crate) const FLOW_BYTES: usize = Flows::<Link>::FLOW_BYTES + size_of::<Key>();
    /// As [`Udp::FLOW_BYTES`].
    pub(crate) const SHARED_BYTES: usize = Inbox::BYTES + QUEUED_BYTES;

    pub(crate) fn new(limits: &Limits, now: Instant) -> Self {
        let most = most_flows(limits);
        // One address may not have all of them, unless there is one only.
        let per_source = most.div_ceil(2).min(u32::MAX as usize) as u32;
        Self {
            flows: Flows::new(flows::Limits { flows: most, per_source }, now),
            most,
            inbox: Some(Inbox::new()),
            listeners: Vec::new(),
            readable: Vec::new(),
            room: QUEUED_BYTES,
            look_at: Instant::FAR,
            held_until: None,
        }
    }

    /// A listener has datagrams.
    pub(crate) fn mark_listener(&mut self, listener: Key) {
        self.listeners.push(listener);
    }

    /// When something is due though nothing happens.
    pub(crate) fn deadline(&self) -> Instant {
        let look_at = if self.flows.is_empty() { Instant::FAR } else { self.look_at };
        let held_until = self.held_until.unwrap_or(Instant::FAR);
        self.flows.deadline().unwrap_or(Instant::FAR).min(look_at).min(held_until)
    }

    /// Flows there are.
    pub(crate) fn len(&self) -> usize {
        self.flows.len()
    }

    /// What each flow uses.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &Link> {
        self.flows.iter().map(|(_, flow)| &flow.data)
    }

    /// As [`Flows::end_position`].
    pub(crate) fn end_position(&self) -> usize {
        self.flows.end_position()
    }

    /// As [`Flows::span`].
    pub(crate) fn span(&self, positions: Range<usize>) -> impl Iterator<Item = (Key, &Flow<Link>)> {
        self.flows.span(positions)
    }

    fn keys(&self, wanted: impl Fn(&Flow<Link>) -> bool) -> Vec<Key> {
        self.flows.iter().filter(|(_, flow)| wanted(flow)).map(|(id, _)| id).collect()
    }

    /// Ends flows, whatever their state.
    fn close_those(&mut self, wanted: impl Fn(&Flow<Link>) -> bool) {
        for id in self.keys(wanted) {
            self.flows.close(id);
        }
    }
}

impl Context {
    /// Passes on what has come, as much as one turn has time for.
    pub(crate) fn serve_datagrams(&mut self) {
        self.give_flows_up();
        let mut listeners = std::mem::take(&mut self.udp.listeners);
        let mut readable = std::mem::take(&mut self.udp.readable);
        if !(listeners.is_empty() && readable.is_empty())
            && let Some(mut inbox) = self.udp.inbox.take()
        {
            // Answers first: they end flows, which makes room.
            responses::serve(self, &readable, &mut inbox);
            for listener in &listeners {
                requests::serve(self, *listener, &mut inbox);
            }
            self.udp.inbox = Some(inbox);
        }
        listeners.clear();
        readable.clear();
        (self.udp.listeners, self.udp.readable) = (listeners, readable);
        self.settle_flows();
    }

    /// Something happened to the socket of a flow.
    pub(crate) fn flow_event(&mut self, id: Key, event: Event) {
        if event.readable {
            self.udp.readable.push(id);
        }
        if event.writable && !event.error {
            requests::resume(self, id);
        }
    }

    /// Something happened to a socket of a listener.
    pub(crate) fn listener_event(&mut self, listener: Key, event: Event) {
        if event.readable {
            self.udp.mark_listener(listener);
        }
        if event.writable {
            responses::resume(self, listener);
        }
    }

    /// The listener of UDP that serves there.
    pub(crate) fn active_udp(&self, at: Endpoint) -> Option<Key> {
        let udp = (at.transport == Transport::Udp).then_some(at.address)?;
        let key = self.tables.udp.key(&udp)?;
        self.tables.udp.get(key).filter(|listener| listener.settings.config.active).map(|_| key)
    }

    /// A listener may use one more socket.
    pub(crate) fn lend_datagrams(&mut self, key: Key, socket: UdpSocket) {
        let Some(listener) = self.tables.udp.get_mut(key) else { return };
        listener.sockets.push(socket);
        let index = listener.sockets.len() - 1;
        self.open_datagrams(key, index);
    }

    /// Takes datagrams from a socket of a listener.
    pub(crate) fn open_datagrams(&mut self, key: Key, index: usize) {
        let reads = self.takes_datagrams();
        let Some(listener) = self.tables.udp.get(key) else { return };
        let config = &listener.settings.config;
        if index == 0 && config.max_flows as usize > self.udp.most {
            let (most, address) = (self.udp.most, config.address);
            log::warn!("UDP listener {address}: a worker has descriptors for {most} flows only");
        }
        listener.begin(key, index, reads, (&self.epoll, &mut self.observe));
    }

    /// Takes no more datagrams of clients: they are for whoever comes after us.
    pub(crate) fn drain_datagrams(&mut self) {
        self.udp.look_at = self.now + DRAIN_LOOK;
        self.watch_datagrams();
    }

    /// Datagrams of clients may be taken.
    fn takes_datagrams(&self) -> bool {
        !self.draining() && self.udp.held_until.is_none()
    }

    fn watch_datagrams(&mut self) {
        let reads = self.takes_datagrams();
        for (key, listener) in self.tables.udp.iter() {
            listener.watch(key, reads, &self.epoll, &mut self.observe);
        }
    }

    /// While draining: ends flows on which nothing comes any more.
    pub(crate) fn end_quiet_flows(&mut self) {
        if self.udp.look_at <= self.now {
            self.udp.look_at = self.now + DRAIN_LOOK;
            let now = self.now;
            self.udp.close_those(|flow| flow.active_at() + DRAIN_IDLE <= now);
        }
        self.settle_flows();
    }

    /// A listener is not active any more, or gone: so are its flows.
    pub(crate) fn close_datagrams(&mut self, listener: Key, sockets: Vec<UdpSocket>) {
        self.udp.close_those(|flow| flow.data.listener == listener);
        self.settle_flows();
        if let Some(listener) = self.tables.udp.get_mut(listener) {
            listener.backlog.clear(&mut self.udp.room);
        }
        for socket in sockets {
            // It may stay open elsewhere, and the kernel would go on telling us of it.
            let _ = self.epoll.remove(socket.as_fd());
            // A later order of the same change may serve there again.
            let at = socket.local_addr().ok().map(Endpoint::udp);
            if let Some(again) = at.and_then(|at| self.active_udp(at)) {
                self.lend_datagrams(again, socket);
            }
        }
    }

    /// A backend fails its checks, others do not: what the clients of its flows send next goes
    /// there.
    pub(crate) fn leave_backend(&mut self, cluster: Key, backend: BackendKey) {
        self.udp.close_those(|flow| (flow.data.cluster, flow.data.backend) == (cluster, backend));
        self.settle_flows();
    }

    /// Ends these flows.
    pub(crate) fn close_flows(&mut self, ids: &[Key]) {
        ids.iter().for_each(|id| self.udp.flows.close(*id));
        self.settle_flows();
    }

    /// Ends all flows.
    pub(crate) fn cut_flows(&mut self) {
        self.udp.close_those(|_| true);
        self.settle_flows();
    }
}

/// As many flows as connections, if there are descriptors for them.
fn most_flows(limits: &Limits) -> usize {
    let (soft, _) = weir_sys::nofile();
    let used = limits.sessions + limits.backend_connections + limits.accept_queue;
    let used = used + 2 * limits.pipes + OTHER_DESCRIPTORS;
    usize::try_from(soft).unwrap_or(usize::MAX).saturating_sub(used).min(limits.sessions)
}
