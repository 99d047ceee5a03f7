//! What an intermediary changes in a message, RFC 9110 §7.
//!
//! Must not know: how a version encodes fields ([`FieldSink`](crate::message::FieldSink)),
//! clusters, sockets.
//!
//! Invariants: nothing is allocated for an ordinary message; what a client sends can neither forge
//! nor remove what the proxy says about the connection.

mod auth;
mod cookie;
mod edits;
mod forward;
mod location;
mod request_id;
mod response;
mod rewrite;
mod text;

#[cfg(test)]
mod tests;

pub use auth::basic_auth;
pub use cookie::sticky_cookie;
pub use edits::Edits;
pub use forward::{ForwardOptions, RequestContext, request_fields};
pub use location::location;
pub use request_id::RequestId;
pub use response::{ResponseContext, Sticky, response_fields};
pub use rewrite::{RewriteError, RewriteTemplate};
