//! Workers that another main has left: found, asked, and either led on or replaced.
//!
//! ```text
//! found ──▶ asked (who are you, what do you serve, your sockets) ──▶ sorted into slots
//!                                         │ same state: goes on         ▲
//!                                         │ older state: is told the rest
//!                                         └ anything else: finishes when another serves
//! ```
//!
//! Must not know: how a worker came to be alone.
//!
//! Invariants: until [`Orphan::keep`] or [`Orphan::dismiss`] a worker goes on as if nobody had
//! come, so a start that fails costs nothing; no number of a process is trusted: who answers at a
//! socket is asked for by the kernel, and was alive after its descriptor was had.

mod adopt;
mod ask;

use std::collections::BTreeSet;

use serde::Serialize;
use weir_base::Endpoint;
use weir_control::takeover::{Hello, Verdict};
use weir_sys::{BoundSocket, Channel, Child};

pub(crate) use adopt::Adoption;
pub(crate) use ask::ask;

/// A worker that was left.
pub(crate) struct Orphan {
    pub(crate) hello: Hello,
    child: Child,
    channel: Channel,
    /// What it accepts from, or was to.
    sockets: Vec<Found>,
}

/// A listening socket that a worker has.
struct Found {
    at: Endpoint,
    /// The worker accepts from it.
    in_use: bool,
    socket: BoundSocket,
    identity: u64,
}

impl Orphan {
    pub(crate) fn pid(&self) -> i32 {
        self.child.pid()
    }

    /// Leads it from now on: what it is told next is as usual. The sockets that it accepts from.
    fn keep(mut self) -> std::io::Result<(Child, Channel, BTreeSet<u64>)> {
        let used = self.sockets.iter().filter(|found| found.in_use);
        let used = used.map(|found| found.identity).collect();
        self.say(&Verdict::Serve)?;
        Ok((self.child, self.channel, used))
    }

    /// Lets it finish.
    fn dismiss(mut self, seconds: u64) {
        // One that cannot be told is gone, or found by the next main.
        let _ = self.say(&Verdict::Finish { seconds });
    }

    fn say(&mut self, message: &impl Serialize) -> std::io::Result<()> {
        self.channel.send(&serde_json::to_vec(message)?, None)
    }
}
