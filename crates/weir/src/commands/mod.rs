//! One file per command: its arguments and what it does.

pub(crate) mod check;
pub(crate) mod demo;
pub(crate) mod schema;
pub(crate) mod start;
pub(crate) mod worker;
