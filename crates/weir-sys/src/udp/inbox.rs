//! Where datagrams are received: room for so many messages, which is used again and again.
//!
//! Invariant: what was received stays where it is until [`Inbox::clear`].

use std::io;
use std::net::SocketAddr;
use std::os::fd::RawFd;

use super::control::{Control, Told, read};
use super::name::Name;
use super::{LONGEST_MESSAGE, Local, MOST_MESSAGES};

/// Room for messages.
pub struct Inbox {
    bytes: Box<[u8]>,
    met: Vec<Met>,
}

/// What is known of a message.
struct Met {
    from: Option<SocketAddr>,
    told: Told,
    len: usize,
    cut: bool,
}

/// A message: a datagram, or some of one sender.
#[derive(Clone, Copy, Debug)]
pub struct Received<'a> {
    /// Who sent it; `None` if the kernel does not say.
    pub from: Option<SocketAddr>,
    /// Which of our addresses it came to, if the socket is bound to all.
    pub to: Option<Local>,
    /// The bytes.
    pub bytes: &'a [u8],
    /// Bytes of each datagram but the last; 0: there is one only.
    pub segment: usize,
    /// Its end was lost, as it is longer than there was room for.
    pub cut: bool,
}

impl<'a> Received<'a> {
    /// Its datagrams, one at least.
    pub fn datagrams(&self) -> impl Iterator<Item = &'a [u8]> + use<'a> {
        let alone = self.bytes.is_empty().then_some(self.bytes);
        let size = if self.segment == 0 { self.bytes.len() } else { self.segment };
        alone.into_iter().chain(self.bytes.chunks(size.max(1)))
    }
}

impl Default for Inbox {
    fn default() -> Self {
        Self::new()
    }
}

impl Inbox {
    /// Memory that it takes once all of it was used.
    pub const BYTES: usize = MOST_MESSAGES * LONGEST_MESSAGE;

    /// An empty one.
    pub fn new() -> Self {
        let met = Vec::with_capacity(MOST_MESSAGES);
        Self { bytes: vec![0; Self::BYTES].into(), met }
    }

    /// Forgets what was received.
    pub fn clear(&mut self) {
        self.met.clear();
    }

    /// There is no room.
    pub fn is_full(&self) -> bool {
        self.met.len() == MOST_MESSAGES
    }

    /// How many messages were received.
    pub fn len(&self) -> usize {
        self.met.len()
    }

    /// Nothing was received.
    pub fn is_empty(&self) -> bool {
        self.met.is_empty()
    }

    /// The message that was received at `index`.
    pub fn get(&self, index: usize) -> Option<Received<'_>> {
        let met = self.met.get(index)?;
        let start = index * LONGEST_MESSAGE;
        let bytes = self.bytes.get(start..start + met.len)?;
        let Told { local, segment } = met.told;
        Some(Received { from: met.from, to: local, bytes, segment, cut: met.cut })
    }

    pub(super) fn receive(&mut self, fd: RawFd) -> io::Result<usize> {
        let room = &mut self.bytes[self.met.len() * LONGEST_MESSAGE..];
        let most = room.len() / LONGEST_MESSAGE;
        let mut names = [Name::none(); MOST_MESSAGES];
        let mut controls = [Control::empty(); MOST_MESSAGES];
        let mut places =
            [libc::iovec { iov_base: std::ptr::null_mut(), iov_len: 0 }; MOST_MESSAGES];
        let mut headers = [empty_header(); MOST_MESSAGES];
        let rooms = room.chunks_exact_mut(LONGEST_MESSAGE);
        let parts = rooms.zip(&mut names).zip(&mut controls).zip(&mut places).zip(&mut headers);
        for ((((room, name), control), place), header) in parts {
            *place = libc::iovec { iov_base: room.as_mut_ptr().cast(), iov_len: room.len() };
            let (control, control_len) = control.room();
            let header = &mut header.msg_hdr;
            header.msg_name = std::ptr::from_mut(name).cast();
            header.msg_namelen = Name::ROOM;
            header.msg_iov = place;
            header.msg_iovlen = 1;
            header.msg_control = control;
            header.msg_controllen = control_len as _;
        }
        let count = receive(fd, &mut headers[..most])?;
        for (header, name) in headers[..count].iter().zip(&names) {
            self.met.push(Met {
                from: name.address(),
                told: read(&header.msg_hdr),
                len: (header.msg_len as usize).min(LONGEST_MESSAGE),
                cut: header.msg_hdr.msg_flags & libc::MSG_TRUNC != 0,
            });
        }
        Ok(count)
    }
}

/// 0 when nothing waits.
fn receive(fd: RawFd, headers: &mut [libc::mmsghdr]) -> io::Result<usize> {
    if headers.is_empty() {
        return Ok(0);
    }
    let count = headers.len() as libc::c_uint;
    loop {
        // SAFETY: each header names a buffer, room for a name and for control messages, which are
        // as long as it says, distinct, writable, and live in the frame of the caller.
        let result = unsafe {
            let flags = libc::MSG_DONTWAIT as _;
            libc::recvmmsg(fd, headers.as_mut_ptr(), count, flags, std::ptr::null_mut())
        };
        if let Ok(count) = usize::try_from(result) {
            return Ok(count);
        }
        let error = io::Error::last_os_error();
        match error.kind() {
            io::ErrorKind::WouldBlock => return Ok(0),
            io::ErrorKind::Interrupted => {}
            _ => return Err(error),
        }
    }
}

pub(super) fn empty_header() -> libc::mmsghdr {
    // SAFETY: null pointers and zeros are what a header without anything is made of.
    unsafe { std::mem::zeroed() }
}
