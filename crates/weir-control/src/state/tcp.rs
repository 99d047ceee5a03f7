//! Listeners of TCP and their frontends: those of HTTP, without what only HTTP has.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::Duration;

use super::{
    Carries, Frontend, FrontendId, Listener, PathRule, Position, Redirect, RedirectScheme, State,
};

/// The longest wait for a ClientHello when nothing else is said.
const HELLO_TIMEOUT: Duration = Duration::from_secs(5);
/// The server name of a frontend for every client.
pub const ANY_NAME: &str = "*";

impl Listener {
    /// One of TCP that accepts, with what holds when nothing else is said.
    pub fn of_tcp(address: SocketAddr) -> Self {
        Self { carries: Carries::Tcp, request_timeout: HELLO_TIMEOUT, ..Self::new(address) }
    }

    /// It passes bytes on as they are.
    pub fn is_tcp(&self) -> bool {
        self.carries == Carries::Tcp
    }
}

impl FrontendId {
    /// Of a frontend of TCP: for clients that ask for a server and, if one is named, offer a
    /// protocol.
    pub fn of_tcp(address: SocketAddr, server: &str, protocol: Option<&str>) -> Self {
        Self {
            address,
            hostname: server.to_owned(),
            path: PathRule::Prefix(String::new()),
            method: protocol.map(str::to_owned),
            position: Position::Tree,
        }
    }
}

impl Frontend {
    /// One of TCP.
    pub fn of_tcp(id: FrontendId, cluster: &str, tags: BTreeMap<String, String>) -> Self {
        Self {
            address: id.address,
            hostname: id.hostname,
            path: id.path,
            method: id.method,
            position: id.position,
            cluster: Some(cluster.to_owned()),
            tags,
            redirect: Redirect::Forward,
            redirect_scheme: RedirectScheme::UseSame,
            redirect_template: None,
            rewrite_host: None,
            rewrite_path: None,
            rewrite_port: None,
            required_auth: false,
            headers: Vec::new(),
            hsts: None,
        }
    }
}

impl State {
    /// There is a listener of TCP at this address.
    pub fn is_tcp(&self, address: SocketAddr) -> bool {
        self.listeners.get(&address).is_some_and(Listener::is_tcp)
    }
}
