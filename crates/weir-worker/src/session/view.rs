//! A session as others are told of it.
//!
//! Must not know: who asks.

use std::time::Duration;

use weir_base::{Instant, Slab};
use weir_control::sessions::{Live, MOST_TEXT, Protocol, State};
use weir_control::state::Carries;
use weir_http::exchange::Phase;

use super::{Active, Session, Stage};
use crate::context::Context;
use crate::front::Front;
use crate::multiplex::Multiplexes;
use crate::socket::Socket;
use crate::tables::Tables;

impl Session {
    /// The exchange under way.
    pub(crate) fn active(&self) -> Option<&Active> {
        match &self.stage {
            Stage::Exchange(active) => Some(active),
            _ => None,
        }
    }

    /// What it is doing, in a word.
    pub(crate) fn state(&self) -> State {
        let active = match &self.stage {
            Stage::Announced => return State::Announced,
            Stage::Hello => return State::Hello,
            Stage::Handshake => return State::Handshake,
            Stage::Idle => return State::Idle,
            Stage::Head(_) => return State::Head,
            Stage::Answering(_) => return State::Answering,
            Stage::Multiplex { .. } => return State::Streams,
            Stage::Lingering => return State::Lingering,
            Stage::Exchange(active) => active,
        };
        match active.exchange.phase() {
            _ if active.waits_until.is_some() => State::Queued,
            Phase::Connecting => State::Connecting,
            _ if active.tunnel => State::Pipe,
            Phase::Waiting if !active.request.is_done() => State::Uploading,
            Phase::Waiting => State::Waiting,
            Phase::Responding => State::Responding,
        }
    }

    fn protocol(&self) -> Protocol {
        let piped = self.active().is_some_and(|active| active.tunnel && !active.raw);
        match (&self.stage, &self.front) {
            (Stage::Handshake, _) => Protocol::Tls,
            _ if piped => Protocol::WebSocket,
            (_, Front::Connection(_)) => Protocol::Http2,
            (_, Front::Stream(_)) => Protocol::Stream,
            _ if self.settings.config.carries == Carries::Tcp => Protocol::Tcp,
            _ => Protocol::Http1,
        }
    }

    /// Since it began, in whichever worker.
    pub(crate) fn age(&self, unix_millis: u64) -> Duration {
        Duration::from_millis(unix_millis.saturating_sub(self.id.unix_millis()))
    }

    /// Since bytes last moved.
    pub(crate) fn idle(&self, now: Instant) -> Duration {
        let moved = self.active().map(|active| active.times.front.max(active.times.back));
        now.since(moved.unwrap_or(self.active_at).max(self.active_at))
    }

    /// The client's connection.
    pub(super) fn socket<'a>(&'a self, all: &'a Multiplexes) -> Option<&'a Socket> {
        let connection = match &self.front {
            Front::Socket(socket) => return Some(socket),
            Front::Connection(key) => *key,
            Front::Stream(stream) => stream.id.connection,
        };
        all.get(connection).map(|connection| &connection.socket)
    }

    /// Bytes from and to the client.
    pub(crate) fn bytes(&self, cx: &Context) -> (u64, u64) {
        let socket = self.socket(&cx.multiplexes).filter(|_| self.front.stream().is_none());
        let passed = self.active().map(|active| (active.bytes_in, active.bytes_out));
        let piped = self.active().is_some_and(|active| active.tunnel);
        let socket = socket.filter(|_| !piped).map(|socket| (socket.received(), socket.sent()));
        socket.or(passed).unwrap_or_default()
    }

    /// The cluster that serves it now, if it is known still.
    pub(crate) fn cluster<'a>(&'a self, tables: &'a Tables) -> Option<&'a str> {
        let active = self.active()?;
        let cluster = active.cluster.and_then(|key| tables.clusters.get(key));
        let known = cluster.map(|cluster| &*cluster.settings.config.id);
        known.or_else(|| active.route.as_ref()?.frontend.cluster.as_deref())
    }

    /// All that is told of it.
    pub(crate) fn view(&self, all: &Slab<Self>, cx: &Context) -> Live {
        let active = self.active();
        let back = active.and_then(|active| active.back);
        let cluster = active.and_then(|active| cx.tables.clusters.get(active.cluster?));
        let spec = back.and_then(|back| cluster?.group.spec(back.backend));
        let connection = match &self.front {
            Front::Connection(key) => cx.multiplexes.get(*key),
            Front::Stream(stream) => cx.multiplexes.get(stream.id.connection),
            Front::Socket(_) => None,
        };
        let carrier = connection.and_then(|connection| all.get(connection.carrier()));
        let is_stream = self.front.stream().is_some();
        let (bytes_in, bytes_out) = self.bytes(cx);
        let deadline = self.deadline();
        Live {
            id: self.id.as_str().to_owned(),
            protocol: self.protocol(),
            tls: self.settings.tls.is_some(),
            state: self.state(),
            client: self.client,
            listener: self.settings.config.address,
            cluster: self.cluster(&cx.tables).map(str::to_owned),
            backend: spec.map(|spec| spec.id.to_string()),
            backend_address: active.filter(|_| back.is_some()).and_then(|a| a.served_at.clone()),
            age: self.age(cx.observe.unix_millis()),
            idle: self.idle(cx.now),
            bytes_in,
            bytes_out,
            requests: self.requests,
            streams: connection.filter(|_| !is_stream).map_or(0, |c| c.streams()),
            connection: carrier.filter(|_| is_stream).map(|carrier| carrier.id.to_string()),
            request: active.filter(|active| !active.raw).and_then(request_line),
            waits_for: self.waits_for(),
            ends_in: (deadline != Instant::FAR).then(|| deadline.since(cx.now)),
        }
    }
}

/// Method, host and path, as far as they are there still. A query may hold a secret.
fn request_line(active: &Active) -> Option<String> {
    let head = active.head_bytes();
    let text = |bytes: &[u8]| {
        let shown = &bytes[..bytes.len().min(MOST_TEXT)];
        String::from_utf8_lossy(shown).into_owned()
    };
    let target = &active.head.target;
    let line = [
        text(active.head.method_text.of(head)),
        [text(target.authority.of(head)), text(target.path.of(head))].concat(),
    ];
    (!head.is_empty() && active.head.is_readable()).then(|| line.join(" "))
}
