//! A client connection: glue between readiness and the machines of `weir-http`.
//!
//! ```text
//!          bytes            head             both done, keep-alive
//! Idle ───────────▶ Head ─────────▶ Exchange ─────────────────────▶ Idle (or Head: pipelined)
//!                     │ refused        │ failed      │ otherwise
//!                     └──▶ Answering ◀─┘             └──▶ Lingering ──▶ closed
//! ```
//!
//! On a listener of TLS, `Handshake` comes before the first `Idle`. On one of TCP, `Hello` comes
//! instead of it, and leads to an `Exchange` without heads. `Announced` comes before any of them
//! where a PROXY protocol header does.
//!
//! Must not know: how state is stored, what other sessions do. Everything shared by a worker's
//! sessions is in [`Context`].
//!
//! Invariants: an idle session holds no buffer, unless it holds a part of a TLS record; a session
//! that takes buffers has a reservation of [`crate::buffers::Buffers`] for them; every stage has a
//! deadline.

mod active;
mod announced;
mod answer;
mod back;
mod connection;
mod deadline;
mod direction;
mod encode;
mod exchange;
mod finish;
mod forward;
mod handshake;
mod head;
mod limit;
mod linger;
mod passage;
mod place;
mod queued;
mod raw;
mod reserve;
mod response;
mod route;
mod view;
mod websocket;

use std::net::SocketAddr;
use std::rc::Rc;

use weir_base::{Instant, Key};
use weir_control::channel::Kind;
use weir_http::policy::RequestId;
use weir_sys::Event;

use crate::alarm::Alarm;
use crate::buffers::{Buffer, Reservation};
use crate::context::Context;
use crate::front::Front;
use crate::tables::ListenerSettings;

pub(crate) use active::{Active, Upstreamed};
pub(crate) use announced::Announced;
pub(crate) use connection::Born;
pub(crate) use handshake::TlsClient;
pub(crate) use limit::{Counted, MAX_COUNTED};
pub(crate) use raw::protocol_token;

/// Requests of one client served in one turn when they come pipelined.
const STEPS: usize = 32;

/// What a session is doing.
pub(crate) enum Stage {
    /// Waiting for a PROXY protocol header.
    Announced,
    /// Finding out which server the client of a listener of TCP wants.
    Hello,
    /// Agreeing on keys.
    Handshake,
    /// Waiting for the first byte of a request.
    Idle,
    /// Receiving a request head.
    Head(Buffer),
    /// Forwarding a request and its response.
    Exchange(Box<Active>),
    /// Writing the rest of an answer that the socket did not take at once.
    Answering(Buffer),
    /// Carrying streams, which have sessions of their own.
    Multiplex {
        /// Some are open.
        busy: bool,
        /// When those that are open are cut.
        until: Instant,
    },
    /// Our side is closed; what the client still sends is read and dropped, so that the kernel
    /// does not reset the connection before the client has read the answer.
    Lingering,
}

/// How a turn of a session ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    /// The stage changed: go on.
    Again,
    /// Nothing more can be done now.
    Wait,
    /// More can be done; others come first.
    Yield,
    /// Close the connection.
    Close,
}

/// A client connection.
pub(crate) struct Session {
    pub(crate) key: Key,
    pub(crate) front: Front,
    pub(crate) client: SocketAddr,
    /// The listener it came from, for its routes.
    pub(crate) listener: Key,
    pub(crate) settings: Rc<ListenerSettings>,
    pub(crate) stage: Stage,
    /// What it was before the stage that it is in.
    pub(crate) was: Kind,
    /// When the stage began; of `Idle` and `Head`, what their deadline counts from.
    pub(crate) since: Instant,
    /// When bytes last moved.
    pub(crate) active_at: Instant,
    /// Requests received so far.
    pub(crate) requests: u64,
    /// Rings at [`Session::deadline`] or earlier.
    pub(crate) alarm: Alarm,
    /// It is in the queue of sessions to be driven.
    pub(crate) queued: bool,
    /// It is in the queue of sessions that wait for a buffer.
    pub(crate) starved: bool,
    /// Identity in logs.
    pub(crate) id: RequestId,
    /// Clusters in whose per-address count this connection is; at most [`MAX_COUNTED`].
    pub(crate) counted: Vec<Counted>,
    /// What it may take out of the pool.
    pub(crate) reservation: Reservation,
    /// What the handshake agreed on.
    pub(crate) tls: Option<Rc<TlsClient>>,
    /// The PROXY protocol header that came before everything else.
    pub(crate) announced: Option<Rc<Announced>>,
}

/// Where a session comes from.
pub(crate) struct Origin {
    pub(crate) client: SocketAddr,
    pub(crate) listener: Key,
    pub(crate) settings: Rc<ListenerSettings>,
    /// What it is called in logs.
    pub(crate) id: RequestId,
}

impl Session {
    /// One that has done nothing yet.
    pub(crate) fn new(key: Key, front: Front, origin: Origin, stage: Stage, now: Instant) -> Self {
        let Origin { client, listener, settings, id } = origin;
        Self {
            key,
            front,
            client,
            listener,
            settings,
            stage,
            was: Kind::Idle,
            since: now,
            active_at: now,
            requests: 0,
            alarm: Alarm::silent(),
            queued: false,
            starved: false,
            id,
            counted: Vec::new(),
            reservation: Reservation::None,
            tls: None,
            announced: None,
        }
    }

    /// What it is to those who count.
    pub(crate) fn kind(&self) -> Kind {
        match &self.stage {
            Stage::Exchange(active) => active.kind(),
            Stage::Multiplex { .. } => Kind::Streams,
            _ => self.was,
        }
    }

    /// Takes note of an event of its connection; true when something became possible.
    pub(crate) fn handle_event(&mut self, event: Event, cx: &mut Context) -> bool {
        match &mut self.front {
            Front::Socket(socket) => socket.handle_event(event),
            Front::Connection(key) => {
                cx.multiplexes.get_mut(*key).is_some_and(|c| c.socket.handle_event(event))
            }
            Front::Stream(_) => false,
        }
    }

    /// Does what can be done now. `false`: the connection is over.
    #[must_use]
    pub(crate) fn drive(&mut self, cx: &mut Context) -> bool {
        cx.desk.begin(self);
        let alive = self.step(cx);
        cx.desk.end();
        alive
    }

    fn step(&mut self, cx: &mut Context) -> bool {
        for _ in 0..STEPS {
            let step = match &mut self.stage {
                Stage::Announced => self.read_announcement(cx),
                Stage::Hello => self.look_at_hello(cx),
                Stage::Handshake => self.shake_hands(cx),
                Stage::Multiplex { .. } => self.carry(cx),
                Stage::Idle => self.wait_for_request(cx),
                Stage::Head(_) => self.receive_head(cx),
                Stage::Exchange(_) => self.progress(cx),
                Stage::Answering(_) => self.flush_answer(cx),
                Stage::Lingering => self.linger(cx),
            };
            match step {
                Step::Again => {}
                Step::Wait => return true,
                Step::Close => return false,
                Step::Yield => break,
            }
        }
        cx.queue(self);
        true
    }

    /// Releases what the session holds; the socket closes with it.
    pub(crate) fn close(mut self, cx: &mut Context) {
        match std::mem::replace(&mut self.stage, Stage::Idle) {
            Stage::Idle => {
                if let Some(socket) = self.front.socket() {
                    socket.say_goodbye(&mut cx.buffers);
                }
            }
            Stage::Announced | Stage::Hello => {}
            Stage::Handshake | Stage::Lingering | Stage::Multiplex { .. } => {}
            Stage::Head(buffer) => self.drop_buffer(Some(buffer), cx),
            Stage::Exchange(active) => self.abandon(active, cx),
            Stage::Answering(rest) => cx.buffers.unspill(rest),
        }
        match &mut self.front {
            Front::Socket(socket) => socket.release(&mut cx.buffers),
            Front::Stream(stream) => cx.multiplexes.leave(stream.id, &mut cx.buffers),
            Front::Connection(key) => {
                let connection = cx.multiplexes.remove(*key, &mut cx.buffers);
                self.counted = connection.map(|ended| ended.counted).unwrap_or_default();
            }
        }
        self.forget(cx);
    }

    /// Releases what it has beside its stage and its front.
    pub(crate) fn forget(mut self, cx: &mut Context) -> Front {
        self.unreserve(cx);
        self.alarm.cancel(&mut cx.wheel);
        if self.starved {
            cx.leave_starved(self.key);
        }
        for counted in self.counted.drain(..) {
            counted.leave(cx);
        }
        self.front
    }
}
