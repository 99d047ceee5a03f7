//! A stream socket and what is known of its readiness.
//!
//! Sockets are registered once, edge-triggered. Readiness is remembered until a call says that it
//! is over: a short read or write is as good as `EAGAIN` (epoll(7)), so a small request costs one
//! `recv` and one `send` on each side.
//!
//! A socket may speak TLS: then what is read and written is plain, records come and go in buffers
//! of the pool ([`tls`]), and a readable socket may be one that has more plain bytes in hand.

mod tls;

use std::cell::Cell;
use std::io::{self, IoSlice};
use std::os::fd::AsFd;
use std::time::Duration;

use weir_base::{Address, Instant};
use weir_control::channel::PassedTls;
use weir_sys::{Epoll, Event, Pipe, TcpStream};

use crate::buffers::Buffers;
use crate::token::Token;
use tls::Tls;
pub(crate) use tls::{RECORD, Shaken};

/// How long a round trip is good for that was measured: asking the kernel takes a microsecond or
/// more, as long as a tenth of a request on a kept connection.
const ROUND_TRIP: Duration = Duration::from_secs(10);

/// What a read brought.
#[derive(Debug)]
pub(crate) enum Read {
    /// That many bytes, at least 1.
    Data(usize),
    /// Nothing now.
    Blocked,
    /// The peer sent its last byte.
    Closed,
    /// The connection is broken.
    Failed(io::Error),
}

/// A connection that is given away.
pub(crate) type Parted = (TcpStream, Option<PassedTls>);

/// A connection and its readiness.
pub(crate) struct Socket {
    stream: TcpStream,
    readable: bool,
    writable: bool,
    /// The peer has closed its side, or the connection is broken: reads end without `EAGAIN`.
    closing: bool,
    /// Both sides are closed or the connection was reset.
    broken: bool,
    /// The kernel says that a connection is broken when nothing can be read any more. Of a Unix
    /// socket it says so as soon as the peer has closed it: what came before is still to be read.
    hangs_up: bool,
    /// Bytes that the kernel took.
    sent: u64,
    /// Bytes that came from it.
    received: u64,
    /// The round trip in microseconds, 0 if none was measured, and when that was asked for.
    round_trip: Cell<(u32, Instant)>,
    tls: Option<Box<Tls>>,
}

impl Socket {
    /// Registers an accepted socket, which can be written to at once.
    pub(crate) fn accepted(stream: TcpStream, epoll: &Epoll, token: Token) -> io::Result<Self> {
        Self::new(stream, true, epoll, token)
    }

    /// Registers a socket whose connection is being made.
    ///
    /// # Errors
    /// Of `socket`, `connect` or `epoll_ctl`.
    pub(crate) fn connect(address: &Address, epoll: &Epoll, token: Token) -> io::Result<Self> {
        let socket = Self::new(TcpStream::connect_to(address)?, false, epoll, token)?;
        Ok(Self { hangs_up: address.path().is_none(), ..socket })
    }

    /// Registers a socket whose connection was made to that address.
    pub(crate) fn made(
        stream: TcpStream,
        address: &Address,
        epoll: &Epoll,
        token: Token,
    ) -> io::Result<Self> {
        let socket = Self::accepted(stream, epoll, token)?;
        Ok(Self { hangs_up: address.path().is_none(), ..socket })
    }

    fn new(stream: TcpStream, writable: bool, epoll: &Epoll, token: Token) -> io::Result<Self> {
        epoll.add_edge(stream.as_fd(), token.to_bits())?;
        let (readable, closing, broken) = (false, false, false);
        let (sent, received, tls) = (0, 0, None);
        let round_trip = Cell::default();
        let hangs_up = true;
        Ok(Self {
            stream,
            readable,
            writable,
            closing,
            broken,
            hangs_up,
            sent,
            received,
            round_trip,
            tls,
        })
    }

    /// Another process can go on with it.
    pub(crate) fn can_part(&self) -> bool {
        self.tls.as_ref().is_none_or(|tls| tls.can_part())
    }

    /// Gives the TLS of the connection away, and back what it holds.
    pub(crate) fn part_tls(&mut self, pool: &mut Buffers) -> io::Result<Option<PassedTls>> {
        self.tls.take().map(|tls| tls.part(pool)).transpose()
    }

    /// Gives the connection away. Nothing is heard of it here any more.
    pub(crate) fn part(self, epoll: &Epoll) -> io::Result<TcpStream> {
        // It stays open elsewhere, so the kernel would go on telling us of it.
        epoll.remove(self.stream.as_fd())?;
        Ok(self.stream)
    }

    /// Takes note of an event; true when something became possible.
    pub(crate) fn handle_event(&mut self, event: Event) -> bool {
        let before = (self.readable, self.writable, self.closing);
        let closing = event.read_closed || event.hangup || event.error;
        self.readable |= event.readable || closing;
        self.writable |= event.writable || event.hangup || event.error;
        self.closing |= closing;
        self.broken |= self.hangs_up && (event.hangup || event.error);
        before != (self.readable, self.writable, self.closing)
    }

    pub(crate) fn is_readable(&self) -> bool {
        self.readable || self.tls.as_ref().is_some_and(|tls| tls.has_plain())
    }

    pub(crate) fn is_writable(&self) -> bool {
        self.writable && self.is_flushed()
    }

    /// Bytes that the kernel took so far.
    pub(crate) fn sent(&self) -> u64 {
        self.sent
    }

    /// Bytes that came from the kernel so far.
    pub(crate) fn received(&self) -> u64 {
        self.received
    }

    /// The round trip to the peer, if the kernel has measured one. It is asked at most once in
    /// [`ROUND_TRIP`].
    pub(crate) fn round_trip(&self, now: Instant) -> Option<Duration> {
        let (mut micros, at) = self.round_trip.get();
        if at == Instant::default() || at + ROUND_TRIP <= now {
            let measured = self.stream.round_trip().unwrap_or_default();
            micros = u32::try_from(measured.as_micros()).unwrap_or(u32::MAX);
            self.round_trip.set((micros, now));
        }
        (micros > 0).then(|| Duration::from_micros(micros.into()))
    }

    /// The peer closed or reset the connection, as far as events told.
    pub(crate) fn is_closing(&self) -> bool {
        self.closing
    }

    /// The connection was reset, or both sides are closed.
    pub(crate) fn is_broken(&self) -> bool {
        self.broken
    }

    pub(crate) fn stream(&self) -> &TcpStream {
        &self.stream
    }

    /// Reads once. Call only with room.
    pub(crate) fn read(&mut self, room: &mut [u8], pool: &mut Buffers) -> Read {
        if self.tls.is_some() {
            return self.read_plain(room, pool);
        }
        self.receive(room)
    }

    /// Looks at what has come, without TLS; it stays. The socket is readable again when more comes
    /// or with [`Socket::found`].
    pub(crate) fn peek(&mut self, room: &mut [u8]) -> Read {
        if !self.readable {
            return Read::Blocked;
        }
        self.readable = self.closing;
        match self.stream.peek(room) {
            Ok(0) => Read::Closed,
            Ok(n) => Read::Data(n),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Read::Blocked,
            Err(error) => Read::Failed(error),
        }
    }

    /// What was looked at was found, and can be read.
    pub(crate) fn found(&mut self) {
        self.readable = true;
    }

    /// Takes what was looked at from the kernel.
    pub(crate) fn take_raw(&mut self, room: &mut [u8]) -> Read {
        self.receive(room)
    }

    /// Reads from the kernel.
    fn receive(&mut self, room: &mut [u8]) -> Read {
        if !self.readable {
            return Read::Blocked;
        }
        loop {
            return match self.stream.read(room) {
                Ok(0) => Read::Closed,
                Ok(n) => {
                    self.readable = n == room.len() || self.closing;
                    self.received += n as u64;
                    Read::Data(n)
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    self.readable = false;
                    Read::Blocked
                }
                Err(error) => Read::Failed(error),
            };
        }
    }

    /// Writes; fewer bytes than asked means that no more are taken now.
    pub(crate) fn write(
        &mut self,
        slices: &[IoSlice<'_>],
        pool: &mut Buffers,
    ) -> io::Result<usize> {
        if self.tls.is_some() {
            return self.write_plain(slices, pool);
        }
        self.send(slices)
    }

    /// Gives bytes to the kernel, once.
    fn send(&mut self, slices: &[IoSlice<'_>]) -> io::Result<usize> {
        if !self.writable {
            return Ok(0);
        }
        let wanted: usize = slices.iter().map(|slice| slice.len()).sum();
        let result = match slices {
            [one] => self.stream.write(one),
            _ => self.stream.write_vectored(slices),
        };
        match result {
            Ok(n) => {
                self.writable = n == wanted;
                self.sent += n as u64;
                Ok(n)
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                self.writable = false;
                Ok(0)
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => Ok(0),
            Err(error) => Err(error),
        }
    }

    /// Moves up to `max` received bytes into the pipe.
    pub(crate) fn splice_into(&mut self, pipe: &mut Pipe, max: usize) -> Read {
        if !self.readable {
            return Read::Blocked;
        }
        match pipe.splice_from(&self.stream, max) {
            Ok(0) => Read::Closed,
            Ok(n) => {
                self.received += n as u64;
                Read::Data(n)
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                self.readable = self.closing;
                Read::Blocked
            }
            Err(error) => Read::Failed(error),
        }
    }

    /// Moves bytes out of the pipe; 0 means that the kernel takes no more now.
    pub(crate) fn splice_out(&mut self, pipe: &mut Pipe) -> io::Result<usize> {
        if !self.writable {
            return Ok(0);
        }
        match pipe.splice_to(&self.stream, false) {
            Ok(n) => {
                self.sent += n as u64;
                Ok(n)
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                self.writable = false;
                Ok(0)
            }
            other => other,
        }
    }

    /// Lets the peer see that the response is not complete.
    pub(crate) fn reset_on_close(&self) {
        let _ = self.stream.reset_on_close();
    }

    /// Says to the peer that nothing more comes. Errors mean that the peer is gone already.
    pub(crate) fn shutdown_write(&mut self, pool: &mut Buffers) {
        if self.tls.is_some() {
            return self.close_plain(pool);
        }
        let _ = self.stream.shutdown_write();
    }
}
