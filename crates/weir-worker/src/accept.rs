//! Taking connections: the gate, the accept queue, eviction.
//!
//! While the gate is open, what waits in the kernel is taken into sessions. At a limit it closes:
//! listeners are not watched, connections wait in the kernel and a few in our own queue, and it
//! opens again by itself when there is room. Without descriptors, what is in our queue already is
//! served, and the listeners are tried again from time to time.
//!
//! Invariants: nothing that was accepted is dropped before `accept_queue_timeout`; the queue holds
//! at most `Limits::accept_queue`; the youngest is served first, because the oldest have the least
//! patience left.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::os::fd::AsFd;
use std::time::Duration;

use weir_base::{Instant, Key};
use weir_control::channel::Passed;
use weir_sys::{Epoll, TcpListener, TcpStream};

use crate::context::Context;
use crate::observe::Shut;
use crate::token::Token;

/// Connections taken from one listener in one turn.
const BUDGET: usize = 64;

/// How long to wait when the process or the machine has no descriptor left.
const DESCRIPTOR_PAUSE: Duration = Duration::from_millis(100);

/// A connection that waits for a session.
pub(crate) struct Waiting {
    pub(crate) stream: TcpStream,
    pub(crate) client: SocketAddr,
    pub(crate) listener: Key,
    pub(crate) since: Instant,
    /// What another worker has told of it.
    pub(crate) past: Option<Box<Passed>>,
}

/// The state of accepting.
pub(crate) struct Gate {
    /// Why it is closed.
    shut: Option<Shut>,
    /// When to try again without descriptors.
    retry_at: Instant,
    /// Listeners with connections, in this turn.
    readable: Vec<Key>,
    queue: VecDeque<Waiting>,
    capacity: usize,
}

impl Gate {
    pub(crate) fn new(capacity: usize) -> Self {
        let queue = VecDeque::with_capacity(capacity);
        Self { shut: None, retry_at: Instant::FAR, readable: Vec::new(), queue, capacity }
    }

    /// A listener has connections.
    pub(crate) fn mark(&mut self, listener: Key) {
        self.readable.push(listener);
    }

    /// Takes connections from the listeners that have some.
    pub(crate) fn fill(&mut self, cx: &mut Context) {
        if cx.draining() {
            return self.empty_listeners(cx);
        }
        if self.shut == Some(Shut::Descriptors) && self.retry_at <= cx.now {
            self.retry(cx);
        }
        while let Some(listener) = self.readable.pop() {
            if self.shut.is_some() || self.take_all(listener, cx).is_err() {
                self.readable.clear();
            }
        }
    }

    /// The next connection to be served; the youngest.
    pub(crate) fn next(&mut self) -> Option<Waiting> {
        self.queue.pop_back()
    }

    /// It could not be served now.
    pub(crate) fn put_back(&mut self, waiting: Waiting) {
        self.queue.push_back(waiting);
    }

    /// One more, from another worker; false when there is no room.
    #[must_use]
    pub(crate) fn add(&mut self, waiting: Waiting) -> bool {
        let room = self.queue.len() < self.capacity;
        if room {
            self.queue.push_back(waiting);
        }
        room
    }

    /// There is no room for one more.
    pub(crate) fn is_full(&self) -> bool {
        self.queue.len() == self.capacity
    }

    pub(crate) fn len(&self) -> usize {
        self.queue.len()
    }

    /// Whether connections of the queue may become sessions.
    pub(crate) fn serves(&self, cx: &Context) -> bool {
        self.shut != Some(Shut::Sessions) || cx.draining()
    }

    /// Closes the gate.
    pub(crate) fn shut(&mut self, cause: Shut, cx: &mut Context) {
        if self.shut.is_some() {
            return;
        }
        self.shut = Some(cause);
        self.retry_at = cx.now + DESCRIPTOR_PAUSE;
        watch(cx, false);
        cx.observe.gate_shut(cause);
    }

    /// Opens the gate that was closed for the number of sessions, below 90 % of `limit`.
    pub(crate) fn reopen(&mut self, sessions: usize, limit: usize, cx: &mut Context) {
        if self.shut == Some(Shut::Sessions) && sessions * 10 < limit * 9 {
            self.open(cx);
        }
    }

    fn open(&mut self, cx: &mut Context) {
        self.shut = None;
        watch(cx, true);
        cx.observe.gate_opened();
    }

    /// Looks whether there are descriptors again: accepting needs one even if nobody waits.
    fn retry(&mut self, cx: &mut Context) {
        self.retry_at = cx.now + DESCRIPTOR_PAUSE;
        let keys: Vec<Key> = cx.tables.listeners.iter().map(|(key, _)| key).collect();
        if keys.into_iter().all(|key| self.take_all(key, cx).is_ok()) {
            self.open(cx);
        }
    }

    pub(crate) fn is_open(&self) -> bool {
        self.shut.is_none()
    }

    /// Drops what has waited too long; the oldest is in front.
    pub(crate) fn expire(&mut self, cx: &mut Context) {
        let patience = cx.settings.accept_queue_timeout;
        while self.queue.front().is_some_and(|waiting| waiting.since + patience <= cx.now) {
            self.queue.pop_front();
            cx.observe.accept_queue_timeout();
        }
    }

    /// When it has something to do though nothing happens.
    pub(crate) fn deadline(&self, cx: &Context) -> Instant {
        let patience = cx.settings.accept_queue_timeout;
        let oldest = self.queue.front().map_or(Instant::FAR, |oldest| oldest.since + patience);
        match self.shut {
            Some(Shut::Descriptors) if !cx.draining() => oldest.min(self.retry_at),
            _ => oldest,
        }
    }

    fn take_all(&mut self, listener: Key, cx: &mut Context) -> Result<(), ()> {
        for index in 0..sockets_of(listener, cx) {
            self.take_from(listener, index, cx)?;
        }
        Ok(())
    }

    /// Takes connections from one socket of a listener; true when none is left there.
    fn take_from(&mut self, listener: Key, index: usize, cx: &mut Context) -> Result<bool, ()> {
        for _ in 0..BUDGET {
            if self.queue.len() == self.capacity {
                return Ok(false);
            }
            let sockets = cx.tables.listeners.get(listener).map(|listener| &listener.sockets);
            let Some(socket) = sockets.and_then(|sockets| sockets.get(index)) else {
                return Ok(true);
            };
            match socket.accept() {
                Ok(Some((stream, client))) => {
                    let since = cx.now;
                    self.queue.push_back(Waiting { stream, client, listener, since, past: None });
                }
                Ok(None) => return Ok(true),
                Err(error) => {
                    if self.is_open() && !weir_sys::is_exhaustion(&error) {
                        cx.observe.internal("accepting a connection", &error);
                    }
                    self.shut(Shut::Descriptors, cx);
                    return Err(());
                }
            }
        }
        Ok(false)
    }

    /// While draining: takes everything that waits in the kernel, then closes the listeners.
    fn empty_listeners(&mut self, cx: &mut Context) {
        self.readable.clear();
        let keys: Vec<Key> = cx.tables.listeners.iter().map(|(key, _)| key).collect();
        for key in keys {
            self.empty(key, cx);
        }
    }

    /// Takes what waits in the kernel for a listener; a socket that is empty then is closed.
    fn empty(&mut self, listener: Key, cx: &mut Context) {
        for index in (0..sockets_of(listener, cx)).rev() {
            let emptied = self.take_from(listener, index, cx) == Ok(true);
            if let Some(listener) = cx.tables.listeners.get_mut(listener).filter(|_| emptied) {
                forget(&cx.epoll, &listener.sockets.swap_remove(index));
            }
        }
    }

    /// Others accept from the same sockets: what waits in them is theirs.
    pub(crate) fn leave_listeners(&mut self, cx: &mut Context) {
        self.readable.clear();
        let keys: Vec<Key> = cx.tables.listeners.iter().map(|(key, _)| key).collect();
        for key in keys {
            let Some(listener) = cx.tables.listeners.get_mut(key) else { continue };
            listener.sockets.drain(..).for_each(|socket| forget(&cx.epoll, &socket));
        }
    }

    /// A listener accepts no more: what waits for it is served as far as there is room, and its
    /// sockets are put to rest at once, before another comes. Main keeps them.
    pub(crate) fn close(&mut self, listener: Key, cx: &mut Context) {
        for index in 0..sockets_of(listener, cx) {
            while !self.is_full() && self.take_from(listener, index, cx) == Ok(false) {}
            let sockets = cx.tables.listeners.get(listener).map(|listener| &listener.sockets);
            let Some(socket) = sockets.and_then(|sockets| sockets.get(index)) else { continue };
            if let Err(error) = socket.rest() {
                cx.observe.internal("putting a listener to rest", &error);
            }
        }
        if let Some(listener) = cx.tables.listeners.get_mut(listener) {
            listener.sockets.drain(..).for_each(|socket| forget(&cx.epoll, &socket));
        }
    }
}

/// A socket that stays open elsewhere: the kernel would go on telling us of it.
fn forget(epoll: &Epoll, socket: &TcpListener) {
    let _ = epoll.remove(socket.as_fd());
}

fn sockets_of(listener: Key, cx: &Context) -> usize {
    cx.tables.listeners.get(listener).map_or(0, |listener| listener.sockets.len())
}

/// Starts or stops watching the listeners.
fn watch(cx: &mut Context, on: bool) {
    for (key, listener) in cx.tables.listeners.iter() {
        for socket in &listener.sockets {
            let token = Token::Listener(key).to_bits();
            let result = cx.epoll.modify_level(socket.as_fd(), token, on, false);
            if let Err(error) = result {
                cx.observe.internal("changing the interest in a listener", &error);
            }
        }
    }
}
