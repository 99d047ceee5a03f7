//! Sockets of TCP that let nobody in for a while and keep their port.
//!
//! A socket *rests* when it is bound and does not listen: clients are refused, and nobody else can
//! have the port. It listens again whatever others did meanwhile. The kernel keeps the port only of
//! a socket that was bound to it by its number.

use std::io;
use std::os::fd::{AsRawFd, BorrowedFd};

use rustix::net::{connect_unspec, listen, sockopt};

/// Drops what would begin a connection (SYN without ACK, in the 14th byte of a TCP header), and
/// nothing else.
const NOBODY_NEW: [libc::sock_filter; 5] = [
    filter(libc::BPF_LD | libc::BPF_B | libc::BPF_ABS, 0, 13),
    filter(libc::BPF_ALU | libc::BPF_AND | libc::BPF_K, 0, 0x12),
    filter(libc::BPF_JMP | libc::BPF_JEQ | libc::BPF_K, 1, 0x02),
    filter(libc::BPF_RET | libc::BPF_K, 0, 0),
    filter(libc::BPF_RET | libc::BPF_K, 0, u32::MAX),
];

const fn filter(code: u32, jf: u8, k: u32) -> libc::sock_filter {
    libc::sock_filter { code: code as u16, jt: 0, jf, k }
}

/// Nobody new comes to a socket that listens; whoever has begun to still gets in.
pub(crate) fn turn_away(socket: BorrowedFd<'_>) -> io::Result<()> {
    let mut filter = NOBODY_NEW;
    let program = libc::sock_fprog { len: filter.len() as u16, filter: filter.as_mut_ptr() };
    let size = size_of_val(&program) as libc::socklen_t;
    let program = (&raw const program).cast();
    // SAFETY: the kernel reads `size` bytes of `program` and the instructions that it points to,
    // which live until the call is over.
    let result = unsafe {
        let fd = socket.as_raw_fd();
        libc::setsockopt(fd, libc::SOL_SOCKET, libc::SO_ATTACH_FILTER, program, size)
    };
    done(result)
}

/// Puts a socket to rest, if it does not rest yet; who waits in its queue is reset.
pub(crate) fn rest(socket: BorrowedFd<'_>) -> io::Result<()> {
    // Others who set it could have the port of a socket that does not listen.
    sockopt::set_socket_reuseaddr(socket, false)?;
    // Not shutdown(2): the second time, it would last, and be inherited by what is accepted later.
    Ok(connect_unspec(socket)?)
}

/// A socket that rests, or is about to, listens again.
pub(crate) fn wake(socket: BorrowedFd<'_>, backlog: i32) -> io::Result<()> {
    sockopt::set_socket_reuseaddr(socket, true)?;
    let (fd, none) = (socket.as_raw_fd(), 0 as libc::c_int);
    let size = size_of_val(&none) as libc::socklen_t;
    let none = (&raw const none).cast();
    // SAFETY: the kernel reads at most `size` bytes of `none`, which lives until the call is over.
    let result =
        unsafe { libc::setsockopt(fd, libc::SOL_SOCKET, libc::SO_DETACH_FILTER, none, size) };
    match done(result) {
        // There may be no filter; a socket of MPTCP cannot have one.
        Err(error)
            if !matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::Unsupported) =>
        {
            Err(error)
        }
        _ => Ok(listen(socket, backlog)?),
    }
}

fn done(result: libc::c_int) -> io::Result<()> {
    if result == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

#[cfg(test)]
mod tests {
    use std::net::{SocketAddr, TcpListener as Other, TcpStream};
    use std::os::fd::AsFd;

    use crate::TcpListener;

    fn two(at: &str) -> ([TcpListener; 2], SocketAddr) {
        let first = TcpListener::bind(at.parse().expect("an address"), 16).expect("bound");
        let address = first.local_addr().expect("bound");
        ([first, TcpListener::bind(address, 16).expect("shared")], address)
    }

    #[test]
    fn a_socket_that_rests_refuses_clients_and_keeps_its_port() {
        let ipv6 = Other::bind("[::1]:0").is_ok();
        let places = ["127.0.0.1:0", "0.0.0.0:0", "[::1]:0", "[::]:0"];
        for at in places.into_iter().filter(|at| ipv6 || !at.contains('[')) {
            let (listeners, address) = two(at);
            for _ in 0..2 {
                for listener in &listeners {
                    // The second time, by another who has it.
                    listener.rest().expect("rests");
                    listener.rest().expect("rests on");
                }
                assert!(TcpStream::connect(address).is_err(), "{at}: refused");
                assert!(listeners[0].accept().expect("no error").is_none());
                assert!(Other::bind(address).is_err(), "{at}: the port is taken");
                assert_eq!(listeners[0].local_addr().expect("bound"), address);
                for listener in &listeners {
                    super::wake(listener.as_fd(), 16).expect("listens");
                    super::wake(listener.as_fd(), 16).expect("listens on");
                }
                let client = TcpStream::connect(address).expect("let in");
                let accepted = listeners.iter().find_map(|l| l.accept().expect("no error"));
                let (accepted, _) = accepted.expect("one of them has it");
                // Nothing has come, and it is not the end.
                let error = accepted.read(&mut [0]).expect_err("nothing to read");
                assert_eq!(error.kind(), std::io::ErrorKind::WouldBlock);
                drop(client);
            }
        }
    }

    #[test]
    fn whoever_has_come_before_gets_in_when_others_are_turned_away() {
        let (listeners, address) = two("127.0.0.1:0");
        let _clients = [0; 8].map(|_| TcpStream::connect(address).expect("let in"));
        listeners.iter().for_each(|l| super::turn_away(l.as_fd()).expect("turned away"));
        let patience = std::time::Duration::from_millis(50);
        assert!(TcpStream::connect_timeout(&address, patience).is_err(), "too late");
        let mut accepted = Vec::new();
        for listener in &listeners {
            accepted.extend(std::iter::from_fn(|| listener.accept().expect("no error")));
            super::wake(listener.as_fd(), 16).expect("lets in again");
        }
        assert_eq!(accepted.len(), 8);
        TcpStream::connect(address).expect("let in");
    }
}
