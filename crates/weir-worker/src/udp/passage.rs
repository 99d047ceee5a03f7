//! A flow as it leaves for another worker, and as it comes from one.
//!
//! ```text
//! old worker                        kernel                      successor
//!   takes datagrams ◀──── the listener's socket, which both have
//!   leaves them there                 │
//!   ├─ flows, each with its socket ───┼─────────────────────────▶ goes on with them
//!   └─ that was the last              └─── datagrams ───────────▶ takes them
//! ```
//!
//! Invariant: a successor takes no datagram of a client before it has the flows that there were, so
//! that none begins twice; it does not wait for ever.

use std::os::fd::AsFd;
use std::rc::Rc;
use std::time::Duration;

use weir_base::{Endpoint, Instant, Key};
use weir_control::channel::PassedFlow;
use weir_l4::flows::Flow;
use weir_sys::{Local, UdpSocket};

use super::backlog::Backlog;
use super::link::{BACKLOG, Link};
use super::open::serve;
use crate::context::Context;

/// How long flows of another worker may take to come, once this one serves.
const PATIENCE: Duration = Duration::from_secs(2);

impl Context {
    /// Whether datagrams of clients are taken: flows of another worker are to come first, or were
    /// the last.
    pub(crate) fn take_datagrams(&mut self, takes: bool) {
        self.udp.held_until = (!takes).then_some(Instant::FAR);
        self.watch_datagrams();
    }

    /// This worker serves: flows that are to come first have their time from now on.
    pub(crate) fn expect_flows(&mut self) {
        if let Some(until) = &mut self.udp.held_until {
            *until = (*until).min(self.now + PATIENCE);
        }
    }

    /// Takes datagrams although no flow came.
    pub(super) fn give_flows_up(&mut self) {
        if self.udp.held_until.is_some_and(|until| until <= self.now) {
            self.take_datagrams(true);
        }
    }

    /// All flows, to be taken apart.
    pub(crate) fn flow_keys(&self) -> Vec<Key> {
        self.udp.keys(|_| true)
    }

    /// Takes a flow apart: what another worker is to know, and its socket.
    pub(crate) fn part_flow(&mut self, id: Key) -> Option<(PassedFlow, UdpSocket)> {
        let flow = self.udp.flows.part(id)?;
        let saved = flow.save(self.now);
        let Flow { data: mut link, .. } = flow;
        let named = self.tables.clusters.get(link.cluster).map(|cluster| {
            let backend = cluster.group.spec(link.backend).map(|spec| spec.id.to_string());
            (cluster.settings.config.id.clone(), backend.unwrap_or_default())
        });
        let (cluster, backend) = named.unwrap_or_default();
        self.unbind(Some(link.cluster), link.backend);
        if let Some(listener) = self.tables.udp.get_mut(link.listener) {
            listener.flows = listener.flows.saturating_sub(1);
        }
        // It stays open elsewhere, and the kernel would go on telling us of it.
        let _ = self.epoll.remove(link.socket.as_fd());
        let passed = PassedFlow {
            saved,
            local: link.local.map(|local| (local.ip, local.interface)),
            cluster,
            backend,
            address: link.address,
            answered: link.answered,
            proxy: link.proxy,
            waiting: link.backlog.take(&mut self.udp.room),
            bytes_in: link.bytes_in,
            bytes_out: link.bytes_out,
            dropped: link.dropped,
        };
        Some((passed, link.socket))
    }

    /// Goes on with a flow of another worker.
    pub(crate) fn adopt_flow(&mut self, passed: PassedFlow, socket: UdpSocket) {
        let client = passed.saved.client;
        match self.resume_flow(passed, socket) {
            Ok(()) => self.observe.adopted(),
            Err(cause) => self.observe.passed_lost(client, &cause),
        }
    }

    fn resume_flow(&mut self, passed: PassedFlow, socket: UdpSocket) -> Result<(), String> {
        let at = Endpoint::udp(passed.saved.key.listener);
        let key = self.active_udp(at).ok_or("its listener is gone")?;
        let listener = self.tables.udp.get(key).ok_or("its listener is gone")?;
        let settings = Rc::clone(&listener.settings);
        let cluster = self.tables.by_id.get(&passed.cluster).copied();
        let cluster = cluster.ok_or("its cluster is gone")?;
        let group = self.tables.clusters.get(cluster).map(|cluster| &cluster.group);
        let backend = group.and_then(|group| group.key_of(&passed.backend));
        let backend = backend.ok_or("its backend is gone")?;
        let link = Link {
            listener: key,
            settings,
            local: passed.local.map(|(ip, interface)| Local { ip, interface }),
            cluster,
            backend,
            address: passed.address,
            socket,
            begun: self.now.before(passed.saved.age),
            answered: passed.answered,
            proxy: passed.proxy,
            backlog: Backlog::of(BACKLOG, passed.waiting, &mut self.udp.room),
            watched: false,
            bytes_in: passed.bytes_in,
            bytes_out: passed.bytes_out,
            dropped: passed.dropped,
        };
        let restored = self.udp.flows.restore(passed.saved, link, self.now);
        let id = restored.map_err(|no_room| no_room.to_string())?;
        if !passed.answered {
            self.connect_begun(Some(cluster), backend);
        }
        serve(self, id);
        Ok(())
    }
}
