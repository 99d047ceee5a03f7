//! Sending datagrams.

use std::io;
use std::net::SocketAddr;
use std::os::fd::RawFd;

use super::control::Control;
use super::inbox::empty_header;
use super::name::Name;
use super::{Local, MOST_MESSAGES};

/// A message to be sent: a datagram, or some for one receiver.
#[derive(Clone, Copy, Debug)]
pub struct Outgoing<'a> {
    /// To whom; `None` on a connected socket.
    pub to: Option<SocketAddr>,
    /// Which of our addresses it comes from; `None`: the kernel chooses.
    pub from: Option<Local>,
    /// What stands before the bytes, in the first datagram.
    pub head: &'a [u8],
    /// The bytes.
    pub bytes: &'a [u8],
    /// Bytes of each datagram but the last; 0: there is one only. The kernel may not be able to
    /// send such a message where it could send the datagrams one by one.
    pub segment: usize,
}

pub(super) fn send(fd: RawFd, messages: &[Outgoing<'_>]) -> io::Result<usize> {
    let messages = &messages[..messages.len().min(MOST_MESSAGES)];
    let mut names = [Name::none(); MOST_MESSAGES];
    let mut controls = [Control::empty(); MOST_MESSAGES];
    let mut places =
        [[libc::iovec { iov_base: std::ptr::null_mut(), iov_len: 0 }; 2]; MOST_MESSAGES];
    let mut headers = [empty_header(); MOST_MESSAGES];
    let parts = messages.iter().zip(&mut names).zip(&mut controls).zip(&mut places);
    for ((((message, name), control), places), header) in parts.zip(&mut headers) {
        *places = [message.head, message.bytes].map(|part| libc::iovec {
            iov_base: part.as_ptr().cast_mut().cast(),
            iov_len: part.len(),
        });
        let header = &mut header.msg_hdr;
        if let Some(to) = message.to {
            let (address, len) = Name::of(to);
            *name = address;
            header.msg_name = std::ptr::from_mut(name).cast();
            header.msg_namelen = len;
        }
        header.msg_iov = places.as_mut_ptr();
        header.msg_iovlen = places.len() as _;
        let len = control.write(message.from, message.segment);
        if len > 0 {
            header.msg_control = control.room().0;
            header.msg_controllen = len as _;
        }
    }
    send_headers(fd, &mut headers[..messages.len()])
}

fn send_headers(fd: RawFd, headers: &mut [libc::mmsghdr]) -> io::Result<usize> {
    loop {
        let count = headers.len() as libc::c_uint;
        // SAFETY: each header names a name, buffers and control messages that are as long as it
        // says and live in the frame of the caller; the kernel only reads them.
        let result = unsafe {
            let flags = (libc::MSG_DONTWAIT | libc::MSG_NOSIGNAL) as _;
            libc::sendmmsg(fd, headers.as_mut_ptr(), count, flags)
        };
        if let Ok(count) = usize::try_from(result) {
            return Ok(count);
        }
        let error = io::Error::last_os_error();
        if error.kind() != io::ErrorKind::Interrupted {
            return Err(error);
        }
    }
}
