//! What the proxy tells: log lines, access-log records, events, counters.
//!
//! Must not know: who emits, where lines go, what time it is. Everything is formatted in
//! own, fixed buffers; the instant, the process id and the tag are arguments.
//!
//! Invariants: a line is one line: whatever a peer sends, the only control bytes in it are the tab
//! behind the prefix and the newline at its end (and our own colours, when asked for). Every
//! structure here has a size that is fixed when it is made.

mod access;
mod audit;
mod counter;
mod escape;
mod event;
mod filter;
mod heaviest;
mod histogram;
mod line;
mod pen;
mod ring;
mod scope;
mod target;
mod time;

pub use access::{
    AccessFormat, AccessRecord, Protocol, TagList, Template, TemplateError, TlsDetails,
    TraceParent, Ulid,
};
pub use audit::{Actor, AuditRecord, Fanout};
pub use counter::{Counter, Counters, Gauge, Gauges, Time, Verb};
pub use event::{AcceptStop, Backend, Event};
pub use filter::{Filter, FilterError};
pub use heaviest::{Heaviest, Heavy, PLACES};
pub use histogram::{Coarse, Fine, Histogram};
pub use line::LineFormat;
pub use ring::Ring;
pub use scope::{SCOPED, Scope};
pub use target::{Target, TargetError};
pub use time::Stamp;
