//! Sockets of TCP, and Unix sockets that are connected to in their place, non-blocking. A read is
//! one `recv`, a write one `send` or `sendmsg`.

use std::io::{self, IoSlice};
use std::mem::MaybeUninit;
use std::net::SocketAddr;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::time::Duration;

use rustix::io::Errno;
use rustix::net::sockopt;
use rustix::net::{
    AddressFamily, Protocol, RecvFlags, SendAncillaryBuffer, SendFlags, Shutdown, SocketAddrUnix,
    SocketFlags, SocketType, acceptfrom_with, bind, connect, getsockname, ipproto, listen, recv,
    send, sendmsg, shutdown, socket_with,
};
use weir_base::Address;

use crate::resting;

/// Of every socket.
const FLAGS: SocketFlags = SocketFlags::NONBLOCK.union(SocketFlags::CLOEXEC);

/// A listening socket.
pub struct TcpListener(OwnedFd);

impl TcpListener {
    /// Binds with `SO_REUSEADDR` and `SO_REUSEPORT`. Accepted sockets inherit `TCP_NODELAY`.
    ///
    /// # Errors
    /// Of `socket`, `bind` or `listen`.
    pub fn bind(address: SocketAddr, backlog: i32) -> io::Result<Self> {
        Self::bind_by(None, address, backlog)
    }

    /// The same for MPTCP (RFC 8684): clients that do not speak it have connections of TCP.
    ///
    /// # Errors
    /// The same, and those of which [`lacks_mptcp`] is true.
    pub fn bind_mptcp(address: SocketAddr, backlog: i32) -> io::Result<Self> {
        Self::bind_by(Some(ipproto::MPTCP), address, backlog)
    }

    fn bind_by(protocol: Option<Protocol>, address: SocketAddr, backlog: i32) -> io::Result<Self> {
        let mut fd = shared_socket(address, protocol)?;
        if address.port() == 0 {
            // It may rest only if its port was asked for by its number.
            fd = shared_socket(getsockname(&fd)?.try_into()?, protocol)?;
        }
        listen(&fd, backlog)?;
        Ok(Self(fd))
    }

    /// A listening socket that was made elsewhere.
    pub fn from_fd(fd: OwnedFd) -> Self {
        Self(fd)
    }

    /// Listens no more and stays bound: see [`crate::BoundSocket::rest`].
    ///
    /// # Errors
    /// Of `setsockopt` or `connect`.
    pub fn rest(&self) -> io::Result<()> {
        resting::rest(self.as_fd())
    }

    /// The next connection that waits; `None` when none does, or when the socket rests.
    ///
    /// # Errors
    /// `EMFILE`, `ENFILE`, `ENOBUFS`, `ENOMEM` and what else is not about one connection.
    pub fn accept(&self) -> io::Result<Option<(TcpStream, SocketAddr)>> {
        loop {
            match acceptfrom_with(&self.0, FLAGS) {
                Ok((fd, Some(address))) => match SocketAddr::try_from(address) {
                    Ok(address) => return Ok(Some((TcpStream(fd), address))),
                    Err(_) => continue,
                },
                Ok((_, None)) => continue,
                Err(Errno::AGAIN | Errno::INVAL) => return Ok(None),
                Err(error) if concerns_one_connection(error) => continue,
                Err(error) => return Err(error.into()),
            }
        }
    }

    /// The address it is bound to.
    ///
    /// # Errors
    /// Of `getsockname(2)`.
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        Ok(getsockname(&self.0)?.try_into()?)
    }
}

/// An error of a bind says that the kernel has no MPTCP, or that it is switched off.
pub fn lacks_mptcp(error: &io::Error) -> bool {
    let errno = error.raw_os_error().map(Errno::from_raw_os_error);
    matches!(errno, Some(Errno::NOPROTOOPT | Errno::PROTONOSUPPORT))
}

/// accept(2): these tell of a connection that ended while it waited, or of the network. Not
/// `EOPNOTSUPP` and `EPERM`: a socket that does not listen, or may not, says so each time.
fn concerns_one_connection(error: Errno) -> bool {
    matches!(
        error,
        Errno::CONNABORTED
            | Errno::INTR
            | Errno::PROTO
            | Errno::NETDOWN
            | Errno::NETUNREACH
            | Errno::HOSTDOWN
            | Errno::HOSTUNREACH
            | Errno::NOPROTOOPT
            | Errno::NONET
    )
}

impl From<TcpListener> for OwnedFd {
    fn from(listener: TcpListener) -> Self {
        listener.0
    }
}

impl AsFd for TcpListener {
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
    let fd = stream_socket(address, None)?;
    sockopt::set_socket_reuseaddr(&fd, true)?;
    match bind(&fd, &address) {
        Ok(()) => Ok(false),
        Err(Errno::ADDRINUSE) => Ok(true),
        Err(error) => Err(error.into()),
    }
}

/// `IOV_MAX`: the kernel refuses longer lists.
const MOST_SLICES: usize = 1024;

/// A connection, of TCP or of a Unix socket.
pub struct TcpStream(OwnedFd);

impl TcpStream {
    /// Starts to connect; writable when it is made, or broken when it failed.
    ///
    /// # Errors
    /// Of `socket` or `connect`, at once: of a Unix socket, all that there are.
    pub fn connect_to(address: &Address) -> io::Result<Self> {
        match address {
            Address::Ip(address) => Self::connect(*address),
            Address::Unix(path) => Self::connect_unix(path.path()),
        }
    }

    fn connect_unix(path: &str) -> io::Result<Self> {
        let fd = socket_with(AddressFamily::UNIX, SocketType::STREAM, FLAGS, None)?;
        match connect(&fd, &SocketAddrUnix::new(path)?) {
            Ok(()) => Ok(Self(fd)),
            // Nobody waits for it: unlike one of TCP, it was not made, and is not going to be.
            Err(Errno::AGAIN) => Err(Errno::CONNREFUSED.into()),
            Err(error) => Err(error.into()),
        }
    }

    /// As [`TcpStream::connect_to`].
    ///
    /// # Errors
    /// Of `socket` or `connect`, at once.
    pub fn connect(address: SocketAddr) -> io::Result<Self> {
        let fd = stream_socket(address, None)?;
        sockopt::set_tcp_nodelay(&fd, true)?;
        match connect(&fd, &address) {
            Ok(()) | Err(Errno::INPROGRESS) => Ok(Self(fd)),
            Err(error) => Err(error.into()),
        }
    }

    /// The end of the connection that is ours.
    ///
    /// # Errors
    /// Of `getsockname(2)`.
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        Ok(getsockname(&self.0)?.try_into()?)
    }

    /// Reads once.
    ///
    /// # Errors
    /// Of `recv(2)`.
    pub fn read(&self, bytes: &mut [u8]) -> io::Result<usize> {
        Ok(recv(&self.0, bytes, RecvFlags::empty())?.0)
    }

    /// Reads once and leaves the bytes where they are.
    ///
    /// # Errors
    /// Of `recv(2)`.
    pub fn peek(&self, bytes: &mut [u8]) -> io::Result<usize> {
        Ok(recv(&self.0, bytes, RecvFlags::PEEK)?.0)
    }

    /// Writes once.
    ///
    /// # Errors
    /// Of `send(2)`; a broken connection is `BrokenPipe` and no signal.
    pub fn write(&self, bytes: &[u8]) -> io::Result<usize> {
        Ok(send(&self.0, bytes, SendFlags::NOSIGNAL)?)
    }

    /// Writes once, from several places; those beyond the 1024th are left for the next call.
    ///
    /// # Errors
    /// Of `sendmsg(2)`.
    pub fn write_vectored(&self, slices: &[IoSlice<'_>]) -> io::Result<usize> {
        let slices = &slices[..slices.len().min(MOST_SLICES)];
        let mut control = SendAncillaryBuffer::default();
        Ok(sendmsg(&self.0, slices, &mut control, SendFlags::NOSIGNAL)?)
    }

    /// Closes the sending side.
    ///
    /// # Errors
    /// Of `shutdown(2)`.
    pub fn shutdown_write(&self) -> io::Result<()> {
        Ok(shutdown(&self.0, Shutdown::Write)?)
    }

    /// Makes the coming close a reset, so that the peer cannot take the end for a complete message.
    ///
    /// # Errors
    /// Of `setsockopt(2)`.
    pub fn reset_on_close(&self) -> io::Result<()> {
        Ok(sockopt::set_socket_linger(&self.0, Some(Duration::ZERO))?)
    }

    /// Bytes of the stream that the peer's kernel has acknowledged; `None` when not known.
    ///
    /// The SYN counts as one byte on a connection that we made.
    pub fn bytes_acked(&self) -> Option<u64> {
        let (info, size) = self.info()?;
        let end = std::mem::offset_of!(libc::tcp_info, tcpi_bytes_acked) + size_of::<u64>();
        (size >= end).then_some(info.tcpi_bytes_acked)
    }

    /// The round trip to the peer, smoothed; `None` when the kernel has measured none.
    pub fn round_trip(&self) -> Option<Duration> {
        let (info, _) = self.info()?;
        (info.tcpi_rtt > 0).then(|| Duration::from_micros(info.tcpi_rtt.into()))
    }

    /// What the kernel knows of the connection, and how many bytes of it.
    fn info(&self) -> Option<(libc::tcp_info, usize)> {
        let mut info = MaybeUninit::<libc::tcp_info>::zeroed();
        let mut size = size_of::<libc::tcp_info>() as libc::socklen_t;
        // SAFETY: the buffer is `size` bytes long and writable; the kernel writes at most that and
        // says how much; every bit pattern is a `tcp_info`, and it was zeroed before.
        let info = unsafe {
            let result = libc::getsockopt(
                self.0.as_raw_fd(),
                libc::IPPROTO_TCP,
                libc::TCP_INFO,
                info.as_mut_ptr().cast(),
                &mut size,
            );
            (result == 0).then(|| info.assume_init())?
        };
        Some((info, size as usize))
    }
}

impl AsFd for TcpStream {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

impl From<OwnedFd> for TcpStream {
    fn from(fd: OwnedFd) -> Self {
        Self(fd)
    }
}

/// Has the kernel end a connection whose peer takes nothing for that long (`TCP_USER_TIMEOUT`). A
/// listening socket hands this on to those that are accepted.
///
/// # Errors
/// It is no socket of TCP.
pub fn end_when_stuck(socket: impl AsFd, patience: Duration) -> io::Result<()> {
    let milliseconds = u32::try_from(patience.as_millis()).unwrap_or(u32::MAX);
    Ok(sockopt::set_tcp_user_timeout(socket, milliseconds)?)
}

/// Bound to `address`, for clients; others of ours may be, too.
fn shared_socket(address: SocketAddr, protocol: Option<Protocol>) -> io::Result<OwnedFd> {
    let fd = stream_socket(address, protocol)?;
    sockopt::set_socket_reuseaddr(&fd, true)?;
    sockopt::set_socket_reuseport(&fd, true)?;
    sockopt::set_tcp_nodelay(&fd, true)?;
    bind(&fd, &address)?;
    Ok(fd)
}

fn stream_socket(address: SocketAddr, protocol: Option<Protocol>) -> rustix::io::Result<OwnedFd> {
    let family = if address.is_ipv4() { AddressFamily::INET } else { AddressFamily::INET6 };
    socket_with(family, SocketType::STREAM, FLAGS, protocol)
}

#[cfg(test)]
mod tests;
