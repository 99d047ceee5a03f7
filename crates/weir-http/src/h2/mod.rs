//! HTTP/2 on the wire, RFC 9113: a connection as its streams see it.
//!
//! * [`frame`]: headers of frames. [`hpack`]: header blocks. [`Settings`](Ours): what both sides
//!   want.
//! * [`stream`]: the life of one stream. [`flow`]: windows. [`floods`]: what may happen so often
//!   and no more. [`Priority`]: which response comes first.
//! * [`head`]: heads as text. [`Numbered`]: what belongs to open streams.
//! * [`Tally`]: what happened how often.
//! * [`Connection`]: all of it together.
//!
//! Must not know: sockets, buffers of the pool, routes, clocks.

mod code;
mod connection;
pub mod floods;
pub mod flow;
pub mod frame;
pub mod head;
pub mod hpack;
mod numbered;
mod priority;
mod settings;
pub mod stream;
mod tally;

pub use code::Code;
pub use connection::{Carried, Connection, Event, Fault, Options, Role, Step};
pub use numbered::Numbered;
pub use priority::Priority;
pub use settings::{Ours, Theirs};
pub use tally::{NAMES as TALLIED, Tallies, Tally};
