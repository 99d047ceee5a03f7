//! Frames and descriptors over a pair of unix sockets.
//!
//! A frame is a 4-byte big-endian length and that many bytes. A descriptor travels with the first
//! byte of its frame. Writing never blocks: what the kernel does not take waits, up to a bound.
//! Frames may have private keys in them: no copy of one stays in memory.

use std::collections::VecDeque;
use std::io::{self, IoSlice, IoSliceMut};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use rustix::net::{
    AddressFamily, RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, ReturnFlags,
    SendAncillaryBuffer, SendAncillaryMessage, SendFlags, SocketFlags, SocketType, recvmsg,
    sendmsg, socketpair,
};
use weir_base::Wiped;
use zeroize::Zeroize;

/// The longest frame, in bytes. Both ends are ours; this bounds a corrupted length.
const LONGEST_FRAME: usize = 64 << 20;

/// Bytes that may wait to be sent.
const MOST_WAITING: usize = 256 << 20;

/// Bytes that are received at once.
const RECEIVED: usize = 64 << 10;

/// Descriptors of a frame.
const MOST_DESCRIPTORS: usize = 4;

/// Bytes of the length before a frame.
const PREFIX: usize = 4;

/// One end of a channel.
pub struct Channel {
    fd: OwnedFd,
    received: Wiped,
    descriptors: VecDeque<OwnedFd>,
    waiting: VecDeque<Outgoing>,
    waiting_bytes: usize,
    most_waiting: usize,
    ended: bool,
}

struct Outgoing {
    bytes: Wiped,
    sent: usize,
    fds: Vec<OwnedFd>,
}

impl Channel {
    /// One end as a channel, the other as a descriptor for another process.
    ///
    /// # Errors
    /// Of `socketpair(2)`.
    pub fn pair() -> io::Result<(Self, OwnedFd)> {
        let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
        let (ours, theirs) = socketpair(AddressFamily::UNIX, SocketType::STREAM, flags, None)?;
        Ok((Self::from_fd(ours), theirs))
    }

    /// The end that was passed to this process.
    pub fn from_fd(fd: OwnedFd) -> Self {
        Self {
            fd,
            received: Wiped::default(),
            descriptors: VecDeque::new(),
            waiting: VecDeque::new(),
            waiting_bytes: 0,
            most_waiting: MOST_WAITING,
            ended: false,
        }
    }

    /// The end that another image of this process had, with what it has [received].
    ///
    /// [received]: Channel::unread
    pub fn resume(fd: OwnedFd, unread: &[u8]) -> Self {
        Self { received: Wiped::from(unread), ..Self::from_fd(fd) }
    }

    /// What was received and is no whole frame yet.
    pub fn unread(&self) -> &[u8] {
        &self.received
    }

    /// Sends a frame, with descriptors, or keeps it until [`Channel::flush`].
    ///
    /// # Errors
    /// `InvalidInput` for a frame that is too long or has too many descriptors, `QuotaExceeded`
    /// when too much waits already (the other end does not read), else of `sendmsg(2)`.
    pub fn send<'a>(
        &mut self,
        frame: &[u8],
        fds: impl IntoIterator<Item = BorrowedFd<'a>>,
    ) -> io::Result<()> {
        if frame.len() > LONGEST_FRAME {
            return Err(io::ErrorKind::InvalidInput.into());
        }
        if self.waiting_bytes + frame.len() > self.most_waiting {
            return Err(io::ErrorKind::QuotaExceeded.into());
        }
        let mut bytes = Wiped::with_capacity(PREFIX + frame.len());
        bytes.extend_from_slice(&(frame.len() as u32).to_be_bytes());
        bytes.extend_from_slice(frame);
        let fds = fds.into_iter().map(|fd| fd.try_clone_to_owned());
        let fds = fds.collect::<io::Result<Vec<_>>>()?;
        if fds.len() > MOST_DESCRIPTORS {
            return Err(io::ErrorKind::InvalidInput.into());
        }
        self.waiting_bytes += bytes.len();
        self.waiting.push_back(Outgoing { bytes, sent: 0, fds });
        self.flush()
    }

    /// Sends what waits, as far as the kernel takes it.
    ///
    /// # Errors
    /// Of `sendmsg(2)`.
    pub fn flush(&mut self) -> io::Result<()> {
        while let Some(next) = self.waiting.front_mut() {
            match send_part(&self.fd, next) {
                Ok(n) => {
                    next.sent += n;
                    next.fds.clear();
                    self.waiting_bytes -= n;
                    if next.sent == next.bytes.len() {
                        self.waiting.pop_front();
                    }
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(()),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// True while something waits to be sent: wait until the descriptor is writable.
    pub fn wants_write(&self) -> bool {
        !self.waiting.is_empty()
    }

    /// The next whole frame; `None` when there is none yet.
    ///
    /// # Errors
    /// `UnexpectedEof` when the other end has closed, `InvalidData` when a frame is too long, else
    /// of `recvmsg(2)`.
    pub fn recv(&mut self) -> io::Result<Option<Wiped>> {
        loop {
            if let Some(frame) = self.take_frame()? {
                return Ok(Some(frame));
            }
            if self.ended {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            match self.fill() {
                Ok(0) => self.ended = true,
                Ok(_) => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(None),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
    }

    /// The first frame of what was received.
    fn take_frame(&mut self) -> io::Result<Option<Wiped>> {
        let Some((prefix, rest)) = self.received.split_first_chunk::<PREFIX>() else {
            return Ok(None);
        };
        let length = u32::from_be_bytes(*prefix) as usize;
        if length > LONGEST_FRAME {
            return Err(io::ErrorKind::InvalidData.into());
        }
        let Some(bytes) = rest.get(..length) else { return Ok(None) };
        let bytes = Wiped::from(bytes);
        self.received.skip(PREFIX + length);
        Ok(Some(bytes))
    }

    /// The oldest descriptor that was received and not yet taken. It came no later than the frame
    /// it was sent with, so whoever reads frames and takes one for each that announces one gets
    /// them right.
    pub fn take_fd(&mut self) -> Option<OwnedFd> {
        self.descriptors.pop_front()
    }

    /// Descriptors were received whose frames were not taken.
    pub fn holds_descriptors(&self) -> bool {
        !self.descriptors.is_empty()
    }

    fn fill(&mut self) -> io::Result<usize> {
        let mut bytes = [0; RECEIVED];
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(MOST_DESCRIPTORS))];
        let mut control = RecvAncillaryBuffer::new(&mut space);
        let mut slices = [IoSliceMut::new(&mut bytes)];
        let result = recvmsg(&self.fd, &mut slices, &mut control, RecvFlags::CMSG_CLOEXEC)?;
        for message in control.drain() {
            if let RecvAncillaryMessage::ScmRights(fds) = message {
                self.descriptors.extend(fds);
            }
        }
        if result.flags.contains(ReturnFlags::CTRUNC) {
            return Err(io::Error::other("descriptors were lost: the process has too many open"));
        }
        let n = result.bytes;
        self.received.extend_from_slice(&bytes[..n]);
        bytes[..n].zeroize();
        Ok(n)
    }
}

impl AsFd for Channel {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}

fn send_part(fd: &OwnedFd, next: &Outgoing) -> io::Result<usize> {
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(MOST_DESCRIPTORS))];
    let mut control = SendAncillaryBuffer::new(&mut space);
    let descriptors: Vec<_> = next.fds.iter().map(AsFd::as_fd).collect();
    if !descriptors.is_empty() {
        control.push(SendAncillaryMessage::ScmRights(&descriptors));
    }
    let slices = [IoSlice::new(&next.bytes[next.sent..])];
    Ok(sendmsg(fd, &slices, &mut control, SendFlags::NOSIGNAL)?)
}

#[cfg(test)]
mod tests;
