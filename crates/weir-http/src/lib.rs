//! HTTP as pure machines: bytes in a caller's buffer in, decisions and byte ranges out.
//!
//! Must not know: sockets, TLS, clusters, clocks, randomness (both are arguments).
//!
//! * [`message`]: the neutral form in which every HTTP version meets.
//! * [`h1`]: HTTP/1.1 on the wire, RFC 9112: strict in, canonical out.
//! * [`h2`]: HTTP/2 on the wire, RFC 9113.
//! * [`policy`]: what an intermediary changes in a message (RFC 9110 §7): forwarding fields,
//!   hop-by-hop fields, cookies, edits, rewrites, authentication.
//! * [`answers`]: the responses the proxy gives by itself, and their templates.
//! * [`exchange`]: one request and its response: phases, retries, timeouts.
//!
//! Invariants: nothing that a peer sends reaches a panic; nothing here allocates in proportion to
//! what a peer sends; a body byte is never copied.

pub mod answers;
pub mod exchange;
pub mod h1;
pub mod h2;
pub mod message;
pub mod policy;
