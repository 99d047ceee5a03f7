//! The control protocol's requests as orders, against the state that they are made on; and the
//! requests that make a state.
//!
//! Must not know: sockets, workers. What the state may hold is checked as in the configuration
//! file.

mod access;
mod certificate;
mod cluster;
mod frontend;
mod health;
mod https;
mod listener;
pub mod query;
mod rates;
mod tcp_frontend;
mod tcp_listener;
mod udp;

#[cfg(test)]
mod tests;

pub use access::address_lists;
pub use health::health_checks;

use std::net::SocketAddr;

use weir_proto::request::RequestType;
use weir_proto::{ActivateListener, ListenerType, SocketAddress};

use crate::check::Problem;
use crate::order::Order;
use crate::state::{Carries, ClientAuth, Listener, State};

/// Why a request changes nothing: a sentence for whoever asked.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Refusal(pub String);

impl From<String> for Refusal {
    fn from(sentence: String) -> Self {
        Self(sentence)
    }
}

impl From<Problem> for Refusal {
    fn from(problem: Problem) -> Self {
        let mut sentence = problem.message;
        let more = [Some(&*problem.label), problem.help.as_deref()];
        for part in more.into_iter().flatten().filter(|part| !part.is_empty()) {
            sentence.push_str("; ");
            sentence.push_str(part);
        }
        Self(sentence)
    }
}

impl From<&str> for Refusal {
    fn from(sentence: &str) -> Self {
        Self(sentence.to_owned())
    }
}

/// The orders that carry a request out; `None` when it does not change the state.
///
/// # Errors
/// When the state does not allow it, or Weir cannot do it.
pub fn orders(state: &State, request: &RequestType) -> Result<Option<Vec<Order>>, Refusal> {
    use RequestType as R;
    let orders = match request {
        R::AddHttpListener(config) => listener::add(state, config)?,
        R::UpdateHttpListener(patch) => listener::update(state, patch)?,
        R::AddHttpsListener(config) | R::AddHttpsListenerWithClientAuth(config) => {
            https::add(state, config)?
        }
        R::UpdateHttpsListener(patch) | R::UpdateHttpsListenerWithClientAuth(patch) => {
            https::update(state, patch)?
        }
        R::AddTcpListener(config) => tcp_listener::add(state, config)?,
        R::UpdateTcpListener(patch) => tcp_listener::update(state, patch)?,
        R::RemoveListener(which) => {
            let kind = listener::kind(which.proxy, which.interface.as_ref())?;
            listener::remove(state, address(&which.address)?, kind)?
        }
        R::ActivateListener(which) => {
            let kind = listener::kind(which.proxy, which.interface.as_ref())?;
            listener::activate(state, address(&which.address)?, kind, true)?
        }
        R::DeactivateListener(which) => {
            let kind = listener::kind(which.proxy, which.interface.as_ref())?;
            listener::activate(state, address(&which.address)?, kind, false)?
        }
        R::AddCluster(config) => cluster::add(state, config)?,
        R::RemoveCluster(id) => cluster::remove(state, id)?,
        R::AddBackend(backend) => cluster::add_backend(state, backend)?,
        R::AddUnixBackend(backend) => cluster::add_unix_backend(state, backend)?,
        R::RemoveBackend(backend) => cluster::remove_backend(state, backend)?,
        R::AddUdpListener(config) => udp::add(state, config)?,
        R::UpdateUdpListener(patch) => udp::update(state, patch)?,
        R::AddUdpFrontend(config) => udp::add_frontend(state, config)?,
        R::RemoveUdpFrontend(config) => udp::remove_frontend(state, config)?,
        R::ChangeAddressList(wanted) => access::change(state, wanted)?,
        R::RemoveAddressList(name) => access::remove(state, name)?,
        R::AddHttpFrontend(config) => frontend::add(state, config, Kind::Http)?,
        R::RemoveHttpFrontend(config) => frontend::remove(state, config, Kind::Http)?,
        R::AddHttpsFrontend(config) => frontend::add(state, config, Kind::Https)?,
        R::RemoveHttpsFrontend(config) => frontend::remove(state, config, Kind::Https)?,
        R::AddTcpFrontend(config) => tcp_frontend::add(state, config)?,
        R::RemoveTcpFrontend(config) => tcp_frontend::remove(state, config)?,
        R::SetHealthCheck(wanted) => health::set(state, wanted)?,
        R::RemoveHealthCheck(cluster) => health::remove(state, cluster)?,
        R::AddCertificate(wanted) => certificate::add(state, wanted)?,
        R::ReplaceCertificate(wanted) => certificate::replace(state, wanted)?,
        R::RemoveCertificate(wanted) => certificate::remove(state, wanted)?,
        other => return missing(other).map_or(Ok(None), |what| Err(what.into())),
    };
    Ok(Some(orders))
}

/// What Weir lacks to change its state as a request asks.
fn missing(request: &RequestType) -> Option<&'static str> {
    use RequestType as R;
    Some(match request {
        R::AddHttpFrontendWithHeaderPredicates(_)
        | R::AddHttpsFrontendWithHeaderPredicates(_)
        | R::RemoveHttpFrontendWithHeaderPredicates(_)
        | R::RemoveHttpsFrontendWithHeaderPredicates(_) => {
            "frontends cannot match on header fields in this version: use host, path and method"
        }
        R::AddHttpFrontendWithSilentClose(_) | R::AddHttpsFrontendWithSilentClose(_) => {
            "a frontend cannot close silently in this version: leave its cluster out to deny"
        }
        R::SetProtectedHealthCheck(_) => {
            "a health check cannot have header fields in this version: use SetHealthCheck"
        }
        _ => return None,
    })
}

/// The requests that make this state from nothing, in the order in which Weir's and other state
/// files have them.
pub fn of_state(state: &State) -> impl Iterator<Item = RequestType> {
    let of = |kind| state.listeners.values().filter(move |l| Kind::of(l) == kind);
    let of_all = of(Kind::Http).chain(of(Kind::Https)).chain(of(Kind::Tcp));
    let listeners = of_all.flat_map(|listener| {
        let activation = listener.active.then(|| {
            RequestType::ActivateListener(ActivateListener {
                address: listener.address.into(),
                proxy: Kind::of(listener).listener_type().into(),
                from_scm: false,
                interface: None,
            })
        });
        std::iter::once(addition(listener)).chain(activation)
    });
    let udp = state.udp.values().flat_map(|listener| {
        let activation = listener.active.then(|| udp::activation(listener));
        std::iter::once(RequestType::AddUdpListener(udp::config(listener)))
            .chain(activation.map(RequestType::ActivateListener))
    });
    let clusters = state.clusters.values();
    let clusters = clusters.map(|c| RequestType::AddCluster(cluster::config(c, Keys::Shown)));
    let frontends =
        |kind| state.frontends.iter().filter(move |f| Kind::at(state, f.address) == kind);
    let http = frontends(Kind::Http).map(|f| RequestType::AddHttpFrontend(frontend::config(f)));
    let certificates = state.certificates.values();
    let certificates = certificates.map(|c| RequestType::AddCertificate(certificate::config(c)));
    let https = frontends(Kind::Https).map(|f| RequestType::AddHttpsFrontend(frontend::config(f)));
    let tcp = frontends(Kind::Tcp).map(|f| RequestType::AddTcpFrontend(tcp_frontend::config(f)));
    let backends = state.backends.iter().map(cluster::backend_request);
    let to_udp = state.udp.values().filter_map(udp::frontend_config);
    let to_udp = to_udp.map(RequestType::AddUdpFrontend);
    let frontends = http.chain(certificates).chain(https).chain(tcp).chain(to_udp);
    let lists = access::requests(state).map(RequestType::ChangeAddressList);
    lists.chain(listeners).chain(udp).chain(clusters).chain(frontends).chain(backends)
}

/// The request that adds a listener.
fn addition(listener: &Listener) -> RequestType {
    if listener.is_tcp() {
        return RequestType::AddTcpListener(tcp_listener::config(listener));
    }
    let Some(tls) = &listener.tls else {
        return RequestType::AddHttpListener(listener::config(listener));
    };
    let config = https::config(listener, tls, Keys::Shown);
    match tls.client_auth {
        ClientAuth::None if tls.client_authorities.is_empty() => {
            RequestType::AddHttpsListener(config)
        }
        _ => RequestType::AddHttpsListenerWithClientAuth(config),
    }
}

/// What a listener speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Http,
    Https,
    Tcp,
    /// Of listeners that are objects of their own.
    Udp,
}

impl Kind {
    fn of(listener: &Listener) -> Self {
        match listener.carries {
            Carries::Tcp => Self::Tcp,
            Carries::Http if listener.tls.is_some() => Self::Https,
            Carries::Http => Self::Http,
        }
    }

    /// Of the listener at an address, or of none.
    fn at(state: &State, address: SocketAddr) -> Self {
        state.listeners.get(&address).map_or(Self::Http, Self::of)
    }

    fn name(self) -> &'static str {
        match self {
            Self::Http => "HTTP",
            Self::Https => "HTTPS",
            Self::Tcp => "TCP",
            Self::Udp => "UDP",
        }
    }

    fn listener_type(self) -> ListenerType {
        match self {
            Self::Http => ListenerType::Http,
            Self::Https => ListenerType::Https,
            Self::Tcp => ListenerType::Tcp,
            Self::Udp => ListenerType::Udp,
        }
    }
}

/// Whether private keys are in a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Keys {
    Shown,
    LeftOut,
}

fn address(address: &SocketAddress) -> Result<SocketAddr, Refusal> {
    SocketAddr::try_from(*address).map_err(|error| error.to_string().into())
}

/// A port of a URL.
fn port(key: &str, port: Option<u32>) -> Result<Option<u16>, Refusal> {
    let number = |port: u32| u16::try_from(port).ok().filter(|port| *port > 0);
    let refusal = |port: u32| format!("`{key}` is a port from 1 to 65535, not {port}");
    let port = port.map(|port| number(port).ok_or_else(|| refusal(port)));
    Ok(port.transpose()?)
}
