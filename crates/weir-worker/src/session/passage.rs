//! A session as it leaves for another worker, and a pipe as it comes from one.

use std::rc::Rc;

use weir_control::channel::{Passed, PassedPipe};
use weir_http::exchange::Exchange;
use weir_http::h1::{Pump, parse_request};
use weir_http::message::RequestHead;
use weir_http::policy::RequestId;
use weir_route::Request;
use weir_sys::TcpStream;

use super::active::{Times, Upstreamed};
use super::direction::Direction;
use super::{Active, Session, Stage, raw};
use crate::buffers::Buffer;
use crate::context::Context;
use crate::front::Front;
use crate::observe::Noted;
use crate::upstream::Peer;

impl Session {
    /// It waits for the client to begin, or is a pipe at rest, and can be passed on.
    pub(crate) fn can_pass(&self, cx: &mut Context) -> bool {
        match &self.stage {
            Stage::Idle | Stage::Announced | Stage::Hello => self.front.can_pass(),
            Stage::Exchange(active) if active.tunnel && self.front.can_pass() => {
                let whole = active.request.unsent().is_some() && active.response.unsent().is_some();
                let back = active.back.filter(|back| back.stream.is_none());
                let back = back.and_then(|back| cx.upstream.socket(back.key));
                whole && !active.request_cut && back.is_some_and(|back| back.is_clear())
            }
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
            pipe: None,
        };
        if matches!(self.stage, Stage::Announced) {
            passed.id = None;
        }
        let mut back = None;
        if let Some(active) = self.take_active() {
            let (pipe, socket) = part_pipe(active, cx)?;
            passed.pipe = Some(Box::new(pipe));
            back = Some(socket);
        }
        let Front::Socket(front) = self.forget(cx) else { return None };
        Some((passed, [front.part(&cx.epoll).ok()?].into_iter().chain(back).collect()))
    }

    /// Goes on with a pipe. The session is a new one with a reservation.
    ///
    /// # Errors
    /// Why it cannot.
    pub(crate) fn resume_pipe(
        &mut self,
        pipe: PassedPipe,
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
        let peer = Peer::clear(pipe.address, false);
        let key = cx.upstream.adopt(back, peer, self.key, &cx.epoll);
        let key = key.map_err(|_| "there is no place for the connection to its backend")?;
        let mut active = self.active_of(&pipe, head, cx);
        active.cluster = Some(cluster);
        let address = pipe.address;
        active.back = Some(Upstreamed { key, backend, address, sent_before: 0, stream: None });
        active.served_by = active.back;
        cx.bind(active.cluster, backend);
        self.stage = Stage::Exchange(active);
        Ok(())
    }

    fn active_of(&self, pipe: &PassedPipe, head: RequestHead, cx: &mut Context) -> Box<Active> {
        cx.parsed_for(self.key, self.requests);
        let whole = [&pipe.head[..], &pipe.to_back].concat();
        let (front, back) = (filled(&whole, cx), filled(&pipe.to_front, cx));
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

/// A buffer with these bytes; there are no more than fit.
fn filled(bytes: &[u8], cx: &mut Context) -> Buffer {
    let mut buffer = cx.buffers.take();
    buffer.unread = 0..0;
    buffer.room()[..bytes.len()].copy_from_slice(bytes);
    buffer.filled(bytes.len());
    buffer
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
    let pipe = PassedPipe {
        head: active.head_bytes().to_vec(),
        id: *active.id.as_bytes(),
        cluster,
        backend,
        address: back.address,
        to_back: active.request.unsent().unwrap_or_default(),
        to_front: active.response.unsent().unwrap_or_default(),
        bytes_in: active.bytes_in,
        bytes_out: active.bytes_out,
        age: cx.now - times.started,
        agreed: cx.now - times.responded,
        front_idle: cx.now - times.front,
        back_idle: cx.now - times.back,
    };
    cx.unbind(active.cluster, back.backend);
    let buffer = cx.recycle(active);
    buffer.into_iter().for_each(|buffer| cx.buffers.give(buffer));
    let socket = cx.upstream.part(back.key)?;
    Some((pipe, socket.part(&cx.epoll).ok()?))
}
