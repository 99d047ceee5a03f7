//! The routing table of a listener.

mod rule;

pub use rule::{PathRule, Position, Rule};
