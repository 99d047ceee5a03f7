//! Header compression, RFC 7541.
//!
//! * [`Decoder`], [`Encoder`]: one of each per connection. [`HpackError`]: what breaks a rule.
//! * `table`, `ring`: the fields that a connection remembers, and their bytes. `static_table`:
//!   those that every connection knows.
//! * `known`, `seen`, `hash`: where the encoder finds a field.
//! * `literal`, `integer`, `huffman`: how fields, numbers and strings are written. `words`: strings
//!   eight bytes at a time.
//!
//! Must not know: what fields mean, frames, clocks, randomness.
//!
//! Invariants: what is remembered is allocated once, when a connection begins, and never grows. The
//! work of a block is at most in proportion to its bytes, beside [`MOST_WRITTEN_OUT`]; nothing
//! depends on how an attacker's fields hash, since a search looks at a fixed number of places.

mod decoder;
mod encoder;
mod error;
mod hash;
mod huffman;
mod integer;
mod known;
mod literal;
mod ring;
mod seen;
mod static_table;
mod table;
mod words;

pub use decoder::{Decoder, MOST_STRING, MOST_WRITTEN_OUT};
pub use encoder::Encoder;
pub use error::{DecodeError, HpackError};

/// Bytes of a table before SETTINGS say otherwise (RFC 9113 §6.5.2).
const INITIAL_TABLE: usize = 4_096;

/// Bytes of scratch space that are kept from one block to the next; room for a longer field is
/// given back.
const KEPT: usize = 4_096;

#[cfg(test)]
mod tests;
