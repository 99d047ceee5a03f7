//! How objects are named in plans, warnings and refusals.

use std::collections::HashSet;
use std::net::SocketAddr;

use super::Undo;
use crate::state::{CertificateId, FrontendId, PathRule, Position, State};

/// How a frontend is named: `GET example.org/path (PREFIX) on 127.0.0.1:80`.
pub fn frontend_name(id: &FrontendId) -> String {
    let method = id.method.as_ref().map(|method| format!("{method} ")).unwrap_or_default();
    let (kind, path) = match &id.path {
        PathRule::Prefix(path) => ("PREFIX", path),
        PathRule::Equals(path) => ("EQUALS", path),
        PathRule::Regex(path) => ("REGEX", path),
    };
    let list = match id.position {
        Position::Pre => ", PRE",
        Position::Post => ", POST",
        Position::Tree => "",
    };
    format!("{method}{}{path} ({kind}{list}) on {}", id.hostname, id.address)
}

/// How a frontend of TCP is named: `example.org (TCP, h2) on 127.0.0.1:443`.
pub fn tcp_frontend_name(id: &FrontendId) -> String {
    let protocol = id.method.as_ref().map(|protocol| format!(", {protocol}")).unwrap_or_default();
    format!("{} (TCP{protocol}) on {}", id.hostname, id.address)
}

/// How a certificate is named: `example.org (1b4f0e9851971998) on 127.0.0.1:443`.
pub fn certificate_name(id: &CertificateId, names: &[String]) -> String {
    let first = names.first().map_or("", String::as_str);
    let more = if names.len() > 1 { ", …" } else { "" };
    format!("{first}{more} ({:.16}) on {}", id.fingerprint.to_string(), id.address)
}

/// Names frontends by what their listeners carry, or carried before these went.
pub(super) struct Names<'a> {
    state: &'a State,
    gone: HashSet<SocketAddr>,
}

impl<'a> Names<'a> {
    /// For a state and what undoes its last changes.
    pub(super) fn new(state: &'a State, undo: &[Undo]) -> Self {
        let gone = undo.iter().filter_map(|step| match step {
            Undo::Listener(address, Some(listener)) if listener.is_tcp() => Some(*address),
            _ => None,
        });
        Self { state, gone: gone.collect() }
    }

    pub(super) fn of_frontend(&self, id: &FrontendId) -> String {
        let is_tcp = match self.state.listeners.get(&id.address) {
            Some(listener) => listener.is_tcp(),
            None => self.gone.contains(&id.address),
        };
        if is_tcp { tcp_frontend_name(id) } else { frontend_name(id) }
    }
}
