//! The commands: their arguments and what they do.
//!
//! A file each for those that do something here: [`check`], [`demo`], [`start`]… Those that ask a
//! running Weir are in [`verbs`], with a file for each group: it makes requests, and `show` prints
//! what comes of them.

pub(crate) mod check;
pub(crate) mod definitions;
pub(crate) mod demo;
pub(crate) mod exporter;
pub(crate) mod main;
pub(crate) mod schema;
pub(crate) mod start;
pub(crate) mod top;
pub(crate) mod verbs;
pub(crate) mod worker;

mod access;
mod backend;
mod certificate;
mod cluster;
mod connection_limit;
mod explain;
mod files;
mod frontend;
mod frontend_stream;
mod health_check;
mod hsts;
mod list;
mod listener;
mod listener_add;
mod listener_tls;
mod listener_update;
mod metrics;
mod pairs;
mod process;
mod rates;
mod session;
mod state;
mod tap;
mod transactions;
mod workers;
