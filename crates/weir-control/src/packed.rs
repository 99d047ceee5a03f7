//! Values as bytes, without names of fields: what main and workers say to each other, what main
//! stores, what is hashed.
//!
//! Whoever reads them must have been built from the same source: nothing tells a reader that a
//! field was added. What outlives a binary is marked with [`FORMAT`].

use std::io;

use serde::Serialize;
use serde::de::DeserializeOwned;
use weir_base::Wiped;

/// The form of all that is packed. It changes whenever a type does that is stored.
pub const FORMAT: u32 = 7;

/// Room that is made at first, in bytes: most objects need less.
const USUAL: usize = 128;

/// The bytes of a value. It may be one with private keys.
///
/// # Errors
/// None that a type with known lengths and without custom serialization can cause.
pub fn pack(value: &impl Serialize) -> io::Result<Wiped> {
    postcard::to_extend(value, Wiped::with_capacity(USUAL)).map_err(io::Error::other)
}

/// The value of some bytes, all of them.
///
/// # Errors
/// `InvalidData` when they are none, or too many.
pub fn unpack<T: DeserializeOwned>(bytes: &[u8]) -> io::Result<T> {
    let invalid = |error| io::Error::new(io::ErrorKind::InvalidData, error);
    match postcard::take_from_bytes(bytes) {
        Ok((value, [])) => Ok(value),
        Ok(_) => Err(io::ErrorKind::InvalidData.into()),
        Err(error) => Err(invalid(error)),
    }
}
