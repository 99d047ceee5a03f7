//! The other end of a target. Every write returns at once.

mod stdout;

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::fs::OpenOptionsExt;
use std::os::unix::net::{UnixDatagram, UnixStream};
use std::path::Path;

use rustix::fs::OFlags;
use rustix::net::{AddressFamily, SocketAddrUnix, SocketFlags, SocketType, connect, socket_with};
use weir_sys::TcpStream;
use weir_telemetry::Target;

use crate::framing::Framing;
pub(crate) use stdout::Stdout;

/// Bytes that a Unix socket is given at once. For more the kernel takes scattered pages: copying to
/// those, and all that is sent to others meanwhile, then costs several times as much.
const AT_ONCE: usize = 16_000;

/// An open target.
pub(crate) enum Sink {
    Stdout(Stdout),
    File(File),
    Udp(UdpSocket),
    Tcp(TcpStream),
    Unix(UnixDatagram),
    UnixStream(UnixStream),
}

impl Sink {
    /// Opens a target. A TCP connection is only begun; writes wait until it is made.
    pub(crate) fn open(target: &Target) -> io::Result<Self> {
        Ok(match target {
            Target::Stdout => Self::Stdout(Stdout::new(rustix::stdio::stdout())?),
            Target::File(path) => Self::File(open_file(path)?),
            Target::Udp(address) => Self::Udp(udp_socket(*address)?),
            Target::Tcp(address) => Self::Tcp(TcpStream::connect(*address)?),
            Target::Unix(path) => Self::Unix(unix_socket(path)?),
            Target::UnixConnection(path) => Self::UnixStream(unix_stream(path)?),
        })
    }

    /// Takes the first of `lines`: how many bytes were taken. `WouldBlock` when none can be now.
    pub(crate) fn write(&mut self, lines: &[u8], framing: Framing) -> io::Result<usize> {
        match self {
            Self::Stdout(stdout) => stdout.write(lines),
            Self::File(file) => file.write(lines),
            Self::Tcp(stream) => stream.write(lines),
            Self::UnixStream(stream) => stream.write(framing.within(lines, AT_ONCE)),
            // A datagram is taken whole or not at all.
            Self::Udp(socket) => socket.send(framing.first(lines)),
            Self::Unix(socket) => socket.send(framing.first(lines)),
        }
    }
}

impl AsFd for Sink {
    fn as_fd(&self) -> BorrowedFd<'_> {
        match self {
            Self::Stdout(stdout) => stdout.as_fd(),
            Self::File(file) => file.as_fd(),
            Self::Udp(socket) => socket.as_fd(),
            Self::Tcp(stream) => stream.as_fd(),
            Self::Unix(socket) => socket.as_fd(),
            Self::UnixStream(stream) => stream.as_fd(),
        }
    }
}

/// Opens for appending. Non-blocking, so that a named pipe without a reader is an error instead of
/// a wait; regular files ignore it.
fn open_file(path: &Path) -> io::Result<File> {
    OpenOptions::new()
        .append(true)
        .create(true)
        .mode(0o640)
        .custom_flags(OFlags::NONBLOCK.bits() as i32)
        .open(path)
}

fn udp_socket(address: SocketAddr) -> io::Result<UdpSocket> {
    let any: SocketAddr = match address {
        SocketAddr::V4(_) => (Ipv4Addr::UNSPECIFIED, 0).into(),
        SocketAddr::V6(_) => (Ipv6Addr::UNSPECIFIED, 0).into(),
    };
    let socket = UdpSocket::bind(any)?;
    socket.set_nonblocking(true)?;
    socket.connect(address)?;
    Ok(socket)
}

fn unix_socket(path: &Path) -> io::Result<UnixDatagram> {
    let socket = UnixDatagram::unbound()?;
    socket.set_nonblocking(true)?;
    socket.connect(path)?;
    Ok(socket)
}

/// Not connected by the standard library, which would wait for a collector that accepts nobody.
fn unix_stream(path: &Path) -> io::Result<UnixStream> {
    let flags = SocketFlags::NONBLOCK | SocketFlags::CLOEXEC;
    let socket = socket_with(AddressFamily::UNIX, SocketType::STREAM, flags, None)?;
    connect(&socket, &SocketAddrUnix::new(path)?)?;
    Ok(socket.into())
}
