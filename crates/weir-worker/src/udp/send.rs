//! Sending messages, and what became of them.

use std::io;

use weir_sys::{Outgoing, UdpSocket, must_be_split};

use super::backlog::Backlog;

/// What became of datagrams.
#[derive(Default)]
pub(crate) struct Tally {
    /// Taken by the kernel.
    pub(crate) datagrams: u64,
    /// Bytes of them.
    pub(crate) bytes: u64,
    /// Dropped, as too many wait.
    pub(crate) full: u64,
    /// Dropped, as the kernel refused them.
    pub(crate) failed: u64,
    /// Why it did so last.
    pub(super) error: Option<io::Error>,
}

impl Tally {
    pub(super) fn sent(&mut self, message: &Outgoing<'_>) {
        self.datagrams += count(message);
        self.bytes += message.bytes.len() as u64;
    }

    pub(super) fn failed(&mut self, message: &Outgoing<'_>, error: io::Error) {
        self.failed += count(message);
        self.error = Some(error);
    }

    pub(super) fn add(&mut self, other: Self) {
        self.datagrams += other.datagrams;
        self.bytes += other.bytes;
        self.full += other.full;
        self.failed += other.failed;
        self.error = other.error.or(self.error.take());
    }

    /// Those that were not sent and do not wait.
    pub(super) fn dropped(&self) -> u64 {
        self.full + self.failed
    }
}

/// Sends messages, behind what waits. `room`: bytes that may still wait.
pub(super) fn deliver(
    socket: &UdpSocket,
    messages: &[Outgoing<'_>],
    backlog: &mut Backlog,
    room: &mut usize,
) -> Tally {
    let mut tally = Tally::default();
    let mut rest = messages;
    while let Some((first, others)) = rest.split_first() {
        if !backlog.is_empty() {
            rest.iter().for_each(|message| backlog.keep(message, room, &mut tally));
            break;
        }
        match socket.send(rest) {
            Ok(count) => {
                let (sent, unsent) = rest.split_at(count.clamp(1, rest.len()));
                sent.iter().for_each(|message| tally.sent(message));
                rest = unsent;
                continue;
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                backlog.keep(first, room, &mut tally);
            }
            Err(error) if first.segment > 0 && must_be_split(&error) => {
                let alone = |datagram| one(socket, datagram, backlog, room, &mut tally);
                datagrams(first).for_each(alone);
            }
            Err(error) => tally.failed(first, error),
        }
        rest = others;
    }
    tally
}

/// Sends one datagram.
fn one(
    socket: &UdpSocket,
    datagram: Outgoing<'_>,
    backlog: &mut Backlog,
    room: &mut usize,
    tally: &mut Tally,
) {
    if !backlog.is_empty() {
        return backlog.keep(&datagram, room, tally);
    }
    match socket.send(&[datagram]) {
        Ok(_) => tally.sent(&datagram),
        Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
            backlog.keep(&datagram, room, tally);
        }
        Err(error) => tally.failed(&datagram, error),
    }
}

/// The datagrams that a message stands for.
pub(super) fn datagrams<'a>(
    message: &Outgoing<'a>,
) -> impl Iterator<Item = Outgoing<'a>> + use<'a> {
    let size = if message.segment == 0 { message.bytes.len() } else { message.segment };
    let alone = message.bytes.is_empty().then_some(message.bytes);
    let parts = alone.into_iter().chain(message.bytes.chunks(size.max(1)));
    let message = *message;
    parts.enumerate().map(move |(index, bytes)| {
        let head = if index == 0 { message.head } else { b"" };
        Outgoing { head, bytes, segment: 0, ..message }
    })
}

fn count(message: &Outgoing<'_>) -> u64 {
    match message.segment {
        0 => 1,
        size => message.bytes.len().div_ceil(size).max(1) as u64,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_stands_for_its_datagrams() {
        let message = Outgoing { to: None, from: None, head: b"h", bytes: b"abcde", segment: 2 };
        let all: Vec<_> = datagrams(&message).map(|d| (d.head, d.bytes, d.segment)).collect();
        assert_eq!(all, [(&b"h"[..], &b"ab"[..], 0), (b"", b"cd", 0), (b"", b"e", 0)]);
        assert_eq!(count(&message), 3);
        let empty = Outgoing { bytes: b"", segment: 0, ..message };
        assert_eq!((datagrams(&empty).count(), count(&empty)), (1, 1));
    }

    #[test]
    fn what_the_kernel_refuses_is_dropped_alone() {
        let server = UdpSocket::bind(([127, 0, 0, 1], 0).into()).expect("bound");
        let client = UdpSocket::connect(server.local_addr().expect("bound")).expect("connected");
        let long = vec![0; 65_535];
        let message = |bytes| Outgoing { to: None, from: None, head: b"", bytes, segment: 0 };
        let (mut backlog, mut room) = (Backlog::new(4), 100);
        let messages = [message(b"one"), message(&long), message(b"two")];
        let tally = deliver(&client, &messages, &mut backlog, &mut room);
        assert_eq!((tally.datagrams, tally.bytes, tally.failed, tally.full), (2, 6, 1, 0));
        assert!(backlog.is_empty() && tally.error.is_some());
        // Longer than any datagram when it is put together, but not so its parts.
        let group = Outgoing { segment: 40_000, ..message(&long) };
        let tally = deliver(&client, &[group], &mut backlog, &mut room);
        assert_eq!((tally.datagrams, tally.failed), (2, 0));
    }
}
