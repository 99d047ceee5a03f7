//! The addresses at which datagrams are taken.

use std::net::SocketAddr;
use std::os::fd::AsFd;
use std::rc::Rc;

use hashbrown::HashMap;
use weir_base::{Key, Slab};
use weir_control::state;
use weir_sys::{Epoll, UdpSocket};

use super::backlog::Backlog;
use crate::observe::Observe;
use crate::tables::MAX_LISTENERS;
use crate::token::Token;

/// Datagrams of one listener that wait until the kernel takes more.
const BACKLOG: usize = 256;

/// All of them.
pub(crate) struct UdpListeners {
    listeners: Slab<UdpListener>,
    by_address: HashMap<SocketAddr, Key, foldhash::fast::RandomState>,
}

/// One address.
pub(crate) struct UdpListener {
    pub(crate) settings: Rc<UdpSettings>,
    /// Where datagrams go.
    pub(crate) cluster: Option<Key>,
    /// Ours, and those of slots that have no worker. The first one sends.
    pub(crate) sockets: Vec<UdpSocket>,
    /// Flows that came from it.
    pub(crate) flows: usize,
    /// Datagrams for clients that the kernel did not take.
    pub(super) backlog: Backlog,
}

/// What a flow keeps of its listener.
pub(crate) struct UdpSettings {
    pub(crate) config: state::UdpListener,
    /// [`weir_control::change::object_hash`] of it.
    pub(crate) hash: u64,
    /// `k=v, k=v` for the log.
    pub(crate) tags: Box<str>,
}

impl UdpListeners {
    pub(crate) fn new() -> Self {
        Self { listeners: Slab::growing(MAX_LISTENERS), by_address: HashMap::default() }
    }

    pub(crate) fn key(&self, address: &SocketAddr) -> Option<Key> {
        self.by_address.get(address).copied()
    }

    pub(crate) fn get(&self, key: Key) -> Option<&UdpListener> {
        self.listeners.get(key)
    }

    pub(crate) fn get_mut(&mut self, key: Key) -> Option<&mut UdpListener> {
        self.listeners.get_mut(key)
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (Key, &UdpListener)> {
        self.listeners.iter()
    }

    pub(crate) fn len(&self) -> usize {
        self.listeners.len()
    }

    /// Adds one that is not there.
    pub(crate) fn add(&mut self, settings: Rc<UdpSettings>) -> Option<Key> {
        let address = settings.config.address;
        let backlog = Backlog::new(BACKLOG);
        let (cluster, sockets, flows) = (None, Vec::new(), 0);
        let listener = UdpListener { settings, cluster, sockets, flows, backlog };
        let key = self.listeners.insert(listener).ok()?;
        self.by_address.insert(address, key);
        Some(key)
    }

    pub(crate) fn remove(&mut self, address: &SocketAddr) -> Option<(Key, UdpListener)> {
        let key = self.by_address.remove(address)?;
        Some((key, self.listeners.remove(key)?))
    }
}

impl UdpListener {
    /// Begins to watch a socket of it.
    pub(super) fn begin(
        &self,
        key: Key,
        index: usize,
        reads: bool,
        (epoll, observe): (&Epoll, &mut Observe),
    ) {
        let Some(socket) = self.sockets.get(index) else { return };
        let token = Token::Datagrams(key).to_bits();
        if let Err(error) = epoll.add_level(socket.as_fd(), token, reads, false) {
            observe.internal("watching a UDP listener", &error);
        }
    }

    /// Watches for datagrams if `reads`, and for room if some wait.
    pub(super) fn watch(&self, key: Key, reads: bool, epoll: &Epoll, observe: &mut Observe) {
        let token = Token::Datagrams(key).to_bits();
        for (index, socket) in self.sockets.iter().enumerate() {
            let writes = index == 0 && !self.backlog.is_empty();
            if let Err(error) = epoll.modify_level(socket.as_fd(), token, reads, writes) {
                observe.internal("changing the interest in a UDP listener", &error);
            }
        }
    }
}
