//! A socket that clients come to, for whoever only keeps it and lends it to others.

use std::io;
use std::net::SocketAddr;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use rustix::net::{getsockname, ipproto, sockopt};
use weir_base::{Endpoint, Transport};

use crate::{TcpListener, UdpSocket, resting, tcp, udp};

/// A bound socket of either kind.
#[derive(Debug)]
pub struct BoundSocket(OwnedFd);

impl BoundSocket {
    /// Binds with `SO_REUSEPORT`; `backlog` connections may wait.
    ///
    /// # Errors
    /// Of `socket`, `bind` or `listen`.
    pub fn bind(at: Endpoint, backlog: i32) -> io::Result<Self> {
        Ok(Self(match at.transport {
            Transport::Tcp => TcpListener::bind(at.address, backlog)?.into(),
            Transport::Udp => UdpSocket::bind(at.address)?.into(),
        }))
    }

    /// The same for connections of MPTCP, as [`TcpListener::bind_mptcp`].
    ///
    /// # Errors
    /// Of `socket`, `bind` or `listen`.
    pub fn bind_mptcp(address: SocketAddr, backlog: i32) -> io::Result<Self> {
        Ok(Self(TcpListener::bind_mptcp(address, backlog)?.into()))
    }

    /// It is one of MPTCP.
    ///
    /// # Errors
    /// Of `getsockopt(2)`.
    pub fn is_mptcp(&self) -> io::Result<bool> {
        Ok(sockopt::socket_protocol(&self.0)? == Some(ipproto::MPTCP))
    }

    /// A socket that was made elsewhere.
    pub fn from_fd(fd: OwnedFd) -> Self {
        Self(fd)
    }

    /// Another descriptor of the same socket.
    ///
    /// # Errors
    /// When the process may have no more.
    pub fn try_clone(&self) -> io::Result<Self> {
        Ok(Self(self.0.try_clone()?))
    }

    /// Tells sockets apart: equal for descriptors of the same one.
    ///
    /// # Errors
    /// Of `fstat(2)`.
    pub fn identity(&self) -> io::Result<u64> {
        Ok(rustix::fs::fstat(&self.0)?.st_ino)
    }

    /// Of TCP: nobody new comes, whoever has begun to still gets in. Those who try wait until they
    /// try again.
    ///
    /// # Errors
    /// Of `setsockopt(2)`.
    pub fn turn_away(&self) -> io::Result<()> {
        resting::turn_away(self.as_fd())
    }

    /// Of TCP: listens no more and stays bound, so that clients are refused and nobody else can
    /// have the port. Who waits in its queue is reset. Nothing changes when it rests already.
    ///
    /// # Errors
    /// Of `setsockopt` or `connect`.
    pub fn rest(&self) -> io::Result<()> {
        resting::rest(self.as_fd())
    }

    /// Of TCP: listens again and lets everybody in; `backlog` connections may wait.
    ///
    /// # Errors
    /// Of `setsockopt` or `listen`.
    pub fn wake(&self, backlog: i32) -> io::Result<()> {
        resting::wake(self.as_fd(), backlog)
    }

    /// The address it is bound to.
    ///
    /// # Errors
    /// Of `getsockname(2)`.
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        Ok(getsockname(&self.0)?.try_into()?)
    }
}

impl AsFd for BoundSocket {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

/// Whether somebody is bound there already, in a way that `SO_REUSEPORT` would hide.
///
/// # Errors
/// Of `socket` or `bind`, other than "address in use".
pub fn is_bound(at: Endpoint) -> io::Result<bool> {
    match at.transport {
        Transport::Tcp => tcp::is_bound(at.address),
        Transport::Udp => udp::is_bound(at.address),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_socket_says_whether_it_is_of_mptcp() {
        let any = "127.0.0.1:0".parse().expect("an address");
        assert!(
            !BoundSocket::bind(Endpoint::tcp(any), 16).expect("bound").is_mptcp().expect("known")
        );
        match BoundSocket::bind_mptcp(any, 16) {
            Ok(socket) => {
                assert!(socket.is_mptcp().expect("known"));
                let address = socket.local_addr().expect("bound");
                assert!(is_bound(Endpoint::tcp(address)).expect("known"));
            }
            Err(error) => assert!(crate::lacks_mptcp(&error), "{error}"),
        }
    }

    #[test]
    fn connections_and_datagrams_can_have_one_address() {
        let any = "127.0.0.1:0".parse().expect("an address");
        let tcp = BoundSocket::bind(Endpoint::tcp(any), 16).expect("bound");
        let address = tcp.local_addr().expect("bound");
        assert!(is_bound(Endpoint::tcp(address)).expect("known"));
        let udp = BoundSocket::bind(Endpoint::udp(address), 16).expect("bound as well");
        assert_eq!(udp.local_addr().expect("bound"), address);
        assert!(is_bound(Endpoint::udp(address)).expect("known"));
        let same = udp.try_clone().expect("cloned").identity().expect("known");
        assert_eq!(udp.identity().expect("known"), same);
        assert_ne!(tcp.identity().expect("known"), same);
        crate::testing::assert_closes_on_exec(&BoundSocket::from_fd(tcp.0));
    }
}
