//! HTTP/1.1 on the wire, RFC 9112: strict in, canonical out.
//!
//! Must not know: what a field means to a proxy beyond framing and the connection.
//!
//! * [`parse_request`], [`parse_response`]: a head in a buffer → a view of it, or the rule it breaks.
//! * [`Pump`]: one direction of a body: decoded from the buffer, framed anew, never copied.
//! * [`HeadEncoder`]: a head from fields.
//!
//! Invariants: what is accepted has one reading only; what is written is always canonical; every
//! parser is total over arbitrary bytes and linear in them.

mod chars;
mod chunk;
mod encode;
mod fields;
mod head;
mod pump;
mod request;
mod response;
mod target;
mod trailer;

#[cfg(test)]
mod tests;

pub use chunk::BodyError;
pub use encode::{Connection, HeadEncoder, reason_phrase};
pub use fields::FieldError;
pub use head::HeadLimits;
pub use pump::Pump;
pub use request::{RequestError, parse_request};
pub use response::{ResponseError, parse_response};
