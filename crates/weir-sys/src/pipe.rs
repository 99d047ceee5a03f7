//! A pipe that moves bytes between sockets inside the kernel, splice(2).

use std::io;
use std::os::fd::OwnedFd;

use rustix::pipe::{PipeFlags, SpliceFlags, fcntl_setpipe_size, pipe_with, splice};

use crate::TcpStream;

/// A pipe and the number of bytes in it.
pub struct Pipe {
    reader: OwnedFd,
    writer: OwnedFd,
    held: usize,
}

impl Pipe {
    /// A pipe for `bytes` bytes; the kernel may round up, or refuse more than its limit: then it
    /// keeps its default size.
    ///
    /// # Errors
    /// Of `pipe2(2)`.
    pub fn new(bytes: usize) -> io::Result<Self> {
        let (reader, writer) = pipe_with(PipeFlags::CLOEXEC | PipeFlags::NONBLOCK)?;
        let _ = fcntl_setpipe_size(&writer, bytes);
        Ok(Self { reader, writer, held: 0 })
    }

    /// True when nothing is in it.
    pub fn is_empty(&self) -> bool {
        self.held == 0
    }

    /// Moves up to `max` received bytes in; 0 at the end of the stream.
    ///
    /// # Errors
    /// Of `splice(2)`; `WouldBlock` when the socket has nothing, or the pipe no room.
    pub fn splice_from(&mut self, source: &TcpStream, max: usize) -> io::Result<usize> {
        let n = splice(source, None, &self.writer, None, max.min(LARGEST), FLAGS)?;
        self.held += n;
        Ok(n)
    }

    /// Moves what is in it out; `more` when other bytes follow at once.
    ///
    /// # Errors
    /// Of `splice(2)`; `WouldBlock` when the socket takes nothing.
    pub fn splice_to(&mut self, sink: &TcpStream, more: bool) -> io::Result<usize> {
        let flags = if more { FLAGS | SpliceFlags::MORE } else { FLAGS };
        let n = splice(&self.reader, None, sink, None, self.held, flags)?;
        self.held -= n;
        Ok(n)
    }
}

const FLAGS: SpliceFlags = SpliceFlags::MOVE.union(SpliceFlags::NONBLOCK);

/// The kernel takes lengths as `ssize_t`.
const LARGEST: usize = 1 << 30;

#[cfg(test)]
mod tests;
