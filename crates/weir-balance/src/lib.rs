//! Choosing a backend: the policies, what is known about each backend's health and load.
//!
//! Must not know: sockets, HTTP, clocks and randomness (both are arguments).
//!
//! A [`Group`] is one cluster as one worker sees it. The shell asks it for a backend
//! ([`Group::pick`], [`Group::pick_by_hash`], [`Group::pick_sticky`]) and tells it what happened:
//! connections ([`Group::connection_opened`], [`Group::connection_closed`]), requests
//! ([`Group::request_started`], [`Group::request_finished`]), how long responses took
//! ([`Group::handle_response_time`]), attempts to connect
//! ([`Group::handle_connect_begun`], [`Group::handle_connect_success`],
//! [`Group::handle_connect_failure`]).
//!
//! * [`LoadBalancing`], [`LoadMetric`]: the policies by name.
//! * [`State`]: what a backend's last connection attempts say about it; [`Checked`]: what checks
//!   say. The outcome of requests may have it ejected ([`Group::handle_outcome`]).
//! * [`Spec`]: a backend as the configuration describes it. It may take so many connections and no
//!   more: a [`Pick`] says whether there is [`Room`], and those who wait for it are in a [`Queue`].
//!
//! Beside it, for whoever has a use for them:
//!
//! * [`rate`]: a token bucket. A [`limiter`] has one for each of many keys; those who hold the same
//!   limit tell a [`ledger`] what they take of it, and divide the rate.
//! * [`retry`]: a budget for requests that are sent once more.
//! * [`breaker`]: a circuit breaker: whom nobody asks while too many of the answers are failures.
//! * [`commons`]: what several share, of which some is guaranteed.
//!
//! Invariants: at most [`Group::CAPACITY`] backends; a removed backend is never picked, and the
//! counts behind its key stay right until its last release; picking does not allocate once the
//! group has settled. There is no deadline to watch: a back-off ends by being looked at.

mod backend;
pub mod breaker;
mod check;
pub mod commons;
mod draw;
mod ejection;
mod group;
mod health;
mod index;
pub mod ledger;
pub mod limiter;
mod load;
mod maglev;
mod pick;
mod policy;
mod queue;
pub mod rate;
mod rendezvous;
pub mod retry;
mod tally;
mod tier;
mod tree;
mod window;

pub use backend::{BackendKey, Spec, View};
pub use check::Checked;
pub use ejection::EjectionRules;
pub use group::{Group, GroupFull, Rules, Transition};
pub use health::State;
pub use pick::{Pick, Room};
pub use policy::{LoadBalancing, LoadMetric};
pub use queue::{Queue, QueueFull, Share};
pub use tally::Tally;
