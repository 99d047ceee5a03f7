//! The control socket: who is connected, what was asked, what is still to be told.
//!
//! Must not know: what requests mean.
//!
//! Invariants: nothing here waits for a client; a client has at most one request under way, so
//! answers come in the order of the requests; what a client makes us keep is bounded, and a client
//! that breaks a rule or does not read loses its own connection only.

mod audit;
mod client;
mod handed;
mod socket;

use std::os::fd::AsFd;
use std::path::PathBuf;

use log::{debug, warn};
use serde::{Deserialize, Serialize};
use weir_proto::request::RequestType;
use weir_proto::{Event, EventKind, Response};
use weir_sys::{Credentials, Epoll};

use audit::Audit;
pub use audit::AuditPlan;
use client::Client;
pub(crate) use handed::HandedControl;
use socket::Socket;

use crate::Error;
use crate::token::Token;

/// Clients at a time; more are closed at once.
const MOST_CLIENTS: usize = 1024;

/// What the configuration says of the socket.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ControlPlan {
    /// Where it is.
    pub path: PathBuf,
    /// Bytes of the longest frame.
    pub max_frame_bytes: usize,
    /// Users that may ask; empty: all that can open the socket.
    pub allowed_uids: Vec<u32>,
    /// Where requests are audited.
    #[serde(default, skip_serializing_if = "AuditPlan::is_empty")]
    pub audit: AuditPlan,
}

/// Who asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Asker {
    index: usize,
    /// Tells clients apart that had the same index one after the other.
    serial: u64,
    pub(crate) uid: u32,
    pub(crate) pid: i32,
}

#[cfg(test)]
impl Asker {
    /// Somebody.
    pub(crate) fn numbered(serial: u64) -> Self {
        Self { index: 0, serial, uid: 0, pid: 1 }
    }
}

/// The socket and its clients.
pub(crate) struct ControlSocket {
    plan: ControlPlan,
    socket: Socket,
    clients: Vec<Option<Client>>,
    serial: u64,
    /// The client whose turn is next.
    turn: usize,
    pub(crate) audit: Audit,
}

impl ControlSocket {
    /// Opens the socket, readable and writable by its owner only.
    pub(crate) fn open(plan: ControlPlan, epoll: &Epoll) -> Result<Self, Error> {
        let refused = |source| Error::Control { path: plan.path.clone(), source };
        let socket = Socket::open(&plan.path).map_err(refused)?;
        epoll.add_level(socket.as_fd(), Token::Control.into(), true, false).map_err(refused)?;
        let audit = Audit::open(&plan)?;
        Ok(Self { plan, socket, clients: Vec::new(), serial: 0, turn: 0, audit })
    }

    /// Takes the clients that wait.
    pub(crate) fn accept(&mut self, epoll: &Epoll) {
        while let Some(stream) = self.socket.accept() {
            let free = self.clients.iter().position(Option::is_none);
            let index = free.unwrap_or(self.clients.len());
            if index >= MOST_CLIENTS {
                warn!("a control client is turned away: there are {MOST_CLIENTS} already");
                continue;
            }
            self.serial += 1;
            let token = Token::Client(index as u16).into();
            let client = Client::new(stream, self.serial, self.plan.max_frame_bytes);
            match client.and_then(|client| {
                epoll.add_level(client.as_fd(), token, true, false)?;
                Ok(client)
            }) {
                Ok(client) if index == self.clients.len() => self.clients.push(Some(client)),
                Ok(client) => self.clients[index] = Some(client),
                Err(error) => warn!("a control client cannot be served: {error}"),
            }
        }
    }

    /// Reads what a client sent; `over`: it is gone.
    pub(crate) fn read(&mut self, index: u16, over: bool) {
        if let Some(client) = self.client_at(index.into()) {
            client.read();
            client.gone |= over;
        }
    }

    /// The client that asked is still there.
    pub(crate) fn is_there(&self, asker: &Asker) -> bool {
        let client = self.clients.get(asker.index).and_then(Option::as_ref);
        client.is_some_and(|client| client.serial == asker.serial)
    }

    /// The client that asked reads what it is told.
    pub(crate) fn has_room(&self, asker: &Asker) -> bool {
        let client = self.clients.get(asker.index).and_then(Option::as_ref);
        client.is_some_and(|client| client.serial == asker.serial && client.has_room())
    }

    /// From now on the client is told of something, without an end.
    pub(crate) fn follow(&mut self, asker: &Asker, what: &str) {
        let client = self.client_at(asker.index);
        if let Some(client) = client.filter(|client| client.serial == asker.serial) {
            client.follows = true;
            // No last answer will come.
            self.audit.answered(asker, &Response::ok(what, None));
        }
    }

    /// The next request that may be carried out now; clients take turns.
    pub(crate) fn next_request(
        &mut self,
        may_run: impl Fn(&RequestType) -> bool,
    ) -> Option<(Asker, RequestType)> {
        let count = self.clients.len();
        for index in (0..count).map(|step| (self.turn + step) % count) {
            let Some(client) = &mut self.clients[index] else { continue };
            let Some(request) = client.next(&may_run) else { continue };
            self.turn = index + 1;
            let Credentials { user: uid, pid, .. } = client.caller.credentials;
            let asker = Asker { index, serial: client.serial, uid, pid };
            self.audit.asked(client.serial, client.caller, &request);
            if !self.plan.allowed_uids.is_empty() && !self.plan.allowed_uids.contains(&uid) {
                let who = format!("unauthorized: uid {uid} is not in command_allowed_uids");
                self.answer(&asker, &Response::failure(who));
                return self.next_request(may_run);
            }
            return Some((asker, request));
        }
        None
    }

    /// Tells whoever asked, if it is still there. The last answer ends the request.
    pub(crate) fn answer(&mut self, asker: &Asker, response: &Response) {
        let client = self.client_at(asker.index);
        if let Some(client) = client.filter(|client| client.serial == asker.serial) {
            client.answer(response);
        }
        if response.is_last() {
            self.audit.answered(asker, response);
        }
    }

    /// From now on the client is told of events.
    pub(crate) fn subscribe(&mut self, asker: &Asker) {
        self.follow(asker, "it is told of events");
        let client = self.client_at(asker.index);
        if let Some(client) = client.filter(|client| client.serial == asker.serial) {
            client.subscribed = true;
        }
    }

    /// Tells all that want to know.
    pub(crate) fn tell(&mut self, origin: &str, event: Event) {
        let subscribers = self.clients.iter_mut().flatten().filter(|client| client.subscribed);
        let content = weir_proto::response_content::ContentType::Event(event);
        let response = Response::processing(origin, content);
        for client in subscribers {
            client.answer(&response);
        }
    }

    /// Tells of something that happened in main.
    pub(crate) fn tell_of(&mut self, kind: EventKind) {
        self.tell("main", Event { kind: kind.into(), ..Event::default() });
    }

    /// Writes what the kernel takes, and lets go of clients that are through.
    pub(crate) fn flush(&mut self, epoll: &Epoll) {
        for (index, place) in self.clients.iter_mut().enumerate() {
            let Some(client) = place else { continue };
            let token = Token::Client(index as u16).into();
            if let Err(error) = client.flush(epoll, token) {
                let pid = client.caller.credentials.pid;
                debug!("the control client of pid {pid} is let go: {error}");
                *place = None;
            }
        }
    }

    fn client_at(&mut self, index: usize) -> Option<&mut Client> {
        self.clients.get_mut(index)?.as_mut()
    }
}
