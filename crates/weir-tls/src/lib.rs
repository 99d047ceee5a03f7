//! TLS: drives rustls over the caller's buffers, keeps certificates and ticket keys.
//!
//! Must not know: HTTP, sockets, who may change what.

mod material;

pub use material::{Der, Fingerprint, NotAFingerprint, Secret};
