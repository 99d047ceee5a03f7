//! The PROXY protocol header that a listener may expect before everything else: whom the sender
//! speaks for.
//!
//! It is looked at in the kernel until it is whole, then taken: no buffer is held meanwhile, and
//! what follows it is found by whoever is next. Who may send one is the listener's business.

use std::net::SocketAddr;
use std::rc::Rc;

use weir_control::state::{Carries, ProxyMode};
use weir_l4::proxy::{self, Encoder, Header, Origin, Parsed, Transport};
use weir_telemetry::Counter;

use super::{Session, Stage, Step};
use crate::context::Context;
use crate::socket::Read;
use crate::tables::{Listener, Tables};

/// A header that came, whole.
pub(crate) struct Announced {
    header: Header,
    bytes: Box<[u8]>,
}

impl Announced {
    /// Of bytes that were one's before.
    pub(crate) fn of(bytes: &[u8]) -> Option<Self> {
        match proxy::parse(bytes, proxy::DEFAULT_MOST) {
            Parsed::Header(header) => Some(Self { header, bytes: bytes.into() }),
            Parsed::NotEnough(_) | Parsed::Invalid(_) => None,
        }
    }

    pub(super) fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Where the client connected to, if that was told.
    fn destination(&self) -> Option<SocketAddr> {
        match self.header.origin {
            Origin::Inet { destination, .. } => Some(destination),
            _ => None,
        }
    }
}

impl Stage {
    /// What a connection of a listener begins with.
    pub(crate) fn first(listener: &Listener, tables: &Tables) -> Self {
        let config = &listener.settings.config;
        let by_cluster = || config.carries == Carries::Tcp && expected_by_cluster(listener, tables);
        if config.expect_proxy || by_cluster() {
            return Self::Announced;
        }
        Self::second(listener)
    }

    /// What comes next.
    pub(crate) fn second(listener: &Listener) -> Self {
        match listener.settings.config.carries {
            Carries::Tcp => Self::Hello,
            Carries::Http if listener.settings.tls.is_some() => Self::Handshake,
            Carries::Http => Self::Idle,
        }
    }
}

/// The cluster that all clients of a listener of TCP are led to wants a header.
fn expected_by_cluster(listener: &Listener, tables: &Tables) -> bool {
    let route = super::raw::lookup(listener, b"", b"");
    let cluster = route.and_then(|route| tables.clusters.get(route.cluster?));
    let mode = cluster.and_then(|cluster| cluster.settings.config.proxy);
    matches!(mode, Some(ProxyMode::Expect | ProxyMode::Relay))
}

impl Session {
    /// `Announced`: reads the header as soon as it is whole.
    pub(super) fn read_announcement(&mut self, cx: &mut Context) -> Step {
        let Some(socket) = self.front.socket() else { return Step::Close };
        let room = &mut cx.peeked[..proxy::DEFAULT_MOST];
        let seen = match socket.peek(room) {
            Read::Data(n) => &room[..n],
            Read::Blocked => return Step::Wait,
            Read::Closed | Read::Failed(_) => return Step::Close,
        };
        let header = match proxy::parse(seen, proxy::DEFAULT_MOST) {
            Parsed::Header(header) => header,
            Parsed::NotEnough(_) if socket.is_closing() => return Step::Close,
            Parsed::NotEnough(_) => return Step::Wait,
            Parsed::Invalid(error) => {
                cx.observe.count(Counter::ProxyProtocolErrors);
                cx.observe.client_error(self.client, &error);
                return Step::Close;
            }
        };
        socket.found();
        let taken = socket.take_raw(&mut room[..header.len]);
        if !matches!(taken, Read::Data(n) if n == header.len) {
            return Step::Close;
        }
        if let Origin::Inet { source, .. } = header.origin {
            self.client = source;
        }
        if !cx.tables.lists.admit(&self.settings.config.access, self.client.ip()) {
            cx.observe.denied(self.client, &self.settings);
            return Step::Close;
        }
        self.announced = Some(Rc::new(Announced { header, bytes: room[..header.len].into() }));
        self.since = cx.now;
        let Some(listener) = cx.tables.listeners.get(self.listener) else { return Step::Close };
        self.stage = Stage::second(listener);
        Step::Again
    }

    /// Where the client connected to, as backends are told.
    pub(super) fn public_address(&self) -> SocketAddr {
        let config = &self.settings.config;
        let announced = self.announced.as_ref().and_then(|announced| announced.destination());
        announced.or(config.public_address).unwrap_or(config.address)
    }

    /// Writes what the backend of a connection of TCP is told of the client into the scratch.
    pub(super) fn announce(&self, mode: Option<ProxyMode>, cx: &mut Context) {
        cx.scratch.clear();
        let encoder = match (mode, &self.announced) {
            (Some(ProxyMode::Relay), Some(announced)) => {
                Encoder::relay(&mut cx.scratch, &announced.header, &announced.bytes)
            }
            (Some(ProxyMode::Send | ProxyMode::Relay), _) => {
                let (source, destination) = (self.client, self.own_address());
                Encoder::inet(&mut cx.scratch, Transport::Stream, source, destination)
            }
            (Some(ProxyMode::Expect) | None, _) => return,
        };
        if let Err(error) = encoder.finish() {
            cx.observe.internal("writing a PROXY protocol header", &error);
        }
    }

    /// The address that the client is connected to.
    fn own_address(&self) -> SocketAddr {
        if let Some(address) = self.announced.as_ref().and_then(|a| a.destination()) {
            return address;
        }
        let local = match &self.front {
            crate::front::Front::Socket(socket) => socket.stream().local_addr().ok(),
            _ => None,
        };
        local.unwrap_or(self.settings.config.address)
    }
}
