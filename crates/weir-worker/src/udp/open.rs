//! Beginning a flow: the cluster of the listener, a backend of it, a socket that speaks with it.

use std::net::SocketAddr;
use std::os::fd::AsFd;
use std::rc::Rc;

use weir_balance::Pick;
use weir_base::Key;
use weir_control::state::UdpRules;
use weir_http::exchange::BackFailure;
use weir_l4::flows::{FlowKey, NoRoom, Rules};
use weir_sys::{Local, UdpSocket};

use super::backlog::Backlog;
use super::link::{BACKLOG, Link};
use crate::context::Context;
use crate::observe::Dropped;
use crate::token::Token;

/// Backends that are tried when the kernel knows no way to the first.
const ATTEMPTS: usize = 3;

/// Of the hashes of clients: any, but the same in every process.
const SEED: u64 = 0;

/// Who has sent the first datagram, and to whom.
#[derive(Clone, Copy)]
pub(super) struct Caller {
    pub(super) listener: Key,
    pub(super) key: FlowKey,
    /// What its flow may be called that began while another affinity was configured.
    pub(super) other: FlowKey,
    pub(super) client: SocketAddr,
    pub(super) local: Option<Local>,
}

/// What holds for the datagrams of a listener.
pub(super) fn rules(cx: &Context, cluster: Option<Key>) -> UdpRules {
    let cluster = cluster.and_then(|key| cx.tables.clusters.get(key));
    cluster.and_then(|cluster| cluster.settings.config.udp.as_deref().copied()).unwrap_or_default()
}

/// Begins a flow, or counts the datagram as dropped.
pub(super) fn open(cx: &mut Context, caller: Caller) -> Option<Key> {
    let listener = cx.tables.udp.get(caller.listener)?;
    let (cluster, settings) = (listener.cluster, Rc::clone(&listener.settings));
    let most = settings.config.max_flows as usize;
    if most > 0 && listener.flows >= most {
        cx.observe.flow_refused(&NoRoom::Flows);
        return None;
    }
    let hash = caller.key.affinity(SEED);
    let chosen = cluster.and_then(|cluster| Some((cluster, choose(cx, cluster, hash)?)));
    let Some((cluster, (pick, address, socket))) = chosen else {
        cx.observe.datagrams_dropped(Dropped::NoBackend, 1);
        return None;
    };
    let wanted = rules(cx, Some(cluster));
    let idle = settings.config.front_timeout.min(settings.config.back_timeout);
    let rules = Rules { idle, requests: wanted.requests, responses: wanted.responses };
    let link = Link {
        listener: caller.listener,
        settings,
        local: caller.local,
        cluster,
        backend: pick.key,
        address,
        socket,
        begun: cx.now,
        answered: false,
        proxy: wanted.proxy,
        backlog: Backlog::new(BACKLOG),
        watched: false,
        bytes_in: 0,
        bytes_out: 0,
        dropped: 0,
    };
    match cx.udp.flows.begin(caller.key, caller.client, rules, link, cx.now) {
        Ok(id) => {
            cx.connect_begun(Some(cluster), pick.key);
            cx.observe.flow_begun();
            serve(cx, id);
            Some(id)
        }
        Err(no_room) => {
            cx.observe.flow_refused(&no_room);
            None
        }
    }
}

/// A flow is new here: counts it where it belongs, and watches its socket.
pub(super) fn serve(cx: &mut Context, id: Key) {
    let Some(link) = cx.udp.flows.data_mut(id) else { return };
    let (listener, cluster, backend) = (link.listener, link.cluster, link.backend);
    link.watched = !link.backlog.is_empty();
    let (socket, token) = (link.socket.as_fd(), Token::Flow(id).to_bits());
    let watched = cx.epoll.add_level(socket, token, true, link.watched);
    cx.bind(Some(cluster), backend);
    if let Some(listener) = cx.tables.udp.get_mut(listener) {
        listener.flows += 1;
    }
    if let Err(error) = watched {
        cx.observe.internal("watching a UDP flow", &error);
        cx.udp.flows.close(id);
    }
}

/// A backend that the kernel knows a way to.
fn choose(cx: &mut Context, cluster: Key, hash: u64) -> Option<(Pick, SocketAddr, UdpSocket)> {
    let mut tried = Vec::new();
    while tried.len() < ATTEMPTS {
        let (now, rng) = (cx.now, &mut cx.rng);
        let pick = cx.tables.pick(cluster, hash, now, &mut || rng.u64(..), &tried)?;
        // A Unix socket of connections takes no datagrams.
        let Some(address) = pick.address.ip() else {
            tried.push(pick.key);
            continue;
        };
        match UdpSocket::connect(address) {
            Ok(socket) => {
                cx.observe.connects_possible();
                return Some((pick, address, socket));
            }
            Err(error) if weir_sys::is_exhaustion(&error) => {
                cx.observe.connects_exhausted(&error);
                return None;
            }
            Err(_) => cx.backend_failed(Some(cluster), pick.key, BackFailure::Refused, now),
        }
        tried.push(pick.key);
    }
    None
}
