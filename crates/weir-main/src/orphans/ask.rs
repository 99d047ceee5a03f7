//! Asking who is there.

use std::collections::BTreeMap;
use std::io;
use std::os::fd::AsFd;
use std::os::unix::net::UnixStream;
use std::time::Duration;

use log::warn;
use serde::de::DeserializeOwned;
use weir_base::Endpoint;
use weir_control::takeover::{Hello, Lent};
use weir_sys::{BoundSocket, Channel, Child, Credentials, Epoll};

use super::{Found, Orphan};
use crate::home::Home;

/// Descriptors that may be had for a moment: every worker gives its sockets.
const DESCRIPTORS: u64 = 1 << 16;

/// Somebody that listens at the socket of a worker.
struct Asked {
    child: Child,
    channel: Channel,
    hello: Option<Hello>,
    sockets: Vec<Found>,
}

/// Finds the workers that were left and hears them all out. One that says nothing for `patience`
/// is stuck, and killed.
pub(crate) fn ask(home: &Home, patience: Duration) -> io::Result<Vec<Orphan>> {
    let mut epoll = Epoll::new(64)?;
    let mut silent = BTreeMap::new();
    for (number, stream) in (0..).zip(home.knock()?) {
        match Asked::new(stream) {
            Ok(asked) => {
                epoll.add_level(asked.channel.as_fd(), number, true, false)?;
                silent.insert(number, asked);
            }
            Err(error) => warn!("a worker without main cannot be asked: {error}"),
        }
    }
    let (_, most) = weir_sys::nofile();
    weir_sys::raise_nofile(most.min(DESCRIPTORS))?;
    let until = weir_sys::now() + patience;
    let mut heard = Vec::new();
    while !silent.is_empty() && weir_sys::now() < until {
        let count = epoll.wait(Some(until.since(weir_sys::now())))?;
        for index in 0..count {
            let number = epoll.event(index).token;
            let Some(asked) = silent.get_mut(&number) else { continue };
            match asked.listen() {
                Ok(false) => {}
                Ok(true) => {
                    heard.extend(silent.remove(&number).and_then(|asked| asked.orphan(&epoll)))
                }
                // It has a main, finishes, or has ended.
                Err(_) => _ = silent.remove(&number),
            }
        }
    }
    silent.into_values().for_each(Asked::kill);
    heard.sort_by_key(|orphan: &Orphan| (orphan.hello.slot, orphan.pid()));
    Ok(heard)
}

impl Asked {
    fn new(stream: UnixStream) -> io::Result<Self> {
        stream.set_nonblocking(true)?;
        let Credentials { user, pid, .. } = weir_sys::peer_credentials(&stream)?;
        if user != weir_sys::user() {
            return Err(io::Error::other(format!("process {pid} is of another user, {user}")));
        }
        // That it was alive after this, its answer will show.
        let child = Child::adopt(pid)?;
        let channel = Channel::from_fd(stream.into());
        Ok(Self { child, channel, hello: None, sockets: Vec::new() })
    }

    /// Hears what it says; true when that is all.
    fn listen(&mut self) -> io::Result<bool> {
        while let Some(frame) = self.channel.recv()? {
            if self.hello.is_none() {
                self.hello = Some(read(&frame)?);
            } else {
                let Lent { address, transport, in_use } = read(&frame)?;
                let fd = self.channel.take_fd().ok_or(io::ErrorKind::InvalidData)?;
                let socket = BoundSocket::from_fd(fd);
                let at = Endpoint { transport, address };
                let identity = socket.identity()?;
                self.sockets.push(Found { at, in_use, socket, identity });
            }
            if self.hello.as_ref().is_some_and(|hello| hello.sockets == self.sockets.len()) {
                return Ok(true);
            }
        }
        Ok(false)
    }

    fn orphan(self, epoll: &Epoll) -> Option<Orphan> {
        let _ = epoll.remove(self.channel.as_fd());
        let Self { child, channel, hello, sockets } = self;
        Some(Orphan { hello: hello?, child, channel, sockets })
    }

    /// It would keep its sockets, and nobody accept from them.
    fn kill(self) {
        warn!(
            "the worker with pid {} has no main and says nothing: it is killed",
            self.child.pid()
        );
        self.child.kill();
        let until = weir_sys::now() + Duration::from_secs(1);
        while weir_sys::now() < until && matches!(self.child.try_wait(), Ok(None)) {
            let wait = || {
                let mut epoll = Epoll::new(1)?;
                epoll.add_level(self.child.as_fd(), 0, true, false)?;
                epoll.wait(Some(until.since(weir_sys::now())))
            };
            if wait().is_err() {
                return;
            }
        }
    }
}

fn read<T: DeserializeOwned>(frame: &[u8]) -> io::Result<T> {
    Ok(serde_json::from_slice(frame)?)
}
