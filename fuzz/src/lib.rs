//! What must hold for any bytes: one function per fuzz target. The tests of the fuzzed crates run
//! the same functions over the committed corpora.

pub mod h1;
pub mod h2;
pub mod l4;
pub mod h2_hpack;
pub mod proto;
