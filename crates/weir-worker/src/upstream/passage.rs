//! Connections that wait for a request, as they leave for another worker and come from one.
//!
//! Invariant: one of TLS is kept for those alone who want what it was made for: the settings of its
//! cluster are found by name, and must be the same.

use std::rc::Rc;

use weir_base::{Instant, Key};
use weir_control::channel::{PassedBack, PassedServer, PassedStreams};
use weir_http::h2::Connection;
use weir_sys::{Epoll, TcpStream};

use super::shared::client_options;
use super::{Back, Line, Peer, Upstream};
use crate::buffers::Buffers;
use crate::context::Context;
use crate::tables::Tables;

impl Context {
    /// Gives away a connection to a backend that waits for a request; `None`: there is none left.
    pub(crate) fn part_back(&mut self) -> Option<(PassedBack, TcpStream)> {
        self.upstream.part_idle(self.now, &self.epoll, &mut self.buffers)
    }

    /// Keeps one of another worker for the next request; it is closed where nobody would use it.
    pub(crate) fn adopt_back(&mut self, passed: PassedBack, stream: TcpStream) {
        let Some(peer) = peer_of(&passed, &self.tables).filter(|_| passed.is_bare()) else {
            return;
        };
        let PassedBack { tls, streams, keep, asked, .. } = passed;
        let (upstream, pool) = (&mut self.upstream, &mut self.buffers);
        let (address, carried) = (peer.address.clone(), (stream, tls.map(|server| server.tls)));
        let Ok(key) = upstream.adopt(carried, peer, None, &self.epoll, pool) else { return };
        if let Some(streams) = streams {
            let PassedStreams { carried, unsent, .. } = *streams;
            let machine = Connection::resume(carried, client_options(pool.size()), self.now);
            let carries = machine.is_some_and(|mut machine| {
                machine.control().extend(unsent);
                upstream.resume_streams(key, machine)
            });
            if !carries {
                return upstream.close(key, pool);
            }
        } else if asked {
            upstream.single.insert(address);
        }
        upstream.release(key, self.now, keep);
    }
}

impl Upstream {
    fn part_idle(
        &mut self,
        now: Instant,
        epoll: &Epoll,
        pool: &mut Buffers,
    ) -> Option<(PassedBack, TcpStream)> {
        while let Some(key) = self.idle.take_any() {
            if !self.can_part(key) {
                self.close(key, pool);
            } else if let Some(parted) = self.part_waiting(key, now, epoll, pool) {
                return Some(parted);
            }
        }
        None
    }

    /// It lives, and nothing of it is here that was received.
    fn can_part(&mut self, key: Key) -> bool {
        match self.backs.get_mut(key).map(|back| &mut back.line) {
            Some(Line::Single { socket, .. }) => {
                socket.can_part() && !socket.is_closing() && !socket.holds()
            }
            Some(Line::Shared { link, .. }) => self
                .links
                .get(*link)
                .is_some_and(|link| link.can_part() && !link.socket.is_closing() && !link.holds()),
            Some(Line::Making { .. } | Line::Closed) | None => false,
        }
    }

    fn part_waiting(
        &mut self,
        key: Key,
        now: Instant,
        epoll: &Epoll,
        pool: &mut Buffers,
    ) -> Option<(PassedBack, TcpStream)> {
        let Back { line, peer, expires, alarm } = self.backs.remove(key)?;
        alarm.cancel(&mut self.wheel);
        self.forget_shared(&peer.address, key);
        let (mut socket, streams) = match line {
            Line::Single { socket, .. } => (socket, None),
            Line::Shared { link, .. } => {
                let (socket, streams) = self.links.take(link)?.part(pool);
                (socket, Some(Box::new(streams)))
            }
            Line::Making { .. } | Line::Closed => return None,
        };
        let tls = socket.part_tls(pool).ok()?;
        let tls = tls.zip(peer.secret()).map(|(tls, (settings, name))| {
            let (cluster, settings) = (settings.cluster.clone(), settings.hash);
            Box::new(PassedServer { tls, cluster, settings, name: name.to_owned() })
        });
        let (address, asked, keep) = (peer.address.clone(), peer.streams, expires.since(now));
        Some((PassedBack { address, asked, tls, streams, keep }, socket.part(epoll).ok()?))
    }

    fn resume_streams(&mut self, key: Key, machine: Connection) -> bool {
        let line = self.backs.get_mut(key).map(|back| &mut back.line);
        match line.map(|line| std::mem::replace(line, Line::Closed)) {
            Some(Line::Single { socket, .. }) => self.carry(key, socket, machine),
            _ => false,
        }
    }
}

/// How the backend of a connection is spoken with here; `None`: in no such way.
fn peer_of(passed: &PassedBack, tables: &Tables) -> Option<Peer> {
    let PassedBack { address, asked, tls, .. } = passed;
    if !tables.is_backend(address) {
        return None;
    }
    let Some(server) = tls else { return Some(Peer::clear(address.clone(), *asked)) };
    let cluster = tables.clusters.get(*tables.by_id.get(&server.cluster)?)?;
    let settings = cluster.settings.tls.as_ref().filter(|tls| tls.hash == server.settings)?;
    Some(Peer::named(address.clone(), *asked, (Rc::clone(settings), server.name.as_str().into())))
}
