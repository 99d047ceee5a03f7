//! HTTP/1.1 on the wire, RFC 9112: strict in, canonical out.
//!
//! A message that two parsers could read in two ways is refused, never repaired; what is sent on
//! is written anew from what was understood, so a peer never sees the sender's spelling of a
//! message's framing.
//!
//! * [`parse_request`], [`parse_response`]: the head at the start of a buffer, as spans of it.
//! * [`BodyDecoder`]: the parts of a body. [`Pump`]: a body from one framing to another.
//! * [`HeadEncoder`]: a head, field by field, into bytes.
//!
//! Must not know: connections, routes, which fields a proxy adds.
//!
//! Limits: a head by [`HeadLimits`]; one chunk extension by [`EXTENSION_BYTES`]; a trailer section
//! by [`TRAILER_BYTES`]. Numbers above 2^63-1 are refused: some peers count in signed integers.

mod body;
mod chunk;
mod control;
mod encode;
mod error;
mod line;
mod list;
mod pieces;
mod pump;
mod reason;
mod request;
mod response;
mod target;
mod trailer;

pub use body::{BodyDecoder, Part};
pub use chunk::EXTENSION_BYTES;
pub use encode::{Connection, HeadEncoder};
pub use error::{BodyError, HeadError, RequestError, ResponseError};
pub use line::{HeadLimits, is_worth_parsing};
pub use pump::Pump;
pub use reason::reason_phrase;
pub use request::parse_request;
pub use response::parse_response;
pub use trailer::TRAILER_BYTES;
