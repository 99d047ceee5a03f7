//! The listening sockets, of TCP and of UDP: one per listener and worker slot, all of one listener
//! sharing its address through `SO_REUSEPORT`.
//!
//! Main binds them before the first worker starts and keeps them until the proxy stops; whoever is
//! worker *i* borrows those of slot *i*. Connections that wait in the queue of a socket therefore
//! outlive the worker. Those of a listener of TCP that is deactivated *rest*: they keep the port,
//! let nobody in, are lent to nobody, and listen again when it is activated.
//!
//! Must not know: who the workers are.

use std::io;
use std::net::SocketAddr;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, RawFd};

use log::warn;
use serde::{Deserialize, Serialize};
use weir_base::{Endpoint, Transport};
use weir_control::state::State;
use weir_sys::{BoundSocket, inherited};

use crate::Error;
use crate::orphans::Adoption;

/// Connections that may wait in each socket; the kernel lowers it to `net.core.somaxconn`.
const BACKLOG: i32 = 4096;

/// Every listening socket, by listener and slot.
pub(crate) struct Sockets {
    groups: Vec<Group>,
}

/// The sockets of one listener, by slot.
struct Group {
    at: Endpoint,
    sockets: Vec<BoundSocket>,
    /// Nobody is to be let in.
    resting: bool,
}

/// The sockets of one address as they pass from one image of main to the next.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct HandedGroup {
    address: SocketAddr,
    #[serde(default, skip_serializing_if = "is_tcp")]
    transport: Transport,
    /// By slot.
    pub(crate) sockets: Vec<RawFd>,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    resting: bool,
}

impl Sockets {
    /// What another image of this process needs to go on with them.
    pub(crate) fn hand_over(&self) -> Vec<HandedGroup> {
        let groups = self.groups.iter().map(|group| HandedGroup {
            address: group.at.address,
            transport: group.at.transport,
            sockets: group.sockets.iter().map(|socket| socket.as_fd().as_raw_fd()).collect(),
            resting: group.resting,
        });
        groups.collect()
    }

    /// Goes on with what [`Sockets::hand_over`] has told.
    pub(crate) fn resume(handed: Vec<HandedGroup>) -> io::Result<Self> {
        let groups = handed.into_iter().map(|group| {
            let HandedGroup { address, transport, sockets, resting } = group;
            let sockets = sockets.into_iter().map(|fd| Ok(BoundSocket::from_fd(inherited(fd)?)));
            let at = Endpoint { transport, address };
            Ok(Group { at, sockets: sockets.collect::<io::Result<_>>()?, resting })
        });
        Ok(Self { groups: groups.collect::<io::Result<_>>()? })
    }

    /// Binds one socket per active listener of `state` and slot.
    ///
    /// A listener on port 0 is given a free port, and `state` then says which.
    /// Those of `left` are used first.
    pub(crate) fn bind(state: &mut State, slots: u16, left: &mut Adoption) -> Result<Self, Error> {
        let sockets = active(state).into_iter().map(|at| (at, left.take_sockets(at, slots)));
        let sockets: Vec<_> = sockets.collect();
        // All before the first is bound: one of ours may cover another, like 0.0.0.0 and 127.0.0.1.
        for (at, sockets) in &sockets {
            if sockets.iter().all(Option::is_none) {
                require_free(*at)?;
            }
        }
        let mut groups = Vec::with_capacity(sockets.len());
        for (at, sockets) in sockets {
            let group = Group::complete(at, sockets, is_for_mptcp(state, at))?;
            if let Some(listener) =
                state.listeners.get_mut(&at.address).filter(|_| is_tcp(&at.transport))
            {
                // Those that were left may be of the other kind.
                listener.mptcp = group.is_mptcp();
            }
            if group.at != at {
                move_listener(state, at, group.at.address);
            }
            groups.push(group);
        }
        Ok(Self { groups })
    }

    /// Where clients come to.
    pub(crate) fn endpoints(&self) -> impl Iterator<Item = Endpoint> {
        self.listening().map(|group| group.at)
    }

    /// What there are sockets for, and whether they rest.
    pub(crate) fn rests(&self, at: Endpoint) -> Option<bool> {
        self.groups.iter().find(|group| group.at == at).map(|group| group.resting)
    }

    /// True when there are sockets for it and they are of MPTCP.
    pub(crate) fn are_mptcp(&self, at: Endpoint) -> bool {
        self.groups.iter().any(|group| group.at == at && group.is_mptcp())
    }

    /// Binds one more.
    pub(crate) fn add(&mut self, state: &State, at: Endpoint, slots: u16) -> Result<(), Error> {
        require_free(at)?;
        let missing = (0..slots).map(|_| None).collect();
        self.groups.push(Group::complete(at, missing, is_for_mptcp(state, at))?);
        Ok(())
    }

    /// Gives up the sockets of some listeners.
    pub(crate) fn remove(&mut self, endpoints: &[Endpoint]) {
        self.groups.retain(|group| !endpoints.contains(&group.at));
    }

    /// Nobody new comes to these listeners of TCP, which are about to rest: workers empty their
    /// queues, and whoever has begun to connect is there before that is done.
    pub(crate) fn turn_away(&mut self, endpoints: &[Endpoint]) {
        for group in self.groups.iter_mut().filter(|group| endpoints.contains(&group.at)) {
            group.resting = true;
            // Where it cannot be done, who comes too late is reset.
            group.sockets.iter().for_each(|socket| drop(socket.turn_away()));
        }
    }

    /// Puts the sockets of some listeners of TCP to rest, those that workers have not. Where the
    /// kernel cannot do that, they are closed.
    pub(crate) fn rest(&mut self, endpoints: &[Endpoint]) {
        self.groups.retain_mut(|group| !endpoints.contains(&group.at) || group.rest());
    }

    /// Sockets that rest listen again, one for each slot; they rest on if that cannot be.
    pub(crate) fn wake(&mut self, at: Endpoint, slots: u16) -> Result<(), Error> {
        let mut groups = self.groups.iter_mut().filter(|group| group.at == at);
        groups.try_for_each(|group| group.wake(slots)).inspect_err(|_| self.rest(&[at]))
    }

    fn listening(&self) -> impl Iterator<Item = &Group> {
        self.groups.iter().filter(|group| !group.resting)
    }

    /// Number of sockets of all slots.
    pub(crate) fn count(&self) -> usize {
        self.groups.iter().map(|group| group.sockets.len()).sum()
    }

    /// What tells the sockets of a slot apart from others.
    pub(crate) fn identities(&self, slot: u16) -> impl Iterator<Item = u64> {
        let sockets = self.listening().filter_map(move |g| g.sockets.get(usize::from(slot)));
        sockets.map(|socket| socket.identity().unwrap_or_default())
    }

    /// Sockets of all slots, once there are that many of these.
    pub(crate) fn count_with(&self, slots: u16) -> usize {
        self.groups.iter().map(|group| group.sockets.len().max(slots.into())).sum()
    }

    /// Binds what that many slots lack; nothing, if that cannot be. What rests is left alone.
    pub(crate) fn grow(&mut self, slots: u16) -> Result<(), Error> {
        let before: Vec<usize> = self.groups.iter().map(|group| group.sockets.len()).collect();
        let mut listening = self.groups.iter_mut().filter(|group| !group.resting);
        let grown = listening.try_for_each(|group| group.grow(slots));
        if grown.is_err() {
            for (group, count) in self.groups.iter_mut().zip(before) {
                group.sockets.truncate(count);
            }
        }
        grown
    }

    /// The number of sockets of the listener that has most.
    pub(crate) fn slots(&self) -> u16 {
        let counts = self.listening().map(|group| group.sockets.len());
        counts.max().unwrap_or_default() as u16
    }

    /// Tells the socket of a listener and slot apart from others.
    pub(crate) fn identity(&self, at: Endpoint, slot: u16) -> Option<u64> {
        let group = self.groups.iter().find(|group| group.at == at)?;
        group.sockets.get(usize::from(slot))?.identity().ok()
    }

    /// Gives them up: from now on each lives as long as the worker that it is lent to accepts.
    pub(crate) fn close(&mut self) {
        self.groups.clear();
    }

    /// The sockets of one slot that listen, with the listener that each belongs to.
    pub(crate) fn of_slot(&self, slot: u16) -> impl Iterator<Item = (Endpoint, BorrowedFd<'_>)> {
        self.listening().filter_map(move |group| {
            let socket = group.sockets.get(usize::from(slot))?;
            Some((group.at, socket.as_fd()))
        })
    }
}

impl Group {
    /// As its sockets say.
    fn is_mptcp(&self) -> bool {
        self.sockets.iter().any(|socket| socket.is_mptcp().unwrap_or_default())
    }

    fn grow(&mut self, slots: u16) -> Result<(), Error> {
        let mptcp = self.is_mptcp();
        while self.sockets.len() < usize::from(slots) {
            let socket = bind(self.at, mptcp);
            self.sockets.push(socket.map_err(|source| Error::bind(self.at, source))?);
        }
        Ok(())
    }

    /// True when they rest.
    fn rest(&mut self) -> bool {
        self.resting = true;
        let rested = self.sockets.iter().try_for_each(BoundSocket::rest);
        let beware = |error: &io::Error| warn!("{} is closed: {error}", self.at.address);
        rested.inspect_err(beware).is_ok()
    }

    fn wake(&mut self, slots: u16) -> Result<(), Error> {
        // Nobody waits in those that there is no slot for any more.
        self.sockets.truncate(slots.into());
        for socket in &self.sockets {
            socket.wake(BACKLOG).map_err(|source| Error::bind(self.at, source))?;
        }
        self.resting = false;
        self.grow(slots)
    }

    /// Binds those that are missing.
    fn complete(
        at: Endpoint,
        sockets: Vec<Option<BoundSocket>>,
        mptcp: bool,
    ) -> Result<Self, Error> {
        let refused = |source| Error::bind(at, source);
        let mut group = Self { at, sockets: Vec::new(), resting: false };
        for socket in sockets {
            let bind = || bind(group.at, mptcp);
            let socket = socket.map_or_else(bind, |left| awake(left, at)).map_err(refused)?;
            // The first one has chosen the port.
            group.at.address = socket.local_addr().map_err(refused)?;
            group.sockets.push(socket);
        }
        Ok(group)
    }
}

/// What another main has left may be about to rest.
fn awake(left: BoundSocket, at: Endpoint) -> io::Result<BoundSocket> {
    if at.transport == Transport::Tcp {
        left.wake(BACKLOG)?;
    }
    Ok(left)
}

fn bind(at: Endpoint, mptcp: bool) -> io::Result<BoundSocket> {
    match mptcp {
        true => BoundSocket::bind_mptcp(at.address, BACKLOG),
        false => BoundSocket::bind(at, BACKLOG),
    }
}

/// Whether new sockets are to be of MPTCP.
pub(crate) fn is_for_mptcp(state: &State, at: Endpoint) -> bool {
    at.transport == Transport::Tcp && state.listeners.get(&at.address).is_some_and(|l| l.mptcp)
}

fn is_tcp(transport: &Transport) -> bool {
    *transport == Transport::Tcp
}

/// Where clients are to come to.
fn active(state: &State) -> Vec<Endpoint> {
    let tcp = state.listeners.values().filter(|listener| listener.active);
    let udp = state.udp.values().filter(|listener| listener.active);
    let tcp = tcp.map(|listener| Endpoint::tcp(listener.address));
    tcp.chain(udp.map(|listener| Endpoint::udp(listener.address))).collect()
}

/// Another proxy of the same user would share the address silently.
fn require_free(at: Endpoint) -> Result<(), Error> {
    match weir_sys::is_bound(at) {
        Ok(false) => Ok(()),
        Ok(true) => Err(Error::AddressInUse { at }),
        Err(source) => Err(Error::bind(at, source)),
    }
}

/// A listener, its routes and certificates are known by the address `to` from now on.
fn move_listener(state: &mut State, from: Endpoint, to: SocketAddr) {
    let Endpoint { transport, address: from } = from;
    if transport == Transport::Udp {
        if let Some(mut listener) = state.udp.remove(&from) {
            listener.address = to;
            state.udp.insert(to, listener);
        }
        return;
    }
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
