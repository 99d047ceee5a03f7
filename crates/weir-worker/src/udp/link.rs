//! A flow's way to its backend.

use std::io;
use std::net::SocketAddr;
use std::os::fd::AsFd;
use std::rc::Rc;

use weir_balance::BackendKey;
use weir_base::{Instant, Key};
use weir_control::state::ProxyDatagrams;
use weir_l4::proxy::{EncodeError, Encoder, Transport};
use weir_sys::{Epoll, Local, Outgoing, UdpSocket};

use super::backlog::Backlog;
use super::listener::UdpSettings;
use super::send::{self, Tally, deliver};
use crate::token::Token;

/// Datagrams of one flow that wait until the kernel takes more.
pub(super) const BACKLOG: usize = 64;

/// What lies behind a flow.
pub(crate) struct Link {
    pub(crate) listener: Key,
    pub(super) settings: Rc<UdpSettings>,
    /// Which of our addresses the client sends to, where that is not the listener's.
    pub(super) local: Option<Local>,
    pub(crate) cluster: Key,
    pub(crate) backend: BackendKey,
    /// Of the backend.
    pub(super) address: SocketAddr,
    pub(super) socket: UdpSocket,
    pub(super) begun: Instant,
    /// The backend has said something.
    pub(super) answered: bool,
    /// Datagrams that are still to begin with a header.
    pub(super) proxy: Option<ProxyDatagrams>,
    pub(super) backlog: Backlog,
    /// The socket is watched for room.
    pub(super) watched: bool,
    /// Bytes that went to the backend.
    pub(super) bytes_in: u64,
    /// Bytes that went to the client.
    pub(super) bytes_out: u64,
    /// Datagrams of either side that did not.
    pub(super) dropped: u64,
}

impl Link {
    /// That went to the backend, and to the client.
    pub(crate) fn bytes(&self) -> (u64, u64) {
        (self.bytes_in, self.bytes_out)
    }

    /// Where the backend is.
    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Where the client sends to, as backends are told.
    fn destination(&self) -> SocketAddr {
        let config = &self.settings.config;
        let local =
            || self.local.map(|l| SocketAddr::new(l.ip.to_canonical(), config.address.port()));
        config.public_address.or_else(local).unwrap_or(config.address)
    }

    /// Sends datagrams of a client to the backend. `head`: room for a header; `room`: bytes that
    /// may wait.
    pub(super) fn send(
        &mut self,
        client: SocketAddr,
        messages: &[Outgoing<'_>],
        head: &mut Vec<u8>,
        room: &mut usize,
    ) -> Result<Tally, EncodeError> {
        let mut tally = Tally::default();
        let mut rest = messages;
        while let (Some(mode), Some((first, others))) = (self.proxy, rest.split_first()) {
            head.clear();
            let source = SocketAddr::new(client.ip().to_canonical(), client.port());
            Encoder::inet(head, Transport::Datagram, source, self.destination()).finish()?;
            tally.add(self.send_after(head, *first, mode, room));
            rest = others;
        }
        if !rest.is_empty() {
            tally.add(deliver(&self.socket, rest, &mut self.backlog, room));
        }
        Ok(tally)
    }

    /// Sends the datagrams of a message, of which the first one or each one begins with a header.
    fn send_after(
        &mut self,
        head: &[u8],
        whole: Outgoing<'_>,
        mode: ProxyDatagrams,
        room: &mut usize,
    ) -> Tally {
        let mut tally = Tally::default();
        let mut parts = send::datagrams(&whole);
        let mut rest = &whole.bytes[..0];
        if mode == ProxyDatagrams::First {
            self.proxy = None;
            let first = parts.next();
            rest = first.map_or(rest, |first| &whole.bytes[first.bytes.len()..]);
            parts = send::datagrams(&first.unwrap_or(whole));
        }
        for part in parts {
            let part = Outgoing { head, ..part };
            tally.add(deliver(&self.socket, &[part], &mut self.backlog, room));
        }
        if !rest.is_empty() {
            let rest = Outgoing { bytes: rest, ..whole };
            tally.add(deliver(&self.socket, &[rest], &mut self.backlog, room));
        }
        tally
    }

    /// Watches the socket for room if something waits.
    pub(super) fn watch(&mut self, id: Key, epoll: &Epoll) -> io::Result<()> {
        let wanted = !self.backlog.is_empty();
        if std::mem::replace(&mut self.watched, wanted) == wanted {
            return Ok(());
        }
        epoll.modify_level(self.socket.as_fd(), Token::Flow(id).to_bits(), true, wanted)
    }
}

/// An error of a connected socket says that nothing can reach the backend.
pub(super) fn is_unreachable(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionRefused, HostUnreachable, NetworkDown, NetworkUnreachable};
    matches!(error.kind(), ConnectionRefused | HostUnreachable | NetworkDown | NetworkUnreachable)
}
