//! What tests share: programs under test, and what these use.
//!
//! For tests only: waits in vain panic.

pub mod corpus;
pub mod process;
pub mod resources;
pub mod tcp;
