//! UDP sockets, non-blocking: many datagrams a system call.
//!
//! [`Inbox`] is where they are received, [`Outgoing`] what is sent. Where the kernel can, one
//! message stands for several datagrams of a sender that are equally long, but for the last
//! (`UDP_GRO`, `UDP_SEGMENT`).
//!
//! Invariant: what is sent from a socket that is bound to all addresses can name the one of them
//! that it comes from, so that a client hears from the address that it has sent to.

mod control;
mod inbox;
mod name;
mod outgoing;

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};

use rustix::io::Errno;
use rustix::net::sockopt;
use rustix::net::{
    AddressFamily, RecvFlags, SocketFlags, SocketType, bind, connect, getsockname, recv,
    socket_with,
};

pub use inbox::{Inbox, Received};
pub use outgoing::Outgoing;

/// The longest message that can be received or sent, in bytes: several datagrams, perhaps.
const LONGEST_MESSAGE: usize = 1 << 16;

/// The most messages that are received or sent at once.
pub const MOST_MESSAGES: usize = 16;

/// Bytes that may wait in the kernel for a listener, if the system allows it
/// (`net.core.rmem_max`).
const WAITING_BYTES: usize = 4 << 20;

/// One of our addresses, as a datagram came to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Local {
    /// The address.
    pub ip: IpAddr,
    /// The interface, where the address means nothing without it; else 0.
    pub interface: u32,
}

/// A UDP socket.
#[derive(Debug)]
pub struct UdpSocket(OwnedFd);

impl UdpSocket {
    /// Binds with `SO_REUSEPORT`, for clients.
    ///
    /// # Errors
    /// Of `socket` or `bind`.
    pub fn bind(address: SocketAddr) -> io::Result<Self> {
        let fd = datagram_socket(address)?;
        sockopt::set_socket_reuseport(&fd, true)?;
        // Less is granted without a word where the system allows less.
        let _ = sockopt::set_socket_recv_buffer_size(&fd, WAITING_BYTES);
        if address.ip().is_unspecified() {
            control::tell_destinations(fd.as_raw_fd(), address.is_ipv6())?;
        }
        control::take_groups(fd.as_raw_fd());
        bind(&fd, &address)?;
        Ok(Self(fd))
    }

    /// Makes one that speaks with `address` only; a datagram that does not reach it is an error of
    /// a later call, `ECONNREFUSED` mostly.
    ///
    /// # Errors
    /// Of `socket` or `connect`.
    pub fn connect(address: SocketAddr) -> io::Result<Self> {
        let fd = datagram_socket(address)?;
        control::take_groups(fd.as_raw_fd());
        connect(&fd, &address)?;
        Ok(Self(fd))
    }

    /// A socket that was made elsewhere.
    pub fn from_fd(fd: OwnedFd) -> Self {
        Self(fd)
    }

    /// The address it is bound to.
    ///
    /// # Errors
    /// Of `getsockname(2)`.
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        Ok(getsockname(&self.0)?.try_into()?)
    }

    /// Receives what waits, as far as there is room in `inbox`; the number of messages, 0 when none
    /// waits.
    ///
    /// # Errors
    /// Of `recvmmsg(2)`; of a connected socket, what became of earlier datagrams, too.
    pub fn receive(&self, inbox: &mut Inbox) -> io::Result<usize> {
        inbox.receive(self.0.as_raw_fd())
    }

    /// Takes a datagram and forgets it; false when none waits.
    ///
    /// # Errors
    /// Of `recv(2)`; of a connected socket, what became of earlier datagrams, too.
    pub fn take_one(&self) -> io::Result<bool> {
        match recv(&self.0, &mut [0; 1], RecvFlags::DONTWAIT) {
            Ok(_) => Ok(true),
            Err(Errno::AGAIN | Errno::INTR) => Ok(false),
            Err(error) => Err(error.into()),
        }
    }

    /// Sends messages, the first ones at least: how many.
    ///
    /// # Errors
    /// Of `sendmmsg(2)`, about the first one; `WouldBlock` when the kernel takes no more now.
    pub fn send(&self, messages: &[Outgoing<'_>]) -> io::Result<usize> {
        outgoing::send(self.0.as_raw_fd(), messages)
    }
}

/// An error says that a message stands for more than can be sent at once: its datagrams may be sent
/// one by one.
pub fn must_be_split(error: &io::Error) -> bool {
    let errno = error.raw_os_error().map(Errno::from_raw_os_error);
    matches!(errno, Some(Errno::INVAL | Errno::MSGSIZE | Errno::IO | Errno::OPNOTSUPP))
}

impl From<UdpSocket> for OwnedFd {
    fn from(socket: UdpSocket) -> Self {
        socket.0
    }
}

impl AsFd for UdpSocket {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

/// Whether somebody is bound to `address` already, in a way that `SO_REUSEPORT` would hide.
///
/// # Errors
/// Of `socket` or `bind`, other than "address in use".
pub(crate) fn is_bound(address: SocketAddr) -> io::Result<bool> {
    if address.port() == 0 {
        return Ok(false);
    }
    match bind(&datagram_socket(address)?, &address) {
        Ok(()) => Ok(false),
        Err(Errno::ADDRINUSE) => Ok(true),
        Err(error) => Err(error.into()),
    }
}

fn datagram_socket(address: SocketAddr) -> rustix::io::Result<OwnedFd> {
    let family = if address.is_ipv4() { AddressFamily::INET } else { AddressFamily::INET6 };
    let flags = SocketFlags::NONBLOCK | SocketFlags::CLOEXEC;
    socket_with(family, SocketType::DGRAM, flags, None)
}

#[cfg(test)]
mod tests;
