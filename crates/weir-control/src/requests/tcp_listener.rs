//! TCP listeners.

use weir_proto::{TcpListenerConfig as Config, UpdateTcpListenerConfig as Patch};

use super::listener::{as_seconds, known, no_interface, seconds, unknown};
use super::{Kind, Refusal, access, address};
use crate::check;
use crate::order::Order;
use crate::state::{Listener, State};

pub(super) fn add(state: &State, config: &Config) -> Result<Vec<Order>, Refusal> {
    let address = unknown(state, &config.address)?;
    no_interface(config.interface.as_ref())?;
    let mut listener = Listener {
        public_address: config.public_address.map(|a| super::address(&a)).transpose()?,
        expect_proxy: config.expect_proxy,
        front_timeout: seconds("front_timeout", config.front_timeout)?,
        back_timeout: seconds("back_timeout", config.back_timeout)?,
        connect_timeout: seconds("connect_timeout", config.connect_timeout)?,
        access: access::access(state, config.access.as_ref())?,
        mptcp: config.mptcp.unwrap_or_default(),
        // A request of its own activates it.
        active: false,
        ..Listener::of_tcp(address)
    };
    access::patch_sources(state, config.proxy_from.as_ref(), &mut listener.proxy_from)?;
    let hello = (config.sni_preread_timeout, config.sni_preread_max_bytes);
    Ok(vec![Order::Listener(with_hello(listener, hello)?)])
}

pub(super) fn update(state: &State, patch: &Patch) -> Result<Vec<Order>, Refusal> {
    let mut listener = known(state, address(&patch.address)?, Kind::Tcp)?.clone();
    if let Some(public) = &patch.public_address {
        listener.public_address = Some(super::address(public)?);
    }
    listener.expect_proxy = patch.expect_proxy.unwrap_or(listener.expect_proxy);
    let timeouts = [
        ("front_timeout", patch.front_timeout, &mut listener.front_timeout),
        ("back_timeout", patch.back_timeout, &mut listener.back_timeout),
        ("connect_timeout", patch.connect_timeout, &mut listener.connect_timeout),
    ];
    for (name, given, timeout) in timeouts {
        if let Some(given) = given {
            *timeout = seconds(name, given)?;
        }
    }
    access::patch(state, patch.access.as_ref(), &mut listener.access)?;
    access::patch_sources(state, patch.proxy_from.as_ref(), &mut listener.proxy_from)?;
    let hello = (patch.sni_preread_timeout, patch.sni_preread_max_bytes);
    Ok(vec![Order::Listener(with_hello(listener, hello)?)])
}

/// A listener with what is said of the wait for a ClientHello and of its size, checked.
fn with_hello(
    mut listener: Listener,
    (timeout, bytes): (Option<u32>, Option<u32>),
) -> Result<Listener, Refusal> {
    if let Some(timeout) = timeout {
        listener.request_timeout = seconds("sni_preread_timeout", timeout)?;
    }
    if let Some(bytes) = bytes {
        listener.hello_bytes = check::hello_bytes(bytes)?;
    }
    check::proxied(&listener)?;
    Ok(listener)
}

/// A listener as the protocol shows it; it is activated by a request of its own.
pub(super) fn config(listener: &Listener) -> Config {
    Config {
        address: listener.address.into(),
        public_address: listener.public_address.map(Into::into),
        expect_proxy: listener.expect_proxy,
        front_timeout: as_seconds(listener.front_timeout),
        back_timeout: as_seconds(listener.back_timeout),
        connect_timeout: as_seconds(listener.connect_timeout),
        active: false,
        sni_preread_timeout: Some(as_seconds(listener.request_timeout)),
        sni_preread_max_bytes: Some(listener.hello_bytes),
        interface: None,
        access: access::shown(&listener.access),
        proxy_from: access::shown_sources(&listener.proxy_from),
        mptcp: listener.mptcp.then_some(true),
    }
}
