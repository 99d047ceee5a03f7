//! What becomes of a flow that is over: its backend is let go of, and a line is written.

use std::fmt;
use std::net::SocketAddr;

use weir_base::Instant;
use weir_control::channel::Kind;
use weir_http::exchange::BackFailure;
use weir_l4::flows::{Cause, Ended, Flow};
use weir_telemetry::{Backend, Event};

use super::link::Link;
use crate::context::Context;
use crate::observe::Dropped;

impl Context {
    /// Lets go of all flows that are over.
    pub(super) fn settle_flows(&mut self) {
        while let Some(ended) = self.udp.flows.poll(self.now) {
            self.end_flow(ended);
        }
        if self.udp.flows.len() < self.udp.most {
            self.observe.flows_fit();
        }
    }

    fn end_flow(&mut self, ended: Ended<Link>) {
        let Ended { mut flow, cause, .. } = ended;
        let link = &mut flow.data;
        let lost = link.backlog.clear(&mut self.udp.room);
        self.observe.datagrams_dropped(Dropped::UnknownFlow, lost);
        link.dropped += lost;
        let (cluster, backend, begun) = (Some(link.cluster), link.backend, link.begun);
        match cause {
            Cause::Unreachable => {
                self.backend_failed(cluster, backend, BackFailure::Refused, begun);
            }
            // Some never answer; nobody said that this one is not there.
            Cause::Idle if !link.answered => self.connect_succeeded(cluster, backend, begun),
            _ => {}
        }
        self.finished.count(Kind::Flow, false);
        self.tell_of(&flow, cause);
        self.unbind(cluster, backend);
        if let Some(listener) = self.tables.udp.get_mut(flow.data.listener) {
            listener.flows = listener.flows.saturating_sub(1);
        }
    }

    fn tell_of(&mut self, flow: &Flow<Link>, cause: Cause) {
        let link = &flow.data;
        let cluster = self.tables.clusters.get(link.cluster);
        let named = cluster.and_then(|cluster| {
            let (cluster, spec) = (&cluster.settings.config.id, cluster.group.spec(link.backend)?);
            Some(Backend { cluster, id: &spec.id, address: &spec.address })
        });
        let backend: &dyn fmt::Display = match &named {
            Some(backend) => backend,
            None => &link.address,
        };
        self.observe.flow_ended(Event::UdpFlowEnded {
            client: flow.client,
            listener: shown(link),
            backend,
            after: lifetime(flow, self.now),
            cause: &cause,
            traffic: &Traffic(flow),
        });
    }
}

/// Where clients send to.
fn shown(link: &Link) -> SocketAddr {
    let config = &link.settings.config;
    config.public_address.unwrap_or(config.address)
}

fn lifetime(flow: &Flow<Link>, now: Instant) -> std::time::Duration {
    now.since(flow.begun)
}

/// What a flow has carried.
struct Traffic<'a>(&'a Flow<Link>);

impl fmt::Display for Traffic<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Flow { requests, responses, data, .. } = self.0;
        let Link { bytes_in, bytes_out, dropped, settings, .. } = data;
        write!(f, "{requests} datagrams ({bytes_in} bytes) there, ")?;
        write!(f, "{responses} ({bytes_out} bytes) back, {dropped} dropped")?;
        if !settings.tags.is_empty() {
            write!(f, "; {}", settings.tags)?;
        }
        Ok(())
    }
}
