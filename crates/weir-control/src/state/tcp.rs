//! Listeners of TCP and their frontends: those of HTTP, without what only HTTP has.

use std::net::SocketAddr;
use std::time::Duration;

use super::{Carries, Listener, State};

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

impl State {
    /// There is a listener of TCP at this address.
    pub fn is_tcp(&self, address: SocketAddr) -> bool {
        self.listeners.get(&address).is_some_and(Listener::is_tcp)
    }
}
