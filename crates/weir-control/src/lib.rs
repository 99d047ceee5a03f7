//! What the proxy should be: the configuration file, the desired state, and the orders that turn
//! one state into another.
//!
//! Must not know: processes, sockets, sessions.
//!
//! * [`config`]: the file: `raw` as written, with spans → `checked`, every mistake reported.
//! * [`state`]: the desired state as plain data.
//! * [`declared`]: its lists, in the order of declaration.
//! * [`change`]: changes to it that can be undone, compared and planned.
//! * [`requests`]: the control protocol's requests as changes, and back.
//! * [`order`]: numbered changes to it; a worker is the fold of its orders.
//! * [`channel`]: the messages between main and a worker.
//! * [`guarantees`]: whether workers can keep what clusters are promised.
//! * [`metrics`]: what is measured, as it travels and as it is shown.
//! * [`packed`]: values as bytes.
//! * [`sessions`]: live sessions, as they are asked for and told of.
//! * [`tap`]: requests that somebody looks at as they end.

pub mod change;
pub mod channel;
mod check;
pub mod clients;
pub mod config;
pub mod declared;
#[cfg(test)]
mod fixtures;
pub mod guarantees;
pub mod last_words;
pub mod metrics;
pub mod order;
pub mod packed;
pub mod requests;
pub mod sessions;
pub mod state;
pub mod takeover;
pub mod tap;
