//! Addresses as `recvmmsg` and `sendmmsg` have them.

use std::net::{SocketAddr, SocketAddrV4, SocketAddrV6};

/// Room for an address of either family.
#[derive(Clone, Copy)]
#[repr(C)]
pub(super) union Name {
    family: libc::sa_family_t,
    v4: libc::sockaddr_in,
    v6: libc::sockaddr_in6,
}

impl Name {
    /// Bytes of the room.
    pub(super) const ROOM: libc::socklen_t = size_of::<Self>() as libc::socklen_t;

    /// No address.
    pub(super) const fn none() -> Self {
        let (sin6_family, sin6_port, sin6_flowinfo, sin6_scope_id) = (0, 0, 0, 0);
        let sin6_addr = libc::in6_addr { s6_addr: [0; 16] };
        Self {
            v6: libc::sockaddr_in6 {
                sin6_family,
                sin6_port,
                sin6_flowinfo,
                sin6_addr,
                sin6_scope_id,
            },
        }
    }

    /// An address, and how many bytes it takes.
    pub(super) fn of(address: SocketAddr) -> (Self, libc::socklen_t) {
        let mut name = Self::none();
        match address {
            SocketAddr::V4(v4) => {
                name.v4 = libc::sockaddr_in {
                    sin_family: libc::AF_INET as libc::sa_family_t,
                    sin_port: v4.port().to_be(),
                    sin_addr: libc::in_addr { s_addr: v4.ip().to_bits().to_be() },
                    sin_zero: [0; 8],
                };
                (name, size_of::<libc::sockaddr_in>() as libc::socklen_t)
            }
            SocketAddr::V6(v6) => {
                name.v6 = libc::sockaddr_in6 {
                    sin6_family: libc::AF_INET6 as libc::sa_family_t,
                    sin6_port: v6.port().to_be(),
                    sin6_flowinfo: v6.flowinfo(),
                    sin6_addr: libc::in6_addr { s6_addr: v6.ip().octets() },
                    sin6_scope_id: v6.scope_id(),
                };
                (name, size_of::<libc::sockaddr_in6>() as libc::socklen_t)
            }
        }
    }

    /// The address that the kernel wrote, if it did.
    pub(super) fn address(&self) -> Option<SocketAddr> {
        // SAFETY: every variant is made of integers, of which all bytes are initialised: `none`
        // writes the longest one, and both begin with the family.
        let (family, v4, v6) = unsafe { (self.family, self.v4, self.v6) };
        match i32::from(family) {
            libc::AF_INET => {
                let ip = u32::from_be(v4.sin_addr.s_addr).into();
                Some(SocketAddrV4::new(ip, u16::from_be(v4.sin_port)).into())
            }
            libc::AF_INET6 => {
                let (ip, port) = (v6.sin6_addr.s6_addr.into(), u16::from_be(v6.sin6_port));
                Some(SocketAddrV6::new(ip, port, v6.sin6_flowinfo, v6.sin6_scope_id).into())
            }
            _ => None,
        }
    }
}
