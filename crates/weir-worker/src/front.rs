//! The client's side of a session: a connection of its own, or one stream of a connection.
//!
//! Whoever reads and writes an exchange sees an [`End`], which is either, or the connection to a
//! backend.

use std::io::{self, IoSlice};

use weir_base::Key;

use crate::buffers::{Buffer, Buffers};
use crate::multiplex::Multiplexes;
use crate::socket::{RECORD, Read, Socket};

/// Where the bytes of a session come from and go to.
pub(crate) enum Front {
    /// A connection of its own.
    Socket(Socket),
    /// A stream of a connection.
    Stream(Stream),
    /// The connection of streams, which has its socket.
    Connection(Key),
}

/// A stream of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct StreamId {
    pub(crate) connection: Key,
    pub(crate) number: u32,
}

/// A stream that a client opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Stream {
    pub(crate) id: StreamId,
    /// The request has no body.
    pub(crate) bodiless: bool,
    /// Buffers that are reserved for it.
    pub(crate) buffers: usize,
    /// It asks for another protocol (RFC 8441).
    pub(crate) tunnel: bool,
}

impl Front {
    /// For as long as something is read or written.
    pub(crate) fn end<'a>(&'a mut self, all: &'a mut Multiplexes) -> End<'a> {
        match self {
            Self::Socket(socket) => End::Socket(socket),
            Self::Stream(stream) => End::Stream(all, stream.id),
            Self::Connection(_) => End::Nothing,
        }
    }

    /// A connection of its own.
    pub(crate) fn socket(&mut self) -> Option<&mut Socket> {
        match self {
            Self::Socket(socket) => Some(socket),
            _ => None,
        }
    }

    /// Another worker can go on with it.
    pub(crate) fn can_pass(&self) -> bool {
        matches!(self, Self::Socket(socket) if socket.can_part())
    }

    pub(crate) fn stream(&self) -> Option<Stream> {
        match self {
            Self::Stream(stream) => Some(*stream),
            _ => None,
        }
    }

    /// Buffers of the pool are held.
    pub(crate) fn holds(&self, all: &Multiplexes) -> bool {
        match self {
            Self::Socket(socket) => socket.holds(),
            Self::Stream(_) => false,
            Self::Connection(key) => all.get(*key).is_some_and(|connection| connection.holds()),
        }
    }
}

/// One end of an exchange.
pub(crate) enum End<'a> {
    Socket(&'a mut Socket),
    Stream(&'a mut Multiplexes, StreamId),
    /// It is gone.
    Nothing,
}

impl End<'_> {
    pub(crate) fn is_broken(&self) -> bool {
        match self {
            Self::Socket(socket) => socket.is_broken(),
            Self::Stream(all, id) => all.is_broken(*id),
            Self::Nothing => true,
        }
    }

    pub(crate) fn is_readable(&self) -> bool {
        match self {
            Self::Socket(socket) => socket.is_readable(),
            Self::Stream(all, id) => all.is_readable(*id),
            Self::Nothing => true,
        }
    }

    pub(crate) fn is_writable(&mut self) -> bool {
        match self {
            Self::Socket(socket) => socket.is_writable(),
            Self::Stream(all, id) => all.is_writable(*id),
            Self::Nothing => true,
        }
    }

    /// Nothing that was written waits here.
    pub(crate) fn is_flushed(&self) -> bool {
        match self {
            Self::Socket(socket) => socket.is_flushed(),
            Self::Stream(..) | Self::Nothing => true,
        }
    }

    pub(crate) fn is_clear(&self) -> bool {
        matches!(self, Self::Socket(socket) if socket.is_clear())
    }

    /// Bytes of a body that are best written at once: with TLS, those of one record.
    pub(crate) fn portion(&self) -> usize {
        if self.is_clear() { usize::MAX } else { RECORD }
    }

    pub(crate) fn read(&mut self, room: &mut [u8], pool: &mut Buffers) -> Read {
        match self {
            Self::Socket(socket) => socket.read(room, pool),
            Self::Stream(all, id) => all.read(*id, room, pool),
            Self::Nothing => Read::Closed,
        }
    }

    /// Reads up to `most` bytes behind what is unread. What a stream has in a buffer comes in it,
    /// in place of one that has nothing.
    pub(crate) fn fill(&mut self, buffer: &mut Buffer, most: usize, pool: &mut Buffers) -> Read {
        if let Self::Stream(all, id) = self
            && buffer.unread.end == 0
            && let Some(n) = all.swap(*id, buffer, pool)
        {
            return Read::Data(n);
        }
        let room = buffer.room();
        let wanted = room.len().min(most);
        let read = self.read(&mut room[..wanted], pool);
        if let Read::Data(n) = read {
            buffer.filled(n);
        }
        read
    }

    /// `last`: these are the last bytes of a message, which a stream says with them.
    pub(crate) fn write(
        &mut self,
        slices: &[IoSlice<'_>],
        last: bool,
        pool: &mut Buffers,
    ) -> io::Result<usize> {
        match self {
            Self::Socket(socket) => socket.write(slices, pool),
            Self::Stream(all, id) => all.write(*id, slices, last, pool),
            Self::Nothing => Err(io::ErrorKind::BrokenPipe.into()),
        }
    }

    pub(crate) fn flush(&mut self, pool: &mut Buffers) -> io::Result<()> {
        match self {
            Self::Socket(socket) => socket.flush(pool),
            Self::Stream(..) | Self::Nothing => Ok(()),
        }
    }

    /// What was written is all of it but for trailers, which are lines.
    pub(crate) fn finish(&mut self, trailers: &[u8]) {
        if let Self::Stream(all, id) = self {
            all.finish(*id, trailers);
        }
    }

    pub(crate) fn shutdown_write(&mut self, pool: &mut Buffers) {
        match self {
            Self::Socket(socket) => socket.shutdown_write(pool),
            Self::Stream(all, id) => all.finish(*id, &[]),
            Self::Nothing => {}
        }
    }
}
