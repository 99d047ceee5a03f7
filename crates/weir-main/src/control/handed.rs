//! The control socket and its clients as they pass from one image of main to the next.
//!
//! Clients notice nothing: what they sent and nobody has carried out is cut again, what they are to
//! be told is told.

use std::io;
use std::os::fd::{AsFd, AsRawFd, RawFd};

use serde::{Deserialize, Serialize};
use weir_proto::UpgradeMain;
use weir_proto::request::RequestType;
use weir_sys::{Epoll, inherited};

use super::audit::Audit;
use super::client::{Client, HandedClient};
use super::socket::Socket;
use super::{ControlPlan, ControlSocket};
use crate::token::Token;

/// The socket, by descriptors.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct HandedControl {
    socket: RawFd,
    inode: u64,
    /// By index; `None`: nobody is there.
    clients: Vec<Option<HandedClient>>,
    serial: u64,
}

impl HandedControl {
    /// The descriptors in it.
    pub(crate) fn descriptors(&self) -> impl Iterator<Item = RawFd> {
        let clients = self.clients.iter().flatten().map(|client| client.stream);
        clients.chain([self.socket])
    }
}

impl ControlSocket {
    /// What another image needs to go on with it.
    pub(crate) fn hand_over(&self) -> HandedControl {
        HandedControl {
            socket: self.socket.as_fd().as_raw_fd(),
            inode: self.socket.inode(),
            clients: self.clients.iter().map(|c| c.as_ref().map(Client::hand_over)).collect(),
            serial: self.serial,
        }
    }

    /// Goes on with what [`ControlSocket::hand_over`] has told.
    pub(crate) fn resume(
        plan: ControlPlan,
        handed: HandedControl,
        epoll: &Epoll,
    ) -> io::Result<Self> {
        let socket = Socket::resume(inherited(handed.socket)?, &plan.path, handed.inode);
        epoll.add_level(socket.as_fd(), Token::Control.into(), true, false)?;
        let mut clients = Vec::with_capacity(handed.clients.len());
        for (index, client) in (0_u16..).zip(handed.clients) {
            let client = client.map(|client| Client::resume(client, plan.max_frame_bytes));
            let client = client.transpose()?;
            if let Some(client) = &client {
                epoll.add_level(client.as_fd(), Token::Client(index).into(), true, false)?;
            }
            clients.push(client);
        }
        let mut audit = Audit::open(&plan).map_err(io::Error::other)?;
        // Of requests that are under way only the one that led to this image passes to it.
        for client in clients.iter().flatten().filter(|client| client.busy && !client.follows) {
            let upgrade = RequestType::UpgradeMain(UpgradeMain {});
            audit.asked(client.serial, client.caller, &upgrade);
        }
        Ok(Self { plan, socket, clients, serial: handed.serial, turn: 0, audit })
    }
}
