//! TLS: drives rustls over the caller's buffers, keeps certificates and ticket keys.
//!
//! ```text
//!  bytes received ─▶ Connection::receive ─▶ plain bytes, bytes to be sent
//!  plain bytes    ─▶ Connection::seal    ─▶ bytes to be sent
//! ```
//!
//! Handshakes are rustls' work, records are framed here ([`Carried`] says why).
//!
//! Must not know: HTTP, sockets, who may change what. Invariants: a [`Connection`] keeps no byte
//! that was received but what rustls has decrypted and nobody had room for, at most one record;
//! certificates and ticket keys may change at any time, a handshake uses those it began with.

pub mod certificate;
mod client;
mod connection;
mod material;
mod names;
mod records;
mod server;
mod store;
mod tickets;

pub use client::{ClientConfig, ClientOptions, client_config, system_authorities};
pub use connection::{Connection, Facts, Reason, Received, TlsError};
pub use material::{Der, Fingerprint, NotAFingerprint, Secret};
pub use names::{known_cipher_suites, known_groups};
pub use records::{Carried, MAX_RECORD};
pub use server::{ClientCheck, ServerConfig, ServerOptions, server_config};
pub use store::{Entry, Offer, Store};
pub use tickets::{TicketKey, Tickets};
