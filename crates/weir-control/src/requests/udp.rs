//! Listeners of UDP, the one frontend that each can have, and what clusters say of datagrams.

use std::net::SocketAddr;

use weir_proto::{
    ActivateListener, ListenerType, RequestUdpFrontend, UdpAffinityKey, UdpClusterConfig,
    UdpListenerConfig as Config, UpdateUdpListenerConfig as Patch,
};

use super::listener::{as_seconds, no_interface, seconds};
use super::{Refusal, access, address};
use crate::check;
use crate::order::Order;
use crate::state::{ProxyDatagrams, State, UdpAffinity, UdpListener, UdpRules};

pub(super) fn add(state: &State, config: &Config) -> Result<Vec<Order>, Refusal> {
    let address = address(&config.address)?;
    if address.port() == 0 {
        return Err("a listener needs a port: 0 is for the configuration file".into());
    }
    if state.udp.contains_key(&address) {
        return Err(format!("there is a UDP listener on {address} already: update it").into());
    }
    no_interface(config.interface.as_ref())?;
    change(UdpListener {
        public_address: config.public_address.map(|a| super::address(&a)).transpose()?,
        front_timeout: seconds("front_timeout", config.front_timeout)?,
        back_timeout: seconds("back_timeout", config.back_timeout)?,
        max_rx_datagram_size: check::datagram_bytes(config.max_rx_datagram_size)?,
        max_flows: config.max_flows,
        access: access::access(state, config.access.as_ref())?,
        // A request of its own activates it.
        active: false,
        ..UdpListener::new(address)
    })
}

pub(super) fn update(state: &State, patch: &Patch) -> Result<Vec<Order>, Refusal> {
    let mut listener = known(state, address(&patch.address)?)?.clone();
    if let Some(public) = &patch.public_address {
        listener.public_address = Some(super::address(public)?);
    }
    let timeouts = [
        ("front_timeout", patch.front_timeout, &mut listener.front_timeout),
        ("back_timeout", patch.back_timeout, &mut listener.back_timeout),
    ];
    for (name, given, timeout) in timeouts {
        if let Some(given) = given {
            *timeout = seconds(name, given)?;
        }
    }
    if let Some(bytes) = patch.max_rx_datagram_size {
        listener.max_rx_datagram_size = check::datagram_bytes(bytes)?;
    }
    access::patch(state, patch.access.as_ref(), &mut listener.access)?;
    listener.max_flows = patch.max_flows.unwrap_or(listener.max_flows);
    change(listener)
}

pub(super) fn remove(state: &State, address: SocketAddr) -> Result<Vec<Order>, Refusal> {
    known(state, address)?;
    Ok(vec![Order::RemoveUdpListener(address)])
}

pub(super) fn activate(
    state: &State,
    address: SocketAddr,
    active: bool,
) -> Result<Vec<Order>, Refusal> {
    change(UdpListener { active, ..known(state, address)?.clone() })
}

/// A listener has one cluster: the last one wins.
pub(super) fn add_frontend(
    state: &State,
    config: &RequestUdpFrontend,
) -> Result<Vec<Order>, Refusal> {
    check::id("a cluster", &config.cluster_id)?;
    let address = address(&config.address)?;
    let Some(known) = state.udp.get(&address) else {
        return Err(format!("there is no UDP listener on {address}: add it first").into());
    };
    if let Some(cluster) = state.clusters.get(&config.cluster_id) {
        check::for_udp(cluster)?;
    }
    let (cluster, tags) = (Some(config.cluster_id.clone()), config.tags.clone());
    if (&known.cluster, &known.tags) == (&cluster, &tags) {
        let cluster = &config.cluster_id;
        return Err(format!("{address} (UDP) leads to cluster `{cluster}` already").into());
    }
    change(UdpListener { cluster, tags, ..known.clone() })
}

pub(super) fn remove_frontend(
    state: &State,
    config: &RequestUdpFrontend,
) -> Result<Vec<Order>, Refusal> {
    let address = address(&config.address)?;
    let known = state.udp.get(&address);
    let leads = known.filter(|known| known.cluster.as_ref() == Some(&config.cluster_id));
    let Some(known) = leads else {
        let cluster = &config.cluster_id;
        return Err(format!("{address} (UDP) does not lead to cluster `{cluster}`").into());
    };
    change(UdpListener { cluster: None, tags: Default::default(), ..known.clone() })
}

/// What a cluster says of datagrams.
pub(super) fn rules(config: &UdpClusterConfig) -> Result<UdpRules, Refusal> {
    let affinity = match config.affinity_key.map(UdpAffinityKey::try_from) {
        None | Some(Ok(UdpAffinityKey::SourceIp)) => UdpAffinity::SourceIp,
        Some(Ok(UdpAffinityKey::SourceIpPort)) => UdpAffinity::SourceIpPort,
        Some(Err(_)) => return Err("the affinity of datagrams has no known number".into()),
    };
    let send = config.send_proxy_protocol.unwrap_or_default();
    let every = config.proxy_protocol_every_datagram.unwrap_or_default();
    Ok(UdpRules {
        affinity,
        requests: config.requests.unwrap_or_default(),
        responses: config.responses.unwrap_or_default(),
        proxy: check::proxy_datagrams(send, every)?,
    })
}

/// What a cluster says of datagrams, as the protocol shows it.
pub(super) fn rules_config(rules: &UdpRules) -> UdpClusterConfig {
    let affinity = match rules.affinity {
        UdpAffinity::SourceIp => UdpAffinityKey::SourceIp,
        UdpAffinity::SourceIpPort => UdpAffinityKey::SourceIpPort,
    };
    UdpClusterConfig {
        affinity_key: Some(affinity.into()),
        responses: Some(rules.responses),
        requests: Some(rules.requests),
        send_proxy_protocol: Some(rules.proxy.is_some()),
        proxy_protocol_every_datagram: Some(rules.proxy == Some(ProxyDatagrams::Every)),
        // Shown as the `health_check` that it is.
        health: None,
    }
}

/// A listener as the protocol shows it; it is activated by a request of its own.
pub(super) fn config(listener: &UdpListener) -> Config {
    Config {
        address: listener.address.into(),
        public_address: listener.public_address.map(Into::into),
        front_timeout: as_seconds(listener.front_timeout),
        back_timeout: as_seconds(listener.back_timeout),
        max_rx_datagram_size: listener.max_rx_datagram_size,
        max_flows: listener.max_flows,
        active: false,
        interface: None,
        access: access::shown(&listener.access),
    }
}

/// The frontend of a listener, if it has one.
pub(super) fn frontend_config(listener: &UdpListener) -> Option<RequestUdpFrontend> {
    Some(RequestUdpFrontend {
        cluster_id: listener.cluster.clone()?,
        address: listener.address.into(),
        tags: listener.tags.clone(),
    })
}

/// The request that activates a listener.
pub(super) fn activation(listener: &UdpListener) -> ActivateListener {
    ActivateListener {
        address: listener.address.into(),
        proxy: ListenerType::Udp.into(),
        from_scm: false,
        interface: None,
    }
}

fn known(state: &State, address: SocketAddr) -> Result<&UdpListener, Refusal> {
    let listener = state.udp.get(&address);
    listener.ok_or_else(|| format!("there is no UDP listener on {address}").into())
}

fn change(listener: UdpListener) -> Result<Vec<Order>, Refusal> {
    Ok(vec![Order::UdpListener(Box::new(listener))])
}
