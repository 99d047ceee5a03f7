//! What goes with a datagram beside its bytes: which of our addresses it is of, and how long the
//! datagrams are that a message stands for.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::os::fd::RawFd;

use super::Local;

/// Bytes of control messages that can be received or sent with a message: an address of either
/// family and a length.
const ROOM: usize = 128;

/// Room for control messages.
#[derive(Clone, Copy)]
#[repr(C, align(8))]
pub(super) struct Control {
    bytes: [u8; ROOM],
}

/// What control messages said.
#[derive(Clone, Copy, Default)]
pub(super) struct Told {
    pub(super) local: Option<Local>,
    /// Bytes of each datagram but the last; 0: there is one only.
    pub(super) segment: usize,
}

/// Has a socket tell with each datagram which of our addresses it came to.
pub(super) fn tell_destinations(fd: RawFd, is_ipv6: bool) -> io::Result<()> {
    if is_ipv6 {
        return turn_on(fd, libc::IPPROTO_IPV6, libc::IPV6_RECVPKTINFO);
    }
    turn_on(fd, libc::IPPROTO_IP, libc::IP_PKTINFO)
}

/// Has the kernel put datagrams of one sender together. One that cannot gives them one by one.
pub(super) fn take_groups(fd: RawFd) {
    let _ = turn_on(fd, libc::SOL_UDP, libc::UDP_GRO);
}

fn turn_on(fd: RawFd, level: i32, option: i32) -> io::Result<()> {
    let on: libc::c_int = 1;
    let size = size_of_val(&on) as libc::socklen_t;
    // SAFETY: the kernel reads `size` bytes of `on`, which lives until the call is over.
    match unsafe { libc::setsockopt(fd, level, option, (&raw const on).cast(), size) } {
        0 => Ok(()),
        _ => Err(io::Error::last_os_error()),
    }
}

impl Control {
    pub(super) const fn empty() -> Self {
        Self { bytes: [0; ROOM] }
    }

    /// All of the room, for the kernel to write to.
    pub(super) fn room(&mut self) -> (*mut libc::c_void, usize) {
        (self.bytes.as_mut_ptr().cast(), ROOM)
    }

    /// Writes what is sent with a message: its address and length.
    pub(super) fn write(&mut self, local: Option<Local>, segment: usize) -> usize {
        let mut end = 0;
        match local.map(|local| (local.ip, local.interface)) {
            Some((IpAddr::V4(ip), interface)) => {
                let info = libc::in_pktinfo {
                    ipi_ifindex: interface as libc::c_int,
                    ipi_spec_dst: libc::in_addr { s_addr: ip.to_bits().to_be() },
                    ipi_addr: libc::in_addr { s_addr: 0 },
                };
                end = self.append(end, (libc::IPPROTO_IP, libc::IP_PKTINFO), info);
            }
            Some((IpAddr::V6(ip), interface)) => {
                let info = libc::in6_pktinfo {
                    ipi6_addr: libc::in6_addr { s6_addr: ip.octets() },
                    ipi6_ifindex: interface as _,
                };
                end = self.append(end, (libc::IPPROTO_IPV6, libc::IPV6_PKTINFO), info);
            }
            None => {}
        }
        if segment > 0 {
            end = self.append(end, (libc::SOL_UDP, libc::UDP_SEGMENT), segment as u16);
        }
        end
    }

    /// Writes one message at `at`; where the next one goes.
    fn append<T: Copy>(&mut self, at: usize, (level, kind): (i32, i32), value: T) -> usize {
        let size = size_of::<T>() as u32;
        // SAFETY: these only compute.
        let (len, space) = unsafe { (libc::CMSG_LEN(size), libc::CMSG_SPACE(size)) };
        let (Some(room), data) = (self.bytes.get_mut(at..at + space as usize), len - size) else {
            return at;
        };
        // SAFETY: there are `space` bytes of room, which is a header and, `data` bytes on, a
        // `T`. `at` is 0 or behind another message, whose space is a multiple of the alignment of a
        // header; the buffer has that of 8 bytes. The value may be unaligned.
        unsafe {
            let header = room.as_mut_ptr().cast::<libc::cmsghdr>();
            (*header).cmsg_len = len as _;
            (*header).cmsg_level = level;
            (*header).cmsg_type = kind;
            room.as_mut_ptr().add(data as usize).cast::<T>().write_unaligned(value);
        }
        at + space as usize
    }
}

/// What the kernel said with a message that was just received.
pub(super) fn read(message: &libc::msghdr) -> Told {
    let mut told = Told::default();
    // SAFETY: `message` has been received with a control buffer that still is where it says; the
    // kernel wrote whole headers to it. A value is read only where its header says that there is
    // one.
    unsafe {
        let mut next = libc::CMSG_FIRSTHDR(message);
        while let Some(header) = next.as_ref() {
            let data = libc::CMSG_DATA(header);
            let has = |size: usize| header.cmsg_len >= libc::CMSG_LEN(size as u32) as usize;
            match (header.cmsg_level, header.cmsg_type) {
                (libc::IPPROTO_IP, libc::IP_PKTINFO) if has(size_of::<libc::in_pktinfo>()) => {
                    told.local = Some(local_v4(&data.cast::<libc::in_pktinfo>().read_unaligned()));
                }
                (libc::IPPROTO_IPV6, libc::IPV6_PKTINFO) if has(size_of::<libc::in6_pktinfo>()) => {
                    told.local = Some(local_v6(&data.cast::<libc::in6_pktinfo>().read_unaligned()));
                }
                (libc::SOL_UDP, libc::UDP_GRO) if has(size_of::<libc::c_int>()) => {
                    told.segment = data.cast::<libc::c_int>().read_unaligned().max(0) as usize;
                }
                _ => {}
            }
            next = libc::CMSG_NXTHDR(message, header);
        }
    }
    told
}

fn local_v4(info: &libc::in_pktinfo) -> Local {
    Local { ip: Ipv4Addr::from(u32::from_be(info.ipi_spec_dst.s_addr)).into(), interface: 0 }
}

fn local_v6(info: &libc::in6_pktinfo) -> Local {
    let ip = Ipv6Addr::from(info.ipi6_addr.s6_addr);
    let interface = if ip.is_unicast_link_local() { info.ipi6_ifindex } else { 0 };
    Local { ip: ip.into(), interface }
}
