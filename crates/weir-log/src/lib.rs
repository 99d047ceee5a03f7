//! Where log lines and access-log records leave a process.
//!
//! Lines are formatted by `weir-telemetry`, wait in a bounded ring and are written once per turn of
//! the owner's loop, with calls that do not wait. A sink that is slow, stuck or gone costs lines,
//! which are counted and told, and never time.
//!
//! Must not know: what the lines say, who writes them.
//!
//! Invariants: nothing here waits, except [`Logs::flush_blocking`]; memory is the two rings; a line
//! is written whole, unless its connection breaks within it.

mod framing;
mod logs;
mod sink;
mod writer;

pub use framing::Framing;
pub use logs::{Error, Logs, Settings};
pub use writer::{OpenError, Writer};
