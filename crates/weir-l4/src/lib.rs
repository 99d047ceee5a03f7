//! Layer 4 as pure machines: what a proxy must know to pass bytes and datagrams on unread.
//!
//! Must not know: HTTP, sockets, clusters, clocks, randomness (time and seeds are arguments).
//!
//! * [`proxy`]: the PROXY protocol, versions 1 and 2: whom a connection is on behalf of.
//! * [`hello`]: a look at a TLS ClientHello: which server the client wants.
//! * [`flows`]: which datagrams belong together, and until when.
//!
//! Invariants: nothing that a peer sends reaches a panic; what is read ahead has a cap; nothing
//! here allocates in proportion to what a peer sends, except into a buffer of the caller.

pub mod flows;
pub mod hello;
pub mod proxy;
mod span;

pub use span::Span;
