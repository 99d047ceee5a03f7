//! A client of Weir's control socket: it asks, waits and says what came of it.
//!
//! ```no_run
//! use std::path::Path;
//!
//! use weir_client::proto::request::RequestType;
//! use weir_client::{Client, Options, Transaction};
//!
//! # fn main() -> Result<(), weir_client::Error> {
//! let mut client = Client::connect(Path::new("/run/weir.sock"), Options::default())?;
//! let answer = client.request(RequestType::RemoveCluster("old".into()))?;
//! println!("{}", answer.message);
//!
//! let result = Transaction::new()
//!     .client("deploy")
//!     .if_epoch(41)
//!     .change(RequestType::RemoveCluster("older".into()))
//!     .commit(&mut client)?;
//! println!("epoch {} is in use", result.epoch);
//! # Ok(())
//! # }
//! ```
//!
//! Calls block, for at most [`Options::timeout`] for each frame. Must not know: the configuration
//! file, the command line.

mod client;
mod connect;
mod error;
mod events;
mod pages;
mod timed;
mod transaction;

pub use weir_proto as proto;

pub use client::{Answer, Client, Options};
pub use error::Error;
pub use events::{Events, Following, Told};
pub use pages::Pages;
pub use transaction::Transaction;
