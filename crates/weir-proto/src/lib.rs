//! The control protocol: what clients, main and workers say to each other, and the state file.
//!
//! The messages are made of `proto/command.proto` (proto2, package `command`). This crate turns
//! them into bytes and back; it opens nothing, waits for nothing and knows no other crate.
//!
//! * [`frame`] cuts a stream of bytes into frames.
//! * [`blocking`] sends and receives messages where waiting is no harm: in the command line.
//! * [`state_file`] reads and writes the file of `save_state`: JSON, a record a request.
//!
//! What the `.proto` cannot say:
//!
//! * A decoder takes the default of a required field that is missing, and skips fields it does not
//!   know. An encoder always writes required fields.
//! * An enum is an `i32` here. A number that has no name is kept; the accessor of the field gives
//!   the default for it, `TryFrom<i32>` an error.
//! * Maps come sorted by key, so that equal messages are equal bytes. A value that is its default
//!   is left out of its entry, even when it is a message with required fields; of these only
//!   [`WorkerMetricDetailStatus`] is ever like that.
//! * An IPv4 address is a `fixed32` and an IPv6 address a [`Uint128`], both the address as one
//!   big-endian number; `From` and `TryFrom` of the types of `std::net` do this.
//! * A ULID is a [`Uint128`] with its halves exchanged: [`Uint128::from_ulid`].
//! * In JSON enums are numbers, the variant of a oneof is the one key of an object in capitals
//!   (`ADD_CLUSTER`), and what is absent is `null`. Lists and maps may be missing, required scalars
//!   may not.
//! * `Debug` hides private keys of certificates and secret fields of health checks, but not those
//!   that a listener carries itself: do not log listeners.

mod address;
pub mod blocking;
pub mod frame;
mod message;
mod pages;
pub mod state_file;

pub use address::AddressError;
pub use generated::*;

/// The schema of all messages, as a `FileDescriptorSet`: for readers in other languages.
pub const SCHEMA: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/command.bin"));

#[allow(missing_docs, reason = "names say what a field is; `command.proto` where they do not")]
#[allow(clippy::large_enum_variant, reason = "made in one place, moved a few times")]
mod generated {
    include!(concat!(env!("OUT_DIR"), "/command.rs"));
    include!(concat!(env!("OUT_DIR"), "/names.rs"));
}
