//! One probe under way: a question on a connection of its own, or a datagram, or both, one after
//! the other.

use std::io;
use std::net::SocketAddr;
use std::os::fd::AsFd;

use weir_base::{Instant, Key};
use weir_control::state::{HealthCheck, Probe};
use weir_sys::{Epoll, Event, Outgoing, UdpSocket};

use super::connection::Connection;
use crate::buffers::Buffers;
use crate::token::Token;
use crate::upstream::Peer;

/// How a backend is asked.
pub(super) struct Way {
    pub(super) peer: Peer,
    /// Where datagrams are sent to; `None`: they cannot be.
    pub(super) datagrams: Option<SocketAddr>,
    pub(super) deadline: Instant,
}

/// Whom is asked, and how far that has come.
pub(super) struct Running {
    pub(super) cluster: Key,
    pub(super) backend: Box<str>,
    pub(super) deadline: Instant,
    datagrams: Option<SocketAddr>,
    token: Token,
    step: Step,
}

/// What is under way.
enum Step {
    Connection(Box<Connection>),
    /// A datagram was sent.
    Datagram(UdpSocket),
}

impl Running {
    /// Begins one. `Ok(None)`: there are no buffers for it now.
    pub(super) fn begin(
        key: Key,
        (cluster, backend): (Key, Box<str>),
        (way, check): (Way, &HealthCheck),
        epoll: &Epoll,
        pool: &mut Buffers,
    ) -> io::Result<Option<Self>> {
        let Way { peer, datagrams, deadline } = way;
        let token = Token::Probe(key);
        let step = match &check.probe {
            Probe::Udp { payload, connect: false } => {
                Step::Datagram(send(datagrams, payload, epoll, token)?)
            }
            _ => match Connection::begin(token, peer, epoll, pool)? {
                Some(connection) => Step::Connection(Box::new(connection)),
                None => return Ok(None),
            },
        };
        Ok(Some(Self { cluster, backend, deadline, datagrams, token, step }))
    }

    pub(super) fn handle_event(&mut self, event: Event) {
        if let Step::Connection(connection) = &mut self.step {
            connection.handle_event(event);
        }
    }

    /// Does what can be done. The outcome, once it is known.
    pub(super) fn drive(
        &mut self,
        check: &HealthCheck,
        epoll: &Epoll,
        now: Instant,
        pool: &mut Buffers,
    ) -> Option<bool> {
        let connection = match &mut self.step {
            Step::Connection(connection) => connection,
            Step::Datagram(socket) => {
                return match socket.take_one() {
                    Ok(answered) => answered.then_some(true),
                    // Its host says by ICMP that nobody is there.
                    Err(_) => Some(false),
                };
            }
        };
        let outcome = connection.drive(check, now, pool)?;
        let (true, Probe::Udp { payload, .. }) = (outcome, &check.probe) else {
            return Some(outcome);
        };
        let Ok(socket) = send(self.datagrams, payload, epoll, self.token) else {
            return Some(false);
        };
        let before = std::mem::replace(&mut self.step, Step::Datagram(socket));
        before.end(pool);
        None
    }

    /// It is over: what it holds goes back.
    pub(super) fn end(self, pool: &mut Buffers) {
        self.step.end(pool);
    }
}

impl Step {
    fn end(self, pool: &mut Buffers) {
        if let Self::Connection(connection) = self {
            connection.end(pool);
        }
    }
}

/// Sends the datagram of a probe from a socket of its own, which is watched for an answer.
fn send(
    to: Option<SocketAddr>,
    payload: &[u8],
    epoll: &Epoll,
    token: Token,
) -> io::Result<UdpSocket> {
    let socket = UdpSocket::connect(to.ok_or(io::ErrorKind::Unsupported)?)?;
    epoll.add_level(socket.as_fd(), token.to_bits(), true, false)?;
    socket.send(&[Outgoing { to: None, from: None, head: b"", bytes: payload, segment: 0 }])?;
    Ok(socket)
}
