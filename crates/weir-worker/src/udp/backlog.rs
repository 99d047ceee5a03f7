//! Datagrams that the kernel did not take: they are sent, in their order, when it takes more.
//!
//! Invariant: there are at most so many of a socket, and so many bytes of all sockets of a worker;
//! beyond, they are dropped.

use std::collections::VecDeque;
use std::io;
use std::net::SocketAddr;

use weir_sys::{Local, Outgoing, UdpSocket};

use super::send::Tally;

/// What waits for one socket.
pub(crate) struct Backlog {
    waiting: VecDeque<Waiting>,
    most: usize,
}

struct Waiting {
    to: Option<SocketAddr>,
    from: Option<Local>,
    bytes: Box<[u8]>,
}

impl Backlog {
    pub(super) const fn new(most: usize) -> Self {
        Self { waiting: VecDeque::new(), most }
    }

    /// With what [`Backlog::take`] has given, as far as there is room.
    pub(super) fn of(most: usize, datagrams: Vec<Vec<u8>>, room: &mut usize) -> Self {
        let mut backlog = Self::new(most);
        let mut tally = Tally::default();
        for bytes in &datagrams {
            let message = Outgoing { to: None, from: None, head: b"", bytes, segment: 0 };
            backlog.keep(&message, room, &mut tally);
        }
        backlog
    }

    pub(super) fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }

    /// Keeps the datagrams of a message. `room`: bytes that may still wait.
    pub(super) fn keep(&mut self, message: &Outgoing<'_>, room: &mut usize, tally: &mut Tally) {
        for datagram in super::send::datagrams(message) {
            let len = datagram.head.len() + datagram.bytes.len();
            if self.waiting.len() == self.most || *room < len {
                tally.full += 1;
                continue;
            }
            *room -= len;
            let (to, from) = (datagram.to, datagram.from);
            let bytes = [datagram.head, datagram.bytes].concat().into();
            self.waiting.push_back(Waiting { to, from, bytes });
        }
    }

    /// Sends what waits, as far as the kernel takes it.
    pub(super) fn flush(&mut self, socket: &UdpSocket, room: &mut usize) -> Tally {
        let mut tally = Tally::default();
        while let Some(first) = self.waiting.front() {
            let message = Outgoing {
                to: first.to,
                from: first.from,
                head: b"",
                bytes: &first.bytes,
                segment: 0,
            };
            match socket.send(&[message]) {
                Ok(_) => tally.sent(&message),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                Err(error) => tally.failed(&message, error),
            }
            *room += first.bytes.len();
            self.waiting.pop_front();
        }
        tally
    }

    /// What waits for a connected socket, to be sent by somebody else.
    pub(super) fn take(&mut self, room: &mut usize) -> Vec<Vec<u8>> {
        let taken: Vec<_> = self.waiting.drain(..).map(|waiting| waiting.bytes.into()).collect();
        *room += taken.iter().map(Vec::len).sum::<usize>();
        taken
    }

    /// Drops what waits; how many.
    pub(super) fn clear(&mut self, room: &mut usize) -> u64 {
        let count = self.waiting.len() as u64;
        *room += self.waiting.drain(..).map(|waiting| waiting.bytes.len()).sum::<usize>();
        count
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(bytes: &[u8], segment: usize) -> Outgoing<'_> {
        Outgoing { to: None, from: None, head: b"", bytes, segment }
    }

    #[test]
    fn as_many_datagrams_and_bytes_wait_as_may() {
        let (mut room, mut tally) = (100, Tally::default());
        let mut backlog = Backlog::new(3);
        backlog.keep(&message(&[1; 25], 10), &mut room, &mut tally);
        assert_eq!((backlog.waiting.len(), room, tally.full), (3, 75, 0));
        backlog.keep(&message(b"x", 0), &mut room, &mut tally);
        assert_eq!((backlog.waiting.len(), room, tally.full), (3, 75, 1), "one too many");
        assert_eq!(backlog.clear(&mut room), 3);
        assert_eq!(room, 100);
        backlog.keep(&message(&[1; 101], 0), &mut room, &mut tally);
        assert_eq!((backlog.is_empty(), room, tally.full), (true, 100, 2), "too long");
    }

    #[test]
    fn what_waits_is_sent_in_order() {
        let any = SocketAddr::from(([127, 0, 0, 1], 0));
        let server = UdpSocket::bind(any).expect("bound");
        let client = UdpSocket::connect(server.local_addr().expect("bound")).expect("connected");
        let (mut room, mut tally) = (100, Tally::default());
        let mut backlog = Backlog::new(8);
        for bytes in [&b"one"[..], b"three", b"two"] {
            backlog.keep(&message(bytes, 0), &mut room, &mut tally);
        }
        let sent = backlog.flush(&client, &mut room);
        assert_eq!((sent.datagrams, sent.bytes, room, backlog.is_empty()), (3, 11, 100, true));
        let mut inbox = weir_sys::Inbox::new();
        while inbox.len() < 3 {
            server.receive(&mut inbox).expect("received");
        }
        let all: Vec<_> = (0..3).filter_map(|at| inbox.get(at)).map(|m| m.bytes).collect();
        assert_eq!(all, [&b"one"[..], b"three", b"two"]);
    }
}
