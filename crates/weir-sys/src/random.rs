//! Randomness from the kernel.

use std::io;

use rustix::rand::{GetRandomFlags, getrandom};

/// Fills `bytes`.
///
/// # Errors
/// Of `getrandom(2)`.
pub fn fill(mut bytes: &mut [u8]) -> io::Result<()> {
    while !bytes.is_empty() {
        let n = getrandom(&mut *bytes, GetRandomFlags::empty())?;
        bytes = &mut bytes[n..];
    }
    Ok(())
}
