//! A session as it leaves for another worker, and a pipe as it comes from one.

use std::rc::Rc;

use weir_control::channel::{Passed, PassedClient, PassedPipe};
use weir_http::exchange::Exchange;
use weir_http::h1::{Pump, parse_request};
use weir_http::message::RequestHead;
use weir_http::policy::RequestId;
use weir_route::Request;
use weir_sys::TcpStream;

use super::active::{Times, Upstreamed};
use super::direction::Direction;
use super::{Active, Announced, Session, Stage, raw};
use crate::buffers::{PER_EXCHANGE, PER_TLS, Reservation};
use crate::context::Context;
use crate::front::Front;
use crate::observe::Noted;
use crate::upstream::Peer;

impl Session {
    /// It waits for the client to begin, or is a pipe at rest, and can be passed on.
    pub(crate) fn can_pass(&self, cx: &mut Context) -> bool {
        match &self.stage {
            Stage::Idle | Stage::Announced | Stage::Hello => self.front.can_pass(),
            // A part of a record has come, nothing of a request.
            Stage::Head(buffer) if buffer.unread.is_empty() => self.front.can_pass(),
            Stage::Exchange(active) if active.tunnel && self.front.can_pass() => {
                let whole = active.request.unsent().is_some() && active.response.unsent().is_some();
                let back = active.back.filter(|back| back.stream.is_none());
                let back = back.and_then(|back| cx.upstream.socket(back.key));
                whole && !active.request_cut && back.is_some_and(|back| back.can_part())
            }
            Stage::Multiplex { .. } => match self.front {
                Front::Connection(key) => cx.multiplexes.get(key).is_some_and(|c| c.can_part()),
                _ => false,
            },
            _ => false,
        }
    }

    /// Takes the session apart: what another worker is to know, and its connections. `None`: it was
    /// none that can be passed on, and is closed.
    pub(crate) fn part(mut self, cx: &mut Context) -> Option<(Passed, Vec<TcpStream>)> {
        let mut passed = Passed {
            listener: self.settings.config.address,
            client: self.client,
            requests: self.requests,
            waited: cx.now - self.since,
            id: Some(*self.id.as_bytes()),
            announced: self.announced.as_ref().map(|announced| announced.bytes().to_vec()),
            tls: None,
            streams: None,
            pipe: None,
        };
        if matches!(self.stage, Stage::Announced) {
            passed.id = None;
        }
        if let Stage::Head(_) = self.stage {
            let _ = self.go_idle(cx);
        }
        let mut back = None;
        if let Some(active) = self.take_active() {
            let (pipe, socket) = part_pipe(active, cx)?;
            passed.pipe = Some(Box::new(pipe));
            back = Some(socket);
        }
        if let Front::Connection(key) = self.front {
            let connection = cx.multiplexes.take(key)?;
            let (socket, streams) = connection.part(&mut cx.buffers);
            passed.streams = Some(Box::new(streams));
            passed.waited = cx.now - self.active_at;
            self.front = Front::Socket(socket);
        }
        let tls = self.front.socket().map(|front| front.part_tls(&mut cx.buffers));
        let client = self.tls.take();
        let Front::Socket(front) = self.forget(cx) else { return None };
        let tls = tls?.ok()?;
        let tls = client.zip(tls).map(|(client, tls)| PassedClient { tls, facts: client.pass() });
        passed.tls = tls.map(Box::new);
        Some((passed, [front.part(&cx.epoll).ok()?].into_iter().chain(back).collect()))
    }

    /// Takes note of what another worker has told, and of its TLS.
    ///
    /// # Errors
    /// Why it cannot go on.
    pub(crate) fn recall(&mut self, passed: Passed, cx: &mut Context) -> Result<(), &'static str> {
        if !passed.is_bare() && self.reservation == Reservation::None {
            let buffers = PER_EXCHANGE + if passed.tls.is_some() { PER_TLS } else { 0 };
            if !cx.buffers.admit(buffers) {
                return Err("there are no buffers for it");
            }
            self.reservation = Reservation::Exchange(buffers);
        }
        self.requests = passed.requests;
        self.since = cx.now.before(passed.waited);
        self.announced = passed.announced.as_deref().and_then(Announced::of).map(Rc::new);
        self.id = passed.id.map_or(self.id, RequestId::of_text);
        if let Some(tls) = passed.tls {
            let resumed = self.resume_tls(*tls, &mut cx.buffers);
            resumed.map_err(|_| "its cipher is not known")?;
        }
        let Some(streams) = passed.streams else { return Ok(()) };
        self.active_at = self.since;
        self.resume_connection(*streams, cx)
    }

    /// Goes on with a pipe. The session is a new one with a reservation.
    ///
    /// # Errors
    /// Why it cannot.
    pub(crate) fn resume_pipe(
        &mut self,
        mut pipe: PassedPipe,
        back: TcpStream,
        cx: &mut Context,
    ) -> Result<(), &'static str> {
        let cluster = cx.tables.by_id.get(&pipe.cluster).copied();
        let cluster = cluster.ok_or("its cluster is gone")?;
        let group = cx.tables.clusters.get(cluster).map(|cluster| &cluster.group);
        let backend = group.and_then(|group| group.key_of(&pipe.backend));
        let backend = backend.ok_or("its backend is gone")?;
        let head = read_again(&pipe, cx)?;
        let room = cx.buffers.size();
        if pipe.head.len() + pipe.to_back.len() > room || pipe.to_front.len() > room {
            return Err("it has more in flight than a buffer takes");
        }
        let back = (back, pipe.tls.take().map(|tls| *tls));
        let (upstream, pool) = (&mut cx.upstream, &mut cx.buffers);
        // It is never used for another exchange, so nobody asks what it is like.
        let peer = Peer::clear(pipe.address.clone(), false);
        let key = upstream.adopt(back, peer, Some(self.key), &cx.epoll, pool);
        let key = key.map_err(|_| "there is no place for the connection to its backend")?;
        let mut active = self.active_of(&pipe, head, cx);
        active.cluster = Some(cluster);
        active.back = Some(Upstreamed { key, backend, sent_before: 0, stream: None });
        active.served_by = active.back;
        active.served_at = Some(pipe.address);
        cx.bind(active.cluster, backend);
        self.keep_place(&mut active, cx);
        self.stage = Stage::Exchange(active);
        Ok(())
    }

    fn active_of(&self, pipe: &PassedPipe, head: RequestHead, cx: &mut Context) -> Box<Active> {
        cx.parsed_for(self.key, self.requests);
        let whole = [&pipe.head[..], &pipe.to_back].concat();
        let (front, back) = (cx.buffers.filled(&whole), cx.buffers.filled(&pipe.to_front));
        let now = cx.now;
        let mut active = cx.new_active(head, Some(front), now.before(pipe.age));
        active.id = RequestId::of_text(pipe.id);
        if head.is_readable() {
            active.noted = Noted::of(&cx.request_fields);
        }
        active.request.pump = Pump::verbatim();
        active.response = Direction::new(Pump::verbatim(), Some(back), 0);
        active.exchange = Exchange::new(head.method);
        active.exchange.handle_connected(false);
        active.exchange.handle_response(SWITCHED);
        active.times = Times {
            responded: now.before(pipe.agreed),
            front: now.before(pipe.front_idle),
            back: now.before(pipe.back_idle),
            ..active.times
        };
        (active.head_sent, active.tunnel) = (true, true);
        (active.front_keep, active.back_keep) = (false, false);
        active.status = SWITCHED;
        (active.bytes_in, active.bytes_out) = (pipe.bytes_in, pipe.bytes_out);
        // What waits here has its turn at once.
        active.unfinished = true;
        let listener = cx.tables.listeners.get(self.listener);
        if pipe.head.is_empty() {
            active.raw = true;
            active.status = 0;
            active.route = listener.and_then(|listener| raw::lookup(listener, b"", b""));
            return active;
        }
        let bytes = active.head_bytes();
        let request = Request {
            host: head.target.host.of(bytes),
            path: head.target.path.of(bytes),
            method: head.method_text.of(bytes),
        };
        let route = listener.and_then(|listener| listener.routes.lookup(&request));
        active.route = route.map(|found| Rc::clone(found.value()));
        active
    }
}

const SWITCHED: u16 = 101;

/// The head that a pipe began with; bytes of TCP have none.
fn read_again(pipe: &PassedPipe, cx: &mut Context) -> Result<RequestHead, &'static str> {
    if pipe.head.is_empty() {
        return Ok(RequestHead::UNREADABLE);
    }
    let parsed = parse_request(&pipe.head, &cx.head_limits, &mut cx.request_fields);
    parsed.ok().flatten().ok_or("its request cannot be read")
}

/// Takes a pipe apart, and lets go of all that it has here.
fn part_pipe(mut active: Box<Active>, cx: &mut Context) -> Option<(PassedPipe, TcpStream)> {
    let back = active.back.take()?;
    let spec = active.cluster.and_then(|key| cx.tables.clusters.get(key)).map(|cluster| {
        let backend = cluster.group.spec(back.backend).map(|spec| spec.id.to_string());
        (cluster.settings.config.id.clone(), backend.unwrap_or_default())
    });
    let (cluster, backend) = spec.unwrap_or_default();
    let times = active.times;
    let mut pipe = PassedPipe {
        head: active.head_bytes().to_vec(),
        id: *active.id.as_bytes(),
        cluster,
        backend,
        address: active.served_at.take()?,
        to_back: active.request.unsent().unwrap_or_default(),
        to_front: active.response.unsent().unwrap_or_default(),
        bytes_in: active.bytes_in,
        bytes_out: active.bytes_out,
        tls: None,
        age: cx.now - times.started,
        agreed: cx.now - times.responded,
        front_idle: cx.now - times.front,
        back_idle: cx.now - times.back,
    };
    cx.unbind(active.cluster, back.backend);
    let buffer = cx.recycle(active);
    buffer.into_iter().for_each(|buffer| cx.buffers.give(buffer));
    let mut socket = cx.upstream.part(back.key)?;
    pipe.tls = socket.part_tls(&mut cx.buffers).ok()?.map(Box::new);
    Some((pipe, socket.part(&cx.epoll).ok()?))
}
