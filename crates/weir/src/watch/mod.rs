//! What a running Weir does, as the exporter and `weir top` show it.
//!
//! Must not know: how it is shown.
//!
//! * `source`: asks for metrics; `inventory`: asks what is configured; `events`: listens.
//! * `picture`: what two answers come to, rates among them; `selection`: a part of it.
//! * `series`: all of one answer.

mod events;
mod inventory;
mod picture;
mod selection;
mod series;
mod source;

pub(crate) use events::{Recent, Seen, listen};
pub(crate) use inventory::{Certificate, Inventory, Listener};
pub(crate) use picture::{Cluster, Number, Picture, Traffic};
pub(crate) use selection::Wanted;
pub(crate) use series::{Series, buckets, each};
pub(crate) use source::Source;
