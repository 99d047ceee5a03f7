//! Connections of TCP: bytes that are passed on as they are.
//!
//! A listener leads all its clients to one cluster, or tells them apart by the server name and the
//! protocols of their ClientHello, which stays in the kernel until it is passed on. What follows is
//! an exchange without heads: choosing a backend, retries, limits, pipes and records are those of
//! requests.

use std::borrow::Cow;
use std::rc::Rc;

use weir_http::message::RequestHead;
use weir_l4::hello::{self, Peek};
use weir_route::Request;

use super::direction::Stop;
use super::{Active, Session, Stage, Step, place};
use crate::context::Context;
use crate::socket::Read;
use crate::tables::{Listener, Route};

/// What a look at the first bytes of a connection came to.
enum Looked {
    /// There is nothing to tell it by yet.
    Wait,
    /// It is over.
    Gone,
    /// This is its route.
    Found(Rc<Route>),
    /// Nothing is served to it.
    Nothing(Option<hello::NotTls>),
}

/// The route of clients that ask for a server by name and, perhaps, offer a protocol.
pub(super) fn lookup(listener: &Listener, name: &[u8], protocol: &[u8]) -> Option<Rc<Route>> {
    let token = protocol_token(protocol);
    let request = Request { host: name, path: b"/", method: token.as_bytes() };
    listener.routes.lookup(&request).map(|found| Rc::clone(found.value()))
}

/// The name of a protocol of ALPN as a token, in which other bytes are in hexadecimal (as in
/// RFC 7838 §3): `http/1.1` is `http%2F1.1`.
pub(crate) fn protocol_token(name: &[u8]) -> Cow<'_, str> {
    let is_token = |b: &u8| b.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(b);
    match str::from_utf8(name) {
        Ok(text) if name.iter().all(is_token) => Cow::Borrowed(text),
        _ => Cow::Owned(name.iter().fold(String::new(), |mut token, byte| {
            match is_token(byte) {
                true => token.push(char::from(*byte)),
                false => token.push_str(&format!("%{byte:02X}")),
            }
            token
        })),
    }
}

/// The route of a ClientHello: the first protocol that has a route of its own decides.
fn lookup_hello(listener: &Listener, mut hello: hello::Hello<'_>) -> Option<Rc<Route>> {
    let name = hello.server_name.map_or(&b""[..], |name| name.as_str().as_bytes());
    let of_protocol =
        |protocol| lookup(listener, name, protocol).filter(|route| route.frontend.method.is_some());
    hello.protocols.find_map(of_protocol).or_else(|| lookup(listener, name, b""))
}

impl Session {
    /// There are no heads.
    pub(super) fn is_raw(&self) -> bool {
        matches!(&self.stage, Stage::Exchange(active) if active.raw)
    }

    /// `Hello`: finds the route of a connection.
    pub(super) fn look_at_hello(&mut self, cx: &mut Context) -> Step {
        if self.starved {
            return Step::Wait;
        }
        match self.look(cx) {
            Looked::Wait => Step::Wait,
            Looked::Gone => Step::Close,
            Looked::Found(route) => self.pipe(route, cx),
            Looked::Nothing(error) => {
                if let Some(error) = error {
                    cx.observe.client_error(self.client, &error);
                }
                cx.observe.no_route();
                Step::Close
            }
        }
    }

    fn look(&mut self, cx: &mut Context) -> Looked {
        let Some(socket) = self.front.socket() else { return Looked::Gone };
        if socket.is_broken() {
            return Looked::Gone;
        }
        let Some(listener) = cx.tables.listeners.get(self.listener) else { return Looked::Gone };
        let of_all = || lookup(listener, b"", b"");
        if listener.choosy == 0 {
            return of_all().map_or(Looked::Nothing(None), Looked::Found);
        }
        let most = self.settings.config.hello_bytes as usize;
        let seen = match socket.peek(&mut cx.peeked[..]) {
            Read::Data(n) => &cx.peeked[..n],
            Read::Blocked => return Looked::Wait,
            Read::Closed | Read::Failed(_) => return Looked::Gone,
        };
        let found = match hello::peek(seen, &mut cx.scratch, most) {
            Peek::NotEnough(_) if !socket.is_closing() => return Looked::Wait,
            Peek::Hello(hello) => lookup_hello(listener, hello).ok_or(None),
            Peek::NotTls(error) => of_all().ok_or(Some(error)),
            Peek::NotEnough(_) | Peek::TooLong => of_all().ok_or(None),
        };
        socket.found();
        found.map_or_else(Looked::Nothing, Looked::Found)
    }

    /// A client that says nothing may wait for the server to begin.
    pub(super) fn hello_timed_out(&mut self, cx: &mut Context) -> Step {
        let listener = cx.tables.listeners.get(self.listener);
        if let Some(route) = listener.and_then(|listener| lookup(listener, b"", b"")) {
            if let Some(socket) = self.front.socket() {
                socket.found();
            }
            return self.pipe(route, cx);
        }
        cx.observe.deadline_passed(self, "request_timeout");
        Step::Close
    }

    /// Passes a connection on to a backend.
    fn pipe(&mut self, route: Rc<Route>, cx: &mut Context) -> Step {
        cx.desk.set_route(route.hash);
        if cx.refuses_request(self.client.ip(), route.hash) {
            cx.observe.refused();
            return Step::Close;
        }
        if !self.reserve(cx) {
            let count = self.own_buffers();
            cx.starve(self, count);
            return Step::Wait;
        }
        self.requests += 1;
        let mut active = cx.new_active(RequestHead::UNREADABLE, None, self.since);
        active.times.received = cx.now;
        active.become_raw();
        active.cluster = route.cluster;
        active.route = Some(Rc::clone(&route));
        if let Some(word) = self.is_kept_out(&mut active, &route, cx) {
            active.message = word;
            active.failed = true;
            self.abandon(active, cx);
            return Step::Close;
        }
        self.engage(active, cx)
    }

    /// Why a connection is not passed on, in a word for its record; the order is that of requests.
    fn is_kept_out(
        &mut self,
        active: &mut Active,
        route: &Route,
        cx: &mut Context,
    ) -> Option<&'static str> {
        if !cx.tables.lists.admit(&route.frontend.access, self.client.ip()) {
            cx.observe.denied(self.client, &self.settings);
            return Some("address_denied");
        }
        if self.check_rates(active, route, cx).is_some() {
            return Some("rate_limited");
        }
        if self.check_address_limit(active, cx).is_some() {
            return Some("too_many_connections");
        }
        if let Some(full) = self.take_place(active, cx) {
            return Some(place::word(full));
        }
        cx.admit_request(active).map(|_| "cluster_open")
    }

    /// The backend is connected: bytes pass both ways, behind what the backend is told.
    pub(super) fn open_pipe(&mut self, cx: &mut Context) -> Result<(), Stop> {
        let Stage::Exchange(active) = &self.stage else { return Ok(()) };
        let cluster = active.cluster.and_then(|key| cx.tables.clusters.get(key));
        let mode = cluster.and_then(|cluster| cluster.settings.config.proxy);
        self.announce(mode, cx);
        let Stage::Exchange(active) = &mut self.stage else { return Ok(()) };
        cx.request_decided(active, true);
        let Some(mut sink) = active.back_in(&mut cx.upstream) else { return Ok(()) };
        active.head_sent = true;
        active.tunnel = true;
        active.exchange.handle_piped();
        active.times.sent = cx.now;
        active.times.responded = cx.now;
        active.times.back = cx.now;
        active.times.front = cx.now;
        if !cx.scratch.is_empty() {
            let sent = active.request.send_head(&cx.scratch, false, &mut sink, &mut cx.buffers)?;
            active.backend_bytes_out += sent;
        }
        Ok(())
    }
}
