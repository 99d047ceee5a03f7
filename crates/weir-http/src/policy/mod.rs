//! What an intermediary changes in a message, RFC 9110 §7.
//!
//! Must not know: how a version encodes fields ([`FieldSink`](crate::message::FieldSink)),
//! clusters, sockets.
//!
//! Fields that delimit the message or steer the connection are never emitted here: they belong to
//! the version of HTTP on that side.
//!
//! Invariants: nothing is allocated for a message; what a client sends can neither forge nor hide
//! what the proxy says about the connection.

mod auth;
mod cookie;
mod edits;
mod forward;
mod location;
mod outgoing;
mod request_id;
mod response;
mod rewrite;
mod text;

#[cfg(test)]
mod testing;

pub use auth::basic_auth;
pub use cookie::sticky_cookie;
pub use edits::{EditError, Edits, MOST_EDITS};
pub use forward::{ClientIdentity, ForwardOptions, RequestContext, request_fields};
pub use location::location;
pub use request_id::RequestId;
pub use response::{Hsts, ResponseContext, Sticky, interim_fields, response_fields};
pub use rewrite::{Captures, LONGEST_REWRITTEN, RenderError, RewriteError, RewriteTemplate};
