//! What the proxy should be: the configuration file, the desired state, and the orders that turn
//! one state into another.
//!
//! Must not know: processes, sockets, sessions.
//!
//! * [`config`]: the file: `raw` as written, with spans → `checked`, every mistake reported.
//! * [`state`]: the desired state as plain data.
//! * [`order`]: numbered changes to it; a worker is the fold of its orders.
//! * [`channel`]: the messages between main and a worker.

pub mod channel;
pub mod config;
pub mod order;
pub mod state;
