//! Readiness, epoll(7).
//!
//! Connections are registered once, edge-triggered for everything; their owner remembers what is
//! possible. Listeners and channels are level-triggered, with an interest that can change.

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::time::Duration;

use rustix::buffer::spare_capacity;
use rustix::event::{Timespec, epoll};

/// An epoll instance and the events of its last [`Epoll::wait`].
pub struct Epoll {
    fd: OwnedFd,
    events: Vec<epoll::Event>,
}

/// What happened to a descriptor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Event {
    /// As given at registration.
    pub token: u64,
    /// A read brings bytes, an end or an error.
    pub readable: bool,
    /// A write takes bytes or brings an error.
    pub writable: bool,
    /// The peer has closed its sending side.
    pub read_closed: bool,
    /// Both sides are closed.
    pub hangup: bool,
    /// The connection is broken.
    pub error: bool,
}

impl Epoll {
    /// `max_events`, at least one, are taken from the kernel at once.
    ///
    /// # Errors
    /// Of `epoll_create1(2)`.
    pub fn new(max_events: usize) -> io::Result<Self> {
        let fd = epoll::create(epoll::CreateFlags::CLOEXEC)?;
        Ok(Self { fd, events: Vec::with_capacity(max_events.max(1)) })
    }

    /// Registers a connection: edge-triggered, for everything, for its whole life.
    ///
    /// # Errors
    /// Of `epoll_ctl(2)`.
    pub fn add_edge(&self, fd: BorrowedFd<'_>, token: u64) -> io::Result<()> {
        use epoll::EventFlags as F;
        Ok(epoll::add(&self.fd, fd, data(token), F::IN | F::OUT | F::RDHUP | F::ET)?)
    }

    /// Registers a descriptor level-triggered.
    ///
    /// # Errors
    /// Of `epoll_ctl(2)`.
    pub fn add_level(
        &self,
        fd: BorrowedFd<'_>,
        token: u64,
        readable: bool,
        writable: bool,
    ) -> io::Result<()> {
        Ok(epoll::add(&self.fd, fd, data(token), interest(readable, writable))?)
    }

    /// Changes the interest in a level-triggered descriptor.
    ///
    /// # Errors
    /// Of `epoll_ctl(2)`.
    pub fn modify_level(
        &self,
        fd: BorrowedFd<'_>,
        token: u64,
        readable: bool,
        writable: bool,
    ) -> io::Result<()> {
        Ok(epoll::modify(&self.fd, fd, data(token), interest(readable, writable))?)
    }

    /// Forgets a descriptor that stays open elsewhere; one that closes is forgotten by itself.
    ///
    /// # Errors
    /// Of `epoll_ctl(2)`.
    pub fn remove(&self, fd: BorrowedFd<'_>) -> io::Result<()> {
        Ok(epoll::delete(&self.fd, fd)?)
    }

    /// Waits for events; the number of them. A signal ends the wait with 0.
    ///
    /// Timeouts are rounded up to whole milliseconds, so that a deadline has passed when the wait
    /// for it ends.
    ///
    /// # Errors
    /// Of `epoll_wait(2)`.
    pub fn wait(&mut self, timeout: Option<Duration>) -> io::Result<usize> {
        self.events.clear();
        let timeout = timeout.map(|timeout| {
            let millis = timeout.as_nanos().div_ceil(1_000_000).min(i32::MAX as u128) as i64;
            Timespec { tv_sec: millis / 1000, tv_nsec: millis % 1000 * 1_000_000 }
        });
        match epoll::wait(&self.fd, spare_capacity(&mut self.events), timeout.as_ref()) {
            Ok(_) => Ok(self.events.len()),
            Err(rustix::io::Errno::INTR) => Ok(0),
            Err(error) => Err(error.into()),
        }
    }

    /// The `index`th event of the last wait; an empty event beyond the last.
    pub fn event(&self, index: usize) -> Event {
        use epoll::EventFlags as F;
        let (token, flags) = self
            .events
            .get(index)
            .map_or((u64::MAX, F::empty()), |event| (event.data.u64(), event.flags));
        Event {
            token,
            readable: flags.intersects(F::IN | F::HUP | F::ERR),
            writable: flags.intersects(F::OUT | F::HUP | F::ERR),
            read_closed: flags.intersects(F::RDHUP),
            hangup: flags.intersects(F::HUP),
            error: flags.intersects(F::ERR),
        }
    }
}

impl AsFd for Epoll {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}

fn data(token: u64) -> epoll::EventData {
    epoll::EventData::new_u64(token)
}

fn interest(readable: bool, writable: bool) -> epoll::EventFlags {
    let mut flags = epoll::EventFlags::empty();
    flags.set(epoll::EventFlags::IN, readable);
    flags.set(epoll::EventFlags::OUT, writable);
    flags
}

#[cfg(test)]
mod tests;
