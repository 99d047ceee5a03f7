//! Header compression, RFC 7541.
//!
//! Must not know: what fields mean. Invariants: a table takes no more than its bound, whatever a
//! peer does; decoding costs in proportion to the bytes of a block and of what comes out of it,
//! and what comes out of one byte is at most one field of the table.

mod decoder;
mod encoder;
mod huffman;
mod integer;
mod static_table;
mod table;

pub use decoder::{DecodeError, Decoder, HpackError};
pub use encoder::Encoder;

#[cfg(test)]
mod tests;
