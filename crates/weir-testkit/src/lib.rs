//! What tests share: programs under test.
//!
//! For tests only: waits in vain panic.

pub mod process;
