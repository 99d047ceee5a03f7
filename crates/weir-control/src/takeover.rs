//! What a worker without main and the main that finds it say first, before the messages of
//! [`crate::channel`].
//!
//! ```text
//! worker                              main
//!   │ ── hello ───────────────────────▶ │
//!   │ ── a listening socket, each ────▶ │
//!   │ ◀─────────────────────── verdict ─┤
//!   │ ◀───── messages, if it is to serve
//! ```
//!
//! They may be of different versions: it is JSON, unknown fields are skipped, and what differs is
//! told by numbers. A main that cannot lead the worker takes its sockets and lets it finish.

use std::net::SocketAddr;

use serde::{Deserialize, Serialize};
use weir_base::Transport;

use crate::change::object_hash;
use crate::channel::{self, Settings};
use crate::packed::FORMAT;

/// What the names of workers' sockets begin with, in the directory where they are found.
pub const PREFIX: &str = "worker-";

/// What a worker has in use, and in which forms it can be told more.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hello {
    /// [`FORMAT`].
    pub packed: u32,
    /// [`channel::VERSION`].
    pub channel: u32,
    /// Its slot.
    pub slot: u16,
    /// [`settings_hash`] of what it was started with.
    pub settings: u64,
    /// The epoch in use; 0: nothing yet.
    pub epoch: u64,
    /// [`crate::change::state_hash`] of what is in use.
    pub hash: u64,
    /// How many frames with a [`Lent`] and a descriptor follow.
    pub sockets: usize,
}

impl Hello {
    /// Whether it understands what this version says.
    pub fn is_understood(&self) -> bool {
        self.packed == FORMAT && self.channel == channel::VERSION
    }
}

/// A listening socket that the worker was lent; the descriptor is attached.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lent {
    /// Of its listener.
    pub address: SocketAddr,
    /// What carries the bytes of its clients.
    #[serde(default)]
    pub transport: Transport,
    /// The worker accepts from it. It has others for listeners that it was not told of yet.
    #[serde(default)]
    pub in_use: bool,
}

/// What becomes of the worker.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Verdict {
    /// It goes on; this is its channel to main from now on.
    Serve,
    /// Others have its sockets: it accepts no more, finishes what it has, and ends.
    Finish {
        /// After that many seconds at the latest.
        seconds: u64,
    },
}

/// Equal for settings that make no difference.
pub fn settings_hash(settings: &Settings) -> u64 {
    object_hash("settings", settings)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_to_come_are_understood_as_far_as_they_say_the_same() {
        let text = r#"{"packed":1,"channel":2,"slot":3,"settings":4,"epoch":5,"hash":6,"sockets":7,
                       "mood":"good"}"#;
        let hello: Hello = serde_json::from_str(text).expect("read");
        assert_eq!((hello.slot, hello.epoch, hello.sockets), (3, 5, 7));
        assert!(!hello.is_understood());
        let text = serde_json::to_string(&Verdict::Finish { seconds: 8 }).expect("written");
        assert_eq!(text, r#"{"Finish":{"seconds":8}}"#);
        assert_eq!(serde_json::to_string(&Verdict::Serve).expect("written"), r#""Serve""#);
        let lent: Lent = serde_json::from_str(r#"{"address":"127.0.0.1:80"}"#).expect("read");
        assert_eq!(lent.address, SocketAddr::from(([127, 0, 0, 1], 80)));
    }
}
