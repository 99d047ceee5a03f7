//! The listening sockets: one per listener address and worker slot, all of one address sharing it
//! through `SO_REUSEPORT`.
//!
//! Main binds them before the first worker starts and keeps them until the proxy stops; whoever is
//! worker *i* borrows those of slot *i*. Connections that wait in the queue of a socket therefore
//! outlive the worker.
//!
//! Must not know: who the workers are.

use std::io;
use std::net::SocketAddr;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, RawFd};

use serde::{Deserialize, Serialize};
use weir_control::state::State;
use weir_sys::{TcpListener, Transport, inherited};

use crate::Error;
use crate::orphans::Adoption;

/// Connections that may wait in each socket; the kernel lowers it to `net.core.somaxconn`.
const BACKLOG: i32 = 4096;

/// Every listening socket, by listener and slot.
pub(crate) struct Sockets {
    groups: Vec<Group>,
}

/// The sockets of one address, by slot.
struct Group {
    address: SocketAddr,
    sockets: Vec<TcpListener>,
}

/// The sockets of one address as they pass from one image of main to the next.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct HandedGroup {
    address: SocketAddr,
    /// By slot.
    pub(crate) sockets: Vec<RawFd>,
}

impl Sockets {
    /// What another image of this process needs to go on with them.
    pub(crate) fn hand_over(&self) -> Vec<HandedGroup> {
        let groups = self.groups.iter().map(|group| HandedGroup {
            address: group.address,
            sockets: group.sockets.iter().map(|socket| socket.as_fd().as_raw_fd()).collect(),
        });
        groups.collect()
    }

    /// Goes on with what [`Sockets::hand_over`] has told.
    pub(crate) fn resume(handed: Vec<HandedGroup>) -> io::Result<Self> {
        let groups = handed.into_iter().map(|HandedGroup { address, sockets }| {
            let sockets = sockets.into_iter().map(|fd| Ok(TcpListener::from_fd(inherited(fd)?)));
            Ok(Group { address, sockets: sockets.collect::<io::Result<_>>()? })
        });
        Ok(Self { groups: groups.collect::<io::Result<_>>()? })
    }

    /// Binds one socket per active listener of `state` and slot.
    ///
    /// A listener on port 0 is given a free port, and `state` then says which.
    /// Those of `left` are used first.
    pub(crate) fn bind(state: &mut State, slots: u16, left: &mut Adoption) -> Result<Self, Error> {
        let active = state.listeners.values().filter(|listener| listener.active);
        let addresses: Vec<_> = active.map(|listener| listener.address).collect();
        let sockets = addresses.into_iter().map(|a| (a, left.take_sockets(a, slots)));
        let sockets: Vec<_> = sockets.collect();
        // All before the first is bound: one of ours may cover another, like 0.0.0.0 and 127.0.0.1.
        for (address, sockets) in &sockets {
            if sockets.iter().all(Option::is_none) {
                require_free(*address)?;
            }
        }
        let mut groups = Vec::with_capacity(sockets.len());
        for (address, sockets) in sockets {
            let group = Group::complete(address, sockets)?;
            if group.address != address {
                move_listener(state, address, group.address);
            }
            groups.push(group);
        }
        Ok(Self { groups })
    }

    /// Addresses that are listened on.
    pub(crate) fn addresses(&self) -> impl Iterator<Item = SocketAddr> {
        self.groups.iter().map(|group| group.address)
    }

    /// True when the address is listened on.
    pub(crate) fn has(&self, address: SocketAddr) -> bool {
        self.groups.iter().any(|group| group.address == address)
    }

    /// Binds one more address.
    pub(crate) fn add(&mut self, address: SocketAddr, slots: u16) -> Result<(), Error> {
        require_free(address)?;
        self.groups.push(Group::bind(address, slots)?);
        Ok(())
    }

    /// Gives up the sockets of some addresses.
    pub(crate) fn remove(&mut self, addresses: &[SocketAddr]) {
        self.groups.retain(|group| !addresses.contains(&group.address));
    }

    /// Number of sockets of all slots.
    pub(crate) fn count(&self) -> usize {
        self.groups.iter().map(|group| group.sockets.len()).sum()
    }

    /// What tells the sockets apart that belong to none of that many slots.
    pub(crate) fn spare(&self, slots: u16) -> impl Iterator<Item = u64> {
        let sockets = self.groups.iter().flat_map(move |g| g.sockets.iter().skip(slots.into()));
        sockets.map(|socket| socket.identity().unwrap_or_default())
    }

    /// The number of sockets of the address that has most.
    pub(crate) fn slots(&self) -> u16 {
        let counts = self.groups.iter().map(|group| group.sockets.len());
        counts.max().unwrap_or_default() as u16
    }

    /// Tells the socket of an address and slot apart from others.
    pub(crate) fn identity(&self, address: SocketAddr, slot: u16) -> Option<u64> {
        let group = self.groups.iter().find(|group| group.address == address)?;
        group.sockets.get(usize::from(slot))?.identity().ok()
    }

    /// Gives them up: from now on each lives as long as the worker that it is lent to accepts.
    pub(crate) fn close(&mut self) {
        self.groups.clear();
    }

    /// The sockets of one slot, with the listener that each belongs to.
    pub(crate) fn of_slot(&self, slot: u16) -> impl Iterator<Item = (SocketAddr, BorrowedFd<'_>)> {
        self.groups.iter().filter_map(move |group| {
            let socket = group.sockets.get(usize::from(slot))?;
            Some((group.address, socket.as_fd()))
        })
    }
}

impl Group {
    fn bind(address: SocketAddr, slots: u16) -> Result<Self, Error> {
        Self::complete(address, (0..slots).map(|_| None).collect())
    }

    /// Binds those that are missing.
    fn complete(address: SocketAddr, sockets: Vec<Option<TcpListener>>) -> Result<Self, Error> {
        let refused = |source| Error::bind(address, source);
        let mut group = Self { address, sockets: Vec::with_capacity(sockets.len()) };
        for socket in sockets {
            let bind = || TcpListener::bind(group.address, BACKLOG);
            let socket = socket.map_or_else(bind, Ok).map_err(refused)?;
            // The first one has chosen the port.
            group.address = socket.local_addr().map_err(refused)?;
            group.sockets.push(socket);
        }
        Ok(group)
    }
}

/// Another proxy of the same user would share the address silently.
fn require_free(address: SocketAddr) -> Result<(), Error> {
    match weir_sys::is_bound(Transport::Tcp, address) {
        Ok(false) => Ok(()),
        Ok(true) => Err(Error::AddressInUse { address }),
        Err(source) => Err(Error::bind(address, source)),
    }
}

/// The listener on `from`, its routes and certificates are known by the address `to` from now on.
fn move_listener(state: &mut State, from: SocketAddr, to: SocketAddr) {
    if let Some(mut listener) = state.listeners.remove(&from) {
        listener.address = to;
        state.listeners.insert(to, listener);
    }
    state.frontends.change_all(|frontend| {
        if frontend.address == from {
            frontend.address = to;
        }
    });
    for id in state.certificates_of(from) {
        if let Some(mut certificate) = state.certificates.remove(&id) {
            certificate.address = to;
            state.certificates.insert(certificate.id(), certificate);
        }
    }
}
