//! A connection that carries streams: how it becomes one, how it is read, how it ends.

use std::net::SocketAddr;
use std::rc::Rc;
use std::time::Duration;

use weir_base::{Instant, Key};
use weir_control::channel::{Kind, PassedStreams};
use weir_control::state::H2;
use weir_http::h2::floods::Limits;
use weir_http::h2::frame::PREFACE;
use weir_http::h2::head::HeadLimits;
use weir_http::h2::{Code, Connection, Options, Ours, Role};

use super::{Announced, Session, Stage, Step};
use crate::buffers::Buffer;
use crate::context::Context;
use crate::front::Front;
use crate::multiplex::{Begun, Multiplex, Received, Site, WINDOW};
use crate::session::TlsClient;
use crate::tables::ListenerSettings;

/// Bytes of the client's encoder table, which we keep.
const HEADER_TABLE: u32 = 4_096;

/// How long a client has to hear that the end is near, and to say so.
const PARTING: Duration = Duration::from_secs(1);

/// Whether a connection begins as one of HTTP/2 does; `None`: it may.
pub(super) fn begins_with_preface(bytes: &[u8]) -> Option<bool> {
    let n = bytes.len().min(PREFACE.len());
    let same = bytes[..n] == PREFACE[..n];
    if same && n < PREFACE.len() { None } else { Some(same) }
}

/// A stream, and what its session has from its connection.
pub(crate) struct Born {
    pub(crate) begun: Begun,
    pub(crate) client: SocketAddr,
    pub(crate) listener: Key,
    pub(crate) settings: Rc<ListenerSettings>,
    pub(crate) tls: Option<Rc<TlsClient>>,
    pub(crate) announced: Option<Rc<Announced>>,
}

impl Session {
    /// From now on it carries streams. `begun` was received already.
    pub(super) fn become_connection(&mut self, begun: Option<Buffer>, cx: &mut Context) -> Step {
        let key = self.key;
        let Front::Socket(socket) = std::mem::replace(&mut self.front, Front::Connection(key))
        else {
            return Step::Close;
        };
        let machine = Connection::new(
            options(&self.settings.config.h2, cx.settings.limits.buffer_bytes),
            cx.now,
        );
        match self.carry_with(Multiplex::new(socket, machine, begun, WINDOW, key), cx) {
            true => Step::Again,
            false => Step::Close,
        }
    }

    fn carry_with(&mut self, connection: Multiplex, cx: &mut Context) -> bool {
        let Some(key) = cx.multiplexes.insert(connection) else { return false };
        self.front = Front::Connection(key);
        self.stage = Stage::Multiplex { busy: false, until: Instant::FAR };
        cx.multiplexes.mark(key);
        true
    }

    /// Goes on with a connection of another worker. What it holds is of the session's reservation.
    ///
    /// # Errors
    /// Why it cannot.
    pub(super) fn resume_connection(
        &mut self,
        passed: PassedStreams,
        cx: &mut Context,
    ) -> Result<(), &'static str> {
        let options = options(&self.settings.config.h2, cx.settings.limits.buffer_bytes);
        let machine = Connection::resume(passed.carried, options, cx.now);
        let mut machine = machine.ok_or("its table of fields cannot be read")?;
        let received = &passed.received;
        if received.len() > cx.buffers.size() {
            return Err("it has more in flight than a buffer takes");
        }
        let begun = (!received.is_empty()).then(|| cx.buffers.filled(received));
        machine.control().extend(passed.unsent);
        let key = self.key;
        let Front::Socket(socket) = std::mem::replace(&mut self.front, Front::Connection(key))
        else {
            return Err("it has no connection of its own");
        };
        let connection = Multiplex::new(socket, machine, begun, WINDOW, key);
        let carries = self.carry_with(connection, cx);
        carries.then_some(()).ok_or("there is no place for it")
    }

    /// `Multiplex`: reads frames, sends what waits.
    pub(super) fn carry(&mut self, cx: &mut Context) -> Step {
        let Front::Connection(key) = self.front else { return Step::Close };
        let Stage::Multiplex { busy: was_busy, mut until } = self.stage else { return Step::Close };
        let draining = cx.draining();
        let Some(connection) = cx.multiplexes.get_mut(key) else { return Step::Close };
        if connection.socket.is_broken() {
            return Step::Close;
        }
        let passes = cx.passing && connection.can_part();
        if draining && !passes && !std::mem::replace(&mut connection.closing, true) {
            connection.machine.warn_of_end();
            until = cx.now + PARTING;
            self.stage = Stage::Multiplex { busy: was_busy, until };
        }
        let parting = connection.closing && !connection.machine.has_gone_away();
        let wants = connection.socket.is_readable() || connection.holds();
        if self.starved {
            return Step::Wait;
        }
        if wants && !self.reserve(cx) {
            let count = self.own_buffers();
            cx.starve(self, count);
            return Step::Wait;
        }
        let received = self.receive_frames(cx);
        cx.multiplexes.mark(key);
        let Some(connection) = cx.multiplexes.get_mut(key) else { return Step::Close };
        let busy = connection.is_busy();
        let gone = connection.closing && connection.machine.has_gone_away();
        let over = gone && !busy;
        if parting && gone {
            until = self.last_instant(cx.now);
        }
        if was_busy && !busy {
            self.active_at = cx.now;
        }
        self.stage = Stage::Multiplex { busy, until };
        match received {
            // It carries streams again: its end is announced.
            Received::Blocked if draining && busy && passes => Step::Yield,
            Received::Broken(fault) => {
                cx.observe.client_error(self.client, &fault);
                self.end_connection(cx)
            }
            Received::Closed => Step::Close,
            Received::Blocked | Received::More if over => self.end_connection(cx),
            Received::More => Step::Yield,
            Received::Blocked => {
                self.unreserve(cx);
                Step::Wait
            }
        }
    }

    fn receive_frames(&mut self, cx: &mut Context) -> Received {
        let Front::Connection(key) = self.front else { return Received::Closed };
        let mut text = std::mem::take(&mut cx.scratch);
        let mut site = cx.multiplexes.site(cx.now, &mut text, key);
        let Some(connection) = cx.multiplexes.get_mut(key) else { return Received::Closed };
        let before = connection.socket.is_readable();
        let received = connection.receive(&mut site, &mut cx.buffers);
        if before {
            self.active_at = cx.now;
        }
        let Site { woken, begun, .. } = site;
        cx.multiplexes.wake(woken);
        cx.multiplexes.mark(key);
        // They are taken from the end: the first one first.
        cx.born.extend(begun.into_iter().rev().map(|begun| self.born(begun)));
        cx.scratch = text;
        received
    }

    fn born(&self, begun: Begun) -> Born {
        Born {
            begun,
            client: self.client,
            listener: self.listener,
            settings: Rc::clone(&self.settings),
            tls: self.tls.clone(),
            announced: self.announced.clone(),
        }
    }

    /// Sends what waits and closes so that the client can read it.
    pub(super) fn end_connection(&mut self, cx: &mut Context) -> Step {
        let Front::Connection(key) = self.front else { return Step::Close };
        if let Some(connection) = cx.multiplexes.get_mut(key) {
            let _ = connection.flush(&mut cx.buffers);
        }
        let Some(connection) = cx.multiplexes.remove(key, &mut cx.buffers) else {
            return Step::Close;
        };
        self.counted = connection.counted;
        self.was = Kind::Streams;
        self.front = Front::Socket(connection.socket);
        self.start_linger(cx)
    }

    /// The connection was idle for too long, or nothing moves.
    pub(super) fn connection_timed_out(&mut self, cx: &mut Context) -> Step {
        let Front::Connection(key) = self.front else { return Step::Close };
        let Some(connection) = cx.multiplexes.get_mut(key) else { return Step::Close };
        let parting = connection.closing && !connection.machine.has_gone_away();
        connection.machine.go_away(Code::NoError);
        if !parting {
            return self.end_connection(cx);
        }
        let (busy, until) = (connection.is_busy(), self.last_instant(cx.now));
        self.stage = Stage::Multiplex { busy, until };
        Step::Wait
    }

    /// When streams have had their time on a connection whose end is announced now.
    fn last_instant(&self, now: Instant) -> Instant {
        match self.settings.config.h2.graceful_shutdown_deadline_seconds {
            0 => Instant::FAR,
            seconds => now + Duration::from_secs(seconds.into()),
        }
    }

    /// When a connection without streams has been idle for too long.
    pub(super) fn connection_deadline(&self, busy: bool) -> Instant {
        if busy { Instant::FAR } else { self.active_at + self.settings.config.front_timeout }
    }
}

fn options(bounds: &H2, text: usize) -> Options {
    Options {
        role: Role::Server,
        most_streams: bounds.max_concurrent_streams as usize,
        ours: Ours {
            header_table: HEADER_TABLE,
            max_streams: bounds.max_concurrent_streams,
            connect_protocol: true,
            window: WINDOW,
            connection_window: bounds.initial_connection_window,
            header_list: bounds.max_header_list_size,
        },
        encoder_table: bounds.max_header_table_size,
        head: HeadLimits {
            text,
            list: bounds.max_header_list_size as usize,
            fields: bounds.max_header_fields as usize,
        },
        floods: Limits {
            resets: bounds.max_rst_stream_per_window,
            resets_in_all: bounds.max_rst_stream_lifetime,
            abusive_resets: bounds.max_rst_stream_abusive_lifetime,
            provoked_resets: bounds.max_rst_stream_emitted_lifetime,
            pings: bounds.max_ping_per_window,
            settings: bounds.max_settings_per_window,
            empty_data: bounds.max_empty_data_per_window,
            window_updates: bounds.max_window_update_stream0_per_window,
            continuations: bounds.max_continuation_frames,
            glitches: bounds.max_glitch_count,
        },
    }
}
