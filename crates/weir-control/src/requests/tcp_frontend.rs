//! Frontends of TCP listeners: a request names a server and any number of protocols, the state has
//! a frontend for each of them.

use weir_proto::RequestTcpFrontend as Config;

use super::{Kind, Refusal, access, address, rates};
use crate::change::tcp_frontend_name;
use crate::check;
use crate::order::Order;
use crate::state::{ANY_NAME, Frontend, FrontendId, State};

/// One that leads to another cluster takes the place of the one that did: the last one wins.
pub(super) fn add(state: &State, config: &Config) -> Result<Vec<Order>, Refusal> {
    check::id("a cluster", &config.cluster_id)?;
    let ids = ids(config)?;
    let address = address(&config.address)?;
    match state.listeners.get(&address).map(Kind::of) {
        None => return Err(format!("there is no listener on {address}: add it first").into()),
        Some(Kind::Tcp) => {}
        Some(kind) => {
            let is = kind.name();
            return Err(format!("{address} speaks {is}: add no frontend of TCP").into());
        }
    }
    if let Some(cluster) = state.clusters.get(&config.cluster_id) {
        check::for_tcp(cluster)?;
    }
    let access = access::access(state, config.access.as_ref())?;
    let rate_limits = rates::rate_limits(&config.rate_limits)?;
    let make = |id| Frontend {
        access: access.clone(),
        rate_limits: rate_limits.clone(),
        ..Frontend::new(id, &config.cluster_id, config.tags.clone())
    };
    let frontends = ids.iter().cloned().map(make);
    let new = frontends.filter(|frontend| state.frontends.get(&frontend.id()) != Some(frontend));
    let orders: Vec<_> = new.map(|frontend| Order::Frontend(Box::new(frontend))).collect();
    match orders.is_empty() {
        true => {
            let names: Vec<_> = ids.iter().map(tcp_frontend_name).collect();
            Err(format!("there is a frontend {} already", names.join(", ")).into())
        }
        false => Ok(orders),
    }
}

pub(super) fn remove(state: &State, config: &Config) -> Result<Vec<Order>, Refusal> {
    let mut orders = Vec::new();
    for id in ids(config)? {
        let known = state.frontends.get(&id).filter(|_| state.is_tcp(id.address));
        if known.is_none_or(|known| known.cluster.as_deref() != Some(&*config.cluster_id)) {
            let (name, cluster) = (tcp_frontend_name(&id), &config.cluster_id);
            return Err(format!("there is no frontend {name} to cluster `{cluster}`").into());
        }
        orders.push(Order::RemoveFrontend(id));
    }
    Ok(orders)
}

fn ids(config: &Config) -> Result<Vec<FrontendId>, Refusal> {
    let address = address(&config.address)?;
    let server = check::sni(config.sni.as_deref())?;
    let protocols = check::protocols(config.alpn.iter().map(String::as_str))?;
    let id = |protocol| FrontendId::new(address, &server, protocol);
    Ok(protocols.into_iter().map(id).collect())
}

/// A frontend as the protocol shows it.
pub(super) fn config(frontend: &Frontend) -> Config {
    Config {
        cluster_id: frontend.cluster.clone().unwrap_or_default(),
        address: frontend.address.into(),
        tags: frontend.tags.clone(),
        sni: Some(frontend.hostname.clone()).filter(|name| name != ANY_NAME),
        alpn: frontend.method.iter().cloned().collect(),
        access: access::shown(&frontend.access),
        rate_limits: rates::shown(&frontend.rate_limits),
    }
}
