//! A flow as others are told of it.

use weir_base::Key;
use weir_control::sessions::{Live, Protocol, State, Wait};
use weir_l4::flows::Flow;

use super::Link;
use crate::context::Context;

/// A flow has no name in logs: this one tells it apart from those of other workers and times.
pub(crate) fn name(id: Key, worker: u16) -> String {
    format!("udp-{worker}-{:x}", id.to_bits())
}

/// All that is told of it.
pub(crate) fn view(id: Key, flow: &Flow<Link>, cx: &Context) -> Live {
    let link = &flow.data;
    let cluster = cx.tables.clusters.get(link.cluster);
    let spec = cluster.and_then(|cluster| cluster.group.spec(link.backend));
    Live {
        id: name(id, cx.settings.worker),
        protocol: Protocol::Udp,
        tls: false,
        state: State::Flow,
        client: flow.client,
        listener: flow.key.listener,
        cluster: cluster.map(|cluster| cluster.settings.config.id.clone()),
        backend: spec.map(|spec| spec.id.to_string()),
        backend_address: Some(link.address.into()),
        age: cx.now.since(flow.begun),
        idle: cx.now.since(flow.active_at()),
        bytes_in: link.bytes_in,
        bytes_out: link.bytes_out,
        requests: flow.requests,
        streams: 0,
        connection: None,
        request: None,
        waits_for: Wait::Front,
        ends_in: Some(flow.due().since(cx.now)),
    }
}
