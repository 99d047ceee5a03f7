//! HTTP listeners, and what HTTPS listeners have in common with them.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::Duration;

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use weir_proto::{
    CustomHttpAnswers, ForwardedHeaders, HttpListenerConfig as Config, ListenerType, SocketAddress,
    UpdateHttpListenerConfig as Patch,
};

use super::cluster::{answers, checked};
use super::{Kind, Refusal, access, address, udp};
use crate::check;
use crate::config::LONGEST_SECONDS;
use crate::order::Order;
use crate::state::{Answers, H2, Listener, State};

/// The field of the request's id, of a listener that names none.
const ID_HEADER: &str = "Sozu-Id";

/// What a listener that is named speaks.
pub(super) fn kind(proxy: i32, interface: Option<&String>) -> Result<Kind, Refusal> {
    no_interface(interface)?;
    match ListenerType::try_from(proxy) {
        Ok(ListenerType::Http) => Ok(Kind::Http),
        Ok(ListenerType::Https) => Ok(Kind::Https),
        Ok(ListenerType::Tcp) => Ok(Kind::Tcp),
        Ok(ListenerType::Udp) => Ok(Kind::Udp),
        Err(_) => Err("the protocol of the listener has no known number".into()),
    }
}

pub(super) fn no_interface(interface: Option<&String>) -> Result<(), Refusal> {
    match interface {
        None => Ok(()),
        Some(_) => Err("a listener cannot be bound to an interface: name its address".into()),
    }
}

pub(super) fn add(state: &State, config: &Config) -> Result<Vec<Order>, Refusal> {
    Ok(vec![Order::Listener(listener(state, config)?)])
}

/// The listener that a request describes, without TLS.
pub(super) fn listener(state: &State, config: &Config) -> Result<Listener, Refusal> {
    let address = unknown(state, &config.address)?;
    no_interface(config.interface.as_ref())?;
    forwards_both(config.forwarded_headers)?;
    let mut h2 = Box::default();
    h2_bounds(config, &mut h2)?;
    check::token("sticky_name", &config.sticky_name)?;
    let id_header = config.sozu_id_header.as_deref().unwrap_or(ID_HEADER);
    check::id_field_name("sozu_id_header", id_header)?;
    let mut all = custom(config.http_answers.as_ref())?;
    all.extend(answers(&config.answers, None)?);
    let mut listener = Listener {
        public_address: config.public_address.map(|a| super::address(&a)).transpose()?,
        front_timeout: seconds("front_timeout", config.front_timeout)?,
        back_timeout: seconds("back_timeout", config.back_timeout)?,
        connect_timeout: seconds("connect_timeout", config.connect_timeout)?,
        request_timeout: seconds("request_timeout", config.request_timeout)?,
        sticky_name: config.sticky_name.clone(),
        sozu_id_header: id_header.to_owned(),
        elide_x_real_ip: config.elide_x_real_ip.unwrap_or_default(),
        send_x_real_ip: config.send_x_real_ip.unwrap_or_default(),
        answers: all,
        // A request of its own activates it.
        active: false,
        expect_proxy: config.expect_proxy,
        access: access::access(state, config.access.as_ref())?,
        mptcp: config.mptcp.unwrap_or_default(),
        h2,
        ..Listener::new(address)
    };
    access::patch_sources(state, config.proxy_from.as_ref(), &mut listener.proxy_from)?;
    check::proxied(&listener)?;
    Ok(listener)
}

/// An address that has no listener yet.
pub(super) fn unknown(state: &State, wanted: &SocketAddress) -> Result<SocketAddr, Refusal> {
    let address = address(wanted)?;
    match state.listeners.contains_key(&address) {
        true => Err(format!("there is a listener on {address} already: update it").into()),
        false => Ok(address),
    }
}

pub(super) fn update(state: &State, patch: &Patch) -> Result<Vec<Order>, Refusal> {
    Ok(vec![Order::Listener(patched(state, patch, Kind::Http)?)])
}

/// The listener that a patch leads to, without what it says of TLS.
pub(super) fn patched(state: &State, patch: &Patch, kind: Kind) -> Result<Listener, Refusal> {
    let mut listener = known(state, address(&patch.address)?, kind)?.clone();
    forwards_both(patch.forwarded_headers)?;
    h2_bounds(patch, &mut listener.h2)?;
    if let Some(public) = &patch.public_address {
        listener.public_address = Some(super::address(public)?);
    }
    listener.expect_proxy = patch.expect_proxy.unwrap_or(listener.expect_proxy);
    access::patch_sources(state, patch.proxy_from.as_ref(), &mut listener.proxy_from)?;
    check::proxied(&listener)?;
    let timeouts = [
        ("front_timeout", patch.front_timeout, &mut listener.front_timeout),
        ("back_timeout", patch.back_timeout, &mut listener.back_timeout),
        ("connect_timeout", patch.connect_timeout, &mut listener.connect_timeout),
        ("request_timeout", patch.request_timeout, &mut listener.request_timeout),
    ];
    for (name, given, timeout) in timeouts {
        if let Some(given) = given {
            *timeout = seconds(name, given)?;
        }
    }
    if let Some(name) = &patch.sticky_name {
        check::token("sticky_name", name)?;
        listener.sticky_name.clone_from(name);
    }
    if let Some(name) = &patch.sozu_id_header {
        check::id_field_name("sozu_id_header", name)?;
        listener.sozu_id_header.clone_from(name);
    }
    listener.elide_x_real_ip = patch.elide_x_real_ip.unwrap_or(listener.elide_x_real_ip);
    listener.send_x_real_ip = patch.send_x_real_ip.unwrap_or(listener.send_x_real_ip);
    access::patch(state, patch.access.as_ref(), &mut listener.access)?;
    listener.answers.extend(custom(patch.http_answers.as_ref())?);
    listener.answers.extend(answers(&patch.answers, None)?);
    Ok(listener)
}

pub(super) fn remove(
    state: &State,
    address: SocketAddr,
    kind: Kind,
) -> Result<Vec<Order>, Refusal> {
    if kind == Kind::Udp {
        return udp::remove(state, address);
    }
    known(state, address, kind)?;
    Ok(vec![Order::RemoveListener(address)])
}

pub(super) fn activate(
    state: &State,
    address: SocketAddr,
    kind: Kind,
    active: bool,
) -> Result<Vec<Order>, Refusal> {
    if kind == Kind::Udp {
        return udp::activate(state, address, active);
    }
    let listener = Listener { active, ..known(state, address, kind)?.clone() };
    Ok(vec![Order::Listener(listener)])
}

/// The listener of this kind at an address.
pub(super) fn known(state: &State, address: SocketAddr, kind: Kind) -> Result<&Listener, Refusal> {
    match state.listeners.get(&address) {
        None => Err(format!("there is no listener on {address}").into()),
        Some(listener) if Kind::of(listener) != kind => {
            let (is, asked) = (Kind::of(listener).name(), kind.name());
            Err(format!("the listener on {address} speaks {is}, not {asked}").into())
        }
        Some(listener) => Ok(listener),
    }
}

fn forwards_both(forwarded: Option<i32>) -> Result<(), Refusal> {
    if forwarded.is_some_and(|choice| choice != i32::from(ForwardedHeaders::Both)) {
        return Err("a listener always adds both X-Forwarded-* and Forwarded: edit the fields of \
                    a frontend to remove one"
            .into());
    }
    Ok(())
}

/// Takes the bounds of HTTP/2 that a message has.
pub(super) fn h2_bounds(message: &impl Serialize, bounds: &mut H2) -> Result<(), Refusal> {
    let Ok(Value::Object(fields)) = serde_json::to_value(message) else { return Ok(()) };
    for (name, value) in &fields {
        let (Some(bare), Some(value)) = (name.strip_prefix("h2_"), value.as_u64()) else {
            continue;
        };
        let Some(key) = H2::KEYS.iter().find(|key| key.name == bare) else {
            return Err(format!("`{name}` is not known here: leave it out").into());
        };
        if !(key.least..=key.most).contains(&value) && !is_clamped(bare) {
            let (least, most) = (key.least, key.most);
            return Err(format!("`{name}` is a number from {least} to {most}, not {value}").into());
        }
        bounds.set(bare, value);
    }
    Ok(())
}

/// What is out of range is the nearest that is not, as the protocol has it.
fn is_clamped(name: &str) -> bool {
    matches!(name, "initial_connection_window" | "max_concurrent_streams")
}

/// A message with the bounds that are not the usual ones.
pub(super) fn with_h2<M: Serialize + DeserializeOwned>(message: M, bounds: &H2) -> M {
    let unusual = H2::KEYS.iter().filter(|key| bounds.get(key.name) != Some(key.default));
    let Ok(Value::Object(mut fields)) = serde_json::to_value(&message) else { return message };
    for key in unusual {
        fields.insert(format!("h2_{}", key.name), bounds.get(key.name).into());
    }
    serde_json::from_value(Value::Object(fields)).unwrap_or(message)
}

pub(super) fn seconds(name: &str, seconds: u32) -> Result<Duration, Refusal> {
    if (1..=LONGEST_SECONDS).contains(&seconds.into()) {
        return Ok(Duration::from_secs(seconds.into()));
    }
    Err(format!("`{name}` is a number of seconds from 1 to {LONGEST_SECONDS}, not {seconds}")
        .into())
}

/// A duration as the protocol has it.
pub(super) fn as_seconds(duration: Duration) -> u32 {
    u32::try_from(duration.as_secs()).unwrap_or(u32::MAX)
}

fn custom(answers: Option<&CustomHttpAnswers>) -> Result<Answers, Refusal> {
    let Some(given) = answers else { return Ok(Answers::new()) };
    let all = [
        (301, &given.answer_301),
        (400, &given.answer_400),
        (401, &given.answer_401),
        (404, &given.answer_404),
        (408, &given.answer_408),
        (413, &given.answer_413),
        (421, &given.answer_421),
        (429, &given.answer_429),
        (502, &given.answer_502),
        (503, &given.answer_503),
        (504, &given.answer_504),
        (507, &given.answer_507),
    ];
    checked(all.into_iter().filter_map(|(status, text)| Some((status, text.clone()?))).collect())
}

/// A listener as the protocol shows it; it is activated by a request of its own.
pub(super) fn config(listener: &Listener) -> Config {
    let answers = listener.answers.iter().map(|(status, text)| (status.to_string(), text.clone()));
    let message = Config {
        address: listener.address.into(),
        public_address: listener.public_address.map(Into::into),
        expect_proxy: listener.expect_proxy,
        sticky_name: listener.sticky_name.clone(),
        front_timeout: as_seconds(listener.front_timeout),
        back_timeout: as_seconds(listener.back_timeout),
        connect_timeout: as_seconds(listener.connect_timeout),
        request_timeout: as_seconds(listener.request_timeout),
        active: false,
        sozu_id_header: Some(listener.sozu_id_header.clone()),
        answers: answers.collect::<BTreeMap<_, _>>(),
        elide_x_real_ip: Some(listener.elide_x_real_ip),
        send_x_real_ip: Some(listener.send_x_real_ip),
        access: access::shown(&listener.access),
        proxy_from: access::shown_sources(&listener.proxy_from),
        mptcp: listener.mptcp.then_some(true),
        ..Config::default()
    };
    with_h2(message, &listener.h2)
}
