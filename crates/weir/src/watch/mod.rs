//! What a running Weir does, as the exporter and `weir top` show it.
//!
//! Must not know: how it is shown.
//!
//! * `source`: asks for metrics; `events`: listens to what happens; `inventory`: what is configured.
//! * `picture`: what two answers come to, rates among them.

mod events;
mod inventory;
mod picture;
mod source;

pub(crate) use events::{Recent, Seen, listen};
pub(crate) use inventory::{Certificate, Inventory, Listener};
pub(crate) use picture::{Cluster, Number, Picture, Traffic};
pub(crate) use source::Source;
